/** What the tests share: a seeded generator, a signal known at every position, and an enhancer whose work shows. */
import { DELAY, HOP } from '../constants.js';

/** Mulberry32. @param {number} seed @returns {() => number} uniform in [0, 1) */
export function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let x = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The test signal: a value in [0.5, 1) for each position. @param {number} position */
export function signal(position) {
  return Math.fround(0.5 + 0.5 * generator(position)());
}

/** Delays by DELAY as the real enhancer does, and turns the sign: a dry sample is positive, an enhanced one negative. */
export class Inverter {
  constructor() {
    this.frame = new Float32Array(HOP);
    this.result = new Float32Array(HOP);
    this.reset();
  }

  input = () => this.frame;

  output = () => this.result;

  step() {
    this.past.push(this.frame.slice());
    const oldest = /** @type {Float32Array} */ (this.past.shift());
    for (let i = 0; i < HOP; i++) this.result[i] = -oldest[i];
  }

  reset() {
    /** @type {Float32Array[]} */
    this.past = Array.from({ length: DELAY / HOP }, () => new Float32Array(HOP));
  }
}
