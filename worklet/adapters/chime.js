/**
 * A transform device for the Amazon Chime SDK: `await audioVideo.startAudioInput(new ChimeTransformDevice('default'))`.
 *
 * The device controller must use Web Audio (`enableWebAudio: true`), as for Amazon Voice Focus. Until the enhancer is
 * ready, and if it fails, the voice passes raw.
 */
import { withoutSuppression } from '../constraints.js';
import { PercepNet } from '../percepnet.js';

/**
 * @typedef {import('amazon-chime-sdk-js').AudioTransformDevice} AudioTransformDevice
 * @typedef {import('amazon-chime-sdk-js').Device} Device
 * @typedef {import('amazon-chime-sdk-js').AudioNodeSubgraph} AudioNodeSubgraph
 */

/** @implements {AudioTransformDevice} */
export class ChimeTransformDevice {
  /** Events, from createAudioNode() to stop(). @type {PercepNet | undefined} */
  percepnet;
  /** @type {AudioNode | undefined} */
  #node;
  #inner;
  #options;
  #muted = false;
  #enabled;

  /**
   * @param {Device} inner the microphone: a device id, constraints or a stream
   * @param {import('../percepnet.js').Options} [options]
   */
  constructor(inner, options = {}) {
    this.#inner = inner;
    this.#options = options;
    this.#enabled = options.enabled ?? true;
  }

  /** Enhanced or raw; the delay stays. */
  get enabled() {
    return this.#enabled;
  }

  set enabled(value) {
    this.#enabled = Boolean(value);
    this.#switch();
  }

  /** A muted microphone costs no compute. @param {boolean} muted */
  async mute(muted) {
    this.#muted = muted;
    this.#switch();
  }

  async stop() {
    this.#node?.disconnect();
    this.percepnet?.destroy();
    this.percepnet = this.#node = undefined;
  }

  /** The microphone without the browser's noise suppression. @returns {Promise<Device>} */
  async intrinsicDevice() {
    const inner = this.#inner;
    if (inner === null || inner instanceof MediaStream) return inner;
    return withoutSuppression(typeof inner === 'string' ? { deviceId: { exact: inner } } : inner);
  }

  /**
   * @param {AudioContext} context
   * @returns {Promise<AudioNodeSubgraph>}
   */
  async createAudioNode(context) {
    if (this.#node?.context !== context) {
      await this.stop();
      this.#node = await this.#createNode(context);
      this.#switch();
    }
    return { start: this.#node, end: this.#node };
  }

  /** @param {AudioContext} context @returns {Promise<AudioNode>} */
  async #createNode(context) {
    const percepnet = await PercepNet.create(this.#options);
    try {
      const node = await percepnet.createNode(context);
      this.percepnet = percepnet;
      return node;
    } catch (error) {
      percepnet.destroy();
      console.warn(`percepnet: the microphone is raw. ${error}`);
      return new GainNode(context);
    }
  }

  #switch() {
    if (this.percepnet) this.percepnet.enabled = this.#enabled && !this.#muted;
  }
}
