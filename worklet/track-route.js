/**
 * Routes a microphone track through an audio graph of its own: directly at first, and through the processor once that has been
 * loaded. What the page gets is never silent, and stays the same track whatever changes.
 */
import { SAMPLE_RATE } from './constants.js';
import { PercepNetError } from './errors.js';
import { TrackGraph } from './graph.js';

/**
 * @typedef {object} Owner
 * @property {(context: AudioContext) => Promise<AudioNode>} makeNode the processor's
 * @property {() => number} latency samples from microphone to output
 * @property {() => void} onRunning the graph plays, perhaps again
 * @property {(error: PercepNetError) => void} onFailure the track is raw: the graph is missing or suspended, or has no processor
 */

/** ms that a track waits for the audio processor to be loaded, unless the last one was late too. */
const PROCESSOR_TIMEOUT = 1000;
let processorLate = false;

export class TrackRoute {
  /** @type {TrackGraph | undefined} */ #graph;
  /** Whether the page has the graph's output, so that a change of route would be heard. */
  #heard = false;
  #closed = false;
  #owner;

  /** @param {Owner} owner */
  constructor(owner) {
    this.#owner = owner;
    /** @type {MediaStreamTrack | undefined} the microphone; its graph may still be opening */
    this.input = undefined;
  }

  /** Seconds that the graph adds by itself, as reported by the browser. */
  get latency() {
    return this.#graph?.context.baseLatency ?? 0;
  }

  /** @param {MediaStreamTrack} track @returns {Promise<MediaStreamTrack>} the graph's output, or the track itself if no graph can be made */
  async open(track) {
    this.input = track;
    try {
      const graph = await TrackGraph.open(track, (running) => this.#onRunning(running));
      if (this.#closed) {
        graph.close();
        return track;
      }
      this.#graph = graph;
      if (this.input !== track) graph.replaceInput(this.input);
      this.#owner.onRunning(); // an earlier attempt came before the user had clicked
    } catch (error) {
      const raw = this.input ?? track;
      this.input = undefined;
      this.#owner.onFailure(/** @type {PercepNetError} */ (error));
      return raw;
    }
    // A slow server must not keep the page waiting for its microphone: until the processor has loaded, the track is raw.
    const inserted = this.insert().then(() => (processorLate = false));
    const late = new Promise((resolve) => setTimeout(resolve, processorLate ? 0 : PROCESSOR_TIMEOUT, true));
    if ((await Promise.race([inserted, late])) === true) processorLate = true;
    this.#heard = true;
    return this.#graph?.output ?? track;
  }

  /** Route the track through the processor; if that fails, it goes straight through. */
  async insert() {
    if (!this.#graph) return;
    try {
      const node = await this.#owner.makeNode(this.#graph.context);
      // Until its delay line is full a new node is silent.
      this.#graph?.through(node, this.#heard ? this.#owner.latency() / SAMPLE_RATE : undefined);
    } catch (error) {
      this.#owner.onFailure(error instanceof PercepNetError ? error : new PercepNetError('worklet', error));
    }
  }

  /** Route the sound around the processor, which has stopped. */
  bypass() {
    this.#graph?.bypass();
  }

  /** Take another microphone, at any time after open() was called. @param {MediaStreamTrack} track */
  replaceInput(track) {
    this.#graph?.replaceInput(track);
    this.input = track;
  }

  /** Fade the microphone out, so that it may be stopped. */
  async fadeOut() {
    await this.#graph?.fadeOut();
  }

  /** Skip what has piled up in front of the graph. @param {boolean} pause whether nobody speaks */
  catchUp(pause) {
    this.#graph?.catchUp(pause);
  }

  /** End the output, and close a graph that is still being opened. */
  close() {
    this.#closed = true;
    this.#graph?.close();
    this.#graph = this.input = undefined;
  }

  /** @param {boolean} running whether the graph's context is */
  #onRunning(running) {
    if (running) this.#owner.onRunning();
    else this.#owner.onFailure(new PercepNetError('suspended'));
  }
}
