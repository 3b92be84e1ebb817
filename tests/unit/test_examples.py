"""The docstrings' examples do what they say, and the README's is one that is type-checked."""

import doctest
import importlib
import re

import pytest

from build_scripts import ROOT


@pytest.mark.parametrize("module", ["enhancer", "offline", "stream", "threads"])
def test_docstring_examples_are_true(module):
    pytest.importorskip("soundfile")
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testmod(importlib.import_module(f"percepnet_wasm.{module}"), optionflags=flags)
    assert result.attempted >= 3 and not result.failed


def test_the_readmes_ten_lines_are_those_that_are_type_checked():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    snippet = re.search(r"```js\n(import .*?)```", readme, re.DOTALL)
    assert snippet and (ROOT / "tests/clients/readme.check.js").read_text(encoding="utf-8").endswith(snippet[1])
