/**
 * Tells a hiccup from a machine that does not keep up, from a count of what was due and of what of it was late.
 *
 * A hiccup costs one short stretch of raw sound and needs no cure. Frames that keep coming late do: sound that changes
 * between raw and enhanced is worse than either.
 */

/** Looks, half a second apart, over which lateness is judged: 4 s. */
const LONG = 8;
/** Share late, on average over these looks and in half of them, that is too much. */
const OFTEN = 0.1;

/** Looks after which all but complete lateness is enough to know: 1 s. */
const SHORT = 2;
const ALWAYS = 0.8;

/** Looks that do not count after a change: what was late before it is still being played out. */
const GRACE = 2;

export class Overload {
  /** Share late at each of the last looks, the newest last. @type {number[]} */
  #shares = [];
  #grace = 0;
  /** @type {{due: number, late: number} | undefined} the counters at the last look */
  #last;

  /**
   * @param {number} due counted from the start, wrapping at 32 bit
   * @param {number} late those of them that were late
   * @returns {boolean} whether something has to be done
   */
  look(due, late) {
    const last = this.#last ?? { due, late };
    const step = { due: (due - last.due) | 0, late: (late - last.late) | 0 };
    this.#last = { due, late };
    if (this.#grace > 0) {
      this.#grace--;
      return false;
    }
    // Nothing was due: switched off, muted, suspended. That says nothing about the machine.
    if (step.due <= 0) return false;
    // A share a look, however long it was: after a page was frozen, one look sees all the time lost.
    this.#shares.push(step.late / step.due);
    if (this.#shares.length > LONG) this.#shares.shift();
    const shares = this.#shares;
    const often = shares.filter((share) => share > OFTEN).length >= LONG / 2;
    return (
      (shares.length === LONG && often && shares.reduce((sum, share) => sum + share) > OFTEN * LONG) ||
      (shares.length >= SHORT && shares.slice(-SHORT).every((share) => share > ALWAYS))
    );
  }

  /** Judge anew: something has changed. */
  restart() {
    this.#shares = [];
    this.#grace = GRACE;
  }
}
