/**
 * LiveKit's audio processor: `await microphoneTrack.setProcessor(new LiveKitProcessor())`.
 *
 * Capture with `noiseSuppression: false`, so that the browser does not suppress as well. Until the enhancer is ready, and
 * if it fails, the processed track carries the raw voice.
 */
import { PercepNet } from '../percepnet.js';

/**
 * @typedef {import('livekit-client').AudioProcessorOptions} AudioProcessorOptions
 * @typedef {import('livekit-client').TrackProcessor<import('livekit-client').Track.Kind.Audio, AudioProcessorOptions>} Processor
 */

/** @implements {Processor} */
export class LiveKitProcessor {
  name = 'percepnet';
  /** @type {MediaStreamTrack | undefined} what LiveKit publishes */
  processedTrack;
  /** Switches and events, from init() to destroy(). @type {PercepNet | undefined} */
  percepnet;
  #options;

  /** @param {import('../percepnet.js').Options} [options] */
  constructor(options) {
    this.#options = options;
  }

  /** @param {AudioProcessorOptions} settings its audio context is not used: the enhancer has its own at 48 kHz */
  async init({ track }) {
    this.percepnet?.destroy();
    this.percepnet = await PercepNet.create(this.#options);
    this.processedTrack = await this.percepnet.processTrack(track);
    this.#input = track;
  }

  /** Another microphone, or another audio context. @param {AudioProcessorOptions} settings */
  async restart({ track, audioContext }) {
    // If no graph could be made, the processed track is the microphone itself: try again.
    if (!this.percepnet || this.processedTrack === this.#input) {
      return this.init(/** @type {AudioProcessorOptions} */ ({ track, audioContext }));
    }
    if (track !== this.#input) await this.percepnet.replaceInput(track);
    this.#input = track;
  }

  async destroy() {
    this.percepnet?.destroy();
    this.percepnet = this.processedTrack = this.#input = undefined;
  }

  /** @type {MediaStreamTrack | undefined} */
  #input;
}
