/** A stream in the worker, with a fake runtime: what it does when frames keep coming late. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Ring, WORD } from '../ring.js';
import { Stream } from '../stream.js';
import { Inverter } from './signal.js';

/** Serve a ring for `seconds` in which every quantum is late. @param {Stream} stream @param {Ring} ring @param {number} seconds */
async function beLate(stream, ring, seconds) {
  for (let i = 0; i < 2 * seconds; i++) {
    for (const word of [WORD.QUANTA, WORD.UNDERRUNS]) ring.store(word, ring.load(word) + 188);
    mock.timers.tick(500);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
}

test('a provisional stream keeps its tier however late it is, and steps down once it stays', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] });
  t.after(() => mock.timers.reset());
  /** @type {any[]} */
  const reports = [];
  const enhancer = () =>
    Object.assign(new Inverter(), { info: { tier: 'c20', kernels_refused: {} }, observe: () => ({ voiceActivity: 0, snr: 0 }), release() {} });
  const tiers = [{ tier: 'c10', weights: 10 }, { tier: 'c20', weights: 20 }];
  const models = {
    tiers: async () => tiers,
    acquire: async (/** @type {string} */ name) => tiers.find(({ tier }) => tier === name) ?? tiers[1],
    release() {},
  };
  const host = /** @type {any} */ ({ runtime: { enhancer, warmUp: async () => {} }, models, chooser: {} });
  const stream = new Stream(Promise.resolve(host), (report) => reports.push(report));
  stream.provisional = true;
  const ring = Ring.shared();
  await stream.use('');
  stream.connect({ depth: 1920, buffer: /** @type {SharedArrayBuffer} */ (ring.buffer) });
  t.after(() => stream.close());

  const overloads = () => reports.filter(({ type }) => type === 'overload').map(({ action, from }) => `${action} from ${from}`);
  await beLate(stream, ring, 10);
  assert.deepEqual(overloads(), []);
  assert.equal(reports.filter(({ type }) => type === 'stats').length, 20);

  stream.provisional = false;
  await beLate(stream, ring, 1);
  assert.deepEqual(overloads(), [], 'what was late before does not count');
  await beLate(stream, ring, 1.5);
  assert.deepEqual(overloads(), ['step-down from c20']);
});
