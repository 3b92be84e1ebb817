/* Samples in: check them, keep them, transform the newest frames, measure their bands. */
#include "bands.h"
#include "fft.h"
#include "stages.h"
#include "vector.h"

int take_samples(Stream *s) {
    int fresh = s->block * HOP, kept = PAST + WINDOW + FUTURE - HOP;
    f4 peak = all(0);
    for (int k = 0; k < fresh; k += 4) {
        f4 magnitude = (f4)((i4)load(s->input + k) & 0x7fffffff);
        peak = choose(magnitude <= peak, peak, magnitude); /* NaN is not <= anything: it stays */
        if (!(peak[0] <= LOUDEST && peak[1] <= LOUDEST && peak[2] <= LOUDEST && peak[3] <= LOUDEST)) return 1;
    }
    if (peak[0] < SILENT && peak[1] < SILENT && peak[2] < SILENT && peak[3] < SILENT)
        __builtin_memset(s->input, 0, sizeof(float) * fresh);
    __builtin_memmove(s->samples, s->samples + fresh, sizeof(float) * kept);
    __builtin_memcpy(s->samples + kept, s->input, sizeof(float) * fresh);
    __builtin_memmove(s->spectra, row(s->spectra, s->block), sizeof(float) * LOOKAHEAD * 2 * ROW);
    __builtin_memmove(s->energies, s->energies + s->block * BANDS, sizeof(float) * LOOKAHEAD * BANDS);
    for (int frame = 0; frame < s->block; frame++) {
        float *newest = row(s->spectra, LOOKAHEAD + frame);
        split_samples(&s->frame_fft, s->samples + PAST + FUTURE + frame * HOP, s->window);
        real_to_spectrum(&s->frame_fft, newest, newest + ROW);
        band_products(s, newest, newest, s->energies + (LOOKAHEAD + frame) * BANDS);
    }
    return 0;
}
