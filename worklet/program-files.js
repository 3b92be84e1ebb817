/**
 * The files that run without Python: two builds of the kernel, and the default tier's program image. Python's wheel holds
 * neither, so Python uses them too: those that another worker has downloaded, or its own downloads.
 */
import { fetchFile } from './integrity.js';
import { ModelFiles } from './model-files.js';
import { Models } from './models.js';

/** The kernel's builds in the runtime folder, by name. */
const KERNELS = { relaxed: 'kernel/relaxed.wasm', simd: 'kernel/simd.wasm' };

/** @typedef {import('./messages.js').ProgramFiles} ProgramFiles */

/** @param {string} assets URL of the runtime folder @returns {Promise<Pick<ProgramFiles, 'relaxed' | 'simd'>>} */
export async function fetchKernels(assets) {
  const [relaxed, simd] = await Promise.all([fetchFile(assets, KERNELS.relaxed), fetchFile(assets, KERNELS.simd)]);
  return { relaxed, simd };
}

/**
 * @param {string} assets URL of the runtime folder
 * @param {(bytes: number) => void} [onData] called while they arrive
 * @returns {Promise<ProgramFiles>}
 */
export async function fetchFiles(assets, onData) {
  const bytes = {
    builtInModel: () => undefined,
    file: (/** @type {import('./tiers.js').Tier} */ { image }) => image,
    model: async (/** @type {Uint8Array} */ image) => ({ proxy: image, tier: '', weights: 0 }),
  };
  const files = new ModelFiles(assets, onData);
  files.begin();
  const models = new Models(assets, bytes, files);
  const [kernels] = await Promise.all([fetchKernels(assets), models.preload()]);
  return { ...kernels, image: models.defaultModel.proxy, tier: models.defaultModel.name };
}

/** @param {import('./models.js').LoadedModel} model the default tier, of the runner's runtime @returns {ProgramFiles} */
export function filesOf({ name, proxy }) {
  return { ...proxy.kernels, image: proxy.image, tier: name };
}

/** Bytes of each, by path in the runtime folder. @param {ProgramFiles} files @returns {Record<string, number>} */
export function sizesOf({ relaxed, simd, image, tier }) {
  return { [KERNELS.relaxed]: relaxed.length, [KERNELS.simd]: simd.length, [`models/${tier}.pni`]: image.length };
}

/**
 * Put them where percepnet_wasm looks for them.
 *
 * @param {any} pyodide @param {ProgramFiles} files
 */
export function install(pyodide, { relaxed, simd, image, tier }) {
  const module = pyodide.pyimport('percepnet_wasm');
  const folder = module.__file__.replace(/[^/]*$/, '');
  module.destroy();
  const { FS } = pyodide;
  FS.mkdirTree(`${folder}models`);
  FS.writeFile(`${folder}kernel/relaxed.wasm`, relaxed);
  FS.writeFile(`${folder}kernel/simd.wasm`, simd);
  FS.writeFile(`${folder}models/${tier}.pni`, image);
}
