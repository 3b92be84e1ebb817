#pragma once

#include "layout.h"

/* Spectrum of a real signal of 2 * half samples: even samples in fft->work[0..], odd ones in fft->work[half..].
   The half + 1 bins go to real[] and imag[], which have room for four more. */
void real_to_spectrum(const Fft *fft, float *real, float *imag);

/* The inverse: real[] and imag[] of half + 1 bins to 2 * half samples in order, scaled as by numpy.fft.irfft. */
void spectrum_to_real(const Fft *fft, const float *real, const float *imag, float *samples);

/* Put 2 * half samples where real_to_spectrum expects them, multiplied by window[] unless that is null. */
void split_samples(const Fft *fft, const float *samples, const float *window);
