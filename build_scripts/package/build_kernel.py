"""Compile the kernel's C to the WebAssembly modules that the wheel carries, with pip's ``ziglang`` and nothing else.

``python -m build_scripts.package.build_kernel`` writes c/layout.h, relaxed.wasm and simd.wasm in
``percepnet_wasm/kernel/``, all committed, the same bytes on every machine. ``--check`` compares instead of writing.
``--native`` compiles native.so for this machine, which CPython then uses; it is not committed.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from build_scripts import ROOT
from percepnet_wasm.kernel.layout import header

COMMAND = "python -m build_scripts.package.build_kernel"
FOLDER = ROOT / "percepnet_wasm" / "kernel"
SOURCES = FOLDER / "c"
WASM = ["-target", "wasm32-emscripten", "-ffreestanding"]
VARIANTS = {
    "simd.wasm": [*WASM, "-mcpu=generic+simd128+bulk_memory"],
    "relaxed.wasm": [*WASM, "-mcpu=generic+simd128+relaxed_simd+bulk_memory"],
}
NATIVE = {"native.so": ["-mcpu=native"]}
# No -ffast-math: sums keep their order, so that every build rounds in the same way.
FLAGS = ["-std=c17", "-O3", "-fPIC", "-fvisibility=hidden", "-fno-math-errno", "-fno-sanitize=all", "-Wall", "-Wextra"]
LINK_WASM = ["wasm-ld", "-shared", "--experimental-pic", "--no-entry", "--strip-all"]


def zig(arguments: Sequence[str], folder: Path) -> None:
    """Run ziglang's compiler or linker."""
    if importlib.util.find_spec("ziglang") is None:
        wanted = re.search(r"ziglang==[\d.]+", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        assert wanted
        raise SystemExit(f"build_kernel: the compiler is missing: {sys.executable} -m pip install '{wanted[0]}'")
    done = subprocess.run([sys.executable, "-m", "ziglang", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode or done.stderr:
        raise SystemExit(f"build_kernel: {' '.join(arguments)} failed: {done.stderr or done.returncode}")


def compile_variant(name: str, target: Sequence[str], folder: Path) -> Path:
    """Compile every source with ``target``'s flags, link them; return the library in ``folder``."""
    objects = []
    for source in sorted(SOURCES.glob("*.c")):
        objects.append(f"{name}.{source.stem}.o")
        zig(["cc", *target, *FLAGS, "-c", source.name, "-o", str(folder / objects[-1])], SOURCES)
    link = LINK_WASM if name.endswith(".wasm") else ["cc", "-shared", *target]
    zig([*link, *objects, "-o", name], folder)
    return folder / name


def main(arguments: Sequence[str] | None = None) -> int:
    """Build, or compare; 1 if what is committed differs."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is there, write nothing")
    parser.add_argument("--native", action="store_true", help="compile for this machine's CPython instead")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the libraries (default: the package)")
    options = parser.parse_args(arguments)
    layout = SOURCES / "layout.h"
    if options.check and layout.read_text() != header():
        print(f"build_kernel: layout.h is not what kernel/layout.py describes: run {COMMAND}")
        return 1
    if not options.check:
        layout.write_text(header())
    differ = []
    with TemporaryDirectory() as folder:
        for name, target in (NATIVE if options.native else VARIANTS).items():
            built = compile_variant(name, target, Path(folder)).read_bytes()
            committed = options.out / name
            if not options.check:
                committed.write_bytes(built)
                print(f"{name}: {len(built)} bytes")
            elif not committed.is_file() or committed.read_bytes() != built:
                differ.append(name)
    if differ:
        print(f"build_kernel: {', '.join(differ)} not what the sources compile to: run {COMMAND}")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
