/**
 * The page's side of the enhancer's worker. All instances with the same assets share one: one runtime, one copy of the
 * weights, and a stream for each of them (worker.js).
 *
 *     join() --> Seat, one for each instance          the worker starts with the first seat and ends after the last
 *
 * A worker that failed takes nobody new: who joins next gets a fresh one. When it died, all its seats are told; when one
 * stream failed, the others stay where they are.
 */
import { PercepNetError } from './errors.js';
import { Watchdog } from './watchdog.js';

/** ms that a worker stays without a seat: an instance destroyed to make another does not have to load everything again. */
export const LINGER = 2000;

/**
 * ms that a start may be without progress: a byte more, or another stage. On a slow phone Python itself takes some 20 s, and
 * a slow network is not cut off, as long as it sends something.
 */
export const BOOT_PATIENCE = 60_000;

/** Where the choice of `model: 'auto'` is kept between visits. */
const MEMORY = 'percepnet-wasm:auto';

/** Those that take new seats, by the address of their assets. @type {Map<string, Engine>} */
const engines = new Map();

/**
 * @param {string} assets URL of the runtime folder
 * @param {(message: {type: string} & Record<string, any>) => void} listener hears 'progress', 'stats', 'frame',
 *     'overload', and 'error' {code, message}, after which nothing comes
 * @returns {Seat}
 * @throws {PercepNetError} 'boot'
 */
export function join(assets, listener) {
  let engine = engines.get(assets);
  if (!engine) {
    engine = new Engine(assets);
    engines.set(assets, engine);
  }
  return engine.seat(listener);
}

class Engine {
  /** @type {Map<number, Seat>} */
  #seats = new Map();
  #serial = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #lingering;
  /** How far the start has got. */
  #progress = { stage: '', bytes: 0 };
  /** Until the first stream is there. */
  #watchdog;
  #assets;

  /** @param {string} assets */
  constructor(assets) {
    this.#assets = assets;
    try {
      this.worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'percepnet' });
    } catch (error) {
      throw new PercepNetError('boot', error);
    }
    this.worker.onmessage = ({ data }) => this.#told(data);
    this.worker.onerror = (event) => {
      event.preventDefault(); // reported here, not as an uncaught error of the page
      this.#fail(this.booted ? 'enhancer' : 'boot', event.message || 'the worker could not be loaded');
    };
    this.booted = false;
    this.worker.postMessage({ type: 'boot', assets, remembered: recall() });
    this.#watchdog = new Watchdog(BOOT_PATIENCE, () => {
      const { stage, bytes } = this.#progress;
      const where = stage ? `in stage ${stage}, after ${(bytes / 1e6).toFixed(1)} MB` : 'the worker never said a word';
      this.#fail('boot', `no progress for ${BOOT_PATIENCE / 1000} s: ${where}`);
    });
  }

  /** @param {(message: any) => void} listener */
  seat(listener) {
    clearTimeout(this.#lingering);
    const seat = new Seat(this, ++this.#serial, listener);
    this.#seats.set(seat.id, seat);
    return seat;
  }

  /** @param {Seat} seat */
  leave(seat) {
    if (!this.#seats.delete(seat.id)) return;
    this.worker.postMessage({ type: 'close', id: seat.id });
    if (this.#seats.size > 0) return;
    if (this.#takesMore()) this.#lingering = setTimeout(() => this.#end(), LINGER);
    else this.#end();
  }

  /** It is not to be trusted: whoever joins next gets another. */
  retire() {
    if (this.#takesMore()) engines.delete(this.#assets);
  }

  #takesMore() {
    return engines.get(this.#assets) === this;
  }

  #end() {
    this.retire();
    clearTimeout(this.#lingering);
    this.#watchdog.stop();
    this.worker.terminate();
  }

  /** @param {any} message of the worker */
  #told({ type, id, ...detail }) {
    if (type === 'failed') return this.#fail(detail.code, detail.message);
    if (type === 'chosen') return remember(detail.choice);
    if (type === 'alive') return this.#watchdog.feed();
    if (type === 'progress') this.#gotOn(detail);
    if (type === 'answer') {
      this.booted = true;
      this.#watchdog.stop();
    }
    if (type === 'error') this.retire();
    for (const seat of id === undefined ? this.#seats.values() : [this.#seats.get(id)]) seat?.told({ type, ...detail });
  }

  /** @param {any} progress told in any case, many times a second: it may be the same */
  #gotOn({ stage, bytes }) {
    if (stage === this.#progress.stage && bytes === this.#progress.bytes) return;
    this.#progress = { stage, bytes };
    this.#watchdog.feed();
  }

  /** @param {import('./errors.js').Code} code @param {string} message */
  #fail(code, message) {
    this.retire();
    const seats = [...this.#seats.values()];
    this.#seats.clear();
    this.#end();
    for (const seat of seats) seat.told({ type: 'error', code, message });
  }
}

class Seat {
  /** @type {Map<number, {resolve: (info: any) => void, reject: (error: Error) => void}>} questions asked */
  #asked = new Map();
  #serial = 0;
  #engine;
  #listener;

  /** @param {Engine} engine @param {number} id @param {(message: any) => void} listener */
  constructor(engine, id, listener) {
    this.#engine = engine;
    this.id = id;
    this.#listener = listener;
  }

  /** @param {string} type @param {object} detail @param {Transferable[]} [transfer] */
  post(type, detail, transfer = []) {
    this.#engine.worker.postMessage({ ...detail, type, id: this.id }, transfer);
  }

  /**
   * @param {'open' | 'use'} type
   * @param {object} detail
   * @returns {Promise<Record<string, any>>} what runs
   * @throws {PercepNetError}
   */
  ask(type, detail) {
    const token = ++this.#serial;
    this.post(type, { ...detail, token });
    return new Promise((resolve, reject) => this.#asked.set(token, { resolve, reject }));
  }

  /** The stream ends. @param {{suspect?: boolean}} [why] whether the worker may be at fault */
  leave({ suspect = false } = {}) {
    if (suspect) this.#engine.retire();
    this.#engine.leave(this);
    this.#reject(new Error('the stream was closed'));
  }

  /** The worker may be at fault. */
  suspect() {
    this.#engine.retire();
  }

  /** @param {any} message */
  told(message) {
    if (message.type === 'answer') {
      const { token, info, code, message: text } = message;
      const question = this.#asked.get(token);
      this.#asked.delete(token);
      if (code) question?.reject(new PercepNetError(code, text));
      else question?.resolve(info);
      return;
    }
    if (message.type === 'error') this.#reject(new PercepNetError(message.code, message.message));
    this.#listener(message);
  }

  /** @param {Error} error */
  #reject(error) {
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
  }
}

/** @returns {import('./chooser.js').Choice | undefined} */
function recall() {
  try {
    return JSON.parse(localStorage.getItem(MEMORY) ?? 'null') ?? undefined;
  } catch {
    return undefined; // no storage here, or something of others
  }
}

/** @param {import('./chooser.js').Choice} choice */
function remember(choice) {
  try {
    localStorage.setItem(MEMORY, JSON.stringify(choice));
  } catch {
    // No storage here: it is measured again the next time.
  }
}

/** @typedef {Seat} EngineSeat */
