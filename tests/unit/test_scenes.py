"""Every augmentation of a training scene does what the table says: its property is measured on ten draws."""

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from scenery import BANDWIDTH_HZ, HELD_OUT, corpora, voice, write_corpus

from build_scripts.train import scenes
from build_scripts.train.activity import active_level, frame_power
from build_scripts.train.corpus import Corpus
from build_scripts.train.scene_table import AUGMENTATIONS, NOTES, Plan, draw_plan, markdown
from build_scripts.train.scenes import Scene, SceneMixer
from build_scripts.train.sources import HELD_OUT_NOISE, HELD_OUT_SPEECH
from percepnet_wasm.constants import HOP, SAMPLE_RATE

FRAMES = 1000
"""Ten seconds are enough here."""
QUIET: Plan = {"no_noise": 0, "pause_first": 0, "microphone_level": -26}
NOISY: Plan = {"pause_first": 0, "microphone_level": -40}


@pytest.fixture(scope="module")
def mixer(tmp_path_factory: pytest.TempPathFactory) -> SceneMixer:
    """Synthetic talkers before a background of steady white noise, which can be measured."""
    made = SceneMixer(*corpora(tmp_path_factory.mktemp("audio")), [], frames=FRAMES)
    white = np.random.default_rng(0).standard_normal(20 * SAMPLE_RATE).astype(np.float32)
    made._backgrounds.draw = lambda rng, length: white[:length]  # type: ignore
    return made


def db(ratio: float) -> float:
    """Decibels of a ratio of amplitudes."""
    return 20 * float(np.log10(ratio))


def rms(signal: np.ndarray) -> float:
    """Of a whole signal."""
    return float(np.sqrt(np.mean(signal.astype(float) ** 2)))


def longest_silence(signal: np.ndarray) -> tuple[int, int]:
    """First and last sample of the longest run of exact zeros."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], signal == 0, [0])).astype(int)))
    runs = edges.reshape(-1, 2)
    return tuple(max(runs, key=lambda run: run[1] - run[0])) if len(runs) else (0, 0)


def loudness_db(scene: Scene, frame: int, span: int = 3) -> float:
    """Level of the loudest of some clean frames relative to the loud frames."""
    power = frame_power(scene.clean)
    return 10 * float(np.log10(power[frame : frame + span].max() / np.quantile(power, 0.95) + 1e-12))


def above_db(signal: np.ndarray, hertz: float) -> float:
    """Density of the energy well above a frequency relative to that below it."""
    power = np.abs(np.fft.rfft(signal)) ** 2
    frequency = np.fft.rfftfreq(len(signal), 1 / SAMPLE_RATE)
    return 10 * float(np.log10(power[frequency > 1.3 * hertz].mean() / power[frequency < 0.7 * hertz].mean()))


def starts_in_word(scene: Scene, value: float) -> None:
    assert loudness_db(scene, 0) > AUGMENTATIONS["start_in_word"].low - 3
    assert scene.noisy[:HOP].any()


def noise_comes_first(scene: Scene, value: float) -> None:
    first = int(np.argmax(scene.clean != 0)) / SAMPLE_RATE
    assert value - 0.01 <= first < value + 1
    assert frame_power(scene.noisy)[: int(100 * value)].min() > 0


def starts_muted(scene: Scene, value: float) -> None:
    first, last = longest_silence(scene.noisy)
    kind = AUGMENTATIONS["muted_start"]
    assert first == 0 and kind.low - 0.01 <= last / SAMPLE_RATE <= kind.high + 0.01
    assert loudness_db(scene, last // HOP, 60) > -20, "speech comes soon after"


def is_muted(scene: Scene, value: float) -> None:
    first, last = longest_silence(scene.noisy)
    assert (last - first) / SAMPLE_RATE == pytest.approx(value, abs=0.01)
    assert first > 0 and not scene.clean[first:last].any()
    assert loudness_db(scene, last // HOP, 60) > -20, "speech comes soon after"


def has_snr(scene: Scene, value: float) -> None:
    assert db(active_level(scene.clean) / rms(scene.noisy - scene.clean)) == pytest.approx(value, abs=2)


def has_no_noise(scene: Scene, value: float) -> None:
    np.testing.assert_array_equal(scene.noisy, scene.clean)


def has_room_tone(scene: Scene, value: float) -> None:
    assert frame_power(scene.noisy).min() > 0, "no digital silence"
    assert db(rms(scene.noisy - scene.clean) / active_level(scene.clean)) == pytest.approx(value, abs=1.5)


def has_no_speech(scene: Scene, value: float) -> None:
    assert not scene.clean.any() and scene.noisy.any()


def steps_by(sign: int) -> Callable[[Scene, float], None]:
    def check(scene: Scene, value: float) -> None:
        assert scene.level is not None
        change = int(np.argmax(scene.level != 1))
        before, after = scene.clean[:change], scene.clean[change + SAMPLE_RATE // 10 :]
        assert 0 < change < len(scene.clean) - SAMPLE_RATE
        assert db(active_level(after) / active_level(before)) == pytest.approx(sign * value, abs=3)

    return check


def noise_steps_by(sign: int) -> Callable[[Scene, float], None]:
    def check(scene: Scene, value: float) -> None:
        noise = scene.noisy - scene.clean
        step = db(rms(noise[-2 * SAMPLE_RATE :]) / rms(noise[: 2 * SAMPLE_RATE]))
        assert step == pytest.approx(sign * value, abs=1)

    return check


def is_telephone(scene: Scene, value: float) -> None:
    assert above_db(scene.noisy, value) < -25
    assert above_db(scene.clean, value) < -25


def is_telephone_voice(scene: Scene, value: float) -> None:
    assert above_db(scene.clean, value) < -25
    assert above_db(scene.noisy - scene.clean, value) > -3, "the room is as wide as it was"


def is_low_passed(scene: Scene, value: float) -> None:
    noise = scene.noisy - scene.clean
    power = np.abs(np.fft.rfft(noise)) ** 2
    frequency = np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE)
    passed = power[frequency < 0.8 * value].mean()
    assert power[np.abs(frequency - 1.15 * value) < 0.05 * value].mean() < passed / 10
    assert power[np.abs(frequency - 0.8 * value) < 0.05 * value].mean() > passed / 2


def is_high_passed(scene: Scene, value: float) -> None:
    power = np.abs(np.fft.rfft(scene.noisy - scene.clean)) ** 2
    frequency = np.fft.rfftfreq(len(scene.noisy), 1 / SAMPLE_RATE)
    assert power[frequency < 0.6 * value].mean() < 0.05 * power[(frequency > 2 * value) & (frequency < 8000)].mean()


def has_level(scene: Scene, value: float) -> None:
    level = db(active_level(scene.noisy))
    limited = np.abs(scene.noisy).max() > 0.98
    assert level <= value + 0.1 if limited else level == pytest.approx(value, abs=0.1)


def is_clipped(scene: Scene, value: float) -> None:
    limit = np.abs(scene.noisy).max()
    assert (np.abs(scene.noisy) > 0.999 * limit).sum() > 3, "the peaks are flat"
    assert limit / np.abs(scene.clean).max() == pytest.approx(value, abs=0.01)


def has_offset(scene: Scene, value: float) -> None:
    assert np.mean(scene.noisy - scene.clean) == pytest.approx(value, abs=1e-4)


def is_rounded(scene: Scene, value: float) -> None:
    steps = scene.noisy * 2.0 ** (value - 1)
    np.testing.assert_array_equal(steps, np.rint(steps))


def plays_at_speed(scene: Scene, value: float) -> None:
    assert scene.bandwidth_hz == pytest.approx(value * BANDWIDTH_HZ)


def has_response(scene: Scene, value: float) -> None:
    assert scene.clean.any()  # the response itself is measured in test_training.py


def pauses_first(scene: Scene, value: float) -> None:
    first = int(np.argmax(scene.clean != 0)) / SAMPLE_RATE
    assert value - 0.01 <= first < value + 1


CHECKS: dict[str, tuple[Plan, Callable[[Scene, float], None]]] = {
    "start_in_word": ({"no_noise": 0, "microphone_level": -26}, starts_in_word),
    "noise_first": ({"snr": 10, "microphone_level": -40}, noise_comes_first),
    "muted_start": ({"snr": 20, "microphone_level": -40}, starts_muted),
    "mute": ({"snr": 20, "microphone_level": -40}, is_muted),
    "pause_first": ({"no_noise": 0, "microphone_level": -26}, pauses_first),
    "snr": (NOISY, has_snr),
    "steady_noise": (NOISY, has_snr),
    "high_snr": (NOISY, has_snr),
    "no_noise": ({"pause_first": 0, "microphone_level": -26}, has_no_noise),
    "room_tone": (QUIET, has_room_tone),
    "no_speech": (NOISY | {"snr": 10}, has_no_speech),
    "level_drop": (QUIET, steps_by(-1)),
    "level_rise": (QUIET, steps_by(1)),
    "second_talker": (QUIET, steps_by(-1)),
    "noise_rise": (NOISY | {"snr": 10}, noise_steps_by(1)),
    "noise_drop": (NOISY | {"snr": 10}, noise_steps_by(-1)),
    "telephone": (NOISY, is_telephone),
    "telephone_mu_law": (NOISY, lambda scene, value: is_telephone(scene, 4000)),
    "telephone_voice": (NOISY, is_telephone_voice),
    "low_pass": (NOISY | {"snr": 0}, is_low_passed),
    "high_pass": (NOISY | {"snr": 0}, is_high_passed),
    "microphone_level": ({"snr": 10, "pause_first": 0}, has_level),
    "clipping": (QUIET | {"microphone_level": -20}, is_clipped),
    "offset": (QUIET, has_offset),
    "rounding": (NOISY | {"snr": 10}, is_rounded),
    "talker_speed": (QUIET, plays_at_speed),
    "talker_response": (QUIET, has_response),
}
"""What else happens in the scene, and what must hold of it, by augmentation."""
ELSEWHERE = {"held_vowel", "sung_vowel", "laughter", "room"}
"""Measured in tests of their own."""


def draws(mixer: SceneMixer, name: str, others: Plan) -> Iterator[tuple[Scene, float]]:
    """Ten scenes with an augmentation whose value is drawn from the table, and that value."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        value = AUGMENTATIONS[name].draw(rng)
        yield mixer.make(rng, others | {name: value}), value


def test_every_augmentation_is_measured() -> None:
    assert set(AUGMENTATIONS) == set(CHECKS) | ELSEWHERE


@pytest.mark.parametrize("name", CHECKS)
def test_augmentation(mixer: SceneMixer, name: str) -> None:
    """Ten draws have the property, and everything that a scene promises."""
    others, check = CHECKS[name]
    for scene, value in draws(mixer, name, others):
        assert scene.noisy.shape == scene.clean.shape == (FRAMES * HOP,)
        assert scene.noisy.dtype == scene.clean.dtype == np.float32
        assert np.isfinite(scene.noisy).all() and np.abs(scene.noisy).max() <= 1.03
        check(scene, value)


def test_without_a_room_tone_there_is_digital_silence(mixer: SceneMixer) -> None:
    """This is the purpose of the room tone."""
    scene = mixer.make(np.random.default_rng(0), QUIET)
    assert frame_power(scene.noisy).min() == 0


def test_the_laughter_of_a_recording_is_speech(tmp_path) -> None:
    """It is in the target; a talker without any keeps speaking."""
    rng = np.random.default_rng(0)
    time = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    laugh = (0.1 * np.sin(2 * np.pi * 3000 * time) * (np.sin(2 * np.pi * 4 * time) > 0)).astype(np.float32)
    talker = {"speaker": "a", "source": "piper", "floor_db": "50"}
    clips = [(talker | {"kind": "natural"}, voice(rng, 9)), (talker | {"kind": "laughter"}, laugh)]
    speech = Corpus([write_corpus(tmp_path / "speech", clips)], tmp_path / "cache")
    noise = Corpus([write_corpus(tmp_path / "noise", [({}, laugh)])], tmp_path / "cache")
    made = SceneMixer(speech, noise, [])
    for with_laughter in (True, False):
        for seed in range(5):
            plan = QUIET | ({"laughter": 0.0} if with_laughter else {})
            start = made.make(np.random.default_rng(seed), plan).clean[: 3 * SAMPLE_RATE]
            spectrum = np.abs(np.fft.rfft(start))
            at = np.fft.rfftfreq(len(start), 1 / SAMPLE_RATE)
            laughs = spectrum[np.abs(at - 3000) < 20].max() > 3 * spectrum[np.abs(at - 300) < 250].max()
            assert laughs == with_laughter


@pytest.mark.parametrize(("notes", "name"), [(1, "held_vowel"), (4, "sung_vowel")])
def test_vowels_are_held_and_sung(notes: int, name: str) -> None:
    """As long as asked, at one pitch with a little vibrato or at several."""
    pytest.importorskip("pyworld", reason="pyworld comes with the extra 'train'")
    parselmouth = pytest.importorskip("parselmouth")
    from build_scripts.train.singing import hold_vowel

    for seed in range(10):
        rng = np.random.default_rng(seed)
        note_s = AUGMENTATIONS[name].draw(rng)
        held = hold_vowel(rng, voice(rng, 2.0, 150), note_s, notes)
        assert len(held) / SAMPLE_RATE == pytest.approx(notes * note_s, abs=0.05) and held.dtype == np.float32
        pitch = parselmouth.Sound(held.astype(float), SAMPLE_RATE).to_pitch(pitch_floor=60).selected_array["frequency"]
        voiced = pitch[pitch > 0]
        assert len(voiced) > 0.7 * len(pitch)
        spread = 12 * np.log2(np.quantile(voiced, 0.9) / np.quantile(voiced, 0.1))
        assert spread < 1.5 if notes == 1 else spread < 14
    assert len(hold_vowel(np.random.default_rng(0), np.zeros(SAMPLE_RATE, np.float32), 1, 1)) == 0, "no vowel, no note"


def test_rooms_reach_the_scene_and_shorten_in_the_target(tmp_path) -> None:
    """The wet speech has the tail of the response, the target a shorter one."""
    response = np.zeros(SAMPLE_RATE, np.float32)
    rng = np.random.default_rng(3)
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    response[:] = 0.1 * rng.standard_normal(SAMPLE_RATE) * 10 ** (-3 * time / 0.8)
    response[40] = 3
    made = SceneMixer(*corpora(tmp_path), [response])
    for seed in range(10):
        scene = made.make(np.random.default_rng(seed), QUIET | {"room": 0.8})
        late = scene.noisy - scene.clean
        assert -40 < db(rms(late) / rms(scene.noisy)) < -3


def test_plans_follow_the_shares_and_groups_exclude_each_other() -> None:
    rng = np.random.default_rng(0)
    count = 4000
    plans = [draw_plan(rng) for _ in range(count)]
    seen = Counter(name for plan in plans for name in plan)
    for name, kind in AUGMENTATIONS.items():
        spread = 5 * np.sqrt(kind.share * (1 - kind.share) / count)
        assert seen[name] / count == pytest.approx(kind.share, abs=spread + 1e-9), name
        assert all(kind.low <= plan[name] <= kind.high for plan in plans if name in plan)
    for plan in plans:
        groups = Counter(AUGMENTATIONS[name].group for name in plan if AUGMENTATIONS[name].group)
        assert max(groups.values()) == 1
        assert groups["start"] == groups["noise"] == 1, "every scene starts somehow and has some noise or none"


def test_the_notes_show_the_table_and_the_sources_kept_out() -> None:
    """``python -m build_scripts.train.scene_table`` updates it."""
    notes = NOTES.read_text()
    assert markdown() in notes
    for name in HELD_OUT_SPEECH + HELD_OUT_NOISE:
        assert f"`{name}`" in notes


def test_random_scenes_of_either_side_stay_with_their_sources(tmp_path) -> None:
    for held_out in (False, True):
        made = SceneMixer(*corpora(tmp_path / str(held_out)), [], held_out)
        clips = [clip for talker in made.voices.talkers.values() for clip in talker]
        assert {any(name in clip.source for name in HELD_OUT) for clip in clips} == {held_out}
        for seed in range(3):
            scene = made.draw(np.random.default_rng(seed))
            assert np.isfinite(scene.noisy).all() and np.isfinite(scene.clean).all()
    assert scenes.FRAMES % scenes.PIECE == 0, "scenes are read in whole pieces"
