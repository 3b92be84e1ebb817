"""The table of complaints names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests" / "browser" / "complaints.md"


def test_every_test_named_exists():
    names = re.findall(r"`([\w./]*)(?:::(\w+))?`", TABLE.read_text())
    assert len(names) > 20
    file = ""
    for path, test in names:
        file = path or file
        found = (ROOT / file) if "/" in file else TABLE.parent / file
        assert found.is_file(), file
        assert not test or f"def {test}(" in found.read_text(), f"{file} has no {test}"
