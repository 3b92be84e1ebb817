"""Assemble ``dist/``: a static folder that runs the enhancer in a browser with no request to any other host.

::

    dist/                 the page (web/)
    dist/worklet/         the drop-in module, audio worklet and worker
    dist/runtime/         Pyodide's core and NumPy's wheel (slimmer than the official ones: see runtime_wheels.py),
                          our wheel without kernels and weights, a lock file that lists only these; sizes.json, what
                          a start loads; models.json and models/: each tier's weights and program image; kernel/: the
                          compiled kernels, which run images and speed up Python; NOTICE.txt, whose work this is
    dist/clips/           synthetic speech in generated noise, for the benchmarks, and noise for the article
    dist/pictures/        spectrograms of typical and worst files, for the numbers page

Only what has changed is built or copied. ``--test`` also writes ``build/dist-test``: the same runtime in a flat folder,
as pytest-pyodide wants it, with micropip and the wheels of its test helpers.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from email.parser import Parser
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from build_scripts import ROOT
from build_scripts.site import make_clip
from build_scripts.site.charts import bands_rule
from build_scripts.site.fill_pages import fill_pages, picture_files
from percepnet_wasm.kernel.image import image
from percepnet_wasm.model_file import DEFAULT_TIER, Model
from percepnet_wasm.signal.bands import edges

from .bundle import bundle, bundle_module
from .integrity import sealed
from .pyodide_files import LOCK, FetchError, fetch_runtime, fetch_test_wheels, load_pin, sha256, write_atomically
from .runtime_wheels import page_wheel, slim

BUILD = ROOT / "build"

PACKAGES = ("numpy",)
"""Official packages in the page's runtime."""

LIBRARY = "python_stdlib.zip"
"""Python's standard library in the runtime's core."""

TEST_PACKAGES = ("micropip", "packaging")
"""Official packages that only the tests use. Always fetched: they are small and in the same archive as NumPy."""


DEVELOPMENT = {"node_modules", "test", "__pycache__"}
"""Folders among the page's files that do not belong to the page."""

ONE_FILE = {
    "drop-in.js": bundle,
    "processor.js": bundle,
    "worker.js": bundle,
    "runner-worker.js": bundle,
    "percepnet.js": bundle_module,
}
"""Modules that are served with all that they import: a page waits for one file, not for three to six in a row."""


def digest_of(paths: Iterable[Path]) -> str:
    """Return one SHA-256 over the names and contents of files."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(ROOT)}\0{sha256(path.read_bytes())}\n".encode())
    return digest.hexdigest()


def is_current(stamp: Path, inputs: str, product: Path | None) -> bool:
    """Say whether ``product`` exists and was made from ``inputs``, as ``stamp`` recorded."""
    return product is not None and product.is_file() and stamp.is_file() and stamp.read_text() == inputs


def build_wheel(folder: Path = BUILD / "wheel") -> Path:
    """Build our wheel, the only one in ``folder``, unless it is already there and was made from the same sources.

    It is pure Python, so ``python -m build`` makes the same wheel as ``pyodide build``, and does so offline.
    """
    sources = [ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE"]
    sources += [path for path in (ROOT / "percepnet_wasm").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    inputs, stamp = digest_of(sources), folder / "inputs.sha256"
    if is_current(stamp, inputs, next(folder.glob("*.whl"), None)):
        return next(folder.glob("*.whl"))
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"the wheel could not be built; that needs the packages build and hatchling (pip install '.[demo]')\n"
            f"{done.stdout}{done.stderr}"
        )
    stamp.write_text(inputs)
    return next(folder.glob("*.whl"))


def build_clips() -> list[Path]:
    """Make the pages' recordings, unless ones made by the same program are already there.

    Returns
    -------
    list of Path
        ``noisy.wav``; and the noise under its first two sentences, ``room.wav``.
    """
    folder = BUILD / "clips"
    stamp, clips = folder / "inputs.sha256", [folder / f"{name}.wav" for name in ("noisy", "room")]
    inputs = digest_of([Path(make_clip.__file__), Path(__file__)])
    if not all(is_current(stamp, inputs, clip) for clip in clips):
        folder.mkdir(parents=True, exist_ok=True)
        clip = make_clip.make_clip()
        start = clip.beginning(sentences=2)
        for path, signal in zip(clips, (clip.noisy, clip.noise[:start]), strict=True):
            make_clip.write_wav(path, signal)
        stamp.write_text(inputs)
    return clips


def wheel_entry(wheel: Path) -> dict[str, Any]:
    """Describe a pure-Python wheel in the format of ``pyodide-lock.json``.

    Dependencies are the required ones (no extras, no environment markers), by name: the lock knows one version of each.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        fields = Parser().parsestr(archive.read(metadata).decode())
    modules = {name.split("/")[0] for name in names if name.endswith("/__init__.py") and name.count("/") == 1}
    requirements = [Requirement(text) for text in fields.get_all("Requires-Dist", [])]
    return {
        "depends": sorted(canonicalize_name(each.name) for each in requirements if not each.marker),
        "file_name": wheel.name,
        "imports": sorted(modules),
        "install_dir": "site",
        "name": canonicalize_name(fields["Name"]),
        "package_type": "package",
        "sha256": sha256(wheel.read_bytes()),
        "unvendored_tests": False,
        "version": str(fields["Version"]),
    }


def trim_lock(official: Mapping[str, Any], packages: Iterable[str], wheels: Iterable[Path]) -> dict[str, Any]:
    """Cut the official lock down to ``packages`` and add ``wheels``.

    ``info`` is kept whole: without ``info.version`` Pyodide does not start, and under Node it hangs silently.
    """
    entries = {name: official["packages"][name] for name in packages}
    for wheel in wheels:
        entry = wheel_entry(wheel)
        entries[entry["name"]] = entry
    unknown = {need for entry in entries.values() for need in entry["depends"]} - set(entries)
    if unknown:
        raise ValueError(f"the lock would lack {', '.join(sorted(unknown))}, which packages in it depend on")
    return {"info": official["info"], "packages": entries}


def runtime_plan(
    packages: tuple[str, ...], wheels: list[Path], files: Mapping[str, Path], lock: Mapping[str, Any]
) -> dict[str, bytes]:
    """List the files of a runtime folder: file name to content."""
    others = {entry["file_name"] for name, entry in lock["packages"].items() if name not in packages}
    plan = {name: path.read_bytes() for name, path in files.items() if name not in others}
    plan |= {wheel.name: wheel.read_bytes() for wheel in wheels}
    plan[LOCK] = json.dumps(trim_lock(lock, packages, wheels)).encode()
    return plan


def notice(lock: Mapping[str, Any]) -> bytes:
    """State whose work the runtime contains, under which licences, and where the source is."""
    text = Path(__file__).with_name("NOTICE.txt").read_text(encoding="utf-8")
    return text.format(pyodide=load_pin()["version"], numpy=lock["packages"]["numpy"]["version"]).encode()


def python_version(lock: Mapping[str, Any]) -> str:
    """``major.minor`` of the runtime's Python."""
    return ".".join(lock["info"]["python"].split(".")[:2])


def slim_wheel(wheel: Path) -> Path:
    """Our wheel as a page needs it."""
    slimmer = BUILD / "slim" / wheel.name
    slimmer.parent.mkdir(parents=True, exist_ok=True)
    slimmer.write_bytes(page_wheel(wheel.read_bytes()))
    return slimmer


def slim_runtime(files: Mapping[str, Path], lock: Mapping[str, Any]) -> tuple[dict[str, Path], dict[str, Any]]:
    """The verified official files and their lock, with NumPy and the standard library made slimmer for pages."""
    entry = lock["packages"]["numpy"]
    numpy_wheel, library = slim(files[entry["file_name"]], files[LIBRARY], python_version(lock), BUILD / "slim")
    packages = lock["packages"] | {"numpy": entry | {"sha256": sha256(numpy_wheel.read_bytes())}}
    return {**files, entry["file_name"]: numpy_wheel, LIBRARY: library}, {**lock, "packages": packages}


def models_plan() -> dict[str, bytes]:
    """List the models for a page to choose from, and ``models.json``, which describes them by tier.

    Each is there twice: as the file that Python reads, and as the image that the kernel runs without Python.
    """
    models: dict[str, dict[str, Any]] = {}
    plan: dict[str, bytes] = {}
    for path in sorted((ROOT / "percepnet_wasm" / "models").glob("*.pnw")):
        model = Model.load(path)
        name, data = f"models/{path.name}", path.read_bytes()
        compiled, program = f"models/{path.stem}.pni", image(model)
        models[model.tier] = {
            "file": name,
            "bytes": len(data),
            "sha256": sha256(data),
            "weights": model.weights,
            "default": model.tier == DEFAULT_TIER,
            "image": {"file": compiled, "bytes": len(program), "sha256": sha256(program)},
        }
        plan |= {name: data, compiled: program}
    return plan | {"models.json": json.dumps(models, indent=1).encode()}


def kernels_plan() -> dict[str, bytes]:
    """List the compiled kernels, for pages that run images without Python."""
    folder = ROOT / "percepnet_wasm" / "kernel"
    return {f"kernel/{path.name}": path.read_bytes() for path in sorted(folder.glob("*.wasm"))}


def sizes(python: Mapping[str, bytes], kernels: Mapping[str, bytes], models: Mapping[str, bytes]) -> bytes:
    """List the sizes of the files that a start loads, with and without Python, so that a page can show progress.

    The loader for classic scripts and the tiers other than the default are left out.
    """
    (default,) = (entry for entry in json.loads(models["models.json"]).values() if entry["default"])
    image = default["image"]["file"]
    runner = [*kernels, "models.json", image]
    first = {**kernels, image: models[image]}  # what enhances while Python starts
    lists = {
        "python": {name: len(data) for name, data in {**first, **python}.items() if name != "pyodide.js"},
        "runner": {name: len({**kernels, **models}[name]) for name in runner},
    }
    return json.dumps(lists).encode()


def page_plan() -> dict[str, bytes]:
    """List the page's own files: path in ``dist/`` to content."""
    plan = {}
    for folder, prefix in ((ROOT / "web", ""), (ROOT / "worklet", "worklet/")):
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            if path.is_file() and not DEVELOPMENT & set(inside.parts) and not private(inside):
                plan[prefix + inside.as_posix()] = path.read_bytes()
    for name, bundled in ONE_FILE.items():
        plan[f"worklet/{name}"] = bundled(name, lambda module: (ROOT / "worklet" / module).read_text()).encode()
    return plan | picture_files() | {"bands.svg": bands_rule([float(tip) for tip in edges()]).encode()}


def private(path: Path) -> bool:
    """Say whether a file is for development only: hidden, for readers, or for npm and TypeScript."""
    settings = {"package.json", "package-lock.json", "tsconfig.json", "tsconfig.types.json"}
    return path.name.startswith(".") or path.name in settings or path.suffix in {".md", ".ts"}


def sync(plan: Mapping[str, bytes], folder: Path) -> int:
    """Make ``folder`` hold exactly the files of ``plan``; return how many were written.

    A folder that this script did not make (it has files but no lock) is not touched: ValueError.
    """
    present = [path for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []
    if present and not any(path.name == LOCK for path in present):
        raise ValueError(f"{folder} has files that this script did not write: pass an empty folder to --out")
    for path in present:
        if path.relative_to(folder).as_posix() not in plan:
            path.unlink()
    written = 0
    for name, data in plan.items():
        path = folder / name
        if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
        written += 1
    return written


def main() -> int:
    """Build ``dist/`` and, if asked, the tests' runtime folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder to write (default: dist)")
    parser.add_argument("--test", action="store_true", help="also write build/dist-test for pytest-pyodide")
    arguments = parser.parse_args()
    try:
        files, lock = fetch_runtime(PACKAGES + TEST_PACKAGES)
        wheel = build_wheel()
        slim_plan = runtime_plan(PACKAGES, [slim_wheel(wheel)], *slim_runtime(files, lock))
        models, kernels = models_plan(), kernels_plan()
        plan = {f"runtime/{name}": data for name, data in (models | kernels | slim_plan).items()}
        plan["runtime/sizes.json"] = sizes(slim_plan, kernels, models)
        plan["runtime/NOTICE.txt"] = notice(lock)
        plan |= page_plan() | {f"clips/{path.name}": path.read_bytes() for path in build_clips()}
        plan = sealed(fill_pages(plan))
        # The lock is written last: a folder that has one is complete.
        plan[f"runtime/{LOCK}"] = plan.pop(f"runtime/{LOCK}")
        report(arguments.out, plan, sync(plan, arguments.out))
        if arguments.test:
            wheels = [wheel, *fetch_test_wheels()]
            plan = runtime_plan(PACKAGES + TEST_PACKAGES, wheels, files, lock)
            report(BUILD / "dist-test", plan, sync(plan, BUILD / "dist-test"))
    except (FetchError, OSError, RuntimeError, ValueError) as error:
        print(f"build_dist: {error}", file=sys.stderr)
        return 1
    return 0


def report(folder: Path, plan: Mapping[str, bytes], written: int) -> None:
    """Print one line about a folder."""
    size = sum(map(len, plan.values())) / 1e6
    print(f"{folder}: {len(plan)} files, {size:.1f} MB, {written} written")


if __name__ == "__main__":
    sys.exit(main())
