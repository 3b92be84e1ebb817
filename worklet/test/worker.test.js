/** How the enhancer's worker treats messages that our own page never sends. */
import assert from 'node:assert/strict';
import { mock, test } from 'node:test';

const posted = mock.fn();
Object.assign(globalThis, { postMessage: posted, addEventListener() {} });
await import('../worker.js');
const worker = /** @type {{onmessage: (event: {data: any}) => void}} */ (/** @type {unknown} */ (globalThis));

test('messages of unknown type are ignored with a warning, those for a stream that does not exist without one', async (t) => {
  const warn = t.mock.method(console, 'warn', () => {});
  const strangers = [undefined, null, 0, 'boot', [], {}, { type: 'constructor' }, { type: '__proto__' }, { type: { boot: 1 } }];
  for (const data of strangers) worker.onmessage({ data });
  assert.equal(warn.mock.callCount(), strangers.length);
  for (const type of ['connect', 'attenuationLimit', 'observe', 'close']) {
    for (const id of [undefined, 7, '__proto__']) worker.onmessage({ data: { type, id, value: 1, wanted: true } });
  }
  await new Promise(setImmediate);
  assert.equal(warn.mock.callCount(), strangers.length);
  assert.equal(posted.mock.callCount(), 0);
});
