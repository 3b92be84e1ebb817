/** navigator.getUserMedia, which predates promises: some clients still try it first. */

const NAMES = ['getUserMedia', 'webkitGetUserMedia', 'mozGetUserMedia'];

/** Route it to navigator.mediaDevices.getUserMedia, which is wrapped. */
export function wrapCallbackGetUserMedia() {
  for (const name of NAMES) {
    const own = Object.getOwnPropertyDescriptor(Navigator.prototype, name);
    if (typeof own?.value !== 'function') continue;
    const override = {
      /** @this {any} */
      [name](/** @type {any[]} */ ...values) {
        const [constraints, onStream, onError] = values;
        const wellFormed = this instanceof Navigator && typeof onStream === 'function' && typeof onError === 'function';
        if (!wellFormed) return own.value.apply(this, values); // throws the browser's own TypeError
        this.mediaDevices.getUserMedia(constraints).then(guarded(onStream), guarded(onError));
      },
    };
    const value = Object.defineProperty(override[name], 'length', { value: own.value.length });
    Object.defineProperty(Navigator.prototype, name, { ...own, value });
  }
}

/**
 * An exception in the page's callback becomes an error event, as with any other event handler, and not a rejection.
 *
 * @param {(value: any) => void} callback
 */
function guarded(callback) {
  return (/** @type {any} */ value) => {
    try {
      callback(value);
    } catch (error) {
      reportError(error);
    }
  };
}
