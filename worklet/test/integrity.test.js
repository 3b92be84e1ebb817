/** Only the build's own bytes get in, and a refusal says which of the reasons for "failed to fetch" it was. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { guardRuntime } from '../integrity.js';

const ASSETS = 'https://host.example/runtime/';
const HASHES = { 'pyodide.mjs': 'sha256-module', 'core.wasm': 'sha256-core' };

const { fetch } = globalThis;
/** @type {[string, RequestInit | undefined][]} */
let requests = [];

/** A browser: `answers` gives what hash each address has, a status, or nothing when the host is away. */
function browser(/** @type {Record<string, string | number>} */ answers) {
  globalThis.fetch = async (resource, options) => {
    const url = String(resource);
    requests.push([url, options]);
    const answer = answers[`${url} ${options?.cache ?? ''}`.trim()] ?? answers[url];
    const status = typeof answer === 'number' ? answer : 200;
    const refused = options?.integrity && options.integrity !== answer;
    if (answer === undefined || refused) throw new TypeError('Failed to fetch');
    return new Response(url, { status });
  };
}

beforeEach(() => void (requests = []));
afterEach(() => void (globalThis.fetch = fetch));

test('what is listed is asked for with its hash, the rest as it is', async () => {
  browser({ [`${ASSETS}core.wasm`]: 'sha256-core', [`${ASSETS}pyodide.mjs`]: 'sha256-module', 'https://else.example/x': '' });
  await guardRuntime(ASSETS, HASHES);
  requests = [];
  await globalThis.fetch(`${ASSETS}pyodide.mjs`, { credentials: 'same-origin' });
  await globalThis.fetch('https://else.example/x');
  assert.deepEqual(requests, [
    [`${ASSETS}pyodide.mjs`, { credentials: 'same-origin', integrity: 'sha256-module' }],
    ['https://else.example/x', undefined],
  ]);
});

test('what a start needs is under way before anybody asks, once', async () => {
  const hashes = { ...HASHES, 'numpy.whl': 'sha256-numpy', 'models/c10.pnw': 'sha256-c10' };
  browser({
    [`${ASSETS}core.wasm`]: 'sha256-core', [`${ASSETS}pyodide.mjs`]: 'sha256-module', [`${ASSETS}numpy.whl`]: 'sha256-numpy',
  });
  await guardRuntime(ASSETS, hashes);
  const early = ['core.wasm', 'numpy.whl', 'pyodide.mjs'].map((name) => ASSETS + name);
  assert.deepEqual(requests.map(([url]) => url).sort(), early, 'no model that nobody has chosen');
  const wheel = await globalThis.fetch(`${ASSETS}numpy.whl`, { integrity: 'sha256-of-the-lock' });
  assert.equal(await wheel.text(), `${ASSETS}numpy.whl`);
  assert.equal(requests.length, 3);
  await globalThis.fetch(`${ASSETS}numpy.whl`);
  assert.equal(requests.length, 4, 'a response can be read once: the second who asks gets another');
});

test('a wheel that was refused early is named to whoever asks', async () => {
  const hashes = { ...HASHES, 'numpy.whl': 'sha256-numpy' };
  browser({
    [`${ASSETS}core.wasm`]: 'sha256-core', [`${ASSETS}pyodide.mjs`]: 'sha256-module', [`${ASSETS}numpy.whl`]: 'sha256-other',
  });
  await guardRuntime(ASSETS, hashes);
  await new Promise((resolve) => setTimeout(resolve)); // an unhandled rejection would end the test
  await assert.rejects(globalThis.fetch(`${ASSETS}numpy.whl`), /numpy\.whl is not the file of this build/);
});

test('a file of an earlier version in the cache is asked for anew', async () => {
  const url = `${ASSETS}core.wasm`;
  browser({ [url]: 'sha256-old', [`${url} reload`]: 'sha256-core', [`${ASSETS}pyodide.mjs`]: 'sha256-module' });
  await guardRuntime(ASSETS, HASHES);
  assert.equal((await globalThis.fetch(url)).status, 200);
  assert.equal(requests.at(-1)?.[1]?.cache, 'reload');
});

test('other bytes are refused, a module before it is imported', async () => {
  browser({ [`${ASSETS}pyodide.mjs`]: 'sha256-other' });
  await assert.rejects(guardRuntime(ASSETS, HASHES), /runtime\/pyodide\.mjs is not the file of this build: copy/);
});

test('a host that is away, or forbids it, is told apart', async () => {
  browser({});
  await assert.rejects(guardRuntime(ASSETS, HASHES), /could not be fetched: Failed to fetch; does its host send Access-Control/);
});

test('a file that is not there is left to whoever asked', async () => {
  browser({ [`${ASSETS}core.wasm`]: 404, [`${ASSETS}pyodide.mjs`]: 'sha256-module' });
  await guardRuntime(ASSETS, HASHES);
  assert.equal((await globalThis.fetch(`${ASSETS}core.wasm`)).status, 404);
});

test('without hashes, as in the repository, nothing is fetched beforehand and all is let through', async () => {
  browser({ [`${ASSETS}core.wasm`]: 'sha256-any' });
  await guardRuntime(ASSETS, {});
  assert.deepEqual(requests, []);
  assert.equal((await globalThis.fetch(`${ASSETS}core.wasm`)).status, 200);
});
