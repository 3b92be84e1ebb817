/**
 * The Web Audio graph around one microphone track:
 *
 *     source -> fader -> input -> (worklet node, or nothing) -> fader -> destination
 *
 * It has its own context at the model's rate, so the browser resamples whatever rates the microphone and the device have. The
 * faders make every change of source or route a cross-fade; at rest they multiply by 1, which leaves each sample as it is.
 */
import { Backlog } from './backlog.js';
import { SAMPLE_RATE } from './constants.js';
import { PercepNetError } from './errors.js';

/**
 * ms that a context may take to start: if the browser may be waiting for a user gesture, and if it is known not to be (opening a
 * sound card on a busy machine).
 */
const RESUME_TIMEOUT = { unsure: 1000, allowed: 10000 };

function resumeTimeout() {
  const { userActivation, getAutoplayPolicy } = /** @type {any} */ (navigator);
  const allowed = userActivation?.hasBeenActive || getAutoplayPolicy?.call(navigator, 'audiocontext') === 'allowed';
  return allowed ? RESUME_TIMEOUT.allowed : RESUME_TIMEOUT.unsure;
}

/** Events after which a browser may allow audio. */
const GESTURES = ['pointerdown', 'keydown', 'visibilitychange'];

/** Seconds of sound that a microphone delivers at a time. A queue's length is only known to within one of these and one callback. */
const BLOCK = 0.01;

/** Times in a row that the queue is emptied before its length is accepted as what this microphone and machine need. */
const MOST_SKIPS = 3;

/** Seconds that a cross-fade takes. */
export const FADE = 0.02;

export class TrackGraph {
  #closing = new AbortController();
  #input;
  /** @type {AudioNode | undefined} what the sound goes through */
  #node;
  /** The microphone in use. @type {Fader} */
  #source;
  /** The route in use. @type {Fader} */
  #route;
  #track;
  /** What waits in front of the source; undefined while that is faded out. @type {Backlog | undefined} */
  #backlog;
  /** Times in a row that sound has piled up again as soon as it had been skipped. */
  #skips = 0;

  /** @private use open() @param {AudioContext} context @param {MediaStreamTrack} track */
  constructor(context, track) {
    this.context = context;
    this.destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    /** All sources meet here, so that they and the routes change independently. */
    this.#input = new GainNode(context);
    this.#track = track;
    this.#backlog = new Backlog(track, context, true);
    this.#source = this.#listen(track, 1);
    this.#route = new Fader(this.#input, this.destination, 1);
  }

  /**
   * @param {MediaStreamTrack} track
   * @param {(running: boolean) => void} onRunning called when the context stops running for more than a moment, and when it runs again
   * @returns {Promise<TrackGraph>} running; its output is the track itself until through() is called
   * @throws {PercepNetError} 'context' or 'suspended'
   */
  static async open(track, onRunning) {
    /** @type {AudioContext | undefined} */
    let context;
    try {
      context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: 'interactive' });
      const graph = new TrackGraph(context, track);
      await Promise.race([context.resume(), new Promise((resolve) => setTimeout(resolve, resumeTimeout()))]);
      if (context.state !== 'running') throw new PercepNetError('suspended');
      graph.#keepRunning(onRunning);
      return graph;
    } catch (error) {
      await context?.close().catch(() => {});
      throw error instanceof PercepNetError ? error : new PercepNetError('context', error);
    }
  }

  /** Whether a graph can be made now, tried without a microphone. */
  static async works() {
    /** @type {AudioContext | undefined} */
    let silence;
    try {
      silence = new AudioContext();
      const [track] = silence.createMediaStreamDestination().stream.getAudioTracks();
      const graph = await TrackGraph.open(track, () => {});
      graph.close();
      return true;
    } catch {
      return false;
    } finally {
      void silence?.close().catch(() => {});
    }
  }

  /**
   * A phone call, a sleeping device or the page's own code may suspend the context later, which would silence the output. So
   * it is resumed at once, and again whenever something happens that may make the browser allow it.
   *
   * @param {(running: boolean) => void} onRunning
   */
  #keepRunning(onRunning) {
    const { context } = this;
    const { signal } = this.#closing;
    let reported = true;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const report = (/** @type {boolean} */ running) => {
      if (running !== reported && !signal.aborted) onRunning((reported = running));
    };
    const look = () => {
      clearTimeout(timer);
      if (signal.aborted) return;
      if (context.state === 'running') return report(true);
      void context.resume().catch(() => {});
      timer = setTimeout(() => {
        report(context.state === 'running');
        look();
      }, RESUME_TIMEOUT.unsure);
    };
    context.addEventListener('statechange', look, { signal });
    for (const type of GESTURES) globalThis.document?.addEventListener(type, () => reported || look(), { signal, capture: true });
  }

  /** @returns {MediaStreamTrack} the same for the graph's whole life */
  get output() {
    return this.destination.stream.getAudioTracks()[0];
  }

  /**
   * Route the sound through a node, at once or with a cross-fade.
   *
   * @param {AudioNode} node
   * @param {number} [delay] seconds until the node has sound, after which the cross-fade begins; undefined: at once
   */
  through(node, delay) {
    this.#input.connect(node);
    this.#node = node;
    this.#change(node, delay);
  }

  /** Route the sound straight through: the node has stopped. */
  bypass() {
    if (!this.#node) return;
    this.#input.disconnect(this.#node);
    this.#node = undefined;
    this.#change(this.#input, 0);
  }

  /**
   * Cross-fade to another microphone; the output stays. An ended track is silence.
   *
   * @param {MediaStreamTrack} track
   */
  replaceInput(track) {
    const old = this.#source;
    this.#track = track;
    this.#skips = 0;
    this.#backlog = new Backlog(track, this.context, true);
    this.#source = this.#listen(track, 0);
    this.#source.fade(1);
    old.end();
  }

  /**
   * Skip sound that has piled up in front of the graph; to be called regularly.
   *
   * @param {boolean} pause whether nobody is speaking, so that nothing is missed
   */
  catchUp(pause) {
    const { context } = this;
    const growth = this.#backlog?.read() ?? 0;
    if (growth <= BLOCK + context.baseLatency) {
      if (growth > 0) this.#skips = 0;
      return;
    }
    if (!pause) return;
    const skips = this.#skips + 1;
    this.replaceInput(this.#track);
    // What delayed the graph may do so again at once, while the new queue is too young to be measured. But a queue that is never
    // shorter is what the microphone and the machine need: it must not be emptied again and again.
    if (skips === MOST_SKIPS) this.#backlog = new Backlog(this.#track, context, false);
    this.#skips = skips % MOST_SKIPS;
  }

  /** Fade the microphone out. @returns {Promise<void>} resolves in silence, or if the context is not running */
  async fadeOut() {
    this.#backlog = undefined;
    this.#source.fade(0);
    await new Promise((resolve) => setTimeout(resolve, 2000 * FADE));
  }

  close() {
    this.#closing.abort();
    this.#source.disconnect();
    this.output.stop();
    void this.context.close().catch(() => {});
  }

  /** @param {MediaStreamTrack} track @param {number} level */
  #listen(track, level) {
    return new Fader(this.context.createMediaStreamSource(new MediaStream([track])), this.#input, level);
  }

  /** @param {AudioNode} node whose sound is to be heard @param {number} [delay] as for through() */
  #change(node, delay) {
    const old = this.#route;
    const smooth = delay !== undefined;
    this.#route = new Fader(node, this.destination, smooth ? 0 : 1);
    if (smooth) this.#route.fade(1, delay);
    if (smooth) old.end(delay);
    else old.disconnect();
  }
}

/** A connection with a gain. */
class Fader {
  #from;
  #gain;

  /** @param {AudioNode} from @param {AudioNode} to @param {number} level */
  constructor(from, to, level) {
    this.#from = from;
    this.#gain = new GainNode(from.context, { gain: level });
    from.connect(this.#gain);
    this.#gain.connect(to);
  }

  /** @param {number} level @param {number} [delay] seconds until it begins */
  fade(level, delay = 0) {
    const { gain, context } = this.#gain;
    const { value } = gain;
    const start = context.currentTime + delay;
    gain.cancelScheduledValues(0);
    gain.setValueAtTime(value, start);
    gain.linearRampToValueAtTime(level, start + FADE);
  }

  /** Fade out, then disconnect. @param {number} [delay] seconds until it begins */
  end(delay = 0) {
    this.fade(0, delay);
    setTimeout(() => this.disconnect(), 1000 * (delay + 2 * FADE));
  }

  disconnect() {
    this.#from.disconnect(this.#gain);
    this.#gain.disconnect();
  }
}
