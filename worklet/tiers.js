/**
 * Which model: what the option `model` may be, which tier a machine can carry, and which is next when it cannot.
 *
 * Free of any browser API. A *tier* is a model that the runtime folder lists in models.json, named after the share of the
 * paper's 8 million weights: c20 has a fifth of them.
 *
 * @typedef {object} Tier
 * @property {string} tier its name
 * @property {string} file in the runtime folder
 * @property {number} bytes
 * @property {string} sha256 hexadecimal
 * @property {number} weights what it costs to compute grows with them
 * @property {boolean} default whether the Python wheel carries it: it costs no download
 */

/** Value of the option that lets a benchmark decide. */
export const AUTO = 'auto';

/**
 * ms that a frame may take, measured back to back, for `auto` to choose a tier: a tenth of the time there is. Woken every
 * 10 ms, as in a call, a frame costs up to three times as much (code and weights have left the cache: build_scripts/results/
 * bench.json), other things run on the machine, and a phone gets slower as it gets warm.
 */
export const BUDGET = 1;

/**
 * @param {unknown} model the option
 * @returns {string} undefined and '' mean the wheel's tier, ''; a name or the absolute address of a model file else
 * @throws {TypeError}
 */
export function readModel(model) {
  if (model === undefined || model === '') return '';
  if (!(typeof model === 'string' || model instanceof URL)) {
    throw new TypeError(`model is ${model}: give '${AUTO}', the name of a tier such as 'c20', or the URL of a .pnw file`);
  }
  return isName(String(model)) ? String(model) : new URL(model, globalThis.location?.href).href;
}

/** @param {string} model what readModel() gave @returns {boolean} whether it names a tier; else it is an address */
export function isName(model) {
  return /^[\w-]+$/.test(model);
}

/** @param {Record<string, Omit<Tier, 'tier'>>} catalogue content of models.json @returns {Tier[]} the largest first */
export function listTiers(catalogue) {
  const tiers = Object.entries(catalogue).map(([tier, entry]) => ({ tier, ...entry }));
  return tiers.sort((a, b) => b.weights - a.weights);
}

/**
 * @param {Tier[]} tiers the largest first
 * @param {number} weights of the model that is too slow
 * @returns {Tier | undefined} the next smaller one
 */
export function nextSmaller(tiers, weights) {
  return tiers.find((tier) => tier.weights < weights);
}

/**
 * The largest tier whose frames stay within the budget; the smallest if none does.
 *
 * A tier is not even fetched if, by its weights, it must cost too much: by the cost of one that was measured already.
 *
 * @param {Tier[]} tiers the largest first
 * @param {Record<string, number>} costs ms a frame of those measured already, at least one; the others are added
 * @param {(tier: Tier) => Promise<number>} measure Infinity for one that cannot be used
 * @param {number} [budget] ms
 * @returns {Promise<Tier>}
 */
export async function largestThatFits(tiers, costs, measure, budget = BUDGET) {
  const known = tiers.find(({ tier }) => tier in costs);
  const expected = (/** @type {Tier} */ { weights }) => (known ? (costs[known.tier] * weights) / known.weights : 0);
  for (const tier of tiers) {
    const larger = known !== undefined && tier.weights > known.weights;
    if (larger && expected(tier) > budget) continue;
    costs[tier.tier] ??= await measure(tier);
    if (costs[tier.tier] <= budget) return tier;
  }
  // Unless it cannot be had at all.
  return tiers.findLast(({ tier }) => Number.isFinite(costs[tier])) ?? tiers[tiers.length - 1];
}
