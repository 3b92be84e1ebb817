/** The enhancer's worker in a thread of Node's: what it expects of a browser's worker, and answers about its memory. */
import { readFileSync } from 'node:fs';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

const { fetch } = globalThis;
Object.assign(globalThis, {
  fetch: async (url, options) => (String(url).startsWith('file:') ? new Response(readFileSync(new URL(url))) : fetch(url, options)),
  postMessage: (data, transfer) => parentPort.postMessage(data, transfer),
  addEventListener: () => {}, // Node ends the thread with an error when a rejection is left to nobody
});
await import(workerData);
parentPort.on('message', (data) => {
  if (data.type !== 'memory') return globalThis.onmessage({ data });
  collect();
  parentPort.postMessage({ type: 'memory', heap: getHeapStatistics().used_heap_size });
});
