/**
 * A Python Enhancer as JavaScript sees it. Samples are written to and read from NumPy's memory directly, without a Python object
 * per frame.
 *
 * release() destroys everything obtained from Python: proxies and buffers are not garbage-collected.
 */
import { HOP } from './constants.js';

/**
 * What the enhancer did to the frame that it output last.
 *
 * @typedef {object} Frame
 * @property {Float32Array} gains of the bands, 0 to 1
 * @property {Float32Array} strengths of the comb filter in the bands, 0 to 1
 * @property {number} period of the pitch in samples
 * @property {number} correlation of the signal at that period; VOICED (constants.js) or more means voiced
 * @property {number} voice probability of speech, 0 to 1
 * @property {number} frame its number, counted from when the node was connected
 */

/** @typedef {import('./pump.js').FrameEnhancer} FrameEnhancer */

/** @implements {FrameEnhancer} */
export class Enhancer {
  #proxy;
  #step;
  #reset;
  #input;
  #output;

  /** @param {any} proxy PyProxy of percepnet_wasm.Enhancer, one frame per call; owned by this object from now on */
  constructor(proxy) {
    this.#proxy = proxy;
    this.#step = proxy.step;
    this.#reset = proxy.reset;
    this.#input = new HeapView(proxy.input);
    this.#output = new HeapView(proxy.output);
    const info = proxy.info();
    /** What runs: version, tier, weights, kernel, kernels_refused, ... @type {Record<string, any>} */
    this.info = info.toJs({ dict_converter: Object.fromEntries });
    info.destroy();
  }

  input = () => this.#input.samples();

  output = () => this.#output.samples();

  step() {
    this.#step();
  }

  reset() {
    this.#reset();
  }

  /** The most by which noise is reduced, dB. Frames overlap by half, so a change is cross-faded over 10 ms. @param {number} limit */
  set attenuationLimit(limit) {
    this.#proxy.attenuation_limit_db = limit;
  }

  /** What the enhancer estimates about the input; slow to read. */
  observe() {
    return { voiceActivity: Number(this.#proxy.voice_activity), snr: Number(this.#proxy.snr_db) };
  }

  /** @returns {Omit<Frame, 'frame'>} copies */
  frame() {
    const proxy = this.#proxy;
    return {
      gains: copyOf(proxy.gains),
      strengths: copyOf(proxy.strengths),
      period: proxy.period,
      correlation: proxy.correlation,
      voice: proxy.voice_activity,
    };
  }

  release() {
    this.#input.release();
    this.#output.release();
    for (const proxy of [this.#step, this.#reset, this.#proxy]) proxy.destroy();
  }
}

/** A NumPy array's own memory. When the WebAssembly heap grows, every view of it is detached (length 0) and must be made again. */
class HeapView {
  #array;
  #buffer;

  /** @param {any} array PyProxy of a float32 array of HOP samples that lives as long as the enhancer */
  constructor(array) {
    this.#array = array;
    this.#buffer = array.getBuffer('f32');
    const { length } = this.#buffer.data;
    if (length !== HOP) throw new Error(`the enhancer's frame has ${length} samples, not ${HOP}`);
  }

  /** @returns {Float32Array} */
  samples() {
    if (!this.#buffer) throw new Error('the enhancer was released');
    if (this.#buffer.data.length === 0) {
      this.#buffer.release();
      this.#buffer = this.#array.getBuffer('f32');
    }
    return this.#buffer.data;
  }

  release() {
    this.#buffer.release();
    this.#buffer = undefined; // the memory may be reused from now on
    this.#array.destroy();
  }
}

/** @param {any} array PyProxy of a float32 array, destroyed here @returns {Float32Array} */
function copyOf(array) {
  const buffer = array.getBuffer('f32');
  const copy = buffer.data.slice();
  buffer.release();
  array.destroy();
  return copy;
}
