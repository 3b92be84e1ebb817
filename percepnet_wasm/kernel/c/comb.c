/* The comb filter, the coherence in each band, and the network's features. */
#include "bands.h"
#include "fft.h"
#include "stages.h"
#include "vector.h"

static void comb(const Stream *s, int frame, int period, float *restrict out) {
    int future = FUTURE / period < SIDE ? FUTURE / period : SIDE;
    const float *taps = s->taps + future * (2 * SIDE + 1);
    const float *oldest = s->samples + PAST + frame * HOP - SIDE * period;
    for (int k = 0; k < WINDOW; k += 16) {
        f4 a = all(0), b = a, c = a, d = a;
        const float *at = oldest + k;
        for (int tap = 0; tap <= SIDE + future; tap++, at += period) {
            f4 weight = all(taps[tap]);
            a += load(at) * weight;
            b += load(at + 4) * weight;
            c += load(at + 8) * weight;
            d += load(at + 12) * weight;
        }
        store(out + k, a);
        store(out + k + 4, b);
        store(out + k + 8, c);
        store(out + k + 12, d);
    }
}

static float within(float x, float lowest, float highest) {
    x = x > lowest ? x : lowest;
    return x < highest ? x : highest;
}

/* relative_levels() of signal/levels.py, for one frame. */
static void track_levels(Stream *s, const float *energy, float *above, float *below) {
    float *smooth = s->levels, *floor = smooth + BANDS, *peak = floor + BANDS;
    for (int band = 0; band < BANDS; band++) {
        float level = energy[band];
        if (level > LEVEL_HEARD && !s->begun[band]) {
            smooth[band] = floor[band] = peak[band] = level;
            s->begun[band] = 1;
        } else if (level > LEVEL_HEARD) {
            smooth[band] += LEVEL_SMOOTHING * (level - smooth[band]);
            float raised = floor[band] + (smooth[band] - floor[band] > LEVEL_FAR ? LEVEL_CATCH_UP : LEVEL_CREEP);
            float lowered = peak[band] - LEVEL_CREEP;
            floor[band] = raised < smooth[band] ? raised : smooth[band];
            peak[band] = lowered > smooth[band] ? lowered : smooth[band];
        }
        above[band] = s->begun[band] ? within(level - floor[band], LEVEL_LOWEST, LEVEL_HIGHEST) : 0;
        below[band] = s->begun[band] ? within(level - peak[band], -LEVEL_HIGHEST, -LEVEL_LOWEST) : 0;
    }
}

static void describe(Stream *s, int frame) {
    float *features = s->features + frame * s->feature_count;
    const float *newest = s->energies + (LOOKAHEAD + frame) * BANDS, *coherence = s->coherence + frame * BANDS;
    float energy[BANDS + 4];
    for (int band = 0; band < BANDS; band++) energy[band] = newest[band] + ENERGY_FLOOR;
    for (int band = BANDS; band < BANDS + 4; band++) energy[band] = 1;
    for (int band = 0; band < BANDS; band += 4) store(energy + band, log_two(load(energy + band)) * LOG10_OF_2);
    for (int band = 0; band < BANDS; band++) {
        features[band] = energy[band];
        features[BANDS + band] = coherence[band];
    }
    features[2 * BANDS] = s->octaves[s->period[frame]];
    features[2 * BANDS + 1] = s->correlation[frame];
    if (s->feature_count > FEATURES) track_levels(s, energy, features + FEATURES, features + FEATURES + BANDS);
}

void comb_frames(Stream *s) {
    for (int frame = 0; frame < s->block; frame++) {
        float combed[WINDOW], cross[BANDS];
        float *spectrum = row(s->combed, frame), *energy = s->combed_energy + frame * BANDS;
        comb(s, frame, s->period[frame], combed);
        split_samples(&s->frame_fft, combed, s->window);
        real_to_spectrum(&s->frame_fft, spectrum, spectrum + ROW);
        band_products(s, spectrum, spectrum, energy);
        band_products(s, row(s->spectra, frame), spectrum, cross);
        for (int band = 0; band < BANDS; band++) {
            float plain = s->energies[frame * BANDS + band];
            float norm = __builtin_sqrtf(plain) * __builtin_sqrtf(energy[band]) + TINY;
            float q = (cross[band] > 0 ? cross[band] : 0) / norm;
            s->coherence[frame * BANDS + band] = q < 1 ? q : 1;
        }
        describe(s, frame);
    }
}
