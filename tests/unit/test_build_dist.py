"""Files with a wrong hash are refused whatever their source; the lock and the folder hold what they should."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from build_scripts.package import build_dist, pyodide_files
from build_scripts.package.pyodide_files import FetchError, fetch
from build_scripts.site.serve import serve

GOOD, BAD = b"the official bytes", b"somebody else's bytes"
HASHES = {"file.bin": hashlib.sha256(GOOD).hexdigest()}
PIN = {"version": "0.0"}


def source(data: bytes, calls: list[str] | None = None):
    """Make a source that answers every name with ``data``."""

    def answer(pin, names):
        for name in names:
            if calls is not None:
                calls.append(name)
            yield name, data

    return answer


def unreachable(pin, names):
    raise OSError("no route to host")


def test_a_file_with_another_hash_is_refused(tmp_path):
    with pytest.raises(FetchError, match="file.bin refused, its SHA-256 is") as caught:
        fetch(HASHES, PIN, tmp_path, {"CDN": source(BAD)})
    assert hashlib.sha256(BAD).hexdigest() in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_next_source_is_asked_when_one_is_wrong_or_unreachable(tmp_path):
    sources = {"CDN": unreachable, "npm": source(BAD), "mirror": source(GOOD)}
    assert fetch(HASHES, PIN, tmp_path, sources)["file.bin"].read_bytes() == GOOD


def test_no_source_is_asked_for_a_file_in_the_cache(tmp_path):
    (tmp_path / "file.bin").write_bytes(GOOD)
    calls: list[str] = []
    fetch(HASHES, PIN, tmp_path, {"CDN": source(GOOD, calls)})
    assert calls == []


def test_a_tampered_cache_is_replaced(tmp_path):
    (tmp_path / "file.bin").write_bytes(BAD)
    assert fetch(HASHES, PIN, tmp_path, {"CDN": source(GOOD)})["file.bin"].read_bytes() == GOOD


def test_a_failure_quotes_every_source(tmp_path):
    with pytest.raises(FetchError, match="(?s)CDN: no route to host.*npm: no route to host.*" + str(tmp_path)):
        fetch(HASHES, PIN, tmp_path, {"CDN": unreachable, "npm": unreachable})


def test_a_missing_client_is_an_answer_not_a_crash(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FetchError, match="npm is not installed"):
        fetch(HASHES, PIN | {"npm": "pyodide@0.0"}, tmp_path / "cache", {"npm": pyodide_files.from_npm})


def test_a_file_that_the_cdn_lacks_is_left_to_the_next_source(tmp_path):
    folder = tmp_path / "cdn"
    folder.mkdir()
    (folder / "file.bin").write_bytes(GOOD)
    with serve(folder) as address:
        assert list(pyodide_files.from_cdn({"cdn": address}, ["absent.whl", "file.bin"])) == [("file.bin", GOOD)]
    with pytest.raises(OSError):
        list(pyodide_files.from_cdn({"cdn": address}, ["file.bin"]))


def test_the_mirrors_folder_is_unpacked(tmp_path, monkeypatch):
    def download(requirement, folder):
        assert requirement == "mirror==1"
        with zipfile.ZipFile(Path(folder) / "mirror-1-py3-none-any.whl", "w") as archive:
            archive.writestr("assets/file.bin", GOOD)
            archive.writestr("elsewhere/other.bin", GOOD)

    monkeypatch.setattr(pyodide_files, "pip_download", download)
    pin = {"mirror": {"requirement": "mirror==1", "folder": "assets/"}}
    assert list(pyodide_files.from_mirror(pin, ["file.bin", "other.bin"])) == [("file.bin", GOOD)]


def test_every_pinned_hash_is_a_sha256():
    pin = pyodide_files.load_pin()
    assert {"pyodide-lock.json", "pyodide.asm.wasm", "python_stdlib.zip"} <= set(pin["sha256"])
    for digest in [*pin["sha256"].values(), *pin["test_wheels"].values()]:
        assert len(bytes.fromhex(digest)) == 32
    assert pin["version"] in pin["cdn"] and pin["npm"].endswith(pin["version"])


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_dist.build_wheel(tmp_path_factory.mktemp("wheel"))


OFFICIAL = {
    "info": {"version": "0.27.7", "python": "3.12.7", "abi_version": "2024_0"},
    "packages": {
        "numpy": {"name": "numpy", "depends": [], "file_name": "numpy.whl", "sha256": "00"},
        "scipy": {"name": "scipy", "depends": ["numpy"], "file_name": "scipy.whl", "sha256": "00"},
    },
}


def test_the_trimmed_lock_keeps_info_and_adds_our_wheel(wheel):
    lock = build_dist.trim_lock(OFFICIAL, ["numpy"], [wheel])
    assert lock["info"] == OFFICIAL["info"]
    assert set(lock["packages"]) == {"numpy", "percepnet-wasm"}
    ours = lock["packages"]["percepnet-wasm"]
    assert ours["depends"] == ["numpy"] and ours["imports"] == ["percepnet_wasm"]
    assert ours["sha256"] == hashlib.sha256(wheel.read_bytes()).hexdigest()


def test_a_lock_that_lacks_a_dependency_is_refused(wheel):
    with pytest.raises(ValueError, match="would lack numpy"):
        build_dist.trim_lock(OFFICIAL, [], [wheel])


def test_the_runtime_folder_holds_what_its_lock_names(wheel, tmp_path):
    files = {}
    for name in ("pyodide.asm.wasm", "numpy.whl", "scipy.whl"):
        files[name] = tmp_path / name
        files[name].write_bytes(name.encode())
    plan = build_dist.runtime_plan(("numpy",), [wheel], files, OFFICIAL)
    assert set(plan) == {"pyodide.asm.wasm", "numpy.whl", wheel.name, "pyodide-lock.json"}
    assert json.loads(plan["pyodide-lock.json"])["info"] == OFFICIAL["info"]


def test_sync_writes_changes_only_and_removes_what_is_stale(tmp_path):
    plan = {"a/one.js": b"1", "pyodide-lock.json": b"{}"}
    assert build_dist.sync(plan, tmp_path) == 2
    assert build_dist.sync(plan, tmp_path) == 0
    assert build_dist.sync(plan | {"a/one.js": b"2"}, tmp_path) == 1
    build_dist.sync({"pyodide-lock.json": b"{}"}, tmp_path)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["pyodide-lock.json"]


def test_sync_leaves_other_peoples_folders_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="this script did not write"):
        build_dist.sync({"pyodide-lock.json": b"{}"}, tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_models_are_described_by_tier_and_hash():
    plan = build_dist.models_plan()
    described = json.loads(plan.pop("models.json"))
    assert [tier for tier, model in described.items() if model["default"]] == [build_dist.DEFAULT_TIER]
    files = [each for model in described.values() for each in (model, model["image"])]
    assert {each["file"] for each in files} == set(plan)
    for each in files:
        assert each["sha256"] == hashlib.sha256(plan[each["file"]]).hexdigest()
        assert each["bytes"] == len(plan[each["file"]])
    for model in described.values():
        assert model["image"]["bytes"] > model["bytes"] > model["weights"]


def test_kernels_come_with_the_runtime():
    assert sorted(build_dist.kernels_plan()) == ["kernel/relaxed.wasm", "kernel/simd.wasm"]


def test_a_start_without_python_downloads_kernel_and_one_image():
    models, kernels = build_dist.models_plan(), build_dist.kernels_plan()
    lists = json.loads(build_dist.sizes({"pyodide.js": b"12", "pyodide.mjs": b"123"}, kernels, models))
    assert set(lists["python"]) == {"kernel/relaxed.wasm", "kernel/simd.wasm", "models/c20.pni", "pyodide.mjs"}
    assert set(lists["runner"]) == {"kernel/relaxed.wasm", "kernel/simd.wasm", "models.json", "models/c20.pni"}
    assert lists["runner"]["models/c20.pni"] == len(models["models/c20.pni"])
