/* Rows are taken sixteen at a time. For each four columns a group of sixteen holds 64 bytes, in the order in which the
   instructions want them, so that every sum stays in its lane and weights are read once, from start to end. */
#include "product.h"

#include "vector.h"

typedef int8_t b16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef int16_t s8 __attribute__((vector_size(16)));
typedef int8_t b8 __attribute__((vector_size(8)));
typedef int16_t s4 __attribute__((vector_size(8)));
typedef i4 i4_anywhere __attribute__((aligned(4), may_alias));

#if defined(__wasm_relaxed_simd__)
#include <wasm_simd128.h>

/* Four rows of four columns, one row per lane. */
static inline i4 add_products(i4 acc, const int8_t *weights, const activation *x) {
    return (i4)wasm_i32x4_relaxed_dot_i8x16_i7x16_add(wasm_v128_load(weights), wasm_v128_load32_splat(x), (v128_t)acc);
}

/* The instruction's activations are not negative: RELAXED_ZERO represents 0. The biases compensate for it. */
void quantise(const float *from, activation *to, int count) {
    for (int k = 0; k < count; k += 4) {
        i4 q = __builtin_convertvector(__builtin_elementwise_roundeven(load(from + k) * ACTIVATION_RELAXED), i4) + RELAXED_ZERO;
        for (int j = 0; j < 4; j++) to[k + j] = (activation)q[j];
    }
}

/* A quad of rows holds columns 0 and 1 of each, then 2 and 3: row by row instead. A row's sum meets RELAXED_ZERO. */
void adopt(Matrix *m) {
    int8_t *weights = m->weights;
    const uint16_t *columns = m->columns;
    const double scale = (double)m->scale * ACTIVATION_SIMD / ACTIVATION_RELAXED, offset = scale * RELAXED_ZERO;
    for (int row = 0; row < m->rows; row += 16) {
        int32_t sums[16] = {0};
        int blocks = columns ? *columns++ : m->inputs / 4;
        if (columns) columns += blocks;
        for (int quad = 0; quad < 4 * blocks; quad++, weights += 16) {
            b16 w = *(const b16 *)weights;
            w = __builtin_shufflevector(w, w, 0, 1, 8, 9, 2, 3, 10, 11, 4, 5, 12, 13, 6, 7, 14, 15);
            *(b16 *)weights = w;
            for (int k = 0; k < 16; k++) sums[4 * (quad % 4) + k / 4] += w[k];
        }
        for (int k = 0; k < 16; k++)
            m->bias[row + k] = (float)(m->bias[row + k] - sums[k] * offset);
    }
    m->scale = (float)scale;
}

#else

/* Weights come in this order already. */
void adopt(Matrix *m) { (void)m; }

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
static inline i4 pair_products(s8 a, s8 b) { return (i4)wasm_i32x4_dot_i16x8((v128_t)a, (v128_t)b); }
#elif defined(__SSE2__)
#include <emmintrin.h>
static inline i4 pair_products(s8 a, s8 b) { return (i4)_mm_madd_epi16((__m128i)a, (__m128i)b); }
#else
static inline i4 pair_products(s8 a, s8 b) {
    s4 ae = __builtin_shufflevector(a, a, 0, 2, 4, 6), ao = __builtin_shufflevector(a, a, 1, 3, 5, 7);
    s4 be = __builtin_shufflevector(b, b, 0, 2, 4, 6), bo = __builtin_shufflevector(b, b, 1, 3, 5, 7);
    return __builtin_convertvector(ae, i4) * __builtin_convertvector(be, i4)
         + __builtin_convertvector(ao, i4) * __builtin_convertvector(bo, i4);
}
#endif

/* Four rows of two columns, then of the next two. */
static inline i4 add_products(i4 acc, const int8_t *weights, const activation *x) {
    b16 w = *(const b16 *)weights;
    s8 low = __builtin_convertvector(__builtin_shufflevector(w, w, 0, 1, 2, 3, 4, 5, 6, 7), s8);
    s8 high = __builtin_convertvector(__builtin_shufflevector(w, w, 8, 9, 10, 11, 12, 13, 14, 15), s8);
    int32_t first, second;
    __builtin_memcpy(&first, x, 4);
    __builtin_memcpy(&second, x + 2, 4);
    acc += pair_products(low, (s8)(i4){first, first, first, first});
    return acc + pair_products(high, (s8)(i4){second, second, second, second});
}

void quantise(const float *from, activation *to, int count) {
    for (int k = 0; k < count; k += 4) {
        i4 q = __builtin_convertvector(__builtin_elementwise_roundeven(load(from + k) * ACTIVATION_SIMD), i4);
        s4 narrow = __builtin_convertvector(q, s4);
        __builtin_memcpy(to + k, &narrow, sizeof narrow);
    }
}

#endif

void product(const Matrix *m, const activation *x, int32_t *acc) {
    const int8_t *weights = m->weights;
    const uint16_t *columns = m->columns;
    for (int row = 0; row < m->rows; row += 16) {
        i4 a = {0, 0, 0, 0}, b = a, c = a, d = a;
        int blocks = columns ? *columns++ : m->inputs / 4;
        for (int k = 0; k < blocks; k++, weights += 64) {
            const activation *at = x + 4 * (columns ? *columns++ : k);
            a = add_products(a, weights, at);
            b = add_products(b, weights + 16, at);
            c = add_products(c, weights + 32, at);
            d = add_products(d, weights + 48, at);
        }
        *(i4_anywhere *)(acc + row) = a;
        *(i4_anywhere *)(acc + row + 4) = b;
        *(i4_anywhere *)(acc + row + 8) = c;
        *(i4_anywhere *)(acc + row + 12) = d;
    }
}

void float_product(const Matrix *m, const float *x, float *acc) {
    const float *weights = m->floats;
    for (int row = 0; row < m->rows; row += 16) {
        f4 a = all(0), b = a, c = a, d = a;
        for (int k = 0; k < m->inputs; k++, weights += 16) {
            f4 value = all(x[k]);
            a += load(weights) * value;
            b += load(weights + 4) * value;
            c += load(weights + 8) * value;
            d += load(weights + 12) * value;
        }
        store(acc + row, a);
        store(acc + row + 4, b);
        store(acc + row + 8, c);
        store(acc + row + 12, d);
    }
}
