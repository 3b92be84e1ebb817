/**
 * Sound that waits between the microphone and an audio graph. The browser keeps a queue there; when the graph stalls or is
 * suspended the queue fills and never drains: the voice is then late for the rest of the call, by up to 100 ms in Chromium. A
 * new source node begins with an empty queue.
 *
 * How much a microphone has delivered is known only in browsers with `track.stats` (Chromium); elsewhere this has no effect.
 */

/** Readings to take the median of, since sound is delivered and consumed in bursts. */
const READINGS = 5;

export class Backlog {
  #track;
  #context;
  /** @type {number[]} */
  #readings = [];
  /** The reading for the shortest queue. */
  #least;

  /**
   * @param {MediaStreamTrack} track
   * @param {BaseAudioContext} context
   * @param {boolean} empty whether the source is new, so that nothing is waiting in front of it
   */
  constructor(track, context, empty) {
    this.#track = track;
    this.#context = context;
    this.#least = (empty ? this.#surplus() : undefined) ?? Infinity;
  }

  /**
   * Take a reading.
   *
   * @returns {number} seconds by which the queue is longer than at its shortest; 0 while that is unknown
   */
  read() {
    const surplus = this.#surplus();
    if (surplus === undefined) return 0;
    this.#readings.push(surplus);
    if (this.#readings.length < READINGS) return 0;
    const median = this.#readings.toSorted((a, b) => a - b)[READINGS >> 1];
    this.#readings.shift();
    this.#least = Math.min(this.#least, median);
    return median - this.#least;
  }

  /** Seconds delivered and not rendered: the queue plus a constant. */
  #surplus() {
    const delivered = /** @type {any} */ (this.#track).stats?.deliveredFramesDuration;
    return delivered === undefined ? undefined : delivered / 1000 - this.#context.currentTime;
  }
}
