"""The docstrings' examples do what they say."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("module", ["enhancer", "offline", "stream", "threads"])
def test_docstring_examples_are_true(module):
    pytest.importorskip("soundfile")
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    result = doctest.testmod(importlib.import_module(f"percepnet_wasm.{module}"), optionflags=flags)
    assert result.attempted >= 3 and not result.failed
