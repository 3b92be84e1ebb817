"""What Python and the kernel's C share: constants and structures, written here once.

``build_scripts/package/build_kernel.py`` writes them to ``c/layout.h``; :func:`structure` lays the same structures out
for addresses of 4 bytes, as WebAssembly has them, or of 8.
"""

import math
import zlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from .. import limits
from ..constants import BINS, COMB_TAPS_SIDE, HOP, LAG_MAX, LAG_MIN, LOOKAHEAD, WINDOW
from ..signal import correlation, features, levels, pitch, postfilter
from ..signal.bands import BANDS
from ..signal.comb import FUTURE, PAST

__all__ = ["ACTIVATION", "CONSTANTS", "LAYOUT", "ROW", "header", "structure"]

ROW = BINS + -BINS % 4
"""Floats in a row of bins, whole vectors."""

ACTIVATION = {"simd": 1 << 14, "native": 1 << 14, "relaxed": 63}
"""What 1 becomes when activations are rounded to integers, by kernel."""

RELAXED_ZERO = 64
"""What stands for 0 in relaxed SIMD's activations, which have no sign."""

CONSTANTS: dict[str, int | float] = {
    "HOP": HOP,
    "WINDOW": WINDOW,
    "ROW": ROW,
    "BANDS": BANDS,
    "LOOKAHEAD": LOOKAHEAD,
    "PAST": PAST,
    "FUTURE": FUTURE,
    "SIDE": COMB_TAPS_SIDE,
    "FEATURES": features.FEATURES,
    "MOST_FEATURES": features.FEATURE_SETS["levels"],
    "ENERGY_FLOOR": float(features.ENERGY_FLOOR),
    "LEVEL_HEARD": float(levels.HEARD),
    "LEVEL_SMOOTHING": float(levels.SMOOTHING),
    "LEVEL_CREEP": float(levels.CREEP),
    "LEVEL_FAR": float(levels.FAR),
    "LEVEL_CATCH_UP": float(levels.CATCH_UP),
    "LEVEL_LOWEST": float(levels.LOWEST),
    "LEVEL_HIGHEST": float(levels.HIGHEST),
    "LOG10_OF_2": math.log10(2),
    "LAG_MIN": LAG_MIN,
    "LAG_MAX": LAG_MAX,
    "DECIMATION": correlation.DECIMATION,
    "THIRD_LAG_MIN": LAG_MIN // correlation.DECIMATION,
    "THIRD_LAG_MAX": LAG_MAX // correlation.DECIMATION,
    "REFERENCE": correlation.REFERENCE,
    "LOWPASS_TAPS": len(correlation.LOWPASS),
    "HIGHPASS_TAPS": len(correlation.HIGHPASS),
    "FLATTENING": correlation.FLATTENING,
    "ROUNDING": float(correlation.ROUNDING),
    "JUMP": pitch.JUMP,
    "BACKTRACK": pitch.BACKTRACK,
    "RESTART_COST": pitch.RESTART_COST,
    "OCTAVE_RATIO": pitch.OCTAVE_RATIO,
    "OCTAVE_GUARD": pitch.OCTAVE_GUARD,
    "TINY": limits.TINY,
    "BETA": postfilter.BETA,
    "DECISIVENESS": postfilter.DECISIVENESS,
    "WARP": postfilter.WARP,
    "HALF_PI": math.pi / 2,
    "LOUDEST": limits.LOUDEST,
    "SILENT": limits.SILENT,
    "SNR_MEMORY_LOG2": math.log2(limits.SNR_MEMORY),
    "SNR_TINY": limits.SNR_TINY,
    "ACTIVATION_SIMD": ACTIVATION["simd"],
    "ACTIVATION_RELAXED": ACTIVATION["relaxed"],
    "RELAXED_ZERO": RELAXED_ZERO,
}

_STRUCTURES = {
    "Fft": """
        int32_t half;              // of the real length
        const int32_t *radices;    // of the passes; the first is 4; ends with 0
        const float *twiddles;     // pass by pass: [radix - 1][real, imaginary][part]
        const float *fold;         // [real, imaginary][half]: turns even and odd samples' spectra into one
        float *work;               // 6 * half + 32
    """,
    "Matrix": """
        int32_t rows;              // multiple of 16
        int32_t inputs;            // multiple of 4 where weights are int8
        int8_t *weights;           // groups of 16 rows, in them 4 columns a time
        const uint16_t *columns;   // block-sparse: each group's count, then the blocks' numbers; null: all
        const float *floats;       // float weights instead: groups of 16 rows, in them column by column
        float *bias;               // [rows]
        float scale;               // of the integer sums
    """,
    "Source": """
        const float *floats;       // [block][stride]
        const void *quantised;     // the same as activations; null for features
        int32_t stride;
        int32_t size;              // of a row, as far as it counts
    """,
    "Layer": """
        const Matrix *input;
        const Matrix *recurrent;   // of a gated unit only; else null
        const Source *sources;
        int32_t source_count;
        int32_t input_size;
        int32_t output_size;
        int32_t kernel;            // frames that the input spans
        int32_t sigmoid;           // else tanh
        int32_t stride;            // of output and quantised
        int32_t gates_stride;
        void *line;                // input of the frames spanned, as activations
        float *float_line;         // the same as floats, where input.floats
        float *output;             // [block][stride]
        void *quantised;           // the same as activations
        float *from_input;         // [block][gates_stride]
        float *from_state;         // [gates_stride]
        float *state;              // [stride]
        void *quantised_state;
    """,
    "Settings": """
        int32_t comb;              // whether to use the comb filter
        int32_t postfilter;        // and the envelope postfilter
        float floor;               // share of the noisy signal mixed back in
        float voiced;              // energy of frames with voice
        float unvoiced;
    """,
    "Stream": """
        int32_t block;             // frames a call
        Settings *settings;        // all that changes here lies in buffers, and no address or size does
        float *input;              // [block * HOP]
        float *output;
        int32_t *period;           // [block], samples
        float *correlation;        // [block]
        Fft frame_fft;
        Fft pitch_fft;
        const float *window;       // [WINDOW]
        const float *rise;         // [ROW]: share of a bin that belongs to the upper of its two bands
        const int32_t *edges;      // [BANDS + 1]
        const float *lowpass;      // [DECIMATION][LOWPASS_TAPS / DECIMATION]
        const float *highpass;     // [HIGHPASS_TAPS]
        const float *step_cost;    // [2 * JUMP + 1]
        const float *taps;         // [SIDE + 1][2 * SIDE + 1], by taps in the future
        const float *octaves;      // [LAG_MAX + 1]
        float *samples;            // [PAST + WINDOW + FUTURE + (block - 1) * HOP]
        float *spectra;            // [LOOKAHEAD + block][real, imaginary][ROW]
        float *energies;           // [LOOKAHEAD + block][BANDS]
        float *lowpass_line;       // [LOWPASS_TAPS - DECIMATION + HOP]
        float *highpass_line;      // [HIGHPASS_TAPS - 1 + HOP / DECIMATION]
        float *decimated;          // [REFERENCE + THIRD_LAG_MAX]
        float *correlations;       // [BACKTRACK + block][lags]
        float *paths;              // [BACKTRACK + block][lags + 2 * JUMP]
        float *combed;             // [block][real, imaginary][ROW]
        float *combed_energy;      // [block][BANDS]
        float *coherence;          // [block][BANDS]
        int32_t feature_count;     // FEATURES, or MOST_FEATURES
        float *levels;             // [smoothed, floor, peak][BANDS], of MOST_FEATURES only
        int32_t *begun;            // [BANDS], whether a band was heard yet
        float *features;           // [block][feature_count]
        float *normalised;         // [block][feature_count]
        const float *mean;         // [feature_count]
        const float *scale;        // [feature_count]
        const Layer *layers;
        int32_t layer_count;
        int32_t gain_stride;
        int32_t strength_stride;
        int32_t voice_stride;
        const float *gain;         // [block][gain_stride]
        const float *strength;
        const float *voice;
        float *tail;               // [HOP]
    """,
}


_SCALARS = {"int32_t": np.dtype(np.int32), "float": np.dtype(np.float32)}


@cache
def structure(name: str, pointer: int) -> np.dtype:
    """Lay a structure out as a C compiler does.

    Parameters
    ----------
    name : str
        Such as ``"Stream"``.
    pointer : {4, 8}
        Bytes of an address.

    Returns
    -------
    numpy.dtype
        Of a record; addresses are unsigned integers.
    """
    fields: list[Any] = []
    for line in _STRUCTURES[name].strip().splitlines():
        declared, _, label = line.split(";")[0].strip().rpartition(" ")
        if label.startswith("*"):
            fields.append((label[1:], f"u{pointer}"))
        else:
            fields.append((label, _SCALARS.get(declared) or structure(declared, pointer)))
    return np.dtype(fields, align=True)


def header() -> str:
    """Write the C header."""
    return (
        "/* Written by build_scripts/package/build_kernel.py from percepnet_wasm/kernel/layout.py; do not edit. */\n"
        f"#pragma once\n\n#include <stdint.h>\n\n#define LAYOUT {LAYOUT}\n{_declarations()}"
    )


def _declarations() -> str:
    parts: list[Sequence[str]] = [[f"#define {name} {_literal(value)}" for name, value in CONSTANTS.items()]]
    for name, text in _STRUCTURES.items():
        fields = (line.strip().replace("// ", "/* ") for line in text.strip().splitlines())
        lines = [f"    {line} */" if "/*" in line else f"    {line}" for line in fields]
        parts.append(["", "typedef struct {", *lines, f"}} {name};"])
    return "\n".join(line for part in parts for line in part) + "\n"


def _literal(value: int | float) -> str:
    return str(value) if isinstance(value, int) else f"{float(np.float32(value))!r}f"


LAYOUT = zlib.crc32(_declarations().encode()) >> 1
"""Number of this layout: a program runs only on a kernel that was compiled with the same."""
