/* The stages of a frame, in order. Each processes all frames of the block; s holds everything passed between them. */
#pragma once

#include "layout.h"

int take_samples(Stream *s); /* stft.c; 1 if a sample is not finite or too loud: nothing has changed then */
void track_pitch(Stream *s); /* pitch.c */
void comb_frames(Stream *s); /* comb.c */
void run_network(Stream *s); /* network.c */
void synthesise(Stream *s);  /* synthesis.c */

static inline float *row(float *spectra, int frame) { return spectra + 2 * ROW * frame; }
