/** Boots Python in a worker: Pyodide, NumPy and the enhancer's wheel. */
import { guardRuntime, withVersions } from './integrity.js';

/**
 * @param {string} assets URL of the runtime folder
 * @param {(stage: 'runtime' | 'packages') => void} progress
 * @returns {Promise<any>} Pyodide, percepnet_wasm ready to be imported
 */
export async function bootPython(assets, progress) {
  try {
    return await boot(assets, progress);
  } catch (error) {
    throw await withVersions(error, assets);
  }
}

/** @param {string} assets @param {(stage: 'runtime' | 'packages') => void} progress */
async function boot(assets, progress) {
  progress('runtime');
  await guardRuntime(assets);
  // The comments keep bundlers away: the file does not exist when they run.
  const { loadPyodide } = await import(/* @vite-ignore */ /* webpackIgnore: true */ new URL('pyodide.mjs', assets).href);
  const pyodide = await Promise.race([uninstantiable(), loadPyodide({ indexURL: assets })]);
  progress('packages');
  /** @type {string[]} */
  const problems = [];
  await pyodide.loadPackage('percepnet-wasm', {
    messageCallback: () => {},
    errorCallback: (/** @type {string} */ text) => problems.push(text),
  });
  if (problems.length > 0) throw new Error(problems.join('; '));
  return pyodide;
}

/**
 * If its WebAssembly is missing, damaged or served with the wrong type, Pyodide only logs a warning and never settles.
 *
 * @returns {Promise<never>} rejects in that case
 */
function uninstantiable() {
  const { instantiateStreaming } = WebAssembly;
  return new Promise((_, reject) => {
    WebAssembly.instantiateStreaming = async (...given) => {
      WebAssembly.instantiateStreaming = instantiateStreaming;
      try {
        return await instantiateStreaming(...given);
      } catch (error) {
        reject(error);
        throw error;
      }
    };
  });
}
