/** What `model: 'auto'` chose on earlier visits, for each engine, if the browser lets the page store it. */

/** @typedef {import('./chooser.js').Choice} Choice */

/** @param {import('./options.js').Engine} engine */
const keyOf = (engine) => (engine === 'python' ? 'percepnet-wasm:auto' : `percepnet-wasm:auto:${engine}`);

/** @param {import('./options.js').Engine} engine @returns {Choice | undefined} */
export function recall(engine) {
  try {
    return JSON.parse(localStorage.getItem(keyOf(engine)) ?? 'null') ?? undefined;
  } catch {
    return undefined; // storage is unavailable, or holds something else under our key
  }
}

/** @param {import('./options.js').Engine} engine @param {Choice} choice */
export function remember(engine, choice) {
  try {
    localStorage.setItem(keyOf(engine), JSON.stringify(choice));
  } catch {
    // Storage is unavailable: the next visit measures again.
  }
}
