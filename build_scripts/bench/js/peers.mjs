/**
 * The other suppressors, each as its package offers it: `process` takes `length` samples at 48 kHz and gives as many back.
 *
 * @typedef {object} Peer
 * @property {number} length
 * @property {(samples: Float32Array) => Float32Array} process what it returns is overwritten by the next call
 * @property {string} kernel
 */

/** Samples of a frame of RNNoise. */
const FRAME = 480;
/** Samples that an AudioWorkletProcessor gets at a time. */
const QUANTUM = 128;
const SAMPLE_RATE = 48000;
/** Full scale of 16-bit samples, which RNNoise wants. */
const INT16 = 32768;

/** By system; each takes the URL of a node_modules folder. @type {Record<string, (folder: string) => Promise<Peer>>} */
export const PEERS = {
  shiguredo: rnnoise,
  sapphi: worklet('rnnoise', 'rnnoise_simd.wasm', 'wasm-simd'),
  gtcrn: worklet('gtcrn', 'gtcrn.wasm', 'wasm'),
};

/** RNNoise 0.2 in its full size. @param {string} folder @returns {Promise<Peer>} */
async function rnnoise(folder) {
  const { Rnnoise } = await import(new URL('@shiguredo/rnnoise-wasm/dist/rnnoise.js', folder).href);
  const state = (await Rnnoise.load()).createDenoiseState();
  const frame = new Float32Array(FRAME);
  return {
    length: FRAME,
    kernel: 'wasm',
    process(samples) {
      for (let i = 0; i < FRAME; i++) frame[i] = INT16 * samples[i];
      state.processFrame(frame);
      for (let i = 0; i < FRAME; i++) frame[i] /= INT16;
      return frame;
    },
  };
}

/**
 * A suppressor of @sapphi-red/web-noise-suppressor: an AudioWorkletProcessor and nothing else, which gets just enough of
 * that world here.
 *
 * @param {string} name of its folder
 * @param {string} wasm
 * @param {string} kernel
 * @returns {(folder: string) => Promise<Peer>}
 */
function worklet(name, wasm, kernel) {
  return async (folder) => {
    const dist = new URL('@sapphi-red/web-noise-suppressor/dist/', folder);
    const wasmBinary = await (await fetch(new URL(wasm, dist))).arrayBuffer();
    /** @type {any} */
    let Processor;
    Object.assign(globalThis, {
      sampleRate: SAMPLE_RATE,
      AudioWorkletProcessor: class {
        port = new EventTarget();
      },
      registerProcessor: (/** @type {string} */ _name, /** @type {unknown} */ made) => (Processor = made),
    });
    await import(new URL(`${name}/workletProcessor.js`, dist).href);
    const processor = new Processor({ processorOptions: { wasmBinary, maxChannels: 1 } });
    while (!processor.processor) await new Promise((resolve) => setTimeout(resolve, 10));
    const output = new Float32Array(QUANTUM);
    return {
      length: QUANTUM,
      kernel,
      process(samples) {
        processor.process([[samples]], [[output]]);
        return output;
      },
    };
  };
}
