/** The page's side of worker.js: requests one result at a time, and starts a new worker when one is stopped. */

/**
 * @typedef {object} Request
 * @property {Float32Array} clean
 * @property {Float32Array} noise
 * @property {number} snr dB
 * @property {Record<string, string>} edits sources of changed modules
 *
 * @typedef {{samples: Float32Array, picture: Uint8Array, si_sdr?: number, stoi?: number}} Stage
 *
 * @typedef {object} Result as workshop.py's run() gives it
 * @property {number} rate
 * @property {number} hop
 * @property {number} frames
 * @property {number} bands
 * @property {number} rows of the pictures
 * @property {number} top_hz of the pictures
 * @property {Record<string, Stage>} stages
 * @property {Record<string, Float32Array>} maps
 * @property {Int32Array} period
 * @property {Float32Array} correlation
 * @property {Int32Array} future taps
 * @property {Float32Array[]} taps
 * @property {number} voiced
 *
 * @typedef {{text: string, share?: number, bytes?: number}} Progress
 */

/**
 * @template T
 * @typedef {{promise: Promise<T>, resolve: (value: T) => void, reject: (error: unknown) => void}} Deferred
 */

/** Promise.withResolvers(), for browsers of 2023 as well. @template T @returns {Deferred<T>} */
function deferred() {
  const result = /** @type {Deferred<T>} */ ({});
  result.promise = new Promise((resolve, reject) => Object.assign(result, { resolve, reject }));
  return result;
}

/** An error in the clip or in the edited code. */
export class Fault extends Error {
  /** @param {{text: string, module?: string, line?: number}} fault */
  constructor({ text, module, line }) {
    super(text);
    this.module = module;
    this.line = line;
  }
}

/** The visitor stopped it. */
export class Stopped extends Error {}

export class Lab {
  /** @type {Worker} */ #worker = this.#start();
  /** @type {Deferred<Record<string, string>>} */ #ready = deferred();
  /** @type {Deferred<Result> | undefined} */ #answer;
  #progress;

  /** @param {(progress: Progress) => void} progress */
  constructor(progress) {
    this.#progress = progress;
    this.#ready.promise.catch(() => {}); // reported where it is awaited
  }

  /** Sources of the editable modules, by name, once Python is running. @returns {Promise<Record<string, string>>} */
  async sources() {
    for (;;) {
      try {
        return await this.#ready.promise;
      } catch (error) {
        if (!(error instanceof Stopped)) throw error; // else the next worker has them
      }
    }
  }

  /** @param {Request} request @returns {Promise<Result>} rejects with Fault or Stopped */
  async run(request) {
    if (this.#answer) throw new Error('a request is in progress: wait for it, or stop it');
    const answer = (this.#answer = deferred());
    const worker = this.#worker;
    try {
      await this.#ready.promise;
      // Unless it was stopped meanwhile.
      if (this.#answer === answer) worker.postMessage({ type: 'run', ...request });
    } catch (error) {
      answer.reject(error);
      if (this.#answer === answer) this.#answer = undefined;
    }
    return answer.promise;
  }

  /** Abort the request in progress, even in an endless loop. Python is then reloaded from the browser's cache. */
  stop() {
    this.#worker.terminate();
    this.#fail(new Stopped('stopped'));
    this.#ready = deferred();
    this.#ready.promise.catch(() => {});
    this.#worker = this.#start();
  }

  /** @returns {Worker} */
  #start() {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
    worker.onmessage = ({ data }) => this.#onMessage(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new Error(event.message || 'the worker could not be loaded'));
    };
    const assets = new URL('../runtime/', import.meta.url).href;
    const workshop = new URL('./workshop.py', import.meta.url).href;
    worker.postMessage({ type: 'boot', assets, workshop });
    return worker;
  }

  /** @param {any} message */
  #onMessage(message) {
    if (message.type === 'progress') this.#progress(message);
    else if (message.type === 'ready') this.#ready.resolve(message.sources);
    else if (message.type === 'result') this.#settle((answer) => answer.resolve(message.result));
    else if (message.type === 'fault') this.#settle((answer) => answer.reject(new Fault(message)));
    else this.#fail(new Error(message.text));
  }

  /** @param {Error} error */
  #fail(error) {
    this.#ready.reject(error);
    this.#settle((answer) => answer.reject(error));
  }

  /** @param {(answer: Deferred<Result>) => void} how */
  #settle(how) {
    const answer = this.#answer;
    this.#answer = undefined;
    if (answer) how(answer);
  }
}
