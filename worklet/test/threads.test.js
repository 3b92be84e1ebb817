/** The ring under two real threads: this file is the test and, started again as a worker, the other thread. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { HOP } from '../constants.js';
import { Ring, WORD } from '../ring.js';
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
} else {
  const alive = setInterval(() => {}, 1000); // Atomics.waitAsync alone does not keep a Node thread alive
  await consume(new Ring(workerData.buffer), workerData.start);
  clearInterval(alive);
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
