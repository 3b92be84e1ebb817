/**
 * Makes one channel of a stereo microphone's two. Averaging them loses 6 dB when one is dead and everything when they are in
 * opposite phase, and comb-filters the voice when one is late. So the choice depends on how they are related:
 *
 *     the same sound at the same time and level     their average
 *     the same sound otherwise                      the louder one
 *     different sounds, or one silent               their sum: two talkers with a microphone each are both heard
 *
 * Changes are faded.
 */
import { SAMPLE_RATE } from './constants.js';

/** Samples by which one channel may lag the other: 5 ms, or 1.8 m. */
const LAGS = 256;

/** Quanta between comparisons of the channels: one takes as long as mixing a few quanta. */
const INTERVAL = 8;

/** Comparisons that the averages span: 0.3 s, long compared with the onset of a syllable. */
const MEMORY = 14;

/** Samples of a fade. */
const RAMP = 0.05 * SAMPLE_RATE;

/** Correlation at the best lag from which two channels count as the same sound, and below which they no longer do. */
const RELATED = { enter: 0.5, leave: 0.35 };

/** The same thresholds for the correlation at lag 0, for averaging. */
const EQUAL = { enter: 0.93, leave: 0.85 };

/** Ratio of energies from which one channel counts as louder (3 dB). */
const LOUDER = 2;

/** Mean energy of sample-to-sample changes below which there is nothing to judge by: -110 dB. */
const SILENCE = 1e-11;

const WEIGHTS = { average: [0.5, 0.5], left: [1, 0], right: [0, 1], sum: [1, 1] };

export class Downmix {
  /** @type {keyof typeof WEIGHTS} */
  #choice = 'average';
  /** Current weights of the two channels, moving towards those of the choice. */
  #weights = [...WEIGHTS.average];
  #quanta = 0;
  #comparisons = 0;
  /** Sample-to-sample changes, in which a voice's whole range counts, preceded by those of earlier quanta. */
  #changes = [new Float32Array(LAGS + 128), new Float32Array(LAGS + 128)];
  #last = [0, 0];
  /** Averages: energies, and products at each lag. */
  #energy = [0, 0];
  #products = new Float32Array(2 * LAGS + 1);
  #out = new Float32Array(128);

  /**
   * @param {Float32Array[]} channels
   * @returns {Float32Array} the channel itself if it is the only one; otherwise valid until the next call
   */
  mix(channels) {
    // By index: taking an array apart makes an iterator.
    const left = channels[0];
    const right = channels[1];
    if (right === undefined) return left;
    if (this.#out.length !== left.length) {
      this.#out = new Float32Array(left.length);
      this.#changes = [new Float32Array(LAGS + left.length), new Float32Array(LAGS + left.length)];
    }
    this.#keep(0, left);
    this.#keep(1, right);
    if (this.#comparisons === 0 || this.#quanta++ % INTERVAL === 0) this.#compare(left.length);
    this.#add(left, right);
    return this.#out;
  }

  /** @param {0 | 1} side @param {Float32Array} samples */
  #keep(side, samples) {
    const changes = this.#changes[side];
    changes.copyWithin(0, samples.length);
    let last = this.#last[side];
    for (let i = 0; i < samples.length; i++) {
      changes[LAGS + i] = samples[i] - last;
      last = samples[i];
    }
    this.#last[side] = last;
  }

  /** @param {number} n samples of a quantum */
  #compare(n) {
    const [left, right] = this.#changes;
    const energies = [energy(left), energy(right)];
    if (Math.max(...energies) < SILENCE * n) return;
    this.#comparisons = Math.min(this.#comparisons + 1, MEMORY);
    const share = 1 / this.#comparisons; // at first the mean so far
    for (const side of [0, 1]) this.#energy[side] += share * (energies[side] - this.#energy[side]);
    let peak = 0;
    for (let lag = -LAGS; lag <= LAGS; lag++) {
      const product = lag < 0 ? dot(left, right, -lag) : dot(right, left, lag);
      const mean = (this.#products[LAGS + lag] += share * (product - this.#products[LAGS + lag]));
      peak = Math.max(peak, Math.abs(mean));
    }
    const level = Math.sqrt(this.#energy[0] * this.#energy[1]);
    this.#choose(peak / level || 0, this.#products[LAGS] / level || 0);
  }

  /** @param {number} related correlation at the best lag @param {number} equal correlation at lag 0 */
  #choose(related, equal) {
    const first = this.#comparisons === 1;
    const was = this.#choice;
    const ratio = this.#energy[0] / this.#energy[1];
    const louder = ratio >= 1 ? 'left' : 'right';
    const level = ratio < LOUDER && ratio > 1 / LOUDER;
    if (related < (first || was === 'sum' ? RELATED.enter : RELATED.leave)) this.#choice = 'sum';
    else if (level && equal > (first || was !== 'average' ? EQUAL.enter : EQUAL.leave)) this.#choice = 'average';
    else if (!level || was === 'sum' || was === 'average') this.#choice = louder;
    if (first) this.#weights = [...WEIGHTS[this.#choice]];
  }

  /** @param {Float32Array} left @param {Float32Array} right */
  #add(left, right) {
    const [targetLeft, targetRight] = WEIGHTS[this.#choice];
    let [weightLeft, weightRight] = this.#weights;
    const step = 1 / RAMP;
    for (let i = 0; i < left.length; i++) {
      weightLeft += Math.max(-step, Math.min(step, targetLeft - weightLeft));
      weightRight += Math.max(-step, Math.min(step, targetRight - weightRight));
      this.#out[i] = weightLeft * left[i] + weightRight * right[i];
    }
    this.#weights[0] = weightLeft;
    this.#weights[1] = weightRight;
  }
}

/** @param {Float32Array} changes */
function energy(changes) {
  return dot(changes, changes, 0);
}

/** Product of one channel's newest samples with the other's, `lag` samples older. @param {Float32Array} a @param {Float32Array} b @param {number} lag */
function dot(a, b, lag) {
  let sum = 0;
  for (let i = LAGS; i < a.length; i++) sum += a[i] * b[i - lag];
  return sum;
}
