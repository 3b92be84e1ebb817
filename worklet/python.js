/** Boots Python in a worker: Pyodide, NumPy and the enhancer's wheel. */
import { guardRuntime, withVersions } from './integrity.js';
import { fetchFiles, install } from './program-files.js';

/**
 * @param {string} assets URL of the runtime folder
 * @param {(stage: 'runtime' | 'packages') => void} progress
 * @param {import('./messages.js').ProgramFiles} [files] the kernel's and the default tier's, if they have been downloaded
 * @returns {Promise<any>} Pyodide, percepnet_wasm ready to be imported
 */
export async function bootPython(assets, progress, files) {
  try {
    return await boot(assets, progress, files);
  } catch (error) {
    throw await withVersions(error, assets);
  }
}

/**
 * @param {string} assets
 * @param {(stage: 'runtime' | 'packages') => void} progress
 * @param {import('./messages.js').ProgramFiles} [files]
 */
async function boot(assets, progress, files) {
  progress('runtime');
  const refused = await guardRuntime(assets);
  const program = files ?? fetchFiles(assets);
  Promise.resolve(program).catch(() => {}); // handled below
  // The comments keep bundlers away: the file does not exist when they run.
  const { loadPyodide } = await import(/* @vite-ignore */ /* webpackIgnore: true */ new URL('pyodide.mjs', assets).href);
  const loaded = Promise.race([uninstantiable(), unavailable(program), loadPyodide({ indexURL: assets })]);
  const pyodide = await loaded.catch((error) => {
    throw refused() ?? error; // without its standard library, Pyodide reports only that it has exited
  });
  progress('packages');
  /** @type {string[]} */
  const problems = [];
  await pyodide.loadPackage('percepnet-wasm', {
    messageCallback: () => {},
    errorCallback: (/** @type {string} */ text) => problems.push(text),
  });
  if (problems.length > 0) throw new Error(problems.join('; '));
  install(pyodide, await program);
  return pyodide;
}

/** Rejects at once if the files cannot be downloaded, and never resolves. @param {unknown} files @returns {Promise<never>} */
async function unavailable(files) {
  await files;
  return new Promise(() => {});
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
