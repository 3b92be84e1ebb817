/**
 * Distinguishes a hiccup from a machine that cannot keep up, by counting what was due and how much of it was late.
 *
 * A hiccup causes one short stretch of raw sound and needs no remedy. Frames that keep coming late do: sound that switches
 * between raw and enhanced is worse than either.
 */

/** Checks, half a second apart, over which lateness is judged: 4 s. */
const LONG = 8;
/** Share late, on average over these checks and in half of them, that is too much. */
const OFTEN = 0.1;

/** Checks after which near-total lateness settles it: 1 s. */
const SHORT = 2;
const ALWAYS = 0.8;

/** Checks that do not count after a change: what was late before it is still being played out. */
const GRACE = 2;

export class Overload {
  /** Share late at each of the last checks, the newest last. @type {number[]} */
  #shares = [];
  #grace = 0;
  /** @type {{due: number, late: number} | undefined} the counters at the last check */
  #last;

  /**
   * @param {number} due counted from the start, wrapping at 32 bit
   * @param {number} late how many of those were late
   * @returns {boolean} whether the machine is overloaded
   */
  look(due, late) {
    const last = this.#last ?? { due, late };
    const step = { due: (due - last.due) | 0, late: (late - last.late) | 0 };
    this.#last = { due, late };
    if (this.#grace > 0) {
      this.#grace--;
      return false;
    }
    // Nothing was due (switched off, muted, suspended), which says nothing about the machine.
    if (step.due <= 0) return false;
    // One share per check, however long it took: after a page was frozen, a single check sees all the time lost.
    this.#shares.push(step.late / step.due);
    if (this.#shares.length > LONG) this.#shares.shift();
    const shares = this.#shares;
    const often = shares.filter((share) => share > OFTEN).length >= LONG / 2;
    return (
      (shares.length === LONG && often && shares.reduce((sum, share) => sum + share) > OFTEN * LONG) ||
      (shares.length >= SHORT && shares.slice(-SHORT).every((share) => share > ALWAYS))
    );
  }

  /** Start over, because something has changed. */
  restart() {
    this.#shares = [];
    this.#grace = GRACE;
  }
}
