/* The pitch tracker of percepnet_wasm/signal/pitch.py, step by step; the reasons are given there. */
#include "fft.h"
#include "stages.h"
#include "vector.h"

#define SEGMENT (REFERENCE + THIRD_LAG_MAX)
#define LAGS (THIRD_LAG_MAX - THIRD_LAG_MIN + 1)
#define PATH (LAGS + 2 * JUMP)
#define THIRD_HOP (HOP / DECIMATION)

/* out[n] = sum_k line[n + k] taps[k] for `count` outputs, a multiple of 16; added to what is there. */
static void convolve(const float *line, const float *taps, int length, float *out, int count) {
    for (int n = 0; n < count; n += 16) {
        f4 a = load(out + n), b = load(out + n + 4), c = load(out + n + 8), d = load(out + n + 12);
        const float *at = line + n;
        for (int k = 0; k < length; k++, at++) {
            f4 tap = all(taps[k]);
            a += load(at) * tap;
            b += load(at + 4) * tap;
            c += load(at + 8) * tap;
            d += load(at + 12) * tap;
        }
        store(out + n, a);
        store(out + n + 4, b);
        store(out + n + 8, c);
        store(out + n + 12, d);
    }
}

/* Low-pass and keep every third sample: a filter for each third of the samples, on short lines. Then high-pass. */
static void decimate(Stream *s, const float *input) {
    enum { TAIL = LOWPASS_TAPS - DECIMATION, PHASE_TAPS = LOWPASS_TAPS / DECIMATION, RUMBLE_TAIL = HIGHPASS_TAPS - 1 };
    enum { PHASE = THIRD_HOP + TAIL / DECIMATION };
    float phase[PHASE];
    float *line = s->lowpass_line, *thirds = s->highpass_line + RUMBLE_TAIL;
    __builtin_memcpy(line + TAIL, input, sizeof(float) * HOP);
    __builtin_memset(thirds, 0, sizeof(float) * THIRD_HOP);
    for (int p = 0; p < DECIMATION; p++) {
        for (int n = 0; n < PHASE; n++) phase[n] = line[DECIMATION * n + p];
        convolve(phase, s->lowpass + p * PHASE_TAPS, PHASE_TAPS, thirds, THIRD_HOP);
    }
    __builtin_memmove(line, line + HOP, sizeof(float) * TAIL);
    float *newest = s->decimated + SEGMENT - THIRD_HOP;
    __builtin_memmove(s->decimated, s->decimated + THIRD_HOP, sizeof(float) * (SEGMENT - THIRD_HOP));
    __builtin_memset(newest, 0, sizeof(float) * THIRD_HOP);
    convolve(s->highpass_line, s->highpass, HIGHPASS_TAPS, newest, THIRD_HOP);
    __builtin_memmove(s->highpass_line, s->highpass_line + THIRD_HOP, sizeof(float) * RUMBLE_TAIL);
}

/* Spectrum of the segment over |.|^FLATTENING, in place. */
static void flatten(float *real, float *imag) {
    for (int k = 0; k <= SEGMENT / 2; k += 4) {
        f4 re = load(real + k), im = load(imag + k);
        f4 power = larger(re * re + im * im, all(1.2e-38f));
        f4 weight = 1 / (power_of_two(log_two(power) * (FLATTENING / 2)) + TINY);
        store(real + k, re * weight);
        store(imag + k, im * weight);
    }
}

static void correlate(Stream *s, float *restrict out) {
    float real[SEGMENT / 2 + 8], imag[SEGMENT / 2 + 8], reference_real[SEGMENT / 2 + 8], reference_imag[SEGMENT / 2 + 8];
    float flat[SEGMENT], cross[SEGMENT], energy[SEGMENT + 1];
    for (int k = SEGMENT / 2; k < SEGMENT / 2 + 8; k++) real[k] = imag[k] = reference_real[k] = reference_imag[k] = 0;
    split_samples(&s->pitch_fft, s->decimated, 0);
    real_to_spectrum(&s->pitch_fft, real, imag);
    flatten(real, imag);
    spectrum_to_real(&s->pitch_fft, real, imag, flat);
    energy[0] = 0;
    for (int k = 0; k < SEGMENT; k++) energy[k + 1] = energy[k] + flat[k] * flat[k];
    __builtin_memset(flat, 0, sizeof(float) * THIRD_LAG_MAX);
    split_samples(&s->pitch_fft, flat, 0);
    real_to_spectrum(&s->pitch_fft, reference_real, reference_imag);
    for (int k = 0; k <= SEGMENT / 2; k += 4) {
        f4 ar = load(real + k), ai = load(imag + k), br = load(reference_real + k), bi = load(reference_imag + k);
        store(real + k, ar * br + ai * bi);
        store(imag + k, ar * bi - ai * br);
    }
    spectrum_to_real(&s->pitch_fft, real, imag, cross);
    float total = energy[SEGMENT], reference = total - energy[THIRD_LAG_MAX], margin = ROUNDING * total + TINY;
    for (int k = 0; k < LAGS; k++) {
        int oldest = THIRD_LAG_MAX - THIRD_LAG_MIN - k;
        float both = energy[oldest + REFERENCE] - energy[oldest] + reference;
        float score = cross[THIRD_LAG_MIN + k] / ((both > 0 ? both : 0) + margin) * 2;
        score = score < -1 ? -1 : score;
        out[k] = score > 1 ? 1 : score;
    }
}

static void guard_octaves(const float *restrict correlation, float *restrict score) {
    for (int k = 0; k < LAGS; k++) score[k] = correlation[k];
    for (int k = 2 * THIRD_LAG_MIN; k <= THIRD_LAG_MAX; k++) {
        const float *half = correlation + k / 2 - THIRD_LAG_MIN;
        float near = half[0] > half[1] ? half[0] : half[1];
        if (k / 2 > THIRD_LAG_MIN && half[-1] > near) near = half[-1];
        if (score[k - THIRD_LAG_MIN] < near * OCTAVE_RATIO) score[k - THIRD_LAG_MIN] *= OCTAVE_GUARD;
    }
}

static void extend_path(const Stream *s, const float *score, const float *restrict before, float *restrict now) {
    float top = -1e30f, best[LAGS];
    for (int k = 0; k < LAGS; k++) best[k] = -RESTART_COST;
    for (int j = 0; j <= 2 * JUMP; j++) {
        float cost = s->step_cost[j];
        for (int k = 0; k < LAGS; k++) {
            float reached = before[k + j] - cost;
            best[k] = reached > best[k] ? reached : best[k];
        }
    }
    for (int k = 0; k < LAGS; k++) {
        best[k] += score[k];
        top = best[k] > top ? best[k] : top;
    }
    for (int k = 0; k < LAGS; k++) now[JUMP + k] = best[k] - top;
}

static int largest(const float *values, int count) {
    int at = 0;
    for (int k = 1; k < count; k++)
        if (values[k] > values[at]) at = k;
    return at;
}

static int trace_back(const Stream *s, const float *newest) {
    int lag = largest(newest + JUMP, LAGS);
    for (int back = 1; back <= BACKTRACK; back++) {
        const float *path = newest - back * PATH;
        float reached[2 * JUMP + 1];
        for (int j = 0; j <= 2 * JUMP; j++) reached[j] = path[lag + j] - s->step_cost[j];
        int step = largest(reached, 2 * JUMP + 1);
        lag = reached[step] < -RESTART_COST ? largest(path + JUMP, LAGS) : lag + step - JUMP;
    }
    return lag;
}

static int refine(const float *correlation, int lag) {
    int centre = lag < 1 ? 1 : lag > LAGS - 2 ? LAGS - 2 : lag;
    double left = correlation[centre - 1], middle = correlation[centre], right = correlation[centre + 1];
    double curvature = left - 2 * middle + right;
    double shift = curvature < -1e-30 ? (left - right) / (2 * curvature) : 0;
    shift = shift < -1 ? -1 : shift > 1 ? 1 : shift;
    int period = (int)__builtin_roundeven(DECIMATION * (centre + THIRD_LAG_MIN + shift));
    return period < LAG_MIN ? LAG_MIN : period > LAG_MAX ? LAG_MAX : period;
}

void track_pitch(Stream *s) {
    int block = s->block;
    __builtin_memmove(s->correlations, s->correlations + block * LAGS, sizeof(float) * BACKTRACK * LAGS);
    __builtin_memmove(s->paths, s->paths + block * PATH, sizeof(float) * BACKTRACK * PATH);
    for (int frame = 0; frame < block; frame++) {
        float score[LAGS];
        float *correlation = s->correlations + (BACKTRACK + frame) * LAGS, *path = s->paths + (BACKTRACK + frame) * PATH;
        decimate(s, s->input + frame * HOP);
        correlate(s, correlation);
        guard_octaves(correlation, score);
        extend_path(s, score, path - PATH, path);
        int lag = trace_back(s, path);
        s->period[frame] = refine(s->correlations + frame * LAGS, lag);
        s->correlation[frame] = s->correlations[frame * LAGS + lag];
    }
}
