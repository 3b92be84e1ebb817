/** The worker's side: enhancers that fail, are replaced or are late, and what is measured of them. */
import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import { HOP } from '../constants.js';
import { FAILURES, GRADUAL_HISTORY, Pump } from '../pump.js';
import { Ring, SETTLE, WORD } from '../ring.js';
import { DEPTH, QUANTUM, Rig } from './rig.js';
import { Inverter } from './signal.js';

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
      throw new Error('permanent');
    };
    rig.run(48000);
    assert.equal(rig.pump.errors, FAILURES);
    assert.match(String(rig.pump.failure), /permanent/);
    assert.equal(rig.gain, 0);
  });

  test('is reset at the beginning and after a failure, not after a pause; one that cannot be is given up', () => {
    const enhancer = new Inverter();
    const reset = mock.method(enhancer, 'reset');
    const rig = new Rig({ enhancer }).run(20000);
    assert.equal(reset.mock.callCount(), 1);
    rig.blend.enabled = false;
    rig.run(QUANTUM);
    rig.blend.enabled = true;
    rig.run(20000);
    assert.equal(reset.mock.callCount(), 1);
    const { step } = enhancer;
    enhancer.step = () => {
      enhancer.step = step;
      throw new Error('once');
    };
    rig.run(HOP);
    assert.equal(reset.mock.callCount(), 2);
    reset.mock.mockImplementation(() => {
      throw new Error('cannot');
    });
    enhancer.step = () => {
      throw new Error('again');
    };
    rig.run(HOP);
    assert.match(String(rig.pump.failure), /cannot/);
  });

  test('that outputs NaN is not heard', () => {
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

  test('hears a second first where it hears every frame as it comes', () => {
    const half = new Half();
    const step = mock.method(half, 'step');
    const rig = new Rig().run(20000);
    rig.pump.gradual = true;
    rig.pump.replace(half, () => {});
    rig.run(HOP * (GRADUAL_HISTORY - 1));
    assert.ok(Math.abs(rig.gain - 1) < 1e-6, `${rig.gain}`);
    rig.run(DEPTH + 4 * HOP);
    assert.ok(Math.abs(rig.gain - 0.75) < 1e-6, `${rig.gain}`);
    assert.ok(step.mock.callCount() > GRADUAL_HISTORY);
  });

  test('is in use at once while nothing is computed, and is reset before it is', () => {
    const rig = new Rig({ enabled: false }).run(5000);
    let released = 0;
    const half = new Half();
    const reset = mock.method(half, 'reset');
    rig.pump.replace(half, () => released++);
    assert.equal(released, 1);
    rig.blend.enabled = true;
    rig.run(20000);
    assert.ok(Math.abs(rig.gain - 0.75) < 1e-6);
    assert.equal(reset.mock.callCount(), 1);
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

test('at most as many frames are computed at a time as were asked for', () => {
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

describe('what was recorded before the start', () => {
  const PAST = DEPTH + SETTLE;

  /** A worker that comes when the node has been playing for a while. @param {{start?: number, before?: number}} [options] */
  function late({ start = 0, before = 20000 } = {}) {
    const rig = new Rig({ start });
    rig.run(before, { work: false });
    rig.pump.hearsPast = true;
    return rig;
  }

  for (const start of [0, 2 ** 31 - 20000 - PAST / 2]) {
    test(`is heard first, so that the very next quantum fades to enhanced sound, from ${start}`, () => {
      const rig = late({ start });
      rig.run(2 * QUANTUM);
      assert.equal(rig.gain, 1);
      assert.equal(rig.pump.frames, PAST / HOP);
      rig.run(20000);
      assert.deepEqual([rig.gain, rig.blend.underruns, rig.pump.skipped], [1, 0, 0]);
    });
  }

  test('is not made up: a node that has only begun is raw until there is enough', () => {
    const rig = late({ before: 3 * QUANTUM });
    rig.until(() => rig.gain === 1, PAST + 2 * QUANTUM);
    assert.ok(rig.elapsed > PAST);
  });

  test('is not late, however long it takes, nor is it kept up with for ever', () => {
    const rig = late();
    rig.quantumOnce({ work: false });
    rig.pump.run(1);
    rig.run(DEPTH + HOP, { work: false }); // the rest has to wait
    rig.until(() => rig.gain === 1, 2 * PAST);
    assert.equal(rig.pump.skipped, DEPTH / HOP, 'only what came since the start');
  });

  test('is over for good: its end moves on with the frames, since positions wrap', () => {
    const rig = late();
    rig.run(20000);
    assert.equal(rig.pump.next - rig.pump.live, HOP);
  });

  test('is left alone where it may be playing: after a short pause the next frame is the one that follows', () => {
    const rig = late();
    rig.run(20000);
    const before = rig.pump.frames;
    rig.blend.enabled = false;
    rig.run(QUANTUM);
    rig.blend.enabled = true;
    const done = rig.ring.load(WORD.DONE);
    rig.run(QUANTUM);
    assert.deepEqual([rig.pump.next - rig.pump.frames * HOP, rig.pump.frames - before <= 2], [done - before * HOP, true]);
    rig.until(() => rig.gain === 1, SETTLE + DEPTH);
  });
});

test('compute times are measured for each frame', () => {
  const times = [0, 4, 4, 5, 5, 8, 8, 10]; // began and ended: 4, 1, 3 and 2 ms
  const ring = Ring.local();
  const pump = new Pump(ring, DEPTH, new Inverter(), () => Number(times.shift()));
  ring.store(WORD.ACTIVE, 1);
  pump.run();
  assert.deepEqual(pump.percentiles(0.5), [0], 'no frame yet');
  ring.publishWritten(4 * HOP);
  pump.run(9);
  assert.equal(pump.frames, 4);
  assert.deepEqual(pump.percentiles(0, 0.5, 1), [1, 3, 4]);
  assert.equal(pump.busy, 10);
});
