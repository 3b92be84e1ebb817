/**
 * An instance's share of the enhancer's worker, and its state: what it requests, what it does with the replies, and what it
 * does when no reply comes.
 *
 *     loading --ready--> ready --fallback--> fallback --restart()--> loading      any --end()--> destroyed
 *                          ^------ready--------'  (on its own, if the cause is temporary)
 *
 * With `engine: 'python'` another worker enhances in the meantime (early.js); if Python cannot be started, that one stays, and the
 * state is 'ready' all the same.
 */
import { STATE } from './blend.js';
import { DirectChannel } from './direct-client.js';
import { EarlyStart } from './early.js';
import { PercepNetError } from './errors.js';
import { openChannel } from './worker-client.js';

/** ms without enhanced sound, after the first 100, before `overload` becomes `fallback`. */
const STALL_TIMEOUT = 2000;

/**
 * ms after connecting by which a stream must have sent something, since it sends its statistics twice a second; and by which sound
 * must be enhanced once something runs that should enhance it.
 */
const SILENCE_TIMEOUT = 10_000;

/** ms until a machine that was too slow is given another chance: the first wait, doubled each time up to the longest. */
const RETRY = { first: 15_000, longest: 240_000 };

/** Temporary causes: the stream stays open, and resumes as soon as it can. */
const TEMPORARY = ['stalled', 'overload', 'suspended'];

/**
 * @typedef {import('./enhancer.js').Frame} Frame
 * @typedef {import('./messages.js').Info} Info
 * @typedef {'loading' | 'ready' | 'fallback' | 'destroyed'} State
 *
 * @typedef {object} Owner
 * @property {(type: keyof import('./events.js').Events, detail: object) => void} emit an event
 * @property {() => void} connect an enhancer is warm: give it a transport
 * @property {() => void} onChange `wanted` may have changed
 * @property {() => boolean} running whether the audio thread plays: if not, nothing is late
 */

export class Session {
  /** @type {State} */
  state = 'loading';
  /** @type {PercepNetError | undefined} why the state is 'fallback' */
  reason;
  /** What runs: tier, kernel, version, ...; undefined while nothing does. @type {Info | undefined} */
  info;
  /** What enhances until Python is heard. @type {EarlyStart | undefined} */
  early;
  /** Why Python could not be started, until it is known whether the early worker could. @type {PercepNetError | undefined} */
  #pythonFailure;
  /** @type {import('./worker-client.js').Channel | DirectChannel | undefined} */ #channel;
  /** What the worklet plays, one of STATE; undefined before its first quantum. @type {string | undefined} */ #playing;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #stall;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #silence;
  /** @type {Set<(frame: Frame) => void>} */ #observers = new Set();
  #pause = RETRY.first;
  #failedFrames = 0;
  /** What Python's worker has reported since its start: 'stats', 'frame'. @type {Set<string>} */
  #reported = new Set();
  #engine;
  #assets;
  #model;
  #attenuationLimit;
  #owner;

  /**
   * @param {{engine: import('./options.js').Engine, assets: string, model: string, attenuationLimit: number}} options
   * @param {Owner} owner
   */
  constructor({ engine, assets, model, attenuationLimit }, owner) {
    this.#engine = engine;
    this.#assets = assets;
    this.#model = model;
    this.#attenuationLimit = attenuationLimit;
    this.#owner = owner;
  }

  get ended() {
    return this.state === 'destroyed';
  }

  /** Whether enhancing is worthwhile now. */
  get wanted() {
    return this.reason?.code !== 'overload';
  }

  get attenuationLimit() {
    return this.#attenuationLimit;
  }

  set attenuationLimit(value) {
    this.#attenuationLimit = value;
    this.#post({ type: 'attenuationLimit', value });
  }

  /** Open a stream in the worker. */
  boot() {
    if (this.ended || this.#channel) return;
    this.#failedFrames = 0;
    this.#reported.clear();
    this.#pythonFailure = undefined;
    if (this.#engine === 'python') this.#openEarly();
    /** @type {import('./worker-client.js').Channel | DirectChannel} */
    let channel;
    try {
      channel = this.#open((message) => channel === this.#channel && this.#onMessage(message));
      this.#channel = channel;
    } catch (error) {
      return this.#fail(/** @type {PercepNetError} */ (error));
    }
    channel.request({ type: 'open', model: this.#model, attenuationLimit: this.#attenuationLimit }).then(
      (info) => channel === this.#channel && this.#opened(info),
      (error) => channel === this.#channel && this.#fail(error),
    );
    if (this.#observers.size > 0) this.#post({ type: 'observe', wanted: true });
  }

  /** @param {(message: import('./messages.js').SessionMessage) => void} listener */
  #open(listener) {
    const engine = this.#engine;
    if (engine === 'worklet') return new DirectChannel(this.#assets, listener);
    return openChannel(engine, this.#assets, listener, this.early?.files);
  }

  /** Have another worker enhance while Python starts. */
  #openEarly() {
    const options = { assets: this.#assets, model: this.#model, attenuationLimit: this.#attenuationLimit };
    const early = EarlyStart.begin(
      options,
      (message) => {
        if (this.#channel === early?.channel) this.#onMessage(message);
        else if (this.early === early) this.#onEarlyMessage(message);
      },
      () => this.early === early && this.#onEarlyOpen(),
      () => this.early === early && this.#onEarlyFailure(),
    );
    this.early = early;
  }

  #onEarlyOpen() {
    if (this.#pythonFailure) this.#continueWithout(this.#pythonFailure);
    else this.#owner.connect();
    this.#watch(SILENCE_TIMEOUT);
  }

  /** The early worker has failed: nothing enhances if Python has as well. */
  #onEarlyFailure() {
    this.#closeEarly();
    if (this.#pythonFailure) this.fallback(this.#pythonFailure);
  }

  #closeEarly() {
    this.early?.close();
    this.early = undefined;
  }

  /** To whatever enhances. @param {import('./messages.js').StreamRequest} request */
  #post(request) {
    this.early?.channel.post(request);
    this.#channel?.post(request);
  }

  restart() {
    if (this.state === 'fallback') this.#channel?.retireWorker(); // it may be the cause
    this.#close();
    this.#pause = RETRY.first;
    this.#setState('loading');
    this.boot();
  }

  end() {
    this.#close();
    this.#observers.clear();
    this.#setState('destroyed');
  }

  /** Give the worker its transport. @param {import('./messages.js').Transport} transport @param {Transferable[]} [transfer] */
  connect(transport, transfer) {
    this.#channel?.post({ type: 'connect', ...transport }, transfer);
    clearTimeout(this.#silence);
    // Later the worklet's clock notices a stall, but not that of a stream that has never played anything.
    this.#silence = setTimeout(() => this.#fail(new PercepNetError('stalled')), SILENCE_TIMEOUT);
  }

  /** @param {string} model as readModel() returns it @returns {Promise<Info | undefined>} what runs then, if anything does */
  async setModel(model) {
    const channel = this.#channel;
    if (channel) {
      const info = await channel.request({ type: 'use', model });
      if (channel === this.#channel) this.info = info;
    }
    this.#model = model;
    return this.info;
  }

  /** @param {(frame: Frame) => void} callback @returns {() => void} stop */
  observe(callback) {
    this.#observers.add(callback);
    this.#post({ type: 'observe', wanted: true });
    return () => {
      if (!this.#observers.delete(callback) || this.#observers.size > 0) return;
      this.#post({ type: 'observe', wanted: false });
    };
  }

  /** @param {PercepNetError} error why the sound is raw from now on */
  fallback(error) {
    if (this.ended) return;
    const temporary = TEMPORARY.includes(error.code);
    if (temporary && this.reason && !TEMPORARY.includes(this.reason.code)) return; // a lasting cause takes precedence
    if (!temporary) this.#close();
    else if (error.code === 'stalled') {
      this.early?.channel.retireWorker();
      if (this.info) this.#channel?.retireWorker(); // otherwise it is still starting
    }
    this.#setState('fallback', error);
    if (error.code === 'overload') {
      this.#retry = setTimeout(() => this.recover('overload'), this.#pause);
      this.#pause = Math.min(2 * this.#pause, RETRY.longest);
    }
    this.#owner.emit('fallback', { code: error.code, message: error.message, error });
  }

  /** The early worker is no longer heard. */
  onTookOver() {
    if (this.info) this.#closeEarly();
  }

  /** The worker, or the stream in it, cannot be used: keep the early one, if there is one. @param {PercepNetError} error */
  #fail(error) {
    if (this.ended || !this.early) return this.fallback(error);
    clearTimeout(this.#silence);
    this.#channel?.retireWorker();
    this.#channel?.close();
    this.#channel = undefined;
    if (this.early.info) this.#continueWithout(error);
    else this.#pythonFailure = error; // decided once the early worker has opened its stream, or failed
  }

  /** The early worker stays. @param {PercepNetError} error why Python could not be started */
  #continueWithout(error) {
    const early = /** @type {EarlyStart} */ (this.early);
    early.keep();
    this.#channel = early.channel;
    this.early = undefined;
    this.#pythonFailure = undefined;
    this.info = early.info;
    this.#owner.emit('limited', { code: error.code, message: error.message, error });
    if (early.waiting) this.#owner.connect();
    if (this.state === 'loading') this.#setState('ready');
    if (this.state === 'ready') this.#owner.emit('ready', { info: /** @type {Info} */ (this.info) });
  }

  /** A cause no longer applies. If it was the reason for the fallback, resume. @param {import('./errors.js').Code} code */
  recover(code) {
    if (this.reason?.code !== code) return;
    this.#setState(this.info ? 'ready' : 'loading');
    if (this.info) this.#owner.emit('ready', { info: this.info });
  }

  /** Whether something enhances, or should. */
  get #enhancing() {
    return this.state === 'ready' || (this.state === 'loading' && this.early?.info !== undefined);
  }

  /** @param {string} playing what the worklet plays from now on, one of STATE */
  onPlaying(playing) {
    this.#playing = playing;
    const late = playing === STATE.STARVED && this.#enhancing;
    if (late) this.#owner.emit('overload', { action: 'wait', tier: (this.info ?? this.early?.info)?.tier });
    // While it starts, Python keeps the machine busy: allow more time.
    this.#watch(late && this.info ? STALL_TIMEOUT : SILENCE_TIMEOUT);
    if (playing !== STATE.ENHANCED) return;
    this.early?.onHeard();
    clearTimeout(this.#silence);
    this.recover('stalled');
  }

  /** Fall back if sound that should be enhanced is not within this time. @param {number} time ms */
  #watch(time) {
    clearTimeout(this.#stall);
    if (!this.#enhancing || (this.#playing !== STATE.STARVED && this.#playing !== STATE.WAITING)) return;
    this.#stall = setTimeout(() => {
      if (this.#owner.running()) this.fallback(new PercepNetError('stalled'));
      else this.#watch(time);
    }, time);
  }

  /** @param {Info} info */
  #opened(info) {
    this.info = info;
    if (this.early?.waiting || !this.early?.info) this.#closeEarly(); // there is no node yet, or it is slower than Python
    // Something else, such as a suspended context, may still keep the sound raw.
    if (this.state === 'loading') this.#setState('ready');
    this.#owner.connect();
    if (this.state === 'ready') this.#owner.emit('ready', { info });
  }

  /** @param {import('./messages.js').SessionMessage} message */
  #onMessage(message) {
    if (this.ended) return;
    clearTimeout(this.#silence);
    this.#reported.add(message.type);
    const { type: _, ...detail } = message;
    switch (message.type) {
      case 'error':
        return this.#fail(new PercepNetError(message.code, message.message));
      case 'frame':
        for (const callback of this.#observers) callback(/** @type {Frame} */ (detail));
        return;
      case 'overload':
        return this.#onOverload(message);
      case 'stats':
        this.#countErrors(message.errors);
    }
    this.#owner.emit(message.type, detail);
  }

  /** @param {import('./messages.js').SessionMessage} message */
  #onEarlyMessage(message) {
    if (message.type === 'error') return this.#onEarlyFailure();
    const { type: _, ...detail } = message;
    if (message.type === 'progress') return this.#owner.emit('progress', { stage: message.stage, bytes: message.bytes });
    if (this.#reported.has(message.type)) return; // Python reports these itself
    if (message.type === 'stats') this.#owner.emit('stats', detail);
    if (message.type === 'frame') for (const callback of this.#observers) callback(/** @type {Frame} */ (detail));
  }

  /** @param {import('./messages.js').StepDown | import('./messages.js').Bypass} message */
  #onOverload(message) {
    if (message.action === 'step-down') {
      const { action, from, tier, info } = message;
      this.info = info;
      this.#owner.emit('overload', { action, from, tier });
    } else {
      if (!this.early) this.#owner.emit('overload', { action: message.action, tier: message.tier });
      this.#fail(new PercepNetError('overload'));
    }
  }

  /** @param {number} errors frames that failed since the stream was connected */
  #countErrors(errors) {
    if (errors <= this.#failedFrames) return;
    this.#owner.emit('error', { message: `${errors - this.#failedFrames} frames failed and were left raw` });
    this.#failedFrames = errors;
  }

  #close() {
    const channel = this.#channel;
    this.#channel = this.info = undefined;
    this.#closeEarly();
    clearTimeout(this.#silence);
    channel?.close();
  }

  /** @param {State} state @param {PercepNetError} [reason] */
  #setState(state, reason) {
    clearTimeout(this.#retry);
    this.state = state;
    this.reason = reason;
    this.#watch(SILENCE_TIMEOUT);
    this.#owner.onChange();
  }
}
