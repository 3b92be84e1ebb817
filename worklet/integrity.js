/**
 * The worker loads exactly the files of its build or does not start: truncated, mismatched, outdated or altered files are
 * refused, by the hashes in hashes.js.
 *
 * The hash is computed here and not by fetch's own `integrity`, because with that the browser releases no bytes before it
 * has the whole file, and a progress bar would stand still on a slow connection.
 *
 * Two of them are modules, and import() takes no hash, so they are fetched and checked first. A host that answers the two
 * requests differently could slip in another module: serve the folder from a host that the page trusts.
 */
import { explainFailure, explainResponse } from './explain.js';
import { HASHES } from './hashes.js';

/**
 * ms that a small file may take, and that a large one may go without delivering data: by then TCP has retransmitted lost data three
 * times, after 1, 3 and 7 s (RFC 6298), and it is better to repeat the request.
 */
export const FILE_TIMEOUT = 10_000;
/** ms that a request made only for an explanation may take. */
const EXPLAIN_TIMEOUT = 3000;

/** What to say about a file of another build, after its address. */
export const FOREIGN = 'is not the file of this build: copy the worklet and runtime folders again, together';

const MODULES = ['pyodide.mjs', 'pyodide.asm.js'];

/** What Pyodide requests one after another: the interpreter, its library, the lock, the wheels. */
const REQUESTED_LATER = /^[^/]+\.(wasm|zip|whl)$|^pyodide-lock\.json$/;

/**
 * Check every later fetch of a runtime file in this worker, and start those that a boot needs at once, in parallel.
 *
 * @param {string} assets URL of the runtime folder
 * @param {Record<string, string>} [hashes] by the files' paths in it
 * @returns {Promise<() => Error | undefined>} the first file started here that was refused, so far: Pyodide only logs some of them
 */
export async function guardRuntime(assets, hashes = HASHES) {
  const native = globalThis.fetch;
  /** @type {Map<string, Promise<Response>>} by name; each serves one request, which also gets the error if it was refused */
  const begun = new Map();
  /** @type {Error | undefined} */
  let refused;
  globalThis.fetch = (resource, options) => {
    const url = resource instanceof Request ? resource.url : String(resource);
    const name = url.startsWith(assets) ? url.slice(assets.length) : '';
    const hash = hashes[name];
    if (!hash) return native(resource, options);
    const { integrity, ...others } = options ?? {}; // Pyodide's lock names the wheel's hash as well
    const response = begun.get(name) ?? fetchChecked(native, url, others, hash);
    begun.delete(name);
    return response;
  };
  for (const name of Object.keys(hashes).filter((name) => REQUESTED_LATER.test(name))) {
    const response = fetch(assets + name);
    response.catch((error) => void (refused ??= error)); // Handled where the file is requested; Pyodide may give up before that.
    begun.set(name, response);
  }
  const modules = MODULES.filter((name) => name in hashes);
  await Promise.all(modules.map(async (name) => (await fetch(assets + name)).arrayBuffer()));
  return () => refused;
}

/**
 * One file of the runtime folder, checked if its hash is known.
 *
 * @param {string} assets URL of the runtime folder
 * @param {string} name its path there
 * @param {Record<string, string>} [hashes]
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function fetchFile(assets, name, hashes = HASHES) {
  const url = assets + name;
  const response = hashes[name]
    ? await fetchChecked(globalThis.fetch, url, {}, hashes[name], FILE_TIMEOUT)
    : await fetch(url, { signal: AbortSignal.timeout(FILE_TIMEOUT) });
  const problem = explainResponse(url, response);
  if (problem) throw new Error(problem);
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * @param {typeof fetch} native
 * @param {string} url
 * @param {RequestInit} options
 * @param {string} hash
 * @param {number} [timeout] ms that each of the two attempts may take
 * @returns {Promise<Response>} with the bytes of this build
 */
async function fetchChecked(native, url, options, hash, timeout) {
  /** @type {Error | undefined} */
  let failure;
  // On the second attempt the browser's cache is bypassed: it may hold the file of an earlier version.
  for (const attempt of [options, { ...options, cache: /** @type {const} */ ('reload') }]) {
    try {
      const response = await native(url, timeout === undefined ? attempt : { ...attempt, signal: AbortSignal.timeout(timeout) });
      if (response.ok && (await integrityOf(await response.clone().arrayBuffer())) === hash) return response;
      const why = explainResponse(url, response);
      failure = new Error(why || `${url} ${FOREIGN}`);
    } catch (error) {
      failure = new Error(explainFailure(url, error));
    }
  }
  throw failure;
}

/**
 * If only one of the two folders was updated, a file is missing or different: say which versions clash.
 *
 * @param {unknown} error why a start failed
 * @param {string} assets URL of the runtime folder
 * @param {Record<string, string>} [hashes]
 * @returns {Promise<unknown>} the error; its message names both versions where that explains it
 */
export async function withVersions(error, assets, hashes = HASHES) {
  const foreign = error instanceof Error && error.message.includes('is not the file of this build');
  if (!(error instanceof Error) || !(foreign || error.message.includes('is missing'))) return error;
  const versionIn = (/** @type {string} */ text) => /percepnet_wasm-(.+?)-py3/.exec(text)?.[1];
  const modules = versionIn(Object.keys(hashes).join(' '));
  // An address with a query is not checked, and this may be the lock of another build.
  const options = /** @type {RequestInit} */ ({ cache: 'reload', signal: AbortSignal.timeout(EXPLAIN_TIMEOUT) });
  const lock = await fetch(`${assets}pyodide-lock.json?version`, options)
    .then((response) => (response.ok ? response.text() : ''))
    .catch(() => ''); // the original error matters more
  const runtime = versionIn(lock);
  if (!modules || !runtime || (runtime === modules && !foreign)) return error;
  const found = runtime === modules ? `both are version ${modules}, but of different builds` : `worklet is version ${modules}, runtime ${runtime}`;
  error.message += ` (${found})`;
  return error;
}

/** @param {BufferSource} bytes @returns {Promise<string>} as in hashes.js */
export async function integrityOf(bytes) {
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`;
}
