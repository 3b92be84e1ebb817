/**
 * Enhances on the audio thread itself, without any browser API: each frame is computed in the quantum that completes it.
 *
 *     quantum in --> Blend.take() --> Pump: the frames now complete --> Blend.play() --> quantum out, HOP + DELAY samples late
 *
 * That delay is the minimum, whatever the size of the quantum: a frame's first sample waits for its last one.
 * Nothing can come late, so there is no slack and no second thread; whatever takes too long here delays the whole audio graph.
 *
 * Nothing here allocates after use(), unless a frame fails.
 */
import { Blend } from './blend.js';
import { HOP } from './constants.js';
import { Pump } from './pump.js';
import { Ring } from './ring.js';

/** Samples that the pump may be behind before it skips: never, since it catches up within the quantum. */
const NEVER = 2 ** 30;

/** An audio thread has no clock. */
const noClock = () => 0;

export class Direct {
  /** @type {Pump | undefined} */ #pump;

  /** @param {{enabled?: boolean, start?: number}} [options] as for Blend */
  constructor({ enabled = true, start = 0 } = {}) {
    this.ring = Ring.local();
    this.blend = new Blend(this.ring, { depth: HOP, enabled, start, immediate: true });
  }

  /** What drives the enhancer; undefined before use(), and after the enhancer was given up. */
  get pump() {
    return this.#pump;
  }

  /**
   * Enhance with this from now on. An earlier enhancer stays until this one has settled; then they are cross-faded.
   *
   * @param {import('./pump.js').FrameEnhancer} enhancer
   * @param {() => void} released called once the earlier one is no longer used
   */
  use(enhancer, released) {
    if (this.#pump && this.#pump.failure === undefined) return this.#pump.replace(enhancer, released);
    this.#pump?.abandon();
    released();
    this.#pump = new Pump(this.ring, NEVER, enhancer, noClock);
    this.#pump.gradual = true;
    this.#pump.hearsPast = true;
  }

  /** Compute nothing from now on: the sound fades to raw. */
  stop() {
    this.#pump?.abandon();
    this.#pump = undefined;
  }

  /** @param {Float32Array | undefined} input mono; undefined when nothing is connected @param {Float32Array} output filled */
  render(input, output) {
    this.blend.take(input, output.length);
    if (this.#pump !== undefined) this.#compute(this.#pump, output.length);
    this.blend.play(output);
  }

  /** Compute the frames that are complete; of the past one more than a quantum brings, at most. @param {Pump} pump @param {number} n */
  #compute(pump, n) {
    if (pump.running && !pump.catchingUp) while (pump.run());
    else pump.run(1 + Math.floor(n / HOP));
  }
}
