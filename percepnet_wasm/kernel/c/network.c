/* Runs the program that kernel/program.py makes of a model's layers. Layer by layer, all frames of the block: a layer's
   weights are fetched from memory once for all of them. */
#include "product.h"
#include "stages.h"
#include "vector.h"

/* Collect the layer's inputs of a frame behind the frames that a convolution keeps. */
static void gather(const Layer *layer, int frame) {
    int kept = (layer->kernel - 1) * layer->input_size;
    if (layer->input->floats) {
        float *line = layer->float_line;
        __builtin_memmove(line, line + layer->input_size, sizeof(float) * kept);
        line += kept;
        for (int k = 0; k < layer->source_count; k++) {
            const Source *source = layer->sources + k;
            __builtin_memcpy(line, source->floats + frame * source->stride, sizeof(float) * source->size);
            line += source->size;
        }
    } else {
        activation *line = layer->line;
        __builtin_memmove(line, line + layer->input_size, sizeof(activation) * kept);
        line += kept;
        for (int k = 0; k < layer->source_count; k++) {
            const Source *source = layer->sources + k;
            const activation *from = source->quantised;
            __builtin_memcpy(line, from + frame * source->stride, sizeof(activation) * source->size);
            line += source->size;
        }
    }
}

/* out = W x + bias; both have room for whole groups of 16 rows. */
static void affine(const Matrix *m, const activation *x, const float *floats, float *out) {
    if (m->floats) {
        float_product(m, floats, out);
        for (int k = 0; k < m->rows; k += 4) store(out + k, load(out + k) + load(m->bias + k));
        return;
    }
    product(m, x, (int32_t *)out);
    for (int k = 0; k < m->rows; k += 4) {
        i4 acc;
        __builtin_memcpy(&acc, out + k, sizeof acc);
        store(out + k, __builtin_convertvector(acc, f4) * m->scale + load(m->bias + k));
    }
}

static void dense(const Layer *layer, int frame) {
    float *out = layer->output + frame * layer->stride;
    gather(layer, frame);
    affine(layer->input, layer->line, layer->float_line, out);
    for (int k = 0; k < layer->stride; k += 4)
        store(out + k, layer->sigmoid ? sigmoid_of(load(out + k)) : tanh_of(load(out + k)));
    quantise(out, (activation *)layer->quantised + frame * layer->stride, layer->stride);
}

/* r, z, n are contiguous. */
static void gated(const Layer *layer, int frame) {
    int size = layer->output_size;
    const float *from_input = layer->from_input + frame * layer->gates_stride, *from_state = layer->from_state;
    float *state = layer->state;
    affine(layer->recurrent, layer->quantised_state, 0, layer->from_state);
    for (int k = 0; k < size; k += 4) {
        f4 reset = sigmoid_of(load(from_input + k) + load(from_state + k));
        f4 keep = sigmoid_of(load(from_input + size + k) + load(from_state + size + k));
        f4 fresh = tanh_of(load(from_input + 2 * size + k) + reset * load(from_state + 2 * size + k));
        store(state + k, fresh + keep * (load(state + k) - fresh));
    }
    quantise(state, layer->quantised_state, size);
    __builtin_memcpy(layer->output + frame * layer->stride, state, sizeof(float) * layer->stride);
    __builtin_memcpy((activation *)layer->quantised + frame * layer->stride, layer->quantised_state,
                     sizeof(activation) * layer->stride);
}

void run_network(Stream *s) {
    int count = s->feature_count;
    for (int frame = 0; frame < s->block; frame++)
        for (int k = 0; k < count; k++)
            s->normalised[frame * count + k] = (s->features[frame * count + k] - s->mean[k]) * s->scale[k];
    for (const Layer *layer = s->layers; layer < s->layers + s->layer_count; layer++) {
        if (layer->recurrent) {
            for (int frame = 0; frame < s->block; frame++) {
                gather(layer, frame);
                affine(layer->input, layer->line, layer->float_line, layer->from_input + frame * layer->gates_stride);
            }
            for (int frame = 0; frame < s->block; frame++) gated(layer, frame);
        } else {
            for (int frame = 0; frame < s->block; frame++) dense(layer, frame);
        }
    }
}
