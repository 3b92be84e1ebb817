/**
 * The AudioWorkletProcessor of the engines in a worker: a shell that hands quanta to Blend.
 *
 * processorOptions: depth and deepest (samples), enabled, and buffer, the shared ring's memory; without it, frames travel over the
 * MessagePort sent as `port` (a new one after each restart of the worker). `early` is the transport of the worker that enhances while
 * Python starts. messages.js lists what else it receives and sends.
 */
import { Blend } from './blend.js';
import { DirectProcessor } from './direct-processor.js';
import { WorkletLink } from './link.js';
import { BaseProcessor } from './processor-base.js';
import { Ring } from './ring.js';

class PercepNetProcessor extends BaseProcessor {
  /** @param {{processorOptions: {depth: number, deepest: number, enabled: boolean, buffer?: SharedArrayBuffer}}} options */
  constructor({ processorOptions: { depth, deepest, enabled, buffer } }) {
    super();
    this.deepest = deepest;
    this.ring = buffer ? new Ring(buffer) : Ring.local();
    this.blend = new Blend(this.ring, { depth, deepest, enabled });
    /** @type {WorkletLink | undefined} */
    this.link = undefined;
    /** @type {WorkletLink | undefined} */
    this.earlyLink = undefined;
  }

  /** @param {import('./messages.js').NodeRequest} request @override */
  receive({ enabled, port, early }) {
    if (enabled !== undefined) this.blend.enabled = enabled;
    if (port) this.link = new WorkletLink(this.ring, port);
    if (!early) return;
    const ring = early.buffer ? new Ring(early.buffer) : Ring.local();
    this.blend.lead(ring);
    this.earlyLink = early.port && new WorkletLink(ring, early.port);
    this.leads = true;
  }

  /** @override */
  restart() {
    const { depth, enabled, position } = this.blend;
    this.blend = new Blend(this.ring, { depth, deepest: this.deepest, enabled, start: position });
    this.leads = false;
    this.earlyLink = undefined;
  }

  /** @param {Float32Array | undefined} input @param {Float32Array} output @override */
  render(input, output) {
    this.blend.render(input, output);
    if (this.link !== undefined) this.link.send();
    if (this.leads) {
      if (this.blend.early === undefined) {
        this.leads = false;
        this.earlyLink = undefined;
      } else if (this.earlyLink !== undefined) this.earlyLink.send();
    }
    this.depth = this.blend.depth;
    return this.blend.state;
  }
}

registerProcessor('percepnet', PercepNetProcessor);
registerProcessor('percepnet-direct', DirectProcessor);
