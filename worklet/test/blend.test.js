/** What is heard, quantum by quantum, on a simulated clock: Blend and Pump with an enhancer that flips the sign. */
import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { Blend, DEPTH_MAX, DEPTH_MIN, MUTED, STARVED, STATE } from '../blend.js';
import { DELAY, HOP, SAMPLE_RATE } from '../constants.js';
import { FAILURES, Pump, SETTLE } from '../pump.js';
import { CAPACITY, Ring, WORD } from '../ring.js';
import { generator, Inverter, signal } from './signal.js';

const DEPTH = 1920;
const QUANTUM = 128;

/** Fewer where each of many runs must be short: mutation testing. */
const SCHEDULES = Number(process.env.SEEDS ?? 100);

class Rig {
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

  /** Run until something is so, within so many samples. @param {() => boolean} so @param {number} limit @param {{work?: boolean}} [options] */
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

describe('sound', () => {
  test('is raw, at the full delay, until the enhancer is there', () => {
    const rig = new Rig().run(20000, { work: false });
    assert.equal(rig.gain, 0);
    assert.equal(rig.blend.state, STATE.WAITING);
    assert.equal(rig.blend.underruns, 0);
  });

  test('is enhanced as soon as the enhancer has settled, in one cross-fade', () => {
    const rig = new Rig().run(10000, { work: false });
    rig.until(() => rig.gain === 1, SETTLE + DEPTH + 3 * QUANTUM);
    assert.equal(rig.blend.state, STATE.ENHANCED);
    const { quanta } = rig.blend;
    rig.run(200 * QUANTUM);
    assert.equal(rig.blend.quanta - quanta, 200);
    assert.equal(rig.gain, 1);
    assert.equal(rig.blend.underruns, 0);
    assert.equal(rig.pump.skipped, 0);
  });

  test('goes dry without a click when frames are late, and comes back', () => {
    const rig = new Rig().run(20000);
    rig.run(DEPTH, { work: false });
    assert.equal(rig.gain, 0);
    assert.equal(rig.blend.state, STATE.ENHANCED, 'less than 100 ms are not worth a word');
    rig.run(QUANTUM); // the worker finds 5 frames: those still in time are computed, so that nothing is lost
    assert.equal(rig.pump.skipped, 0);
    rig.run(2 * HOP);
    assert.equal(rig.gain, 1);
    assert.ok(rig.blend.underruns > 0);
  });

  test('of a long backlog is skipped and never played', () => {
    const rig = new Rig().run(20000);
    const frames = rig.pump.frames;
    rig.run(24000, { work: false });
    assert.equal(rig.gain, 0);
    rig.run(QUANTUM);
    assert.ok(rig.pump.skipped >= 24000 / HOP - DEPTH / HOP - 2, `skipped ${rig.pump.skipped}`);
    assert.ok(rig.pump.frames - frames <= 2, `computed ${rig.pump.frames - frames} frames of the backlog`);
    rig.run(SETTLE + DEPTH + HOP);
    assert.equal(rig.gain, 1);
  });

  test('is dry within 100 ms on the sample clock when the worker dies, and says so', () => {
    const rig = new Rig().run(20000);
    rig.until(() => rig.gain === 0, 4800 - QUANTUM, { work: false });
    const dry = rig.elapsed - QUANTUM;
    rig.until(() => rig.blend.state === STATE.STARVED, STARVED, { work: false });
    assert.ok(rig.elapsed - dry >= STARVED, `said so after ${rig.elapsed - dry} samples`);
    const { underruns } = rig.blend;
    rig.run(1000 * QUANTUM, { work: false });
    assert.equal(rig.gain, 0);
    assert.equal(rig.blend.underruns - underruns, 1000, 'each late quantum counts');
  });

  test('is switched off and on without a click, at the same delay; off, no frame is computed', () => {
    const rig = new Rig().run(20000);
    const told = mock.method(rig.ring, 'publishActive');
    rig.blend.enabled = false;
    rig.run(QUANTUM);
    assert.equal(rig.gain, 0);
    assert.equal(rig.blend.state, STATE.BYPASSED);
    rig.run(QUANTUM);
    const { frames } = rig.pump;
    rig.run(48000);
    assert.equal(rig.pump.frames, frames);
    const ahead = (rig.ring.load(WORD.NEEDED) - rig.ring.load(WORD.WRITTEN)) | 0;
    assert.ok(ahead > 3600 * SAMPLE_RATE, 'the worker is woken for nothing');
    rig.blend.enabled = true;
    rig.run(QUANTUM);
    assert.equal(rig.blend.state, STATE.WAITING);
    rig.run(SETTLE + DEPTH + HOP);
    assert.equal(rig.gain, 1);
    assert.deepEqual(told.mock.calls.map((call) => call.arguments), [[false], [true]], 'the worker is notified once');
    assert.equal(rig.blend.underruns, 0, 'switching is not lateness');
    assert.equal(rig.pump.skipped, 0, 'resting is not lateness');
  });

  test('of a muted microphone costs nothing, and is enhanced again after it', () => {
    const rig = new Rig().run(20000);
    const muted = rig.elapsed;
    rig.source = (position) => (position < muted ? signal(position) : 0);
    rig.run(MUTED + QUANTUM);
    const { frames } = rig.pump;
    rig.run(48000);
    assert.equal(rig.pump.frames, frames);
    assert.equal(rig.blend.state, STATE.RESTING);
    rig.blend.enabled = false;
    rig.run(QUANTUM);
    assert.equal(rig.blend.state, STATE.BYPASSED, 'switched off, whatever the microphone does');
    rig.blend.enabled = true;
    rig.run(QUANTUM);
    assert.equal(rig.blend.state, STATE.RESTING, 'switched on, and still muted');
    const unmuted = rig.elapsed;
    rig.source = (position) => (position < muted || position >= unmuted ? signal(position) : 0);
    rig.gain = 0; // silence has none; what follows it begins raw
    rig.run(SETTLE + DEPTH + DELAY + HOP);
    assert.equal(rig.gain, 1);
  });

  test('of a pause that is shorter than a mute goes on being enhanced', () => {
    const rig = new Rig().run(20000);
    const [from, to] = [rig.elapsed, rig.elapsed + MUTED - QUANTUM];
    rig.source = (position) => (position < from || position >= to ? signal(position) : 0);
    const { frames } = rig.pump;
    rig.run(to - from);
    assert.equal(rig.blend.state, STATE.ENHANCED);
    assert.ok(rig.pump.frames - frames >= (to - from) / HOP - 1);
    rig.run(20000);
    assert.equal(rig.gain, 1);
    assert.equal(rig.blend.underruns, 0);
  });

  test('that is dry comes unharmed from the deepest ring in the largest quanta', () => {
    const rig = new Rig({ depth: DEPTH_MAX, quantum: 2048 }).run(4 * CAPACITY, { work: false });
    assert.equal(rig.gain, 0);
    assert.ok(DEPTH_MIN < DEPTH && DEPTH < DEPTH_MAX);
  });

  test('that is enhanced is played from its first sample on, as long as a quantum to fade out in is there too', () => {
    for (const [from, end, wet] of [[0, 2 * QUANTUM, true], [1, 2 * QUANTUM, false], [0, 2 * QUANTUM - 1, false]]) {
      const ring = Ring.local();
      const blend = new Blend(ring, { depth: DEPTH });
      const output = new Float32Array(QUANTUM);
      for (let position = 0; position < DEPTH; position += QUANTUM) blend.render(undefined, output);
      ring.publishDone(Number(from), Number(end));
      blend.render(undefined, output);
      assert.equal(blend.wet, wet, `[${from}, ${end})`);
    }
  });

  for (const start of [(2 ** 31 - 30000) | 0, (2 ** 32 - 30000) | 0]) {
    test(`survives the wrap of the clock at ${start}`, () => {
      const rig = new Rig({ start }).run(20000);
      rig.source = (position) => signal(position | 0);
      rig.run(80000);
      assert.equal(rig.gain, 1);
      assert.equal(rig.blend.underruns + rig.pump.skipped, 0);
    });
  }

  test('has the same delay with quanta of another size', () => {
    for (const quantum of [1, 100, 480, 1024]) {
      const rig = new Rig({ quantum }).run(20000);
      assert.equal(rig.gain, quantum < 1024 ? 1 : rig.gain);
    }
  });

  test('is always of its moment and never clicks, whatever the worker does, in seeded schedules', () => {
    for (let seed = 0; seed < SCHEDULES; seed++) {
      const random = generator(seed);
      const faulty = new Inverter();
      const step = faulty.step.bind(faulty);
      faulty.step = () => {
        if (random() < 0.02) throw new Error('injected');
        step();
        if (random() < 0.01) faulty.result[7] = NaN;
      };
      const rig = new Rig({ enhancer: faulty, start: (random() * 2 ** 32) | 0 });
      const known = rig.source;
      rig.source = (position) => known(position | 0);
      const stall = random() * 0.1;
      let sleep = 0;
      for (let i = 0; i < 400; i++) {
        if (random() < stall) sleep = Math.floor(random() * random() * 100);
        if (random() < 0.01) rig.blend.enabled = !rig.blend.enabled;
        rig.quantumOnce({ work: sleep-- <= 0 });
      }
    }
  });
});

describe('an enhancer', () => {
  test('that throws once costs one gap; what was ready before it is played out', () => {
    const enhancer = new Inverter();
    const rig = new Rig({ enhancer }).run(20000);
    const step = enhancer.step;
    enhancer.step = () => {
      enhancer.step = step;
      throw new Error('once');
    };
    rig.run(HOP);
    assert.equal(rig.pump.errors, 1);
    rig.run(HOP);
    assert.equal(rig.gain, 1, 'the ring still held enhanced sound, though that after the gap is there as well');
    rig.run(DEPTH - HOP);
    assert.equal(rig.gain, 0);
    rig.run(SETTLE + DEPTH);
    assert.equal(rig.gain, 1);
    assert.equal(rig.pump.failure, undefined);
  });

  test(`that throws ${FAILURES} times in a row is given up, with its exception`, () => {
    const enhancer = new Inverter();
    const rig = new Rig({ enhancer }).run(20000);
    enhancer.step = () => {
      throw new Error('for good');
    };
    rig.run(48000);
    assert.equal(rig.pump.errors, FAILURES);
    assert.match(String(rig.pump.failure), /for good/);
    assert.equal(rig.gain, 0);
  });

  test('forgets what it heard when it begins and after a failure; one that cannot is given up', () => {
    const enhancer = new Inverter();
    const reset = mock.method(enhancer, 'reset');
    const rig = new Rig({ enhancer }).run(20000);
    assert.equal(reset.mock.callCount(), 1);
    const { step } = enhancer;
    enhancer.step = () => {
      enhancer.step = step;
      throw new Error('once');
    };
    rig.run(HOP);
    assert.equal(reset.mock.callCount(), 2);
    rig.blend.enabled = false;
    rig.run(QUANTUM);
    reset.mock.mockImplementation(() => {
      throw new Error('cannot');
    });
    rig.blend.enabled = true;
    rig.run(QUANTUM);
    assert.match(String(rig.pump.failure), /cannot/);
  });

  test('that puts out NaN is not heard', () => {
    const enhancer = new Inverter();
    const rig = new Rig({ enhancer }).run(20000);
    const step = enhancer.step.bind(enhancer);
    enhancer.step = () => {
      step();
      enhancer.result[479] = NaN;
    };
    rig.run(48000);
    assert.match(String(rig.pump.failure), /not finite/);
  });
});

describe('another enhancer', () => {
  /** Flips the sign and halves: the level shows which of the two is heard. */
  class Half extends Inverter {
    step() {
      super.step();
      for (let i = 0; i < HOP; i++) this.result[i] *= 0.5;
    }
  }

  test('takes over in a cross-fade of one frame, without a gap; the old one is released after its last frame', () => {
    const old = new Inverter();
    const rig = new Rig({ enhancer: old }).run(20000);
    let released = 0;
    rig.pump.replace(new Half(), () => released++);
    assert.equal(released, 0, 'it is still in use');
    // The rig knows the sample that belongs to each moment; its share of enhanced sound goes from 1 to 3/4, for half a
    // sample with the other sign, no faster than a cross-fade may.
    rig.run(DEPTH + 3 * HOP);
    assert.equal(released, 1);
    assert.ok(Math.abs(rig.gain - 0.75) < 1e-6, `${rig.gain}`);
    rig.run(20000);
    assert.equal(rig.blend.underruns, 0);
    assert.equal(rig.pump.skipped, 0);
  });

  test('is in use at once while nothing is computed', () => {
    const rig = new Rig({ enabled: false }).run(5000);
    let released = 0;
    rig.pump.replace(new Half(), () => released++);
    assert.equal(released, 1);
    rig.blend.enabled = true;
    rig.run(20000);
    assert.ok(Math.abs(rig.gain - 0.75) < 1e-6);
  });

  test('that is itself replaced before its turn is released, and so is the first when all is over', () => {
    const rig = new Rig().run(20000);
    /** @type {string[]} */
    const released = [];
    rig.pump.replace(new Half(), () => released.push('first'));
    rig.pump.replace(new Half(), () => released.push('second'));
    assert.deepEqual(released, ['second']);
    rig.pump.abandon();
    rig.pump.abandon(); // nothing is left to let go of
    assert.deepEqual(released, ['second', 'first']);
  });
});

test('what pages and the worker rely on', () => {
  assert.deepEqual(Object.values(STATE), ['waiting', 'enhanced', 'starved', 'resting', 'bypassed']);
  assert.deepEqual([STARVED, MUTED], [0.1 * SAMPLE_RATE, SAMPLE_RATE]);
});

test('NaN from a microphone becomes silence', () => {
  const ring = Ring.local();
  const blend = new Blend(ring, { depth: DEPTH });
  const output = new Float32Array(QUANTUM);
  for (let i = 0; i < 100; i++) {
    blend.render(new Float32Array(QUANTUM).fill(i % 2 ? NaN : Infinity), output);
    assert.ok(output.every((x) => x === 0));
  }
});

test('no more frames are computed in one go than were asked for', () => {
  const ring = Ring.local();
  const pump = new Pump(ring, DEPTH, new Inverter());
  ring.store(WORD.ACTIVE, 1);
  pump.run();
  ring.publishWritten(4 * HOP);
  assert.deepEqual([pump.run(3), pump.frames], [true, 3]);
  assert.deepEqual([pump.run(3), pump.frames], [false, 4]);
  assert.ok(pump.busy >= 0, 'no clock');
});

test('a frame is skipped at its deadline, not a sample before; the worker sleeps until the next is whole', () => {
  for (const [waiting, frames, skipped] of [[DEPTH + HOP - 1, DEPTH / HOP, 0], [DEPTH + HOP, 1, DEPTH / HOP]]) {
    const ring = Ring.local();
    const pump = new Pump(ring, DEPTH, new Inverter());
    pump.skipTo(HOP);
    assert.equal(pump.skipped, 0, 'resting, nothing is late');
    const start = 1000;
    ring.store(WORD.ACTIVE, 1);
    ring.publishWritten(start);
    pump.run();
    assert.equal(ring.load(WORD.NEEDED), start + HOP);
    ring.publishWritten(start + waiting);
    while (pump.run());
    assert.deepEqual([pump.frames, pump.skipped], [frames, skipped]);
    assert.equal(ring.load(WORD.NEEDED), start + Math.floor(waiting / HOP) * HOP + HOP);
  }
});

test('compute times are measured for each frame', () => {
  const times = [0, 4, 4, 5, 5, 8, 8, 10]; // began and ended: 4, 1, 3 and 2 ms
  const ring = Ring.local();
  const pump = new Pump(ring, DEPTH, new Inverter(), () => Number(times.shift()));
  ring.store(WORD.ACTIVE, 1);
  pump.run();
  assert.deepEqual(pump.percentiles(0.5), [0], 'of no frame yet');
  ring.publishWritten(4 * HOP);
  pump.run(9);
  assert.equal(pump.frames, 4);
  assert.deepEqual(pump.percentiles(0, 0.5, 1), [1, 3, 4]);
  assert.equal(pump.busy, 10);
});
