"""Write ``worklet/constants.js`` from the Python package: one source for the constants that both languages need.

The file is committed so that the worklet can be read, bundled and type-checked without Python; a unit test
(``tests/unit/test_packaging.py``) fails when it is stale.
"""

import argparse
import json
import re
import sys
import textwrap
from pathlib import Path

from build_scripts import ROOT
from percepnet_wasm import constants
from percepnet_wasm.model_file import DEFAULT_TIER
from percepnet_wasm.signal import bands

COMMAND = "python -m build_scripts.package.generate_constants"
TARGET = ROOT / "worklet" / "constants.js"

HEADER = """\
/**
 * The enhancer's constants. Generated from percepnet_wasm/constants.py and model_file.py by
 * build_scripts/package/generate_constants.py: change them there.
 */
"""


NAMES = ("SAMPLE_RATE", "HOP", "DELAY", "LAG_MIN", "LAG_MAX", "VOICED", "ATTENUATION_LIMIT_DB", "DEFAULT_DEPTH")
"""The constants of ``percepnet_wasm.constants`` that JavaScript reads; BAND_TIPS_HZ is computed."""


def descriptions(source: str) -> dict[str, str]:
    """Find the docstring that follows each assignment ``NAME = ...``; several names share theirs."""
    found = {}
    for names, text in re.findall(r'^([A-Z][A-Z0-9_, ]*) = [^\n]*\n"""(.*?)"""', source, re.MULTILINE | re.DOTALL):
        for name in names.split(","):
            found[name.strip()] = " ".join(text.split())
    return found


def literal(value: float | str | list[int]) -> str:
    """Write a number or a text, or several numbers over as many lines as they need, in JavaScript."""
    if isinstance(value, str):
        return f"'{value}'"
    if not isinstance(value, list):
        return json.dumps(value)
    return "[\n" + textwrap.fill(", ".join(map(str, value)), 118, initial_indent="  ", subsequent_indent="  ") + ",\n]"


def render() -> str:
    """Return the text of ``constants.js``.

    Returns
    -------
    str
        An ES module that exports the constants in NAMES, ``BAND_TIPS_HZ`` and ``DEFAULT_TIER``, each with its
        documentation.
    """
    texts = descriptions(Path(str(constants.__file__)).read_text(encoding="utf-8"))
    values = {name: getattr(constants, name) for name in NAMES}
    values["BAND_TIPS_HZ"] = [round(tip * bands.BIN_HZ) for tip in bands.edges()[1:]]
    texts["BAND_TIPS_HZ"] = "Where each band's gain holds alone; between two tips both share. About one ERB apart."
    values["DEFAULT_TIER"], texts["DEFAULT_TIER"] = DEFAULT_TIER, "The tier that runs unless another is asked for."
    values_js = [
        f"\n/** {texts.get(name, name)} */\nexport const {name} = {literal(value)};\n" for name, value in values.items()
    ]
    return HEADER + "".join(values_js)


def main() -> int:
    """Write the file, or with ``--check`` only say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file is stale")
    arguments = parser.parse_args()
    text = render()
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    if arguments.check:
        print(f"{TARGET.relative_to(ROOT)} is stale: run {COMMAND}", file=sys.stderr)
        return 1
    TARGET.write_text(text, encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
