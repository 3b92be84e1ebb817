"""The oracle ladder: aligned, the same numbers the network learns from, each rung better where it should be."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from signals import noise, speech_like, talk

from percepnet_wasm.constants import DELAY, HOP, LAG_MAX, LOOKAHEAD, SAMPLE_RATE
from percepnet_wasm.oracle import ladder as ladder_module
from percepnet_wasm.oracle.ladder import MAIN_RUNGS, RUNGS, ladder
from percepnet_wasm.oracle.measures import si_sdr, voiced_frames, voiced_scores
from percepnet_wasm.oracle.targets import targets
from percepnet_wasm.signal.analysis import AnalysisState, analyse
from percepnet_wasm.signal.pitch import PitchState, track_pitch

ROOT = Path(__file__).parents[2]
BENCH = Path(os.environ.get("PERCEPNET_BENCH", ROOT.parent / "shared" / "bench" / "dev"))


@pytest.fixture(scope="module")
def clip():
    """Synthetic speech with generated noise at 3 dB."""
    return talk(3.0)


@pytest.fixture(scope="module")
def climbed(clip):
    return ladder(clip.clean, clip.noisy)


@pytest.mark.parametrize("period", ["noisy", "clean"])
@pytest.mark.parametrize("length", [1, 479, 480, 1441, 64 * HOP, 64 * HOP - DELAY, 48007])
def test_without_noise_every_rung_is_the_clean_signal_where_it_was(length, period):
    clean = speech_like(1.1)[:length] + noise(1.1, 0.001)[:length]
    rungs = ladder(clean, clean, period=period).rungs
    assert tuple(rungs) == tuple(RUNGS)
    for name, signal in rungs.items():
        assert signal.shape == clean.shape and signal.dtype == np.float32
        np.testing.assert_allclose(signal, clean, atol=2e-6, err_msg=name)


def test_rungs_keep_to_the_clean_signals_clock(clip, climbed):
    for name, signal in climbed.rungs.items():
        spectrum = np.fft.rfft(signal, 2 * len(signal)) * np.fft.rfft(clip.clean, 2 * len(signal)).conj()
        assert np.argmax(np.fft.irfft(spectrum)) == 0, name


def test_silence_stays_silence():
    zeros, mix = np.zeros(5000, np.float32), noise(0.2)[:5000]
    for clean, noisy in ((zeros, mix), (zeros, zeros)):
        with np.errstate(all="raise", under="ignore"):
            rungs = ladder(clean, noisy).rungs
        for name, signal in rungs.items():
            assert not signal.any(), name


def test_gains_are_the_training_targets(clip, climbed):
    """One call over the whole signal, as training makes them, gives the same frames."""
    count = len(clip.clean) // HOP + 1 + LOOKAHEAD
    clean, noisy = (np.pad(s, (0, count * HOP - len(s))) for s in (clip.clean, clip.noisy))
    period, _ = track_pitch(noisy, PitchState())
    whole = targets(*(analyse(signal, period, AnalysisState()) for signal in (noisy, clean)), period)
    np.testing.assert_array_equal(climbed.period, period[LOOKAHEAD:])
    np.testing.assert_allclose(climbed.plain_gains, whole.plain_gain[LOOKAHEAD:], atol=1e-4)
    np.testing.assert_allclose(climbed.gains, whole.gain[LOOKAHEAD:], atol=1e-3)
    # A strength amplifies the last digits of nearly equal coherences.
    assert np.mean(np.abs(climbed.strengths - whole.strength[LOOKAHEAD:])) < 1e-4


def test_frames_are_centred_on_their_hop():
    """Speech that begins at frame 30's centre reaches the window of frame 30, and not the one before."""
    mix = noise(1.0)
    clean = mix.copy()
    clean[: 30 * HOP] = 0
    gains = ladder(clean, mix).plain_gains
    assert gains.shape[0] == len(mix) // HOP + 1
    assert not gains[:30].any()
    assert gains[30].mean() == pytest.approx(np.sqrt(0.5), abs=0.15)
    np.testing.assert_allclose(gains[31:-1], 1, atol=1e-5)


def test_block_length_does_not_matter(clip, climbed, monkeypatch):
    monkeypatch.setattr(ladder_module, "_BLOCK", 7)
    stretch = slice(0, 2 * SAMPLE_RATE)
    short = ladder(clip.clean[stretch], clip.noisy[stretch])
    settled = slice(0, 2 * SAMPLE_RATE - 10 * HOP)
    for name in RUNGS:
        np.testing.assert_allclose(short.rungs[name][settled], climbed.rungs[name][settled], atol=1e-5, err_msg=name)


def test_every_rung_beats_the_noisy_input(clip, climbed):
    before = si_sdr(clip.clean, clip.noisy)
    for name, signal in climbed.rungs.items():
        assert si_sdr(clip.clean, signal) > before + 3, name


def test_comb_beats_gains_alone_on_voiced_frames(clip, climbed):
    voiced = voiced_frames(clip.clean)
    assert 0.2 < voiced.mean() < 0.8
    plain, combed = (voiced_scores(clip.clean, climbed.rungs[name], voiced) for name in ("2-gains", "3-comb"))
    assert combed["voiced_snr"] > plain["voiced_snr"] + 0.3
    assert combed["voiced_lsd"] < plain["voiced_lsd"] - 0.2


def test_knowing_the_pitch_helps_the_comb(clip, climbed):
    voiced = voiced_frames(clip.clean)
    told = ladder(clip.clean, clip.noisy, period="clean")
    ours, best = (voiced_scores(clip.clean, c.rungs["3-comb"], voiced) for c in (climbed, told))
    assert best["voiced_snr"] > ours["voiced_snr"]
    assert np.any(told.period != climbed.period)


def test_postfilter_lowers_the_noise_floor_and_keeps_the_level(climbed):
    """Bands that are mostly noise sink; the loud ones, which carry the level, do not."""
    before, after = (_band_energies(climbed.rungs[name]) for name in ("3-comb", "4-postfilter"))
    noisy_bands = (climbed.gains > 0.02) & (climbed.gains < 0.3)
    drop = 10 * np.log10(before[noisy_bands].sum() / after[noisy_bands].sum())
    assert drop > 3
    assert 10 * np.log10(after.sum() / before.sum()) == pytest.approx(0, abs=1)


def test_attenuation_never_raises_a_gain(climbed):
    assert np.all(climbed.gains <= climbed.plain_gains)
    assert np.any(climbed.gains < climbed.plain_gains)
    assert np.all((climbed.strengths >= 0) & (climbed.strengths <= 1))


def test_the_postfilter_lowers_what_is_noisy_and_restores_the_frames_energy(climbed):
    noisy_bands = (climbed.gains > 0) & (climbed.gains < 0.3)
    assert np.mean(climbed.postfilter_gains[noisy_bands] < climbed.gains[noisy_bands]) > 0.9
    assert climbed.postfilter_gains.max() > 1


def test_progress_reaches_the_end():
    seen = []
    ladder(noise(2.0), noise(2.0), progress=lambda done, total: seen.append((done, total)))
    assert len(seen) > 2 and seen == sorted(seen)
    assert seen[-1] == (2 * SAMPLE_RATE, 2 * SAMPLE_RATE)


@pytest.mark.parametrize(
    ("clean", "noisy", "words"),
    [
        (np.zeros((10, 2)), np.zeros(10), r"clean must be of shape \(samples,\).*\(10, 2\)"),
        (np.zeros(10), np.zeros(0), r"noisy must be .* not empty; its shape is \(0,\)"),
        (np.zeros(10), np.zeros(11), "of equal length, not 10 and 11 samples"),
        (np.zeros(10), np.array([0, 0, np.nan]), r"noisy must be finite .*; noisy\[2\] is nan"),
    ],
)
def test_bad_signals_are_named(clean, noisy, words):
    with pytest.raises(ValueError, match=words):
        ladder(clean, noisy)


def test_bad_period_is_named():
    with pytest.raises(ValueError, match="period must be 'noisy' or 'clean', not 'both'"):
        ladder(np.zeros(10), np.zeros(10), period="both")


def test_numpy_is_all_it_needs():
    """The web page runs the oracle with nothing else installed."""
    others = "scipy soundfile soxr tqdm pesq pystoi speechmos librosa matplotlib pandas torch".split()
    block = f"import sys; sys.modules.update(dict.fromkeys({others}))"
    code = f"{block}; import percepnet_wasm.oracle.ladder, percepnet_wasm.oracle.measures"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.skipif(not BENCH.is_dir(), reason=f"no development mixes at {BENCH} (PERCEPNET_BENCH)")
def test_comb_beats_gains_on_natural_speech():
    soundfile = pytest.importorskip("soundfile")
    rows = {name: [] for name in MAIN_RUNGS}
    for file in sorted((BENCH / "noisy").iterdir())[::6]:
        clean, noisy = (soundfile.read(BENCH / kind / file.name, dtype="float32")[0] for kind in ("clean", "noisy"))
        voiced = voiced_frames(clean)
        rungs = ladder(clean, noisy).rungs
        for name in MAIN_RUNGS:
            rows[name].append(list(voiced_scores(clean, rungs[name], voiced).values()))
    (gains_snr, gains_lsd), (comb_snr, comb_lsd) = (np.mean(rows[name], axis=0) for name in ("2-gains", "3-comb"))
    assert comb_snr > gains_snr + 0.3
    assert comb_lsd < gains_lsd - 0.2


def _band_energies(signal):
    """Energies of the frames centred on every hop, (frames, BANDS)."""
    count = len(signal) // HOP + 1 + LOOKAHEAD
    padded = np.pad(signal, (0, count * HOP - len(signal)))
    return analyse(padded, np.full(count, LAG_MAX), AnalysisState()).energy[LOOKAHEAD:]
