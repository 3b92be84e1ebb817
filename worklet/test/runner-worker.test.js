/** The worker of `engine: 'worker'`, with the real kernel and a real program image, over a shared ring. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Blend, STATE } from '../blend.js';
import { DELAY } from '../constants.js';
import { Ring } from '../ring.js';
import { serveRuntime } from './images.js';

const ASSETS = 'https://app.example/runtime/';
const DEPTH = 1920;
const QUANTUM = 128;

/** What the worker has sent. @type {any[]} */
const messages = [];
const { fetch } = globalThis;
const worker = /** @type {{onmessage: (event: {data: any}) => void}} */ (/** @type {unknown} */ (globalThis));
const send = (/** @type {any} */ data) => worker.onmessage({ data });

/** @param {(message: any) => boolean} condition @returns {Promise<any>} */
async function received(condition) {
  while (!messages.some(condition)) await new Promise((resolve) => setTimeout(resolve, 5));
  return messages.findLast(condition);
}

before(async () => {
  serveRuntime(ASSETS);
  Object.assign(globalThis, { postMessage: (/** @type {any} */ message) => messages.push(message), addEventListener() {} });
  await import('../runner-worker.js');
  send({ type: 'boot', assets: ASSETS });
  send({ type: 'program' }); // the page could not fetch it
});

after(() => {
  send({ type: 'close', id: 1 });
  globalThis.fetch = fetch;
});

test('it boots without Python, serves a ring and plays what it computes at the ring’s delay', async () => {
  send({ type: 'open', id: 1, token: 1, model: '', attenuationLimit: 0 });
  const answer = await received(({ type }) => type === 'answer' || type === 'failed');
  assert.equal(answer.info?.tier, 'c20', JSON.stringify(answer));
  assert.deepEqual([...new Set(messages.filter(({ type }) => type === 'progress').map(({ stage }) => stage))], ['runtime', 'model', 'warm-up']);

  const ring = Ring.shared();
  const blend = new Blend(ring, { depth: DEPTH });
  send({ type: 'connect', id: 1, depth: DEPTH, buffer: ring.buffer });
  const output = new Float32Array(QUANTUM);
  const value = (/** @type {number} */ position) => (position < 0 ? 0 : 0.1 * Math.sin(position * position * 1e-6));
  let compared = 0;
  for (let at = 0; at < 96_000 && compared < 100; at += QUANTUM) {
    blend.render(Float32Array.from({ length: QUANTUM }, (_, i) => value(at + i)), output);
    await new Promise((resolve) => setTimeout(resolve)); // the worker's turn
    for (let i = 0; i < QUANTUM; i++) {
      const expected = value(at + i - DEPTH - DELAY);
      assert.ok(Math.abs(output[i] - expected) < 1e-5, `sample ${at + i}: ${output[i]}, not ${expected}`);
    }
    if (blend.state === STATE.ENHANCED) compared++;
  }
  assert.equal(compared, 100, 'it never came to be heard');
  const stats = await received(({ type, frames }) => type === 'stats' && frames > 0);
  assert.deepEqual([stats.tier, stats.errors, stats.latency], ['c20', 0, 70]);
});

test('a second stream shares the program, and a tier that does not exist is refused', async () => {
  send({ type: 'open', id: 2, token: 1, model: 'c20', attenuationLimit: 12 });
  assert.equal((await received(({ type, id }) => type === 'answer' && id === 2)).info.tier, 'c20');
  send({ type: 'use', id: 2, token: 2, model: 'c99' });
  const refusal = await received(({ type, id, token }) => type === 'answer' && id === 2 && token === 2);
  assert.equal(refusal.code, 'model');
  send({ type: 'close', id: 2 });
});
