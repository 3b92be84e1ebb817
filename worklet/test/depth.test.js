/** `depth: 'auto'`: the ring deepens by as much as frames come late, and not for a stall that no depth could hide. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Blend, DEEPEN, STATE } from '../blend.js';
import { DELAY, SAMPLE_RATE } from '../constants.js';
import { Pump } from '../pump.js';
import { CAPACITY, Ring, WORD } from '../ring.js';
import { Inverter, signal } from './signal.js';

const FIRST = 960;
const DEEPEST = 2880;
const QUANTUM = 128;

/** A worker that runs only once every few samples. @param {{start?: number, deepest?: number}} [options] */
function rig({ start = 0, deepest = DEEPEST } = {}) {
  const ring = Ring.local();
  ring.output.fill(NaN);
  const blend = new Blend(ring, { depth: FIRST, deepest, start });
  const pump = new Pump(ring, 'auto', new Inverter());
  let elapsed = 0;
  let turn = 0;
  /** What was heard of the last second, and at which position. */
  const heard = { from: 0, samples: /** @type {number[]} */ ([]) };
  /** @param {number} samples @param {number} period of the worker's turns */
  const run = (samples, period) => {
    heard.from = elapsed;
    heard.samples = [];
    for (const end = elapsed + samples; elapsed < end; ) {
      const input = Float32Array.from({ length: QUANTUM }, (_, i) => signal(start + elapsed + i));
      const output = new Float32Array(QUANTUM);
      blend.render(input, output);
      for (const sample of output) {
        assert.ok(Number.isFinite(sample), 'nothing that was never written is played');
        heard.samples.push(sample);
      }
      elapsed += QUANTUM;
      if (elapsed - turn >= period) {
        turn = elapsed;
        while (pump.run());
      }
    }
  };
  return { blend, ring, run, heard, start };
}

/** That all of what was heard is enhanced, at the delay that the depth says. @param {ReturnType<typeof rig>} rig */
function assertEnhanced({ blend, heard, start }) {
  heard.samples.forEach((sample, i) => {
    assert.equal(sample, -signal(start + heard.from + i - blend.depth - DELAY), `sample ${heard.from + i}`);
  });
}

test('a worker in time keeps the depth that it began with', () => {
  const each = rig();
  each.run(2 * SAMPLE_RATE, QUANTUM);
  each.run(SAMPLE_RATE, QUANTUM);
  assert.deepEqual([each.blend.depth, each.blend.underruns], [FIRST, 0]);
  assertEnhanced(each);
});

for (const start of [0, 2 ** 31 - SAMPLE_RATE]) {
  test(`one that comes late is given as much as it needs, from position ${start} on, and keeps it`, () => {
    const each = rig({ start });
    each.run(SAMPLE_RATE, QUANTUM);
    each.run(5 * SAMPLE_RATE, 1440);
    const { depth, underruns } = each.blend;
    assert.ok(depth > FIRST && depth <= DEEPEST && (depth - FIRST) % DEEPEN === 0, `${depth}`);
    assert.equal(each.ring.load(WORD.DEPTH), depth);
    each.run(2 * SAMPLE_RATE, 1440);
    assert.deepEqual([each.blend.depth, each.blend.underruns, each.blend.state], [depth, underruns, STATE.ENHANCED], 'nothing is late any more');
    assertEnhanced(each);
    each.run(2 * SAMPLE_RATE, QUANTUM);
    assert.equal(each.blend.depth, depth, 'it never gets shallower');
    assertEnhanced(each);
  });
}

test('a stall longer than any depth could hide changes nothing', () => {
  const each = rig();
  each.run(SAMPLE_RATE, QUANTUM);
  each.run(SAMPLE_RATE, 2 * SAMPLE_RATE);
  each.run(SAMPLE_RATE, QUANTUM);
  assert.equal(each.blend.depth, FIRST);
  assert.ok(each.blend.underruns > 0);
  each.run(SAMPLE_RATE, QUANTUM);
  assertEnhanced(each);
});

test('the depth that was asked for as a number stays', () => {
  const each = rig({ deepest: FIRST });
  each.run(5 * SAMPLE_RATE, 1440);
  assert.equal(each.blend.depth, FIRST);
});

test('the deepest can be read back', () => {
  assert.ok(DEEPEST + DELAY + 2048 < CAPACITY);
});
