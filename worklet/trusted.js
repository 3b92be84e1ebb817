/**
 * A worker on pages that accept script addresses only from a Trusted Types policy (`require-trusted-types-for 'script'`).
 * Our policy, `percepnet`, passes on what `new Worker()` is given here, and nothing else.
 */

const NAME = 'percepnet';

/** @type {{createScriptURL: (address: string) => URL} | undefined} one per page: a second of the same name is an error */
let policy;

/** Whether this module uses the policy. */
let asking = false;

/**
 * @param {() => Worker} start calls `new Worker()` with a plain address, as bundlers want to see it
 * @returns {Worker}
 * @throws {Error} the browser's, with what to do if the page does not allow our policy
 */
export function withTrust(start) {
  const factory = /** @type {any} */ (globalThis).trustedTypes;
  if (!factory) return start();
  const { Worker } = globalThis;
  try {
    policy ??= factory.createPolicy(NAME, { createScriptURL: pass });
    // For the one expression in `start`. Nothing else runs meanwhile.
    globalThis.Worker = class extends Worker {
      /** @param {string | URL} url @param {WorkerOptions} [options] */
      constructor(url, options) {
        super(trust(url), options);
      }
    };
  } catch {
    // The page does not list our policy, but it may not require one either.
  }
  try {
    return start();
  } catch (error) {
    if (policy) throw error;
    const remedy = `add ${NAME} to the trusted-types directive of the page's Content-Security-Policy`;
    throw new Error(`${error instanceof Error ? error.message : error}; ${remedy}`, { cause: error });
  } finally {
    globalThis.Worker = Worker;
  }
}

/** @param {string | URL} url */
function trust(url) {
  asking = true;
  try {
    return /** @type {NonNullable<typeof policy>} */ (policy).createScriptURL(String(url));
  } finally {
    asking = false;
  }
}

/** @param {string} address */
function pass(address) {
  if (!asking) throw new TypeError(`the Trusted Types policy ${NAME} serves only percepnet's own worker, not ${address}`);
  return address;
}
