/** What our audio processors have in common: they never go silent, and report what is playing. */

import { Downmix } from './downmix.js';

/** @typedef {import('./messages.js').NodeRequest} NodeRequest */

export class BaseProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.downmix = new Downmix();
    this.alive = true;
    this.failed = false;
    /** The state last reported. */
    this.reported = '';
    /** Samples of slack in use; 0 where there are none. */
    this.depth = 0;
    this.reportedDepth = 0;
    /** Whether an early worker plays until Python can. */
    this.leads = false;
    this.reportedLeads = false;
    this.port.onmessage = (/** @type {MessageEvent<NodeRequest>} */ { data }) => {
      if (data.restart && this.failed) {
        this.restart();
        this.failed = false;
        this.reported = '';
      }
      if (data.close) this.alive = false;
      this.receive(data);
    };
  }

  /** Act on the main thread's other requests. @param {NodeRequest} _request */
  receive(_request) {}

  /** Start over after an exception. */
  restart() {}

  /** Play one quantum. @param {Float32Array | undefined} _input @param {Float32Array} _output @returns {string} what is playing, one of blend.js's STATE */
  render(_input, _output) {
    return '';
  }

  /**
   * @param {Float32Array[][]} inputs one input; no channel while nothing is connected
   * @param {Float32Array[][]} outputs one mono output
   * @returns {boolean} false once closed, so that the node can be collected
   */
  process(inputs, outputs) {
    const input = this.downmix.mix(inputs[0]);
    const output = outputs[0][0];
    // An exception here would silence the node permanently: pass the microphone through instead.
    try {
      if (!this.failed) {
        const state = this.render(input, output);
        if (this.depth !== this.reportedDepth) {
          this.reportedDepth = this.depth;
          this.#report({ depth: this.depth });
        }
        if (this.leads !== this.reportedLeads) {
          this.reportedLeads = this.leads;
          if (!this.leads) this.#report({ tookOver: true });
        }
        if (state !== this.reported) {
          this.reported = state;
          this.#report({ state });
        }
      }
    } catch (error) {
      this.failed = true;
      this.#report({ state: 'failed', message: String(error) });
    }
    if (this.failed && input) output.set(input);
    return this.alive;
  }

  /** @param {import('./messages.js').NodeReport} report */
  #report(report) {
    this.port.postMessage(report);
  }
}
