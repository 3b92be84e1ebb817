/**
 * Notices that something which should get on does not.
 *
 * It counts seconds in which it was awake, not the clock: while a page is frozen or a machine sleeps, what is watched
 * cannot get on either.
 */

/** ms between looks. */
export const TICK = 1000;

export class Watchdog {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #left;
  #patience;
  #bark;

  /** @param {number} patience ms without progress @param {() => void} bark called once, when they are over */
  constructor(patience, bark) {
    this.#patience = this.#left = patience;
    this.#bark = bark;
    this.#wait();
  }

  /** There was progress. */
  feed() {
    this.#left = this.#patience;
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #wait() {
    this.#timer = setTimeout(() => {
      this.#left -= TICK;
      if (this.#left > 0) this.#wait();
      else this.#bark();
    }, TICK);
  }
}
