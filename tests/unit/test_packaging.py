"""One version, one source of constants, a wheel with the package and nothing else."""

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import build_dist
import generate_constants
import pytest

import percepnet_wasm

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dist.build_wheel(tmp_path_factory.mktemp("wheel"))


def metadata(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_version_has_one_source(wheel):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project and project["dynamic"] == ["version"]
    assert metadata(wheel)["Version"] == percepnet_wasm.__version__
    assert json.loads((ROOT / "worklet" / "package.json").read_text())["version"] == percepnet_wasm.__version__


def test_the_licence_is_one(wheel):
    licence = metadata(wheel)["License-Expression"]
    assert json.loads((ROOT / "worklet" / "package.json").read_text())["license"] == licence
    assert (ROOT / "LICENSE").read_text().startswith(licence)


def test_the_worklets_constants_are_current():
    assert generate_constants.TARGET.read_text(encoding="utf-8") == generate_constants.render()


def test_a_changed_constant_makes_the_worklets_copy_stale(monkeypatch):
    monkeypatch.setattr("percepnet_wasm.constants.LOOKAHEAD", 3)
    assert generate_constants.TARGET.read_text(encoding="utf-8") != generate_constants.render()


def test_the_wheel_holds_the_package_its_models_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {name for name in names if not re.match(r"percepnet_wasm-[^/]+\.dist-info/", name)}
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "percepnet_wasm").rglob("*.py")}
    assert {name for name in package if name.endswith(".py")} == sources
    assert any(re.fullmatch(r"percepnet_wasm/models/\w+\.pnw", name) for name in package), "no model in the wheel"
    assert "percepnet_wasm/MODEL_CARD.md" in package, "the weights' licence does not travel with them"
    allowed = r"percepnet_wasm/(kernels/(simd|relaxed)\.wasm|py\.typed|MODEL_CARD\.md|models/[\w.-]+)"
    assert [name for name in package - sources if not re.fullmatch(allowed, name)] == []
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_requires_numpy_alone_and_runs_in_every_pyodide(wheel):
    fields = metadata(wheel)
    required = [text for text in fields.get_all("Requires-Dist") if "extra ==" not in text]
    assert [build_dist.name_of(text) for text in required] == ["numpy"]
    assert {"files", "evaluate", "train", "test"} <= set(fields.get_all("Provides-Extra"))
    assert fields["Requires-Python"] == ">=3.11"
    assert wheel.name.endswith("-py3-none-any.whl")


def test_equal_sources_give_an_equal_wheel(wheel, tmp_path):
    assert build_dist.build_wheel(tmp_path).read_bytes() == wheel.read_bytes()


def test_importing_the_package_loads_numpy_and_no_other_third_party_module():
    program = (
        "import sys; before = set(sys.modules); import percepnet_wasm\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["numpy", "percepnet_wasm"]
