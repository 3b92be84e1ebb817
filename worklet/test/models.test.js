/** The models a worker holds, with fake files and a fake Python. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { beforeEach, mock, test } from 'node:test';
import { DEFAULT_TIER } from '../constants.js';
import { FILE_TIMEOUT } from '../integrity.js';
import { DOWNLOAD_TIMEOUT, ModelFiles } from '../model-files.js';
import { Models } from '../models.js';
import { TICK } from '../watchdog.js';

const ASSETS = 'https://app.example/runtime/';

/** @type {Record<string, string>} content of the files by address */
let files;
/** @type {string[]} addresses fetched, and how */
let fetched;
/** @type {string[]} models that Python has let go of */
let destroyed;

/** A Python in which a model file's content is the name of its tier, and its length the number of weights. */
const runtime = /** @type {any} */ ({
  builtInModel: () => ({ tier: 'c20', weights: 3, proxy: { destroy: () => destroyed.push('c20') } }),
  file: (/** @type {any} */ tier) => tier,
  async model(/** @type {Uint8Array} */ bytes) {
    const tier = new TextDecoder().decode(bytes);
    if (tier === 'noise') throw new Error('it is no PercepNet model file');
    return { tier, weights: tier.length, proxy: { destroy: () => destroyed.push(tier) } };
  },
});

const sha256 = (/** @type {string} */ text) => createHash('sha256').update(text).digest('hex');

beforeEach(() => {
  const entry = (/** @type {string} */ tier, /** @type {number} */ weights) => ({
    file: `models/${tier}.pnw`,
    bytes: tier.length,
    sha256: sha256(tier),
    weights,
    default: false,
  });
  files = {
    [`${ASSETS}models.json`]: JSON.stringify({ c10: entry('c10', 1), c20: entry('c20', 2) }),
    [`${ASSETS}models/c10.pnw`]: 'c10',
    'https://other.example/mine.pnw': 'mine',
    'https://other.example/noise.pnw': 'noise',
  };
  fetched = [];
  destroyed = [];
  globalThis.fetch = /** @type {any} */ (
    async (/** @type {URL} */ url, /** @type {RequestInit} */ { cache } = {}) => {
      fetched.push([url.pathname.split('/').at(-1), cache].filter(Boolean).join(' '));
      const content = files[url.href];
      return content === undefined ? new Response('', { status: 404 }) : new Response(content);
    }
  );
});

test("a built-in model is there without a request, by default and by its name, and stays", async () => {
  const models = new Models(ASSETS, runtime);
  const held = await models.acquire('');
  assert.equal(await models.acquire('c20'), held);
  models.release(held);
  models.release(held);
  assert.deepEqual([fetched, destroyed], [[], []]);
  assert.equal(await models.acquire('c20'), held);
});

test('another tier is fetched once for everyone, and released after the last', async () => {
  const models = new Models(ASSETS, runtime);
  const [a, b] = await Promise.all([models.acquire('c10'), models.acquire('c10')]);
  assert.equal(a, b);
  assert.deepEqual(fetched, ['models.json', 'c10.pnw']);
  models.release(a);
  assert.deepEqual(destroyed, []);
  models.release(b);
  assert.deepEqual(destroyed, ['c10']);
  await models.acquire('c10');
  assert.deepEqual(fetched, ['models.json', 'c10.pnw', 'c10.pnw']);
});

test('a file that is the one listed is hashed once', async (context) => {
  const digest = context.mock.method(crypto.subtle, 'digest');
  await new Models(ASSETS, runtime).acquire('c10');
  assert.equal(digest.mock.callCount(), 1);
});

test('a file that is not the one listed is fetched past the cache, then refused', async () => {
  const models = new Models(ASSETS, runtime);
  files[`${ASSETS}models/c10.pnw`] = 'old';
  await assert.rejects(models.acquire('c10'), { code: 'model', message: /SHA-256 differs/ });
  assert.deepEqual(fetched, ['models.json', 'c10.pnw', 'c10.pnw reload']);
  files[`${ASSETS}models/c10.pnw`] = 'c10';
  assert.equal((await models.acquire('c10')).tier, 'c10', 'once repaired, it is accepted');
});

test('an unknown tier is refused with a list of those there are', async () => {
  const models = new Models(ASSETS, runtime);
  await assert.rejects(models.acquire('c99'), { code: 'model', message: /no tier c99: use auto, c20, c10 or the URL/ });
});

test('a missing list is looked for again the next time', async () => {
  const models = new Models(ASSETS, runtime);
  const list = files[`${ASSETS}models.json`];
  delete files[`${ASSETS}models.json`];
  await assert.rejects(models.acquire('c10'), { code: 'model', message: /models\.json could not be downloaded: status 404/ });
  files[`${ASSETS}models.json`] = list;
  assert.equal((await models.acquire('c10')).tier, 'c10');
});

test('a list of another build is fetched past the cache, then refused: the hashes of the models are in it', async () => {
  const list = files[`${ASSETS}models.json`];
  const hashes = { 'models.json': `sha256-${createHash('sha256').update(list).digest('base64')}` };
  assert.equal((await new ModelFiles(ASSETS, undefined, hashes).tiers()).length, 2);
  files[`${ASSETS}models.json`] = `${list} `;
  fetched = [];
  await assert.rejects(new ModelFiles(ASSETS, undefined, hashes).tiers(), { code: 'model', message: /models\.json is not the file of this build/ });
  assert.deepEqual(fetched, ['models.json', 'models.json reload']);
});

test("a model file of one's own is fetched by its address; one that Python refuses is refused", async () => {
  const models = new Models(ASSETS, runtime);
  assert.equal((await models.acquire('https://other.example/mine.pnw')).tier, 'mine');
  assert.deepEqual(fetched, ['mine.pnw']);
  await assert.rejects(models.acquire('https://other.example/noise.pnw'), { code: 'model', message: /no PercepNet model file/ });
});

/** A runtime that has no model of its own and runs images. */
const runner = { ...runtime, builtInModel: () => undefined, file: (/** @type {any} */ { image }) => image };

/** List one tier, with an image. @param {string} tier @param {string} image @param {string} content */
function listImage(tier, image, content) {
  const listed = { file: `models/${tier}.pnw`, sha256: '', weights: 1, default: true, image: { file: image, sha256: sha256(content) } };
  files[`${ASSETS}models.json`] = JSON.stringify({ [tier]: listed });
}

test('the first image is fetched along with the list that names it, once', async () => {
  const image = `models/${DEFAULT_TIER}.pni`;
  listImage(DEFAULT_TIER, image, DEFAULT_TIER);
  files[ASSETS + image] = DEFAULT_TIER;
  const given = new ModelFiles(ASSETS);
  given.begin();
  assert.deepEqual(fetched.sort(), [`${DEFAULT_TIER}.pni`, 'models.json'], 'before anything has arrived');
  const models = new Models(ASSETS, runner, given);
  await models.preload();
  assert.equal(models.defaultModel.tier, DEFAULT_TIER);
  assert.equal(fetched.length, 2);
});

test('a first image that is not the one listed is fetched past the cache; one that is missing is an error that names it', async () => {
  const image = `models/${DEFAULT_TIER}.pni`;
  listImage(DEFAULT_TIER, image, DEFAULT_TIER);
  files[ASSETS + image] = 'old';
  for (const message of [/SHA-256 differs/, /pni could not be downloaded: status 404/]) {
    const given = new ModelFiles(ASSETS);
    given.begin();
    await assert.rejects(new Models(ASSETS, runner, given).preload(), { code: 'model', message });
    delete files[ASSETS + image];
  }
  assert.ok(fetched.includes(`${DEFAULT_TIER}.pni reload`));
});

test('an image that has been downloaded is not requested, nor is the list that names it', async () => {
  const models = new Models(ASSETS, runner);
  await models.preload({ tier: 'c20', image: new TextEncoder().encode('c20') });
  assert.equal(await models.acquire(''), models.defaultModel);
  assert.deepEqual([models.defaultModel.tier, fetched], ['c20', []]);
});

test('in a folder with other models the first image is given up for the one listed', async () => {
  listImage('c7', 'models/c7.pni', 'c7');
  files[`${ASSETS}models/c7.pni`] = 'c7';
  const plain = globalThis.fetch;
  /** @type {AbortSignal | null | undefined} */
  let signal;
  globalThis.fetch = /** @type {any} */ (
    (/** @type {URL} */ url, /** @type {RequestInit} */ options) => {
      if (!url.pathname.endsWith(`${DEFAULT_TIER}.pni`)) return plain(url, options);
      signal = options.signal;
      return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal?.reason)));
    }
  );
  const given = new ModelFiles(ASSETS);
  given.begin();
  const models = new Models(ASSETS, runner, given);
  await models.preload();
  assert.equal(models.defaultModel.tier, 'c7');
  assert.ok(signal?.aborted);
});

test('a file larger than any model is not read to its end', async () => {
  const models = new Models(ASSETS, runtime);
  const chunk = new Uint8Array(2 ** 20);
  let [sent, ended] = [0, false];
  const endless = new ReadableStream({
    pull: (controller) => (sent++, controller.enqueue(chunk)),
    cancel: () => (ended = true),
  });
  globalThis.fetch = /** @type {any} */ (async () => new Response(endless));
  await assert.rejects(models.acquire('https://other.example/endless.pnw'), {
    code: 'model',
    message: /endless\.pnw has more than 134217728 bytes: it is not a model file/,
  });
  assert.ok(ended && sent < 140, `${sent} MB were taken`);
});

test('a stalled download is given up, a slow one is not', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const pass = async (/** @type {number} */ ms) => {
    for (let passed = 0; passed < ms; passed += TICK) mock.timers.tick(TICK);
    await new Promise(setImmediate);
  };
  let arrived = 0;
  const models = new Models(ASSETS, runtime, new ModelFiles(ASSETS, () => arrived++));
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  let body;
  globalThis.fetch = /** @type {any} */ (
    async (/** @type {URL} */ _, /** @type {RequestInit} */ { signal }) => {
      const stream = new ReadableStream({ start: (controller) => void (body = controller) });
      signal?.addEventListener('abort', () => body.error(signal.reason));
      return new Response(stream);
    }
  );
  const address = 'https://other.example/mine.pnw';
  for (const slow of [true, false]) {
    const acquired = models.acquire(address);
    const refused = acquired.catch((error) => error);
    await pass(0);
    for (let piece = 0; piece < 3; piece++) {
      await pass(DOWNLOAD_TIMEOUT - TICK);
      body.enqueue(new TextEncoder().encode('x'));
      await pass(0);
    }
    if (slow) body.close();
    else await pass(DOWNLOAD_TIMEOUT);
    const given = await refused;
    if (slow) models.release(given);
    else assert.match(given.message, /mine\.pnw could not be downloaded: no data for 45 s/);
  }
  assert.equal(arrived, 6);
  const refused = models.tiers().catch((error) => error);
  await pass(FILE_TIMEOUT);
  assert.match((await refused).message, /models\.json could not be downloaded: no data for 10 s/);
  mock.timers.reset();
});
