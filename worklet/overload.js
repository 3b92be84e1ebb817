/**
 * Tells a hiccup from a machine that does not keep up, from the counters of quanta played and played late.
 *
 * A hiccup costs one short stretch of raw sound and needs no cure. Frames that keep coming late do: sound that changes
 * between raw and enhanced is worse than either.
 */

/** Looks, STATS_INTERVAL apart, over which lateness is judged: 4 s. */
const LONG = 8;
/** Share of quanta late in that time that is too much, if it was so in half of the looks. */
const OFTEN = 0.1;

/** Looks after which all but complete lateness is enough to know: 1 s. */
const SHORT = 2;
const ALWAYS = 0.8;

/** Looks that do not count after a change: what was late before it is still being played out. */
const GRACE = 2;

export class Overload {
  /** @type {{quanta: number, underruns: number}[]} what the last looks saw, newest last */
  #seen = [];
  #grace = 0;
  /** @type {{quanta: number, underruns: number} | undefined} the counters at the last look */
  #last;

  /**
   * @param {number} quanta played while enhanced sound was due, counted from the start, wrapping at 32 bit
   * @param {number} underruns those of them that were raw because frames were late
   * @returns {boolean} whether something has to be done; if so, looking begins anew
   */
  look(quanta, underruns) {
    const last = this.#last ?? { quanta, underruns };
    const step = { quanta: (quanta - last.quanta) | 0, underruns: (underruns - last.underruns) | 0 };
    this.#last = { quanta, underruns };
    if (this.#grace > 0) {
      this.#grace--;
      return false;
    }
    // Nothing played: switched off, muted, suspended. That says nothing about the machine.
    if (step.quanta <= 0) return false;
    this.#seen.push(step);
    if (this.#seen.length > LONG) this.#seen.shift();
    const late = this.#seen.filter((each) => each.underruns > OFTEN * each.quanta).length;
    const tooMuch = (this.#share(LONG) > OFTEN && late >= LONG / 2) || this.#share(SHORT) > ALWAYS;
    if (tooMuch) this.restart();
    return tooMuch;
  }

  /** Forget what was seen: something has changed. */
  restart() {
    this.#seen = [];
    this.#grace = GRACE;
  }

  /** @param {number} looks @returns {number} share of quanta late; 0 until so many looks have been taken */
  #share(looks) {
    if (this.#seen.length < looks) return 0;
    const recent = this.#seen.slice(-looks);
    const sum = (/** @type {'quanta' | 'underruns'} */ name) => recent.reduce((total, step) => total + step[name], 0);
    return sum('underruns') / sum('quanta');
  }
}
