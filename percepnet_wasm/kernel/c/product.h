/* Int8 matrix times activations. What differs between the variants is all in product.c; the layout of the packed
   weights is described in kernel/packing.py, which packs them. */
#pragma once

#include "layout.h"

#if defined(__wasm_relaxed_simd__)
typedef uint8_t activation; /* 1 to 127: the instruction takes seven bits */
#else
typedef int16_t activation;
#endif

/* acc[0..rows) = W x; rows is a multiple of 16, columns of 4. */
void product(const Matrix *m, const activation *x, int32_t *acc);

/* Float weights, for what is not bounded: acc[0..rows) = W x, rows a multiple of 16. */
void float_product(const Matrix *m, const float *x, float *acc);

/* Reorder weights from SIMD's order, in which they come, to this variant's, once, and adapt bias and scale. */
void adopt(Matrix *m);

/* Activations in [-1, 1] to what product() takes; count is rounded up to a multiple of 4. */
void quantise(const float *from, activation *to, int count);
