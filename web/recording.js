/** Records several signals side by side, aligned to the sample. */
import { wav } from './wav.js';

/** Longest recording, seconds: 29 MB of memory per signal. */
export const LONGEST = 300;

export class Recording {
  /** @type {Int16Array[][]} the blocks of each signal */
  #blocks;
  /** @type {() => void} */
  #ended = () => {};
  #node;
  #merger;
  #taps;
  /** Samples so far. */
  length = 0;
  /** Largest magnitude in each signal so far, full scale 1. @type {number[]} */
  peaks;
  /** dBFS of the first signal's newest block, a tenth of a second. */
  level = -Infinity;

  /** @private use start() @param {AudioNode[]} taps */
  constructor(taps) {
    const [{ context }] = taps;
    const { length } = taps;
    this.#taps = taps;
    this.#blocks = taps.map(() => []);
    this.peaks = taps.map(() => 0);
    this.rate = context.sampleRate;
    this.#merger = new ChannelMergerNode(context, { numberOfInputs: length });
    this.#node = new AudioWorkletNode(context, 'tape', {
      numberOfOutputs: 0,
      channelCount: length,
      channelCountMode: 'explicit',
      channelInterpretation: 'discrete',
      processorOptions: { channels: length },
    });
    this.#node.port.onmessage = ({ data }) => (data ? this.#take(data) : this.#ended());
    taps.forEach((tap, i) => tap.connect(this.#merger, 0, i));
    this.#merger.connect(this.#node);
  }

  /** @param {AudioNode[]} taps mono, of one context @returns {Promise<Recording>} */
  static async start(taps) {
    await taps[0].context.audioWorklet.addModule(new URL('./tape.js', import.meta.url));
    return new Recording(taps);
  }

  get seconds() {
    return this.length / this.rate;
  }

  /** @returns {Promise<Blob[]>} a WAV file for each signal, all of one length */
  async stop() {
    await new Promise((resolve) => {
      this.#ended = () => resolve(undefined);
      this.#node.port.postMessage('stop');
      // A context that is closed or suspended does not answer; what has arrived is there.
      if (this.#node.context.state !== 'running') resolve(undefined);
    });
    if (this.#node.context.state !== 'closed') for (const tap of this.#taps) tap.disconnect(this.#merger);
    return this.#blocks.map((blocks) => wav(blocks, this.rate));
  }

  /** @param {Float32Array[]} channels */
  #take(channels) {
    const power = channels[0].reduce((sum, sample) => sum + sample * sample, 0) / channels[0].length;
    this.level = 10 * Math.log10(power);
    channels.forEach((samples, i) => {
      this.#blocks[i].push(Int16Array.from(samples, toInt16));
      for (const sample of samples) this.peaks[i] = Math.max(this.peaks[i], Math.abs(sample));
    });
    this.length += channels[0].length;
  }
}

/** @param {number} sample full scale is 1 */
function toInt16(sample) {
  return Math.round(32767 * Math.max(-1, Math.min(1, sample)));
}
