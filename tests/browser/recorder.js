/**
 * Records the first channel of each input from one common moment on; posts the recordings when they are full, or at any
 * message, with `start`, the context's sample at that moment.
 */
class Recorder extends AudioWorkletProcessor {
  constructor({ numberOfInputs, processorOptions: { samples } }) {
    super();
    this.recordings = Array.from({ length: numberOfInputs }, () => new Float32Array(samples));
    this.length = 0;
    this.samples = samples;
    this.port.onmessage = () => this.post();
  }

  post() {
    if (this.posted) return;
    this.posted = true;
    const { start } = this.recordings;
    this.port.postMessage(Object.assign(this.recordings.map((each) => each.slice(0, this.length)), { start }));
  }

  process(inputs) {
    this.recordings.start ??= currentFrame;
    const n = Math.min(128, this.samples - this.length);
    inputs.forEach((input, i) => {
      if (input[0]) this.recordings[i].set(input[0].subarray(0, n), this.length);
    });
    this.length += n;
    // The result false alone does not end the calls while something is connected.
    if (this.length === this.samples) this.post();
    return !this.posted && this.length < this.samples;
  }
}

registerProcessor('recorder', Recorder);
