/* The functions that Python and JavaScript call. */
#include "check.h"
#include "product.h"
#include "stages.h"

#define EXPORT __attribute__((visibility("default")))

/* Bytes of Stream and Layer as this compiler lays them out, and which layout.h this was: the caller must agree. */
EXPORT int percepnet_layout(int which) {
    return which == 0 ? (int)sizeof(Stream) : which == 1 ? (int)sizeof(Layer) : LAYOUT;
}

/* Whether a stream stays within its memory: 0, or the number of the check that failed. Its buffers follow its structures. */
EXPORT int percepnet_check(const Stream *s, uintptr_t constants, uintptr_t constants_end, uintptr_t buffers, uintptr_t end) {
    Memory memory = {{constants, constants_end}, {(uintptr_t)s, buffers}, {buffers, end}};
    return check_stream(s, &memory);
}

/* Weights come in SIMD's order: put them into this variant's, once. 0, or the number of the check that failed. */
EXPORT int percepnet_adopt(Matrix *first, int count, uintptr_t constants, uintptr_t constants_end) {
    for (Matrix *m = first; m < first + count; m++) {
        int failed = check_matrix(m, (Range){constants, constants_end});
        if (failed) return failed;
        if (!m->floats) adopt(m);
    }
    return 0;
}

/* Run stages first to last, 0 to 4. A frame needs all of them; the benchmark runs them one by one. 1: bad samples. */
EXPORT int percepnet_run(Stream *s, int first, int last) {
    if (first == 0 && take_samples(s)) return 1;
    if (first <= 1 && last >= 1) track_pitch(s);
    if (first <= 2 && last >= 2) comb_frames(s);
    if (first <= 3 && last >= 3) run_network(s);
    if (first <= 4 && last >= 4) synthesise(s);
    return 0;
}

/* For the self-test: a bare product, and the rounding of activations. */
EXPORT void percepnet_product(const Matrix *m, const void *x, int32_t *acc) { product(m, x, acc); }
EXPORT void percepnet_quantise(const float *from, void *to, int count) { quantise(from, to, count); }
