/** What a built site's wheel leaves out, because its pages have downloaded it before Python: kernels and the default tier's weights. */

/** @param {any} pyodide with the wheel @param {string} runtime URL of the runtime folder, of a server or file: */
export async function complete(pyodide, runtime) {
  const module = pyodide.pyimport('percepnet_wasm');
  const folder = module.__file__.replace(/[^/]*$/, '');
  module.destroy();
  const models = JSON.parse(new TextDecoder().decode(await read(new URL('models.json', runtime))));
  const image = Object.values(models).find((each) => each.default).image.file;
  pyodide.FS.mkdirTree(`${folder}models`);
  for (const name of ['kernel/relaxed.wasm', 'kernel/simd.wasm', image]) {
    pyodide.FS.writeFile(folder + name, await read(new URL(name, runtime)));
  }
}

/** @param {URL} url @returns {Promise<Uint8Array>} */
async function read(url) {
  if (url.protocol === 'file:') return new Uint8Array(await (await import('node:fs/promises')).readFile(url));
  return new Uint8Array(await (await fetch(url)).arrayBuffer());
}
