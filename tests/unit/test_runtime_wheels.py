"""What the runtime loses, that the rest is unchanged, and that bytecode is made by the right Python or not at all."""

import base64
import csv
import hashlib
import io
import subprocess
import sys
import zipfile

import pytest

from build_scripts.package import runtime_wheels
from build_scripts.package.runtime_wheels import (
    compiled,
    matching_python,
    page_wheel,
    slim,
    stripped_library,
    stripped_wheel,
    without_docstrings,
    zipped,
)

SOURCE = b'"""About."""\ndef f(x):\n    "What."\n    return x + 1\n'
WHEEL = {
    "numpy/__init__.py": SOURCE,
    "numpy/core.so": b"\0asm",
    "numpy/__init__.pyi": b"def f(x): ...",
    "numpy/random/mtrand.so": b"\0asm",
    "numpy/ma/core.py": SOURCE,
    "numpy/mathematics.py": SOURCE,
    "numpy/_core/_umath_tests.cpython-312.so": b"\0asm",
    "numpy/_core/_add_newdocs.py": SOURCE,
    "numpy/lib/tests/test_io.py": SOURCE,
    "numpy/_core/include/numpy/ndarraytypes.h": b"#pragma once",
    "numpy-2.0.dist-info/METADATA": b"Name: numpy\n",
    "numpy-2.0.dist-info/RECORD": b"old",
}
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_a_stripped_wheel_keeps_what_runs_and_records_it():
    with zipfile.ZipFile(io.BytesIO(stripped_wheel(zipped(WHEEL)))) as wheel:
        assert wheel.testzip() is None
        contents = {name: wheel.read(name) for name in wheel.namelist()}
    info = "numpy-2.0.dist-info/"
    kept = {"numpy/__init__.py", "numpy/core.so", "numpy/mathematics.py", "numpy/_core/_add_newdocs.py"}
    assert set(contents) == kept | {info + "METADATA", info + "RECORD"}
    assert contents["numpy/_core/_add_newdocs.py"] == b"", "documents C and does nothing else"
    for name, digest, size in csv.reader(io.StringIO(contents.pop(info + "RECORD").decode())):
        if name in contents:
            wanted = base64.urlsafe_b64encode(hashlib.sha256(contents[name]).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={wanted}", str(len(contents[name])))


def test_a_pages_wheel_has_neither_what_it_downloads_anyway_nor_what_no_page_can_use():
    kept = {"enhancer.py", "kernel/engine.py", "oracle/measures.py"}
    gone = {"kernel/simd.wasm", "kernel/relaxed.wasm", "models/c20.pnw", "files/audio.py", "cli.py", "live.py"}
    info = "percepnet_wasm-1.dist-info/"
    ours = {f"percepnet_wasm/{name}": SOURCE for name in kept | gone}
    wheel = page_wheel(zipped(ours | {info + "METADATA": b"Name: x\n", info + "RECORD": b"old"}))
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        names = set(archive.namelist())
        recorded = {row[0] for row in csv.reader(io.StringIO(archive.read(info + "RECORD").decode()))}
    assert names == recorded == {f"percepnet_wasm/{name}" for name in kept} | {info + "METADATA", info + "RECORD"}


def test_docstrings_become_empty_and_the_code_stays():
    scope: dict = {}
    exec(without_docstrings("m.py", SOURCE), scope)
    assert scope["f"](1) == 2 and scope["f"].__doc__ == "" and scope["__doc__"] == ""
    assert without_docstrings("m.so", SOURCE) == SOURCE
    assert without_docstrings("m.py", b"match match: case _ if := 3") == b"match match: case _ if := 3"


def test_the_library_loses_whole_modules_and_national_codecs():
    names = ["json/__init__.py", "unittest/mock.py", "pydoc.py", "encodings/utf_8.py", "encodings/big5.py", "os.py"]
    with zipfile.ZipFile(io.BytesIO(stripped_library(zipped({name: SOURCE for name in names})))) as library:
        assert library.namelist() == ["json/__init__.py", "encodings/utf_8.py", "os.py"]


def test_the_python_that_compiles_is_of_the_version_asked_for():
    assert matching_python(VERSION) is not None
    found = subprocess.run([matching_python(VERSION), "--version"], capture_output=True, text=True).stdout
    assert found.startswith(f"Python {VERSION}.")
    assert matching_python("9.9") is None


def test_without_that_python_sources_are_shipped_with_a_notice(tmp_path, capsys):
    archive = tmp_path / "a.zip"
    archive.write_bytes(zipped({"a.py": SOURCE}))
    assert compiled([archive], "9.9", tmp_path / "compiled") == [archive]
    assert "Python 9.9 is not installed" in capsys.readouterr().err


def test_a_compiler_that_fails_leaves_sources(tmp_path, capsys, monkeypatch):
    def fail(*_):
        raise OSError("no network")

    monkeypatch.setattr(runtime_wheels, "pyodide_command", fail)
    archive = tmp_path / "a.zip"
    archive.write_bytes(zipped({"a.py": SOURCE}))
    assert compiled([archive], VERSION, tmp_path / "compiled") == [archive]
    assert "no network" in capsys.readouterr().err


def test_nothing_is_done_twice(tmp_path, monkeypatch):
    wheel, library = tmp_path / "numpy-2.0-py3-none-any.whl", tmp_path / "lib.zip"
    wheel.write_bytes(zipped(WHEEL))
    library.write_bytes(zipped({"os.py": SOURCE}))
    monkeypatch.setattr(runtime_wheels, "compiled", lambda archives, *_: archives)
    first = slim(wheel, library, VERSION, tmp_path / "slim")
    written = [path.stat().st_mtime_ns for path in first]
    assert [path.name for path in first] == [wheel.name, library.name]
    assert [path.stat().st_mtime_ns for path in slim(wheel, library, VERSION, tmp_path / "slim")] == written


@pytest.mark.skipif(matching_python("3.12") is None, reason="no Python 3.12 here to compile for the runtime")
def test_pyodide_build_compiles_for_the_runtime(tmp_path):
    archive = tmp_path / "a.zip"
    archive.write_bytes(zipped({"a.py": SOURCE, "b.txt": b"data"}))
    try:
        (product,) = compiled([archive], "3.12", runtime_wheels.Path("build") / "slim-test" / "compiled")
    except OSError as error:
        pytest.skip(f"pyodide-build cannot be installed here: {error}")
    if product == archive:
        pytest.skip("pyodide-build cannot be installed here")
    with zipfile.ZipFile(product) as compiled_archive:
        assert sorted(compiled_archive.namelist()) == ["a.pyc", "b.txt"]
        assert compiled_archive.read("a.pyc")[:2] == (3531).to_bytes(2, "little"), "the magic number of Python 3.12"
        # The same sources give the same bytes: no time of a build, neither in the bytecode nor beside it.
        assert compiled_archive.read("a.pyc")[4:8] == (3).to_bytes(4, "little"), "bytecode by its source's hash"
        assert {entry.date_time for entry in compiled_archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
