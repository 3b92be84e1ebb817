"""Every public function and class has a property test: hostile.covers() says which."""

import importlib
import inspect
import pkgutil
from pathlib import Path

import hostile
import test_hostile_arguments  # noqa: F401
import test_hostile_files  # noqa: F401
import test_hostile_models  # noqa: F401
import test_levels  # noqa: F401
import test_live  # noqa: F401
import test_offline  # noqa: F401
import test_properties  # noqa: F401
import test_stream  # noqa: F401
import test_wav  # noqa: F401

import percepnet_wasm

ELSEWHERE = (
    dict.fromkeys(
        ["kernel.check.activations", "kernel.check.check", "kernel.check.trial_sound", "kernel.engine.KernelEngine"]
        + [f"kernel.program.{name}" for name in ("Constants", "Field", "StreamLayout", "UnsuitableModelError")]
        + [f"kernel.packing.{name}" for name in ("float_matrix", "int8_matrix", "lone_matrix", "padded")]
        + ["kernel.layout.structure"]
        + [f"kernel.memory.{name}" for name in ("Address", "Area", "load")],
        "test_kernel.py",
    )
    | dict.fromkeys([f"files.media.{name}" for name in ("MediaReader", "open_media", "written")], "test_media.py")
    | dict.fromkeys(
        ["kernel.image.image", "kernel.image.write_image", "kernel.image_format.model_parts"], "test_image.py"
    )
)
"""Need a compiled kernel, which the tests named build: there the kernel's results are compared with NumPy's."""


def modules():
    """The package's modules that say what is public."""
    prefix = "percepnet_wasm."
    names = [module.name for module in pkgutil.walk_packages(percepnet_wasm.__path__, prefix)]
    return {n.removeprefix(prefix): importlib.import_module(n) for n in names if not n.endswith("__main__")}


def public():
    """``module.name`` of all functions and classes in the modules' ``__all__``, where they are defined."""
    found = set()
    for name, module in modules().items():
        for exported in getattr(module, "__all__", ()):
            thing = getattr(module, exported)
            if (inspect.isfunction(thing) or inspect.isclass(thing)) and thing.__module__ == module.__name__:
                found.add(f"{name}.{exported}")
    return found


def test_everything_public_has_a_property_test():
    missing = public() - hostile.COVERED - set(ELSEWHERE)
    assert not missing, f"write a property test, marked with hostile.covers(), for {sorted(missing)}"


def test_everything_listed_exists():
    assert not hostile.COVERED - public()
    for name, file in ELSEWHERE.items():
        assert file in {path.name for path in Path(__file__).parent.glob("*.py")}, (name, file)


def test_the_packages_own_names_are_among_them():
    for name in percepnet_wasm.__all__:
        thing = getattr(percepnet_wasm, name)
        assert f"{thing.__module__.removeprefix('percepnet_wasm.')}.{name}" in public()


def test_every_module_with_functions_says_what_is_public():
    for name, module in modules().items():
        functions = [n for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__]
        open_ones = [n for n in functions if not n.startswith("_")]
        assert not open_ones or hasattr(module, "__all__"), f"{name}: {open_ones}"
