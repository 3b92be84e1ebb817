/** Damaged images, tried in a thread of their own: a hang cannot be caught, only noticed from outside. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { makeImages } from './images.js';

const COUNT = Number(process.env.SEEDS ?? 150);
/** ms in which any image is refused or has run, on the busiest machine. */
const PATIENCE = 60_000;

test(`${COUNT} damaged images are refused, or run, or fail; none hangs`, async () => {
  const { images } = makeImages();
  const { small, sparse, levels } = images;
  const first = Number(process.env.SEED ?? 1);
  const seeds = Array.from({ length: COUNT }, (_, i) => first + i);
  const worker = new Worker(new URL('runner-fuzz-worker.js', import.meta.url), { workerData: { images: { small, sparse, levels }, seeds } });
  /** @type {Record<string, number>} */
  const results = { refused: 0, failed: 0, ran: 0 };
  let seed = 0;
  try {
    await new Promise((resolve, reject) => {
      const hang = () => reject(new Error(`seed ${seed} hangs`));
      let timer = setTimeout(hang, PATIENCE);
      worker.on('message', (message) => {
        seed = message.seed;
        if (message.result) results[message.result]++;
        clearTimeout(timer);
        timer = setTimeout(hang, PATIENCE);
      });
      worker.on('error', reject);
      worker.on('exit', () => (clearTimeout(timer), resolve(undefined)));
    });
  } finally {
    await worker.terminate();
  }
  assert.equal(results.refused + results.failed + results.ran, COUNT);
  assert.ok(results.refused > COUNT / 2, JSON.stringify(results)); // most damage shows
  assert.ok(results.ran > 0, JSON.stringify(results)); // some damage does not matter: another number in the tables, or in the padding
});
