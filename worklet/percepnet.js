/**
 * PercepNet for WebRTC: a microphone track in, a clean track out.
 *
 *     const percepnet = await PercepNet.create();
 *     const clean = await percepnet.processTrack(microphone);
 *
 * The output track carries the raw microphone from the first moment and whenever enhancement is not there, at the same
 * delay, so that nothing is ever silent and nothing jumps. The graph has its own 48 kHz context: the browser resamples
 * whatever rate the microphone has.
 *
 *     loading --ready--> ready --fallback--> fallback --restart()--> loading      any --destroy()--> destroyed
 *                          ^------ready--------'  (if the enhancer catches up by itself)
 */
import { DELAY, SAMPLE_RATE } from './constants.js';
import { DEPTH_MAX, DEPTH_MIN, STATE } from './blend.js';
import { PercepNetError } from './errors.js';
import { TrackGraph } from './graph.js';
import { Ring } from './ring.js';
import { detectSupport } from './support.js';

export { PercepNetError };

/** Samples between microphone and speaker given to the worker: room for one frame, its computing and some jitter. */
const DEFAULT_DEPTH = 1920;

/** ms without enhanced sound, after the first 100, before `overload` becomes `fallback`. */
const STALL_PATIENCE = 1000;

/**
 * @typedef {object} Options
 * @property {string | URL} [assets] the runtime folder; default `../runtime/` beside this module's folder
 * @property {number} [depth] ring depth in samples at 48 kHz, default 1920 (40 ms)
 * @property {number} [attenuationLimit] most that noise is lowered, dB; 0 leaves the sound alone; default Infinity
 * @property {boolean} [enabled] default true
 *
 * @typedef {'loading' | 'ready' | 'fallback' | 'destroyed'} State
 */

/**
 * Events (CustomEvent, `detail` as given):
 *   progress {stage, bytes}                  while loading
 *   ready    {info}                          the enhancer is warm and takes over
 *   playing  {state}                         what is heard: 'waiting' | 'enhanced' | 'starved' | 'resting'
 *   overload {}                              100 ms without enhanced sound: the worker does not keep up
 *   fallback {code, message, error}          the sound is raw until ready or restart()
 *   error    {message}                       frames that failed and were left raw; enhancement goes on
 *   stats    {latency, computeP50, ...}      twice a second
 */
export class PercepNet extends EventTarget {
  /** @type {State} */
  state = 'loading';
  /** @type {PercepNetError | undefined} why the state is 'fallback' */
  reason;
  /** What is heard, one of blend.js's STATE. @type {string} */
  playing = STATE.WAITING;
  /** @type {Worker | undefined} */ #worker;
  /** @type {AudioWorkletNode | undefined} */ #node;
  /** @type {TrackGraph | undefined} */ #graph;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #stall;
  #taken = false;
  #frameErrors = 0;
  #enabled;
  #attenuationLimit;

  /** @private use create() @param {Options} options */
  constructor({ assets, depth = DEFAULT_DEPTH, attenuationLimit = Infinity, enabled = true } = {}) {
    super();
    if (!Number.isInteger(depth) || depth < DEPTH_MIN || depth > DEPTH_MAX) {
      throw new RangeError(`depth is ${depth}: give a whole number of samples from ${DEPTH_MIN} to ${DEPTH_MAX}`);
    }
    this.depth = depth;
    this.assets = new URL(assets ?? '../runtime/', assets ? globalThis.location?.href : import.meta.url).href;
    if (!this.assets.endsWith('/')) this.assets += '/';
    this.support = detectSupport();
    /** @type {Ring | undefined} shared by worklet and worker; none over MessagePort. Tests and meters may read it. */
    this.ring = undefined;
    this.#enabled = Boolean(enabled);
    this.#attenuationLimit = checkLimit(attenuationLimit);
  }

  /** What this browser and page can do; downloads nothing. */
  static isSupported() {
    return detectSupport();
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
    this.#node?.port.postMessage({ enabled: this.#enabled });
  }

  /** Most that noise is lowered, in dB: 0 leaves the sound alone, Infinity sets no limit. */
  get attenuationLimit() {
    return this.#attenuationLimit;
  }

  set attenuationLimit(value) {
    this.#attenuationLimit = checkLimit(value);
    this.#worker?.postMessage({ type: 'attenuationLimit', value: this.#attenuationLimit });
  }

  /**
   * The clean version of a microphone track. Never throws for the browser's sake: what cannot be enhanced comes back raw.
   *
   * @param {MediaStreamTrack} track audio; several channels are mixed down to one
   * @returns {Promise<MediaStreamTrack>} a new mono track, or `track` itself if no audio graph can be made
   */
  async processTrack(track) {
    this.#checkAlive();
    if (track?.kind !== 'audio') throw new TypeError(`track is ${track?.kind ?? track}: give an audio track`);
    if (this.#taken) throw new Error('this instance has a track already: use replaceInput() or another instance');
    if (!this.support.supported) return track;
    this.#taken = true;
    try {
      const graph = await TrackGraph.open(track);
      if (this.#destroyed()) {
        graph.close();
        return track;
      }
      this.#graph = graph;
    } catch (error) {
      this.#taken = false;
      this.#fallback(/** @type {PercepNetError} */ (error));
      return track;
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

  /** Another microphone, the same output track. @param {MediaStreamTrack} track */
  replaceInput(track) {
    this.#checkAlive();
    if (!this.#graph) throw new Error('there is no track to replace: call processTrack() first');
    this.#graph.replaceInput(track);
  }

  /**
   * A node for a graph of your own: mono in, mono out, `latency` samples later. One for each instance.
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
      processorOptions: { depth: this.depth, enabled: this.#enabled, buffer: this.ring?.buffer },
    });
    node.port.onmessage = ({ data }) => this.#heard(data);
    node.onprocessorerror = () => {
      this.#node = undefined;
      this.#graph?.bypass();
      this.#fallback(new PercepNetError('worklet', 'the processor stopped'));
    };
    this.#node = node;
    this.#join();
    return node;
  }

  /** Start the enhancer afresh after a fallback; the sound stays raw until it is ready. */
  restart() {
    this.#checkAlive();
    if (!this.support.supported) return;
    this.#setState('loading');
    this.#boot();
    if (this.#graph && !this.#node) void this.#insert();
  }

  /** Stop everything, at any time. The output track ends: put the raw one in its place first. */
  destroy() {
    if (this.#destroyed()) return;
    this.#setState('destroyed');
    this.#worker?.terminate();
    this.#node?.port.postMessage({ close: true });
    this.#node?.disconnect();
    this.#graph?.close();
    this.#worker = this.#node = this.#graph = undefined;
  }

  #boot() {
    if (this.#destroyed()) return;
    if (!this.support.supported) return this.#fallback(new PercepNetError('unsupported', this.support.reasons.join('; ')));
    this.#worker?.terminate();
    this.#frameErrors = 0;
    let worker;
    try {
      worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'percepnet' });
    } catch (error) {
      return this.#fallback(new PercepNetError('boot', error));
    }
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#told(data);
    worker.onerror = (event) => {
      event.preventDefault(); // reported here, not as an uncaught error of the page
      const code = this.state === 'loading' ? 'boot' : 'enhancer';
      this.#fallback(new PercepNetError(code, event.message || 'the worker could not be loaded'));
    };
    worker.postMessage({ type: 'boot', assets: this.assets, attenuationLimit: this.#attenuationLimit });
  }

  /** Give worker and worklet their transport, once both are there and the enhancer is warm. */
  #join() {
    if (!this.#worker || !this.#node || this.state !== 'ready') return;
    const { depth, ring } = this;
    if (ring) {
      this.#worker.postMessage({ type: 'connect', depth, buffer: ring.buffer });
    } else {
      const { port1, port2 } = new MessageChannel();
      this.#worker.postMessage({ type: 'connect', depth, port: port1 }, [port1]);
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
      this.#emit('overload', {});
      this.#stall = setTimeout(() => this.#fallback(new PercepNetError('stalled')), STALL_PATIENCE);
    } else if (state === STATE.ENHANCED && this.reason?.code === 'stalled') {
      this.#setState('ready');
      this.#emit('ready', {});
    }
  }

  /** @param {any} data a message of the worker */
  #told({ type, ...detail }) {
    if (this.#destroyed()) return;
    if (type === 'progress') {
      this.#emit('progress', detail);
    } else if (type === 'ready') {
      this.#setState('ready');
      this.#join();
      this.#emit('ready', detail);
    } else if (type === 'error') {
      this.#fallback(new PercepNetError(detail.code, detail.message));
    } else if (type === 'stats') {
      if (detail.errors > this.#frameErrors) {
        this.#emit('error', { message: `${detail.errors - this.#frameErrors} frames failed and were left raw` });
        this.#frameErrors = detail.errors;
      }
      this.#emit('stats', { ...detail, playing: this.playing, transport: this.support.transport });
    }
  }

  /** @param {PercepNetError} error */
  #fallback(error) {
    if (this.#destroyed()) return;
    // A stalled worker may catch up by itself; from all else only restart() leads back.
    if (error.code !== 'stalled') this.#worker?.terminate();
    this.#setState('fallback', error);
    this.#emit('fallback', { code: error.code, message: error.message, error });
  }

  /** @param {State} state @param {PercepNetError} [reason] */
  #setState(state, reason) {
    clearTimeout(this.#stall);
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

/** @param {number} value */
function checkLimit(value) {
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new RangeError(`attenuationLimit is ${value}: give decibels from 0 (no effect) to Infinity (no limit)`);
  }
  return value;
}
