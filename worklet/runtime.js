/**
 * Python in this worker: one Pyodide for all streams. runner-runtime.js is the same without Python.
 */
import { Enhancer } from './enhancer.js';
import { bootPython } from './python.js';
import { TOUCH_FRAMES, WARM_UP_FRAMES, benchmark, warmUp } from './trial.js';

/** @typedef {import('./models.js').Handle} Handle */

export class Runtime {
  #pyodide;
  #module;
  #compiled = false;

  /** @private use boot() @param {any} pyodide */
  constructor(pyodide) {
    this.#pyodide = pyodide;
    this.#module = pyodide.pyimport('percepnet_wasm');
    /** What runs the enhancer, for the key under which the choice of `model: 'auto'` is stored. */
    this.name = `pyodide ${pyodide.version}`;
  }

  /**
   * @param {string} assets URL of the runtime folder
   * @param {(stage: string) => void} progress
   * @param {import('./messages.js').ProgramFiles} [files] downloaded already
   */
  static async boot(assets, progress, files) {
    const pyodide = await bootPython(assets, progress, files);
    progress('model');
    return new Runtime(pyodide);
  }

  /** The default tier; the caller destroys its proxy. */
  builtInModel() {
    return this.#load();
  }

  /** @param {Uint8Array} bytes of a model file @returns {Promise<Handle>} a Python Model; the caller destroys its proxy */
  async model(bytes) {
    return this.#load(bytes);
  }

  /** Which file of a tier this runs: the one that enhances while Python starts, if there is one. @param {import('./tiers.js').Tier} tier */
  file(tier) {
    return tier.image ?? tier;
  }

  /** @param {Uint8Array} [bytes] @returns {Handle} */
  #load(bytes) {
    const content = bytes && this.#pyodide.toPy(bytes);
    try {
      const proxy = this.#module.Model.load(content);
      return { proxy, tier: proxy.tier, weights: proxy.weights };
    } finally {
      content?.destroy();
    }
  }

  /** @param {any} model PyProxy of a Model @returns {Enhancer} */
  enhancer(model) {
    return new Enhancer(this.#module.Enhancer(model));
  }

  /** Run on faint noise, so that every branch of the hot path is compiled. @param {Enhancer} enhancer */
  async warmUp(enhancer) {
    await warmUp(enhancer, this.#compiled ? TOUCH_FRAMES : WARM_UP_FRAMES);
    this.#compiled = true;
  }

  /** @param {Enhancer} enhancer warmed up @returns {Promise<number>} ms per frame, back to back */
  async benchmark(enhancer) {
    return (await benchmark(enhancer)).typical;
  }
}
