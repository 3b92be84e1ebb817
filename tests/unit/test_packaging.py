"""One version, one source of constants, a wheel with the package and nothing else."""

import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import percepnet_wasm
from build_scripts.package import build_dist, build_npm, generate_constants
from build_scripts.package.repository import MetadataHook
from percepnet_wasm.model_file import DEFAULT_TIER

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dist.build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive."""
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, capture_output=True, check=True)
    return next(folder.glob("*.tar.gz"))


def metadata(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_version_has_one_source(wheel):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "version" not in project and "version" in project["dynamic"]
    assert metadata(wheel)["Version"] == percepnet_wasm.__version__
    assert json.loads((ROOT / "worklet" / "package.json").read_text())["version"] == percepnet_wasm.__version__


def licences(expression: str) -> set[str]:
    """The licences that an SPDX expression joins by AND."""
    return set(expression.strip("()").split(" AND "))


def test_each_package_names_the_licences_of_what_it_holds(wheel):
    code, weights = "MIT", "CC-BY-SA-4.0"
    held = licences(metadata(wheel)["License-Expression"])
    assert held == {code, weights}
    # The npm package includes the wheel and a third-party runtime, whose licences are in the notice.
    npm = licences(json.loads((ROOT / "worklet" / "package.json").read_text())["license"])
    assert npm == held | {"MPL-2.0", "PSF-2.0", "BSD-3-Clause"}
    notice = (ROOT / "build_scripts" / "package" / "NOTICE.txt").read_text()
    for name in ("MIT", "CC BY-SA 4.0", "Mozilla Public License 2.0", "PSF License 2.0", "BSD 3-Clause"):
        assert name in notice, f"NOTICE.txt does not name {name}"
    assert (ROOT / "LICENSE").read_text().startswith(code)


@pytest.mark.parametrize(
    "document",
    ["README.md", "worklet/README.md", "worklet/LITE.md", "percepnet_wasm/MODEL_CARD.md", "web/parts/footer.html"],
)
def test_the_weights_licence_is_named_wherever_they_are_offered(document):
    assert "CC BY-SA 4.0" in (ROOT / document).read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_the_packages_are_built_without_the_tests_environment():
    """The tests' environment has PyTorch: 2.5 GB for an archive of 13 MB."""
    asked = subprocess.run(["make", "-n", "-B", "packages"], cwd=ROOT, capture_output=True, text=True)
    assert asked.returncode == 0 and "demo.lock" in asked.stdout, asked.stderr
    assert "test.lock" not in asked.stdout and "[test]" not in asked.stdout


def test_the_worklets_constants_are_current():
    assert generate_constants.TARGET.read_text(encoding="utf-8") == generate_constants.render()


def test_a_changed_constant_makes_the_worklets_copy_stale(monkeypatch):
    monkeypatch.setattr("percepnet_wasm.constants.DELAY", 1920)
    assert generate_constants.TARGET.read_text(encoding="utf-8") != generate_constants.render()


def test_the_wheel_holds_the_package_its_models_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {name for name in names if not re.match(r"percepnet_wasm-[^/]+\.dist-info/", name)}
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "percepnet_wasm").rglob("*.py")}
    assert {name for name in package if name.endswith(".py")} == sources
    models = [name for name in package if name.startswith("percepnet_wasm/models/")]
    assert models == [f"percepnet_wasm/models/{DEFAULT_TIER}.pnw"], "the wheel carries the default tier alone"
    assert "percepnet_wasm/MODEL_CARD.md" in package, "the weights' licence does not travel with them"
    allowed = r"percepnet_wasm/(kernel/(simd|relaxed)\.wasm|py\.typed|MODEL_CARD\.md|models/[\w.-]+)"
    assert [name for name in package - sources if not re.fullmatch(allowed, name)] == []
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_requires_numpy_alone_and_runs_in_every_pyodide(wheel):
    fields = metadata(wheel)
    required = [text for text in fields.get_all("Requires-Dist") if "extra ==" not in text]
    assert [Requirement(text).name for text in required] == ["numpy"]
    assert {"files", "evaluate", "train", "test"} <= set(fields.get_all("Provides-Extra"))
    assert fields["Requires-Python"] == ">=3.11"
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_index_would_accept_wheel_and_source_archive(wheel, archive):
    command = [sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(archive)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert archive.name == f"percepnet_wasm-{percepnet_wasm.__version__}.tar.gz"


def test_the_source_archive_holds_what_git_holds(archive):
    """Sources, tests and the front end; nothing built, nothing installed, nothing left by an editor or a test run."""
    with tarfile.open(archive) as file:
        names = {member.name.split("/", 1)[1] for member in file if member.isfile()}
    known = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if known.returncode:
        pytest.skip("not a git checkout")
    files = {name for name in known.stdout.splitlines() if (ROOT / name).is_file()}
    tops = ("percepnet_wasm/", "worklet/", "web/", "tests/", "build_scripts/", ".github/")
    assert names - files == {"PKG-INFO"}
    assert {name for name in files if name.startswith(tops)} - names == set()
    assert {"LICENSE", "Makefile", "README.md", "pyproject.toml"} <= names


def test_both_packages_name_the_repository_where_it_is_given(monkeypatch):
    source = json.loads((ROOT / "worklet" / "package.json").read_text())
    monkeypatch.delenv("REPOSITORY", raising=False)
    assert "repository" not in build_npm.manifest(source)
    hook, metadata = MetadataHook(str(ROOT), {}), {}
    hook.update(metadata)
    assert metadata["urls"] == {} and "](worklet/README.md)" in metadata["readme"]["text"]
    monkeypatch.setenv("REPOSITORY", "https://example.org/owner/name.git")
    assert build_npm.manifest(source)["bugs"] == "https://example.org/owner/name/issues"
    hook.update(metadata)
    assert metadata["urls"]["Source"] == "https://example.org/owner/name"
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)]+)\)", metadata["readme"]["text"])
    assert ("", "https://example.org/owner/name/blob/HEAD/LICENSE") in links
    assert all(target.startswith("https://") for _, target in links)
    assert all("/raw/HEAD/" in target for picture, target in links if picture)
    monkeypatch.setenv("REPOSITORY", "git@example.org:owner/name.git")
    with pytest.raises(ValueError, match="begins with https"):
        build_npm.manifest(source)


@pytest.fixture
def installed(tmp_path):
    """A folder as npm installs the package, with an old copy of it to serve."""
    package = tmp_path / "package"
    for name in ("runtime/pyodide.mjs", "worklet/percepnet.js", "worklet/types/percepnet.d.ts", "service-worker.js"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(name)
    shutil.copy(build_npm.COPY, package)
    (package / "package.json").write_text('{"name": "percepnet-wasm-lite"}')
    (tmp_path / "public" / "runtime").mkdir(parents=True)
    (tmp_path / "public" / "runtime" / "old.whl").write_text("of an older version")
    return package


def copy_command(package, *arguments):
    command = ["node", str(package / build_npm.COPY.name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.skipif(not shutil.which("node"), reason="no Node.js found")
def test_the_copy_command_copies_what_a_server_needs(installed):
    public = installed.parent / "public"
    assert copy_command(installed, "copy", public).returncode == 0
    assert [path.relative_to(public).as_posix() for path in public.rglob("*.*")] == ["runtime/pyodide.mjs"]
    assert copy_command(installed, "copy", public, "--worklet").returncode == 0
    files = sorted(path.relative_to(public).as_posix() for path in public.rglob("*.*"))
    assert files == ["runtime/pyodide.mjs", "service-worker.js", "worklet/percepnet.js"]


@pytest.mark.skipif(not shutil.which("node"), reason="no Node.js found")
@pytest.mark.parametrize("arguments", [(), ("copy",), ("paste", "public"), ("copy", "a", "b"), ("copy", "a", "--all")])
def test_a_wrong_copy_command_says_how(installed, arguments):
    done = copy_command(installed, *arguments)
    assert done.returncode == 2 and done.stderr.startswith("percepnet-wasm-lite: ")
    assert not (installed.parent / "a").exists()


def test_the_npm_manifest_has_the_one_version_and_nothing_for_development():
    source = json.loads((ROOT / "worklet" / "package.json").read_text())
    fields = build_npm.manifest(source | {"version": "0.0.0"})
    assert fields["version"] == percepnet_wasm.__version__
    assert not {"scripts", "devDependencies"} & set(fields)
    assert fields["exports"]["."] == {"types": "./worklet/types/percepnet.d.ts", "default": "./worklet/percepnet.js"}
    assert fields["exports"]["./package.json"] == "./package.json"


def test_an_npm_package_is_made_of_a_built_site_only_and_overwrites_no_other_folder(tmp_path):
    with pytest.raises(ValueError, match="build_scripts.package.build_dist first"):
        build_npm.build(tmp_path, tmp_path / "out")
    site, other = tmp_path / "site", tmp_path / "other"
    (site / "runtime").mkdir(parents=True)
    (site / "runtime" / "pyodide-lock.json").touch()
    other.mkdir()
    (other / "letter.txt").touch()
    with pytest.raises(ValueError, match="another folder"):
        build_npm.build(site, other)
    assert (other / "letter.txt").exists()


def test_equal_sources_give_an_equal_wheel(wheel, tmp_path):
    assert build_dist.build_wheel(tmp_path).read_bytes() == wheel.read_bytes()


@pytest.mark.parametrize(
    ("statement", "loaded"),
    [
        # The command line sets the number of BLAS threads before NumPy is imported.
        ("import percepnet_wasm, percepnet_wasm.cli", ["percepnet_wasm"]),
        ("from percepnet_wasm import *", ["numpy", "percepnet_wasm"]),
    ],
)
def test_the_package_needs_numpy_alone_and_only_once_it_is_used(statement, loaded):
    program = (
        f"import sys; before = set(sys.modules)\n{statement}\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == loaded


@pytest.mark.parametrize(("lock", "extras"), [("demo", ["demo"]), ("test", ["demo", "evaluate", "files", "test"])])
def test_a_lock_pins_by_hash_all_that_is_installed_with_it(lock, extras):
    """All but torch, whose builds are other bytes from place to place."""
    entries = (ROOT / "build_scripts" / f"{lock}.lock").read_text().replace("\\\n", "").splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[^ ]+ .*(--hash=sha256:[0-9a-f]{64} *)+", entry) for entry in entries)
    pinned = {}
    for entry in entries:
        name, version = re.match(r"([a-z0-9-]+)==(\S+)", entry).groups()
        pinned.setdefault(name, []).append(version)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    optional = project["project"]["optional-dependencies"]
    wanted = [*project["project"]["dependencies"], *(text for extra in extras for text in optional[extra])]
    for text in [*wanted, *project["build-system"]["requires"]]:
        requirement = Requirement(text)
        if requirement.name in ("torch", "percepnet-wasm"):
            continue
        versions = pinned.get(requirement.name, [])
        assert versions and all(version in requirement.specifier for version in versions), f"{text}: make lock"


def test_npm_lockfiles_pin_by_hash():
    for lockfile in ("worklet", "tests/browser/apps/vite", "tests/clients", "tests/mutation"):
        packages = json.loads((ROOT / lockfile / "package-lock.json").read_text())["packages"]
        hashes = [entry.get("integrity", "") for path, entry in packages.items() if path]
        assert hashes and all(text.startswith("sha512-") for text in hashes), lockfile


def test_the_package_without_python_is_small_and_whole():
    folders = ((ROOT / "worklet", "worklet/"),)
    plan = {prefix + path.name: path.read_bytes() for folder, prefix in folders for path in folder.glob("*.js")}
    plan |= {f"runtime/{name}": data for name, data in (build_dist.models_plan() | build_dist.kernels_plan()).items()}
    plan |= {"runtime/pyodide.asm.wasm": b"large", "service-worker.js": b""}
    lite = build_npm.without_python(plan)
    runtime = {name.removeprefix("runtime/") for name in lite if name.startswith("runtime/")}
    image = f"models/{DEFAULT_TIER}.pni"
    assert runtime == {"kernel/relaxed.wasm", "kernel/simd.wasm", image, "models.json"}
    (described,) = json.loads(lite["runtime/models.json"]).values()
    assert described["image"]["file"] == image
    assert re.search(rb"DEFAULT_ENGINE = (/\*\*.*?\*/ )?\(\"worklet\"\);", lite["worklet/options.js"])
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in lite.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    assert len(packed.getvalue()) < 1_650_000, "types, card and README come on top: 1.7 MB in all"


def test_the_package_without_python_leaves_out_modules_that_were_bundled_into_others():
    plan = {
        "worklet/percepnet.js": b"const $session = 1;\nexport const { PercepNet } = $session;\n",
        "worklet/session.js": b"import { clock } from './clock.js';\n",
        "worklet/clock.js": b"export const clock = 1;\n",
        "worklet/runner.js": b"import {\n  image,\n} from './image.js';\n",
        "worklet/image.js": b"export const image = 1;\n",
        "worklet/adapters/chime.js": b"import { off } from '../constraints.js';\n",
        "worklet/constraints.js": b"export const off = 1;\n",
    }
    assert set(plan) - build_npm.needed_modules(plan) == {"worklet/session.js", "worklet/clock.js"}


def test_the_package_without_python_names_its_own_licences():
    source = json.loads((ROOT / "worklet" / "package.json").read_text())
    full, lite = build_npm.manifest(source), build_npm.manifest(source, lite=True)
    assert licences(lite["license"]) == {"MIT", "CC-BY-SA-4.0"} < licences(full["license"])
    assert lite["name"] == "percepnet-wasm-lite" and list(lite["bin"]) == ["percepnet-wasm-lite"]
    assert lite["exports"] == full["exports"] and lite["version"] == full["version"]
