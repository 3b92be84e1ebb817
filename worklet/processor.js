/**
 * The AudioWorkletProcessor: a shell that hands quanta to Blend.
 *
 * processorOptions: depth (samples), enabled, and buffer, the shared ring's memory; without it, frames travel over the
 * MessagePort sent as `port` (a new one after each restart of the worker). messages.js lists what else it receives and sends.
 */
import { Blend } from './blend.js';
import { WorkletLink } from './link.js';
import { Ring } from './ring.js';

class PercepNetProcessor extends AudioWorkletProcessor {
  /** @param {{processorOptions: {depth: number, enabled: boolean, buffer?: SharedArrayBuffer}}} options */
  constructor({ processorOptions: { depth, enabled, buffer } }) {
    super();
    this.ring = buffer ? new Ring(buffer) : Ring.local();
    this.blend = new Blend(this.ring, { depth, enabled });
    /** @type {WorkletLink | undefined} */
    this.link = undefined;
    this.alive = true;
    this.failed = false;
    /** The state last reported. */
    this.reported = '';
    this.port.onmessage = (/** @type {MessageEvent<import('./messages.js').NodeRequest>} */ { data }) => {
      if (data.enabled !== undefined) this.blend.enabled = data.enabled;
      if (data.port) this.link = new WorkletLink(this.ring, data.port, depth);
      if (data.restart && this.failed) {
        const { enabled, position } = this.blend;
        this.blend = new Blend(this.ring, { depth, enabled, start: position });
        this.failed = false;
        this.reported = '';
      }
      if (data.close) this.alive = false;
    };
  }

  /**
   * @param {Float32Array[][]} inputs one mono input; no channel while nothing is connected
   * @param {Float32Array[][]} outputs one mono output
   * @returns {boolean} false once closed, so that the node can be collected
   */
  process(inputs, outputs) {
    const input = inputs[0][0];
    const output = outputs[0][0];
    // An exception here would silence the node for good: pass the microphone through instead.
    try {
      if (!this.failed) {
        this.blend.render(input, output);
        if (this.link !== undefined) this.link.send();
      }
    } catch (error) {
      this.failed = true;
      this.#report({ state: 'failed', message: String(error) });
    }
    if (this.failed) {
      if (input) output.set(input);
    } else if (this.blend.state !== this.reported) {
      this.reported = this.blend.state;
      this.#report({ state: this.reported });
    }
    return this.alive;
  }

  /** @param {import('./messages.js').NodeReport} report */
  #report(report) {
    this.port.postMessage(report);
  }
}

registerProcessor('percepnet', PercepNetProcessor);
