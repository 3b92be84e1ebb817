/**
 * The worker's models: fetched once, checked, and shared by all streams that run them.
 */
import { PercepNetError } from './errors.js';
import { isName, listTiers } from './tiers.js';
import { Watchdog } from './watchdog.js';

/** Most bytes that a model file may have: four times the article's network in float32. */
const LARGEST = 128 * 2 ** 20;

/** ms without a byte after which a download is given up; less than worker-client.js allows a whole start. */
export const DOWNLOAD_TIMEOUT = 45_000;

/**
 * @typedef {import('./tiers.js').Tier} Tier
 *
 * @typedef {object} Handle a model that a runtime has loaded
 * @property {any} proxy what the runtime makes enhancers from
 * @property {string} tier as the file says
 * @property {number} weights
 *
 * @typedef {object} Loader what runs the models: runtime.js, or runner-runtime.js
 * @property {() => Handle | undefined} bundledModel the one that needs no download, if there is one
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
  /** @type {Promise<Tier[]> | undefined} */
  #tiers;
  #assets;
  #runtime;
  #onData;

  /**
   * @param {string} assets URL of the runtime folder
   * @param {Loader} runtime
   * @param {() => void} [onData] called while a download delivers data
   */
  constructor(assets, runtime, onData = () => {}) {
    this.#assets = assets;
    this.#runtime = runtime;
    this.#onData = onData;
    const handle = runtime.bundledModel();
    /** The default tier, once preload() has returned; never unloaded. @type {LoadedModel} */
    this.bundled = handle ? { name: handle.tier, ...handle } : /** @type {any} */ (undefined);
    if (handle) this.#loaded.set(handle.tier, { users: 1, held: Promise.resolve(this.bundled) });
  }

  /** Load the default tier, unless it came with the runtime. @throws {PercepNetError} 'model' */
  async preload() {
    if (this.bundled) return;
    const tier = (await this.tiers()).find((each) => each.default);
    if (!tier) throw new PercepNetError('model', `${new URL('models.json', this.#assets)} names no default tier`);
    this.bundled = await this.acquire(tier.tier);
  }

  /** What models.json lists, the largest first. @returns {Promise<Tier[]>} */
  tiers() {
    this.#tiers ??= this.#download(new URL('models.json', this.#assets)).then(
      (bytes) => listTiers(JSON.parse(new TextDecoder().decode(bytes))),
      (error) => {
        this.#tiers = undefined; // it may succeed next time
        throw error;
      },
    );
    return this.#tiers;
  }

  /**
   * Load a model, or share it if it is loaded; release() it afterwards.
   *
   * @param {string} name a tier, or an absolute address; '' is the wheel's own
   * @returns {Promise<LoadedModel>}
   * @throws {PercepNetError} 'model'
   */
  async acquire(name) {
    const key = name || this.bundled.name;
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
    return { name, ...(await this.#runtime.model(await (isName(name) ? this.#fetchTier(name) : this.#download(new URL(name))))) };
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
    const url = new URL(listed.file, this.#assets);
    let bytes = await this.#download(url);
    let hash = await sha256(bytes);
    if (hash !== listed.sha256) {
      bytes = await this.#download(url, { cache: 'reload' }); // the cache may hold the file of an earlier version
      hash = await sha256(bytes);
    }
    if (hash !== listed.sha256) {
      throw new PercepNetError('model', `${url} is not the file that models.json lists: its SHA-256 differs`);
    }
    return bytes;
  }

  /** @param {URL} url @param {RequestInit} [options] @returns {Promise<Uint8Array>} */
  async #download(url, options) {
    const stalled = new AbortController();
    const watchdog = new Watchdog(DOWNLOAD_TIMEOUT, () => {
      stalled.abort(new Error(`no data for ${DOWNLOAD_TIMEOUT / 1000} s`));
    });
    const more = () => {
      watchdog.feed();
      this.#onData();
    };
    try {
      const response = await fetch(url, { ...options, signal: stalled.signal });
      if (!response.ok) throw new Error(`status ${response.status}`);
      return new Uint8Array(await new Response(limited(response, url, more)).arrayBuffer());
    } catch (error) {
      if (error instanceof PercepNetError) throw error;
      throw new PercepNetError('model', `${url} could not be downloaded: ${error instanceof Error ? error.message : error}`);
    } finally {
      watchdog.stop();
    }
  }
}

/**
 * A response's bytes, up to the maximum size of a model.
 *
 * @param {Response} response
 * @param {URL} url
 * @param {() => void} more called for each chunk
 */
function limited(response, url, more) {
  let bytes = 0;
  const count = new TransformStream({
    /** @param {Uint8Array} chunk */
    transform(chunk, controller) {
      more();
      bytes += chunk.length;
      if (bytes > LARGEST) throw new PercepNetError('model', `${url} has more than ${LARGEST} bytes: it is not a model file`);
      controller.enqueue(chunk);
    },
  });
  return /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body).pipeThrough(count);
}

/** @param {Uint8Array} bytes @returns {Promise<string>} hexadecimal */
async function sha256(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', /** @type {Uint8Array<ArrayBuffer>} */ (bytes)));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
