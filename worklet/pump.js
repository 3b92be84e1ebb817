/**
 * The worker's side of the ring, independent of Pyodide: which frame to enhance next, and where the result goes.
 *
 * Frames follow one another without a gap while the worker keeps up. Once a frame has missed its deadline (its last sample
 * should have been played by now), the backlog up to the newest frame is skipped: never computed, never played.
 */
import { HOP } from './constants.js';
import { SETTLE, WORD } from './ring.js';

/** Samples so far ahead that the worker is not woken for them (6 h, well within half the range of a position). */
const NEVER = 2 ** 30;

/** The greatest depth, in samples, for which a start catches up: deeper rings stay raw for a moment longer. */
const DEEPEST_START = 3840;

/** Consecutive failed frames after which the enhancer is given up. */
export const FAILURES = 3;

/**
 * Frames that an enhancer hears before it takes over from another. Compared with one that has heard everything, in one case in
 * ten it loses 4.6 dB of the next half second's speech after 100 ms, and 1 dB after 1 s (build_scripts/train/NOTES.md, "State").
 * But past frames, computed all at once, have to fit in the time that the ring's depth leaves.
 */
export const HISTORY = 10;
export const GRADUAL_HISTORY = 100;

/**
 * @typedef {object} FrameEnhancer
 * @property {() => Float32Array} input the array to fill with HOP samples (call it for each frame: the heap may have moved)
 * @property {() => void} step enhance input into output; may throw
 * @property {() => Float32Array} output
 * @property {() => void} reset clear all state
 */

export class Pump {
  /**
   * @param {import('./ring.js').Ring} ring
   * @param {number | 'auto'} depth of the ring in samples: a frame's deadline; 'auto' as the ring says
   * @param {FrameEnhancer} enhancer
   * @param {() => number} [now] clock in ms, for the compute times
   */
  constructor(ring, depth, enhancer, now = () => performance.now()) {
    this.ring = ring;
    this.depth = depth;
    this.enhancer = enhancer;
    this.now = now;
    /** @type {{enhancer: FrameEnhancer, released: () => void, heard: number} | undefined} what is about to take over */
    this.incoming = undefined;
    /** Whether it hears the GRADUAL_HISTORY frames to come, one at a time, instead of HISTORY past ones all at once. */
    this.gradual = false;
    /** Whether the ring holds the sound from before the start, which is heard first, so that enhanced sound can be played at once. */
    this.hearsPast = false;
    /** Frames before this position belong to the past: however late they are, they are heard. */
    this.live = 0;
    /** Whether the enhancer has heard nothing yet. */
    this.fresh = true;
    /** Whether frames follow on from earlier ones; false at the start and while resting. */
    this.running = false;
    /** Position of the next frame. */
    this.next = 0;
    /** Start of the current unbroken run of output. */
    this.validFrom = 0;
    this.frames = 0;
    this.skipped = 0;
    this.errors = 0;
    this.failuresInARow = 0;
    /** @type {unknown} the exception that made the pump give up */
    this.failure = undefined;
    /** Compute times of the last frames, ms, in a ring indexed by `frames`. */
    this.times = new Float64Array(512);
    /** Their sum over all frames, ms. */
    this.busy = 0;
  }

  /**
   * Enhance the frames that are complete.
   *
   * @param {number} limit most frames at once, so that the caller's message loop gets its turn
   * @returns {boolean} whether more frames are waiting
   */
  run(limit = 4) {
    const { ring } = this;
    for (let i = 0; i < limit; i++) {
      const written = ring.load(WORD.WRITTEN);
      if (this.failure !== undefined || ring.load(WORD.ACTIVE) === 0) {
        this.running = false;
        ring.store(WORD.NEEDED, (written + NEVER) | 0); // publishActive() wakes as well
        return false;
      }
      if (!this.running) this.start(written);
      const waiting = (written - this.next) | 0;
      if (waiting < HOP) {
        ring.store(WORD.NEEDED, (this.next + HOP) | 0);
        return false;
      }
      const depth = this.depth === 'auto' ? ring.load(WORD.DEPTH) : this.depth;
      if (!this.catchingUp) {
        if (waiting - HOP >= depth) this.skipTo((this.next + HOP * (Math.floor(waiting / HOP) - 1)) | 0);
        this.live = this.next; // positions wrap: it must not be left behind
      }
      this.#enhance();
    }
    return true;
  }

  /** Whether the next frame is one of the past. */
  get catchingUp() {
    return ((this.live - this.next) | 0) > 0;
  }

  /**
   * Begin with the frame at `position`, or with as many before it as it takes until there is something to play. After a pause
   * the enhancer continues from the state that it had: in one case in ten that loses 1.6 dB of the next half second's speech,
   * and a reset 4.5 dB (build_scripts/train/NOTES.md, "State").
   *
   * @param {number} position
   */
  start(position) {
    this.#adopt();
    if (this.fresh) this.#reset();
    this.fresh = false;
    this.running = true;
    this.live = position;
    this.next = (position - (this.hearsPast ? this.#past(position) : 0)) | 0;
    this.validFrom = (this.next + SETTLE) | 0;
  }

  /** Samples to hear before `position`: none that have been computed already, and may be playing now. @param {number} position */
  #past(position) {
    const { ring } = this;
    const past = HOP * Math.ceil((Math.min(ring.load(WORD.DEPTH), DEEPEST_START) + SETTLE) / HOP);
    const since = (position - ring.load(WORD.DONE)) | 0;
    return since >= 0 && since < past ? since : past;
  }

  /** Skip the frames before `position`, which were late or lost in transport. @param {number} position */
  skipTo(position) {
    if (!this.running) return;
    this.skipped += Math.ceil(((position - this.next) | 0) / HOP);
    this.next = position;
    this.validFrom = (position + SETTLE) | 0;
  }

  /**
   * Switch to another enhancer without a gap: it is fed the last frames first, and cross-faded in over one frame.
   *
   * @param {FrameEnhancer} enhancer
   * @param {() => void} released called once the one it replaces is no longer used
   */
  replace(enhancer, released) {
    if (this.incoming) {
      Object.assign(this.incoming, { enhancer, heard: 0 }); // the one before it never got its turn
      released();
      return;
    }
    this.incoming = { enhancer, released, heard: 0 };
    if (!this.running) this.#adopt();
  }

  /** Nothing more will be computed: release what is still waiting to be released. */
  abandon() {
    this.incoming?.released();
    this.incoming = undefined;
  }

  #adopt() {
    if (!this.incoming) return;
    const { enhancer, released, heard } = this.incoming;
    this.incoming = undefined;
    this.enhancer = enhancer;
    this.fresh = heard === 0;
    released();
  }

  /** The frame at `next` from the incoming enhancer, faded in over the old one's. @param {Float32Array} old @returns {Float32Array} */
  #takeOver(old) {
    const incoming = /** @type {NonNullable<Pump['incoming']>} */ (this.incoming);
    const { enhancer } = incoming;
    if (incoming.heard === 0) enhancer.reset();
    const history = this.gradual ? GRADUAL_HISTORY : HISTORY;
    for (let back = this.gradual ? 0 : HISTORY; back >= 0; back--) {
      this.ring.readInput((this.next - back * HOP) | 0, enhancer.input());
      enhancer.step();
      incoming.heard++;
    }
    if (incoming.heard <= history) return old;
    const output = enhancer.output();
    const faded = old.map((sample, i) => sample + ((i + 1) / HOP) * (output[i] - sample));
    this.#adopt();
    return faded;
  }

  #enhance() {
    const { ring, enhancer } = this;
    const started = this.now();
    const end = (this.next + HOP) | 0;
    try {
      ring.readInput(this.next, enhancer.input());
      enhancer.step();
      let output = enhancer.output();
      if (this.incoming) output = this.#takeOver(output);
      if (!allFinite(output)) throw new Error('the output contains a sample that is not finite');
      ring.writeOutput(this.next, output);
      ring.publishDone(this.validFrom, end);
      this.failuresInARow = 0;
    } catch (error) {
      this.#fail(error, end);
    }
    this.next = end;
    const took = this.now() - started;
    this.times[this.frames++ % this.times.length] = took;
    this.busy += took;
  }

  /** The frame stays dry; a new run begins after it. @param {unknown} error @param {number} end */
  #fail(error, end) {
    this.errors++;
    this.validFrom = (end + SETTLE) | 0;
    if (++this.failuresInARow >= FAILURES) this.failure = error;
    else this.#reset();
  }

  #reset() {
    try {
      this.enhancer.reset();
    } catch (error) {
      this.failure = error;
    }
  }

  /**
   * Percentiles of the compute time of the last frames.
   *
   * @param {...number} shares 0..1
   * @returns {number[]} ms; 0 before the first frame
   */
  percentiles(...shares) {
    const times = this.times.slice(0, Math.min(this.frames, this.times.length)).sort();
    return shares.map((share) => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0);
  }
}

/** @param {Float32Array} samples */
function allFinite(samples) {
  // One pass without a branch: the difference is NaN if a sample is not finite.
  let sum = 0;
  for (let i = 0; i < samples.length; i++) sum += samples[i] - samples[i];
  return sum === 0;
}
