/** Blend and Pump on a simulated clock, with an enhancer that flips the sign: what is heard, checked sample by sample. */
import assert from 'node:assert/strict';
import { Blend } from '../blend.js';
import { DELAY } from '../constants.js';
import { Pump } from '../pump.js';
import { Ring } from '../ring.js';
import { Inverter, signal } from './signal.js';

export const DEPTH = 1920;
export const QUANTUM = 128;

export class Rig {
  /** @param {{start?: number, enhancer?: Inverter, enabled?: boolean, quantum?: number, depth?: number}} [options] */
  constructor({ start = 0, enhancer = new Inverter(), enabled = true, quantum = QUANTUM, depth = DEPTH } = {}) {
    this.start = start;
    this.depth = depth;
    this.quantum = quantum;
    this.ring = Ring.local();
    this.ring.output.fill(NaN); // canary: never play what was never written
    this.blend = new Blend(this.ring, { depth, enabled, start });
    this.pump = new Pump(this.ring, depth, enhancer);
    this.elapsed = 0;
    this.source = signal;
    /** The share of enhanced sound at the end of the last quantum: 0 dry, 1 enhanced. */
    this.gain = 0;
  }

  /**
   * One quantum. Checks that what is heard is the sample that belongs to this moment, dry, enhanced or cross-faded, and
   * that the share of enhanced sound never changes faster than the cross-fade.
   *
   * @param {{work?: boolean}} [options] whether the worker gets its turn
   */
  quantumOnce({ work = true } = {}) {
    const n = this.quantum;
    const input = Float32Array.from({ length: n }, (_, i) => this.source(this.start + this.elapsed + i));
    const output = new Float32Array(n);
    this.blend.render(input, output);
    for (let i = 0; i < n; i++) {
      const position = this.elapsed + i - this.depth - DELAY;
      const expected = position < 0 ? 0 : this.source(this.start + position);
      if (expected === 0) {
        assert.ok(output[i] === 0, `sample ${this.elapsed + i}: ${output[i]} where there is silence`);
        continue;
      }
      const gain = (1 - output[i] / expected) / 2;
      assert.ok(gain > -1e-6 && gain < 1 + 1e-6, `sample ${this.elapsed + i} is not of its moment: ${output[i]}, not ±${expected}`);
      assert.ok(Math.abs(gain - this.gain) < 1 / n + 1e-6, `a click at ${this.elapsed + i}: ${this.gain} to ${gain}`);
      this.gain = gain;
    }
    this.elapsed += n;
    if (work) while (this.pump.run());
  }

  /** Run until a condition holds, for at most `limit` samples. @param {() => boolean} so @param {number} limit @param {{work?: boolean}} [options] */
  until(so, limit, options) {
    for (const end = this.elapsed + limit; !so(); ) {
      assert.ok(this.elapsed < end, `not within ${limit} samples: ${so}`);
      this.quantumOnce(options);
    }
    return this;
  }

  /** @param {number} samples @param {{work?: boolean}} [options] */
  run(samples, options) {
    for (const end = this.elapsed + samples; this.elapsed < end; ) this.quantumOnce(options);
    return this;
  }
}
