/* What Python calls. */
#include "product.h"
#include "stages.h"

#define EXPORT __attribute__((visibility("default")))

/* Bytes of Stream and Layer as this compiler lays them out: ctypes must agree. */
EXPORT int percepnet_layout(int which) { return which ? (int)sizeof(Layer) : (int)sizeof(Stream); }

/* Stages first to last, 0 to 4. A frame is all of them; the benchmark takes them one by one. 1: bad samples. */
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
