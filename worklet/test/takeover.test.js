/** While Python starts, a second ring plays: whose enhancer is heard, and how one takes over from the other. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Blend, HEARD } from '../blend.js';
import { DELAY, HOP } from '../constants.js';
import { Pump } from '../pump.js';
import { Ring, WORD } from '../ring.js';
import { DEPTH, QUANTUM } from './rig.js';
import { Inverter, signal } from './signal.js';

describe('a second ring plays until the first can take over', () => {
  /** Both enhancers flip the sign; the early one's output is half as loud, which shows which of them is heard. */
  class Half extends Inverter {
    step() {
      super.step();
      const output = this.output();
      for (let i = 0; i < output.length; i++) output[i] *= 0.5;
    }
  }

  /** @param {{quantum?: number, depth?: number, start?: number}} [options] */
  function rig({ quantum = QUANTUM, depth = DEPTH, start = 0 } = {}) {
    const main = Ring.local();
    const early = Ring.local();
    const blend = new Blend(main, { depth, start });
    const pumps = { main: new Pump(main, depth, new Inverter()), early: new Pump(early, depth, new Half()) };
    let elapsed = 0;
    /** The last quantum's gains: 1 raw, -0.5 early, -1 the first ring's. @type {number[]} */
    let gains = [];
    /** @param {number} samples @param {('main' | 'early')[]} working @param {(gains: number[]) => void} [look] */
    const run = (samples, working, look = () => {}) => {
      for (const end = elapsed + samples; elapsed < end; elapsed += quantum) {
        const output = new Float32Array(quantum);
        blend.render(Float32Array.from({ length: quantum }, (_, i) => signal(start + elapsed + i)), output);
        const at = (/** @type {number} */ i) => signal(start + elapsed + i - depth - DELAY);
        gains = [...output].map((sample, i) => (elapsed + i >= depth + DELAY ? sample / at(i) : 1));
        look(gains);
        for (const each of working) while (pumps[each].run());
      }
    };
    return { blend, early, pumps, run, last: () => gains.at(-1) ?? NaN };
  }

  const near = (/** @type {number} */ a, /** @type {number} */ b) => Math.abs(a - b) < 1e-3;

  for (const { quantum, depth, start } of [
    { quantum: 128, depth: DEPTH, start: 0 },
    { quantum: 128, depth: 960, start: 0 },
    { quantum: 128, depth: DEPTH, start: 2 ** 31 - HEARD },
    { quantum: 480, depth: DEPTH, start: 0 },
    { quantum: 100, depth: DEPTH, start: 0 },
  ]) {
    test(`without a raw quantum, in one cross-fade over a frame: quantum ${quantum}, depth ${depth}, from ${start}`, () => {
      const { blend, early, run, last } = rig({ quantum, depth, start });
      run(9600, []);
      blend.lead(early);
      run(24000, ['early']);
      assert.ok(near(last(), -0.5), `${last()}`);
      let before = -0.5;
      let changing = 0;
      run(HEARD + 9600, ['early', 'main'], (gains) => {
        for (const gain of gains) {
          assert.ok(gain < -0.49 && gain > -1.01, `raw, or of another moment: ${gain}`);
          assert.ok(Math.abs(gain - before) < 0.5 / HOP + 1e-3, `a click: ${before} to ${gain}`);
          if (!near(gain, -0.5) && !near(gain, -1)) changing++;
          before = gain;
        }
      });
      assert.ok(near(last(), -1), `${last()}`);
      assert.ok(changing > 0.9 * HOP && changing <= HOP + quantum, `a cross-fade over ${changing} samples`);
      assert.equal(blend.early, undefined);
      assert.equal(blend.underruns, 0);
    });
  }

  test('not at once if the first begins with the past, which it has not heard for long enough either', () => {
    const { blend, early, run, last, pumps } = rig();
    pumps.main.hearsPast = true;
    blend.lead(early);
    run(HEARD + 9600, ['early']);
    run(HEARD - 9600, ['early', 'main']);
    assert.ok(near(last(), -0.5) && blend.early === early, `${last()}`);
    run(9600, ['early', 'main']);
    assert.ok(near(last(), -1) && blend.early === undefined);
  });

  test('not before the first has been heard for long enough without a gap', () => {
    const { blend, early, run, last } = rig();
    blend.lead(early);
    run(48000, ['early']);
    run(HEARD - 9600, ['early', 'main']);
    run(9600, ['early']); // frames are lost
    run(HEARD - 9600, ['early', 'main']);
    assert.ok(near(last(), -0.5) && blend.early === early);
    run(4 * 9600, ['early', 'main']);
    assert.ok(near(last(), -1) && blend.early === undefined);
  });

  test('at once if the second has died: raw, then the first', () => {
    const { blend, early, run, last } = rig();
    blend.lead(early);
    run(48000, ['early', 'main']);
    run(4800, ['main']);
    assert.ok(near(last(), 1), 'neither');
    run(4800, ['main']);
    assert.ok(near(last(), -1) && blend.early === undefined);
  });

  test('between gaps if the second has died, however often they come', () => {
    const { blend, early, run, last } = rig();
    blend.lead(early);
    run(48000, ['early', 'main']);
    run(9600, []);
    for (let gap = 0; gap < 5; gap++) {
      run(HEARD / 2, ['main']);
      assert.ok(near(last(), -1) && blend.early === undefined);
      run(9600, []);
    }
  });

  test('the second dies within the cross-fade: it ends sooner, without a click of more than a quantum', () => {
    const { blend, early, run, last } = rig();
    blend.lead(early);
    run(48000, ['early']);
    let fading = false;
    while (!fading) run(QUANTUM, ['early', 'main'], (gains) => (fading = gains.at(-1) !== undefined && !near(gains[QUANTUM - 1], -0.5)));
    early.store(WORD.DONE, (blend.position - DEPTH + QUANTUM) | 0); // one more quantum, and then no more
    let before = last();
    run(QUANTUM, ['main'], (gains) => {
      for (const gain of gains) {
        assert.ok(Math.abs(gain - before) < 0.5 / QUANTUM + 1e-3, `a click: ${before} to ${gain}`);
        before = gain;
      }
    });
    assert.ok(near(last(), -1) && blend.early === undefined);
  });

  test('in a pause, and after it, as well', () => {
    const { blend, early, run, last } = rig();
    blend.lead(early);
    run(48000, ['early']);
    blend.enabled = false;
    run(9600, ['early', 'main']);
    assert.ok(near(last(), 1));
    blend.enabled = true;
    run(48000, ['early', 'main']);
    assert.ok(near(last(), -0.5));
    run(HEARD, ['early', 'main']);
    assert.ok(near(last(), -1));
  });

  test('a third after the second, when a restart takes place while it is heard', () => {
    const { blend, early, run, last } = rig();
    blend.lead(early);
    run(48000, ['early', 'main']);
    const pump = new Pump(Ring.local(), DEPTH, new Half());
    blend.lead(pump.ring);
    let before = last();
    run(3 * QUANTUM, [], (gains) => {
      for (const gain of gains) assert.ok(gain <= 1.001 && gain >= -0.501);
      before = gains[QUANTUM - 1];
    });
    assert.ok(!Number.isNaN(before));
    for (let i = 0; i < 100; i++) {
      run(QUANTUM, []);
      while (pump.run());
    }
    assert.ok(near(last(), -0.5), `${last()}`);
  });

  test('a third after the second, when a restart takes place within the cross-fade', () => {
    const { blend, early, run, last } = rig();
    blend.lead(early);
    run(48000, ['early']);
    while (near(last(), -0.5)) run(QUANTUM, ['early', 'main']);
    const pump = new Pump(Ring.local(), DEPTH, new Half());
    blend.lead(pump.ring);
    run(2 * DEPTH, []); // neither of the old workers does anything any more
    assert.ok(near(last(), 1) && blend.early === pump.ring, `${last()}`);
    for (let i = 0; i < 100; i++) {
      run(QUANTUM, []);
      while (pump.run());
    }
    assert.ok(near(last(), -0.5), `${last()}`);
  });
});
