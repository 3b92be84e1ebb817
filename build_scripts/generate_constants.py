"""Write ``worklet/constants.js`` from the Python package: one source for the numbers both languages need.

The file is committed, so that the worklet can be read, bundled and type-checked without Python; a unit test
(``tests/unit/test_packaging.py``) fails when it is stale.
"""

import argparse
import importlib
import json
import re
import sys
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "worklet" / "constants.js"

HEADER = """\
/**
 * The enhancer's numbers. Generated from percepnet_wasm/constants.py by build_scripts/generate_constants.py:
 * change them there.
 */
"""


def numbers(module: ModuleType) -> dict[str, int | float]:
    """Collect a module's public numeric constants (upper-case names), in the order of their definition."""
    return {
        name: value
        for name, value in vars(module).items()
        if name.isupper()
        and not name.startswith("_")
        and isinstance(value, (int, float))
        and not isinstance(value, bool)
    }


def descriptions(source: str) -> dict[str, str]:
    """Find the docstring that follows each assignment ``NAME = ...``; several names share theirs."""
    found = {}
    for names, text in re.findall(r'^([A-Z][A-Z0-9_, ]*) = [^\n]*\n"""(.*?)"""', source, re.MULTILINE | re.DOTALL):
        for name in names.split(","):
            found[name.strip()] = " ".join(text.split())
    return found


def render() -> str:
    """Return the text of ``constants.js``.

    Returns
    -------
    str
        An ES module with one exported, documented constant for each public number of
        ``percepnet_wasm.constants``, and ``BANDS``, the number of bands, from ``percepnet_wasm.bands``.
    """
    module = importlib.import_module("percepnet_wasm.constants")
    values = numbers(module)
    if module.__file__ is None:
        raise RuntimeError("percepnet_wasm.constants has no source file: run from a checkout")
    texts = descriptions(Path(module.__file__).read_text(encoding="utf-8"))
    if "BANDS" not in values:
        values["BANDS"] = int(importlib.import_module("percepnet_wasm.bands").BANDS)
        texts["BANDS"] = "Bands of the spectral envelope: gains and strengths a frame."
    values_js = [
        f"\n/** {texts.get(name, name)} */\nexport const {name} = {json.dumps(value)};\n"
        for name, value in values.items()
    ]
    return HEADER + "".join(values_js)


def main() -> int:
    """Write the file, or with ``--check`` only say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file is stale")
    arguments = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    text = render()
    if TARGET.exists() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    if arguments.check:
        print(f"{TARGET.relative_to(ROOT)} is stale: run python build_scripts/generate_constants.py", file=sys.stderr)
        return 1
    TARGET.write_text(text, encoding="utf-8")
    print(f"wrote {TARGET.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
