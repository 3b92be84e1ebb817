/**
 * The enhancer's constants. Generated from percepnet_wasm/constants.py and model_file.py by
 * build_scripts/package/generate_constants.py: change them there.
 */

/** Samples per second; the model works at this rate alone. */
export const SAMPLE_RATE = 48000;

/** Samples a frame advances: 10 ms, half of WebRTC's usual 20 ms packet. */
export const HOP = 480;

/** Samples from input to output: one hop of overlap-add and LOOKAHEAD frames, 30 ms. */
export const DELAY = 1440;

/** Pitch periods searched, in samples: 500 Hz down to 62.5 Hz. */
export const LAG_MIN = 96;

/** Pitch periods searched, in samples: 500 Hz down to 62.5 Hz. */
export const LAG_MAX = 768;

/** Correlation of the signal at its pitch period from which a frame counts as voiced (LPCNet). */
export const VOICED = 0.3;

/** The most by which noise is attenuated by default, in dB: speech that the network takes for noise does not vanish, and what is left of the noise is hardly heard (build_scripts/train/NOTES.md). */
export const ATTENUATION_LIMIT_DB = 40;

/** Samples of buffer between the audio thread and the worker by default: 40 ms, enough for one frame, its computation and some jitter. */
export const DEFAULT_DEPTH = 1920;

/** Where each band's gain holds alone; between two tips both share. About one ERB apart. */
export const BAND_TIPS_HZ = [
  100, 200, 300, 400, 500, 600, 700, 800, 900, 1050, 1200, 1400, 1600, 1800, 2050, 2350, 2650, 3000, 3400, 3850, 4350,
  4900, 5500, 6200, 7000, 7850, 8800, 9900, 11150, 12550, 14100, 15850, 17800, 20000,
];

/** The tier that runs unless another is asked for. */
export const DEFAULT_TIER = 'c20';
