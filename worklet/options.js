/**
 * Checks the arguments of create() and the methods: a programming error throws an exception that names the argument.
 */
import { DEPTH_MAX, DEPTH_MIN } from './blend.js';
import { ATTENUATION_LIMIT_DB, DEFAULT_DEPTH, HOP } from './constants.js';
import { readModel } from './tiers.js';

/** Ring depth in samples with `depth: 'auto'`: at first, and at most when frames come late. */
export const AUTO_DEPTH = { first: 960, deepest: 2880 };

/**
 * What runs the enhancer, and where: the wheel in Pyodide, in a worker; or what it compiles to, without Python, in a worker or on the
 * audio thread.
 */
export const ENGINES = /** @type {const} */ (['python', 'worker', 'worklet']);

/** The package without Python has a different default (build_scripts/package/build_npm.py). */
export const DEFAULT_ENGINE = /** @type {Engine} */ ('python');

/**
 * @typedef {typeof ENGINES[number]} Engine
 * @typedef {Exclude<Engine, 'worklet'>} WorkerEngine those that run in a worker
 *
 * @typedef {object} Options
 * @property {Engine} [engine] what runs the enhancer, and where; default DEFAULT_ENGINE
 * @property {string | URL} [model] a tier ('c10', 'c20', ...: see PercepNet.tiers()), 'auto' for the largest that this
 *     machine handles easily, or the address of a model file; default: the tier that needs no further download
 * @property {string | URL} [assets] the runtime folder; default `../runtime/` beside this module's folder
 * @property {number | 'auto'} [depth] ring depth in samples at 48 kHz, default 1920 (40 ms); 'auto' begins with 960
 *     and deepens when frames come late; engine 'worklet' has no ring
 * @property {number} [attenuationLimit] the most by which noise is reduced, dB; 0 leaves the sound unchanged, Infinity sets no limit; default ATTENUATION_LIMIT_DB
 * @property {boolean} [enabled] default true
 */

/** @param {Options} options */
export function readOptions({ engine = DEFAULT_ENGINE, model, assets, depth, attenuationLimit = ATTENUATION_LIMIT_DB, enabled = true }) {
  return {
    engine: readEngine(engine),
    model: readModel(model),
    assets: readAssets(assets),
    depth: readDepth(depth, engine),
    attenuationLimit: readLimit(attenuationLimit),
    enabled: Boolean(enabled),
  };
}

/** @param {unknown} engine @returns {Engine} */
function readEngine(engine) {
  const known = ENGINES.find((each) => each === engine);
  if (!known) throw new TypeError(`engine must be ${ENGINES.map((each) => `'${each}'`).join(' or ')}, not ${engine}`);
  return known;
}

/** @param {string | URL} [assets] @returns {string} absolute, with a slash at its end */
export function readAssets(assets) {
  const address = new URL(assets ?? '../runtime/', assets ? globalThis.location?.href : import.meta.url).href;
  return address.endsWith('/') ? address : `${address}/`;
}

/** Samples of slack that an instance begins with. @param {Pick<Options, 'engine' | 'depth'>} options @returns {number} */
export function firstDepth({ engine = 'python', depth }) {
  const read = readDepth(depth, engine);
  return read === 'auto' ? AUTO_DEPTH.first : read;
}

/** @param {number | 'auto' | undefined} depth @param {Engine} engine @returns {number | 'auto'} */
function readDepth(depth, engine) {
  if (engine === 'worklet') {
    if (depth !== undefined) throw new TypeError("depth does not apply to engine 'worklet', which has no ring: leave it out");
    return HOP; // a frame's first sample waits for its last one
  }
  if (depth === undefined) return DEFAULT_DEPTH;
  if (depth === 'auto') return depth;
  if (!Number.isInteger(depth) || depth < DEPTH_MIN || depth > DEPTH_MAX) {
    throw new RangeError(`depth must be 'auto' or a whole number of samples from ${DEPTH_MIN} to ${DEPTH_MAX}, not ${depth}`);
  }
  return depth;
}

/** @param {number} limit */
export function readLimit(limit) {
  if (typeof limit !== 'number' || !(limit >= 0)) {
    throw new RangeError(`attenuationLimit must be a number of decibels from 0 (no effect) to Infinity (no limit), not ${limit}`);
  }
  return limit;
}

/** @param {MediaStreamTrack} track */
export function checkTrack(track) {
  if (track?.kind !== 'audio') throw new TypeError(`track must be an audio MediaStreamTrack, not ${track?.kind ?? track}`);
}
