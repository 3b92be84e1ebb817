/**
 * Chooses a model: what the option `model` may be, which tier a machine can handle, and which is next when it cannot.
 *
 * Uses no browser API. A *tier* is a model that the runtime folder lists in models.json, named after the share of the
 * paper's 8 million weights: c20 has a fifth of them.
 *
 * @typedef {object} Tier
 * @property {string} tier its name
 * @property {string} file in the runtime folder
 * @property {number} bytes
 * @property {string} sha256 hexadecimal
 * @property {number} weights how many; the cost of a frame grows with them
 * @property {{file: string, bytes: number, sha256: string}} [image] its program image, which runs without Python
 * @property {boolean} default whether it is the one to start with; exactly one is
 */

/** The value of the option that lets a benchmark decide. */
export const AUTO = 'auto';

/**
 * ms that a frame may take, measured back to back, for `auto` to choose a tier: a tenth of the time available. Woken every
 * 10 ms, as in a call, a frame costs up to three times as much (code and weights have left the cache: build_scripts/results/
 * bench.json), other things run on the machine, and a phone slows down as it heats up.
 */
export const BUDGET = 1;

/**
 * @param {unknown} model the option
 * @returns {string} '', for the default tier, if undefined or ''; otherwise a name or a model file's absolute address
 * @throws {TypeError}
 */
export function readModel(model) {
  if (model === undefined || model === '') return '';
  if (!(typeof model === 'string' || model instanceof URL)) {
    throw new TypeError(`model must be '${AUTO}', the name of a tier such as 'c20', or the URL of a .pnw file, not ${model}`);
  }
  return isName(String(model)) ? String(model) : new URL(model, globalThis.location?.href).href;
}

/** @param {string} model as readModel() returns it @returns {boolean} whether it names a tier; otherwise it is an address */
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
 * A tier is not even downloaded if its weights, and the cost of a tier measured already, show that it would cost too much.
 *
 * @param {Tier[]} tiers the largest first
 * @param {Record<string, number>} costs ms per frame of those measured already, at least one; the others are added
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
  // Among those that could be loaded.
  return tiers.findLast(({ tier }) => Number.isFinite(costs[tier])) ?? tiers[tiers.length - 1];
}
