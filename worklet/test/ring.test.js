/** The ring under two real threads: this file is the test and, started again as a worker, the other thread. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { HOP } from '../constants.js';
import { CAPACITY, Ring, WORD } from '../ring.js';
import { generator, signal } from './signal.js';

const TOTAL = 400 * HOP;

/** As many frames may be on their way at once, so that the writer does not lap the reader. */
const LEAD = 8 * HOP;

if (isMainThread) {
  for (const start of [0, (2 ** 31 - 100 * HOP) | 0, (2 ** 32 - 100 * HOP) | 0]) {
    test(`two threads, clock starting at ${start}: every sample arrives once, in order, unharmed`, async () => {
      const ring = Ring.shared();
      // Canaries: what was never written must never be read.
      ring.input.fill(NaN);
      ring.output.fill(Infinity);
      for (const word of [WORD.WRITTEN, WORD.NEEDED, WORD.VALID_FROM, WORD.DONE]) ring.store(word, start);
      const worker = new Worker(new URL(import.meta.url), { workerData: { buffer: ring.buffer, start } });
      const finished = once(worker, 'message');
      const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
      await Promise.race([produce(ring, start), failed]);
      const [{ frames, waits }] = await Promise.race([finished, failed]);
      assert.equal(frames, TOTAL / HOP);
      assert.ok(waits > 0, 'the reader never had to wait: the wake-up was not exercised');
      await worker.terminate();
    });
  }

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

  test('memory of another size is refused with both sizes', () => {
    assert.throws(() => new Ring(new ArrayBuffer(64)), /has 64 bytes, expected \d+/);
  });
} else {
  const alive = setInterval(() => {}, 1000); // Atomics.waitAsync alone does not keep a Node thread alive
  await consume(new Ring(workerData.buffer), workerData.start);
  clearInterval(alive);
}

/** Atomics.waitAsync alone does not keep a Node thread alive. @param {import('node:test').TestContext} t */
function keptAlive(t) {
  const timer = setInterval(() => {}, 1000);
  t.after(() => clearInterval(timer));
}

/** The worklet's part: input in quanta of changing size; checks the output that comes back. @param {Ring} ring @param {number} start */
async function produce(ring, start) {
  const random = generator(1);
  const chunk = new Float32Array(512);
  let sent = 0;
  let checked = 0;
  while (checked < TOTAL) {
    const n = Math.min(1 + Math.floor(random() * chunk.length), TOTAL - sent, LEAD - (sent - checked));
    for (let i = 0; i < n; i++) chunk[i] = signal(start + sent + i);
    ring.writeInput((start + sent) | 0, chunk, n);
    sent += n;
    ring.publishWritten((start + sent) | 0);
    if (random() < 0.1) await new Promise(setImmediate);
    const done = (ring.load(WORD.DONE) - start) | 0;
    const output = new Float32Array(done - checked);
    ring.readOutput((start + checked) | 0, output);
    for (let i = 0; i < output.length; i++) assert.equal(output[i], -signal(start + checked + i));
    checked = done;
  }
}

/** The worker's part: waits for whole frames and sends them back with the sign turned. @param {Ring} ring @param {number} start */
async function consume(ring, start) {
  const frame = new Float32Array(HOP);
  const random = generator(2);
  let waits = 0;
  for (let position = 0; position < TOTAL; position += HOP) {
    for (;;) {
      const seen = ring.load(WORD.WRITTEN);
      if (((seen - start) | 0) >= position + HOP) break;
      ring.store(WORD.NEEDED, (start + position + HOP) | 0);
      waits++;
      await ring.waitWritten(seen, 1000);
    }
    ring.readInput((start + position) | 0, frame);
    for (let i = 0; i < HOP; i++) {
      assert.equal(frame[i], signal(start + position + i));
      frame[i] = -frame[i];
    }
    for (let spin = Math.floor(random() * 1e4); spin > 0; spin--);
    ring.writeOutput((start + position) | 0, frame);
    ring.publishDone(start, (start + position + HOP) | 0);
  }
  parentPort?.postMessage({ frames: TOTAL / HOP, waits });
}
