/**
 * Worklet and worker under random schedules: each is interrupted by the other between any two of its accesses to the shared
 * memory, also in the middle of a copy. A model says for each sample what may be heard.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Blend, MUTED, STATE } from '../blend.js';
import { DELAY, HOP } from '../constants.js';
import { Pump } from '../pump.js';
import { CAPACITY, Ring, SETTLE } from '../ring.js';
import { generator, Inverter, signal } from './signal.js';

const DEPTH = 1920;
/** Fewer where each of many runs must be short: mutation testing. */
const SEEDS = Number(process.env.SEEDS ?? 40);
const SAMPLES = 10 * 48000;

/** The test signal, repeating far beyond what the rings hold. */
const TABLE = Float32Array.from({ length: 2 ** 16 }, (_, i) => signal(i));

/** The other side's turn, perhaps: before each access to a shared word, and within copies. */
let interrupt = () => {};
const { load, store } = Atomics;
Object.assign(Atomics, {
  /** @param {Int32Array} words @param {number} word */
  load: (words, word) => (interrupt(), load(words, word)),
  /** @param {Int32Array} words @param {number} word @param {number} value */
  store: (words, word, value) => (interrupt(), store(words, word, value)),
});

class Interrupted extends Ring {
  /** @override @param {number} position @param {Float32Array} into @param {number} [length] */
  readInput(position, into, length = into.length) {
    const half = length >> 1;
    super.readInput(position, into, half);
    interrupt();
    super.readInput((position + half) | 0, into.subarray(half), length - half);
  }

  /** @override @param {number} position @param {Float32Array} samples */
  writeOutput(position, samples) {
    const half = samples.length >> 1;
    super.writeOutput(position, samples.subarray(0, half));
    interrupt();
    super.writeOutput((position + half) | 0, samples.subarray(half));
  }
}

/** An enhancer that fails now and then. */
class Moody extends Inverter {
  /** @param {() => boolean} fails */
  constructor(fails) {
    super();
    this.fails = fails;
  }

  step() {
    if (this.fails()) throw new Error('injected');
    super.step();
  }
}

/** A random schedule, and what may be heard under it. */
class Schedule {
  /** @param {number} seed */
  constructor(seed) {
    this.random = generator(seed);
    this.start = [0, 2 ** 31 - SAMPLES / 2, -SAMPLES / 2, Math.floor(2 ** 32 * this.random())][seed % 4] | 0;
    this.calm = false;
    /** Web Audio's, constant for a context. */
    this.size = [128, 64, 256, 384][Math.floor(4 * this.random())];
    this.elapsed = 0;
    this.gain = 0;
    this.muted = 0;
    /** Samples during which the worker is not run. */
    this.stalled = 0;
    /** Which side is at work, so that a side interrupts the other and not itself. @type {'' | 'worklet' | 'worker'} */
    this.turn = '';
    interrupt = () => this.interrupt();
    this.ring = new Interrupted(Ring.local().buffer);
    this.blend = new Blend(this.ring, { depth: DEPTH, start: this.start });
    this.ring.output.fill(NaN); // never play what was never written
    this.connect();
  }

  /** A worker takes up its service, as after a restart. */
  connect() {
    const fails = () => !this.calm && this.random() < 0.001;
    this.pump = new Pump(this.ring, DEPTH, new Moody(fails));
  }

  interrupt() {
    const { turn } = this;
    if (this.calm) return;
    if (turn === 'worker' && !this.rendering && this.random() < 0.02) {
      // The worker is off the processor in the middle of its work, seldom for longer than the rings hold.
      const lasts = this.random() < 0.02 ? 1.5 * CAPACITY : 400 * this.random();
      for (const end = this.elapsed + lasts; this.elapsed < end; ) this.quantum();
    } else if (turn === 'worklet' && !this.working && this.stalled === 0 && this.random() < 0.05) {
      this.work(1); // both run at once
    }
    this.turn = turn;
  }

  /** @param {number} [frames] */
  work(frames) {
    const { turn } = this;
    this.turn = 'worker';
    this.working = true;
    const more = /** @type {Pump} */ (this.pump).run(frames);
    this.working = false;
    this.turn = turn;
    return more;
  }

  /** One quantum of the worklet, checked sample by sample. */
  quantum() {
    const n = this.size;
    const before = this.turn;
    this.turn = 'worklet';
    this.muted = Math.max(0, this.muted - n);
    const input = Float32Array.from({ length: n }, (_, i) => this.said(this.elapsed + i));
    if (this.muted > 0) this.silences.push([this.elapsed, this.elapsed + n]);
    if (this.muted > 0) input.fill(0);
    const output = new Float32Array(n);
    this.rendering = true;
    this.blend.render(input, output);
    this.rendering = false;
    this.turn = before;
    for (let i = 0; i < n; i++) this.check(this.elapsed + i, output[i], n);
    this.elapsed += n;
    this.stalled = Math.max(0, this.stalled - n);
  }

  /** @type {[number, number][]} */
  silences = [];

  /** @param {number} elapsed */
  said(elapsed) {
    return TABLE[(this.start + elapsed) & 0xffff];
  }

  /** The model: the sample of this moment, raw, enhanced or in between, and never a jump. */
  check(/** @type {number} */ at, /** @type {number} */ heard, /** @type {number} */ n) {
    const moment = at - DEPTH - DELAY;
    while (this.silences.length > 0 && this.silences[0][1] <= moment) this.silences.shift();
    if (moment < 0 || (this.silences.length > 0 && this.silences[0][0] <= moment)) {
      this.gain = NaN; // whatever it is, nobody hears it
      if (heard !== 0) assert.fail(`sample ${at}: ${heard} where there is silence`);
      return;
    }
    const gain = (1 - heard / this.said(moment)) / 2;
    if (!(gain > -1e-6 && gain < 1 + 1e-6)) {
      assert.fail(`sample ${at} is not of its moment: ${heard}, not ±${this.said(moment)}`);
    }
    if (Math.abs(gain - this.gain) > 1 / n + 1e-6) assert.fail(`a click at ${at}: ${this.gain} to ${gain}`);
    this.gain = gain;
  }

  /** Something that happens now and then between two quanta. */
  happen() {
    const { random } = this;
    const dice = (128 / this.size) * random(); // so much a second, not a quantum
    if (dice < 0.001) this.stalled = random() < 0.2 ? 2 * CAPACITY * random() : 3 * DEPTH * random();
    else if (dice < 0.002) this.blend.enabled = random() < 0.7;
    else if (dice < 0.0025) this.muted = 2 * MUTED * random();
    else if (dice < 0.003) this.connect();
    else if (dice < 0.005) this.pump?.replace(new Inverter(), () => {});
  }

  run() {
    while (this.elapsed < SAMPLES) {
      this.quantum();
      this.happen();
      if (this.stalled === 0 && this.random() < 0.7) this.work(1 + Math.floor(4 * this.random()));
      if (this.pump?.failure !== undefined) this.connect();
    }
  }

  /** No more disturbances: how many samples until enhanced sound is heard again. */
  recover() {
    Object.assign(this, { calm: true, stalled: 0, muted: 0 });
    this.blend.enabled = true;
    if (this.pump?.failure !== undefined) this.connect();
    const begun = this.elapsed;
    while (!(this.gain === 1)) {
      this.quantum();
      while (this.work());
      assert.ok(this.elapsed - begun < 2 * CAPACITY, 'does not recover');
    }
    return this.elapsed - begun;
  }
}

describe('under a random schedule', () => {
  const total = { quanta: 0, underruns: 0, skipped: 0 };

  for (let seed = 0; seed < SEEDS; seed++) {
    test(`${seed}: every sample is of its moment, and enhanced sound comes back`, () => {
      const schedule = new Schedule(seed);
      schedule.run();
      const { blend } = schedule;
      total.quanta += blend.quanta;
      total.underruns += blend.underruns;
      total.skipped += /** @type {Pump} */ (schedule.pump).skipped;
      const took = schedule.recover();
      assert.ok(took <= SETTLE + 2 * DEPTH + DELAY + 4 * HOP, `took ${took} samples`);
      assert.equal(blend.state, STATE.ENHANCED);
    });
  }

  test('the schedules were neither too kind nor too hard', () => {
    assert.ok(total.underruns > 0.02 * total.quanta && total.underruns < 0.5 * total.quanta, JSON.stringify(total));
    assert.ok(total.skipped > SEEDS, JSON.stringify(total));
  });
});
