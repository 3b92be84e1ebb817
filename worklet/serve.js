/**
 * What the two workers have in common: they boot a runtime once and serve a Stream for each instance of the page.
 * messages.js lists what they receive and send.
 */
import { Chooser } from './chooser.js';
import { countDownloads } from './downloads.js';
import { PercepNetError, lastLine } from './errors.js';
import { ModelFiles } from './model-files.js';
import { Models } from './models.js';
import { filesOf, sizesOf } from './program-files.js';
import { Stream } from './stream.js';

/**
 * @typedef {import('./messages.js').WorkerRequest} WorkerRequest
 * @typedef {import('./messages.js').WorkerReport} WorkerReport
 * @typedef {import('./messages.js').Info} Info
 * @typedef {import('./stream.js').StreamRuntime & import('./models.js').Loader} Runtime
 * @typedef {(assets: string, progress: (stage: string) => void, files?: import('./messages.js').ProgramFiles) => Promise<Runtime>} BootRuntime
 */

const main = /** @type {Worker} */ (/** @type {unknown} */ (globalThis));

/** Set by serve(). @type {BootRuntime} */
let bootRuntime;
/** Name of the list in sizes.json of what a start downloads. */
let files = '';
/** @type {(files?: import('./messages.js').ProgramFiles) => void} */
let receive;
/** What the page has fetched for the worker without Python. @type {Promise<import('./messages.js').ProgramFiles | undefined>} */
const program = new Promise((resolve) => (receive = resolve));
/** Settled once the runtime runs. @type {Promise<import('./stream.js').Host>} */
let booting;
let booted = false;

/** By id. @type {Map<number, Stream>} */
const streams = new Map();

/** @type {{[Type in WorkerRequest['type']]: (message: Extract<WorkerRequest, {type: Type}>) => void}} */
const HANDLERS = {
  boot({ assets, remembered, files: given }) {
    booting = boot(assets, remembered, files === 'runner' ? program : Promise.resolve(given));
    booting.catch((error) => fail('boot', error));
  },
  program({ files: fetched }) {
    receive(fetched);
  },
  open({ id, token, model, attenuationLimit, provisional }) {
    const stream = new Stream(booting, (report) => post({ ...report, id }));
    stream.attenuationLimit = attenuationLimit;
    stream.provisional = provisional === true;
    streams.set(id, stream);
    void answer(id, token, stream.use(model));
  },
  use({ id, token, model }) {
    void answer(id, token, streams.get(id)?.use(model));
  },
  files({ id, token }) {
    void answer(id, token, booting.then(({ models: { defaultModel } }) => filesOf(defaultModel)));
  },
  connect({ id, ...transport }) {
    streams.get(id)?.connect(transport);
  },
  attenuationLimit({ id, value }) {
    const stream = streams.get(id);
    if (stream) stream.attenuationLimit = value;
  },
  observe({ id, wanted }) {
    const stream = streams.get(id);
    if (stream) stream.observed = wanted;
  },
  keep({ id }) {
    const stream = streams.get(id);
    if (stream) stream.provisional = false;
  },
  close({ id }) {
    streams.get(id)?.close();
    streams.delete(id);
  },
};

/**
 * Serve the page's requests in this worker.
 *
 * @param {BootRuntime} boot of the enhancer's runtime
 * @param {string} list name of the list, in sizes.json, of the files that a start downloads
 */
export function serve(boot, list) {
  bootRuntime = boot;
  files = list;
  main.onmessage = (/** @type {MessageEvent} */ { data }) => {
    const handlers = /** @type {Record<string, (message: any) => void>} */ (HANDLERS);
    if (Object.hasOwn(handlers, data?.type)) handlers[data.type](data);
    else console.warn('percepnet: ignored a message of unknown type'); // from another version of the page, or from other code
  };
  // Pyodide leaves some rejected downloads unhandled.
  main.addEventListener('unhandledrejection', (event) => {
    event.preventDefault();
    fail(booted ? 'enhancer' : 'boot', /** @type {PromiseRejectionEvent} */ (event).reason);
  });
}

/**
 * @param {string} assets @param {import('./chooser.js').Choice | undefined} remembered
 * @param {Promise<import('./messages.js').ProgramFiles | undefined>} fetched by another thread
 * @returns {Promise<import('./stream.js').Host>}
 */
async function boot(assets, remembered, fetched) {
  const report = (/** @type {number} */ bytes, /** @type {number | undefined} */ total) => {
    Object.assign(loading, { bytes, total });
    reportProgress(loading.stage);
  };
  const stopCounting = countDownloads(assets, files, report, fetched.then((given) => (given ? sizesOf(given) : {})));
  const modelFiles = new ModelFiles(assets, () => post({ type: 'alive' }));
  let runtime, models;
  try {
    const given = await fetched;
    if (files === 'runner' && !given) modelFiles.begin(); // Python downloads its own
    runtime = await bootRuntime(assets, reportProgress, given);
    models = new Models(assets, runtime, modelFiles);
    await models.preload(given);
  } finally {
    stopCounting();
  }
  reportProgress('warm-up');
  const trial = runtime.enhancer(models.defaultModel.proxy);
  await runtime.warmUp(trial);
  trial.release();
  booted = true;
  return { runtime, models, chooser: new Chooser(runtime, models, remembered, (choice) => post({ type: 'chosen', choice })) };
}

/** @param {number} id @param {number} token @param {Promise<Info> | undefined} work */
async function answer(id, token, work) {
  try {
    post({ type: 'answer', id, token, info: await work });
  } catch (error) {
    if (!booted) return; // 'failed' goes to all streams
    const [code, cause] = error instanceof PercepNetError ? [error.code, error.cause] : [/** @type {const} */ ('enhancer'), error];
    post({ type: 'answer', id, token, code, message: lastLine(cause) });
  }
}

/** What 'progress' reports; bytes arrive within a stage. @type {{stage: string, bytes: number, total?: number}} */
const loading = { stage: 'runtime', bytes: 0 };

/** @param {string} stage */
function reportProgress(stage) {
  loading.stage = stage;
  post({ type: 'progress', ...loading });
}

/** @param {'boot' | 'enhancer'} code @param {unknown} error */
function fail(code, error) {
  // The remedy is this code's, not that of the error underneath.
  post({ type: 'failed', code, message: lastLine(error instanceof PercepNetError ? (error.cause ?? error) : error) });
}

/** @param {WorkerReport} report */
function post(report) {
  main.postMessage(report);
}
