/** Which model: options, and the choice of a tier by what machines are able to. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BUDGET, largestThatFits, listTiers, nextSmaller, readModel } from '../tiers.js';

const entry = (/** @type {number} */ weights, isDefault = false) => ({
  file: '',
  bytes: weights,
  sha256: '',
  weights,
  default: isDefault,
});
const TIERS = listTiers({ c10: entry(1e6), c100: entry(8e6), c20: entry(2e6, true), c50: entry(4e6) });

test('tiers are listed from the largest to the smallest', () => {
  assert.deepEqual(TIERS.map(({ tier }) => tier), ['c100', 'c50', 'c20', 'c10']);
});

test('the next smaller tier, also for a model that is not a tier', () => {
  assert.equal(nextSmaller(TIERS, 8e6)?.tier, 'c50');
  assert.equal(nextSmaller(TIERS, 3e6)?.tier, 'c20');
  assert.equal(nextSmaller(TIERS, 1e6), undefined);
});

test('the option is a name, an address, or nothing', () => {
  assert.equal(readModel(undefined), '');
  assert.equal(readModel('c10'), 'c10');
  assert.equal(readModel('auto'), 'auto');
  assert.equal(readModel('https://a.example/my.pnw'), 'https://a.example/my.pnw');
  assert.equal(readModel(new URL('https://a.example/my.pnw')), 'https://a.example/my.pnw');
  // @ts-expect-error not a string
  assert.throws(() => readModel(20), /model must be 'auto', the name of a tier such as 'c20', or the URL of a .pnw file, not 20/);
});

describe('the tier that a machine gets is', () => {
  /** A machine on which a frame costs `fixed` ms and `each` ms a million weights; what it measured. */
  const choose = async (/** @type {number} */ fixed, /** @type {number} */ each, /** @type {string[]} */ lost = []) => {
    const cost = (/** @type {{weights: number}} */ { weights }) => fixed + (each * weights) / 1e6;
    /** @type {string[]} */
    const measured = [];
    const { tier } = await largestThatFits(TIERS, { c20: cost(TIERS[2]) }, async (each) => {
      measured.push(each.tier);
      return lost.includes(each.tier) ? Infinity : cost(each);
    });
    return [tier, ...measured];
  };

  test('the largest if it is fast, and only that one is fetched', async () => {
    assert.deepEqual(await choose(0.05, 0.09), ['c100', 'c100']);
  });

  test('one that fits its speed; those that cannot fit are not fetched', async () => {
    assert.deepEqual(await choose(0.05, 0.2), ['c50', 'c50']);
    assert.deepEqual(await choose(0.5, BUDGET / 4), ['c20']);
  });

  test('a smaller one than the wheel has, if that is too slow', async () => {
    assert.deepEqual(await choose(0.2, 0.6), ['c10', 'c10']);
  });

  test('the smallest if none fits', async () => {
    assert.deepEqual(await choose(5, 5), ['c10', 'c10']);
  });

  test('one that is available', async () => {
    assert.deepEqual(await choose(0.05, 0.09, ['c100']), ['c50', 'c100', 'c50']);
    assert.deepEqual(await choose(5, 5, ['c10']), ['c20', 'c10']);
  });
});
