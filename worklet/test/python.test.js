/** The boot of Python, against a Pyodide that behaves like the real one where it matters here. */
import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { bootPython } from '../python.js';

/** Like Pyodide it warns of WebAssembly that cannot be instantiated, and never answers then. */
const PYODIDE = `
export async function loadPyodide() {
  await new Promise((resolve) =>
    WebAssembly.instantiateStreaming(globalThis.answer).then(resolve, () => {}));
  return {
    loadPackage: async (name) => { globalThis.loaded = name; },
    pyimport: (name) => ({ __file__: '/site/' + name + '/__init__.py', destroy() {} }),
    FS: { mkdirTree() {}, writeFile: (path, bytes) => { globalThis.written[path] = bytes[0]; } },
  };
}`;

/** What the worker that enhances meanwhile has downloaded; distinguished by the first byte. */
const FILES = { relaxed: new Uint8Array([1]), simd: new Uint8Array([2]), image: new Uint8Array([3]), tier: 'c20' };

/** An empty module. */
const MODULE = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
const HEADERS = { 'Content-Type': 'application/wasm' };

/** @param {Response | Promise<Response>} answer to the request for the WebAssembly */
async function boot(answer) {
  Promise.resolve(answer).catch(() => {}); // until it is asked for
  const folder = await mkdtemp(join(tmpdir(), 'percepnet-'));
  await writeFile(join(folder, 'pyodide.mjs'), PYODIDE);
  Object.assign(globalThis, { answer, written: {} });
  return bootPython(pathToFileURL(folder + '/').href, () => {}, FILES);
}

async function unreachable() {
  throw new TypeError('Failed to fetch');
}

test('a start loads the enhancer and leaves WebAssembly as it was', async () => {
  const { instantiateStreaming } = WebAssembly;
  await boot(new Response(MODULE, { headers: HEADERS }));
  assert.equal(/** @type {any} */ (globalThis).loaded, 'percepnet-wasm');
  assert.equal(WebAssembly.instantiateStreaming, instantiateStreaming);
  assert.deepEqual(/** @type {any} */ (globalThis).written, {
    '/site/percepnet_wasm/kernel/relaxed.wasm': 1,
    '/site/percepnet_wasm/kernel/simd.wasm': 2,
    '/site/percepnet_wasm/models/c20.pni': 3,
  });
});

for (const [name, answer] of /** @type {[string, () => Response | Promise<Response>][]} */ ([
  ['missing', () => new Response('', { status: 404 })],
  ['damaged', () => new Response(new Uint8Array(64), { headers: HEADERS })],
  ['of another type', () => new Response(MODULE, { headers: { 'Content-Type': 'text/plain' } })],
  ['out of reach', unreachable],
])) {
  test(`a start fails when the WebAssembly is ${name}`, async () => {
    await assert.rejects(boot(answer()));
  });
}

test('a start fails as soon as kernels and image cannot be downloaded, whatever Pyodide does', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'percepnet-'));
  await writeFile(join(folder, 'pyodide.mjs'), 'export const loadPyodide = () => new Promise(() => {});');
  await assert.rejects(bootPython(pathToFileURL(folder + '/').href, () => {}));
});
