/**
 * The main thread's side of the enhancer's worker. All instances with the same engine and assets share one worker: one runtime,
 * one copy of the weights, and a stream for each instance (serve.js).
 *
 *     openChannel() --> Channel, one for each instance      the worker starts with the first channel and ends after the last
 *
 * A worker that failed accepts no new channels: the next one opened gets a fresh worker. When a worker dies, every channel is
 * notified; when a single stream fails, the others carry on.
 */
import { PercepNetError } from './errors.js';
import { explainModule } from './explain.js';
import { recall, remember } from './memory.js';
import { fetchFiles } from './program-files.js';
import { withTrust } from './trusted.js';
import { Watchdog } from './watchdog.js';

/** ms that a worker outlives its last channel, so that replacing an instance does not load everything again. */
export const LINGER = 2000;

/**
 * ms that a start may take without progress, which is another byte or another stage. Python alone takes some 20 s on a slow phone,
 * and a slow network is never cut off while it still delivers.
 */
export const BOOT_TIMEOUT = 60_000;

/**
 * @typedef {import('./messages.js').StreamRequest} StreamRequest
 * @typedef {import('./messages.js').WorkerReport} WorkerReport
 * @typedef {import('./messages.js').SessionMessage} SessionMessage
 * @typedef {import('./messages.js').Info} Info
 * @typedef {import('./messages.js').ProgramFiles} ProgramFiles
 * @typedef {import('./options.js').WorkerEngine} WorkerEngine
 */

/** Workers that accept new channels, by engine and address of the assets. @type {Map<string, WorkerClient>} */
const clients = new Map();

/**
 * @param {WorkerEngine} engine
 * @param {string} assets URL of the runtime folder
 * @param {(message: SessionMessage) => void} listener receives nothing after an 'error'
 * @param {Promise<ProgramFiles | undefined>} [files] what a new worker need not download; it does not boot before they arrive
 * @returns {Channel}
 * @throws {PercepNetError} 'boot'
 */
export function openChannel(engine, assets, listener, files) {
  const key = keyOf(engine, assets);
  let client = clients.get(key);
  if (!client) {
    client = new WorkerClient(key, engine, assets, files);
    clients.set(key, client);
  }
  return client.open(listener);
}

/** Whether a worker has opened a stream, so that the next one opens quickly. @param {WorkerEngine} engine @param {string} assets */
export function running(engine, assets) {
  return clients.get(keyOf(engine, assets))?.booted ?? false;
}

/** @param {WorkerEngine} engine @param {string} assets */
const keyOf = (engine, assets) => `${engine} ${assets}`;

/** @param {WorkerEngine} engine */
function startWorker(engine) {
  // All in one expression: bundlers look for exactly this form, and rename the worker's module.
  return engine === 'python'
    ? new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'percepnet' })
    : new Worker(new URL('./runner-worker.js', import.meta.url), { type: 'module', name: 'percepnet-runner' });
}

/** Ends the address of this module: its own name, or that of the module that the build puts it into. */
const OWN_NAMES = /\/(worker-client|percepnet)\.js$/;

/**
 * Why the worker's module did not load. If a bundler has renamed it, its name is not known here.
 *
 * @param {WorkerEngine} engine
 */
async function explainWorker(engine) {
  const unbundled = import.meta.url.startsWith(`${location.origin}/`) && OWN_NAMES.test(import.meta.url);
  const url = import.meta.url.replace(/[^/]*$/, engine === 'python' ? 'worker.js' : 'runner-worker.js');
  const why = unbundled && (await explainModule(new URL(url)));
  return why || `${unbundled ? url : "the worker's module"} or a module that it imports could not be loaded`;
}

class WorkerClient {
  /** @type {Map<number, Channel>} */
  #channels = new Map();
  #serial = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #lingering;
  /** How far the start has got. */
  #progress = { stage: '', bytes: 0 };
  /** Bytes that this thread has fetched for the worker. */
  #fetched = 0;
  /** Runs until the first stream is open. @type {Watchdog | undefined} */
  #watchdog;
  /** Whether a stream has been opened. */
  booted = false;
  /** Requests that wait for the boot. @type {[object, Transferable[]][] | undefined} */
  #held = [];
  #key;
  #engine;

  /**
   * @param {string} key in `clients` @param {WorkerEngine} engine @param {string} assets
   * @param {Promise<ProgramFiles | undefined>} [files]
   */
  constructor(key, engine, assets, files) {
    this.#key = key;
    this.#engine = engine;
    try {
      this.worker = withTrust(() => startWorker(engine));
    } catch (error) {
      throw new PercepNetError('boot', error);
    }
    this.worker.onmessage = ({ data }) => this.#onMessage(data);
    this.worker.onerror = (event) => {
      event.preventDefault(); // reported here, not as an uncaught error of the page
      if (event.message) this.#fail(this.booted ? 'enhancer' : 'boot', event.message);
      else void explainWorker(engine).then((why) => this.#fail('boot', why));
    };
    if (files) void files.then((given) => this.#boot(assets, given));
    else this.#boot(assets);
    if (engine === 'worker') this.#fetchFiles(assets);
  }

  /** Fetch what the worker needs, so that it arrives while the worker is being started. @param {string} assets */
  #fetchFiles(assets) {
    const onData = (/** @type {number} */ bytes) => {
      this.#fetched += bytes;
      this.#onMessage({ type: 'progress', stage: 'runtime', bytes: this.#fetched });
    };
    /** @param {ProgramFiles} [files] */
    const send = (files) => this.worker.postMessage({ type: 'program', files });
    // If this fails, the worker tries by itself and reports the reason if it fails too.
    fetchFiles(assets, onData).then(send, () => send());
  }

  /** @param {string} assets @param {ProgramFiles} [files] */
  #boot(assets, files) {
    if (!this.#held) return; // terminated meanwhile
    /** @type {import('./messages.js').Boot} */
    const boot = { type: 'boot', assets, remembered: recall(this.#engine), files };
    this.worker.postMessage(boot);
    for (const [request, transfer] of this.#held) this.worker.postMessage(request, transfer);
    this.#held = undefined;
    this.#watchdog = new Watchdog(BOOT_TIMEOUT, () => {
      const { stage, bytes } = this.#progress;
      const where = stage ? `at stage ${stage}, after ${(bytes / 1e6).toFixed(1)} MB` : 'the worker sent no message';
      this.#fail('boot', `no progress for ${BOOT_TIMEOUT / 1000} s: ${where}`);
    });
  }

  /** @param {(message: SessionMessage) => void} listener */
  open(listener) {
    clearTimeout(this.#lingering);
    const channel = new Channel(this, ++this.#serial, listener);
    this.#channels.set(channel.id, channel);
    return channel;
  }

  /** @param {object} request @param {Transferable[]} transfer */
  post(request, transfer) {
    if (this.#held) this.#held.push([request, transfer]);
    else this.worker.postMessage(request, transfer);
  }

  /** @param {Channel} channel */
  close(channel) {
    if (!this.#channels.delete(channel.id)) return;
    channel.post({ type: 'close' });
    if (this.#channels.size > 0) return;
    if (this.#acceptsChannels()) this.#lingering = setTimeout(() => this.#terminate(), LINGER);
    else this.#terminate();
  }

  /** It may be faulty: the next channel gets a new worker. */
  retire() {
    if (this.#acceptsChannels()) clients.delete(this.#key);
  }

  #acceptsChannels() {
    return clients.get(this.#key) === this;
  }

  #terminate() {
    this.retire();
    clearTimeout(this.#lingering);
    this.#watchdog?.stop();
    this.#held = undefined;
    this.worker.terminate();
  }

  /** @param {WorkerReport} message */
  #onMessage(message) {
    switch (message.type) {
      case 'failed':
        return this.#fail(message.code, message.message);
      case 'chosen':
        return remember(this.#engine, message.choice);
      case 'alive':
        return this.#watchdog?.feed();
      case 'progress':
        message.bytes = Math.max(message.bytes, this.#fetched);
        this.#onProgress(message);
        for (const channel of this.#channels.values()) channel.onMessage(message);
        return;
    }
    if (message.type === 'answer') {
      this.booted = true;
      this.#watchdog?.stop();
    }
    if (message.type === 'error') this.retire();
    const { id, ...report } = message;
    this.#channels.get(id)?.onMessage(report);
  }

  /** @param {import('./messages.js').Progress} progress sent many times a second, whether or not there was any */
  #onProgress({ stage, bytes }) {
    if (stage === this.#progress.stage && bytes === this.#progress.bytes) return;
    this.#progress = { stage, bytes };
    this.#watchdog?.feed();
  }

  /** @param {import('./errors.js').Code} code @param {string} message */
  #fail(code, message) {
    this.retire();
    const channels = [...this.#channels.values()];
    this.#channels.clear();
    this.#terminate();
    for (const channel of channels) channel.onMessage({ type: 'error', code, message });
  }
}

/** One instance's connection to its stream in the worker. */
export class Channel {
  /** Requests not yet answered, by token. @type {Map<number, {resolve: (info: any) => void, reject: (error: Error) => void}>} */
  #pending = new Map();
  #serial = 0;
  #client;
  #listener;

  /** @param {WorkerClient} client @param {number} id @param {(message: SessionMessage) => void} listener */
  constructor(client, id, listener) {
    this.#client = client;
    this.id = id;
    this.#listener = listener;
  }

  /** @param {StreamRequest} request @param {Transferable[]} [transfer] */
  post(request, transfer = []) {
    this.#client.post({ ...request, id: this.id }, transfer);
  }

  /**
   * @param {Omit<import('./messages.js').Open, 'token'> | Omit<import('./messages.js').Use, 'token'> | Omit<import('./messages.js').Files, 'token'>} request
   * @returns {Promise<Info>} what runs
   * @throws {PercepNetError}
   */
  request(request) {
    const token = ++this.#serial;
    this.post({ ...request, token });
    return new Promise((resolve, reject) => this.#pending.set(token, { resolve, reject }));
  }

  /** End the stream. */
  close() {
    this.#client.close(this);
    this.#rejectPending(new Error('the stream was closed'));
  }

  /** The worker may be faulty: channels opened from now on get a new one. */
  retireWorker() {
    this.#client.retire();
  }

  /** @param {import('./messages.js').Progress | import('./messages.js').StreamReport} message */
  onMessage(message) {
    if (message.type === 'answer') {
      const pending = this.#pending.get(message.token);
      this.#pending.delete(message.token);
      if ('code' in message) pending?.reject(new PercepNetError(message.code, message.message));
      else pending?.resolve(message.info);
      return;
    }
    if (message.type === 'error') this.#rejectPending(new PercepNetError(message.code, message.message));
    this.#listener(message);
  }

  /** @param {Error} error */
  #rejectPending(error) {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
