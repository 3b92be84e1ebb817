/**
 * The AudioWorkletProcessor: a shell that hands quanta to Blend.
 *
 *     main thread --- {enabled} | {port} | {restart} | {close} ---> this;      this --- {state} ---> main thread, when it changes
 *
 * processorOptions: depth (samples), enabled, and buffer, the shared ring's memory; without it the frames travel over
 * the MessagePort sent as {port} (again after each restart of the worker).
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
    this.told = '';
    this.port.onmessage = ({ data }) => {
      if (data.enabled !== undefined) this.blend.enabled = data.enabled;
      if (data.port) this.link = new WorkletLink(this.ring, data.port, depth);
      if (data.restart && this.failed) {
        const { enabled, position } = this.blend;
        this.blend = new Blend(this.ring, { depth, enabled, start: position });
        this.failed = false;
        this.told = '';
      }
      if (data.close) this.alive = false;
    };
  }

  /**
   * @param {Float32Array[][]} inputs one mono input; no channel while nothing is connected
   * @param {Float32Array[][]} outputs one mono output
   * @returns {boolean} false when closed: the node may be collected
   */
  process(inputs, outputs) {
    const input = inputs[0][0];
    const output = outputs[0][0];
    // An exception here would silence the node for good. Rather pass the microphone through.
    try {
      if (!this.failed) {
        this.blend.render(input, output);
        if (this.link !== undefined) this.link.send();
      }
    } catch (error) {
      this.failed = true;
      this.port.postMessage({ state: 'failed', message: String(error) });
    }
    if (this.failed) {
      if (input) output.set(input);
    } else if (this.blend.state !== this.told) {
      this.told = this.blend.state;
      this.port.postMessage({ state: this.told });
    }
    return this.alive;
  }
}

registerProcessor('percepnet', PercepNetProcessor);
