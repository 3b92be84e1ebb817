"""The live command: devices found and named, levels shown, and sound through PulseAudio's null sinks where it is."""

import functools
import importlib.util
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hostile import covers, examples, sounds
from hypothesis import given
from signals import talk

from percepnet_wasm import MissingExtraError, cli, live
from percepnet_wasm.constants import HOP, SAMPLE_RATE
from percepnet_wasm.settings import Settings

ROOT = Path(__file__).parents[2]
QUIET = Settings(kernel="numpy", attenuation_limit_db=0)


class Device:
    """A fake soundcard device that plays a noise, or keeps what it is given."""

    def __init__(self, name, identifier, late=0.0):
        self.name, self.id, self.latency = name, identifier, late
        self.heard, self.asked = [], []
        self.rng = np.random.default_rng(1)

    def recorder(self, rate, channels, blocksize):
        assert (rate, channels, blocksize) == (SAMPLE_RATE, 1, HOP)
        return self

    player = recorder

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def record(self, count):
        self.asked.append(count)
        return self.rng.normal(0, 0.1, (count, 1)).astype(np.float32)

    def play(self, block):
        self.heard.append(block)


@pytest.fixture
def cards(monkeypatch):
    """soundcard with two microphones and two loudspeakers."""
    microphones, speakers = [Device("Webcam", "in-1"), Device("Headset", "in-2")], [
        Device("Headset", "out-1"), Device("Null Output", "out-2"),
    ]  # fmt: skip
    module = types.ModuleType("soundcard")
    module.all_microphones = lambda include_loopback: microphones
    module.all_speakers = lambda: speakers
    module.default_microphone, module.default_speaker = lambda: microphones[1], lambda: speakers[0]
    monkeypatch.setitem(sys.modules, "soundcard", module)
    return types.SimpleNamespace(microphones=microphones, speakers=speakers, module=module)


def test_default_devices_are_used_and_every_frame_is_answered(cards):
    out = io.StringIO()
    assert live.run(QUIET, seconds=1, out=out) == 1.0
    assert cards.microphones[1].asked == [HOP] * 100 and not cards.microphones[0].asked
    heard = np.concatenate(cards.speakers[0].heard)[:, 0]
    given = np.random.default_rng(1).normal(0, 0.1, (SAMPLE_RATE, 1)).astype(np.float32)[:, 0]
    np.testing.assert_allclose(heard[1440:], given[:-1440], atol=1e-5)
    first, last = out.getvalue().splitlines()
    assert first == "Headset -> Headset; press Ctrl-C to stop"
    assert "in  -20 dB  out  -20 dB  reduced by   0 dB  delay 30 ms" in last


def test_the_level_line_shows_what_is_taken_away(cards):
    out = io.StringIO()
    live.run(Settings(kernel="numpy"), seconds=2, out=out)
    assert int(out.getvalue().split("reduced by")[1].split()[0]) > 6


def test_devices_are_named_by_parts_of_their_names_and_their_latency_counts(cards):
    cards.microphones[0].latency, cards.speakers[1].latency = 0.02, 0.01
    out = io.StringIO()
    live.run(QUIET, "webcam", "out-2", seconds=0.1, out=out)
    assert len(cards.speakers[1].heard) == 10 and "delay 60 ms" in out.getvalue()


def test_what_waits_too_long_is_skipped(cards):
    """A loudspeaker whose clock is slower than the microphone's would be later and later."""
    cards.microphones[1].latency = 0.4
    out = io.StringIO()
    live.run(QUIET, seconds=0.02, out=out)
    assert cards.microphones[1].asked == [HOP, round(0.37 * SAMPLE_RATE)] * 2
    assert "skipped 0.7 s" in out.getvalue()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--to", "BlackHole"), "there is no output 'BlackHole': choose one of these, or type more of its name: "),
        (("--input", "e"), "2 devices match the input 'e': choose one of these, or type more of its name: Webcam"),
        (("--seconds", "0"), "'0' is not a number of seconds above 0"),
    ],
)
def test_a_missing_device_is_named_with_the_available_ones(cards, capsys, options, words):
    try:
        code = cli.main(["live", *options])
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2 and words in capsys.readouterr().err


def test_no_device_at_all(cards, capsys):
    cards.microphones.clear()
    assert cli.main(["live"]) == 2
    assert "the system has no default input: plug one in, or name one of these: none" in capsys.readouterr().err


def test_the_list_marks_the_default_devices(cards, capsys):
    assert cli.main(["live", "--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "inputs:",
        "    Webcam  (in-1)",
        "  * Headset  (in-2)",
        "outputs:",
        "  * Headset  (out-1)",
        "    Null Output  (out-2)",
    ]


def test_the_command_ends_at_an_interrupt_with_its_last_level(cards, capsys):
    def interrupted(_):
        raise KeyboardInterrupt

    cards.speakers[0].play = interrupted
    assert cli.main(["live", "--kernel", "numpy"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 3 and said[-1] == "enhanced 0.0 s"


def test_a_missing_package_or_sound_server_is_named(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "soundcard", None)
    with pytest.raises(MissingExtraError, match="soundcard.*pip install .*extra 'live'"):
        live.run(QUIET)
    assert cli.main(["live"]) == 2 and "extra 'live'" in capsys.readouterr().err
    (tmp_path / "soundcard.py").write_text("raise AssertionError")  # as it does where no sound server is
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "soundcard")
    assert cli.main(["live"]) == 2
    assert "no sound server is running: start one (pulseaudio --start)" in capsys.readouterr().err


@covers("live.Meter", "live.DeviceError", "live.devices", "live.run")
@examples(20)
@given(sounds(3), sounds(3))
def test_any_sound_has_a_level(noisy, clean):
    meter = live.Meter()
    meter(noisy, clean)
    assert -99 <= meter.input_db < 130 and -99 <= meter.output_db < 130
    assert "reduced by" in meter.line(0.03)
    assert issubclass(live.DeviceError, OSError)


MISSING = [name for name in ("pulseaudio", "pactl", "paplay", "parecord") if not shutil.which(name)]


@pytest.fixture
def null_sinks(tmp_path):
    """PulseAudio with a silent loudspeaker and a microphone in a room that others play into."""
    if MISSING:
        pytest.skip(f"no {', '.join(MISSING)} (Debian: apt-get install pulseaudio pulseaudio-utils)")
    if not importlib.util.find_spec("soundcard"):  # importing it would look for a sound server here
        pytest.skip("no soundcard (pip install soundcard)")
    runtime = Path(tempfile.mkdtemp(prefix="pulse", dir="/tmp"))  # a socket's path must be short
    own = dict.fromkeys(("PULSE_RUNTIME_PATH", "XDG_RUNTIME_DIR"), str(runtime))
    environment = os.environ | own | {"PULSE_SERVER": f"unix:{runtime}/socket", "HOME": str(tmp_path)}
    environment["PYTHONPATH"] = str(ROOT)
    modules = [
        f"module-native-protocol-unix auth-anonymous=1 socket={runtime}/socket",
        "module-null-sink sink_name=loudspeaker rate=48000", "module-null-sink sink_name=room rate=48000 channels=1",
        "module-remap-source source_name=microphone master=room.monitor "
        "source_properties=device.description=Microphone",
    ]  # fmt: skip
    command = ["pulseaudio", "-n", "--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no"]
    command += [f"--load={module}" for module in modules]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            while not (runtime / "socket").exists():
                assert server.poll() is None, "PulseAudio has ended"
                time.sleep(0.1)
            for choice in ("set-default-sink loudspeaker", "set-default-source microphone"):
                subprocess.run(["pactl", *choice.split()], env=environment, check=True)
            yield environment
        finally:
            server.terminate()
            server.wait()
            shutil.rmtree(runtime, ignore_errors=True)


def hear(command, null_sinks, folder, sound, recognised):
    """Run a program until a sound in the room is heard in the loudspeaker; then interrupt it."""
    soundfile.write(folder / "room.wav", np.resize(sound, 150 * SAMPLE_RATE), SAMPLE_RATE)
    record = ["parecord", "--device=loudspeaker.monitor", "--rate=48000", "--channels=1", "--format=float32le", "--raw"]
    pipe = subprocess.PIPE
    # A script that runs these tests in the background ignores Ctrl-C, and what it starts would too.
    listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with (
        subprocess.Popen(["paplay", "--device=room", folder / "room.wav"], env=null_sinks) as player,
        subprocess.Popen(command, env=null_sinks, cwd=ROOT, stderr=pipe, text=True, preexec_fn=listen) as job,
        subprocess.Popen(record, env=null_sinks, stdout=pipe, stderr=subprocess.DEVNULL) as recorder,
    ):
        try:
            heard, deadline = 0, time.monotonic() + 120
            while heard < 5:
                assert time.monotonic() < deadline and job.poll() is None, "nothing is heard"
                block = np.frombuffer(recorder.stdout.read(4 * 4800), np.float32)
                heard += recognised(block)
        finally:
            player.terminate()
            recorder.terminate()
            said = interrupt(job)
        return said, job.returncode


def interrupt(job):
    """Press Ctrl-C, repeatedly: soundcard loses one that comes in a callback. Returns what was printed."""
    for _ in range(6):
        job.send_signal(signal.SIGINT)
        try:
            return job.communicate(timeout=20)[1]
        except subprocess.TimeoutExpired:
            continue
    job.kill()
    raise AssertionError("Ctrl-C does not end it")


def test_a_voice_goes_through_pulseaudio(null_sinks, tmp_path):
    """Speech at the microphone reaches the loudspeaker, and Ctrl-C ends the command cleanly."""
    command = [sys.executable, "-m", "percepnet_wasm", "live", "--attenuation-limit", "0", "--kernel", "numpy"]

    def recognised(block):
        spectrum = np.abs(np.fft.rfft(block * np.hanning(len(block))))
        return np.sqrt(np.mean(block**2)) > 0.05 and np.argmax(spectrum) in (43, 44, 45)

    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    said, code = hear(command, null_sinks, tmp_path, tone, recognised)
    assert code == 0 and "Microphone -> " in said and "Traceback" not in said
    assert float(said.splitlines()[-1].split()[1]) > 0 and "delay" in said.splitlines()[-2]


def test_the_readmes_live_example_runs(null_sinks, tmp_path):
    """Word for word, with a voice in the room; where nothing plays, the loudspeaker is silent to the last bit."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (example,) = [block for block in blocks if "import soundcard" in block]
    assert len([line for line in example.splitlines() if line]) <= 10
    (tmp_path / "example.py").write_text(example)
    said, _ = hear([sys.executable, tmp_path / "example.py"], null_sinks, tmp_path, talk().noisy, np.any)
    assert said.rstrip().endswith("KeyboardInterrupt")
