"""No module of the package imports itself through others, not even with an import inside a function."""

import ast
import importlib.util
from graphlib import TopologicalSorter
from pathlib import Path

import percepnet_wasm

FOLDER = Path(percepnet_wasm.__file__).parent


def sources():
    """Paths by module name; a package's own module has the package's name."""
    paths = {path: path.relative_to(FOLDER.parent).with_suffix("").parts for path in FOLDER.rglob("*.py")}
    return {".".join(parts).removesuffix(".__init__"): path for path, parts in paths.items()}


def imports(code, package):
    """Names that are imported anywhere in the code, other than for type checkers alone."""
    for node in ast.iter_child_nodes(code):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from (name for alias in node.names for name in (home, f"{home}.{alias.name}"))
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        else:
            yield from imports(node, package)


def graph(files):
    """For each module, those that it imports."""
    found = {}
    for module, path in files.items():
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        found[module] = {name for name in imports(ast.parse(path.read_text()), package) if name in files}
    return found


def test_no_import_leads_back_to_its_module():
    edges = graph(sources())
    assert "percepnet_wasm.kernel.image" in edges["percepnet_wasm.cli"]  # which is imported inside a function
    TopologicalSorter(edges).prepare()  # raises CycleError, which names the modules
