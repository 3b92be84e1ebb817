#pragma once

#include "layout.h"

/* Sums of Re(a conj b) over the bands, float[BANDS]. */
void band_products(const Stream *s, const float *a, const float *b, float *out);

/* Band values, float[BANDS], to bins, float[ROW]. */
void interpolate_bands(const Stream *s, const float *values, float *out);
