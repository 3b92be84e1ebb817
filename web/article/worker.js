/**
 * The article's thread: workshop.py in Pyodide. One request at a time; whoever tires of it terminates the worker.
 *
 *     page -> worker   {type: 'boot', assets, workshop}                       once; URLs
 *                      {type: 'run', clean, noise, snr, edits}                after 'ready'
 *     worker -> page   {type: 'progress', text, share, bytes}
 *                      {type: 'ready', sources}
 *                      {type: 'result', result}
 *                      {type: 'fault', text, module, line}                    of 'run'; the next one may be asked for
 *                      {type: 'failed', text}                                 of 'boot'
 */
import { bootPython, bytesLoaded } from '../worklet/python.js';

const page = /** @type {Worker} */ (/** @type {unknown} */ (globalThis));

const BOOTING = { runtime: 'Loading Python', packages: 'Loading NumPy and the enhancer' };

/** @type {any} */
let workshop;

page.onmessage = (/** @type {MessageEvent} */ { data }) => {
  if (data.type === 'boot') boot(data).catch((error) => page.postMessage({ type: 'failed', text: lastLine(error) }));
  else run(data);
};

/** @param {{assets: string, workshop: string}} urls */
async function boot(urls) {
  const source = fetch(urls.workshop).then((response) => {
    if (!response.ok) throw new Error(`${urls.workshop} is missing (${response.status}): build the site again`);
    return response.text();
  });
  source.catch(() => {}); // it is awaited below, after what takes longer
  const pyodide = await bootPython(urls.assets, (stage) => tell(BOOTING[stage], undefined, bytesLoaded()));
  pyodide.FS.writeFile('workshop.py', await source);
  workshop = pyodide.pyimport('workshop');
  page.postMessage({ type: 'ready', sources: plain(workshop.sources()) });
}

/** @param {{clean: Float32Array, noise: Float32Array, snr: number, edits: Record<string, string>}} request */
function run({ clean, noise, snr, edits }) {
  try {
    const result = plain(workshop.run_in_page(clean, noise, snr, edits, tell));
    page.postMessage(result.fault ? { type: 'fault', ...result.fault } : { type: 'result', result });
  } catch (error) {
    page.postMessage({ type: 'fault', text: lastLine(error) });
  }
}

/** @param {string} text @param {number} [share] @param {number} [bytes] */
function tell(text, share, bytes) {
  page.postMessage({ type: 'progress', text, share, bytes });
}

/** A copy in JavaScript's own types; arrays become typed arrays. @param {any} proxy */
function plain(proxy) {
  const copy = proxy.toJs({ dict_converter: Object.fromEntries });
  proxy.destroy();
  return copy;
}

/** A Python error carries its whole traceback; its last line says what happened. @param {unknown} error */
function lastLine(error) {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().split('\n').at(-1) ?? '';
}
