/* Refuses a program that would access memory that is not its own, or never end. Program images come over the network:
   before any part of one runs, every address, size and count that a frame relies on is checked here, where the structures
   are known. A frame writes only to the buffers, and no address, size or count is read from those. */
#include "check.h"

#define MOST_FRAMES 1000
#define MOST_LAYERS 64
#define WIDEST (1 << 16)
#define SLACK 4 /* vectors may reach beyond the end by less */

/* The line number says which check failed. */
#define REQUIRE(condition) \
    if (!(condition)) return __LINE__
#define FORWARD(check) \
    for (int failed = (check); failed;) return failed

static int within(const void *start, uint64_t size, Range range) {
    uintptr_t at = (uintptr_t)start;
    return at % 4 == 0 && at >= range.from && at <= range.to && size <= range.to - at;
}

static int numbers(const void *start, uint64_t count, Range range) { return within(start, 4 * count, range); }

static int room(const void *start, uint64_t count, const Memory *memory) {
    return numbers(start, count + SLACK, memory->buffers);
}

/* Activations take one byte or two; there is room for two. */
static int activations(const void *start, uint64_t count, const Memory *memory) {
    return within(start, 2 * count, memory->buffers);
}

static int fits(int value, int least, int most) { return value >= least && value <= most; }

int check_matrix(const Matrix *m, Range constants) {
    REQUIRE(within(m, sizeof *m, constants));
    REQUIRE(fits(m->rows, 16, WIDEST) && m->rows % 16 == 0 && fits(m->inputs, 1, WIDEST));
    REQUIRE(numbers(m->bias, m->rows, constants));
    if (m->floats) {
        REQUIRE(numbers(m->floats, (uint64_t)m->rows * m->inputs, constants));
        return 0;
    }
    REQUIRE(m->inputs % 4 == 0);
    uint64_t across = m->inputs / 4, blocks = m->rows / 16 * across;
    if (m->columns) {
        REQUIRE(within(m->columns, 2, constants));
        const uint16_t *at = m->columns, *end = at + (constants.to - (uintptr_t)at) / 2;
        blocks = 0;
        for (int group = 0; group < m->rows / 16; group++) {
            REQUIRE(at < end && *at <= across && *at < end - at);
            blocks += *at;
            for (int left = *at++; left; left--) REQUIRE(*at++ < across);
        }
    }
    REQUIRE(within(m->weights, 64 * blocks, constants));
    return 0;
}

static int check_fft(const Fft *fft, int length, const Memory *memory) {
    REQUIRE(fft->half == length / 2);
    REQUIRE(numbers(fft->radices, 1, memory->constants) && fft->radices[0] == 4);
    int parts = fft->half, numbers_needed = 0, end = 0;
    for (; parts > 1; end++) {
        REQUIRE(numbers(fft->radices + end, 2, memory->constants));
        int radix = fft->radices[end];
        REQUIRE(fits(radix, 2, 5) && parts % radix == 0);
        parts /= radix;
        numbers_needed += 2 * (radix - 1) * parts;
    }
    REQUIRE(fft->radices[end] == 0);
    REQUIRE(numbers(fft->twiddles, numbers_needed, memory->constants));
    REQUIRE(numbers(fft->fold, 2 * fft->half, memory->constants));
    REQUIRE(room(fft->work, 6 * fft->half + 32, memory));
    return 0;
}

static int check_tables(const Stream *s, const Memory *memory) {
    Range constants = memory->constants;
    REQUIRE(numbers(s->window, WINDOW, constants));
    REQUIRE(numbers(s->rise, ROW, constants));
    REQUIRE(numbers(s->edges, BANDS + 1, constants));
    for (int band = 0; band < BANDS; band++) REQUIRE(fits(s->edges[band], 0, s->edges[band + 1]));
    REQUIRE(s->edges[BANDS] < ROW);
    REQUIRE(numbers(s->lowpass, LOWPASS_TAPS, constants));
    REQUIRE(numbers(s->highpass, HIGHPASS_TAPS, constants));
    REQUIRE(numbers(s->step_cost, 2 * JUMP + 1, constants));
    REQUIRE(numbers(s->taps, (SIDE + 1) * (2 * SIDE + 1), constants));
    REQUIRE(numbers(s->octaves, LAG_MAX + 1, constants));
    REQUIRE(numbers(s->mean, s->feature_count, constants));
    REQUIRE(numbers(s->scale, s->feature_count, constants));
    FORWARD(check_fft(&s->frame_fft, WINDOW, memory));
    FORWARD(check_fft(&s->pitch_fft, REFERENCE + THIRD_LAG_MAX, memory));
    return 0;
}

static int check_buffers(const Stream *s, const Memory *memory) {
    uint64_t block = s->block, lags = THIRD_LAG_MAX - THIRD_LAG_MIN + 1;
    REQUIRE(numbers(s->settings, sizeof *s->settings / 4, memory->buffers));
    REQUIRE(room(s->input, block * HOP, memory) && room(s->output, block * HOP, memory));
    REQUIRE(room(s->period, block, memory) && room(s->correlation, block, memory));
    REQUIRE(room(s->samples, PAST + WINDOW + FUTURE + (block - 1) * HOP, memory));
    REQUIRE(room(s->spectra, (LOOKAHEAD + block) * 2 * ROW, memory));
    REQUIRE(room(s->energies, (LOOKAHEAD + block) * BANDS, memory));
    REQUIRE(room(s->lowpass_line, LOWPASS_TAPS - DECIMATION + HOP, memory));
    REQUIRE(room(s->highpass_line, HIGHPASS_TAPS - 1 + HOP / DECIMATION, memory));
    REQUIRE(room(s->decimated, REFERENCE + THIRD_LAG_MAX, memory));
    REQUIRE(room(s->correlations, (BACKTRACK + block) * lags, memory));
    REQUIRE(room(s->paths, (BACKTRACK + block) * (lags + 2 * JUMP), memory));
    REQUIRE(room(s->combed, block * 2 * ROW, memory));
    REQUIRE(room(s->combed_energy, block * BANDS, memory) && room(s->coherence, block * BANDS, memory));
    REQUIRE(room(s->features, block * s->feature_count, memory));
    REQUIRE(room(s->normalised, block * s->feature_count, memory));
    REQUIRE(room(s->levels, 3 * BANDS, memory) && room(s->begun, BANDS, memory));
    REQUIRE(room(s->tail, HOP, memory));
    return 0;
}

static int check_layer(const Layer *layer, uint64_t block, const Memory *memory) {
    const Matrix *input = layer->input, *recurrent = layer->recurrent;
    FORWARD(check_matrix(input, memory->constants));
    REQUIRE(fits(layer->source_count, 1, MOST_LAYERS));
    REQUIRE(within(layer->sources, layer->source_count * sizeof(Source), memory->structures));
    int64_t width = 0;
    for (const Source *source = layer->sources; source < layer->sources + layer->source_count; source++) {
        REQUIRE(fits(source->size, 1, WIDEST) && fits(source->stride, 0, WIDEST));
        uint64_t extent = (block - 1) * source->stride + source->size;
        REQUIRE(room(source->floats, extent, memory));
        REQUIRE(input->floats || activations(source->quantised, extent, memory));
        width += source->size;
    }
    REQUIRE(width == layer->input_size && fits(layer->kernel, 1, MOST_LAYERS));
    uint64_t span = (uint64_t)layer->kernel * width;
    REQUIRE(span <= WIDEST && input->inputs <= (int)span + 3);
    REQUIRE(room(layer->float_line, span, memory) && activations(layer->line, span + SLACK, memory));
    uint64_t stride = layer->stride;
    REQUIRE(fits(layer->stride, 4, WIDEST) && stride % 4 == 0 && fits(layer->output_size, 1, layer->stride));
    REQUIRE(room(layer->output, block * stride, memory) && activations(layer->quantised, block * stride, memory));
    if (!recurrent) {
        REQUIRE(input->rows <= layer->stride);
        return 0;
    }
    FORWARD(check_matrix(recurrent, memory->constants));
    REQUIRE(!recurrent->floats && recurrent->inputs <= layer->stride);
    REQUIRE(fits(layer->gates_stride, 3 * layer->output_size + SLACK, 4 * WIDEST));
    REQUIRE(input->rows <= layer->gates_stride && recurrent->rows <= layer->gates_stride);
    REQUIRE(room(layer->from_input, block * layer->gates_stride, memory));
    REQUIRE(room(layer->from_state, layer->gates_stride, memory));
    REQUIRE(room(layer->state, stride, memory) && activations(layer->quantised_state, stride, memory));
    return 0;
}

int check_stream(const Stream *s, const Memory *memory) {
    REQUIRE(within(s, sizeof *s, memory->structures));
    REQUIRE(fits(s->block, 1, MOST_FRAMES) && (s->feature_count == FEATURES || s->feature_count == MOST_FEATURES));
    FORWARD(check_tables(s, memory));
    FORWARD(check_buffers(s, memory));
    REQUIRE(fits(s->layer_count, 1, MOST_LAYERS));
    REQUIRE(within(s->layers, s->layer_count * sizeof(Layer), memory->structures));
    for (const Layer *layer = s->layers; layer < s->layers + s->layer_count; layer++)
        FORWARD(check_layer(layer, s->block, memory));
    REQUIRE(fits(s->gain_stride, BANDS, WIDEST) && room(s->gain, (uint64_t)s->block * s->gain_stride, memory));
    REQUIRE(fits(s->strength_stride, BANDS, WIDEST));
    REQUIRE(room(s->strength, (uint64_t)s->block * s->strength_stride, memory));
    REQUIRE(fits(s->voice_stride, 1, WIDEST) && room(s->voice, (uint64_t)s->block * s->voice_stride, memory));
    return 0;
}
