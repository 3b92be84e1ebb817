/** The ring's words and samples, seen from one thread; threads.test.js has two. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HOP } from '../constants.js';
import { CAPACITY, Ring, WORD } from '../ring.js';

test('the worker is woken by the sample that completes what it needs, and by a switch, not before', { timeout: 20000 }, async (t) => {
  const ring = Ring.shared();
  /** What the worker would wait for; 'ok' is a wake-up. @param {number} ms */
  const woken = (ms) => Promise.resolve(Atomics.waitAsync(ring.words, WORD.WRITTEN, ring.load(WORD.WRITTEN), ms).value);
  keptAlive(t);
  ring.store(WORD.NEEDED, HOP);
  const early = woken(20);
  ring.publishWritten(HOP - 1);
  assert.equal(await early, 'timed-out');
  const due = woken(5000);
  ring.publishWritten(HOP);
  assert.equal(await due, 'ok');
  const late = woken(5000);
  ring.publishWritten(3 * HOP);
  assert.equal(await late, 'ok');
  for (const active of [true, false]) {
    const switched = woken(5000);
    ring.publishActive(active);
    assert.equal(await switched, 'ok');
    assert.equal(ring.load(WORD.ACTIVE), Number(active));
  }
});

test('waiting ends at once where the word has moved on, else with the wake-up, else with the time', { timeout: 20000 }, async (t) => {
  const ring = Ring.shared();
  keptAlive(t);
  ring.publishWritten(1);
  await ring.waitWritten(0, 1e6); // would outlast the test
  let waited = false;
  const wake = ring.waitWritten(1, 1e6).then(() => (waited = true));
  await new Promise(setImmediate);
  assert.equal(waited, false);
  ring.publishWritten(2);
  await wake;
  await ring.waitWritten(2, 1);
});

test('samples that are not finite become silence on the way in', () => {
  const ring = Ring.local();
  assert.equal(ring.writeInput(0, Float32Array.of(NaN, Infinity, -Infinity, 0), 4), false);
  assert.equal(ring.writeInput(4, Float32Array.of(0, 0.5, NaN, 0), 4), true);
  assert.deepEqual([...ring.input.subarray(0, 8)], [0, 0, 0, 0, 0, 0.5, 0, 0]);
});

test('no input connected is silence, over what was there before', () => {
  const ring = Ring.local();
  ring.input.fill(NaN);
  assert.equal(ring.writeInput(CAPACITY - 2, undefined, 4), false);
  assert.deepEqual([ring.input.at(-2), ring.input.at(-1), ring.input[0], ring.input[1]], [0, 0, 0, 0]);
  assert.ok(Number.isNaN(ring.input[2]) && Number.isNaN(ring.input.at(-3)), 'wrote past its bounds');
});

test('copies keep to their length, across the end of the ring', () => {
  const ring = Ring.local();
  ring.writeInput(CAPACITY - 1, Float32Array.of(1, 2, 3), 3);
  const into = new Float32Array(4).fill(9);
  ring.readInput(CAPACITY - 1, into, 2);
  assert.deepEqual([...into], [1, 2, 9, 9]);
  ring.output.fill(7);
  ring.writeOutput(CAPACITY - 1, Float32Array.of(4, 5));
  assert.deepEqual([ring.output.at(-2), ring.output.at(-1), ring.output[0], ring.output[1]], [7, 4, 5, 7]);
  ring.readOutput(CAPACITY - 1, into);
  assert.deepEqual([...into], [4, 5, 7, 7]);
});

test('memory of another size is refused with both sizes', () => {
  assert.throws(() => new Ring(new ArrayBuffer(64)), /has 64 bytes, expected \d+/);
});

/** Atomics.waitAsync alone does not keep a Node thread alive. @param {import('node:test').TestContext} t */
function keptAlive(t) {
  const timer = setInterval(() => {}, 1000);
  t.after(() => clearInterval(timer));
}
