"""Make the runtime's Python smaller and faster to import: drop what no page needs, compile the rest to bytecode.

Bytecode belongs to one version of Python, so pyodide-build's ``py-compile`` has to run under the runtime's version. If
no such Python is found (see :func:`matching_python`), sources are shipped instead: the page works the same but takes
longer to start.
"""

import ast
import base64
import calendar
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from .command import run

PYODIDE_BUILD = "pyodide-build==0.39.2"

UNUSED_IN_NUMPY = (
    "_core/_operand_flag_tests", "_core/_rational_tests", "_core/_struct_ufunc_tests", "_core/_umath_tests",
    "_pyinstaller", "f2py", "lib/recfunctions", "linalg/lapack_lite", "ma", "matlib", "polynomial", "random", "testing",
    "typing/mypy_plugin",
)  # fmt: skip
"""Folders and modules that neither the enhancer nor NumPy's own import needs. (``_core._multiarray_tests`` is needed.)
"""

DOCUMENTATION = ("_core/_add_newdocs", "_core/_add_newdocs_scalars")
"""Modules that only attach docstrings to functions written in C: they are emptied."""

UNUSED_IN_LIBRARY = frozenset(
    "_aix_support _osx_support _pydatetime _pydecimal _pyio aifc antigravity bdb cProfile cgi cgitb chunk cmd "
    "configparser crypt curses dbm distutils doctest ensurepip ftplib html idlelib imaplib imghdr lib2to3 mailbox "
    "mailcap mimetypes modulefinder msilib multiprocessing netrc nis nntplib nturl2path optparse ossaudiodev pdb "
    "pickletools pipes plistlib poplib profile pstats pty pyclbr pydoc pydoc_data rlcompleter shelve smtplib sndhdr "
    "socketserver spwd sqlite3 sunau tabnanny telnetlib test this tkinter tomllib trace tty turtle turtledemo "
    "unittest uu venv webbrowser wsgiref xdrlib xml xmlrpc zipapp zoneinfo".split()
)
"""Modules of the standard library for terminals, mail, servers, debuggers and formats that no page needs."""

CODECS = frozenset(
    "__init__ aliases ascii base64_codec charmap cp437 cp1252 hex_codec idna iso8859_1 latin_1 punycode "
    "raw_unicode_escape undefined unicode_escape utf_16 utf_16_be utf_16_le utf_32 utf_32_be utf_32_le utf_8 "
    "utf_8_sig".split()
)
"""Encodings that are kept; the others are tables of national character sets, an eighth of the standard library."""

NOT_IN_PAGES = ("files/", "cli.py", "live.py", "__main__.py", "entry_points.txt")
"""Parts of our package for the command line and for sound cards."""

_UNUSED_SUFFIXES = (".pyi", ".pxd", ".h", ".a", ".lib", ".pc", ".ini", ".typed", ".rst")
_BIRTH = (1980, 1, 1, 0, 0, 0)
"""Every member's date: the same sources give the same bytes."""
_EPOCH = str(calendar.timegm(_BIRTH))
"""With SOURCE_DATE_EPOCH set, bytecode carries the hash of its source instead of the time of the build."""


def stripped_wheel(wheel: bytes) -> bytes:
    """A wheel without tests, headers, type stubs, docstrings and UNUSED_IN_NUMPY; its RECORD is rewritten."""
    kept = {}
    for name, data in members(wheel):
        if not is_unused(name):
            kept[name] = b"" if belongs(name, DOCUMENTATION) else without_docstrings(name, data)
    return wheel_of(kept)


def page_wheel(wheel: bytes) -> bytes:
    """Our wheel as a page needs it: without what works on files and devices, and without kernels and weights.

    A page downloads kernels and weights before Python, in order to enhance while Python starts, and then copies them
    into Python's file system (``worklet/program-files.js``).
    """
    return wheel_of({name: data for name, data in members(wheel) if not elsewhere(name)})


def elsewhere(name: str) -> bool:
    """Say whether a page has no use for a member of our wheel, or downloads it as a separate file."""
    inside = name.partition("/")[2]
    return inside.startswith(NOT_IN_PAGES) or name.endswith((".pnw", ".wasm"))


def wheel_of(kept: dict[str, bytes]) -> bytes:
    """A wheel of these members; its RECORD is rewritten."""
    (record,) = (name for name in kept if name.endswith(".dist-info/RECORD"))
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    for name, data in kept.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        writer.writerow([name, "", ""] if name == record else [name, f"sha256={digest}", len(data)])
    kept[record] = rows.getvalue().encode()
    return zipped(kept)


def stripped_library(library: bytes) -> bytes:
    """The standard library's ZIP archive without UNUSED_IN_LIBRARY, all but the CODECS, and docstrings."""
    kept = {}
    for name, data in members(library):
        top, *inside = name.removesuffix(".py").split("/")
        if top not in UNUSED_IN_LIBRARY and not (top == "encodings" and inside[0] not in CODECS):
            kept[name] = without_docstrings(name, data)
    return zipped(kept)


def members(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a ZIP archive's files."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        for name in opened.namelist():
            if not name.endswith("/"):
                yield name, opened.read(name)


def is_unused(name: str) -> bool:
    """Say whether a member of NumPy's wheel is dropped."""
    top, *inside = name.split("/")
    if top.endswith(".dist-info"):
        return inside == ["entry_points.txt"]
    return (
        bool({"tests", "include"} & set(inside[:-1]))
        or belongs(name, UNUSED_IN_NUMPY)
        or name.endswith(_UNUSED_SUFFIXES)
    )


def belongs(name: str, parts: tuple[str, ...]) -> bool:
    """Say whether a member of NumPy's wheel is one of these modules, or in one of these folders."""
    inside = name.partition("/")[2]
    return any(inside.startswith((f"{part}/", f"{part}.")) for part in parts)


def without_docstrings(name: str, data: bytes) -> bytes:
    """A Python source whose docstrings are empty; other files unchanged.

    Empty, not absent: NumPy copies docstrings of its functions and refuses None (which is why ``python -OO`` fails).
    """
    if not name.endswith(".py"):
        return data
    try:
        tree = ast.parse(data)
    except SyntaxError:  # of a newer Python than this one
        return data
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body[0].value = ast.Constant("")  # type: ignore[attr-defined]
    return ast.unparse(tree).encode()


def zipped(contents: dict[str, bytes]) -> bytes:
    """A ZIP archive of files, each deflated, all of one date."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _BIRTH), data, zipfile.ZIP_DEFLATED, 9)
    return content.getvalue()


def matching_python(version: str) -> str | None:
    """An interpreter of this ``major.minor`` version: this one, one on the path, one of pyenv's, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [sys.executable, shutil.which(f"python{version}")]
    found += [str(path) for path in sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True)]
    program = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    for candidate in filter(None, found):
        done = subprocess.run([candidate, "-c", program], capture_output=True, text=True)
        if done.returncode == 0 and done.stdout.strip() == version:
            return candidate
    return None


def slim(numpy_wheel: Path, library: Path, version: str, folder: Path) -> list[Path]:
    """Strip and compile NumPy's wheel and the standard library, unless ``folder`` has them made from the same files.

    Parameters
    ----------
    numpy_wheel, library : Path
        As fetched and verified.
    version : str
        The runtime's Python, ``major.minor``.
    folder : Path

    Returns
    -------
    list of Path
        Both, slimmer, under the same names.
    """
    stamp = folder / "inputs.txt"
    sources = {numpy_wheel: stripped_wheel, library: stripped_library}
    inputs = "\n".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in (*sources, Path(__file__)))
    stripped = [folder / "stripped" / path.name for path in sources]
    if not (stamp.is_file() and stamp.read_text() == inputs and all(path.is_file() for path in stripped)):
        (folder / "stripped").mkdir(parents=True, exist_ok=True)
        for (source, strip), product in zip(sources.items(), stripped, strict=True):
            product.write_bytes(strip(source.read_bytes()))
        stamp.write_text(inputs)
    return compiled(stripped, version, folder / "compiled")


def compiled(archives: list[Path], version: str, folder: Path) -> list[Path]:
    """Compile the sources in wheels and ZIP archives to bytecode with ``pyodide py-compile``.

    Parameters
    ----------
    archives : list of Path
    version : str
        The runtime's Python, ``major.minor``.
    folder : Path
        Where the results go; pyodide-build's own environment is created next to it.

    Returns
    -------
    list of Path
        The compiled archives, under the same names; ``archives`` themselves, with a note on stderr, if they could not
        be compiled.
    """
    products, stamp = [folder / path.name for path in archives], folder / "inputs.txt"
    inputs = "\n".join(
        [PYODIDE_BUILD, version, str(_BIRTH)] + [hashlib.sha256(path.read_bytes()).hexdigest() for path in archives]
    )
    if stamp.is_file() and stamp.read_text() == inputs and all(path.is_file() for path in products):
        return products
    try:
        command = pyodide_command(version, folder.parent)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for source, product in zip(archives, products, strict=True):
            shutil.copy(source, product)
            run([command, "py-compile", "--silent", "--compression-level", "9", str(product)], SOURCE_DATE_EPOCH=_EPOCH)
            if not product.is_file():
                raise OSError(f"pyodide py-compile has renamed {product.name}")
            product.write_bytes(zipped(dict(members(product.read_bytes()))))
    except OSError as error:
        print(f"shipping sources: {error} (pages start later)", file=sys.stderr)
        return archives
    stamp.write_text(inputs)
    return products


def pyodide_command(version: str, folder: Path) -> str:
    """The ``pyodide`` command of pyodide-build under a Python of this version, in an environment of its own.

    Parameters
    ----------
    version : str
        ``major.minor``.
    folder : Path
        Where the environment is, or is made.

    Raises
    ------
    OSError
        No such Python is installed, or pyodide-build cannot be installed.
    """
    environment = folder / f"pyodide-build-{version}"
    command, stamp = environment / "bin" / "pyodide", environment / "requirement.txt"
    if not (command.is_file() and stamp.is_file() and stamp.read_text() == PYODIDE_BUILD):
        python = matching_python(version)
        if python is None:
            raise OSError(f"Python {version} is not installed")
        run([python, "-m", "venv", "--clear", str(environment)])
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYODIDE_BUILD]
        run([str(environment / "bin" / "python"), *install])
        stamp.write_text(PYODIDE_BUILD)
    return str(command)
