/**
 * Notices when something stops making progress.
 *
 * It counts the seconds during which it was awake, not the clock: while a page is frozen or a machine sleeps, what it watches
 * cannot make progress either.
 */

/** ms between checks. */
export const TICK = 1000;

export class Watchdog {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #left;
  #timeout;
  #onTimeout;

  /** @param {number} timeout ms without progress @param {() => void} onTimeout called once */
  constructor(timeout, onTimeout) {
    this.#timeout = this.#left = timeout;
    this.#onTimeout = onTimeout;
    this.#wait();
  }

  /** There was progress. */
  feed() {
    this.#left = this.#timeout;
  }

  stop() {
    clearTimeout(this.#timer);
  }

  #wait() {
    this.#timer = setTimeout(() => {
      this.#left -= TICK;
      if (this.#left > 0) this.#wait();
      else this.#onTimeout();
    }, TICK);
  }
}
