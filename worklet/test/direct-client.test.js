/** Which model may run on the audio thread: one whose frames leave it time for the rest of the graph. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUDGET, largestWithinBudget } from '../direct-client.js';

/** @param {Record<string, number>} costs ms per frame by tier, the largest first */
function machine(costs) {
  const names = Object.keys(costs);
  const tiers = names.map((tier, i) => ({ tier, weights: names.length - i }));
  /** @type {string[]} */
  const held = [];
  const models = /** @type {any} */ ({
    acquire: async (/** @type {string} */ name) => (held.push(name), tiers.find(({ tier }) => tier === name)),
    release: (/** @type {{tier: string}} */ { tier }) => held.splice(held.indexOf(tier), 1),
    tiers: async () => tiers,
  });
  const measure = async (/** @type {any} */ { tier }) => ({ info: { tier }, cost: { typical: costs[tier] / 2, slowest: costs[tier] } });
  return { models, measure, held };
}

test('a model that is fast enough is used', async () => {
  const { models, measure, held } = machine({ c50: BUDGET, c20: 0.1 });
  const { info, from } = await largestWithinBudget(models, 'c50', measure);
  assert.deepEqual([info.tier, from, held], ['c50', undefined, ['c50']]);
});

test('one that is too slow steps down to the largest that is not, and is released', async () => {
  const { models, measure, held } = machine({ c50: 3, c20: 1.4, c10: 0.8 });
  const { info, from } = await largestWithinBudget(models, 'c50', measure);
  assert.deepEqual([info.tier, from, held], ['c10', 'c50', ['c10']]);
});

test('a machine too slow for the smallest is refused with a code, and nothing is kept', async () => {
  const { models, measure, held } = machine({ c20: 4, c10: 2.2 });
  await assert.rejects(largestWithinBudget(models, 'c20', measure), {
    name: 'PercepNetError',
    code: 'budget',
    message: /Choose the engine 'worker' instead\. \(a frame of c10 takes 2\.2 ms/,
  });
  assert.deepEqual(held, []);
});

test('a failed trial releases the model', async () => {
  const { models, held } = machine({ c20: 0.1 });
  await assert.rejects(largestWithinBudget(models, 'c20', async () => Promise.reject(new Error('trap'))), /trap/);
  assert.deepEqual(held, []);
});
