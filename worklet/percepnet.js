/**
 * PercepNet for WebRTC: a microphone track in, a clean track out.
 *
 *     const percepnet = await PercepNet.create();
 *     const clean = await percepnet.processTrack(microphone);
 *
 * The output track carries the raw microphone from the first moment and whenever enhancement is not there, at the same
 * delay, so that nothing is ever silent and nothing jumps. The graph has its own 48 kHz context: the browser resamples
 * whatever rate the microphone has. All instances of a page share one worker, one runtime and one copy of the weights.
 *
 *     loading --ready--> ready --fallback--> fallback --restart()--> loading      any --destroy()--> destroyed
 *                          ^------ready--------'  (by itself, if the reason is one that passes)
 */
import { DELAY, SAMPLE_RATE } from './constants.js';
import { STATE } from './blend.js';
import { join } from './engine.js';
import { PercepNetError } from './errors.js';
import { TrackGraph } from './graph.js';
import { readAssets, readLimit, readOptions } from './options.js';
import { Ring } from './ring.js';
import { detectSupport } from './support.js';
import { listTiers, readModel } from './tiers.js';

export { PercepNetError };

/** ms without enhanced sound, after the first 100, before `overload` becomes `fallback`. */
const STALL_PATIENCE = 2000;

/** ms until a machine that was too slow gets another chance: at first, and at most; it doubles each time. */
const RETRY = { first: 15_000, longest: 240_000 };

/** Reasons that pass: the stream stays, and goes on as soon as it can. */
const PASSING = ['stalled', 'overload', 'suspended'];

/**
 * @typedef {import('./options.js').Options} Options
 * @typedef {import('./enhancer.js').Frame} Frame
 * @typedef {'loading' | 'ready' | 'fallback' | 'destroyed'} State
 */

/**
 * Events (CustomEvent, `detail` as given):
 *   progress {stage, bytes}                  while loading
 *   ready    {info}                          the enhancer is warm and takes over
 *   playing  {state}                         what is heard: 'waiting' | 'enhanced' | 'starved' | 'resting'
 *   overload {action, tier, from}            frames come late, and what is done: 'wait' (100 ms are raw so far), 'step-down'
 *                                            (`tier` runs instead of `from`), 'bypass' (raw; a fallback says so too)
 *   fallback {code, message, error}          the sound is raw until ready or restart()
 *   error    {message}                       frames that failed and were left raw; enhancement goes on
 *   stats    {latency, computeP50, ...}      twice a second: see worklet/README.md
 */
export class PercepNet extends EventTarget {
  /** @type {State} */
  state = 'loading';
  /** @type {PercepNetError | undefined} why the state is 'fallback' */
  reason;
  /** What is heard, one of blend.js's STATE. @type {string} */
  playing = STATE.WAITING;
  /** What runs: tier, kernel, version, weights, ...; from the first `ready` on. @type {Record<string, any> | undefined} */
  info;
  /** @type {import('./engine.js').EngineSeat | undefined} */ #seat;
  /** @type {AudioWorkletNode | undefined} */ #node;
  /** @type {TrackGraph | undefined} */ #graph;
  /** @type {MediaStreamTrack | undefined} the microphone wanted; the graph may still be under way */ #input;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #stall;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #retry;
  /** @type {Set<(frame: Frame) => void>} */ #observers = new Set();
  #pause = RETRY.first;
  #frameErrors = 0;
  #enabled;
  #attenuationLimit;
  #model;

  /** @private use create() @param {Options} options */
  constructor(options = {}) {
    super();
    const { model, assets, depth, attenuationLimit, enabled } = readOptions(options);
    this.assets = assets;
    this.depth = depth;
    this.support = detectSupport();
    /** @type {Ring | undefined} shared by worklet and worker; none over MessagePort. Tests and meters may read it. */
    this.ring = undefined;
    this.#model = model;
    this.#enabled = enabled;
    this.#attenuationLimit = attenuationLimit;
  }

  /** What this browser and page can do; downloads nothing. */
  static isSupported() {
    return detectSupport();
  }

  /**
   * The tiers there are to choose from, the largest first.
   *
   * @param {{assets?: string | URL}} [options] as for create()
   */
  static async tiers({ assets } = {}) {
    const response = await fetch(new URL('models.json', readAssets(assets)));
    if (!response.ok) throw new PercepNetError('model', `${response.url}: status ${response.status}`);
    return listTiers(await response.json());
  }

  /**
   * Begin to load the enhancer. Resolves at once: tracks can be processed (raw) while it loads.
   *
   * @param {Options} [options]
   * @returns {Promise<PercepNet>} never rejects for the browser's sake, only for wrong options
   */
  static async create(options = {}) {
    const percepnet = new PercepNet(options);
    // In a task of its own, so that the caller can add listeners first.
    setTimeout(() => percepnet.#boot());
    return percepnet;
  }

  /** Samples from microphone to output. */
  get latency() {
    return this.depth + DELAY;
  }

  /** Switch between enhanced and raw; cross-faded, the delay stays. */
  get enabled() {
    return this.#enabled;
  }

  set enabled(value) {
    this.#enabled = Boolean(value);
    this.#switch();
  }

  /** Most that noise is lowered, in dB: 0 leaves the sound alone, Infinity sets no limit. */
  get attenuationLimit() {
    return this.#attenuationLimit;
  }

  set attenuationLimit(value) {
    this.#attenuationLimit = readLimit(value);
    this.#seat?.post('attenuationLimit', { value: this.#attenuationLimit });
  }

  /** The tier that runs; undefined before the first `ready`. @returns {string | undefined} */
  get tier() {
    return this.info?.tier;
  }

  /**
   * Go over to another model, in a cross-fade once it is there.
   *
   * @param {string | URL} model as for create()
   * @returns {Promise<Record<string, any> | undefined>} what runs then; undefined if nothing runs now: the model will be
   *     used by restart()
   * @throws {PercepNetError} 'model': it cannot be had, and the one before runs on
   */
  async setModel(model) {
    this.#checkAlive();
    const name = readModel(model);
    if (this.#seat) {
      const info = await this.#seat.ask('use', { model: name });
      if (this.state === 'ready' || !this.info) this.info = info;
    }
    this.#model = name;
    return this.#seat && this.info;
  }

  /**
   * See what the enhancer does, some 25 times a second: gains, comb strengths, pitch, voice. Costs nothing when nobody looks.
   *
   * @param {(frame: Frame) => void} callback
   * @returns {() => void} call it to stop
   */
  observe(callback) {
    this.#checkAlive();
    this.#observers.add(callback);
    this.#seat?.post('observe', { wanted: true });
    return () => {
      if (this.#observers.delete(callback) && this.#observers.size === 0) this.#seat?.post('observe', { wanted: false });
    };
  }

  /**
   * The clean version of a microphone track. Never throws for the browser's sake: what cannot be enhanced comes back raw.
   *
   * @param {MediaStreamTrack} track audio; several channels are mixed down to one
   * @returns {Promise<MediaStreamTrack>} a new mono track, or `track` itself if no audio graph can be made
   */
  async processTrack(track) {
    this.#checkAlive();
    checkTrack(track);
    if (this.#input) throw new Error('this instance has a track already: use replaceInput() or another instance');
    if (!this.support.supported) return track;
    this.#input = track;
    try {
      const graph = await TrackGraph.open(track, (running) => this.#flows(running));
      if (this.#destroyed()) {
        graph.close();
        return track;
      }
      this.#graph = graph;
      if (this.#input !== track) graph.replaceInput(this.#input);
    } catch (error) {
      const raw = this.#input;
      this.#input = undefined;
      this.#fallback(/** @type {PercepNetError} */ (error));
      return raw;
    }
    await this.#insert();
    return this.#graph?.output ?? track;
  }

  /**
   * The same for a stream: its first audio track is replaced by the clean one, video tracks are kept.
   *
   * @param {MediaStream} stream
   * @returns {Promise<MediaStream>} a new stream
   */
  async processStream(stream) {
    const [microphone, ...others] = stream.getAudioTracks();
    return new MediaStream([await this.processTrack(microphone), ...others, ...stream.getVideoTracks()]);
  }

  /**
   * Another microphone, of any rate and number of channels, for the same output track. At any time after the call of
   * processTrack(), also before it has resolved, and after the old microphone was unplugged. The old one is not stopped.
   *
   * @param {MediaStreamTrack} track
   */
  replaceInput(track) {
    this.#checkAlive();
    if (!this.#input) throw new Error('there is no track to replace: call processTrack() first');
    checkTrack(track);
    this.#graph?.replaceInput(track);
    this.#input = track;
  }

  /**
   * A node for a graph of your own: mono in (more channels are mixed down), mono out, `latency` samples later. One for
   * each instance.
   *
   * @param {BaseAudioContext} context at 48 kHz
   * @returns {Promise<AudioWorkletNode>}
   */
  async createNode(context) {
    this.#checkAlive();
    if (this.#node) throw new Error('this instance has its node already: make another instance');
    if (context.sampleRate !== SAMPLE_RATE) {
      throw new RangeError(`the context runs at ${context.sampleRate} Hz: make it with {sampleRate: ${SAMPLE_RATE}}`);
    }
    await context.audioWorklet.addModule(new URL('./processor.js', import.meta.url));
    this.#checkAlive();
    this.ring = this.support.transport === 'shared' ? Ring.shared() : undefined;
    const node = new AudioWorkletNode(context, 'percepnet', {
      numberOfInputs: 1,
      numberOfOutputs: 1,
      outputChannelCount: [1],
      channelCount: 1,
      channelCountMode: 'explicit',
      processorOptions: { depth: this.depth, enabled: this.#wanted(), buffer: this.ring?.buffer },
    });
    node.port.onmessage = ({ data }) => this.#heard(data);
    node.onprocessorerror = () => {
      this.#node = undefined;
      this.#graph?.bypass();
      this.#fallback(new PercepNetError('worklet', 'the processor stopped'));
    };
    this.#node = node;
    this.#connect();
    return node;
  }

  /** Start the enhancer afresh after a fallback; the sound stays raw until it is ready. */
  restart() {
    this.#checkAlive();
    if (!this.support.supported) return;
    const suspect = this.state === 'fallback';
    this.#leave({ suspect });
    this.#pause = RETRY.first;
    this.#setState('loading');
    this.#switch();
    this.#boot();
    if (this.#graph && !this.#node) void this.#insert();
  }

  /** Stop everything, at any time. The output track ends: put the raw one in its place first. */
  destroy() {
    if (this.#destroyed()) return;
    this.#setState('destroyed');
    this.#leave();
    this.#node?.port.postMessage({ close: true });
    this.#node?.disconnect();
    this.#graph?.close();
    this.#observers.clear();
    this.#node = this.#graph = this.#input = undefined;
  }

  #boot() {
    if (this.#destroyed()) return;
    if (!this.support.supported) return this.#fallback(new PercepNetError('unsupported', this.support.reasons.join('; ')));
    this.#frameErrors = 0;
    let seat;
    try {
      seat = this.#seat = join(this.assets, (message) => this.#told(message));
    } catch (error) {
      return this.#fallback(/** @type {PercepNetError} */ (error));
    }
    if (this.#observers.size > 0) seat.post('observe', { wanted: true });
    seat.ask('open', { model: this.#model, attenuationLimit: this.#attenuationLimit }).then(
      (info) => this.#opened(info),
      (error) => seat === this.#seat && this.#fallback(error),
    );
  }

  /** @param {Record<string, any>} info */
  #opened(info) {
    if (this.#destroyed()) return;
    this.info = info;
    // Whatever kept the sound raw meanwhile, a context that sleeps for example, still does.
    if (this.state === 'loading') this.#setState('ready');
    this.#connect();
    if (this.state === 'ready') this.#emit('ready', { info });
  }

  /** Give worker and worklet their transport, once both are there and the enhancer is warm. */
  #connect() {
    if (!this.#seat || !this.#node || !this.info) return;
    const { depth, ring } = this;
    if (ring) {
      this.#seat.post('connect', { depth, buffer: ring.buffer });
    } else {
      const { port1, port2 } = new MessageChannel();
      this.#seat.post('connect', { depth, port: port1 }, [port1]);
      this.#node.port.postMessage({ port: port2 }, [port2]);
    }
  }

  /** Lead the track through the worklet; if that cannot be, it goes straight through. */
  async #insert() {
    try {
      const node = await this.createNode(/** @type {TrackGraph} */ (this.#graph).context);
      this.#graph?.through(node);
    } catch (error) {
      this.#fallback(new PercepNetError('worklet', error));
    }
  }

  /** @param {any} data a message of the worklet */
  #heard({ state, message }) {
    if (this.#destroyed()) return;
    if (state === 'failed') return this.#fallback(new PercepNetError('worklet', message));
    this.playing = state;
    this.#emit('playing', { state });
    clearTimeout(this.#stall);
    if (state === STATE.STARVED && this.state === 'ready') {
      this.#emit('overload', { action: 'wait', tier: this.tier });
      this.#stall = setTimeout(() => this.#fallback(new PercepNetError('stalled')), STALL_PATIENCE);
    } else if (state === STATE.ENHANCED) {
      this.#passed('stalled');
    }
  }

  /** @param {boolean} running whether the graph's context does */
  #flows(running) {
    if (running) this.#passed('suspended');
    else this.#fallback(new PercepNetError('suspended'));
  }

  /** @param {any} message of the worker */
  #told({ type, ...detail }) {
    if (this.#destroyed()) return;
    if (type === 'error') {
      this.#fallback(new PercepNetError(detail.code, detail.message));
    } else if (type === 'frame') {
      for (const callback of this.#observers) callback(detail);
    } else if (type === 'overload') {
      if (detail.info) this.info = detail.info;
      this.#emit('overload', { action: detail.action, tier: detail.tier, from: detail.from });
      if (detail.action === 'bypass') this.#fallback(new PercepNetError('overload'));
    } else if (type === 'stats') {
      if (detail.errors > this.#frameErrors) {
        this.#emit('error', { message: `${detail.errors - this.#frameErrors} frames failed and were left raw` });
        this.#frameErrors = detail.errors;
      }
      this.#emit('stats', { ...detail, playing: this.playing, transport: this.support.transport });
    } else {
      this.#emit(type, detail);
    }
  }

  /** @param {PercepNetError} error */
  #fallback(error) {
    if (this.#destroyed()) return;
    if (!PASSING.includes(error.code)) this.#leave();
    else if (error.code === 'stalled') this.#seat?.suspect();
    this.#setState('fallback', error);
    if (error.code === 'overload') {
      this.#switch();
      this.#retry = setTimeout(() => this.#passed('overload'), this.#pause);
      this.#pause = Math.min(2 * this.#pause, RETRY.longest);
    }
    this.#emit('fallback', { code: error.code, message: error.message, error });
  }

  /** @param {import('./errors.js').Code} code the reason that holds no longer, if it was the reason */
  #passed(code) {
    if (this.reason?.code !== code) return;
    this.#setState(this.#seat && this.info ? 'ready' : 'loading');
    this.#switch();
    if (this.state === 'ready') this.#emit('ready', { info: this.info });
  }

  /** Tell the worklet whether enhancement is wanted. */
  #switch() {
    this.#node?.port.postMessage({ enabled: this.#wanted() });
  }

  #wanted() {
    return this.#enabled && this.reason?.code !== 'overload';
  }

  /** @param {{suspect?: boolean}} [why] */
  #leave(why) {
    const seat = this.#seat;
    this.#seat = this.info = undefined;
    seat?.leave(why);
  }

  /** @param {State} state @param {PercepNetError} [reason] */
  #setState(state, reason) {
    clearTimeout(this.#stall);
    clearTimeout(this.#retry);
    this.state = state;
    this.reason = reason;
  }

  /** @param {string} type @param {object} detail */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #destroyed() {
    return this.state === 'destroyed';
  }

  #checkAlive() {
    if (this.#destroyed()) throw new Error('this instance was destroyed: create another');
  }
}

/** @param {MediaStreamTrack} track */
function checkTrack(track) {
  if (track?.kind !== 'audio') throw new TypeError(`track is ${track?.kind ?? track}: give an audio track`);
}
