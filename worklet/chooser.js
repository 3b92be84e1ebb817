/**
 * `model: 'auto'`: a short benchmark, once for each machine, browser and version, decides on the tier.
 */
import { largestThatFits } from './tiers.js';

/**
 * @typedef {object} Choice
 * @property {string} key what it holds for: machine, browser, versions and tiers
 * @property {string} tier
 * @property {Record<string, number | null>} costs ms a frame back to back, of the tiers measured
 */

export class Chooser {
  /** @type {Promise<string> | undefined} */
  #choice;
  #runtime;
  #models;
  #remembered;
  #tell;

  /**
   * @param {import('./runtime.js').Runtime} runtime
   * @param {import('./models.js').Models} models
   * @param {Choice | undefined} remembered of an earlier visit
   * @param {(choice: Choice) => void} tell a new one
   */
  constructor(runtime, models, remembered, tell) {
    this.#runtime = runtime;
    this.#models = models;
    this.#remembered = remembered;
    this.#tell = tell;
  }

  /** @returns {Promise<string>} the tier for this machine; the wheel's if that cannot be found out */
  choose() {
    this.#choice ??= this.#find().catch(() => this.#models.bundled.name);
    return this.#choice;
  }

  async #find() {
    const tiers = await this.#models.tiers();
    const { bundled } = this.#models;
    const trial = this.#runtime.enhancer(bundled.proxy);
    const { version, kernel } = trial.info;
    const { userAgent, hardwareConcurrency, deviceMemory } = /** @type {any} */ (navigator);
    const key = [
      `pyodide ${this.#runtime.version}`,
      `percepnet-wasm ${version}`,
      kernel,
      userAgent,
      `${hardwareConcurrency} cores`,
      `${deviceMemory ?? '?'} GB`,
      ...tiers.map(({ tier, sha256 }) => `${tier} ${sha256.slice(0, 8)}`),
    ].join('; ');
    if (this.#remembered?.key === key && tiers.some(({ tier }) => tier === this.#remembered?.tier)) {
      trial.release();
      return this.#remembered.tier;
    }
    const costs = { [bundled.tier]: await this.#runtime.benchmark(trial) };
    trial.release();
    const { tier } = await largestThatFits(tiers, costs, (each) => this.#measure(each.tier));
    this.#tell({ key, tier, costs });
    return tier;
  }

  /** @param {string} tier @returns {Promise<number>} ms a frame; Infinity if it cannot be had */
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
