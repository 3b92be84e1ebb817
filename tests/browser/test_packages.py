"""The npm package as its users get it: packed, installed into empty apps, imported, type-checked, bundled and run."""

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from clients import npm
from conftest import HERE, ROOT, Tab, decode
from measure import ENOUGH, align, not_cleaned, soon

import percepnet_wasm
from build_scripts.package import build_npm
from build_scripts.package.integrity import SERVICE_WORKER
from build_scripts.site.serve import serve

WORKLET = ROOT / "worklet"


@pytest.fixture(scope="module")
def tarball(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What would be published."""
    if not (WORKLET / "node_modules" / "typescript").is_dir():
        npm("ci", folder=WORKLET)
    folder = tmp_path_factory.mktemp("npm")
    build_npm.build(dist, Path(os.path.relpath(folder / "package")))  # relative, as the Makefile gives it
    (packed,) = json.loads(npm("pack", "--json", "./package", folder=folder))
    return folder / str(packed["filename"])


@pytest.fixture
def app(tarball: Path, tmp_path: Path) -> Path:
    """An empty app that has installed the package."""
    (tmp_path / "package.json").write_text('{"name": "app", "private": true, "type": "module"}')
    npm("install", str(tarball), folder=tmp_path)
    return tmp_path


def test_the_package_holds_what_it_needs_and_nothing_else(tarball: Path, dist: Path) -> None:
    """Each file belongs to one of five kinds, and nothing of ``dist/`` that the modules load is missing."""
    with tarfile.open(tarball) as archive:
        names = {member.name.removeprefix("package/") for member in archive if member.isfile()}
    loaded = {path.relative_to(dist).as_posix() for part in ("worklet", "runtime") for path in (dist / part).rglob("*")}
    loaded = {name for name in loaded if (dist / name).is_file()}
    assert loaded <= names
    documents = {"README.md", "DEPLOY.md", "LICENSE", "MODEL_CARD.md", "package.json", "copy.mjs"}
    assert documents | {"worklet/types/percepnet.d.ts"} <= names
    others = names - loaded - documents - {SERVICE_WORKER}
    assert [name for name in others if not fnmatch(name, "worklet/types/*.d.ts")] == []


def test_the_manifest_has_no_dependency_and_the_one_version(app: Path) -> None:
    """Optional peers alone; the paths it names exist."""
    package = app / "node_modules" / "percepnet-wasm"
    assert sorted(path.name for path in (app / "node_modules").iterdir() if path.name[0] != ".") == ["percepnet-wasm"]
    fields = json.loads((package / "package.json").read_text())
    assert fields["version"] == percepnet_wasm.__version__
    assert not {"dependencies", "devDependencies", "scripts"} & set(fields)
    assert all(settings["optional"] for settings in fields["peerDependenciesMeta"].values())
    assert set(fields["peerDependencies"]) == set(fields["peerDependenciesMeta"])
    targets = json.dumps(fields["exports"]).split('"')
    files = [text for text in targets if text.startswith("./worklet/") and not text.endswith("*")]
    assert files and [name for name in files if not list(package.glob(name))] == []


def test_import_in_node_touches_no_dom(app: Path) -> None:
    """Server-side rendering: the modules load, and say why they would not run here."""
    program = """
        const { PercepNet } = await import('percepnet-wasm');
        for (const path of ['get-user-media', 'adapters/livekit', 'adapters/twilio', 'adapters/chime'])
            await import(`percepnet-wasm/${path}`);
        const { supported, reasons } = PercepNet.isSupported();
        console.log(JSON.stringify({ supported, reasons }));
    """
    command = ["node", "--input-type=module", "--eval", program]
    done = subprocess.run(command, cwd=app, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["supported"] is False and said["reasons"]


def test_the_declarations_type_check(app: Path) -> None:
    """A strict TypeScript app without the vendors' kits; a wrong option is found."""
    (app / "right.ts").write_text("""
        import { PercepNet } from 'percepnet-wasm';
        import { wrapGetUserMedia } from 'percepnet-wasm/get-user-media';
        const percepnet: PercepNet = await PercepNet.create({ attenuationLimit: 20 });
        export const track: MediaStreamTrack = await percepnet.processTrack(new MediaStream().getAudioTracks()[0]!);
        wrapGetUserMedia({ preload: true }).enabled = false;
    """)
    (app / "wrong.ts").write_text("""
        import { PercepNet } from 'percepnet-wasm';
        await PercepNet.create({ attenuationLimit: 'much' });
    """)
    tsc = [str(WORKLET / "node_modules" / ".bin" / "tsc"), "--strict", "--noEmit", "--target", "ES2024"]
    tsc += ["--module", "ESNext", "--moduleResolution", "Bundler", "--lib", "ES2024,DOM,DOM.Iterable"]
    done = subprocess.run([*tsc, "right.ts"], cwd=app, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    done = subprocess.run([*tsc, "wrong.ts"], cwd=app, capture_output=True, text=True)
    assert done.returncode and "wrong.ts" in done.stdout


@pytest.fixture(scope="module")
def lite(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """An empty app that has installed the package without Python, and what npm says of that package."""
    folder = tmp_path_factory.mktemp("lite")
    build_npm.build(dist, folder / "package", lite=True)
    (packed,) = json.loads(npm("pack", "--json", "./package", folder=folder))
    app = folder / "app"
    app.mkdir()
    (app / "package.json").write_text('{"name": "app", "private": true, "type": "module"}')
    npm("install", str(folder / str(packed["filename"])), folder=app)
    return app, packed


def test_the_package_without_python_is_small_and_runs_in_node(lite: tuple[Path, dict[str, Any]]) -> None:
    """Packed and installed, its runner loads its image with its kernel; nothing of Python is in it."""
    app, packed = lite
    assert packed["size"] < 1_700_000
    names = {each["path"] for each in packed["files"]}
    assert not [name for name in names if fnmatch(name, "*pyodide*") or name.endswith((".whl", ".pnw"))]
    assert {"runtime/kernel/simd.wasm", "worklet/percepnet.js", "worklet/types/runner.d.ts", "README.md"} <= names
    program = """
        import { readFileSync } from 'node:fs';
        const { Program } = await import('percepnet-wasm-lite/runner');
        const read = (name) => new Uint8Array(readFileSync(`node_modules/percepnet-wasm-lite/runtime/${name}`));
        const [tier] = Object.values(JSON.parse(new TextDecoder().decode(read('models.json'))));
        const program = await Program.load({ simd: read('kernel/simd.wasm') }, read(tier.image.file));
        program.stream().step();
        console.log(program.kernel);
    """
    command = ["node", "--input-type=module", "--eval", program]
    done = subprocess.run(command, cwd=app, capture_output=True, text=True)
    assert done.stdout.strip() == "simd", done.stderr


PLAIN = """<!doctype html>
<link rel=icon href=data:,>
<script type="module">
    import { PercepNet } from './worklet/percepnet.js';
    const percepnet = (window.percepnet = await PercepNet.create());
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    [window.raw] = stream.getAudioTracks();
    window.clean = await percepnet.processTrack(window.raw);
</script>
"""


def test_the_package_without_python_in_a_page_without_a_bundler(
    open_tab: Callable[..., Tab], lite: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    """Copied as its README says, on a host without headers: enhanced on the audio thread, from its own folder alone."""
    app, _ = lite
    public = tmp_path / "public"
    npm("exec", "--offline", "--", "percepnet-wasm-lite", "copy", str(public), "--worklet", folder=app)
    (public / "index.html").write_text(PLAIN)
    (public / "tests").mkdir()
    shutil.copy(HERE / "recorder.js", public / "tests")
    with serve(public, isolated=False) as url:
        tab = open_tab(url, "index.html")
        tab.wait("window.percepnet?.playing === 'enhanced'")
        said = tab.evaluate("[percepnet.support.transport, percepnet.tier, crossOriginIsolated]")
        assert said == ["none", "c20", False]
        soon(lambda: not_cleaned(*align(*map(decode, tab.evaluate(RECORD, ENOUGH)), 48000)))
    assert tab.complaints == [] and tab.uncaught == []


def test_an_app_built_by_vite(open_tab: Callable[..., Tab], tarball: Path, tmp_path: Path) -> None:
    """The package in a bundle, in a sub-folder of its host: worker, audio processor and runtime are found."""
    folder = tmp_path / "app"
    shutil.copytree(HERE / "apps" / "vite", folder, ignore=shutil.ignore_patterns("node_modules"))
    npm("ci", folder=folder)
    npm("install", "--no-save", str(tarball), folder=folder)
    npm("run", "build", folder=folder)
    shutil.move(folder / "dist", folder / "served" / "deep")
    with serve(folder / "served") as url:
        tab = open_tab(url, "deep/index.html")
        tab.wait("window.told?.length")
        assert tab.evaluate("told")[0][0] == "ready", tab.evaluate("told")
        tab.wait("percepnet.playing === 'enhanced'")
        (tmp_path / "app" / "served" / "tests").mkdir()
        shutil.copy(HERE / "recorder.js", folder / "served" / "tests")
        soon(lambda: not_cleaned(*align(*map(decode, tab.evaluate(RECORD, ENOUGH)), 48000)))
    assert tab.complaints == [] and tab.uncaught == []


RECORD = """async (seconds) => {
    const context = new AudioContext({ sampleRate: 48000 });
    await context.audioWorklet.addModule('/tests/recorder.js');
    const recorder = new AudioWorkletNode(context, 'recorder', {
        numberOfInputs: 2, numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit',
        processorOptions: { samples: seconds * 48000 },
    });
    const full = new Promise((resolve) => (recorder.port.onmessage = ({ data }) => resolve(data)));
    [raw, clean].forEach((track, i) => {
        context.createMediaStreamSource(new MediaStream([track])).connect(recorder, 0, i);
    });
    return (await full).map((samples) => new Uint8Array(samples.buffer).toBase64());
}"""
