"""What holds for every stage whatever it hears: finite numbers within their ranges; streams equal to whole signals."""

import numpy as np
import pytest
from hostile import bands, covers, cuts, examples, sounds
from hypothesis import given
from hypothesis import strategies as st
from models import random_model

from percepnet_wasm.constants import BINS, DELAY, HOP, LAG_MAX, LAG_MIN, LOOKAHEAD
from percepnet_wasm.engine import NumpyEngine
from percepnet_wasm.enhancer import Enhancer
from percepnet_wasm.kernel import layout, packing
from percepnet_wasm.kernel.tables import FftTables
from percepnet_wasm.network import Network
from percepnet_wasm.offline import enhance
from percepnet_wasm.oracle.ladder import RUNGS, Ladder, ladder
from percepnet_wasm.oracle.targets import Targets, targets
from percepnet_wasm.signal import bands as band_module
from percepnet_wasm.signal import coherence, comb
from percepnet_wasm.signal.analysis import AnalysisState, analyse
from percepnet_wasm.signal.bands import BANDS
from percepnet_wasm.signal.features import FEATURES, features
from percepnet_wasm.signal.pitch import PitchState, track_pitch
from percepnet_wasm.signal.postfilter import BETA, envelope_postfilter, network_postfilter
from percepnet_wasm.signal.stft import IstftState, StftState, istft, overlapping, stft, vorbis_window
from percepnet_wasm.signal.synthesis import synthesise

LOUDEST_BAND = 2.0**66
"""||Y_b||^2 of the loudest samples that are let in: (1e6 * WINDOW / 2)^2 and some more."""
SHARES = bands(0, 1)
ENERGIES = bands(0, LOUDEST_BAND)
periods = st.lists(st.integers(LAG_MIN, LAG_MAX), min_size=12, max_size=12).map(lambda found: np.array(found, np.intp))


def within(values, low, high):
    assert np.isfinite(values).all()
    assert low <= np.min(values) and np.max(values) <= high, (np.min(values), np.max(values))


def pieces(signal, lengths, of=HOP):
    """Cut into stretches of so many hops."""
    return np.split(signal, np.cumsum(lengths)[:-1] * of)


@covers("signal.stft.vorbis_window")
@examples(20)
@given(st.integers(1, 3000))
def test_every_window_is_power_complementary(half):
    window = vorbis_window(2 * half).astype(float)
    np.testing.assert_allclose(window[:half] ** 2 + window[half:] ** 2, 1, atol=1e-6)


@covers("signal.stft.stft", "signal.stft.windowed_fft", "signal.stft.istft", "signal.stft.StftState",
        "signal.stft.IstftState", "signal.state.zeros")  # fmt: skip
@examples(30)
@given(sounds(), st.integers(1, 4))
def test_what_is_analysed_is_put_together_again(samples, block):
    analysis, synthesis = StftState(), IstftState()
    out = [istft(stft(piece, analysis), synthesis) for piece in samples.reshape(-1, block * HOP)]
    np.testing.assert_allclose(np.concatenate(out)[HOP:], samples[:-HOP], atol=3e-6 * np.abs(samples).max() + 1e-38)


@covers("signal.bands.edges", "signal.bands.energies", "signal.bands.spread")
@examples(30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1e-42, 1e-20, 1, LOUDEST_BAND]), SHARES)
def test_bands_share_out_energy_and_gains_stay_between_their_bands(seed, level, gains):
    power = (level * np.random.default_rng(seed).random((3, BINS))).astype(np.float32)
    energies = band_module.energies(power)
    within(energies, 0, np.inf)
    np.testing.assert_allclose(energies.sum(1), power[:, : band_module.edges()[-1] + 1].sum(1), rtol=1e-5, atol=1e-38)
    within(band_module.spread(gains), gains.min() - 1e-6, gains.max() + 1e-6)


@covers("signal.coherence.coherence", "signal.coherence.combed_coherence", "signal.comb.noise_power")
@examples(40)
@given(bands(-1, 1), ENERGIES, ENERGIES, periods)
def test_coherences_are_shares(likeness, energy, combed_energy, period):
    cross = likeness * np.sqrt(energy) * np.sqrt(combed_energy)  # the most there can be (Cauchy-Schwarz)
    q_y = coherence.coherence(cross, energy, combed_energy)
    within(q_y, 0, 1)
    q_p = coherence.combed_coherence(q_y, comb.noise_power(period[: len(q_y)]))
    within(q_p, 0, 1 + 1e-6)
    assert (q_p >= q_y - 1e-6).all(), "the comb makes nothing less periodic"


@covers("signal.coherence.strength", "signal.coherence.attenuation", "signal.coherence.mixed_power")
@examples(60)
@given(SHARES, SHARES, SHARES)
def test_strengths_are_shares_and_powers_are_not_zero(q_x, q_y, q_p):
    r = coherence.strength(q_x, q_y, q_p)
    within(r, 0, 1)
    within(coherence.attenuation(q_x, q_p), 0.15, 1)
    within(coherence.mixed_power(r, q_y), 0.5 - 1e-6, 1 + 1e-6)


@covers("signal.comb.taps", "signal.comb.future_taps")
@examples(50)
@given(st.integers(LAG_MIN, LAG_MAX))
def test_a_comb_reaches_as_far_as_it_may_and_weighs_one(period):
    future = int(comb.future_taps(np.array([period]))[0])
    assert future == 5 or future * period <= LOOKAHEAD * HOP < (future + 1) * period
    assert comb.taps(future).sum() == pytest.approx(1, abs=1e-6)
    within(comb.noise_power(np.array([period])), 0.12, 0.2)


@covers("signal.comb.comb", "signal.comb.CombState")
@examples(20)
@given(sounds(), periods, cuts(12))
def test_combed_frames_do_not_depend_on_the_cuts_nor_add_level(samples, period, lengths):
    combed = comb.comb(samples, period, comb.CombState())
    within(np.abs(combed), 0, np.abs(samples).max() * 1.001)
    state = comb.CombState()
    parts = zip(pieces(samples, lengths), pieces(period, lengths, of=1), strict=True)
    np.testing.assert_array_equal(np.concatenate([comb.comb(*part, state) for part in parts]), combed)


@covers("signal.features.features")
@examples(40)
@given(ENERGIES, SHARES, periods, st.floats(-1, 1, width=32))
def test_features_stay_in_their_ranges(energy, q_y, period, correlation):
    found = features(energy, q_y, period[:3], np.full(3, correlation, np.float32))
    assert found.shape == (3, FEATURES)
    within(found[:, :BANDS], -8, 21)
    within(found[:, BANDS:-1], 0, 1)
    within(found[:, -1], -1, 1)


@covers("signal.postfilter.envelope_postfilter", "signal.postfilter.network_postfilter")
@examples(60)
@given(SHARES, ENERGIES)
def test_the_postfilter_sharpens_and_compensates_no_more_than_it_says(gains, energy):
    filtered = envelope_postfilter(gains, energy)
    most = np.sqrt((1 + BETA) / (2 * np.sqrt(BETA)))
    within(filtered, 0, most * 1.001)
    assert (filtered <= most * 1.001 * gains + 1e-30).all()
    decisive = network_postfilter(gains, energy)
    within(decisive, 0, most * 1.001)
    assert (decisive <= most * 1.001 * gains + 1e-30).all()
    for filtered in (envelope_postfilter, network_postfilter):
        np.testing.assert_allclose(filtered(np.ones_like(gains), energy), 1, rtol=1e-5)


@covers("signal.pitch.track_pitch", "signal.pitch.PitchState", "signal.correlation.correlate",
        "signal.correlation.CorrelationState")  # fmt: skip
@examples(20)
@given(sounds(), cuts(12))
def test_the_pitch_is_sane_and_does_not_depend_on_the_cuts(samples, lengths):
    period, correlation = track_pitch(samples, PitchState())
    within(period, LAG_MIN, LAG_MAX)
    within(correlation, -1, 1)
    state = PitchState()
    found = [track_pitch(piece, state) for piece in pieces(samples, lengths)]
    np.testing.assert_array_equal(np.concatenate([lags for lags, _ in found]), period)


@covers("signal.analysis.analyse", "signal.analysis.Analysis", "signal.analysis.AnalysisState",
        "signal.synthesis.synthesise", "oracle.targets.targets", "oracle.targets.Targets")  # fmt: skip
@examples(25)
@given(sounds(), sounds(), SHARES, SHARES, st.floats(0, 1, width=32))
def test_analysis_targets_and_synthesis_stay_finite(noisy, clean, gains, strengths, floor):
    pitch, heard, spoken, synthesis = PitchState(), AnalysisState(), AnalysisState(), IstftState()
    for _ in range(2):
        period, correlation = track_pitch(noisy, pitch)
        y, x = analyse(noisy, period, heard), analyse(clean, period, spoken)
    within(y.coherence, 0, 1)
    assert np.isfinite(features(y.newest_energy, y.coherence, period, correlation)).all()
    ideal = targets(y, x, period)
    assert isinstance(ideal, Targets)
    for share in (ideal.gain, ideal.plain_gain, ideal.strength):
        within(share, 0, 1)
    assert (ideal.gain <= ideal.plain_gain).all()
    peak = np.abs(noisy).max()
    for gain, strength in ((np.resize(gains, (12, BANDS)), np.resize(strengths, (12, BANDS))), (ideal.gain, None)):
        within(synthesise(y, gain, strength, synthesis, floor), -20 * peak - 1e-30, 20 * peak + 1e-30)


@covers("network.Network", "network.NetworkState")
@examples(20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1e-42, 1, 1e6, 1e12]), st.booleans())
def test_the_network_answers_shares_to_anything(seed, level, quantised):
    rng = np.random.default_rng(seed)
    network = Network(random_model(seed=seed, quantised=quantised))
    state = network.new_state()
    for _ in range(3):
        for share in network((level * rng.standard_normal((4, FEATURES))).astype(np.float32), state):
            within(share, 0, 1)


@covers("oracle.ladder.ladder", "oracle.ladder.Ladder")
@examples(6)
@given(sounds(4), sounds(4), st.integers(1, 4 * HOP), st.sampled_from(["noisy", "clean"]))
def test_the_ladder_stays_finite_and_keeps_the_length(clean, noisy, length, period):
    climbed = ladder(clean[:length], noisy[:length], period=period)
    assert isinstance(climbed, Ladder) and set(climbed.rungs) == set(RUNGS)
    for rung in climbed.rungs.values():
        assert rung.shape == (length,) and np.isfinite(rung).all()
    within(climbed.gains, 0, 1)


@covers("enhancer.Enhancer", "engine.NumpyEngine", "engine.StreamState", "engine.track_levels")
@examples(25)
@given(sounds(), st.data())
def test_streams_stay_finite_and_bad_frames_leave_no_trace(samples, data):
    model = random_model(seed=5)
    disturbed, undisturbed = Enhancer(model, attenuation_limit_db=np.inf), NumpyEngine(model, 1)
    peak = 0.0
    for frame in samples.reshape(-1, HOP):
        if data.draw(st.booleans()):
            bad = frame.copy()
            bad[data.draw(st.integers(0, HOP - 1))] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf, 2e6, -3e38]))
            with pytest.raises(ValueError, match=r"^frame must be finite and within ±1 full scale; frame\[\d+\] is "):
                disturbed.process(bad)
        out = disturbed.process(frame)
        peak = max(peak, np.abs(frame).max())
        within(out, -20 * peak, 20 * peak)
        if disturbed.kernel == "numpy":
            np.testing.assert_array_equal(out, undisturbed.process(frame))
    within(disturbed.snr_db, -60, 60)


@covers("offline.enhance")
@examples(15)
@given(sounds(10, level=st.sampled_from([1e-4, 0.5])), st.integers(1, 10 * HOP), st.sampled_from([1, 2, 5, 10]))
def test_whole_signals_and_streams_in_any_blocks_are_the_same(samples, length, block):
    model = random_model(seed=6)
    whole = enhance(samples[:length], model, kernel="numpy")
    assert whole.shape == (length,) and whole.dtype == np.float32
    padded = np.zeros(20 * HOP, np.float32)
    padded[:length] = samples[:length]
    stream = Enhancer(model, block=block, kernel="numpy")
    out = np.concatenate([stream.process(piece) for piece in padded.reshape(-1, block * HOP)])
    np.testing.assert_allclose(out[DELAY : DELAY + length], whole, atol=2e-5)


@covers("signal.stft.overlapping")
@examples(40)
@given(st.integers(0, 60), st.integers(1, 20), st.integers(1, 25))
def test_overlapping_frames_are_all_the_whole_ones(samples, length, step):
    signal = np.arange(samples, dtype=np.float32)
    found = overlapping(signal, length, step)
    starts = range(0, samples - length + 1, step)
    assert found.tolist() == [signal[start : start + length].tolist() for start in starts]


@covers("kernel.tables.FftTables")
@examples(60)
@given(st.integers(1, 700))
def test_fft_tables_multiply_up_to_their_length_or_say_which_lengths_do(eighths):
    try:
        tables = FftTables(8 * eighths)
    except ValueError as error:
        assert f"length must be 8 times a product of 2, 3, 4 and 5, not {8 * eighths}" in str(error)
        assert any(eighths % prime == 0 for prime in range(7, eighths + 1) if all(prime % d for d in (2, 3, 5)))
        return
    assert tables.radices[-1] == 0
    assert np.prod(tables.radices[:-1]) == tables.half == 4 * eighths
    within(tables.twiddles, -1, 1)


@covers("kernel.packing.pack", "kernel.packing.unpack", "kernel.layout.header")
@examples(40)
@given(st.integers(1, 50), st.integers(1, 50), st.floats(0, 1))
def test_packing_keeps_every_weight_and_says_where_the_others_were(rows, inputs, density):
    rng = np.random.default_rng(rows * inputs)
    steps = (rng.integers(-127, 128, (rows, inputs)) * (rng.random((rows, inputs)) < density)).astype(np.int8)
    weights, columns = packing.pack(steps)
    assert sorted(weights[weights != 0]) == sorted(steps[steps != 0])
    np.testing.assert_array_equal(packing.unpack(weights, columns, steps.shape), steps)
    groups, blocks = -(-rows // 16), -(-inputs // 4)
    if columns is None:
        assert weights.size == groups * blocks * 64
    else:
        assert columns.size == groups + weights.size // 64 and (columns <= blocks).all()
    assert layout.header() == layout.header()
