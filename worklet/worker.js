/**
 * The enhancer's thread, one for all instances of a page: boots Pyodide once and serves a Stream for each client.
 *
 *     main -> worker   {type: 'boot', assets, remembered}                        once
 *                      {type: 'open', id, token, model, attenuationLimit}        a new stream
 *                      {type: 'connect', id, depth, buffer | port}               the transport to serve
 *                      {type: 'use', id, token, model}                           another model
 *                      {type: 'attenuationLimit', id, value}  {type: 'observe', id, wanted}  {type: 'close', id}
 *     worker -> main   {type: 'progress', stage, bytes, total}                   for all, while loading
 *                      {type: 'failed', code, message}                           for all; nothing after it
 *                      {type: 'answer', id, token, info | code + message}        to 'open' and 'use'
 *                      {type: 'stats' | 'frame' | 'overload' | 'error', id, ...}  see stream.js; nothing after 'error'
 *                      {type: 'alive'}                                           a model is arriving
 *                      {type: 'chosen', choice}                                  to be remembered for the next boot
 */
import { Chooser } from './chooser.js';
import { countDownloads } from './downloads.js';
import { PercepNetError } from './errors.js';
import { Models } from './models.js';
import { Runtime } from './runtime.js';
import { Stream, lastLine } from './stream.js';
import { AUTO } from './tiers.js';

const main = /** @type {Worker} */ (/** @type {unknown} */ (globalThis));

/** @typedef {{runtime: Runtime, models: Models, chooser: Chooser}} Engine */

/** @type {Promise<Engine>} */
let booting;
let booted = false;
/**
 * @typedef {object} Client
 * @property {string} model the option
 * @property {number} attenuationLimit dB
 * @property {boolean} observed
 * @property {Stream} [stream] once the runtime is there
 */
/** @type {Map<number, Client>} */
const clients = new Map();

/** @type {Record<string, (message: any) => void>} */
const ACTIONS = {
  boot({ assets, remembered }) {
    booting = boot(assets, remembered);
    booting.catch((error) => fail('boot', error));
  },
  open({ id, token, model, attenuationLimit }) {
    /** @type {Client} */
    const client = { model, attenuationLimit, observed: false };
    clients.set(id, client);
    void answer(id, token, async () => {
      const engine = await booting;
      if (clients.get(id) !== client) return; // closed meanwhile
      const tell = (/** @type {string} */ type, /** @type {any} */ detail) => {
        main.postMessage({ ...detail, type, id });
        if (detail.action === 'step-down' && client.model === AUTO) engine.chooser.lower(detail.tier);
      };
      client.stream = new Stream(engine.runtime, engine.models, tell);
      client.stream.attenuationLimit = client.attenuationLimit;
      client.stream.observed = client.observed;
      return client.stream.use(choose(engine, model));
    });
  },
  use({ id, token, model }) {
    void answer(id, token, async () => {
      const engine = await booting;
      const client = clients.get(id);
      const info = await client?.stream?.use(choose(engine, model));
      if (client) client.model = model;
      return info;
    });
  },
  connect({ id, ...transport }) {
    clients.get(id)?.stream?.connect(transport);
  },
  attenuationLimit({ id, value }) {
    const client = clients.get(id);
    if (!client) return;
    client.attenuationLimit = value;
    if (client.stream) client.stream.attenuationLimit = value;
  },
  observe({ id, wanted }) {
    const client = clients.get(id);
    if (!client) return;
    client.observed = wanted;
    if (client.stream) client.stream.observed = wanted;
  },
  close({ id }) {
    clients.get(id)?.stream?.close();
    clients.delete(id);
  },
};

main.onmessage = (/** @type {MessageEvent} */ { data }) => {
  if (Object.hasOwn(ACTIONS, data?.type)) ACTIONS[data.type](data);
  else console.warn('percepnet: a message of no known type was left out'); // another version's page, or somebody else's
};

// Pyodide leaves some failed downloads to nobody.
main.addEventListener('unhandledrejection', (event) => {
  event.preventDefault();
  fail(booted ? 'enhancer' : 'boot', /** @type {PromiseRejectionEvent} */ (event).reason);
});

/** @param {string} assets @param {import('./chooser.js').Choice} [remembered] @returns {Promise<Engine>} */
async function boot(assets, remembered) {
  const uncount = countDownloads(assets, (bytes, total) => {
    Object.assign(loading, { bytes, total });
    progress(loading.stage);
  });
  const runtime = await Runtime.boot(assets, progress).finally(uncount);
  const models = new Models(assets, runtime, () => main.postMessage({ type: 'alive' }));
  progress('warm-up');
  const trial = runtime.enhancer(models.bundled.proxy);
  await runtime.warmUp(trial);
  trial.release();
  const tell = (/** @type {import('./chooser.js').Choice} */ choice) => main.postMessage({ type: 'chosen', choice });
  booted = true;
  return { runtime, models, chooser: new Chooser(runtime, models, remembered, tell) };
}

/** @param {Engine} engine @param {string} model the option @returns {Promise<string>} as Models.acquire() takes it */
async function choose({ chooser }, model) {
  return model === AUTO ? chooser.choose() : model;
}

/** @param {number} id @param {number} token @param {() => Promise<Record<string, any> | undefined>} work */
async function answer(id, token, work) {
  try {
    main.postMessage({ type: 'answer', id, token, info: await work() });
  } catch (error) {
    if (!booted) return; // all are told that
    const [code, cause] = error instanceof PercepNetError ? [error.code, error.cause] : ['enhancer', error];
    main.postMessage({ type: 'answer', id, token, code, message: lastLine(cause) });
  }
}

/** What is told while loading; bytes change within a stage. @type {{stage: string, bytes: number, total?: number}} */
const loading = { stage: 'runtime', bytes: 0 };

/** @param {string} stage */
function progress(stage) {
  loading.stage = stage;
  main.postMessage({ type: 'progress', ...loading });
}

/** @param {'boot' | 'enhancer'} code @param {unknown} error */
function fail(code, error) {
  main.postMessage({ type: 'failed', code, message: lastLine(error) });
}
