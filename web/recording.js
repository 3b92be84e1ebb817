/** Records two signals side by side, aligned to the sample. */
import { wav } from './wav.js';

/** Longest recording, seconds: 58 MB of memory. */
export const LONGEST = 300;

export class Recording {
  /** @type {Int16Array[][]} blocks of both signals */
  #blocks = [[], []];
  /** @type {() => void} */
  #ended = () => {};
  #node;
  #merger;
  #taps;
  /** Samples so far. */
  length = 0;

  /** @private use start() @param {AudioNode[]} taps */
  constructor(taps) {
    const [{ context }] = taps;
    this.#taps = taps;
    this.rate = context.sampleRate;
    this.#merger = new ChannelMergerNode(context, { numberOfInputs: 2 });
    this.#node = new AudioWorkletNode(context, 'tape', { numberOfOutputs: 0, channelCount: 2, channelCountMode: 'explicit' });
    this.#node.port.onmessage = ({ data }) => (data ? this.#take(data) : this.#ended());
    taps.forEach((tap, i) => tap.connect(this.#merger, 0, i));
    this.#merger.connect(this.#node);
  }

  /** @param {AudioNode} before @param {AudioNode} after @returns {Promise<Recording>} */
  static async start(before, after) {
    await before.context.audioWorklet.addModule(new URL('./tape.js', import.meta.url));
    return new Recording([before, after]);
  }

  get seconds() {
    return this.length / this.rate;
  }

  /** @returns {Promise<{before: Blob, after: Blob}>} WAV files of equal length */
  async stop() {
    await new Promise((resolve) => {
      this.#ended = () => resolve(undefined);
      this.#node.port.postMessage('stop');
      // A context that was closed answers nothing any more; what has arrived is there.
      if (this.#node.context.state === 'closed') resolve(undefined);
    });
    for (const tap of this.#taps) if (this.#node.context.state !== 'closed') tap.disconnect(this.#merger);
    const [before, after] = this.#blocks.map((blocks) => wav(blocks, this.rate));
    return { before, after };
  }

  /** @param {Float32Array[]} channels */
  #take(channels) {
    channels.forEach((samples, i) => this.#blocks[i].push(Int16Array.from(samples, toInt16)));
    this.length += channels[0].length;
  }
}

/** @param {number} sample full scale is 1 */
function toInt16(sample) {
  return Math.round(32767 * Math.max(-1, Math.min(1, sample)));
}
