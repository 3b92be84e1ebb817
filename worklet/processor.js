/**
 * The AudioWorkletProcessor of the engines in a worker: a shell that hands quanta to Blend.
 *
 * processorOptions: depth (samples), enabled, and buffer, the shared ring's memory; without it, frames travel over the
 * MessagePort sent as `port` (a new one after each restart of the worker). messages.js lists what else it receives and sends.
 */
import { Blend } from './blend.js';
import { DirectProcessor } from './direct-processor.js';
import { WorkletLink } from './link.js';
import { BaseProcessor } from './processor-base.js';
import { Ring } from './ring.js';

class PercepNetProcessor extends BaseProcessor {
  /** @param {{processorOptions: {depth: number, enabled: boolean, buffer?: SharedArrayBuffer}}} options */
  constructor({ processorOptions: { depth, enabled, buffer } }) {
    super();
    this.depth = depth;
    this.ring = buffer ? new Ring(buffer) : Ring.local();
    this.blend = new Blend(this.ring, { depth, enabled });
    /** @type {WorkletLink | undefined} */
    this.link = undefined;
  }

  /** @param {import('./messages.js').NodeRequest} request @override */
  receive({ enabled, port }) {
    if (enabled !== undefined) this.blend.enabled = enabled;
    if (port) this.link = new WorkletLink(this.ring, port, this.depth);
  }

  /** @override */
  restart() {
    const { enabled, position } = this.blend;
    this.blend = new Blend(this.ring, { depth: this.depth, enabled, start: position });
  }

  /** @param {Float32Array | undefined} input @param {Float32Array} output @override */
  render(input, output) {
    this.blend.render(input, output);
    if (this.link !== undefined) this.link.send();
    return this.blend.state;
  }
}

registerProcessor('percepnet', PercepNetProcessor);
registerProcessor('percepnet-direct', DirectProcessor);
