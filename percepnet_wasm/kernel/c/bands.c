/* Triangular bands. Between two tips every bin belongs to two bands: by s->rise[bin] to the upper, else to the lower. */
#include "bands.h"

#include "vector.h"

void band_products(const Stream *s, const float *a, const float *b, float *out) {
    float product[ROW], upper[ROW];
    for (int k = 0; k < ROW; k += 4) {
        f4 p = load(a + k) * load(b + k) + load(a + ROW + k) * load(b + ROW + k);
        store(product + k, p);
        store(upper + k, p * load(s->rise + k));
    }
    for (int band = 0; band < BANDS; band++) out[band] = 0;
    for (int band = 0; band < BANDS; band++) {
        float whole = 0, rising = 0;
        for (int k = s->edges[band]; k < s->edges[band + 1]; k++) {
            whole += product[k];
            rising += upper[k];
        }
        out[band] += rising;
        if (band) out[band - 1] += whole - rising;
    }
    out[BANDS - 1] += product[s->edges[BANDS]];
}

void interpolate_bands(const Stream *s, const float *values, float *out) {
    for (int band = 0; band < BANDS; band++) {
        float low = values[band ? band - 1 : 0], step = values[band] - low;
        for (int k = s->edges[band]; k < s->edges[band + 1]; k++) out[k] = low + step * s->rise[k];
    }
    for (int k = s->edges[BANDS]; k < ROW; k++) out[k] = values[BANDS - 1];
}
