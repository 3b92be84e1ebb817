/** Timing of frames, the same under Node and in a Worker. */

/** ms from frame to frame when paced. */
const PERIOD = 10;

/** ms; a frame this late has missed its turn: those missed are left out, as in a call. */
const LATE = 10;

/**
 * @typedef {object} Subject
 * @property {() => void} step take the next frame of the audio through the system
 * @property {Record<string, unknown>} facts
 * @property {() => void} [watch] begin to time the stages
 * @property {() => Record<string, number[]>} [unwatch] stop; ms of each stage in each frame
 *
 * @typedef {object} Turn
 * @property {'back-to-back' | 'paced'} pace
 * @property {number} frames steps to be timed
 * @property {number} settle steps before them
 * @property {boolean} stages
 */

/**
 * @param {Subject} subject
 * @param {Turn} turn
 */
export async function measure(subject, { pace, frames, settle, stages }) {
  if (stages) subject.watch?.();
  const times = new Float64Array(settle + frames);
  let late = 0;
  const begun = performance.now();
  let due = begun;
  for (let frame = 0; frame < times.length; frame++) {
    if (pace === 'paced') {
      due += PERIOD;
      const ahead = due - performance.now();
      if (-ahead > LATE) {
        late++;
        due = performance.now();
      } else {
        await new Promise((resolve) => setTimeout(resolve, ahead));
      }
    }
    const started = performance.now();
    subject.step();
    times[frame] = performance.now() - started;
  }
  const wall = (performance.now() - begun) / 1000;
  const parts = (stages && subject.unwatch?.()) || {};
  return {
    times: Array.from(times.subarray(settle)),
    stages: Object.fromEntries(Object.entries(parts).map(([stage, list]) => [stage, list.slice(settle)])),
    wall_s: wall,
    late,
  };
}
