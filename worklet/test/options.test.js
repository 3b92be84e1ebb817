/** Options are checked when an instance is created: a mistake is an exception that names the option, the value and the remedy. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENGINES, readOptions } from '../options.js';

test('the engine is one of those there are, and Python unless another is chosen', () => {
  assert.equal(readOptions({}).engine, 'python');
  for (const engine of ENGINES) assert.equal(readOptions({ engine }).engine, engine);
  for (const engine of ['', 'wasm', 'Python', null, 1, {}]) {
    assert.throws(() => readOptions({ engine: /** @type {any} */ (engine) }), {
      name: 'TypeError',
      message: new RegExp(`^engine must be 'python' or 'worker' or 'worklet', not `),
    });
  }
});

test('an engine without a ring takes no depth, and is one frame behind', () => {
  assert.equal(readOptions({ engine: 'worklet' }).depth, 480);
  assert.throws(() => readOptions({ engine: 'worklet', depth: 1920 }), { name: 'TypeError', message: /^depth does not apply to engine 'worklet'/ });
  assert.equal(readOptions({ engine: 'worker', depth: 960 }).depth, 960);
});
