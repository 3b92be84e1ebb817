/** Only the build's own bytes are accepted, and a refusal gives the actual reason behind "failed to fetch". */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, test } from 'node:test';
import { explainModule } from '../explain.js';
import { FILE_TIMEOUT, fetchFile, guardRuntime, withVersions } from '../integrity.js';

const ASSETS = 'https://host.example/runtime/';

/** @param {string} text */
const hashOf = (text) => `sha256-${createHash('sha256').update(text).digest('base64')}`;
const HASHES = { 'pyodide.mjs': hashOf('module'), 'core.wasm': hashOf('core') };

const { fetch } = globalThis;
/** @type {[string, RequestInit | undefined][]} */
let requests = [];

/** A host: `answers` gives the content at each address ('page' is sent as HTML), a status, or nothing when it is unreachable. */
function host(/** @type {Record<string, string | number>} */ answers) {
  globalThis.fetch = async (resource, options) => {
    const url = String(resource);
    requests.push([url, options]);
    const answer = answers[`${url} ${options?.cache ?? ''}`.trim()] ?? answers[url];
    if (answer === undefined) throw new TypeError('Failed to fetch');
    return typeof answer === 'number' ? new Response('', { status: answer }) : new Response(answer, { headers: { 'content-type': answer === 'page' ? 'text/html; charset=utf-8' : 'text/plain' } });
  };
}

beforeEach(() => void (requests = []));
afterEach(() => void (globalThis.fetch = fetch));

test('what is listed is fetched and checked, the rest is left alone', async () => {
  host({ [`${ASSETS}core.wasm`]: 'core', [`${ASSETS}pyodide.mjs`]: 'module', 'https://else.example/x': '' });
  await guardRuntime(ASSETS, HASHES);
  requests = [];
  await globalThis.fetch(`${ASSETS}pyodide.mjs`, { credentials: 'same-origin' });
  await globalThis.fetch('https://else.example/x');
  assert.deepEqual(requests, [
    [`${ASSETS}pyodide.mjs`, { credentials: 'same-origin' }],
    ['https://else.example/x', undefined],
  ]);
});

test('what a start needs is fetched in advance, once', async () => {
  const hashes = { ...HASHES, 'numpy.whl': hashOf('numpy'), 'models/c10.pnw': hashOf('c10') };
  host({
    [`${ASSETS}core.wasm`]: 'core', [`${ASSETS}pyodide.mjs`]: 'module', [`${ASSETS}numpy.whl`]: 'numpy',
  });
  await guardRuntime(ASSETS, hashes);
  const early = ['core.wasm', 'numpy.whl', 'pyodide.mjs'].map((name) => ASSETS + name);
  assert.deepEqual(requests.map(([url]) => url).sort(), early, 'only models that were chosen');
  const wheel = await globalThis.fetch(`${ASSETS}numpy.whl`, { integrity: 'sha256-of-the-lock' });
  assert.equal(await wheel.text(), 'numpy', 'checked, and still to be read');
  assert.equal(requests.length, 3);
  await globalThis.fetch(`${ASSETS}numpy.whl`);
  assert.equal(requests.length, 4, 'a response can be read once: the second who asks gets another');
});

test('a wheel that was refused early is named to every later caller', async () => {
  const hashes = { ...HASHES, 'numpy.whl': hashOf('numpy') };
  host({
    [`${ASSETS}core.wasm`]: 'core', [`${ASSETS}pyodide.mjs`]: 'module', [`${ASSETS}numpy.whl`]: 'other',
  });
  const refused = await guardRuntime(ASSETS, hashes);
  await new Promise((resolve) => setTimeout(resolve)); // an unhandled rejection would end the test
  await assert.rejects(globalThis.fetch(`${ASSETS}numpy.whl`), /numpy\.whl is not the file of this build/);
  assert.match(String(refused()), /numpy\.whl is not the file of this build/);
});

test('a cached file of an earlier version is fetched again', async () => {
  const url = `${ASSETS}core.wasm`;
  host({ [url]: 'old', [`${url} reload`]: 'core', [`${ASSETS}pyodide.mjs`]: 'module' });
  await guardRuntime(ASSETS, HASHES);
  assert.equal((await globalThis.fetch(url)).status, 200);
  assert.equal(requests.at(-1)?.[1]?.cache, 'reload');
});

test('bytes are reported as they arrive, before the file is complete', async () => {
  /** @type {ReadableStreamDefaultController<Uint8Array>} */
  let sender = /** @type {any} */ (undefined);
  const body = new ReadableStream({ start: (controller) => void (sender = controller) });
  const counted = /** @type {number[]} */ ([]);
  globalThis.fetch = async () => {
    const response = new Response(body);
    const reader = /** @type {ReadableStream<Uint8Array>} */ (response.clone().body).getReader();
    void (async () => {
      for (let part = await reader.read(); !part.done; part = await reader.read()) counted.push(part.value.length);
    })();
    return response;
  };
  await guardRuntime(ASSETS, { 'other.bin': hashOf('half and half') });
  const whole = globalThis.fetch(`${ASSETS}other.bin`);
  const encode = (/** @type {string} */ text) => new TextEncoder().encode(text);
  sender.enqueue(encode('half and'));
  while (counted.length === 0) await new Promise((resolve) => setTimeout(resolve));
  sender.enqueue(encode(' half'));
  sender.close();
  assert.equal(await (await whole).text(), 'half and half');
  assert.deepEqual(counted, [8, 5]);
});

test('a broken connection is retried once, then reported', async () => {
  let attempts = 0;
  globalThis.fetch = async () => {
    attempts++;
    return new Response(new ReadableStream({ pull: (controller) => controller.error(new TypeError('network error')) }));
  };
  await assert.rejects(guardRuntime(ASSETS, { 'pyodide.mjs': hashOf('module') }), /could not be downloaded: network error/);
  assert.equal(attempts, 2);
});

test('a small file that never arrives is asked for again, with as much time', async (context) => {
  const timeouts = [new AbortController(), new AbortController()];
  const timeout = context.mock.method(AbortSignal, 'timeout', () => timeouts[timeout.mock.callCount()].signal);
  globalThis.fetch = (_, options) => {
    const { signal } = /** @type {{signal: AbortSignal}} */ (options);
    if (signal === timeouts[1].signal) return Promise.resolve(new Response('core'));
    const never = new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    timeouts[0].abort();
    return /** @type {Promise<Response>} */ (never);
  };
  assert.equal(new TextDecoder().decode(await fetchFile(ASSETS, 'core.wasm', HASHES)), 'core');
  assert.deepEqual(timeout.mock.calls.map((call) => call.arguments), [[FILE_TIMEOUT], [FILE_TIMEOUT]]);
});

test('other bytes are refused, a module before it is imported', async () => {
  host({ [`${ASSETS}pyodide.mjs`]: 'other' });
  await assert.rejects(guardRuntime(ASSETS, HASHES), /runtime\/pyodide\.mjs is not the file of this build: copy/);
});

test('after an update of one folder alone, the versions that clash are named', async () => {
  const hashes = { ...HASHES, 'percepnet_wasm-0.2.0-py3-none-any.whl': hashOf('wheel') };
  const lock = (/** @type {string} */ version) => `{"file_name": "percepnet_wasm-${version}-py3-none-any.whl"}`;
  const answers = { [`${ASSETS}core.wasm`]: 'core', [`${ASSETS}pyodide.mjs`]: 'other' };
  const explained = async (/** @type {string} */ version) => {
    host({ ...answers, [`${ASSETS}pyodide-lock.json?version`]: lock(version) });
    const error = await guardRuntime(ASSETS, hashes).catch((refusal) => withVersions(refusal, ASSETS, hashes));
    return /** @type {Error} */ (error).message;
  };
  assert.match(await explained('0.1.0'), /pyodide\.mjs is not the file of this build: copy .*together \(worklet is version 0\.2\.0, runtime 0\.1\.0\)$/);
  assert.match(await explained('0.2.0'), /together \(both are version 0\.2\.0, but of different builds\)$/);
  const missing = async (/** @type {string} */ version) => {
    host({ [`${ASSETS}pyodide-lock.json?version`]: lock(version) });
    return /** @type {Error} */ (await withVersions(new Error('core.wasm is missing: status 404'), ASSETS, hashes)).message;
  };
  assert.match(await missing('0.1.0'), /missing: status 404 \(worklet is version 0\.2\.0, runtime 0\.1\.0\)$/);
  assert.match(await missing('0.2.0'), /missing: status 404$/, 'a file of this version is just missing');
});

test('a host that is unreachable, or forbids it, is distinguished', async () => {
  host({});
  await assert.rejects(guardRuntime(ASSETS, HASHES), /could not be downloaded: Failed to fetch; does its host send Access-Control/);
});

test('a missing file is named, with its status', async () => {
  host({ [`${ASSETS}core.wasm`]: 404, [`${ASSETS}pyodide.mjs`]: 'module' });
  await guardRuntime(ASSETS, HASHES);
  await assert.rejects(globalThis.fetch(`${ASSETS}core.wasm`), /runtime\/core\.wasm is missing: status 404/);
});

test('a page in place of a missing file, as development servers send it, is recognised', async () => {
  host({ [`${ASSETS}pyodide.mjs`]: 'page' });
  await assert.rejects(guardRuntime(ASSETS, HASHES), /runtime\/pyodide\.mjs is an HTML page: .*copy the package's runtime folder/);
});

test('a module that cannot be loaded is explained by what its address answers', async () => {
  const url = 'https://host.example/worklet/worker.js';
  host({ [url]: 'page' });
  assert.match(await explainModule(url), /worker\.js is an HTML page: .*optimizeDeps/);
  host({ [url]: 404 });
  assert.match(await explainModule(url), /worker\.js is missing: status 404/);
  host({});
  assert.equal(await explainModule(url), '');
});

test('without hashes, as in the repository, nothing is fetched beforehand and all is let through', async () => {
  host({ [`${ASSETS}core.wasm`]: 'any' });
  await guardRuntime(ASSETS, {});
  assert.deepEqual(requests, []);
  assert.equal((await globalThis.fetch(`${ASSETS}core.wasm`)).status, 200);
});
