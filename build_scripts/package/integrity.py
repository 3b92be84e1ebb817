"""Write the hashes of a site's files into the two that check them: the enhancer's worker and the service worker.

The sources have empty tables: files served straight from the repository change during development and are not checked.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping

RUNTIME_TABLE = "worklet/hashes.js"
"""Hashes of ``runtime/``, for the worker that loads it."""

SERVICE_WORKER = "service-worker.js"
"""Hashes of all files in the folder that are kept for use offline."""


def integrity(data: bytes) -> str:
    """Return the hash of a file in the form that browsers use: ``sha256-`` and base64."""
    return "sha256-" + base64.b64encode(hashlib.sha256(data).digest()).decode()


def filled(source: bytes, name: str, value: object) -> bytes:
    """Give the JavaScript constant ``name`` a value, in JSON; its JSDoc cast is kept.

    Raises
    ------
    ValueError
        ``source`` has no such constant, or more than one.
    """
    pattern = re.compile(rf"^( *(?:export )?const {name} = (?:/\*\*.*?\*/ )?).*?;$", re.MULTILINE | re.DOTALL)
    text, count = pattern.subn(lambda found: f"{found[1]}({json.dumps(value, indent=1)});", source.decode())
    if count != 1:
        raise ValueError(f"found {count} constants {name} to fill in, expected 1")
    return text.encode()


def with_runtime(table: bytes, plan: Mapping[str, bytes]) -> bytes:
    """Fill ``worklet/hashes.js`` with the hashes of the files of ``plan`` below ``runtime/``."""
    names = sorted(name for name in plan if name.startswith("runtime/"))
    return filled(table, "HASHES", {name.removeprefix("runtime/"): integrity(plan[name]) for name in names})


def sealed(plan: Mapping[str, bytes]) -> dict[str, bytes]:
    """Fill in the tables of a site's files.

    Parameters
    ----------
    plan : mapping of str to bytes
        Path to content; tables that have been filled before are filled again.
    """
    plan = dict(plan)
    for name, data in plan.items():  # hashes.js, and scripts that it was bundled into
        if name == RUNTIME_TABLE or (name.startswith("worklet/") and b"const HASHES = " in data):
            plan[name] = with_runtime(data, plan)
    files = {name: integrity(data) for name, data in sorted(plan.items()) if name != SERVICE_WORKER}
    version = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    plan[SERVICE_WORKER] = filled(filled(plan[SERVICE_WORKER], "FILES", files), "VERSION", version)
    return plan
