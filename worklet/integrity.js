/**
 * What the worker loads are the files of the build, or it does not start: truncated, mixed up, out of date or altered ones
 * are refused by the browser, which is given the hashes of hashes.js.
 *
 * The two modules among them are imported, which takes no hash: they are fetched first, and that is checked. Whoever can
 * answer the two requests differently could slip in another module; for that the folder must lie on the page's own host.
 */
import { HASHES } from './hashes.js';

const MODULES = ['pyodide.mjs', 'pyodide.asm.js'];

/** What Pyodide asks for one after the other: the interpreter, its library, the lock, the wheels. */
const ASKED_FOR_LATER = /^[^/]+\.(wasm|zip|whl)$|^pyodide-lock\.json$/;

/**
 * Check every later fetch of a runtime file in this worker, and begin at once with those of a start, side by side.
 *
 * @param {string} assets URL of the runtime folder
 * @param {Record<string, string>} [hashes] by the files' paths in it
 */
export async function guardRuntime(assets, hashes = HASHES) {
  const native = globalThis.fetch;
  /** @type {Map<string, Promise<Response>>} by name; each is for one who asks, who also hears why it was refused */
  const begun = new Map();
  globalThis.fetch = (resource, options) => {
    const url = resource instanceof Request ? resource.url : String(resource);
    const name = url.startsWith(assets) ? url.slice(assets.length) : '';
    const integrity = hashes[name];
    if (!integrity) return native(resource, options);
    const response = begun.get(name) ?? fetchChecked(native, url, { ...options, integrity });
    begun.delete(name);
    return response;
  };
  for (const name of Object.keys(hashes).filter((name) => ASKED_FOR_LATER.test(name))) {
    const response = fetch(assets + name);
    response.catch(() => {}); // Not yet anybody's: Pyodide may give up before it asks.
    begun.set(name, response);
  }
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
