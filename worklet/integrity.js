/**
 * What the worker loads are the files of the build, or it does not start: truncated, mixed up, out of date or altered ones
 * are refused by the browser, which is given the hashes of hashes.js.
 *
 * The two modules among them are imported, which takes no hash: they are fetched first, and that is checked. Whoever can
 * answer the two requests differently could slip in another module; for that the folder must lie on the page's own host.
 */
import { HASHES } from './hashes.js';

const MODULES = ['pyodide.mjs', 'pyodide.asm.js'];

/**
 * Check every later fetch of a runtime file in this worker.
 *
 * @param {string} assets URL of the runtime folder
 * @param {Record<string, string>} [hashes] by the files' paths in it
 */
export async function guardRuntime(assets, hashes = HASHES) {
  const native = globalThis.fetch;
  globalThis.fetch = (resource, options) => {
    const url = resource instanceof Request ? resource.url : String(resource);
    const integrity = url.startsWith(assets) && hashes[url.slice(assets.length)];
    return integrity ? fetchChecked(native, url, { ...options, integrity }) : native(resource, options);
  };
  const modules = MODULES.filter((name) => name in hashes);
  await Promise.all(modules.map(async (name) => (await fetch(assets + name)).arrayBuffer()));
}

/** @param {typeof fetch} native @param {string} url @param {RequestInit} options */
async function fetchChecked(native, url, options) {
  try {
    return await native(url, options);
  } catch {
    // Perhaps the browser's cache has the file of an earlier version.
  }
  try {
    return await native(url, { ...options, cache: 'reload' });
  } catch {
    // Which of all that a browser calls "failed to fetch" is it?
  }
  const unchecked = await native(url, { ...options, integrity: '' }).catch((error) => {
    const foreign = new URL(url).origin !== globalThis.location?.origin;
    throw new Error(
      `${url} could not be fetched: ${error.message}${foreign ? '; does its host send Access-Control-Allow-Origin?' : ''}`,
    );
  });
  if (unchecked.ok) throw new Error(`${url} is not the file of this build: copy the worklet and runtime folders again, together`);
  return unchecked; // not there: whoever asked says so
}
