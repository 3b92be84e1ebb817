/**
 * Explains why a file could not be used, and names it. Browsers report all of these as 'failed to fetch' or a syntax error.
 */

/** ms that a request made only for the explanation may take. */
const TIMEOUT = 3000;

const RUNTIME = "copy the package's runtime folder to your static files and point `assets` there";
const MODULES = "keep the package out of the bundler's dependency optimisation (Vite: optimizeDeps.exclude), or copy the worklet folder";

/**
 * @param {string | URL} url requested
 * @param {Response} response
 * @param {string} [remedy] for the case that a page was sent instead of the file
 * @returns {string} '' if the response does not show what is wrong
 */
export function explainResponse(url, { ok, status, headers }, remedy = RUNTIME) {
  if (!ok) return `${url} is missing: status ${status}`;
  if (!headers.get('content-type')?.startsWith('text/html')) return '';
  return `${url} is an HTML page: this server answers requests for missing files with a page, as development servers do; ${remedy}`;
}

/**
 * Say why a request failed, and name the header that a foreign host may lack.
 *
 * @param {string | URL} url
 * @param {unknown} error what was thrown meanwhile
 */
export function explainFailure(url, error) {
  // fetch() rejects with a TypeError if the network failed, or if the host does not let this page read the file.
  const foreign = error instanceof TypeError && new URL(url, globalThis.location?.href).origin !== globalThis.location?.origin;
  const cause = foreign ? '; does its host send Access-Control-Allow-Origin?' : '';
  return `${url} could not be downloaded: ${error instanceof Error ? error.message : error}${cause}`;
}

/**
 * Request a module that could not be loaded again, to find out why.
 *
 * @param {string | URL} url
 * @returns {Promise<string>} '' if the second answer does not show it either
 */
export async function explainModule(url) {
  try {
    return explainResponse(url, await fetch(url, { signal: AbortSignal.timeout(TIMEOUT) }), MODULES);
  } catch {
    return '';
  }
}
