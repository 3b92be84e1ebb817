/**
 * Twilio Voice's audio processor: `await device.audio.addProcessor(new TwilioProcessor())`.
 *
 * Capture with `device.audio.setAudioConstraints({ noiseSuppression: false })`, so that the browser does not suppress as
 * well. Until the enhancer is ready, and if it fails, the processed stream carries the raw voice.
 */
import { PercepNet } from '../percepnet.js';

/** @typedef {import('@twilio/voice-sdk').AudioProcessor} AudioProcessor */

/** @implements {AudioProcessor} */
export class TwilioProcessor {
  /** One for each stream that Twilio has not destroyed yet. @type {Map<MediaStream, PercepNet>} */
  #instances = new Map();
  #options;

  /** @param {import('../percepnet.js').Options} [options] */
  constructor(options) {
    this.#options = options;
  }

  /** Switches and events of the stream made last. @returns {PercepNet | undefined} */
  get percepnet() {
    return [...this.#instances.values()].at(-1);
  }

  /** @param {MediaStream} stream the microphone @returns {Promise<MediaStream>} a new stream, which Twilio sends */
  async createProcessedStream(stream) {
    const percepnet = await PercepNet.create(this.#options);
    const processed = await percepnet.processStream(stream);
    this.#instances.set(processed, percepnet);
    return processed;
  }

  /** @param {MediaStream} stream made here */
  async destroyProcessedStream(stream) {
    this.#instances.get(stream)?.destroy();
    this.#instances.delete(stream);
  }
}
