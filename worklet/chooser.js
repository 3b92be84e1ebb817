/**
 * `model: 'auto'`: a short benchmark, run once for each machine, browser and version, chooses the tier. A machine that had to
 * step down from it starts with the smaller one for a while, but not permanently: it may only have been busy, or hot, that day.
 */
import { largestThatFits } from './tiers.js';

/**
 * @typedef {object} Choice
 * @property {string} key what it is valid for: machine, browser, versions and tiers
 * @property {string} tier
 * @property {Record<string, number | null>} costs ms per frame, back to back, of the tiers measured
 * @property {Lowered} [lowered]
 *
 * @typedef {object} Lowered
 * @property {string} tier to start with instead
 * @property {number} until ms since 1970
 * @property {number} days how long that is, counted from the last step-down
 */

const DAY = 24 * 3600 * 1000;

/** Days for which a step-down is remembered: the first time, then doubled each time up to the longest. */
const DAYS = { first: 1, longest: 32 };

export class Chooser {
  /** @type {Promise<string> | undefined} */
  #choice;
  /** @type {Choice | undefined} the choice for this machine, once known */
  #made;
  #runtime;
  #models;
  #remembered;
  #report;

  /**
   * @param {import('./stream.js').StreamRuntime} runtime
   * @param {import('./models.js').Models} models
   * @param {Choice | undefined} remembered from an earlier visit
   * @param {(choice: Choice) => void} report a new choice
   */
  constructor(runtime, models, remembered, report) {
    this.#runtime = runtime;
    this.#models = models;
    this.#remembered = remembered;
    this.#report = report;
  }

  /** @returns {Promise<string>} the tier for this machine; the default if that cannot be determined */
  choose() {
    this.#choice ??= this.#find().catch(() => this.#models.defaultModel.name);
    return this.#choice;
  }

  /** Frames kept coming late with the chosen tier, and this one took over. @param {string} tier */
  lower(tier) {
    if (!this.#made) return;
    const last = this.#made.lowered;
    const again = last !== undefined && last.until <= Date.now(); // it had been given a second chance
    const days = last ? Math.min(again ? 2 * last.days : last.days, DAYS.longest) : DAYS.first;
    this.#made = { ...this.#made, lowered: { tier, until: Date.now() + days * DAY, days } };
    this.#choice = Promise.resolve(tier);
    this.#report(this.#made);
  }

  async #find() {
    const tiers = await this.#models.tiers();
    const { defaultModel } = this.#models;
    const trial = this.#runtime.enhancer(defaultModel.proxy);
    const { version, kernel } = trial.info;
    const { userAgent, hardwareConcurrency, deviceMemory } = /** @type {any} */ (navigator);
    const key = [
      this.#runtime.name,
      `percepnet-wasm ${version}`,
      kernel,
      userAgent,
      `${hardwareConcurrency} cores`,
      `${deviceMemory ?? '?'} GB`,
      ...tiers.map(({ tier, sha256 }) => `${tier} ${sha256.slice(0, 8)}`),
    ].join('; ');
    const listed = (/** @type {string | undefined} */ name) => tiers.some(({ tier }) => tier === name);
    const remembered = this.#remembered;
    if (remembered?.key === key && listed(remembered.tier)) {
      trial.release();
      this.#made = remembered;
      const { lowered } = remembered;
      return lowered && listed(lowered.tier) && lowered.until > Date.now() ? lowered.tier : remembered.tier;
    }
    const costs = { [defaultModel.tier]: await this.#runtime.benchmark(trial) };
    trial.release();
    const { tier } = await largestThatFits(tiers, costs, (each) => this.#measure(each.tier));
    this.#made = { key, tier, costs };
    this.#report(this.#made);
    return tier;
  }

  /** @param {string} tier @returns {Promise<number>} ms per frame; Infinity if it cannot be loaded */
  async #measure(tier) {
    try {
      const model = await this.#models.acquire(tier);
      try {
        const enhancer = this.#runtime.enhancer(model.proxy);
        await this.#runtime.warmUp(enhancer);
        const cost = await this.#runtime.benchmark(enhancer);
        enhancer.release();
        return cost;
      } finally {
        this.#models.release(model);
      }
    } catch {
      return Infinity;
    }
  }
}
