/**
 * The Web Audio graph around one microphone track:  source -> (worklet node, or nothing) -> destination.
 *
 * It has its own context at the model's rate, so the browser resamples whatever rates the microphone and the device have.
 */
import { SAMPLE_RATE } from './constants.js';
import { PercepNetError } from './errors.js';

/**
 * ms that a context may take to start: when the browser may be waiting for a user gesture, and when it is known not to be
 * (opening a sound card on a busy machine).
 */
const RESUME_TIMEOUT = { unsure: 1000, allowed: 10000 };

function resumeTimeout() {
  const { userActivation, getAutoplayPolicy } = /** @type {any} */ (navigator);
  const allowed = userActivation?.hasBeenActive || getAutoplayPolicy?.call(navigator, 'audiocontext') === 'allowed';
  return allowed ? RESUME_TIMEOUT.allowed : RESUME_TIMEOUT.unsure;
}

/** Events after which a browser may allow audio. */
const GESTURES = ['pointerdown', 'keydown', 'visibilitychange'];

export class TrackGraph {
  #closing = new AbortController();

  /** @private use open() @param {AudioContext} context @param {MediaStreamTrack} track */
  constructor(context, track) {
    this.context = context;
    this.source = context.createMediaStreamSource(new MediaStream([track]));
    this.destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    /** @type {AudioNode} what the source feeds */
    this.next = this.destination;
    this.source.connect(this.next);
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

  /** Route the sound through a node. @param {AudioNode} node */
  through(node) {
    this.#feed(node);
  }

  /** Route the sound straight through. */
  bypass() {
    this.#feed(this.destination);
  }

  /** Switch to another microphone; the output stays. An ended track is silence. @param {MediaStreamTrack} track */
  replaceInput(track) {
    const source = this.context.createMediaStreamSource(new MediaStream([track]));
    this.source.disconnect();
    this.source = source;
    source.connect(this.next);
  }

  close() {
    this.#closing.abort();
    this.source.disconnect();
    this.output.stop();
    void this.context.close().catch(() => {});
  }

  /** @param {AudioNode} next */
  #feed(next) {
    this.source.disconnect();
    if (this.next !== this.destination) this.next.disconnect();
    this.next = next;
    if (next !== this.destination) next.connect(this.destination);
    this.source.connect(next);
  }
}
