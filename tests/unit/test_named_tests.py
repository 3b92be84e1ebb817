"""Lists of what is tested where name tests that exist."""

import re

import pytest

from build_scripts import ROOT

BROWSER = ROOT / "tests" / "browser"

NAMED = re.compile(r"(test_\w+\.py)?::(test_\w+)|(test_\w+\.py)")
"""``file::test``, ``::another`` of the same file, or a file alone."""


@pytest.mark.parametrize("document", ["complaints.md", "test_faults.py"])
def test_every_test_that_is_named_exists(document: str) -> None:
    text = (BROWSER / document).read_text()
    if document.endswith(".py"):
        text = text.split('"""')[1]
    file, found = "", 0
    for own, test, alone in NAMED.findall(text):
        file = own or alone or file
        tests = (BROWSER / file).read_text()
        assert not test or f"\ndef {test}(" in tests, f"{document}: {file} has no {test}"
        found += bool(test)
    assert found > 10, "the names are written in another way: nothing was tested"
