"""Assemble the npm packages: ``build/npm`` and ``build/npm-lite``, folders for ``npm pack`` or ``npm publish``.

::

    package.json     from worklet/, with adjusted paths, the Python package's version, and no development fields
    worklet/         as in dist/
    worklet/types/   their declarations, by tsc
    runtime/         what the enhancer's worker loads, as in dist/
    service-worker.js  for hosts without headers and visits without a network
    copy.mjs         the command `npx percepnet-wasm copy`, which puts these folders where a web server finds them
    README.md, DEPLOY.md, LICENSE, MODEL_CARD.md

``runtime/`` is next to ``worklet/``, where the modules look for it by default.

``percepnet-wasm-lite`` is the same without Python: its ``runtime/`` has only the kernels and the default tier's program
image, its modules run that on the audio thread by default and come without those that the build has bundled into
others, and its README.md is ``worklet/LITE.md``.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from posixpath import normpath
from typing import Any

import percepnet_wasm
from build_scripts import ROOT
from percepnet_wasm.model_file import DEFAULT_TIER

from .integrity import SERVICE_WORKER, filled, sealed
from .repository import repository

WORKLET = ROOT / "worklet"
COPY = ROOT / "build_scripts" / "package" / "copy.mjs"
DEVELOPMENT = ("scripts", "devDependencies")
"""Fields of ``worklet/package.json`` that only this repository needs."""


LITE = {
    "name": "percepnet-wasm-lite",
    "description": "PercepNet speech enhancement for WebRTC in 2 MB: a microphone track in, a clean track out",
    "license": "(MIT AND CC-BY-SA-4.0)",
}
"""Fields that differ in the package without Python."""

IMPORTED = re.compile(r"^(?:import .*|\}) from '(\.[^']+)';$", re.MULTILINE)
"""A module's imports of other files."""


def npm_run(script: str, *arguments: str) -> str:
    """Run a script of ``worklet/package.json``; its output."""
    command = ["npm", "run", "--silent", "--no-update-notifier", script, "--", *arguments]
    done = subprocess.run(command, cwd=WORKLET, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"npm run {script} failed in {WORKLET} (npm ci comes first)\n{done.stdout}{done.stderr}")
    return done.stdout


def moved(paths: Any) -> Any:
    """Prefix every path with the modules' folder; ``package.json`` itself stays where npm expects it."""
    if isinstance(paths, dict):
        return {key: moved(value) for key, value in paths.items()}
    if isinstance(paths, list):
        return [moved(path) for path in paths]
    return paths if paths == "./package.json" else f"./worklet/{paths.removeprefix('./')}"


def manifest(source: dict[str, Any], lite: bool = False) -> dict[str, Any]:
    """Turn ``worklet/package.json`` into a published one."""
    fields = {name: value for name, value in source.items() if name not in DEVELOPMENT} | (LITE if lite else {})
    fields["version"] = percepnet_wasm.__version__
    fields["exports"] = moved(fields["exports"]) | {
        f"./{name}": f"./{name}" for name in ("runtime/*", "worklet/*", SERVICE_WORKER)
    }
    fields["sideEffects"] = moved(fields["sideEffects"])
    fields["bin"] = {fields["name"]: f"./{COPY.name}"}
    if address := repository():
        fields |= {
            "homepage": address,
            "repository": {"type": "git", "url": f"git+{address}.git", "directory": WORKLET.name},
            "bugs": f"{address}/issues",
        }
    return fields


def needed_modules(plan: dict[str, bytes]) -> set[str]:
    """Find the modules that applications import or a page loads, and those that they import.

    The others are parts of the ones that the build has bundled.
    """
    fields = json.loads((WORKLET / "package.json").read_text())
    paths = [entry["default"] if isinstance(entry, dict) else entry for entry in fields["exports"].values()]
    patterns = [f"worklet/{path.removeprefix('./')}" for path in [*paths, *fields["sideEffects"]]]
    waiting = [name for name in plan if any(fnmatch(name, pattern) for pattern in patterns)]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            imported = IMPORTED.findall(plan[name].decode())
            waiting += [normpath(f"{Path(name).parent.as_posix()}/{path}") for path in imported]
    return found


def without_python(plan: dict[str, bytes]) -> dict[str, bytes]:
    """Cut the files of the full package, path to content, down to what runs without Python."""
    tier = json.loads(plan["runtime/models.json"])[DEFAULT_TIER]
    kept = {f"runtime/{tier['image']['file']}", "runtime/models.json"}
    kept |= {name for name in plan if name.startswith("runtime/kernel/")}
    kept |= {name for name in plan if not name.startswith(("runtime/", "worklet/"))} | needed_modules(plan)
    lite = {name: plan[name] for name in sorted(kept)}
    lite["runtime/models.json"] = json.dumps({DEFAULT_TIER: tier}, indent=1).encode()
    for name, data in lite.items():  # options.js, and scripts that it was bundled into
        if name.endswith(".js") and b"const DEFAULT_ENGINE = " in data:
            lite[name] = filled(data, "DEFAULT_ENGINE", "worklet")
    return lite


def build(site: Path, out: Path, lite: bool = False) -> None:
    """Write a package's folder from a built site.

    Parameters
    ----------
    site : Path
        What :mod:`build_scripts.package.build_dist` wrote.
    out : Path
        Replaced, if it is a folder that this function wrote before.
    lite : bool
        Without Python.

    Raises
    ------
    ValueError
        ``site`` is not built, or ``out`` is a folder of another kind.
    RuntimeError
        npm or one of its packages failed.
    """
    if not (site / "runtime" / "pyodide-lock.json").is_file():
        raise ValueError(f"{site} is not a built site: run python -m build_scripts.package.build_dist first")
    if out.exists() and not (out / "package.json").is_file():
        raise ValueError(f"{out} has files that this script did not write: pass another folder to --out")
    out = out.resolve()  # npm's scripts run in another folder
    shutil.rmtree(out, ignore_errors=True)
    parts = [path for part in ("worklet", "runtime") for path in (site / part).rglob("*") if path.is_file()]
    plan = {path.relative_to(site).as_posix(): path.read_bytes() for path in [*parts, site / SERVICE_WORKER]}
    for name, data in sealed(without_python(plan) if lite else plan).items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(data)
    npm_run("types", "--outDir", str(out / "worklet" / "types"))
    # The card states the weights' licence.
    for path in [WORKLET / "DEPLOY.md", COPY, ROOT / "LICENSE", ROOT / "percepnet_wasm" / "MODEL_CARD.md"]:
        shutil.copy(path, out)
    shutil.copy(WORKLET / ("LITE.md" if lite else "README.md"), out / "README.md")
    fields = manifest(json.loads((WORKLET / "package.json").read_text()), lite)
    (out / "package.json").write_text(json.dumps(fields, indent=2) + "\n")


def main() -> int:
    """Build the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=ROOT / "dist", help="the built site (default: dist)")
    parser.add_argument("--lite", action="store_true", help="the package without Python")
    parser.add_argument("--out", type=Path, help="folder to write (default: build/npm or build/npm-lite)")
    arguments = parser.parse_args()
    out = arguments.out or ROOT / "build" / ("npm-lite" if arguments.lite else "npm")
    try:
        build(arguments.site, out, arguments.lite)
    except (RuntimeError, ValueError) as error:
        print(f"build_npm: {error}", file=sys.stderr)
        return 1
    print(f"{out}: {percepnet_wasm.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
