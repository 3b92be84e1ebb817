/**
 * What this browser and page can do, determined without downloading anything.
 *
 * @typedef {object} Support
 * @property {boolean} supported whether enhancement can run; if not, tracks stay raw
 * @property {'shared' | 'port' | 'none'} transport SharedArrayBuffer on an isolated page, else MessagePort; engine 'worklet' needs none
 * @property {string[]} reasons why it is not supported, or why the slower transport is used; empty if neither
 */
import { DEFAULT_ENGINE } from './options.js';

/** @param {import('./options.js').Engine} [engine] @returns {Support} */
export function detectSupport(engine = DEFAULT_ENGINE) {
  /** @type {string[]} */
  const missing = [];
  if (!globalThis.isSecureContext) missing.push('the page is not served over https or from localhost');
  if (typeof AudioContext === 'undefined') missing.push('no AudioContext (Web Audio)');
  if (typeof AudioWorkletNode === 'undefined') missing.push('no AudioWorklet');
  if (engine !== 'worklet' && typeof Worker === 'undefined') missing.push('no Worker');
  if (typeof WebAssembly === 'undefined') missing.push('no WebAssembly');

  /** @type {string[]} */
  const slower = [];
  if (engine === 'worklet') return { supported: missing.length === 0, transport: 'none', reasons: missing };
  if (typeof SharedArrayBuffer === 'undefined' || !globalThis.crossOriginIsolated) {
    slower.push('the page is not cross-origin isolated (COOP and COEP headers): using MessagePort instead of shared memory');
  } else if (typeof Atomics.waitAsync !== 'function') {
    slower.push('no Atomics.waitAsync: using MessagePort instead of shared memory');
  }
  return {
    supported: missing.length === 0,
    transport: slower.length === 0 ? 'shared' : 'port',
    reasons: [...missing, ...slower],
  };
}
