"""The hashes that a site's workers check are those of its files, and change with them."""

import base64
import hashlib
import json
import re

import pytest

from build_scripts.package.integrity import filled, integrity, sealed

PLAN = {
    "index.html": b"<title>page</title>",
    "runtime/core.wasm": b"core",
    "worklet/hashes.js": b"export const HASHES = /** @type {Record<string, string>} */ ({});\n",
    "worklet/drop-in.js": b"{\nconst HASHES = /** @type {Record<string, string>} */ ({});\n}\n",
    "service-worker.js": b"  const FILES = /** @type {Record<string, string>} */ ({});\n  const VERSION = '';\n",
}


def table(source: bytes, name: str) -> dict[str, str]:
    """The value of a constant."""
    (text,) = re.findall(rf"const {name} = /\*\*.*?\*/ \((.*?)\);", source.decode(), re.DOTALL)
    return json.loads(text)


def test_a_hash_is_what_browsers_take():
    assert integrity(b"core") == "sha256-" + base64.b64encode(hashlib.sha256(b"core").digest()).decode()


def test_every_file_has_its_hash_and_the_tables_themselves_too():
    plan = sealed(PLAN)
    assert table(plan["worklet/hashes.js"], "HASHES") == {"core.wasm": integrity(b"core")}
    assert table(plan["worklet/drop-in.js"], "HASHES") == {"core.wasm": integrity(b"core")}
    assert table(plan["service-worker.js"], "FILES") == {
        name: integrity(data) for name, data in plan.items() if name != "service-worker.js"
    }


def test_filling_twice_is_filling_once_and_a_changed_file_makes_another_version():
    plan = sealed(PLAN)
    assert sealed(plan) == plan
    changed = sealed(plan | {"index.html": b"<title>other</title>"})
    assert changed["worklet/hashes.js"] == plan["worklet/hashes.js"]
    versions = [re.search(rb"VERSION = \(\"(\w{16})\"\)", each["service-worker.js"]) for each in (plan, changed)]
    assert None not in versions and versions[0][1] != versions[1][1]


def test_a_missing_table_is_reported():
    with pytest.raises(ValueError, match="0 constants FILES"):
        filled(b"const OTHER = 1;", "FILES", {})
