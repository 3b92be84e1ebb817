/**
 * Sound that waits between the microphone and an audio graph. The browser keeps a queue there; when the graph stalls or is
 * suspended the queue fills, and stays as full: the voice is then late for the rest of the call, by up to 100 ms in Chromium. A
 * new source node begins with an empty queue.
 *
 * How much a microphone has delivered is known only in browsers with `track.stats` (Chromium); elsewhere nothing is seen.
 */

/** Readings whose median counts, since sound is delivered and taken in bursts. */
const READINGS = 5;

export class Backlog {
  #track;
  #context;
  /** @type {number[]} */
  #readings = [];
  /** What the shortest queue would read. */
  #least;

  /**
   * @param {MediaStreamTrack} track
   * @param {BaseAudioContext} context
   * @param {boolean} empty whether a source was made just now, and nothing waits in front of it
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

  /** Seconds delivered and not rendered: the queue, and a constant. */
  #surplus() {
    const delivered = /** @type {any} */ (this.#track).stats?.deliveredFramesDuration;
    return delivered === undefined ? undefined : delivered / 1000 - this.#context.currentTime;
  }
}
