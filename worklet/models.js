/**
 * The worker's models: fetched once, and shared by all streams that run them.
 */
import { PercepNetError } from './errors.js';
import { ModelFiles } from './model-files.js';
import { isName } from './tiers.js';

/**
 * @typedef {import('./tiers.js').Tier} Tier
 *
 * @typedef {object} Handle a model that a runtime has loaded
 * @property {any} proxy what the runtime makes enhancers from
 * @property {string} tier as the file says
 * @property {number} weights
 *
 * @typedef {object} Loader what runs the models: runtime.js, or runner-runtime.js
 * @property {() => Handle | undefined} builtInModel the one that needs no download, if there is one
 * @property {(bytes: Uint8Array) => Promise<Handle>} model
 * @property {(tier: Tier) => {file: string, sha256: string} | undefined} file which of a tier's files it runs
 *
 * @typedef {object} LoadedModel
 * @property {string} name a tier, or the address of a model file
 * @property {any} proxy PyProxy of a percepnet_wasm.Model
 * @property {string} tier as the file says
 * @property {number} weights
 */

export class Models {
  /** @type {Map<string, {users: number, held: Promise<LoadedModel>}>} by name */
  #loaded = new Map();
  #files;
  #runtime;

  /**
   * @param {string} assets URL of the runtime folder
   * @param {Loader} runtime
   * @param {ModelFiles} [files] of that folder
   */
  constructor(assets, runtime, files = new ModelFiles(assets)) {
    this.#files = files;
    this.#runtime = runtime;
    const handle = runtime.builtInModel();
    /** The default tier, once preload() has returned; never unloaded. @type {LoadedModel} */
    this.defaultModel = handle ? { name: handle.tier, ...handle } : /** @type {any} */ (undefined);
    if (handle) this.#loaded.set(handle.tier, { users: 1, held: Promise.resolve(this.defaultModel) });
  }

  /**
   * Load the default tier, unless it came with the runtime.
   *
   * @param {{tier: string, image: Uint8Array}} [given] it, if it has been downloaded
   * @throws {PercepNetError} 'model'
   */
  async preload(given) {
    if (this.defaultModel) return;
    const tier = given?.tier ?? (await this.#files.defaultTier()).tier;
    if (given) this.#loaded.set(tier, { users: 0, held: this.#runtime.model(given.image).then((handle) => ({ name: tier, ...handle })) });
    this.defaultModel = await this.acquire(tier);
  }

  /** What models.json lists, the largest first. @returns {Promise<Tier[]>} */
  tiers() {
    return this.#files.tiers();
  }

  /**
   * Load a model, or share it if it is loaded; release() it afterwards.
   *
   * @param {string} name a tier, or an absolute address; '' is the default tier
   * @returns {Promise<LoadedModel>}
   * @throws {PercepNetError} 'model'
   */
  async acquire(name) {
    const key = name || this.defaultModel.name;
    let entry = this.#loaded.get(key);
    if (!entry) {
      entry = { users: 0, held: this.#load(key) };
      this.#loaded.set(key, entry);
    }
    entry.users++;
    try {
      return await entry.held;
    } catch (error) {
      if (this.#loaded.get(key) === entry) this.#loaded.delete(key);
      throw error instanceof PercepNetError ? error : new PercepNetError('model', error);
    }
  }

  /** @param {LoadedModel} model as acquire() returned it */
  release({ name, proxy }) {
    const entry = this.#loaded.get(name);
    if (!entry || --entry.users > 0) return;
    this.#loaded.delete(name);
    proxy.destroy();
  }

  /** @param {string} name @returns {Promise<LoadedModel>} */
  async #load(name) {
    return { name, ...(await this.#runtime.model(await (isName(name) ? this.#fetchTier(name) : this.#files.download(new URL(name))))) };
  }

  /** @param {string} name @returns {Promise<Uint8Array>} */
  async #fetchTier(name) {
    const tiers = await this.tiers();
    const tier = tiers.find((each) => each.tier === name);
    if (!tier) {
      const names = tiers.map((each) => each.tier).join(', ');
      throw new PercepNetError('model', `there is no tier ${name}: use auto, ${names} or the URL of a model file`);
    }
    const listed = this.#runtime.file(tier);
    if (!listed) throw new PercepNetError('model', `models.json lists no program image for ${name}: build the runtime folder again`);
    return this.#files.listed(listed);
  }
}
