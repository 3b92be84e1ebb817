/**
 * Two sample rings on one absolute clock, shared by the audio thread (worklet) and the enhancer's worker.
 *
 *     worklet --- input ring  ---> worker        positions < WRITTEN hold microphone samples
 *     worklet <-- output ring ---  worker        positions in [VALID_FROM, DONE) hold enhanced samples
 *
 * A *position* counts samples since the worklet's first quantum and is the same in both rings: the enhancer's output
 * frame k is stored where its input frame k was (what it contains is DELAY samples older, the enhancer's own delay).
 * There is no reader index, so nothing can drift: a stalled worker leaves a hole, not a backlog.
 *
 * Who writes what (each word and each ring has exactly one writer):
 *   the worklet: input ring, WRITTEN, ACTIVE, UNDERRUNS, QUANTA, DEPTH;   the worker: output ring, NEEDED, VALID_FROM, DONE.
 *
 * Why it is safe without locks:
 *  - Samples are plain (non-atomic) stores made before the Atomics.store of the word that announces them, and are read
 *    after an Atomics.load of that word. Atomics are sequentially consistent, so a thread that sees the word sees the samples.
 *  - The worker stores VALID_FROM before DONE; the worklet loads DONE before VALID_FROM. Seeing a new DONE implies
 *    seeing the VALID_FROM that belongs to it; an old DONE with a new VALID_FROM is an empty range: dry, never wrong.
 *  - The worker writes positions >= DONE only, the worklet plays positions < DONE only: no sample is in use by both.
 *  - A reader could be lapped only after CAPACITY samples (341 ms). A worker that slow reads a torn frame, but that
 *    frame's deadline (the ring depth) is long past, so it is never played.
 *
 * Positions are 32-bit and wrap after 24.8 h. CAPACITY is a power of two, so `position & MASK` stays continuous across
 * the wrap, and comparisons go through the sign of the wrapped difference: `(a - b) | 0`.
 */
import { DELAY, HOP } from './constants.js';

/** Samples each ring holds. Must exceed the largest depth plus the enhancer's delay, which the dry path reads back. */
export const CAPACITY = 16384;
const MASK = CAPACITY - 1;

/**
 * Samples after a gap before the output is played again: the enhancer's delay, during which it still outputs what came
 * before the gap, and one frame whose analysis window spans it.
 */
export const SETTLE = DELAY + HOP;

/** The 32-bit words at the start of the shared memory. */
export const WORD = Object.freeze({
  /** Worklet: end of the microphone samples written. */
  WRITTEN: 0,
  /** Worklet: 1 while frames are wanted; 0 when switched off or muted, so that the worker rests. */
  ACTIVE: 1,
  /** Worklet: quanta that had to be played dry although enhancement was on and had started. */
  UNDERRUNS: 2,
  /** Worklet: quanta played while enhancement was on and had started. */
  QUANTA: 3,
  /** Worker: wake it when WRITTEN reaches this. */
  NEEDED: 4,
  /** Worker: start of the current unbroken run of enhanced samples. */
  VALID_FROM: 5,
  /** Worker: end of that run. */
  DONE: 6,
  /** Worklet: the depth in use, which may grow (blend.js). */
  DEPTH: 7,
  /** Words reserved (a multiple of 4 keeps the samples aligned to 16 bytes). */
  COUNT: 8,
});

const BYTES = 4 * (WORD.COUNT + 2 * CAPACITY);

export class Ring {
  /** @param {SharedArrayBuffer | ArrayBuffer} buffer made by Ring.shared() or Ring.local(); its first user sees zeros */
  constructor(buffer) {
    if (buffer.byteLength !== BYTES) {
      throw new RangeError(`ring buffer has ${buffer.byteLength} bytes, expected ${BYTES}: create it with Ring.shared()`);
    }
    this.buffer = buffer;
    this.words = new Int32Array(buffer, 0, WORD.COUNT);
    this.input = new Float32Array(buffer, 4 * WORD.COUNT, CAPACITY);
    this.output = new Float32Array(buffer, 4 * (WORD.COUNT + CAPACITY), CAPACITY);
  }

  /** A ring that both threads see. Needs cross-origin isolation. */
  static shared() {
    return new Ring(new SharedArrayBuffer(BYTES));
  }

  /** A ring that one thread sees: each side of the MessagePort transport has its own and mirrors the other's (link.js). */
  static local() {
    return new Ring(new ArrayBuffer(BYTES));
  }

  /** @param {number} word one of WORD */
  load(word) {
    return Atomics.load(this.words, word);
  }

  /** @param {number} word one of WORD, owned by the caller's side @param {number} value */
  store(word, value) {
    Atomics.store(this.words, word, value);
  }

  /** Worklet: say whether frames are wanted, and wake the worker so that it notices. @param {boolean} active */
  publishActive(active) {
    Atomics.store(this.words, WORD.ACTIVE, active ? 1 : 0);
    Atomics.notify(this.words, WORD.WRITTEN);
  }

  /**
   * Worklet: put samples at a position; publishWritten() makes them visible.
   *
   * A sample that is not finite becomes 0: one NaN would live on in every recursive filter downstream.
   *
   * @param {number} position @param {Float32Array | undefined} samples undefined (no input connected) is silence
   * @param {number} length samples to write
   * @returns {boolean} whether any sample was other than 0
   */
  writeInput(position, samples, length) {
    let sound = false;
    for (let i = 0; i < length; i++) {
      let x = samples === undefined ? 0 : samples[i];
      if (x - x !== 0) x = 0;
      if (x !== 0) sound = true;
      this.input[(position + i) & MASK] = x;
    }
    return sound;
  }

  /** Worklet: announce the input up to `end`, and wake the worker if that completes what it waits for. @param {number} end */
  publishWritten(end) {
    Atomics.store(this.words, WORD.WRITTEN, end);
    if (((end - Atomics.load(this.words, WORD.NEEDED)) | 0) >= 0) Atomics.notify(this.words, WORD.WRITTEN);
  }

  /**
   * Worker: a frame to enhance. Worklet: what it wrote itself, for the dry path.
   *
   * @param {number} position @param {Float32Array} into filled up to length @param {number} [length]
   */
  readInput(position, into, length = into.length) {
    for (let i = 0; i < length; i++) into[i] = this.input[(position + i) & MASK];
  }

  /** One recorded sample. @param {number} position */
  inputAt(position) {
    return this.input[position & MASK];
  }

  /**
   * Worklet: samples to play, within [VALID_FROM, DONE).
   *
   * @param {number} position @param {Float32Array} into filled up to length @param {number} [length]
   */
  readOutput(position, into, length = into.length) {
    for (let i = 0; i < length; i++) into[i] = this.output[(position + i) & MASK];
  }

  /** Worker: put enhanced samples at a position; publishDone() makes them visible. @param {number} position @param {Float32Array} samples */
  writeOutput(position, samples) {
    for (let i = 0; i < samples.length; i++) this.output[(position + i) & MASK] = samples[i];
  }

  /** Worker: announce [validFrom, end) as playable. The order of the two stores matters (above). @param {number} validFrom @param {number} end */
  publishDone(validFrom, end) {
    Atomics.store(this.words, WORD.VALID_FROM, validFrom);
    Atomics.store(this.words, WORD.DONE, end);
  }

  /**
   * Worker: resolve when WRITTEN has reached NEEDED, or after a timeout, whichever comes first. Unlike with Atomics.wait, the
   * worker still receives messages meanwhile.
   *
   * @param {number} seen the value of WRITTEN from which the caller concluded that there is nothing to do
   * @param {number} timeout ms
   */
  async waitWritten(seen, timeout) {
    const wait = Atomics.waitAsync(this.words, WORD.WRITTEN, seen, timeout);
    if (wait.async) await wait.value;
  }
}
