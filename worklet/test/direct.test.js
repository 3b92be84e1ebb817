/** Enhancement on the audio thread, quantum by quantum, with an enhancer that inverts the signal. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MUTED, STATE } from '../blend.js';
import { DELAY, HOP } from '../constants.js';
import { Direct } from '../direct.js';
import { FAILURES } from '../pump.js';
import { SETTLE } from '../ring.js';
import { Inverter, signal } from './signal.js';

const LATENCY = DELAY + HOP;

/** Inverts like the real thing delays, on a signal smooth enough to hear clicks in. @param {number} position */
const tone = (position) => 0.5 * Math.sin((2 * Math.PI * 200 * position) / 48000);

/** Counts the frames that it computes. */
class Counting extends Inverter {
  steps = 0;

  step() {
    this.steps++;
    super.step();
  }
}

/**
 * @param {Direct} direct
 * @param {{quantum?: number, from: number, samples: number, source?: (position: number) => number}} options
 */
function play(direct, { quantum = 128, from, samples, source = signal }) {
  const heard = new Float32Array(Math.ceil(samples / quantum) * quantum);
  const input = new Float32Array(quantum);
  for (let at = 0; at < heard.length; at += quantum) {
    for (let i = 0; i < quantum; i++) input[i] = source(from + at + i);
    direct.render(input, heard.subarray(at, at + quantum));
  }
  return heard;
}

describe('enhanced sound', () => {
  for (const quantum of [1, 32, 100, 128, 333, 480, 481, 512, 960, 1000, 1920, 2048]) {
    test(`is exactly ${LATENCY} samples late with quanta of ${quantum}`, () => {
      const direct = new Direct();
      direct.use(new Inverter(), () => {});
      const heard = play(direct, { quantum, from: 0, samples: 20_000 });
      const begun = heard.findIndex((sample) => sample < 0);
      assert.ok(begun > 0 && begun <= HOP + SETTLE + LATENCY + 2 * quantum, `enhanced from sample ${begun} on`);
      for (let i = begun + quantum; i < heard.length; i++) {
        assert.equal(heard[i], -signal(i - LATENCY), `sample ${i}`);
      }
      assert.equal(direct.blend.state, STATE.ENHANCED);
      assert.equal(direct.blend.underruns, 0);
    });
  }

  test('is raw at the same delay until there is an enhancer, and while switched off', () => {
    const direct = new Direct();
    const before = play(direct, { from: 0, samples: 9600 });
    for (let i = LATENCY; i < before.length; i++) assert.equal(before[i], signal(i - LATENCY));
    direct.use(new Inverter(), () => {});
    play(direct, { from: 9600, samples: 9600 });
    direct.blend.enabled = false;
    const off = play(direct, { from: 19_200, samples: 9600 });
    for (let i = 128; i < off.length; i++) assert.equal(off[i], signal(19_200 + i - LATENCY));
    assert.equal(direct.blend.state, STATE.BYPASSED);
  });

  test('costs nothing while the microphone is muted, and resumes', () => {
    const direct = new Direct();
    const enhancer = new Counting();
    direct.use(enhancer, () => {});
    play(direct, { from: 0, samples: MUTED + HOP, source: () => 0 });
    enhancer.steps = 0;
    play(direct, { from: 0, samples: MUTED, source: () => 0 });
    assert.equal(enhancer.steps, 0);
    play(direct, { from: 0, samples: 2 * LATENCY + SETTLE });
    assert.equal(direct.blend.state, STATE.ENHANCED);
  });
});

describe('an enhancer that fails', () => {
  for (const quantum of [128, 480, 500, 1024]) {
    test(`is heard raw in the same quantum of ${quantum}, without a click, and comes back`, () => {
      const direct = new Direct();
      const enhancer = new Inverter();
      direct.use(enhancer, () => {});
      const first = play(direct, { quantum, from: 0, samples: 20 * quantum + 9600, source: tone });
      const step = enhancer.step.bind(enhancer);
      enhancer.step = () => {
        enhancer.step = step;
        throw new WebAssembly.RuntimeError('unreachable');
      };
      const then = play(direct, { quantum, from: first.length, samples: 2 * HOP + 2 * quantum, source: tone });
      const steepest = 0.5 * (2 * Math.PI * 200) / 48000; // of the tone
      const all = [...first, ...then];
      for (let i = first.length; i < all.length; i++) {
        // A fade over one quantum moves by at most the difference of the two, spread over it.
        assert.ok(Math.abs(all[i] - all[i - 1]) < 2 * steepest + 1.1 / quantum, `a click at ${i - first.length}: ${all[i - 1]} to ${all[i]}`);
      }
      // The failed frame is due a frame's length after the one before it: the quantum that needs it is a fade, and raw after that.
      const failed = (Math.floor(HOP / quantum) + 1) * quantum;
      for (let i = failed; i < Math.min(failed + HOP, then.length); i++) {
        assert.ok(Math.abs(then[i] - tone(first.length + i - LATENCY)) < 1e-6, `sample ${i} is not the raw one`);
      }
      const later = play(direct, { quantum, from: all.length, samples: 2 * (SETTLE + LATENCY) + 2 * quantum, source: tone });
      assert.equal(direct.blend.state, STATE.ENHANCED);
      assert.ok(Math.abs(later[later.length - 1] + tone(all.length + later.length - 1 - LATENCY)) < 1e-6);
    });
  }

  test('again and again is given up, and replaced by the next', () => {
    const direct = new Direct();
    const enhancer = new Inverter();
    direct.use(enhancer, () => {});
    play(direct, { from: 0, samples: 9600 });
    enhancer.step = () => {
      throw new WebAssembly.RuntimeError('unreachable');
    };
    const samples = 2 * FAILURES * HOP;
    play(direct, { from: 9600, samples });
    assert.match(String(direct.pump?.failure), /unreachable/);
    let released = 0;
    direct.use(new Inverter(), () => released++);
    assert.equal(released, 1);
    play(direct, { from: 9600 + samples, samples: 9600 });
    assert.equal(direct.blend.state, STATE.ENHANCED);
  });
});

for (const quantum of [128, 480, 1000]) {
  test(`one that comes late hears the past, gradually: it is heard after a few quanta of ${quantum}`, () => {
    const direct = new Direct();
    play(direct, { quantum, from: 0, samples: 9600 });
    const from = Math.ceil(9600 / quantum) * quantum;
    const enhancer = new Counting();
    direct.use(enhancer, () => {});
    for (let at = 0; direct.blend.state !== STATE.ENHANCED; at += quantum) {
      assert.ok(at < (1 + (SETTLE + HOP) / HOP) * quantum, `not heard after ${at} samples`);
      const before = enhancer.steps;
      play(direct, { quantum, from: from + at, samples: quantum });
      assert.ok(enhancer.steps - before <= 1 + quantum / HOP, `${enhancer.steps - before} frames in one quantum`);
    }
  });
}

test('another enhancer takes over without a gap, and computes at most one frame per quantum', () => {
  class Half extends Counting {
    step() {
      super.step();
      for (let i = 0; i < HOP; i++) this.result[i] *= 0.5;
    }
  }
  const direct = new Direct();
  direct.use(new Inverter(), () => {});
  play(direct, { from: 0, samples: 9600 });
  const half = new Half();
  let released = 0;
  direct.use(half, () => released++);
  const heard = new Float32Array(57_600); // a second until it takes over, and a little
  for (let at = 0; at < heard.length; at += 128) {
    const before = half.steps;
    heard.set(play(direct, { from: 9600 + at, samples: 128 }), at);
    assert.ok(half.steps - before <= 1, `${half.steps - before} frames in one quantum`);
  }
  assert.equal(released, 1);
  heard.forEach((sample, i) => assert.ok(sample <= -0.5 * signal(9600 + i - LATENCY) + 1e-6, `sample ${i} is not enhanced`));
  assert.equal(heard[57_599], Math.fround(-0.5 * signal(67_199 - LATENCY)));
});
