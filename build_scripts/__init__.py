"""Everything that is not shipped: how the package and the pages are built, measured and trained.

One subpackage per task, run from the repository's root as ``python -m build_scripts.TASK.NAME``:

``package``
    The wheel, ``dist/``, the npm package, the compiled kernel, Pyodide's files.
``site``
    What the pages and documents show of the results: tables, charts, figures; the pages' sounds; a local server.
``evaluate``
    Quality on sets of mixes, the loss of clear speech, the oracle's ladder, mutation tests, the golden output.
``train``
    The network's training, from recordings to a model file.
``conformance``
    The web platform's own tests, with and without the script tag.
``bench``
    Time, memory, delay and bytes, compared with other suppressors.

``results/`` holds the measurements, which ``records.py`` writes; ``systems.py`` names the systems compared, and
``chromium.py`` starts the browser.
Modules import from other subpackages by full name, from their own by relative name. ``.github/ARCHITECTURE.md`` follows
a sample through the product itself.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The repository."""
RESULTS = ROOT / "build_scripts" / "results"
"""Records of what was measured: committed, and the source of every figure in the documents and on the pages."""
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "percepnet-wasm"
"""Downloads, and whatever else need not be made again; outside the repository."""
