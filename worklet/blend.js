/**
 * What the audio thread does with one quantum, without any browser API: record the input, then play enhanced samples
 * if they are available, else the dry ones at the same total delay, and cross-fade whenever that changes.
 *
 *     time t       plays enhanced ring position t - depth, which sounds like the input at t - depth - DELAY
 *                  or dry input position      t - depth - DELAY
 *
 * Both are aligned to the sample and correlated, so a linear cross-fade over one quantum keeps the level.
 *
 * A fade-out needs enhanced samples for its own length, so enhanced sound counts as available only if the *next* quantum
 * is too: a late frame is noticed one quantum ahead, while there is still something to fade from. An enhancer on the audio
 * thread itself is never late and has no quantum to spare (`immediate`): if it fails, the fade starts from the dry samples,
 * shifted to where the enhanced ones ended.
 *
 * This is also the watchdog: it never waits. If the worker dies, the enhanced run ends and the sound is dry within `depth`
 * samples on the sample clock (40 ms), whatever the main thread does.
 *
 * While Python starts, a second worker may enhance from a second ring (`lead`). Both rings get the same input; once the first
 * ring's enhancer has heard HEARD samples without a gap and is in time, the sound is cross-faded to it over one frame, and the
 * second ring is dropped. If the second worker is starved, the first takes over as soon as it is in time. Changes between the rings
 * take place while the sound is raw, or in that cross-fade.
 *
 * With `deepest` above `depth` the ring deepens when frames come late: by as much as they were late, while the sound is raw
 * anyway, in a cross-fade. It never gets shallower again.
 *
 * Nothing here allocates after construction, except for lead(), once a start.
 */
import { DELAY, HOP, SAMPLE_RATE } from './constants.js';
import { CAPACITY, SETTLE, WORD } from './ring.js';
import { Run } from './run.js';

/** What is being played; `Blend.state`. */
export const STATE = Object.freeze({
  /** Dry: enhanced sound has not begun since the last switch-on. */
  WAITING: 'waiting',
  /** Enhanced. */
  ENHANCED: 'enhanced',
  /** Dry for at least STARVED samples although enhancement is on and has begun: the worker is overloaded or dead. */
  STARVED: 'starved',
  /** Dry: the microphone is muted, so there is nothing to enhance. */
  RESTING: 'resting',
  /** Dry: switched off, by the page or because the machine is too slow. */
  BYPASSED: 'bypassed',
});

/** Samples without enhanced sound before the state says so: 100 ms. */
export const STARVED = SAMPLE_RATE / 10;

/** Samples of digital silence after which the worker may rest: 1 s. A live microphone never yields exact zeros, a muted one does. */
export const MUTED = SAMPLE_RATE;

/**
 * Samples that an enhancer hears before it takes over from another: 3 s. Its window and look-ahead are full after 40 ms, but the
 * network remembers seconds: one that has heard 100 ms differs from one that has heard everything by as much as a third of the
 * voice's level, after 1 s by 4 %, after 3 s by 3 % (tests/browser/test_early_start.py).
 */
export const HEARD = 3 * SAMPLE_RATE;

/** Largest quantum supported. Web Audio's is 128; newer drafts of the specification let pages choose. */
const QUANTUM_MAX = 2048;

/** The least by which the ring deepens, in samples: 5 ms. */
export const DEEPEN = 240;

/** Bounds of the ring depth in samples: at least a frame, the look-ahead of a fade and a quantum; at most what the dry path can read back. */
export const DEPTH_MIN = 768;
export const DEPTH_MAX = CAPACITY - DELAY - QUANTUM_MAX;

export class Blend {
  /** The run of `ring`, and the one that is being played. */
  #main;
  #run;
  /**
   * The ring that plays until `ring` can, from where, and for how many samples it has not been needed.
   *
   * @type {{run: Run, since: number, unneeded: number} | undefined}
   */
  #early;
  /** Samples of the cross-fade from the early ring that have been played; 0 before it begins. */
  #faded = 0;
  /** Share of the incoming samples at the end of the last quantum. */
  #share = 0;
  /** Enhanced samples that are being faded in. */
  #incoming = new Float32Array(0);
  #immediate;
  /** Enhanced minus dry at the last sample played: where a fade starts if no enhanced samples are left. */
  #offset = 0;
  #deepest;
  /** The depth to change to while the sound is raw. */
  #wanted;
  /** Samples for which the frame that is due has been late. */
  #late = 0;

  /**
   * @param {import('./ring.js').Ring} ring
   * @param {{depth: number, deepest?: number, enabled?: boolean, start?: number, immediate?: boolean}} options depth of the
   *     ring in samples, at first and at most; position of the first sample (tests set it near the wrap); whether frames are
   *     computed between take() and play()
   */
  constructor(ring, { depth, deepest = depth, enabled = true, start = 0, immediate = false }) {
    this.ring = ring;
    this.depth = this.#wanted = depth;
    this.#deepest = deepest;
    this.enabled = enabled;
    this.#immediate = immediate;
    /** Position of the next input sample: the clock. */
    this.position = start;
    /** @type {string} one of STATE */
    this.state = enabled ? STATE.WAITING : STATE.RESTING;
    /** Whether enhanced sound is at full level at the end of the last quantum. */
    this.wet = false;
    this.#main = this.#run = new Run(ring, start);
    this.starved = 0;
    this.silent = 0;
    this.underruns = 0;
    this.quanta = 0;
    this.dry = new Float32Array(QUANTUM_MAX);
    this.active = enabled;
    ring.store(WORD.DEPTH, depth);
    ring.store(WORD.WRITTEN, start);
    ring.publishActive(enabled);
  }

  /** Play from this ring until `ring` can take over. @param {import('./ring.js').Ring} ring which nobody writes to yet */
  lead(ring) {
    this.#early = { run: new Run(ring, this.position), since: this.position, unneeded: 0 };
    this.#faded = this.#share = 0; // of a cross-fade from another one
    this.#incoming = new Float32Array(QUANTUM_MAX);
    ring.input.set(this.ring.input); // what an enhancer hears first lies before the moment at which it begins
    ring.store(WORD.DEPTH, this.depth);
    ring.store(WORD.QUANTA, this.quanta);
    ring.store(WORD.UNDERRUNS, this.underruns);
    ring.store(WORD.WRITTEN, this.position);
    ring.publishActive(this.active);
  }

  /** The ring given to lead(); undefined once `ring` has taken over. */
  get early() {
    return this.#early?.run.ring;
  }

  /**
   * Take in one quantum and output one.
   *
   * @param {Float32Array | undefined} input mono; undefined when nothing is connected
   * @param {Float32Array} output filled; its length is the quantum
   */
  render(input, output) {
    this.take(input, output.length);
    this.play(output);
  }

  /** Record one quantum of input, the first half of render(). @param {Float32Array | undefined} input @param {number} n */
  take(input, n) {
    const { ring } = this;
    const sound = ring.writeInput(this.position, input, n);
    this.silent = sound ? 0 : Math.min(this.silent + n, MUTED);
    const { early } = this;
    if (early !== undefined) early.writeInput(this.position, input, n);
    this.position = (this.position + n) | 0;
    ring.publishWritten(this.position);
    if (early !== undefined) early.publishWritten(this.position);
  }

  /** Output one quantum, the second half of render(). @param {Float32Array} output */
  play(output) {
    const n = output.length;
    const play = (this.position - n - this.depth) | 0;
    const active = this.enabled && this.silent < MUTED;
    const available = this.#early === undefined ? this.#run.covers(play, n, this.#immediate ? 0 : n) : this.#choose(this.#early, play, n);
    if (this.depth < this.#deepest) this.#watch(play, n, active);
    const deepens = this.#wanted > this.depth && !this.wet;
    const wet = available && active && !deepens;
    this.#mix(play, output, wet);
    this.#account(active, wet, n);
  }

  /**
   * Choose the ring to play from while there are two.
   *
   * @param {{run: Run, since: number, unneeded: number}} early @param {number} play @param {number} n
   * @returns {boolean} whether it has enhanced samples for this quantum and the next
   */
  #choose(early, play, n) {
    if (this.#run === this.#main) {
      const there = this.#main.covers(play, n, n);
      early.unneeded = there && this.wet ? early.unneeded + n : 0;
      if (early.unneeded >= HEARD) this.#early = undefined;
      if (there || this.wet) return there;
      this.#run = early.run;
    }
    const there = this.#run.covers(play, n, n);
    if (this.#faded === 0) {
      // Better an enhancer that has heard little than raw sound.
      const starved = this.state === STATE.STARVED;
      const fade = Math.ceil(HOP / n) * n;
      const covered = this.#main.covers(play, n, starved ? n : fade);
      const heard = Math.min((play - this.#main.from) | 0, (play - early.since) | 0); // after a restart it is another enhancer
      const ready = covered && (starved || heard >= HEARD - SETTLE);
      if (!ready) {
        if (!there && !this.wet) this.#run = early.run; // in place of an earlier one
        return there;
      }
    }
    if (!this.wet) {
      this.#takeOver();
      return this.#main.covers(play, n, n);
    }
    // If the early ring ends now, so does the cross-fade: the other one has enough for all of it.
    this.#faded = there ? this.#faded + n : HOP;
    return true;
  }

  #takeOver() {
    this.#run = this.#main;
    this.#early = undefined;
    this.#faded = this.#share = 0;
  }

  /** The enhanced samples of this quantum. @param {number} play @param {Float32Array} output filled */
  #readEnhanced(play, output) {
    const n = output.length;
    this.#run.ring.readOutput(play, output);
    if (this.#faded === 0) return;
    const incoming = this.#incoming;
    this.ring.readOutput(play, incoming, n);
    const end = Math.min(this.#faded / HOP, 1);
    const step = (end - this.#share) / n;
    for (let i = 0; i < n; i++) output[i] += (this.#share + (i + 1) * step) * (incoming[i] - output[i]);
    this.#share = end;
    if (end === 1) this.#takeOver();
  }

  /** @param {number} play @param {Float32Array} output @param {boolean} wet the target at the end of this quantum */
  #mix(play, output, wet) {
    const { ring, dry } = this;
    const n = output.length;
    if (wet || this.wet) this.#readEnhanced(play, output);
    const delayed = (play - DELAY) | 0;
    if (wet && this.wet) {
      if (this.#immediate) this.#offset = output[n - 1] - ring.inputAt(delayed + n - 1);
      return;
    }
    if (!wet && !this.wet) {
      ring.readInput(delayed, output);
      if (this.#wanted > this.depth) this.#deepen(delayed, output);
      return;
    }
    ring.readInput(delayed, dry, n);
    if (!wet && this.#immediate) this.#extend(play, output);
    const step = (wet ? 1 : -1) / n;
    let gain = wet ? 0 : 1;
    for (let i = 0; i < n; i++) {
      gain += step;
      output[i] = dry[i] + gain * (output[i] - dry[i]);
    }
    this.wet = wet;
    if (this.#immediate) this.#offset = output[n - 1] - dry[n - 1];
  }

  /**
   * Measure how late a frame that is due comes. A worker that is gone, or that stalls for longer than any depth could hide, is
   * no reason to deepen.
   *
   * @param {number} play @param {number} n @param {boolean} active
   */
  #watch(play, n, active) {
    const due = active && (this.state === STATE.ENHANCED || this.state === STATE.STARVED);
    const there = ((this.#run.ring.load(WORD.DONE) - play - 2 * n) | 0) >= 0;
    if (due && !there) {
      this.#late += n;
      return;
    }
    if (due && this.#late > 0 && this.depth + this.#late <= this.#deepest) {
      this.#wanted = Math.min(this.depth + Math.ceil(this.#late / DEEPEN) * DEEPEN, this.#deepest);
    }
    this.#late = 0;
  }

  /** Cross-fade the dry sound to the same, deeper. @param {number} delayed @param {Float32Array} output holds the dry sound */
  #deepen(delayed, output) {
    const { dry } = this;
    const n = output.length;
    this.ring.readInput((delayed - (this.#wanted - this.depth)) | 0, dry, n);
    for (let i = 0; i < n; i++) output[i] += ((i + 1) / n) * (dry[i] - output[i]);
    this.depth = this.#wanted;
    this.#store(WORD.DEPTH, this.depth);
  }

  /** Continue enhanced samples that end within this quantum, or ended before it. @param {number} play @param {Float32Array} output */
  #extend(play, output) {
    const { dry } = this;
    const { from, end, before } = this.#run;
    const valid = Math.min(Math.max(((from - play) | 0) > 0 ? (before - play) | 0 : (end - play) | 0, 0), output.length);
    const offset = valid > 0 ? output[valid - 1] - dry[valid - 1] : this.#offset;
    for (let i = valid; i < output.length; i++) output[i] = dry[i] + offset;
  }

  /** Update the state and the counters. @param {boolean} active @param {boolean} wet @param {number} n */
  #account(active, wet, n) {
    if (active !== this.active) {
      this.active = active;
      this.ring.publishActive(active);
      this.early?.publishActive(active);
    }
    if (!active) {
      this.state = this.enabled ? STATE.RESTING : STATE.BYPASSED;
      this.starved = 0;
    } else if (wet) {
      this.state = STATE.ENHANCED;
      this.starved = 0;
    } else if (this.state === STATE.RESTING || this.state === STATE.BYPASSED) {
      this.state = STATE.WAITING;
    }
    if (this.state === STATE.ENHANCED || this.state === STATE.STARVED) {
      this.quanta = (this.quanta + 1) | 0;
      if (!wet) {
        this.underruns = (this.underruns + 1) | 0;
        this.starved = Math.min(this.starved + n, STARVED);
        if (this.starved >= STARVED) this.state = STATE.STARVED;
      }
      this.#store(WORD.QUANTA, this.quanta);
      this.#store(WORD.UNDERRUNS, this.underruns);
    }
  }

  /** In all rings. @param {number} word one of WORD @param {number} value */
  #store(word, value) {
    this.ring.store(word, value);
    this.early?.store(word, value);
  }
}
