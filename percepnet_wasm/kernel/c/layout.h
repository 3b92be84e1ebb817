/* Written by build_scripts/package/build_kernel.py from percepnet_wasm/kernel/layout.py; do not edit. */
#pragma once

#include <stdint.h>

#define LAYOUT 1434014551
#define HOP 480
#define WINDOW 960
#define ROW 484
#define BANDS 34
#define LOOKAHEAD 2
#define PAST 3840
#define FUTURE 960
#define SIDE 5
#define FEATURES 70
#define MOST_FEATURES 138
#define ENERGY_FLOOR 9.600000083764826e-08f
#define LEVEL_HEARD -6.71669864654541f
#define LEVEL_SMOOTHING 0.30000001192092896f
#define LEVEL_CREEP 0.003000000026077032f
#define LEVEL_FAR 1.5f
#define LEVEL_CATCH_UP 0.012000000104308128f
#define LEVEL_LOWEST -2.0f
#define LEVEL_HIGHEST 4.0f
#define LOG10_OF_2 0.3010300099849701f
#define LAG_MIN 96
#define LAG_MAX 768
#define DECIMATION 3
#define THIRD_LAG_MIN 32
#define THIRD_LAG_MAX 256
#define REFERENCE 512
#define LOWPASS_TAPS 48
#define HIGHPASS_TAPS 256
#define FLATTENING 0.20000000298023224f
#define ROUNDING 9.999999747378752e-06f
#define JUMP 4
#define BACKTRACK 1
#define RESTART_COST 0.699999988079071f
#define OCTAVE_RATIO 1.100000023841858f
#define OCTAVE_GUARD 0.75f
#define TINY 1.0000000031710769e-30f
#define BETA 0.019999999552965164f
#define DECISIVENESS 1.25f
#define WARP 0.25f
#define HALF_PI 1.5707963705062866f
#define LOUDEST 1000000.0f
#define SILENT 1.000000045813705e-18f
#define SNR_MEMORY_LOG2 -0.0291463453322649f
#define SNR_TINY 9.999999682655225e-21f
#define ACTIVATION_SIMD 16384
#define ACTIVATION_RELAXED 63
#define RELAXED_ZERO 64

typedef struct {
    int32_t half;              /* of the real length */
    const int32_t *radices;    /* of the passes; the first is 4; ends with 0 */
    const float *twiddles;     /* pass by pass: [radix - 1][real, imaginary][part] */
    const float *fold;         /* [real, imaginary][half]: turns even and odd samples' spectra into one */
    float *work;               /* 6 * half + 32 */
} Fft;

typedef struct {
    int32_t rows;              /* multiple of 16 */
    int32_t inputs;            /* multiple of 4 where weights are int8 */
    int8_t *weights;           /* groups of 16 rows, in them 4 columns a time */
    const uint16_t *columns;   /* block-sparse: each group's count, then the blocks' numbers; null: all */
    const float *floats;       /* float weights instead: groups of 16 rows, in them column by column */
    float *bias;               /* [rows] */
    float scale;               /* of the integer sums */
} Matrix;

typedef struct {
    const float *floats;       /* [block][stride] */
    const void *quantised;     /* the same as activations; null for features */
    int32_t stride;
    int32_t size;              /* of a row, as far as it counts */
} Source;

typedef struct {
    const Matrix *input;
    const Matrix *recurrent;   /* of a gated unit only; else null */
    const Source *sources;
    int32_t source_count;
    int32_t input_size;
    int32_t output_size;
    int32_t kernel;            /* frames that the input spans */
    int32_t sigmoid;           /* else tanh */
    int32_t stride;            /* of output and quantised */
    int32_t gates_stride;
    void *line;                /* input of the frames spanned, as activations */
    float *float_line;         /* the same as floats, where input.floats */
    float *output;             /* [block][stride] */
    void *quantised;           /* the same as activations */
    float *from_input;         /* [block][gates_stride] */
    float *from_state;         /* [gates_stride] */
    float *state;              /* [stride] */
    void *quantised_state;
} Layer;

typedef struct {
    int32_t comb;              /* whether to use the comb filter */
    int32_t postfilter;        /* and the envelope postfilter */
    float floor;               /* share of the noisy signal mixed back in */
    float voiced;              /* energy of frames with voice */
    float unvoiced;
} Settings;

typedef struct {
    int32_t block;             /* frames a call */
    Settings *settings;        /* all that changes here lies in buffers, and no address or size does */
    float *input;              /* [block * HOP] */
    float *output;
    int32_t *period;           /* [block], samples */
    float *correlation;        /* [block] */
    Fft frame_fft;
    Fft pitch_fft;
    const float *window;       /* [WINDOW] */
    const float *rise;         /* [ROW]: share of a bin that belongs to the upper of its two bands */
    const int32_t *edges;      /* [BANDS + 1] */
    const float *lowpass;      /* [DECIMATION][LOWPASS_TAPS / DECIMATION] */
    const float *highpass;     /* [HIGHPASS_TAPS] */
    const float *step_cost;    /* [2 * JUMP + 1] */
    const float *taps;         /* [SIDE + 1][2 * SIDE + 1], by taps in the future */
    const float *octaves;      /* [LAG_MAX + 1] */
    float *samples;            /* [PAST + WINDOW + FUTURE + (block - 1) * HOP] */
    float *spectra;            /* [LOOKAHEAD + block][real, imaginary][ROW] */
    float *energies;           /* [LOOKAHEAD + block][BANDS] */
    float *lowpass_line;       /* [LOWPASS_TAPS - DECIMATION + HOP] */
    float *highpass_line;      /* [HIGHPASS_TAPS - 1 + HOP / DECIMATION] */
    float *decimated;          /* [REFERENCE + THIRD_LAG_MAX] */
    float *correlations;       /* [BACKTRACK + block][lags] */
    float *paths;              /* [BACKTRACK + block][lags + 2 * JUMP] */
    float *combed;             /* [block][real, imaginary][ROW] */
    float *combed_energy;      /* [block][BANDS] */
    float *coherence;          /* [block][BANDS] */
    int32_t feature_count;     /* FEATURES, or MOST_FEATURES */
    float *levels;             /* [smoothed, floor, peak][BANDS], of MOST_FEATURES only */
    int32_t *begun;            /* [BANDS], whether a band was heard yet */
    float *features;           /* [block][feature_count] */
    float *normalised;         /* [block][feature_count] */
    const float *mean;         /* [feature_count] */
    const float *scale;        /* [feature_count] */
    const Layer *layers;
    int32_t layer_count;
    int32_t gain_stride;
    int32_t strength_stride;
    int32_t voice_stride;
    const float *gain;         /* [block][gain_stride] */
    const float *strength;
    const float *voice;
    float *tail;               /* [HOP] */
} Stream;
