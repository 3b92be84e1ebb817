"""The command line: what it writes, what it says, and how it refuses."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from signals import noise, speech_like

import percepnet_wasm
from percepnet_wasm import cli
from percepnet_wasm.constants import DELAY, SAMPLE_RATE
from percepnet_wasm.oracle.ladder import ladder


@pytest.fixture
def mix(tmp_path):
    """Folder with clean.wav and noisy.wav, 1.5 s at 48 kHz."""
    clean = speech_like(1.5, 3)
    soundfile.write(tmp_path / "clean.wav", clean, SAMPLE_RATE, "FLOAT")
    soundfile.write(tmp_path / "noisy.wav", clean + noise(1.5, 0.02), SAMPLE_RATE, "FLOAT")
    return tmp_path


def run(*arguments):
    """Exit code, even where argparse itself exits."""
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as exit:
        return exit.code


def oracle(folder, *more):
    return run("oracle", "--clean", folder / "clean.wav", "--noisy", folder / "noisy.wav", "--out", folder / "o", *more)


def test_enhance_writes_an_enhanced_file(mix):
    assert run("enhance", mix / "noisy.wav", mix / "out.wav") == 0
    noisy, _ = soundfile.read(mix / "noisy.wav", dtype="float32")
    out, rate = soundfile.read(mix / "out.wav", dtype="float32")
    assert rate == SAMPLE_RATE
    np.testing.assert_allclose(out, percepnet_wasm.enhance(noisy), atol=2e-4)


def test_attenuation_limit_of_zero_changes_nothing(mix):
    assert run("enhance", mix / "noisy.wav", mix / "out.wav", "--attenuation-limit", "0") == 0
    noisy, out = (soundfile.read(mix / name, dtype="float32")[0] for name in ("noisy.wav", "out.wav"))
    np.testing.assert_allclose(out, noisy, atol=1e-5)


@pytest.mark.parametrize("flag", ["--no-comb", "--no-postfilter", "--attenuation-limit=12"])
def test_flags_reach_the_enhancer(mix, flag):
    assert run("enhance", mix / "noisy.wav", mix / "plain.wav") == 0
    assert run("enhance", mix / "noisy.wav", mix / "out.wav", flag) == 0
    plain, out = (soundfile.read(mix / name, dtype="float32")[0] for name in ("plain.wav", "out.wav"))
    assert np.max(np.abs(plain - out)) > 1e-4


def test_a_model_can_be_named(mix):
    copy = mix / "copy.pnw"
    copy.write_bytes(bundled_model().read_bytes())
    assert run("enhance", mix / "noisy.wav", mix / "one.wav") == 0
    assert run("enhance", mix / "noisy.wav", mix / "two.wav", "--model", copy) == 0
    one, two = (soundfile.read(mix / name)[0] for name in ("one.wav", "two.wav"))
    np.testing.assert_array_equal(one, two)


def bundled_model():
    from importlib.resources import files

    return next(file for file in (files("percepnet_wasm") / "models").iterdir() if file.name.endswith(".pnw"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("missing.wav", "out.wav"), "missing.wav does not exist: check the path"),
        (("noisy.wav", "noisy.wav"), "noisy.wav is the input itself"),
        (("empty.wav", "out.wav"), "empty.wav is empty"),
        (("noisy.wav", "out.doc"), ".doc files cannot be written: use .wav or .flac"),
        (("noisy.wav", "out.wav", "--model", "missing.pnw"), "missing.pnw"),
        (("noisy.wav", "out.wav", "--model", "short.pnw"), "short.pnw"),
        (("noisy.wav", "out.wav", "--attenuation-limit=-3"), "'-3' is not a number of decibels"),
        (("noisy.wav", "out.wav", "--attenuation-limit=nan"), "'nan' is not a number of decibels"),
        (("noisy.wav",), "required: OUT"),
    ],
)
def test_enhance_refuses_with_a_message_and_exit_code_2(mix, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(mix)
    (mix / "empty.wav").touch()
    (mix / "short.pnw").write_bytes(bundled_model().read_bytes()[:1000])
    assert run("enhance", *arguments) == 2
    captured = capsys.readouterr()
    assert words in captured.err and "Traceback" not in captured.err
    assert not (mix / "out.wav").exists()


def test_info_as_json(capsys):
    assert run("info", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["version"] == percepnet_wasm.__version__
    assert facts["sample_rate"] == SAMPLE_RATE
    assert facts["delay_ms"] == 1000 * DELAY / SAMPLE_RATE == 30
    assert facts["weights"] > 0
    assert {"tier", "format_version"} <= facts.keys()


def test_info_for_people(capsys):
    assert run("info") == 0
    assert f"version {percepnet_wasm.__version__}" in " ".join(capsys.readouterr().out.split())


def test_module_runs_as_a_program():
    command = [sys.executable, "-m", "percepnet_wasm", "--version"]
    assert (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == percepnet_wasm.__version__
    )


def test_a_message_is_all_a_shell_sees(tmp_path):
    command = [sys.executable, "-m", "percepnet_wasm", "enhance", "missing.wav", str(tmp_path / "out.wav")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "percepnet-wasm enhance: missing.wav does not exist: check the path\n"


@pytest.mark.parametrize("period", ["noisy", "clean"])
def test_oracle_writes_the_ladder(mix, period):
    assert oracle(mix, "--no-scores", "--no-figures", "--period", period) == 0
    names = ["1-magnitudes.wav", "2-gains.wav", "3-comb.wav", "4-postfilter.wav", "ladder.json"]
    assert sorted(path.name for path in (mix / "o").iterdir()) == names
    clean, _ = soundfile.read(mix / "clean.wav", dtype="float32")
    expected = ladder(clean, soundfile.read(mix / "noisy.wav", dtype="float32")[0], period=period)
    for name in names[:4]:
        signal, rate = soundfile.read(mix / "o" / name, dtype="float32")
        assert rate == SAMPLE_RATE
        np.testing.assert_array_equal(signal, expected.rungs[name.removesuffix(".wav")])
    record = json.loads((mix / "o" / "ladder.json").read_text())
    assert record["period"] == period and record["seconds"] == 1.5
    assert list(record["rungs"])[0] == "noisy"


def test_oracle_keeps_another_rate(mix):
    for name in ("clean", "noisy"):
        soundfile.write(mix / f"{name}.wav", soundfile.read(mix / f"{name}.wav")[0][::3], 16000, "FLOAT")
    assert oracle(mix, "--no-scores", "--no-figures") == 0
    clean, _ = soundfile.read(mix / "clean.wav")
    rung, rate = soundfile.read(mix / "o" / "1-magnitudes.wav")
    assert rate == 16000 and len(rung) == len(clean)
    spectrum = np.fft.rfft(rung, 2 * len(rung)) * np.fft.rfft(clean, 2 * len(rung)).conj()
    assert np.argmax(np.fft.irfft(spectrum)) == 0


def test_oracle_scores_and_draws(mix, capsys):
    pytest.importorskip("pesq")
    pytest.importorskip("speechmos.dnsmos")
    assert oracle(mix) == 0
    rungs = json.loads((mix / "o" / "ladder.json").read_text())["rungs"]
    assert rungs["1-magnitudes"]["pesq_wb"] > rungs["2-gains"]["pesq_wb"] > rungs["noisy"]["pesq_wb"] >= 1
    assert rungs["2-gains"]["si_sdr"] > rungs["noisy"]["si_sdr"]
    assert all(1 <= rung["dnsmos_ovrl"] <= 5 and 0 < rung["stoi"] <= 1 for rung in rungs.values())
    table = capsys.readouterr().out
    assert f"{rungs['3-comb']['pesq_wb']:.2f}" in table.split("| 3-comb ")[1].splitlines()[0]
    for name in ("spectrograms", "bands", "comb", "gains"):
        assert (mix / "o" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_oracle_requires_matching_files(mix, capsys):
    soundfile.write(mix / "noisy.wav", noise(1.0), SAMPLE_RATE)
    assert oracle(mix, "--no-scores", "--no-figures") == 2
    assert "72000 and 48000 samples" in capsys.readouterr().err
    soundfile.write(mix / "noisy.wav", noise(1.0), 44100)
    assert oracle(mix, "--no-scores", "--no-figures") == 2
    assert "44100 Hz: resample one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("package", "module", "extra", "flags"),
    [
        ("soundfile", "files.audio", "files", ("--no-scores", "--no-figures")),
        ("pesq", "oracle.evaluation", "evaluate", ("--no-figures",)),
        ("matplotlib", "oracle.figures", "evaluate", ("--no-scores",)),
    ],
)
def test_oracle_names_a_missing_extra_before_it_works(mix, monkeypatch, capsys, package, module, extra, flags):
    monkeypatch.setitem(sys.modules, package, None)
    for name in (module, "oracle.report"):
        monkeypatch.delitem(sys.modules, f"percepnet_wasm.{name}", raising=False)
    assert oracle(mix, *flags) == 2
    message = capsys.readouterr().err
    assert package in message and "pip install '" in message and f"extra '{extra}'" in message
    assert not (mix / "o").exists()


def test_enhance_names_its_missing_extra(mix, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "soxr", None)
    monkeypatch.delitem(sys.modules, "percepnet_wasm.files.audio", raising=False)
    assert run("enhance", mix / "noisy.wav", mix / "out.wav") == 2
    message = capsys.readouterr().err
    assert "pip install 'soundfile" in message and "'soxr" in message and "extra 'files'" in message


def test_python_m_is_the_command():
    done = subprocess.run([sys.executable, "-m", "percepnet_wasm", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, percepnet_wasm.__version__)


def test_interrupted_ends_without_a_traceback(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(percepnet_wasm, "info", interrupted)
    assert cli.main(["info"]) == 130
