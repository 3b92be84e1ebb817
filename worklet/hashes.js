/** SHA-256 of the runtime's files, by their path in its folder. The build fills it in; empty, nothing is checked. */
export const HASHES = /** @type {Record<string, string>} */ ({});
