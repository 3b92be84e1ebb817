"""The classic script bundled from the drop-in's modules does what they do."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from build_scripts import ROOT
from build_scripts.package.build_dist import ONE_FILE
from build_scripts.package.bundle import bundle

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


def run(script: str) -> dict[str, object]:
    """Run a classic script as a page would that loaded it from an address."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node")
    page = "globalThis.document = { currentScript: { src: 'https://host/folder/entry.js' } };\n"
    done = subprocess.run(
        [node, "--input-type=commonjs"],
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


@pytest.mark.parametrize("name", ONE_FILE)
def test_our_own_modules_can_be_bundled(name: str, tmp_path: Path) -> None:
    """The result is a classic script, by Node's own parser."""
    script = bundle(name, lambda module: (ROOT / "worklet" / module).read_text())
    assert "import.meta" not in script
    (tmp_path / "script.cjs").write_text(script)
    node = shutil.which("node")
    if node:
        subprocess.run([node, "--check", str(tmp_path / "script.cjs")], check=True)
