/**
 * PercepNet for WebRTC: a microphone track in, a clean track out.
 *
 *     const percepnet = await PercepNet.create();
 *     const clean = await percepnet.processTrack(microphone);
 *
 * The output track carries the raw microphone from the first moment and whenever enhancement is unavailable, at the same
 * delay, so that it is never silent and never jumps. The graph has its own 48 kHz context: the browser resamples whatever
 * rate the microphone has. All instances of a page share one worker, one runtime and one copy of the weights.
 *
 * .github/ARCHITECTURE.md follows a sample through all of it, file by file.
 */
import { STATE } from './blend.js';
import { DELAY } from './constants.js';
import { PercepNetError } from './errors.js';
import { TypedEventTarget } from './events.js';
import { checkTrack, readAssets, readLimit, readOptions } from './options.js';
import { Playback } from './playback.js';
import { Session } from './session.js';
import { detectSupport } from './support.js';
import { listTiers, readModel } from './tiers.js';
import { TrackRoute } from './track-route.js';

export { PercepNetError };

/**
 * @typedef {import('./options.js').Options} Options
 * @typedef {import('./enhancer.js').Frame} Frame
 * @typedef {import('./session.js').State} State
 * @typedef {import('./stream.js').StreamStats & {playing: string, transport: import('./support.js').Support['transport'], inputRate?: number}} Stats
 *     `inputRate` in Hz, which is resampled, as the microphone's settings report it; undefined where they do not
 * @typedef {import('./events.js').Events} Events
 */

/**
 * A fallback is also logged to the console, once for each code, unless a listener calls preventDefault() on its event.
 *
 * @extends {TypedEventTarget<Events>}
 */
export class PercepNet extends TypedEventTarget {
  #session;
  /** @type {Playback} */ #playback;
  #route;
  #enabled;
  /** Codes logged already. @type {Set<string>} */
  #warned = new Set();

  /** @private use create() @param {Options} options */
  constructor(options = {}) {
    super();
    const { depth, enabled, ...others } = readOptions(options);
    this.assets = others.assets;
    this.engine = others.engine;
    this.support = detectSupport(others.engine);
    this.#enabled = enabled;
    this.#session = new Session(others, {
      emit: (type, detail) => this.#emit(type, detail),
      connect: () => this.#connect(),
      onChange: () => this.#playback?.switch(),
      running: () => this.#playback.running,
    });
    this.#playback = new Playback({ depth, transport: this.support.transport }, {
      enabled: () => this.#enabled && this.#session.wanted,
      onPlaying: (state) => this.#onPlaying(state),
      onTookOver: () => this.#session.onTookOver(),
      onFailure: (why) => this.#session.fallback(new PercepNetError('worklet', why)),
      onStop: () => {
        this.#route.bypass();
        this.#session.fallback(new PercepNetError('worklet', 'the processor stopped'));
      },
    });
    this.#route = new TrackRoute({
      makeNode: (context) => this.createNode(context),
      latency: () => this.latency,
      onRunning: () => this.#session.recover('suspended'),
      onFailure: (error) => this.#session.fallback(error),
    });
  }

  /** What this browser and page can do; downloads nothing. @param {{engine?: import('./options.js').Engine}} [options] */
  static isSupported({ engine } = {}) {
    return detectSupport(engine);
  }

  /**
   * The available tiers, the largest first.
   *
   * @param {{assets?: string | URL}} [options] as for create()
   */
  static async tiers({ assets } = {}) {
    const response = await fetch(new URL('models.json', readAssets(assets)));
    if (!response.ok) throw new PercepNetError('model', `${response.url}: status ${response.status}`);
    return listTiers(await response.json());
  }

  /**
   * Start loading the enhancer. Resolves at once: tracks can be processed (raw) while it loads.
   *
   * @param {Options} [options]
   * @returns {Promise<PercepNet>} rejects only for invalid options, never because of the browser
   */
  static async create(options = {}) {
    const percepnet = new PercepNet(options);
    // In a separate task, so that the caller can add listeners first.
    setTimeout(() => percepnet.#boot());
    return percepnet;
  }

  /** @returns {State} */
  get state() {
    return this.#session.state;
  }

  /** Why the state is 'fallback'. @returns {PercepNetError | undefined} */
  get reason() {
    return this.#session.reason;
  }

  /** What runs: tier, kernel, versions; undefined while nothing does. @returns {Record<string, any> | undefined} */
  get info() {
    return this.#session.info;
  }

  /**
   * What enhances while Python starts and until Python is heard, described as in `info`. Undefined with the other engines.
   *
   * @returns {Record<string, any> | undefined}
   */
  get early() {
    return this.#session.early?.info;
  }

  /** The tier that runs. @returns {string | undefined} */
  get tier() {
    return this.info?.tier;
  }

  /** What is playing, one of blend.js's STATE. */
  get playing() {
    return this.#playback.state;
  }

  /** Shared by worklet and worker; undefined over MessagePort. Tests and meters may read it. */
  get ring() {
    return this.#playback.ring;
  }

  /** Samples of slack between microphone and output; with `depth: 'auto'` it grows when frames come late. */
  get depth() {
    return this.#playback.depth;
  }

  /** Samples from microphone to output. */
  get latency() {
    return this.depth + DELAY;
  }

  /** Seconds that the audio graph adds by itself, as reported by the browser; its buffers may hold more. */
  get graphLatency() {
    return this.#route.latency;
  }

  /** Enhanced or raw; cross-faded, with the same delay. */
  get enabled() {
    return this.#enabled;
  }

  set enabled(value) {
    this.#enabled = Boolean(value);
    this.#playback.switch();
  }

  /** The most by which noise is reduced, in dB: 0 leaves the sound unchanged, Infinity sets no limit. */
  get attenuationLimit() {
    return this.#session.attenuationLimit;
  }

  set attenuationLimit(value) {
    this.#session.attenuationLimit = readLimit(value);
  }

  /**
   * Switch to another model, cross-faded once it is loaded.
   *
   * @param {string | URL} model as for create()
   * @returns {Promise<Record<string, any> | undefined>} what runs then; undefined if nothing runs, and restart() will use the model
   * @throws {PercepNetError} 'model': it cannot be loaded, and the current one continues
   */
  async setModel(model) {
    this.#checkAlive();
    return this.#session.setModel(readModel(model));
  }

  /**
   * Watch what the enhancer does, some 25 times a second: gains, comb strengths, pitch, voice. Costs nothing while nobody watches.
   *
   * @param {(frame: Frame) => void} callback
   * @returns {() => void} call it to stop
   */
  observe(callback) {
    this.#checkAlive();
    return this.#session.observe(callback);
  }

  /**
   * The clean version of a microphone track. Never throws because of the browser: what cannot be enhanced is returned raw.
   *
   * @param {MediaStreamTrack} track audio; several channels are mixed down to one
   * @returns {Promise<MediaStreamTrack>} a new mono track, or `track` itself if no audio graph can be made
   */
  async processTrack(track) {
    this.#checkAlive();
    checkTrack(track);
    if (this.#route.input) throw new Error('this instance already has a track: use replaceInput() or another instance');
    return this.support.supported ? this.#route.open(track) : track;
  }

  /**
   * The same for a stream: its first audio track is replaced by the clean one, and the others are kept.
   *
   * @param {MediaStream} stream
   * @returns {Promise<MediaStream>} a new stream
   */
  async processStream(stream) {
    const [microphone, ...others] = stream.getAudioTracks();
    return new MediaStream([await this.processTrack(microphone), ...others, ...stream.getVideoTracks()]);
  }

  /**
   * Switch to another microphone, of any rate and number of channels, keeping the output track. Can be called at any time after
   * processTrack(), even before that has resolved or after the old microphone was unplugged. The old one is not stopped.
   *
   * @param {MediaStreamTrack} track
   */
  replaceInput(track) {
    this.#checkAlive();
    if (!this.#route.input) throw new Error('there is no track to replace: call processTrack() first');
    checkTrack(track);
    this.#route.replaceInput(track);
  }

  /**
   * Fade the microphone out, for a browser that cannot open it again before it has been stopped. replaceInput() fades in.
   *
   * @returns {Promise<void>} resolves when the track may be stopped
   */
  async fadeInput() {
    await this.#route.fadeOut();
  }

  /**
   * A node for your own graph: mono in (more channels are mixed down), mono out, `latency` samples later. One per instance.
   *
   * @param {BaseAudioContext} context at 48 kHz
   * @returns {Promise<AudioWorkletNode>}
   */
  async createNode(context) {
    this.#checkAlive();
    const node = await this.#playback.make(context);
    this.#connect();
    return node;
  }

  /** Start the enhancer again after a fallback; the sound stays raw until it is ready. */
  restart() {
    this.#checkAlive();
    if (!this.support.supported) return;
    this.#session.restart();
    this.#playback.restart();
    if (!this.#playback.taken) void this.#route.insert();
  }

  /** Stop everything, at any time. The output track ends: replace it with the raw one first. */
  destroy() {
    if (this.#session.ended) return;
    this.#session.end();
    this.#playback.end();
    this.#route.close();
  }

  #boot() {
    if (this.support.supported) this.#session.boot();
    else this.#session.fallback(new PercepNetError('unsupported', this.support.reasons.join('; ')));
  }

  /** Connect workers and worklet, once both exist and an enhancer is warm. */
  #connect() {
    const { early } = this.#session;
    if (early?.waiting) this.#playback.connectEarly((transport, transfer) => early.connect(transport, transfer));
    if (this.info) this.#playback.connect((transport, transfer) => this.#session.connect(transport, transfer));
  }

  /** @param {string} state */
  #onPlaying(state) {
    this.#emit('playing', { state });
    this.#session.onPlaying(state);
  }

  /** @param {keyof Events} type @param {any} detail */
  #emit(type, detail) {
    if (type === 'stats') {
      const { playing, support } = this;
      // While idle, the enhancer does not know whether anybody is speaking.
      this.#route.catchUp(detail.voiceActivity < 0.5 || playing === STATE.BYPASSED || playing === STATE.RESTING);
      detail = { ...detail, playing, transport: support.transport, inputRate: this.#route.input?.getSettings().sampleRate };
    }
    const handled = !this.emit(type, detail);
    // From here on the service worker keeps the files.
    if (type === 'ready') globalThis.dispatchEvent?.(new Event('percepnetready'));
    // The raw voice is easily mistaken for the clean one, and the page may not listen for the event.
    if (type === 'fallback' && !handled) this.#warn(detail, 'the microphone is raw');
    if (type === 'limited' && !handled) this.#warn(detail, 'the microphone is enhanced without Python');
  }

  /** @param {{code: import('./errors.js').Code, message: string}} detail @param {string} consequence */
  #warn({ code, message }, consequence) {
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    console.warn(`percepnet: ${consequence}. ${message}`);
  }

  #checkAlive() {
    if (this.#session.ended) throw new Error('this instance was destroyed: create another');
  }
}
