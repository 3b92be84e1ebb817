/** Runs an enhancer on faint noise: to warm it up, and to find out how long a frame takes on this machine. */
import { HOP } from './constants.js';

/** V8 needs about this many frames to optimise Python's hot path; until then a frame may miss its deadline. */
export const WARM_UP_FRAMES = 300;
/** For an enhancer whose code is compiled already: enough to touch its memory. */
export const TOUCH_FRAMES = 4;
/** Frames computed before other tasks of the thread get their turn. */
const SLICE = 4;

/**
 * Rounds of the benchmark, and frames in each. The fastest round counts: the others had to share the processor, and on a busy
 * machine only a short round may have it to itself.
 */
const ROUNDS = 16;
const ROUND_FRAMES = 10;
/** The fewest rounds to run: the first frames are slower than later ones. */
const FEWEST_ROUNDS = 4;

/** @typedef {import('./pump.js').FrameEnhancer} FrameEnhancer */

/** @param {FrameEnhancer} enhancer @param {number} frames */
export async function warmUp(enhancer, frames) {
  for (let frame = 0; frame < frames; frame++) {
    if (frame % SLICE === SLICE - 1) await nextTask();
    runOnNoise(enhancer);
  }
  enhancer.reset();
}

/**
 * @param {FrameEnhancer} enhancer warmed up
 * @param {number} [enough] ms: once no frame of a round takes longer, and some rounds have passed, the others are left out
 * @returns {Promise<{typical: number, slowest: number}>} ms per frame, back to back: median and longest, each of its best round
 */
export async function benchmark(enhancer, enough = 0) {
  const best = { typical: Infinity, slowest: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    const times = [];
    for (let frame = 0; frame < ROUND_FRAMES; frame++) {
      if (frame % SLICE === SLICE - 1) await nextTask();
      const started = performance.now();
      runOnNoise(enhancer);
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    best.typical = Math.min(best.typical, times[ROUND_FRAMES / 2]);
    best.slowest = Math.min(best.slowest, times[ROUND_FRAMES - 1]);
    if (best.slowest <= enough && round + 1 >= FEWEST_ROUNDS) break;
  }
  enhancer.reset();
  return best;
}

/** @param {FrameEnhancer} enhancer */
function runOnNoise(enhancer) {
  const input = enhancer.input();
  for (let i = 0; i < HOP; i++) input[i] = 1e-3 * (Math.random() - 0.5);
  enhancer.step();
}

/** Resolves in a later task, after pending messages and other streams. @returns {Promise<void>} */
export function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(0);
  });
}
