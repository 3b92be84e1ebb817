"""The classic script bundled from the drop-in's modules does what they do."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from build_scripts import ROOT
from build_scripts.package.build_dist import ONE_FILE
from build_scripts.package.bundle import bundle, bundle_module

MODULES = {
    "entry.js": """/** What it is. import { nothing } from './nowhere.js'; */
import { one, two as second, Thing } from './a.js';
import {
  shared,
} from './shared.js';

// export const commented = 1;
shared.push('entry');
globalThis.result = { one, second, thing: new Thing().name, shared, address: new URL('x.js', import.meta.url).href,
  folder: import.meta.url.replace(/[^/]*$/, ''), };
""",
    "a.js": """import { shared } from './shared.js';

shared.push('a');
const hidden = 1; /** @type {import('./shared.js').Type} */
export const one = hidden;
export function two() {
  return 2;
}
class Thing {
  name = 'thing';
}
export { Thing };
""",
    "shared.js": "const hidden = [];\nexport const shared = hidden;\n",
}


def node() -> str:
    """Node's path; the test is skipped without it."""
    path = shutil.which("node")
    if path is None:
        pytest.skip("needs Node")
    return path


def run(script: str) -> dict[str, object]:
    """Run a classic script as a page would that loaded it from an address."""
    page = "globalThis.document = { currentScript: { src: 'https://host/folder/entry.js' } };\n"
    done = subprocess.run(
        [node(), "--input-type=commonjs"],
        input=f"{page}{script}\nconsole.log(JSON.stringify(result, (_, value) => value?.name ?? value));",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_modules_run_once_each_in_the_order_of_their_imports() -> None:
    assert run(bundle("entry.js", MODULES.__getitem__)) == {
        "one": 1,
        "second": "two",
        "thing": "thing",
        "shared": ["a", "entry"],
        "address": "https://host/folder/x.js",
        "folder": "https://host/folder/",
    }


@pytest.mark.parametrize(
    "text",
    [
        "import './effect.js';\n",
        "import all from './shared.js';\n",
        "import * as all from './shared.js';\n",
        "import { x } from 'package';\n",
        "export default 1;\n",
        "export let x = 1;\n",
        "export * from './shared.js';\n",
        "const later = () => import('./shared.js');\n",
    ],
)
def test_what_is_not_understood_is_an_error_that_names_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"entry\.js: not understood"):
        bundle("entry.js", (MODULES | {"entry.js": text}).__getitem__)


def test_a_circle_is_an_error_that_shows_it() -> None:
    circle = {"a.js": "import { b } from './b.js';\n", "b.js": "import { a } from './a.js';\n"}
    with pytest.raises(ValueError, match=r"a\.js imports b\.js imports a\.js"):
        bundle("a.js", circle.__getitem__)


def test_a_module_keeps_its_exports_and_its_address(tmp_path: Path) -> None:
    entry = MODULES["entry.js"] + "export const name = 'entry';\nexport { Thing, shared };\n"
    (tmp_path / "entry.mjs").write_text(bundle_module("entry.js", (MODULES | {"entry.js": entry}).__getitem__))
    (tmp_path / "main.mjs").write_text(
        "import * as all from './entry.mjs';\n"
        "console.log(JSON.stringify([Object.keys(all), all.shared, result.address]));\n"
    )
    done = subprocess.run([node(), str(tmp_path / "main.mjs")], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [["Thing", "name", "shared"], ["a", "entry"], (tmp_path / "x.js").as_uri()]


def test_an_import_of_an_address_known_at_run_time_is_left_as_it_is() -> None:
    text = "globalThis.result = { later: import(/* note */ new URL('data:text/javascript,')).then.name };\n"
    assert run(bundle("entry.js", {"entry.js": text}.__getitem__)) == {"later": "then"}


@pytest.mark.parametrize(("name", "bundled"), ONE_FILE.items())
def test_our_own_modules_can_be_bundled(name: str, bundled: Callable[..., str], tmp_path: Path) -> None:
    """The result is a classic script or a module, by Node's own parser."""
    script = bundled(name, lambda module: (ROOT / "worklet" / module).read_text())
    file = tmp_path / ("script.mjs" if bundled is bundle_module else "script.cjs")
    assert bundled is bundle_module or "import.meta" not in script
    file.write_text(script)
    subprocess.run([node(), "--check", str(file)], check=True)
