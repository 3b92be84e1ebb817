/**
 * Checks the arguments of create() and the methods: a programming error throws an exception that names the argument.
 */
import { DEPTH_MAX, DEPTH_MIN } from './blend.js';
import { DEFAULT_DEPTH } from './constants.js';
import { readModel } from './tiers.js';

/**
 * @typedef {object} Options
 * @property {string | URL} [model] a tier ('c10', 'c20', ...: see PercepNet.tiers()), 'auto' for the largest that this
 *     machine handles with ease, or the address of a model file; default: the tier that needs no further download
 * @property {string | URL} [assets] the runtime folder; default `../runtime/` beside this module's folder
 * @property {number} [depth] ring depth in samples at 48 kHz, default 1920 (40 ms)
 * @property {number} [attenuationLimit] most that noise is reduced, dB; 0 leaves the sound unchanged; default Infinity
 * @property {boolean} [enabled] default true
 */

/** @param {Options} options */
export function readOptions({ model, assets, depth = DEFAULT_DEPTH, attenuationLimit = Infinity, enabled = true }) {
  return {
    model: readModel(model),
    assets: readAssets(assets),
    depth: readDepth(depth),
    attenuationLimit: readLimit(attenuationLimit),
    enabled: Boolean(enabled),
  };
}

/** @param {string | URL} [assets] @returns {string} absolute, with a slash at its end */
export function readAssets(assets) {
  const address = new URL(assets ?? '../runtime/', assets ? globalThis.location?.href : import.meta.url).href;
  return address.endsWith('/') ? address : `${address}/`;
}

/** @param {number} depth */
function readDepth(depth) {
  if (!Number.isInteger(depth) || depth < DEPTH_MIN || depth > DEPTH_MAX) {
    throw new RangeError(`depth must be a whole number of samples from ${DEPTH_MIN} to ${DEPTH_MAX}, not ${depth}`);
  }
  return depth;
}

/** @param {number} limit */
export function readLimit(limit) {
  if (typeof limit !== 'number' || !(limit >= 0)) {
    throw new RangeError(`attenuationLimit must be decibels from 0 (no effect) to Infinity (no limit), not ${limit}`);
  }
  return limit;
}

/** @param {MediaStreamTrack} track */
export function checkTrack(track) {
  if (track?.kind !== 'audio') throw new TypeError(`track must be an audio MediaStreamTrack, not ${track?.kind ?? track}`);
}
