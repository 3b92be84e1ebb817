/**
 * Counts the bytes of the runtime's files as they arrive in this worker.
 *
 * fetch() is wrapped: each response is passed on untouched, so that the browser can recognise by its address WebAssembly
 * that it has compiled before, and a clone is counted. What import() fetches is counted once it has arrived.
 */

/** ms between reports. */
const INTERVAL = 100;

/**
 * @param {string} assets URL of the runtime folder, whose sizes.json lists what a start downloads, by what is started
 * @param {string} list which of its lists
 * @param {(bytes: number, total: number | undefined) => void} report total is undefined until it is known
 * @param {Promise<Record<string, number>>} [given] bytes of files that have arrived in another thread, by path in that folder
 * @returns {() => void} call it to stop
 */
export function countDownloads(assets, list, report, given) {
  const plain = globalThis.fetch;
  /** @type {Map<string, number>} bytes so far, by address */
  const arrived = new Map();
  void given?.then((files) => {
    for (const [name, bytes] of Object.entries(files)) arrived.set(new URL(name, assets).href, bytes);
  });
  /** @type {Record<string, number>} by address */
  let sizes = {};
  /** @type {number | undefined} */
  let total;

  const reportNow = () => {
    let bytes = 0;
    for (const [address, count] of arrived) if (!total || address in sizes) bytes += count;
    report(bytes, total);
  };

  /** @param {Response} response */
  const count = async ({ url, body }) => {
    let bytes = 0;
    for (const reader = /** @type {ReadableStream<Uint8Array>} */ (body).getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      arrived.set(url, (bytes += value.length));
    }
  };

  let counting = true;
  globalThis.fetch = async (resource, options) => {
    const response = await plain(resource, options);
    if (counting && response.ok && response.body) count(response.clone()).catch(() => {}); // the caller gets the error
    return response;
  };
  const modules = new PerformanceObserver((list) => {
    for (const { name, decodedBodySize } of /** @type {PerformanceResourceTiming[]} */ (list.getEntries())) {
      if (!arrived.has(name)) arrived.set(name, decodedBodySize);
    }
  });
  modules.observe({ type: 'resource', buffered: true });
  const timer = setInterval(reportNow, INTERVAL);
  plain(new URL('sizes.json', assets))
    .then((response) => response.json())
    .then((/** @type {Record<string, Record<string, number>>} */ { [list]: listed }) => {
      sizes = Object.fromEntries(Object.entries(listed).map(([name, bytes]) => [new URL(name, assets).href, bytes]));
      total = Object.values(listed).reduce((sum, bytes) => sum + bytes, 0);
    })
    .catch(() => {}); // without it the total stays unknown
  return () => {
    counting = false; // the wrapper stays: others (integrity.js) may have wrapped it since
    modules.disconnect();
    clearInterval(timer);
    reportNow();
  };
}
