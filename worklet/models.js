/**
 * The worker's models: fetched once, checked, and shared by all streams that run them.
 */
import { PercepNetError } from './errors.js';
import { isName, listTiers } from './tiers.js';

/** Bytes of a file that may be a model: four times the article's network in float32. */
const LARGEST = 128 * 2 ** 20;

/**
 * @typedef {import('./tiers.js').Tier} Tier
 *
 * @typedef {object} Held
 * @property {string} name a tier's, or the address of a model file
 * @property {any} proxy PyProxy of a percepnet_wasm.Model
 * @property {string} tier as the file says
 * @property {number} weights
 */

export class Models {
  /** @type {Map<string, {users: number, held: Promise<Held>}>} by name */
  #shelf = new Map();
  /** @type {Promise<Tier[]> | undefined} */
  #tiers;
  #assets;
  #runtime;

  /** @param {string} assets URL of the runtime folder @param {import('./runtime.js').Runtime} runtime */
  constructor(assets, runtime) {
    this.#assets = assets;
    this.#runtime = runtime;
    const bundled = runtime.model();
    /** The tier that came with the wheel. It stays. @type {Held} */
    this.bundled = { name: bundled.tier, ...bundled };
    this.#shelf.set(bundled.tier, { users: 1, held: Promise.resolve(this.bundled) });
  }

  /** What models.json lists, the largest first. @returns {Promise<Tier[]>} */
  tiers() {
    this.#tiers ??= download(new URL('models.json', this.#assets)).then(
      (bytes) => listTiers(JSON.parse(new TextDecoder().decode(bytes))),
      (error) => {
        this.#tiers = undefined; // it may be there the next time
        throw error;
      },
    );
    return this.#tiers;
  }

  /**
   * A model to run, until release().
   *
   * @param {string} name of a tier, or an absolute address; '' is the wheel's
   * @returns {Promise<Held>}
   * @throws {PercepNetError} 'model'
   */
  async acquire(name) {
    const key = name || this.bundled.name;
    let entry = this.#shelf.get(key);
    if (!entry) {
      entry = { users: 0, held: this.#load(key) };
      this.#shelf.set(key, entry);
    }
    entry.users++;
    try {
      return await entry.held;
    } catch (error) {
      if (this.#shelf.get(key) === entry) this.#shelf.delete(key);
      throw error instanceof PercepNetError ? error : new PercepNetError('model', error);
    }
  }

  /** @param {Held} held no longer used by one that acquired it */
  release({ name, proxy }) {
    const entry = this.#shelf.get(name);
    if (!entry || --entry.users > 0) return;
    this.#shelf.delete(name);
    proxy.destroy();
  }

  /** @param {string} name @returns {Promise<Held>} */
  async #load(name) {
    return { name, ...this.#runtime.model(await (isName(name) ? this.#fetchTier(name) : download(new URL(name)))) };
  }

  /** @param {string} name @returns {Promise<Uint8Array>} */
  async #fetchTier(name) {
    const tiers = await this.tiers();
    const tier = tiers.find((each) => each.tier === name);
    if (!tier) {
      const names = tiers.map((each) => each.tier).join(', ');
      throw new PercepNetError('model', `there is no tier ${name}: give auto, ${names} or the URL of a model file`);
    }
    const url = new URL(tier.file, this.#assets);
    let bytes = await download(url);
    // The browser's cache may hold the file of an earlier version.
    if ((await sha256(bytes)) !== tier.sha256) bytes = await download(url, { cache: 'reload' });
    if ((await sha256(bytes)) !== tier.sha256) {
      throw new PercepNetError('model', `${url} is not the file that models.json describes: its SHA-256 differs`);
    }
    return bytes;
  }
}

/** @param {URL} url @param {RequestInit} [options] @returns {Promise<Uint8Array>} */
async function download(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    throw new PercepNetError('model', `${url} could not be fetched: ${error instanceof Error ? error.message : error}`);
  }
  if (!response.ok) throw new PercepNetError('model', `${url} could not be fetched: status ${response.status}`);
  return new Uint8Array(await new Response(limited(response, url)).arrayBuffer());
}

/** Its bytes, as long as they are no more than a model can have. @param {Response} response @param {URL} url */
function limited(response, url) {
  let bytes = 0;
  const count = new TransformStream({
    /** @param {Uint8Array} chunk */
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes > LARGEST) throw new PercepNetError('model', `${url} has more than ${LARGEST} bytes: give a model file`);
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
