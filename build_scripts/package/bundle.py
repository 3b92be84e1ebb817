"""Bundle a JavaScript module and all that it imports into one classic script, or into one module with the same exports.

A page loads one file instead of a chain of them; a classic script does without the browser's module loader as well.
Each module becomes a function that runs once, after its imports::

    const $ring = (() => { ...the module...; return { Ring, WORD }; })();

Only what our modules use of the language is supported: named imports of files in the same folder, exports of
declarations, and imports of addresses that are known only at run time. Anything else is an error.
"""

import re
from collections.abc import Callable

IMPORT = re.compile(r"^import \{([^}]*)\} from '\./([\w.-]+\.js)';\n", re.MULTILINE)
EXPORTED = re.compile(r"^export ((?:async )?(?:const|class|function)\*? (\w+))", re.MULTILINE)
EXPORT_LIST = re.compile(r"^export \{([^}]*)\};\n", re.MULTILINE)
LEFT_OVER = re.compile(r"^(?:import|export)\b.*|\bimport\((?!\s*new URL\().*", re.MULTILINE)
COMMENT = re.compile(r"^[ \t]*(?:/\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*\n", re.MULTILINE | re.DOTALL)
"""A comment on lines of its own; the others are types of a word or two."""

ADDRESS = "import.meta.url"


def bundle(entry: str, read: Callable[[str], str]) -> str:
    """Return one classic script that does what the module does.

    Parameters
    ----------
    entry : str
        Name of the module's file.
    read : callable
        From the name of a file to its text.

    Raises
    ------
    ValueError
        A module uses something unsupported, or modules import each other in a circle.
    """
    modules = "".join(text.replace(ADDRESS, address(name)) for name, text in wrapped_modules(entry, read).items())
    here = "const $here = document.currentScript?.src;\n" if "$here" in modules else ""
    return f"(() => {{\n'use strict';\n{here}{modules}}})();\n"


def bundle_module(entry: str, read: Callable[[str], str]) -> str:
    """Return one module with the same exports.

    ``import.meta.url`` is then the entry's: another module may use it to find files beside itself, not its own name.

    Parameters
    ----------
    entry, read
        As for :func:`bundle`.

    Raises
    ------
    ValueError
        As for :func:`bundle`.
    """
    exports = ", ".join(exported(COMMENT.sub("", read(entry))))
    modules = "".join(wrapped_modules(entry, read).values())
    return f"{modules}export const {{ {exports} }} = {constant(entry)};\n"


def wrapped_modules(entry: str, read: Callable[[str], str]) -> dict[str, str]:
    """Return the declarations of the module and of all that it imports, by name, each after those that it needs."""
    done: dict[str, str] = {}
    visit(entry, read, done, ())
    return done


def visit(name: str, read: Callable[[str], str], done: dict[str, str], above: tuple[str, ...]) -> None:
    """Add a module to ``done``, after those that it imports."""
    if name in done:
        return
    if name in above:
        raise ValueError(f"{' imports '.join((*above, name))}: a circle")
    text = COMMENT.sub("", read(name))
    for _, imported in IMPORT.findall(text):
        visit(imported, read, done, (*above, name))
    done[name] = wrapped(name, text)


def exported(text: str) -> list[str]:
    """List the names that a module exports."""
    exports = [found[1] for found in EXPORTED.findall(text)]
    for listed in EXPORT_LIST.findall(text):
        exports += [each.strip() for each in listed.split(",") if each.strip()]
    return exports


def address(name: str) -> str:
    """Expression for a module's address in a classic script."""
    return f"new URL('{name}', $here).href"


def wrapped(name: str, text: str) -> str:
    """Turn a module into the declaration of a constant that holds its exports."""
    exports = exported(text)
    text = IMPORT.sub(lambda found: f"const {{{found[1].replace(' as ', ': ')}}} = {constant(found[2])};\n", text)
    text = EXPORT_LIST.sub("", EXPORTED.sub(r"\1", text))
    left_over = LEFT_OVER.search(re.sub(r"/\*.*?\*/", "", text))
    if left_over:
        raise ValueError(f"{name}: not understood by bundle.py: {left_over[0]}")
    return f"const {constant(name)} = (() => {{\n{text}return {{ {', '.join(exports)} }};\n}})();\n"


def constant(name: str) -> str:
    """Name of the constant that holds a module's exports."""
    return "$" + re.sub(r"\W", "_", name.removesuffix(".js"))
