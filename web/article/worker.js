/**
 * The article's thread: workshop.py in Pyodide. One request at a time; to abort one, the page terminates the worker.
 *
 *     page -> worker   {type: 'boot', assets, workshop}                       once; URLs
 *                      {type: 'run', clean, noise, snr, edits}                after 'ready'
 *     worker -> page   {type: 'progress', text, share, bytes}
 *                      {type: 'ready', sources}
 *                      {type: 'result', result}
 *                      {type: 'fault', text, module, line}                    of 'run', which may be requested again
 *                      {type: 'failed', text}                                 of 'boot'
 */
import { countDownloads } from '../worklet/downloads.js';
import { lastLine } from '../worklet/errors.js';
import { bootPython } from '../worklet/python.js';

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
    if (!response.ok) throw new Error(`${urls.workshop} is missing (status ${response.status}): rebuild the site`);
    return response.text();
  });
  source.catch(() => {}); // awaited below, after the slower download
  let text = BOOTING.runtime;
  const uncount = countDownloads(urls.assets, 'python', (bytes, total) => report(text, total && bytes / total, bytes));
  const pyodide = await bootPython(urls.assets, (stage) => (text = BOOTING[stage])).finally(uncount);
  pyodide.FS.writeFile('workshop.py', await source);
  workshop = pyodide.pyimport('workshop');
  page.postMessage({ type: 'ready', sources: plain(workshop.sources()) });
}

/** @param {{clean: Float32Array, noise: Float32Array, snr: number, edits: Record<string, string>}} request */
function run({ clean, noise, snr, edits }) {
  try {
    const result = plain(workshop.run_in_page(clean, noise, snr, edits, report));
    page.postMessage(result.fault ? { type: 'fault', ...result.fault } : { type: 'result', result });
  } catch (error) {
    page.postMessage({ type: 'fault', text: lastLine(error) });
  }
}

/** @param {string} text @param {number} [share] @param {number} [bytes] */
function report(text, share, bytes) {
  page.postMessage({ type: 'progress', text, share, bytes });
}

/** A copy in JavaScript's own types; arrays become typed arrays. @param {any} proxy */
function plain(proxy) {
  const copy = proxy.toJs({ dict_converter: Object.fromEntries });
  proxy.destroy();
  return copy;
}
