/**
 * An instance's share of the engine, and its state: what it asks of the worker, what becomes of the answers, and what is
 * done when there are none.
 *
 *     loading --ready--> ready --fallback--> fallback --restart()--> loading      any --end()--> destroyed
 *                          ^------ready--------'  (by itself, if the reason is one that passes)
 */
import { STATE } from './blend.js';
import { join } from './engine.js';
import { PercepNetError } from './errors.js';

/** ms without enhanced sound, after the first 100, before `overload` becomes `fallback`. */
const STALL_PATIENCE = 2000;

/** ms after its connection in which a stream must have been heard of: it tells its statistics twice a second. */
const SILENCE_PATIENCE = 10_000;

/** ms until a machine that was too slow gets another chance: at first, and at most; it doubles each time. */
const RETRY = { first: 15_000, longest: 240_000 };

/** Reasons that pass: the stream stays, and goes on as soon as it can. */
const PASSING = ['stalled', 'overload', 'suspended'];

/**
 * @typedef {import('./enhancer.js').Frame} Frame
 * @typedef {'loading' | 'ready' | 'fallback' | 'destroyed'} State
 *
 * @typedef {object} Owner
 * @property {(type: string, detail: object) => void} emit an event
 * @property {() => void} connect the enhancer is warm: give it a transport
 * @property {() => void} changed look again whether enhancement is `wanted`
 */

export class Session {
  /** @type {State} */
  state = 'loading';
  /** @type {PercepNetError | undefined} why the state is 'fallback' */
  reason;
  /** What runs: tier, kernel, version, ...; undefined while nothing does. @type {Record<string, any> | undefined} */
  info;
  /** @type {import('./engine.js').EngineSeat | undefined} */ #seat;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #stall;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #silence;
  /** @type {Set<(frame: Frame) => void>} */ #observers = new Set();
  #pause = RETRY.first;
  #failedFrames = 0;
  #assets;
  #model;
  #attenuationLimit;
  #owner;

  /**
   * @param {{assets: string, model: string, attenuationLimit: number}} options
   * @param {Owner} owner
   */
  constructor({ assets, model, attenuationLimit }, owner) {
    this.#assets = assets;
    this.#model = model;
    this.#attenuationLimit = attenuationLimit;
    this.#owner = owner;
  }

  get ended() {
    return this.state === 'destroyed';
  }

  /** Whether frames are of any use now. */
  get wanted() {
    return this.reason?.code !== 'overload';
  }

  get attenuationLimit() {
    return this.#attenuationLimit;
  }

  set attenuationLimit(value) {
    this.#attenuationLimit = value;
    this.#seat?.post('attenuationLimit', { value });
  }

  /** Take a seat at the engine. */
  boot() {
    if (this.ended || this.#seat) return;
    this.#failedFrames = 0;
    let seat;
    try {
      seat = this.#seat = join(this.#assets, (message) => this.#told(message));
    } catch (error) {
      return this.fallback(/** @type {PercepNetError} */ (error));
    }
    seat.ask('open', { model: this.#model, attenuationLimit: this.#attenuationLimit }).then(
      (info) => seat === this.#seat && this.#opened(info),
      (error) => seat === this.#seat && this.fallback(error),
    );
    if (this.#observers.size > 0) seat.post('observe', { wanted: true });
  }

  restart() {
    this.#leave({ suspect: this.state === 'fallback' });
    this.#pause = RETRY.first;
    this.#setState('loading');
    this.boot();
  }

  end() {
    this.#leave();
    this.#observers.clear();
    this.#setState('destroyed');
  }

  /** @param {string} type @param {object} detail @param {Transferable[]} [transfer] */
  post(type, detail, transfer) {
    this.#seat?.post(type, detail, transfer);
  }

  /** Give the worker its transport. @param {object} transport @param {Transferable[]} [transfer] */
  connect(transport, transfer) {
    this.post('connect', transport, transfer);
    clearTimeout(this.#silence);
    // Later it is the worklet's clock that notices; but who has never been heard cannot be missed there.
    this.#silence = setTimeout(() => this.fallback(new PercepNetError('stalled')), SILENCE_PATIENCE);
  }

  /** @param {string} model as readModel() gives it @returns {Promise<Record<string, any> | undefined>} what runs then, if anything does */
  async setModel(model) {
    const seat = this.#seat;
    if (seat) {
      const info = await seat.ask('use', { model });
      if (seat === this.#seat) this.info = info;
    }
    this.#model = model;
    return this.info;
  }

  /** @param {(frame: Frame) => void} callback @returns {() => void} stop */
  observe(callback) {
    this.#observers.add(callback);
    this.post('observe', { wanted: true });
    return () => {
      if (this.#observers.delete(callback) && this.#observers.size === 0) this.post('observe', { wanted: false });
    };
  }

  /** @param {PercepNetError} error why the sound is raw from now on */
  fallback(error) {
    if (this.ended) return;
    const passing = PASSING.includes(error.code);
    if (passing && this.reason && !PASSING.includes(this.reason.code)) return; // that one matters more, and stays
    if (!passing) this.#leave();
    else if (error.code === 'stalled') this.#seat?.suspect();
    this.#setState('fallback', error);
    if (error.code === 'overload') {
      this.#retry = setTimeout(() => this.passed('overload'), this.#pause);
      this.#pause = Math.min(2 * this.#pause, RETRY.longest);
    }
    this.#owner.emit('fallback', { code: error.code, message: error.message, error });
  }

  /** @param {import('./errors.js').Code} code the reason that holds no longer, if it was the reason */
  passed(code) {
    if (this.reason?.code !== code) return;
    this.#setState(this.info ? 'ready' : 'loading');
    if (this.info) this.#owner.emit('ready', { info: this.info });
  }

  /** @param {string} playing what the worklet plays from now on, one of STATE */
  played(playing) {
    clearTimeout(this.#stall);
    if (playing === STATE.ENHANCED) {
      clearTimeout(this.#silence);
      return this.passed('stalled');
    }
    if (playing !== STATE.STARVED || this.state !== 'ready') return;
    this.#owner.emit('overload', { action: 'wait', tier: this.info?.tier });
    this.#stall = setTimeout(() => this.fallback(new PercepNetError('stalled')), STALL_PATIENCE);
  }

  /** @param {Record<string, any>} info */
  #opened(info) {
    this.info = info;
    // Whatever kept the sound raw meanwhile, a context that sleeps for example, still does.
    if (this.state === 'loading') this.#setState('ready');
    this.#owner.connect();
    if (this.state === 'ready') this.#owner.emit('ready', { info });
  }

  /** @param {any} message of the worker */
  #told({ type, ...detail }) {
    if (this.ended) return;
    clearTimeout(this.#silence);
    if (type === 'error') {
      this.fallback(new PercepNetError(detail.code, detail.message));
    } else if (type === 'frame') {
      for (const callback of this.#observers) callback(detail);
    } else if (type === 'overload') {
      const { info = this.info, ...told } = detail;
      this.info = info;
      this.#owner.emit('overload', told);
      if (detail.action === 'bypass') this.fallback(new PercepNetError('overload'));
    } else {
      if (type === 'stats' && detail.errors > this.#failedFrames) {
        this.#owner.emit('error', { message: `${detail.errors - this.#failedFrames} frames failed and were left raw` });
        this.#failedFrames = detail.errors;
      }
      this.#owner.emit(type, detail);
    }
  }

  /** @param {{suspect?: boolean}} [why] */
  #leave(why) {
    const seat = this.#seat;
    this.#seat = this.info = undefined;
    clearTimeout(this.#silence);
    seat?.leave(why);
  }

  /** @param {State} state @param {PercepNetError} [reason] */
  #setState(state, reason) {
    clearTimeout(this.#stall);
    clearTimeout(this.#retry);
    this.state = state;
    this.reason = reason;
    this.#owner.changed();
  }
}
