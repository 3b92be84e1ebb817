"""The enhance command with real-world files: what it says, overwrites, skips, resumes and refuses."""

import functools
import os
import re
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile
from signals import noise, speech_like

from percepnet_wasm import cli
from percepnet_wasm.errors import MissingExtraError
from percepnet_wasm.files import folders
from percepnet_wasm.kernel.library import KERNELS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def recording(tmp_path):
    """A file of 1.5 s."""
    soundfile.write(tmp_path / "noisy.wav", speech_like(1.5, 1) + noise(1.5, 0.02), 48000)
    return tmp_path / "noisy.wav"


@pytest.fixture
def interviews(tmp_path):
    """A folder with two recordings, a damaged one, and other typical contents."""
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.wav", "b.flac"):
        soundfile.write(folder / name, speech_like(0.5, 1), 48000)
    (folder / "broken.wav").write_bytes((folder / "a.wav").read_bytes()[:20000])
    (folder / "cover.jpg").write_bytes(b"no sound")
    (folder / ".DS_Store").write_bytes(b"no sound")
    return folder


def run(*arguments):
    """Exit code, even where argparse itself exits."""
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as exit:
        return exit.code


def test_the_last_line_says_what_was_written_and_how_long_it_took(recording, capsys):
    target = recording.with_name("clean.wav")
    assert run("enhance", recording, target) == 0
    captured = capsys.readouterr()
    assert re.fullmatch(rf"wrote {re.escape(str(target))}: 1\.5 s in \d+\.\d s\n", captured.err) and not captured.out


def test_a_missing_folder_is_made_and_a_folder_takes_a_file_under_its_name(recording, tmp_path):
    assert run("enhance", recording, tmp_path / "a" / "b" / "clean.flac") == 0
    assert (tmp_path / "a" / "b" / "clean.flac").is_file()
    assert run("enhance", recording, f"{tmp_path / 'c'}{os.sep}") == 0
    assert run("enhance", recording, tmp_path / "a") == 0
    assert (tmp_path / "c" / "noisy.wav").is_file() and (tmp_path / "a" / "noisy.wav").is_file()


def test_nothing_is_overwritten_without_force(recording, tmp_path, capsys):
    target = tmp_path / "clean.wav"
    target.write_bytes(b"precious")
    assert run("enhance", recording, target) == 2
    assert "clean.wav already exists: choose another name, or overwrite it (--force" in capsys.readouterr().err
    assert run("enhance", recording, target, "--resume") == 0
    assert capsys.readouterr().err == f"skipped: {target} already exists\n"
    assert target.read_bytes() == b"precious"
    assert run("enhance", recording, target, "--force") == 0
    assert soundfile.info(target).frames == 72000


def test_every_file_of_a_folder_that_was_not_enhanced_has_its_line(interviews, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("enhance", interviews, out, "--jobs", "1") == 1
    lines = capsys.readouterr().err.splitlines()
    assert f"not enhanced: {interviews / 'cover.jpg'}: .jpg is not a supported audio format" in lines
    assert f"not enhanced: {interviews / '.DS_Store'}: a name without a suffix is not a supported audio format" in lines
    broken = f"not enhanced: {interviews / 'broken.wav'} is truncated after 0.2 s of 0.5 s"
    assert any(line.startswith(broken) for line in lines)
    assert re.fullmatch(rf"wrote 2 files to {re.escape(str(out))}: 1\.0 s in \d+\.\d s", lines[-1]) and len(lines) == 4
    assert sorted(path.name for path in out.iterdir()) == ["a.wav", "b.flac"]


def test_a_folder_is_resumed_overwritten_or_left_alone(interviews, tmp_path, capsys):
    out = tmp_path / "out"
    assert run("enhance", interviews, out, "--jobs", "1", "--salvage") == 0
    assert f"salvaged {out / 'broken.wav'}: 0.2 s of a truncated file; its last 0.3 s are missing" in (
        capsys.readouterr().err
    )
    (out / "a.wav").write_bytes(b"precious")
    (out / "b.flac").unlink()
    assert run("enhance", interviews, out, "--jobs", "1") == 2
    there = "out already contains 2 of the 3 outputs, such as a.wav: skip them (--resume"
    assert there in capsys.readouterr().err
    assert not (out / "b.flac").exists()
    assert run("enhance", interviews, out, "--jobs", "1", "--resume") == 0
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"wrote 1 file to {out}: 0.5 s in ")
    assert (out / "a.wav").read_bytes() == b"precious" and soundfile.info(out / "b.flac").frames == 24000
    assert run("enhance", interviews, out, "--jobs", "1", "--force", "--salvage") == 0
    assert soundfile.info(out / "a.wav").frames == 24000


def test_a_folder_that_is_all_there_is_resumed_at_once(interviews, tmp_path, capsys):
    (interviews / "broken.wav").unlink()
    (interviews / "b.flac").unlink()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.wav").write_bytes(b"precious")
    assert run("enhance", interviews, tmp_path / "out", "--resume") == 0
    assert capsys.readouterr().err.splitlines()[-1].endswith(", 1 already existed")


def test_folders_and_pipes_do_not_mix(interviews, recording, tmp_path, capsys, monkeypatch):
    assert run("enhance", interviews, "-") == 2
    assert "in is a folder: specify an output folder instead of '-'" in capsys.readouterr().err
    assert run("enhance", interviews, recording) == 2
    assert "noisy.wav is not a folder: the output must be one" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(isatty=lambda: True))
    assert run("enhance", "-", tmp_path / "out.wav") == 2
    assert "standard input is a terminal: pipe a WAV file in" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdout", types.SimpleNamespace(isatty=lambda: True))
    assert run("enhance", recording, "-") == 2
    assert "standard output is a terminal: pipe it to a program" in capsys.readouterr().err


def started(command):
    """Start a command as a terminal does: a script that runs these tests in the background ignores Ctrl-C."""
    listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=listen
    )


def interrupted(command, folder, number):
    """Start a command on endless work, and send it a signal once it has begun to write."""
    with started(command) as job:
        deadline = time.monotonic() + 180
        while not list(folder.rglob(".*.partial")):
            assert job.poll() is None and time.monotonic() < deadline, "nothing is written"
            time.sleep(0.05)
        os.killpg(job.pid, number)
        said = job.stderr.read()
        return job.wait(120), said


COMMAND = [sys.executable, "-m", "percepnet_wasm", "enhance", "--kernel", "numpy"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_file_leaves_one_line_and_nothing_half_written(tmp_path, number):
    soundfile.write(tmp_path / "in.wav", np.zeros(48000 * 1200, np.int16), 48000)
    target = tmp_path / "new" / "out.wav"
    code, said = interrupted([*COMMAND, str(tmp_path / "in.wav"), str(target)], tmp_path, number)
    assert (code, said) == (130, f"percepnet-wasm enhance: interrupted; {target} was not written\n")
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def test_an_interrupted_folder_keeps_what_is_done_and_is_resumed(tmp_path):
    """Ctrl-C reaches every process of the terminal: none of them complains, none leaves half a file."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    soundfile.write(source / "a.wav", np.zeros(4800, np.int16), 48000)
    soundfile.write(source / "b.wav", np.zeros(48000 * 1200, np.int16), 48000)
    soundfile.write(source / "c.wav", np.zeros(4800, np.int16), 48000)
    command = [*COMMAND, str(source), str(out), "--jobs", "1"]
    with started(command) as job:
        deadline = time.monotonic() + 180
        while not (list(out.rglob(".b.wav*.partial")) and (out / "a.wav").exists()):
            assert job.poll() is None and time.monotonic() < deadline, "nothing is written"
            time.sleep(0.05)
        os.killpg(job.pid, signal.SIGINT)
        said = job.stderr.read().splitlines()
        assert job.wait(120) == 130
    assert said[-1] == "percepnet-wasm enhance: interrupted; run the same command with --resume to finish"
    assert said[0].startswith(f"wrote 1 file to {out}: 0.1 s in ") and len(said) == 2
    assert [path.name for path in out.iterdir()] == ["a.wav"]
    soundfile.write(source / "b.wav", np.zeros(4800, np.int16), 48000)
    assert cli.main(["enhance", str(source), str(out), "--jobs", "1", "--resume", "--kernel", "numpy"]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["a.wav", "b.wav", "c.wav"]


def test_an_interrupt_from_python_is_reported_too(interviews, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(folders, "as_completed", interrupt)
    outcome = folders.enhance_folder(interviews, tmp_path / "out", folders.Settings(kernel="numpy"), jobs=1)
    assert outcome.interrupted and len(outcome.done) <= 3


@pytest.mark.parametrize("arguments", [("--kernel",), ("--kernel", "list"), ("in.wav", "out.wav", "--kernel")])
def test_kernel_without_a_name_lists_what_is_here(capsys, arguments):
    assert run("enhance", *arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(KERNELS)
    assert "simd     unavailable: it does not run on linux" in lines or sys.platform != "linux"
    assert lines[-1] == "numpy    NumPy alone"


def test_an_unavailable_kernel_is_refused_with_a_list_of_the_others(recording, capsys):
    assert run("enhance", recording, recording.with_name("out.wav"), "--kernel", "relaxed") == 2
    refusal = r"argument --kernel: 'relaxed' is unavailable \(.+\): choose one of auto, .*numpy"
    assert re.search(refusal, capsys.readouterr().err)
    assert run("enhance", recording, recording.with_name("out.wav"), "--kernel", "fast") == 2
    assert "'fast' is unavailable: choose one of auto, " in capsys.readouterr().err


def test_a_tier_is_found_by_name_or_the_error_says_where_to_get_it(recording, capsys):
    target = recording.with_name("out.wav")
    assert run("enhance", recording, target, "--model", "c10") == 0
    assert run("enhance", recording, target, "--model", "c99", "--force") == 2
    said = capsys.readouterr().err
    assert "tier 'c99' is not installed: choose another (c10, c20), or pass the path of its file (--model" in said
    assert "c10.pnw and c20.pnw are in percepnet_wasm/models/ of the repository" in said
    assert run("enhance", recording, target, "--model", "small", "--force") == 2
    assert "check the path, or choose a tier (c10, c20)" in capsys.readouterr().err


def test_help_lists_formats_kernels_and_exit_codes(capsys):
    assert run("enhance", "--help") == 0
    said = capsys.readouterr().out
    for words in (" flac ", " wav ", "m4a", "mkv", "mp4", "webm", "standard input or output", "auto, "):
        assert words in said
    for code in (cli.SOME_FAILED, cli.USAGE_ERROR, cli.INTERRUPTED):
        assert re.search(rf"^  {code} ", said, re.M)


def test_help_says_what_is_not_installed(capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    run("enhance", "--help")
    assert "not installed: PyAV: pip install 'av" in capsys.readouterr().out
    monkeypatch.setitem(sys.modules, "soundfile", None)
    monkeypatch.delitem(sys.modules, "percepnet_wasm.files.formats")
    run("enhance", "--help")
    said = capsys.readouterr().out
    assert "none: " in said and "pip install 'soundfile" in said


def test_a_missing_package_is_named_whether_or_not_this_one_is_installed(monkeypatch):
    assert "pip install 'soundcard" in str(MissingExtraError("live", "no sound"))
    monkeypatch.setattr("importlib.metadata.requires", lambda name: None)
    assert str(MissingExtraError("live", "no sound")).startswith("no sound: pip install '.[live]'")
