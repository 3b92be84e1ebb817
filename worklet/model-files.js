/**
 * The files of the models: models.json, and those that it lists or that are named by their address; fetched and checked.
 */
import { DEFAULT_TIER } from './constants.js';
import { PercepNetError } from './errors.js';
import { explainFailure } from './explain.js';
import { HASHES } from './hashes.js';
import { FILE_TIMEOUT, FOREIGN, integrityOf } from './integrity.js';
import { listTiers } from './tiers.js';
import { Watchdog } from './watchdog.js';

/** Most bytes that a model file may have: four times the article's network in float32. */
const LARGEST = 128 * 2 ** 20;

/** ms without a byte after which the download of a model from another address is abandoned; its host may need time to find it. */
export const DOWNLOAD_TIMEOUT = 45_000;

/** The default tier's program image in a build of this version. */
const FIRST = `models/${DEFAULT_TIER}.pni`;

/** @typedef {import('./tiers.js').Tier} Tier */

export class ModelFiles {
  /** @type {Promise<Tier[]> | undefined} */
  #tiers;
  /** The image that is being fetched before it has been requested. @type {{address: string, bytes: Promise<Uint8Array>, stop: AbortController} | undefined} */
  #begun;
  #assets;
  #onData;
  #hashes;

  /**
   * @param {string} assets URL of the runtime folder
   * @param {(bytes: number) => void} [onData] called while a download delivers data
   * @param {Record<string, string>} [hashes] of this build's files; models.json has to be one of them, and holds those of the models
   */
  constructor(assets, onData = () => {}, hashes = HASHES) {
    this.#assets = assets;
    this.#onData = onData;
    this.#hashes = hashes;
  }

  /** Begin to fetch what a start of the runner needs, in parallel: the list of the tiers, and the image that it is known to name. */
  begin() {
    const url = new URL(FIRST, this.#assets);
    const stop = new AbortController();
    const bytes = this.#fetch(url, FILE_TIMEOUT, {}, stop);
    bytes.catch(() => {}); // whoever requests it gets the error
    this.#begun = { address: url.href, bytes, stop };
    this.tiers().catch(() => {});
  }

  /** What models.json lists, the largest first. @returns {Promise<Tier[]>} @throws {PercepNetError} 'model' */
  tiers() {
    const hash = this.#hashes['models.json'];
    const ours = async (/** @type {BufferSource} */ bytes) => !hash || (await integrityOf(bytes)) === hash;
    this.#tiers ??= this.#checked(new URL('models.json', this.#assets), ours, FOREIGN).then(
      (bytes) => this.#read(bytes),
      (error) => {
        this.#tiers = undefined; // it may succeed next time
        throw error;
      },
    );
    return this.#tiers;
  }

  /** The tier to start with. @returns {Promise<Tier>} @throws {PercepNetError} 'model' */
  async defaultTier() {
    const tier = (await this.tiers()).find((each) => each.default);
    if (!tier) throw new PercepNetError('model', `${new URL('models.json', this.#assets)} names no default tier`);
    return tier;
  }

  /**
   * A file that models.json lists.
   *
   * @param {{file: string, sha256: string}} listed
   * @returns {Promise<Uint8Array>}
   * @throws {PercepNetError} 'model': it cannot be downloaded, or is a different file
   */
  async listed({ file, sha256 }) {
    const isListed = async (/** @type {BufferSource} */ bytes) => (await hashOf(bytes)) === sha256;
    return this.#checked(new URL(file, this.#assets), isListed, 'is not the file that models.json lists: its SHA-256 differs');
  }

  /**
   * Download a file, and again past the cache if that is another file: the cache may hold the file of an earlier version.
   *
   * @param {URL} url
   * @param {(bytes: BufferSource) => Promise<boolean>} accepts
   * @param {string} why what to say of a file that is not accepted, after its address
   * @returns {Promise<Uint8Array>}
   */
  async #checked(url, accepts, why) {
    let bytes = await this.download(url, FILE_TIMEOUT);
    if (await accepts(/** @type {BufferSource} */ (bytes))) return bytes;
    bytes = await this.#fetch(url, FILE_TIMEOUT, { cache: 'reload' });
    if (await accepts(/** @type {BufferSource} */ (bytes))) return bytes;
    throw new PercepNetError('model', `${url} ${why}`);
  }

  /** @param {URL} url @param {number} [timeout] ms without a byte @returns {Promise<Uint8Array>} @throws {PercepNetError} 'model' */
  async download(url, timeout = DOWNLOAD_TIMEOUT) {
    if (this.#begun?.address !== url.href) return this.#fetch(url, timeout);
    const { bytes } = this.#begun;
    this.#begun = undefined;
    return bytes;
  }

  /** @param {Uint8Array} bytes of models.json */
  #read(bytes) {
    const tiers = listTiers(JSON.parse(new TextDecoder().decode(bytes)));
    const image = tiers.find((each) => each.default)?.image;
    // This runtime folder has other models.
    if (this.#begun && (!image || this.#begun.address !== new URL(image.file, this.#assets).href)) {
      this.#begun.stop.abort();
      this.#begun = undefined;
    }
    return tiers;
  }

  /** @param {URL} url @param {number} timeout @param {RequestInit} [options] @param {AbortController} [stop] @returns {Promise<Uint8Array>} */
  async #fetch(url, timeout, options, stop = new AbortController()) {
    const watchdog = new Watchdog(timeout, () => stop.abort(new Error(`no data for ${timeout / 1000} s`)));
    const onChunk = (/** @type {number} */ bytes) => {
      watchdog.feed();
      this.#onData(bytes);
    };
    try {
      const response = await fetch(url, { ...options, signal: stop.signal });
      if (!response.ok) throw new Error(`status ${response.status}`);
      return new Uint8Array(await new Response(limited(response, url, onChunk)).arrayBuffer());
    } catch (error) {
      if (error instanceof PercepNetError) throw error;
      throw new PercepNetError('model', explainFailure(url, error));
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
 * @param {(bytes: number) => void} onChunk called with the length of each chunk
 */
function limited(response, url, onChunk) {
  let bytes = 0;
  const count = new TransformStream({
    /** @param {Uint8Array} chunk */
    transform(chunk, controller) {
      onChunk(chunk.length);
      bytes += chunk.length;
      if (bytes > LARGEST) throw new PercepNetError('model', `${url} has more than ${LARGEST} bytes: it is not a model file`);
      controller.enqueue(chunk);
    },
  });
  return /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body).pipeThrough(count);
}

/** @param {BufferSource} bytes @returns {Promise<string>} hexadecimal */
async function hashOf(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
