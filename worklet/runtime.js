/**
 * Python in this worker: one Pyodide for all streams.
 */
import { HOP } from './constants.js';
import { Enhancer } from './enhancer.js';
import { bootPython } from './python.js';

/** V8 needs about this many frames to optimise the hot path; until then a frame may miss its deadline. */
const WARM_UP_FRAMES = 300;
/** For a further enhancer, whose code is compiled already: enough to touch its memory. */
const TOUCH_FRAMES = 4;
/** Frames computed before the worker's other streams get their turn. */
const SLICE = 4;

/** Rounds of the benchmark, and frames in each. The quickest round counts: the others had to share the processor. */
const ROUNDS = 4;
const ROUND_FRAMES = 40;

export class Runtime {
  #pyodide;
  #module;
  #compiled = false;

  /** @private use boot() @param {any} pyodide */
  constructor(pyodide) {
    this.#pyodide = pyodide;
    this.#module = pyodide.pyimport('percepnet_wasm');
    /** @type {string} of Pyodide */
    this.version = pyodide.version;
  }

  /**
   * @param {string} assets URL of the runtime folder
   * @param {(stage: string) => void} progress
   */
  static async boot(assets, progress) {
    const pyodide = await bootPython(assets, progress);
    progress('model');
    return new Runtime(pyodide);
  }

  /**
   * @param {Uint8Array} [bytes] of a model file; default: the wheel's own
   * @returns {{proxy: any, tier: string, weights: number}} a Python Model, which the caller destroys
   */
  model(bytes) {
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
    const frames = this.#compiled ? TOUCH_FRAMES : WARM_UP_FRAMES;
    for (let frame = 0; frame < frames; frame++) {
      if (frame % SLICE === SLICE - 1) await nextTask();
      runOnNoise(enhancer);
    }
    this.#compiled = true;
    enhancer.reset();
  }

  /** @param {Enhancer} enhancer warmed up @returns {Promise<number>} ms a frame, back to back */
  async benchmark(enhancer) {
    const rounds = [];
    for (let round = 0; round < ROUNDS; round++) {
      const times = [];
      for (let frame = 0; frame < ROUND_FRAMES; frame++) {
        if (frame % SLICE === SLICE - 1) await nextTask();
        const started = performance.now();
        runOnNoise(enhancer);
        times.push(performance.now() - started);
      }
      rounds.push(times.sort((a, b) => a - b)[ROUND_FRAMES / 2]);
    }
    enhancer.reset();
    return Math.min(...rounds);
  }
}

/** @param {Enhancer} enhancer */
function runOnNoise(enhancer) {
  const input = enhancer.input();
  for (let i = 0; i < HOP; i++) input[i] = 1e-3 * (Math.random() - 0.5);
  enhancer.step();
}

/** Resolves in a later task, after pending messages and other streams. @returns {Promise<void>} */
export function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
