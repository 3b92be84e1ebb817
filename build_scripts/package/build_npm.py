"""Assemble the npm package: ``build/npm``, a folder for ``npm pack`` or ``npm publish``.

::

    package.json     of worklet/, its paths moved, the version that of the Python package, nothing for development
    worklet/         as in dist/
    worklet/types/   their declarations, by tsc
    runtime/         what the enhancer's worker loads, as in dist/
    service-worker.js  for hosts without headers and visits without a network
    copy.mjs         the command `npx percepnet-wasm copy`, which puts these folders where a web server finds them
    README.md, DEPLOY.md, LICENSE, MODEL_CARD.md

``runtime/`` lies beside ``worklet/``, where the modules look for it unless told otherwise.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import percepnet_wasm
from build_scripts import ROOT

from .integrity import SERVICE_WORKER, sealed
from .repository import repository

WORKLET = ROOT / "worklet"
COPY = ROOT / "build_scripts" / "package" / "copy.mjs"
DEVELOPMENT = ("scripts", "devDependencies")
"""Fields of ``worklet/package.json`` that only this repository needs."""


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


def manifest(source: dict[str, Any]) -> dict[str, Any]:
    """Turn ``worklet/package.json`` into the published one."""
    fields = {name: value for name, value in source.items() if name not in DEVELOPMENT}
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


def build(site: Path, out: Path) -> None:
    """Write the package's folder from a built site.

    Parameters
    ----------
    site : Path
        What :mod:`build_scripts.package.build_dist` wrote.
    out : Path
        Replaced, if it is a folder that this function wrote before.

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
    shutil.copytree(site / "worklet", out / "worklet")
    shutil.copytree(site / "runtime", out / "runtime")
    shutil.copy(site / SERVICE_WORKER, out)
    plan = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for name, data in sealed(plan).items():
        (out / name).write_bytes(data)
    npm_run("types", "--outDir", str(out / "worklet" / "types"))
    # The card states the weights' licence.
    ours = [WORKLET / "README.md", WORKLET / "DEPLOY.md", COPY]
    for path in [*ours, ROOT / "LICENSE", ROOT / "percepnet_wasm" / "MODEL_CARD.md"]:
        shutil.copy(path, out)
    fields = manifest(json.loads((WORKLET / "package.json").read_text()))
    (out / "package.json").write_text(json.dumps(fields, indent=2) + "\n")


def main() -> int:
    """Build the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--site", type=Path, default=ROOT / "dist", help="the built site (default: dist)")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "npm", help="folder to write (default: build/npm)")
    arguments = parser.parse_args()
    try:
        build(arguments.site, arguments.out)
    except (RuntimeError, ValueError) as error:
        print(f"build_npm: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.out}: {percepnet_wasm.__version__}; next: npm pack ./{arguments.out.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
