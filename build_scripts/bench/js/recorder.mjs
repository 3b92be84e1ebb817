/** Records all of a node's inputs from the same quantum on. */
registerProcessor('recorder', class extends AudioWorkletProcessor {
  /** @param {{processorOptions: {samples: number}, numberOfInputs: number}} options */
  constructor({ processorOptions: { samples }, numberOfInputs }) {
    super();
    this.recordings = Array.from({ length: numberOfInputs }, () => new Float32Array(samples));
    this.at = 0;
  }

  /** @param {Float32Array[][]} inputs */
  process(inputs) {
    if (this.at === 0 && inputs.some((input) => input.length === 0)) return true;
    const room = this.recordings[0].length - this.at;
    inputs.forEach((input, i) => input[0] && this.recordings[i].set(input[0].subarray(0, room), this.at));
    this.at += Math.min(128, room);
    if (this.at < this.recordings[0].length) return true;
    this.port.postMessage(this.recordings);
    return false;
  }
});
