/* Real FFT of even length: a complex FFT of half the length by Stockham's passes, whose results need no reordering, and
   one pass that tells even from odd samples. Real and imaginary parts live in arrays of their own, four bins a vector.
   Radices and twiddles come from Python (kernel/tables.py). */
#include "fft.h"

#include "vector.h"

typedef struct {
    f4 real, imag;
} c4;

static inline c4 plus(c4 a, c4 b) { return (c4){a.real + b.real, a.imag + b.imag}; }
static inline c4 minus(c4 a, c4 b) { return (c4){a.real - b.real, a.imag - b.imag}; }
static inline c4 turn(c4 a) { return (c4){a.imag, -a.real}; } /* times -i */
static inline c4 scale(c4 a, float by) { return (c4){a.real * by, a.imag * by}; }
static inline c4 times(c4 a, c4 b) {
    return (c4){a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real};
}

/* A short transform of `radix` numbers, in place. */
static inline void butterfly(int radix, c4 *x) {
    if (radix == 2) {
        c4 a = x[0];
        x[0] = plus(a, x[1]);
        x[1] = minus(a, x[1]);
    } else if (radix == 3) {
        c4 both = plus(x[1], x[2]), apart = turn(scale(minus(x[1], x[2]), 0.8660254037844386f));
        c4 rest = minus(x[0], scale(both, 0.5f));
        x[0] = plus(x[0], both);
        x[1] = plus(rest, apart);
        x[2] = minus(rest, apart);
    } else if (radix == 4) {
        c4 a = plus(x[0], x[2]), b = minus(x[0], x[2]), c = plus(x[1], x[3]), d = turn(minus(x[1], x[3]));
        x[0] = plus(a, c);
        x[1] = plus(b, d);
        x[2] = minus(a, c);
        x[3] = minus(b, d);
    } else { /* 5; cosines and sines of 72 and 144 degrees */
        const float c1 = 0.30901699437494745f, c2 = -0.8090169943749473f, s1 = 0.9510565162951535f,
                    s2 = 0.5877852522924732f;
        c4 outer = plus(x[1], x[4]), inner = plus(x[2], x[3]), first = x[0];
        c4 outer_apart = minus(x[1], x[4]), inner_apart = minus(x[2], x[3]);
        c4 even1 = plus(first, plus(scale(outer, c1), scale(inner, c2)));
        c4 even2 = plus(first, plus(scale(outer, c2), scale(inner, c1)));
        c4 odd1 = turn(plus(scale(outer_apart, s1), scale(inner_apart, s2)));
        c4 odd2 = turn(minus(scale(outer_apart, s2), scale(inner_apart, s1)));
        x[0] = plus(first, plus(outer, inner));
        x[1] = plus(even1, odd1);
        x[2] = plus(even2, odd2);
        x[3] = minus(even2, odd2);
        x[4] = minus(even1, odd1);
    }
}

/* One pass: `parts` transforms of `radix` for each of `stride` interleaved sequences. twiddles[2 j + c][part]. */
static inline __attribute__((always_inline)) void pass(
    int radix, int parts, int stride, const float *twiddles, const float *restrict from, float *restrict to, int half
) {
    for (int part = 0; part < parts; part++) {
        for (int q = 0; q < stride; q += 4) {
            c4 x[5];
            for (int j = 0; j < radix; j++) {
                const float *at = from + q + stride * (part + parts * j);
                x[j] = (c4){load(at), load(at + half)};
            }
            butterfly(radix, x);
            for (int j = 0; j < radix; j++) {
                if (j) {
                    const float *w = twiddles + 2 * (j - 1) * parts + part;
                    x[j] = times(x[j], (c4){all(w[0]), all(w[parts])});
                }
                float *at = to + q + stride * (radix * part + j);
                store(at, x[j].real);
                store(at + half, x[j].imag);
            }
        }
    }
}

/* The first pass has a stride of 1: each vector takes four parts instead, and a transposition puts them in place. Radix 4. */
static void first_pass(int parts, const float *twiddles, const float *restrict from, float *restrict to, int half) {
    for (int part = 0; part < parts; part += 4) {
        c4 x[4];
        for (int j = 0; j < 4; j++) x[j] = (c4){load(from + part + parts * j), load(from + part + parts * j + half)};
        butterfly(4, x);
        for (int j = 1; j < 4; j++) {
            const float *w = twiddles + 2 * (j - 1) * parts + part;
            x[j] = times(x[j], (c4){load(w), load(w + parts)});
        }
        transpose(&x[0].real, &x[1].real, &x[2].real, &x[3].real);
        transpose(&x[0].imag, &x[1].imag, &x[2].imag, &x[3].imag);
        for (int j = 0; j < 4; j++) {
            store(to + 4 * (part + j), x[j].real);
            store(to + 4 * (part + j) + half, x[j].imag);
        }
    }
}

/* Complex transform of fft->work, real parts first; returns where the result is. */
static float *transform(const Fft *fft) {
    int half = fft->half, stride = 4, parts = half / 4;
    float *from = fft->work, *to = fft->work + 2 * half + 8;
    const float *twiddles = fft->twiddles;
    first_pass(parts, twiddles, from, to, half);
    twiddles += 2 * 3 * parts;
    for (const int32_t *radix = fft->radices + 1; *radix; radix++) {
        float *swap = from;
        from = to;
        to = swap;
        parts /= *radix;
        if (*radix == 2) pass(2, parts, stride, twiddles, from, to, half);
        else if (*radix == 3) pass(3, parts, stride, twiddles, from, to, half);
        else if (*radix == 4) pass(4, parts, stride, twiddles, from, to, half);
        else pass(5, parts, stride, twiddles, from, to, half);
        twiddles += 2 * (*radix - 1) * parts;
        stride *= *radix;
    }
    return to;
}

void split_samples(const Fft *fft, const float *samples, const float *window) {
    float *even = fft->work, *odd = fft->work + fft->half;
    for (int k = 0; k < fft->half; k += 4) {
        f4 a = load(samples + 2 * k), b = load(samples + 2 * k + 4);
        if (window) {
            a *= load(window + 2 * k);
            b *= load(window + 2 * k + 4);
        }
        store(even + k, __builtin_shufflevector(a, b, 0, 2, 4, 6));
        store(odd + k, __builtin_shufflevector(a, b, 1, 3, 5, 7));
    }
}

void real_to_spectrum(const Fft *fft, float *real, float *imag) {
    int half = fft->half;
    float *z = transform(fft), *work = fft->work + 4 * half + 16;
    const float *w = fft->fold;
    /* Bin `half` of the periodic spectrum, so that reading backwards from it needs no special case. */
    float *zr = work, *zi = work + half + 4;
    for (int k = 0; k < half; k += 4) {
        store(zr + k, load(z + k));
        store(zi + k, load(z + half + k));
    }
    zr[half] = zr[0];
    zi[half] = zi[0];
    for (int k = 0; k < half; k += 4) {
        f4 ar = load(zr + k), ai = load(zi + k);
        f4 br = reversed(load(zr + half - k - 3)), bi = -reversed(load(zi + half - k - 3));
        f4 odd_r = (ai - bi) * 0.5f, odd_i = (br - ar) * 0.5f;
        f4 wr = load(w + k), wi = load(w + half + k);
        store(real + k, (ar + br) * 0.5f + wr * odd_r - wi * odd_i);
        store(imag + k, (ai + bi) * 0.5f + wr * odd_i + wi * odd_r);
    }
    real[half] = zr[0] - zi[0];
    imag[half] = 0;
}

void spectrum_to_real(const Fft *fft, const float *real, const float *imag, float *samples) {
    int half = fft->half;
    float *zr = fft->work, *zi = fft->work + half;
    const float *w = fft->fold;
    float by = 0.5f / (float)half;
    for (int k = 0; k < half; k += 4) {
        f4 ar = load(real + k), ai = load(imag + k);
        f4 br = reversed(load(real + half - k - 3)), bi = -reversed(load(imag + half - k - 3));
        f4 wr = load(w + k), wi = -load(w + half + k);
        f4 dr = ar - br, di = ai - bi;
        f4 odd_r = dr * wr - di * wi, odd_i = dr * wi + di * wr;
        /* Real and imaginary parts exchanged: a forward transform of that is the inverse one, exchanged too. */
        store(zi + k, (ar + br - odd_i) * by);
        store(zr + k, (ai + bi + odd_r) * by);
    }
    /* The imaginary parts of the first and the last bin have no meaning for a real signal. */
    zi[0] = (real[0] + real[half]) * by;
    zr[0] = (real[0] - real[half]) * by;
    float *z = transform(fft);
    for (int k = 0; k < half; k += 4) {
        f4 even = load(z + half + k), odd = load(z + k);
        store(samples + 2 * k, __builtin_shufflevector(even, odd, 0, 4, 1, 5));
        store(samples + 2 * k + 4, __builtin_shufflevector(even, odd, 2, 6, 3, 7));
    }
}
