/**
 * The main thread's side of the runner on the audio thread. It has the interface of worker-client.js's Channel: it fetches the
 * kernel and the image, checks and tests them here, and sends their bytes to the node (direct-processor.js), which has neither
 * network access nor a clock.
 *
 * A frame that takes long delays the whole audio graph, so a model must prove on this thread that it stays within BUDGET; one that
 * does not is replaced by the next smaller tier, and if there is none, enhancement is refused with the code 'budget'.
 */
import { Chooser } from './chooser.js';
import { DELAY, HOP, SAMPLE_RATE } from './constants.js';
import { PercepNetError, lastLine } from './errors.js';
import { recall, remember } from './memory.js';
import { Models } from './models.js';
import { fetchFiles } from './program-files.js';
import { RunnerRuntime } from './runner-runtime.js';
import { AUTO, nextSmaller } from './tiers.js';
import { benchmark } from './trial.js';

/** ms that a frame may take: half of Web Audio's quantum of 128 samples. */
export const BUDGET = 1.3;

/** ms between messages that keep loading going while a context is suspended. */
const PROCEED_INTERVAL = 25;

/**
 * @typedef {import('./messages.js').Info} Info
 * @typedef {import('./messages.js').DirectReport} DirectReport
 * @typedef {{runtime: RunnerRuntime, models: Models, chooser: Chooser}} Host
 * @typedef {{name: string, proxy: import('./runner-runtime.js').LoadedProgram, tier: string, weights: number}} LoadedModel
 * @typedef {{model: LoadedModel, info: Info, cost: {typical: number, slowest: number}}} Choice
 */

/** By the address of the assets; shared by all instances of a page. @type {Map<string, Promise<Host>>} */
const hosts = new Map();

/** @param {string} assets @param {(stage: string) => void} progress @returns {Promise<Host>} */
function hostFor(assets, progress) {
  let host = hosts.get(assets);
  if (!host) {
    host = boot(assets, progress);
    hosts.set(assets, host);
    host.catch(() => hosts.delete(assets)); // the next instance tries again
  }
  return host;
}

/** @param {string} assets @param {(stage: string) => void} progress @returns {Promise<Host>} */
async function boot(assets, progress) {
  progress('runtime');
  // A download that hung or was cut off may succeed the second time.
  const files = await fetchFiles(assets).catch(() => fetchFiles(assets)).catch((error) => {
    throw error instanceof PercepNetError ? error : new PercepNetError('boot', error);
  });
  const runtime = await RunnerRuntime.boot(assets, progress, files);
  const models = new Models(assets, runtime);
  await models.preload(files);
  const chooser = new Chooser(runtime, models, recall('worklet'), (choice) => remember('worklet', choice));
  return { runtime, models, chooser };
}

/**
 * The requested model or, if its frames take too long, the next smaller tier that is fast enough.
 *
 * @param {Pick<Models, 'acquire' | 'release' | 'tiers'>} models
 * @param {string} wanted as Models.acquire() takes it
 * @param {(model: LoadedModel) => Promise<{info: Info, cost: {typical: number, slowest: number}}>} measure
 * @returns {Promise<Choice & {from?: string}>} `from`: the tier that was too slow; the model is to be released
 * @throws {PercepNetError} 'budget': even the smallest is too slow
 */
export async function largestWithinBudget(models, wanted, measure) {
  /** @type {string | undefined} */
  let from;
  for (let name = wanted; ; ) {
    const model = /** @type {LoadedModel} */ (await models.acquire(name));
    let measured;
    try {
      measured = await measure(model);
    } catch (error) {
      models.release(model);
      throw error;
    }
    if (measured.cost.slowest <= BUDGET) return { model, ...measured, from };
    models.release(model);
    from ??= model.tier;
    const smaller = nextSmaller(await models.tiers(), model.weights);
    if (!smaller) {
      const took = measured.cost.slowest.toFixed(1);
      throw new PercepNetError('budget', `a frame of ${model.tier} takes ${took} ms; the limit is ${BUDGET} ms`);
    }
    name = smaller.tier;
  }
}

export class DirectChannel {
  /** @type {Choice | undefined} */ #choice;
  /** @type {MessagePort | undefined} */ #port;
  /** Load requests not yet answered, by token. @type {Map<number, {resolve: (info: Info) => void, reject: (error: Error) => void}>} */
  #pending = new Map();
  #serial = 0;
  #limit = Infinity;
  #observed = false;
  #closed = false;
  /** @type {ReturnType<typeof setInterval> | undefined} */ #proceeding;
  #assets;
  #listener;

  /** @param {string} assets URL of the runtime folder @param {(message: import('./messages.js').SessionMessage) => void} listener */
  constructor(assets, listener) {
    this.#assets = assets;
    this.#listener = listener;
  }

  /** @param {import('./messages.js').StreamRequest} request */
  post(request) {
    switch (request.type) {
      case 'connect':
        return this.#connect(/** @type {MessagePort} */ (request.port));
      case 'attenuationLimit':
        this.#limit = request.value;
        break;
      case 'observe':
        this.#observed = request.wanted;
    }
    if (request.type === 'attenuationLimit' || request.type === 'observe') this.#send(request);
  }

  /**
   * @param {{type: 'open', model: string, attenuationLimit: number} | {type: 'use', model: string}} request
   * @returns {Promise<Info>} what runs
   * @throws {PercepNetError}
   */
  async request(request) {
    if (request.type === 'open') this.#limit = request.attenuationLimit;
    const host = await hostFor(this.#assets, (stage) => this.#progress(stage));
    if (request.type === 'open') this.#progress('warm-up');
    const choice = await this.#choose(host, request.model);
    if (this.#closed) {
      host.models.release(choice.model);
      throw new Error('the stream was closed');
    }
    const old = this.#choice;
    if (this.#port) {
      try {
        choice.info = await this.#load(choice);
      } catch (error) {
        host.models.release(choice.model);
        throw error;
      }
    }
    this.#choice = choice;
    if (old) host.models.release(old.model);
    return choice.info;
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#disconnect();
    const { model } = this.#choice ?? {};
    if (model) void hosts.get(this.#assets)?.then(({ models }) => models.release(model));
    this.#choice = undefined;
  }

  /** What was loaded may be faulty: the next channel loads it again. */
  retireWorker() {
    hosts.delete(this.#assets);
  }

  /** @param {Host} host @param {string} wanted @returns {Promise<Choice>} */
  async #choose({ runtime, models, chooser }, wanted) {
    const name = wanted === AUTO ? await chooser.choose() : wanted;
    const { from, ...choice } = await largestWithinBudget(models, name, async ({ proxy }) => {
      const trial = runtime.enhancer(proxy);
      await runtime.warmUp(trial);
      const cost = await benchmark(trial, BUDGET).finally(() => trial.release());
      return { info: trial.info, cost };
    });
    const { info } = choice;
    if (from) this.#listener({ type: 'overload', action: 'step-down', from, tier: info.tier, info });
    return choice;
  }

  /** @param {MessagePort} port */
  #connect(port) {
    this.#disconnect();
    this.#port = port;
    port.onmessage = (/** @type {MessageEvent<DirectReport>} */ { data }) => this.#onMessage(data);
    this.#send({ type: 'attenuationLimit', value: this.#limit });
    this.#send({ type: 'observe', wanted: this.#observed });
    this.#load(/** @type {Choice} */ (this.#choice)).then(
      () => this.#reportStats({ type: 'counts', frames: 0, errors: 0, quanta: 0, underruns: 0, heap: 0, snr: 0, voiceActivity: 0 }),
      (error) => this.#port === port && this.#listener({ type: 'error', code: 'enhancer', message: lastLine(error.cause ?? error) }),
    );
  }

  /** Run a program on the audio thread. @param {Choice} choice @returns {Promise<Info>} */
  #load({ model }) {
    const token = ++this.#serial;
    const { proxy } = model;
    // As in models.js, models with the same name are the same model.
    const key = `${this.#assets} ${model.name}`;
    // Transferred, since copying it would hold up the audio thread.
    const image = proxy.image.slice();
    this.#send({ type: 'load', token, key, kernels: proxy.kernels, image }, [image.buffer]);
    this.#proceeding ??= setInterval(() => this.#send({ type: 'proceed' }), PROCEED_INTERVAL);
    return new Promise((resolve, reject) => this.#pending.set(token, { resolve, reject }));
  }

  #disconnect() {
    this.#send({ type: 'close' });
    this.#port?.close();
    this.#port = undefined;
    for (const { reject } of this.#pending.values()) reject(new Error('the stream was closed'));
    this.#pending.clear();
    clearInterval(this.#proceeding);
    this.#proceeding = undefined;
  }

  /** @param {DirectReport} message */
  #onMessage(message) {
    if (message.type === 'counts') return this.#reportStats(message);
    if (message.type !== 'answer') return this.#listener(message);
    const pending = this.#pending.get(message.token);
    this.#pending.delete(message.token);
    if (this.#pending.size === 0) {
      clearInterval(this.#proceeding);
      this.#proceeding = undefined;
    }
    if ('code' in message) pending?.reject(new PercepNetError(message.code, message.message));
    else pending?.resolve(/** @type {Info} */ (message.info));
  }

  /** Combine the audio thread's counts with times measured here: it has no clock. @param {import('./messages.js').Counts} counts */
  #reportStats({ type: _, ...counts }) {
    if (!this.#choice) return;
    const { cost, info } = this.#choice;
    this.#listener({
      type: 'stats',
      latency: (1000 * (HOP + DELAY)) / SAMPLE_RATE,
      computeP50: cost.typical,
      computeP99: cost.slowest,
      load: (cost.typical * SAMPLE_RATE) / (1000 * HOP),
      skipped: 0,
      tier: info.tier,
      kernel: info.kernel,
      kernelReason: Object.entries(info.kernels_refused).map(([name, why]) => `${name}: ${why}`).join('; '),
      ...counts,
    });
  }

  /** @param {string} stage */
  #progress(stage) {
    if (!this.#closed) this.#listener({ type: 'progress', stage, bytes: 0 });
  }

  /** @param {import('./messages.js').DirectRequest} request @param {Transferable[]} [moved] */
  #send(request, moved = []) {
    this.#port?.postMessage(request, moved);
  }
}
