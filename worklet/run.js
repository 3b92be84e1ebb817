/**
 * Which enhanced samples of a ring may be played: the run [from, end) that the worker has delivered without a gap.
 */
import { WORD } from './ring.js';

export class Run {
  /** @param {import('./ring.js').Ring} ring @param {number} start */
  constructor(ring, start) {
    this.ring = ring;
    this.from = start;
    this.end = start;
    /** Where the run before it ended. */
    this.before = start;
  }

  /**
   * Whether the run covers these samples.
   *
   * When the worker has begun a new run, after a skip or an exception, the rest of the old one is played out first: its
   * samples are still there, and cutting it short would leave nothing to fade from.
   *
   * @param {number} play the first of them @param {number} n how many are in this quantum @param {number} ahead how many more
   */
  covers(play, n, ahead) {
    const done = this.ring.load(WORD.DONE); // before VALID_FROM, see ring.js
    const from = this.ring.load(WORD.VALID_FROM);
    const playedOut = ((play + n - this.end) | 0) > 0;
    if (from === this.from || playedOut) {
      if (from !== this.from) this.before = this.end;
      this.from = from;
      this.end = done;
    }
    return ((play - this.from) | 0) >= 0 && ((this.end - play - n - ahead) | 0) >= 0;
  }
}
