/**
 * Whether an audio graph is worth waiting for. A browser without a working sound card keeps a page waiting for seconds before
 * it fails, and would do so at every getUserMedia: so a failure is remembered, and a graph is tried again in the background.
 */
import { TrackGraph } from './graph.js';

/** ms until the next trial: at first, and at most; it doubles each time. */
export const PAUSE = { first: 30_000, longest: 480_000 };

export class GraphTrial {
  #failed = false;
  #pause = PAUSE.first;
  /** Whether the browser may only have been waiting for the user to do something. */
  #waitsForGesture = false;

  get worthwhile() {
    if (this.#failed && this.#waitsForGesture && navigator.userActivation?.hasBeenActive) this.#failed = false;
    return !this.#failed;
  }

  /** A graph could not be made. @param {string} [code] of the error */
  fail(code) {
    this.#waitsForGesture = code === 'suspended' && !navigator.userActivation?.hasBeenActive;
    if (this.#failed) return;
    this.#failed = true;
    this.#wait();
  }

  /** A graph was made. */
  succeed() {
    this.#failed = false;
    this.#pause = PAUSE.first;
  }

  #wait() {
    setTimeout(async () => {
      if (!this.#failed) return;
      if (await TrackGraph.works()) this.succeed();
      else this.#wait();
    }, this.#pause);
    this.#pause = Math.min(2 * this.#pause, PAUSE.longest);
  }
}
