"""The numbers that define the enhancer's time line; everything else derives from them.

The worklet's copy (``worklet/constants.js``) is generated from this module by
``build_scripts/package/generate_constants.py``.
"""

SAMPLE_RATE = 48000
"""Samples per second; the model works at this rate alone."""

HOP = 480
"""Samples a frame advances: 10 ms, half of WebRTC's usual 20 ms packet."""

WINDOW = 2 * HOP
"""Samples of the analysis and synthesis window: 20 ms, 50 % overlap."""

BINS = WINDOW // 2 + 1
"""Bins of a frame's one-sided spectrum, 50 Hz apart."""

LOOKAHEAD = 2
"""Frames between the newest one received and the output frame (M in the paper)."""

DELAY = HOP * (LOOKAHEAD + 1)
"""Samples from input to output: one hop of overlap-add and LOOKAHEAD frames, 30 ms."""

BAND_TOP_HZ = 20000
"""Upper edge of the last band; the bins above hold its gain."""

LAG_MIN, LAG_MAX = 96, 768
"""Pitch periods searched, in samples: 500 Hz down to 62.5 Hz."""

COMB_TAPS_SIDE = 5
"""Periods the comb filter reaches to either side (11 taps in all)."""

VOICED = 0.3
"""Correlation of the signal at its pitch period from which a frame counts as voiced (LPCNet)."""

ATTENUATION_LIMIT_DB = 40
"""The most by which noise is attenuated by default, in dB: speech that the network takes for noise does not vanish, and
what is left of the noise is hardly heard (build_scripts/train/NOTES.md)."""

DEFAULT_DEPTH = 4 * HOP
"""Samples of buffer between the audio thread and the worker by default: 40 ms, enough for one frame, its computation
and some jitter."""
