/* Four floats at a time, in clang's vector extensions: SIMD128 in WebAssembly, SSE or NEON in a native build. */
#pragma once

#include <stdint.h>

typedef float f4 __attribute__((vector_size(16)));
typedef int32_t i4 __attribute__((vector_size(16)));
typedef float f4_anywhere __attribute__((vector_size(16), aligned(4), may_alias));

static inline f4 load(const float *at) { return *(const f4_anywhere *)at; }
static inline void store(float *at, f4 v) { *(f4_anywhere *)at = v; }
static inline f4 all(float x) { return (f4){x, x, x, x}; }

static inline f4 choose(i4 mask, f4 yes, f4 no) { return (f4)(((i4)yes & mask) | ((i4)no & ~mask)); }
static inline f4 larger(f4 a, f4 b) { return choose(a < b, b, a); }
static inline f4 smaller(f4 a, f4 b) { return choose(b < a, b, a); }
static inline f4 reversed(f4 v) { return __builtin_shufflevector(v, v, 3, 2, 1, 0); }

static inline void transpose(f4 *a, f4 *b, f4 *c, f4 *d) {
    f4 ab_low = __builtin_shufflevector(*a, *b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(*a, *b, 2, 6, 3, 7);
    f4 cd_low = __builtin_shufflevector(*c, *d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(*c, *d, 2, 6, 3, 7);
    *a = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
    *b = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
    *c = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
    *d = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
}

/* The functions below are accurate to a few units in the last place: their series are cut at float precision. */

static const float LN2 = 0.6931471805599453f, LOG2_E = 1.4426950408889634f;

/* 2^x for |x| < 126. */
static inline f4 power_of_two(f4 x) {
    f4 whole = __builtin_elementwise_roundeven(x);
    f4 y = (x - whole) * LN2;
    f4 series = all(1) + y / 7;
    for (int k = 6; k; k--) series = 1 + y * series * (1.0f / (float)k);
    i4 exponent = (__builtin_convertvector(whole, i4) + 127) << 23;
    return series * (f4)exponent;
}

/* log2(x) for normal positive x. */
static inline f4 log_two(f4 x) {
    i4 bits = (i4)x;
    /* Split where the mantissa would pass sqrt(2), so that it lies on both sides of 1. */
    i4 exponent = (bits - 0x3f3504f3) >> 23;
    f4 mantissa = (f4)(bits - (exponent << 23));
    f4 t = (mantissa - 1) / (mantissa + 1), square = t * t;
    f4 series = 1 + square * (1.0f / 3 + square * (1.0f / 5 + square * (1.0f / 7 + square * (1.0f / 9))));
    return __builtin_convertvector(exponent, f4) + (2 * LOG2_E) * t * series;
}

static inline f4 tanh_of(f4 x) {
    f4 e = power_of_two(smaller(larger(x, all(-10)), all(10)) * (2 * LOG2_E));
    return (e - 1) / (e + 1);
}

static inline f4 sigmoid_of(f4 x) {
    return 1 / (1 + power_of_two(smaller(larger(x, all(-87)), all(87)) * -LOG2_E));
}

/* sin(x) for 0 <= x <= pi/2. */
static inline f4 sine(f4 x) {
    f4 square = x * x, series = all(1);
    for (int k = 12; k; k -= 2) series = 1 - square * series * (1.0f / (float)(k * (k + 1)));
    return x * series;
}
