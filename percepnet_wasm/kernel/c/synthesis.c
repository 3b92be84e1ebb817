/* Gains and strengths out of the network to samples: postfilter, mix of plain and combed, inverse transform. */
#include "bands.h"
#include "fft.h"
#include "stages.h"
#include "vector.h"

/* x^power for x in [0, 1]; what is too small to be heard becomes 0. */
static f4 power(f4 x, float exponent) {
    return choose(x < 1e-12f, all(0), power_of_two(log_two(larger(x, all(1e-12f))) * exponent));
}

/* network_postfilter() of signal/postfilter.py, from gain[] to out[], both float[BANDS]. */
static void postfilter(const float *gain, const float *energy, float *out) {
    float decisive[BANDS + 4] = {0}, warped[BANDS + 4], before = 0, after = 0;
    for (int band = 0; band < BANDS; band++) decisive[band] = gain[band];
    for (int band = 0; band < BANDS; band += 4) {
        f4 g = power(load(decisive + band), DECISIVENESS);
        store(decisive + band, g);
        store(warped + band, g * power(sine(HALF_PI * g), WARP));
    }
    for (int band = 0; band < BANDS; band++) {
        before += decisive[band] * decisive[band] * energy[band];
        after += warped[band] * warped[band] * energy[band];
    }
    float ratio = (before + TINY) / (after + TINY);
    float compensation = __builtin_sqrtf((1 + BETA) * ratio / (1 + BETA * ratio * ratio));
    for (int band = 0; band < BANDS; band++) out[band] = warped[band] * compensation;
}

/* Average energies of frames with and without voice, as Enhancer.snr_db explains. */
static void track_levels(Stream *s) {
    float with_voice = 0, total = 0, share = 0;
    for (int frame = 0; frame < s->block; frame++) {
        float energy = 0, voice = s->voice[frame * s->voice_stride];
        for (int band = 0; band < BANDS; band++) energy += s->energies[frame * BANDS + band];
        total += energy;
        with_voice += voice * energy;
        share += voice;
    }
    float rest = (float)s->block - share;
    Settings *settings = s->settings;
    f4 keep = power_of_two((f4){share, rest, 0, 0} * SNR_MEMORY_LOG2);
    settings->voiced = keep[0] * settings->voiced + (1 - keep[0]) * with_voice / (share + SNR_TINY);
    settings->unvoiced = keep[1] * settings->unvoiced + (1 - keep[1]) * (total - with_voice) / (rest + SNR_TINY);
}

void synthesise(Stream *s) {
    const float floor = s->settings->floor;
    for (int frame = 0; frame < s->block; frame++) {
        float plain[BANDS], combed[BANDS], plain_bins[ROW], combed_bins[ROW], samples[WINDOW], product[2 * ROW];
        const float *energy = s->energies + frame * BANDS, *combed_energy = s->combed_energy + frame * BANDS;
        const float *coherence = s->coherence + frame * BANDS, *strength = s->strength + frame * s->strength_stride;
        const float *y = row(s->spectra, frame), *p = row(s->combed, frame);
        if (s->settings->postfilter) postfilter(s->gain + frame * s->gain_stride, energy, plain);
        else __builtin_memcpy(plain, s->gain + frame * s->gain_stride, sizeof plain);
        for (int band = 0; band < BANDS; band++) {
            float r = s->settings->comb ? strength[band] : 0;
            float level = plain[band] / __builtin_sqrtf(1 - 2 * r * (1 - r) * (1 - coherence[band]) + TINY);
            float scale = __builtin_sqrtf(energy[band] / (combed_energy[band] + TINY));
            plain[band] = level * (1 - r) * (1 - floor) + floor;
            combed[band] = level * r * scale * (1 - floor);
        }
        interpolate_bands(s, plain, plain_bins);
        interpolate_bands(s, combed, combed_bins);
        for (int k = 0; k < ROW; k += 4) {
            f4 a = load(plain_bins + k), b = load(combed_bins + k);
            store(product + k, load(y + k) * a + load(p + k) * b);
            store(product + ROW + k, load(y + ROW + k) * a + load(p + ROW + k) * b);
        }
        spectrum_to_real(&s->frame_fft, product, product + ROW, samples);
        float *out = s->output + frame * HOP;
        for (int k = 0; k < HOP; k += 4) {
            store(out + k, load(samples + k) * load(s->window + k) + load(s->tail + k));
            store(s->tail + k, load(samples + HOP + k) * load(s->window + HOP + k));
        }
    }
    track_levels(s);
}
