/** What `model: 'auto'` chooses, keeps between visits, and makes of a step-down; with a machine that is played. */
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { Chooser } from '../chooser.js';

const DAY = 24 * 3600 * 1000;

const TIERS = [
  { tier: 'c50', sha256: '5'.repeat(64), weights: 4e6 },
  { tier: 'c20', sha256: '2'.repeat(64), weights: 2e6 },
  { tier: 'c10', sha256: '1'.repeat(64), weights: 1e6 },
];

/** ms per frame by tier. @type {Record<string, number>} */
let costs;
/** What the page stored; the next visit starts with the last one. @type {import('../chooser.js').Choice[]} */
let kept;
let measurements = 0;

/** @param {string} [version] of the wheel */
function visit(version = '1.0') {
  const runtime = {
    name: 'pyodide 0.28',
    enhancer: (/** @type {string} */ tier) => ({ tier, info: { version, kernel: 'simd' }, release() {} }),
    warmUp: async () => {},
    benchmark: async (/** @type {{tier: string}} */ { tier }) => (measurements++, costs[tier]),
  };
  const models = {
    defaultModel: { name: 'c20', tier: 'c20', proxy: 'c20' },
    tiers: async () => TIERS,
    acquire: async (/** @type {string} */ name) => ({ proxy: name }),
    release() {},
  };
  const stored = kept.length > 0 ? structuredClone(kept[kept.length - 1]) : undefined;
  return new Chooser(/** @type {any} */ (runtime), /** @type {any} */ (models), stored, (choice) => kept.push(choice));
}

beforeEach(() => {
  if (!('navigator' in globalThis)) Object.assign(globalThis, { navigator: { userAgent: 'test', hardwareConcurrency: 4 } });
  costs = { c50: 0.9, c20: 0.4, c10: 0.2 };
  kept = [];
  measurements = 0;
  mock.timers.reset();
  mock.timers.enable({ apis: ['Date'], now: 1_800_000_000_000 });
});

test('the largest tier that is quick enough is measured once and kept', async () => {
  assert.equal(await visit().choose(), 'c50');
  assert.deepEqual(kept.map(({ tier }) => tier), ['c50']);
  const before = measurements;
  assert.equal(await visit().choose(), 'c50');
  assert.equal(measurements, before);
});

test('another version measures again', async () => {
  await visit().choose();
  costs.c50 = 5;
  assert.equal(await visit('2.0').choose(), 'c20');
});

test('after a step-down this visit and the next one begin with the smaller tier', async () => {
  const first = visit();
  await first.choose();
  first.lower('c20');
  assert.equal(await first.choose(), 'c20', 'another instance of the same page');
  const before = measurements;
  assert.equal(await visit().choose(), 'c20');
  assert.equal(measurements, before);
});

test('a day later the larger one has another chance; each further failure counts twice as long, up to 32 days', async () => {
  const first = visit();
  await first.choose();
  first.lower('c20');
  for (const days of [1, 2, 4, 8, 16, 32, 32]) {
    mock.timers.tick(days * DAY - 1);
    assert.equal(await visit().choose(), 'c20', `before ${days} days are over`);
    mock.timers.tick(1);
    const again = visit();
    assert.equal(await again.choose(), 'c50', `after ${days} days`);
    again.lower('c20');
  }
});

test('two steps down on one day count as one', async () => {
  const first = visit();
  await first.choose();
  first.lower('c20');
  first.lower('c10');
  assert.equal(await visit().choose(), 'c10');
  mock.timers.tick(DAY);
  assert.equal(await visit().choose(), 'c50');
});

test('a lowered tier does not outlive its version', async () => {
  const first = visit();
  await first.choose();
  first.lower('c20');
  assert.equal(await visit('2.0').choose(), 'c50');
  const choice = kept[0];
  kept = [{ ...choice, lowered: { tier: 'c7', until: Date.now() + DAY, days: 1 } }];
  assert.equal(await visit().choose(), 'c50');
});

test('without a choice there is nothing to lower', () => {
  visit().lower('c10');
  assert.deepEqual(kept, []);
});
