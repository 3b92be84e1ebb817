/**
 * The ring without SharedArrayBuffer: each thread has a ring of its own, and these two ends mirror the halves over a
 * MessagePort, frame by frame. Blend and Pump work on their ring as always, unaware of it.
 *
 *     WorkletLink --- {position, samples, ACTIVE, counters} ---> WorkerLink      every HOP samples
 *     WorkletLink <-- {position, validFrom, samples}       ---- WorkerLink      every frame enhanced
 *
 * A fixed set of buffers is transferred back and forth. When all are in use (the worker is slow, booting or dead), the worklet
 * drops frames instead of sending more, so memory and delay cannot grow. Posting allocates a small message object on the audio
 * thread, which this transport cannot avoid; the shared ring has no such cost.
 */
import { HOP } from './constants.js';
import { WORD } from './ring.js';

/** Buffers in circulation: twice what the default depth can use. */
export const BUFFERS = 8;

/** The worklet's end. */
export class WorkletLink {
  /** @param {import('./ring.js').Ring} ring @param {MessagePort} port */
  constructor(ring, port) {
    this.ring = ring;
    this.port = port;
    this.sent = ring.load(WORD.WRITTEN);
    this.pool = Array.from({ length: BUFFERS }, () => new Float32Array(HOP));
    port.onmessage = (event) => this.#receive(event.data);
  }

  /** Send the frames completed since the last call. */
  send() {
    const { ring } = this;
    while (((ring.load(WORD.WRITTEN) - this.sent) | 0) >= HOP) {
      const samples = this.pool.pop();
      if (samples !== undefined) {
        ring.readInput(this.sent, samples);
        const message = {
          position: this.sent,
          samples,
          active: ring.load(WORD.ACTIVE),
          underruns: ring.load(WORD.UNDERRUNS),
          quanta: ring.load(WORD.QUANTA),
          depth: ring.load(WORD.DEPTH),
        };
        this.port.postMessage(message, [samples.buffer]);
      }
      this.sent = (this.sent + HOP) | 0;
    }
  }

  /** @param {import('./messages.js').OutputFrame} message */
  #receive({ position, validFrom, samples, enhanced }) {
    const { ring } = this;
    const end = (position + HOP) | 0;
    const played = (ring.load(WORD.WRITTEN) - ring.load(WORD.DEPTH)) | 0;
    // Too late to be heard: drop it. A very late frame would overwrite later ones.
    if (enhanced && ((end - played) | 0) > 0) {
      ring.writeOutput(position, samples);
      ring.publishDone(validFrom, end);
    }
    this.pool.push(samples);
  }
}

/** The worker's end. */
export class WorkerLink {
  /**
   * @param {import('./ring.js').Ring} ring local to the worker
   * @param {MessagePort} port
   * @param {import('./pump.js').Pump} pump
   * @param {() => boolean} ended checked before and after each frame
   */
  constructor(ring, port, pump, ended = () => false) {
    this.ring = ring;
    this.port = port;
    this.pump = pump;
    this.ended = ended;
    /** @type {Float32Array<ArrayBuffer>[]} buffers to send back */
    this.spare = [];
    this.task = new MessageChannel();
    this.queued = false;
    this.task.port1.onmessage = () => this.#work();
    port.onmessage = (event) => this.#receive(event.data);
  }

  /** @param {import('./messages.js').InputFrame} message */
  #receive({ position, samples, active, underruns, quanta, depth }) {
    const { ring, pump } = this;
    if (this.#closeIfEnded()) return;
    if (position !== ring.load(WORD.WRITTEN)) pump.skipTo(position); // frames were dropped in transit
    ring.writeInput(position, samples, HOP);
    ring.store(WORD.ACTIVE, active);
    ring.store(WORD.UNDERRUNS, underruns);
    ring.store(WORD.QUANTA, quanta);
    ring.store(WORD.DEPTH, depth);
    this.spare.push(samples);
    if (!pump.running && active !== 0) pump.start(position);
    ring.publishWritten((position + HOP) | 0);
    this.#schedule();
  }

  /** Compute in a separate task, after the frames already queued: only then is it known which are too late. */
  #schedule() {
    if (this.queued) return;
    this.queued = true;
    this.task.port2.postMessage(0);
  }

  #work() {
    this.queued = false;
    const { ring, pump } = this;
    const before = ring.load(WORD.DONE);
    const more = !this.#closeIfEnded() && pump.run(1);
    if (this.#closeIfEnded()) return;
    const done = ring.load(WORD.DONE);
    if (done !== before) this.#send((done - HOP) | 0, true);
    if (more) {
      this.#schedule();
    } else {
      while (this.spare.length > 0) this.#send(0, false); // of frames that were skipped or failed
    }
  }

  #closeIfEnded() {
    if (!this.ended()) return false;
    for (const port of [this.port, this.task.port1]) {
      port.onmessage = null;
      port.close();
    }
    return true;
  }

  /** @param {number} position @param {boolean} enhanced */
  #send(position, enhanced) {
    const samples = this.spare.pop();
    if (samples === undefined) return;
    if (enhanced) this.ring.readOutput(position, samples);
    this.port.postMessage({ position, validFrom: this.ring.load(WORD.VALID_FROM), samples, enhanced }, [samples.buffer]);
  }
}
