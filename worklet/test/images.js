/** Program images for tests, made by Python for each run, with what NumPy gives for the same sound. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const root = fileURLToPath(new URL('../../', import.meta.url));
const own = join(root, '.venv', 'bin', 'python');
const python = process.env.PYTHON ?? (existsSync(own) ? own : 'python3');

setFlagsFromString('--expose-gc');

/** V8 sets 10 GB of addresses aside for each memory and has room for a hundred. */
export const collect = runInNewContext('gc');

/** @param {string} name */
export const kernelBytes = (name) => readFileSync(join(root, 'percepnet_wasm', 'kernel', `${name}.wasm`));

/**
 * @returns {{images: Record<string, Uint8Array>, outputs: Record<string, Float32Array>, clip: Float32Array, facts: any}}
 *   images and NumPy's outputs by model
 */
export function makeImages() {
  const folder = mkdtempSync(join(tmpdir(), 'percepnet-images-'));
  try {
    execFileSync(python, [fileURLToPath(new URL('make_images.py', import.meta.url)), folder], { stdio: ['ignore', 'ignore', 'inherit'] });
    const floats = (/** @type {string} */ name) => new Float32Array(new Uint8Array(readFileSync(join(folder, name))).buffer);
    const facts = JSON.parse(readFileSync(join(folder, 'facts.json'), 'utf8'));
    /** @type {Record<string, Uint8Array>} */ const images = {};
    /** @type {Record<string, Float32Array>} */ const outputs = {};
    for (const name of Object.keys(facts)) {
      images[name] = new Uint8Array(readFileSync(join(folder, `${name}.pni`)));
      outputs[name] = floats(`${name}.f32`);
    }
    return { images, outputs, clip: floats('clip.f32'), facts };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * An image with another header.
 *
 * @param {Uint8Array} image @param {(header: any) => any} change in place, or the header to take instead
 */
export function withHeader(image, change) {
  const length = new DataView(image.buffer, image.byteOffset).getUint32(12, true);
  const header = JSON.parse(new TextDecoder().decode(image.subarray(16, 16 + length)));
  const text = new TextEncoder().encode(JSON.stringify(change(header) ?? header));
  const padded = text.length + (-text.length & 7);
  const changed = new Uint8Array(image.length - length + padded).fill(0x20);
  changed.set(image.subarray(0, 16));
  changed.set(text, 16);
  changed.set(image.subarray(16 + length), 16 + padded);
  new DataView(changed.buffer).setUint32(12, padded, true);
  return changed;
}

/** The image of the default tier alone. @returns {Uint8Array} */
export function makeImage() {
  const script = 'import sys\nfrom percepnet_wasm import Model\nfrom percepnet_wasm.kernel.image import image\nsys.stdout.buffer.write(image(Model.load()))';
  return new Uint8Array(execFileSync(python, ['-c', script], { cwd: root, maxBuffer: 2 ** 26, stdio: ['ignore', 'pipe', 'inherit'] }));
}

/**
 * Serve a runtime folder for engines without Python by fetch().
 *
 * @param {string} assets its URL @param {Uint8Array} [image]
 * @returns {Record<string, Uint8Array>} the files by address, to be changed
 */
export function serveRuntime(assets, image = makeImage()) {
  const entry = { file: 'models/c20.pni', bytes: image.length, sha256: createHash('sha256').update(image).digest('hex') };
  const catalogue = { c20: { file: 'models/c20.pnw', bytes: 1, sha256: '', weights: 1, default: true, image: entry } };
  const files = {
    [`${assets}kernel/relaxed.wasm`]: kernelBytes('relaxed'),
    [`${assets}kernel/simd.wasm`]: kernelBytes('simd'),
    [`${assets}models/c20.pni`]: image,
    [`${assets}models.json`]: new TextEncoder().encode(JSON.stringify(catalogue)),
  };
  globalThis.fetch = /** @type {any} */ (
    async (/** @type {any} */ url) =>
      files[String(url)] ? new Response(/** @type {any} */ (files[String(url)])) : new Response('', { status: 404 })
  );
  return files;
}
