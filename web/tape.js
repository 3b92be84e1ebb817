/** The recorder's audio thread: takes the signals as the channels of one input and sends them to the page in blocks. */

const BLOCK = 4800; // samples: ten messages per second

class Tape extends AudioWorkletProcessor {
  /** @param {{processorOptions: {channels: number}}} options */
  constructor({ processorOptions: { channels } }) {
    super();
    this.running = true;
    this.filled = 0;
    this.channels = Array.from({ length: channels }, () => new Float32Array(BLOCK));
    this.port.onmessage = () => {
      this.#send();
      this.port.postMessage(undefined); // that was all
      this.running = false;
    };
  }

  /** @param {Float32Array[][]} inputs @returns {boolean} */
  process([input]) {
    const quantum = input[0]?.length ?? 0;
    if (quantum === 0) return this.running;
    if (this.filled + quantum > BLOCK) this.#send();
    this.channels.forEach((samples, i) => samples.set(input[i] ?? input[0], this.filled));
    this.filled += quantum;
    return this.running;
  }

  #send() {
    const channels = this.channels.map((samples) => samples.slice(0, this.filled));
    this.port.postMessage(channels, channels.map(({ buffer }) => buffer));
    this.filled = 0;
  }
}

registerProcessor('tape', Tape);
