/** An EventTarget whose listeners tsc checks: the name of the event, and what its `detail` holds. */

/**
 * The events of PercepNet; each property is the type of the event's `detail`.
 *
 * @typedef {object} Events
 * @property {{stage: string, bytes: number, total?: number}} progress while loading; `total` once it is known
 * @property {{info: import('./messages.js').Info}} ready the enhancer is warm and takes over
 * @property {{state: Playing}} playing what is being played from now on
 * @property {OverloadDetail} overload frames come late, and what is done about it
 * @property {{code: import('./errors.js').Code, message: string, error: import('./errors.js').PercepNetError}} fallback the
 *     sound is raw until 'ready' or restart(); preventDefault() keeps it out of the console
 * @property {{code: import('./errors.js').Code, message: string, error: import('./errors.js').PercepNetError}} limited Python could not
 *     be started: the program that has enhanced in the meantime stays in use, and restart() tries Python again; preventDefault() keeps it out of the
 *     console
 * @property {{message: string}} error frames that failed and were left raw; enhancement continues
 * @property {import('./percepnet.js').Stats} stats twice a second, once there is a node
 *
 * @typedef {'waiting' | 'enhanced' | 'starved' | 'bypassed' | 'resting'} Playing see blend.js's STATE
 *
 * @typedef {object} OverloadDetail
 * @property {'wait' | 'step-down' | 'bypass'} action 'wait': 100 ms have been raw so far; 'step-down': `tier` runs instead of
 *     `from`; 'bypass': raw, and a 'fallback' follows
 * @property {string} [tier]
 * @property {string} [from]
 */

/** @template {object} Details by event type */
export class TypedEventTarget extends EventTarget {
  /**
   * @template {keyof Details & string} Type
   * @param {Type} type
   * @param {Listener<Details[Type]> | null} listener
   * @param {boolean | AddEventListenerOptions} [options]
   * @override
   */
  addEventListener(type, listener, options) {
    super.addEventListener(type, /** @type {EventListener | null} */ (listener), options);
  }

  /**
   * @template {keyof Details & string} Type
   * @param {Type} type
   * @param {Listener<Details[Type]> | null} listener
   * @param {boolean | EventListenerOptions} [options]
   * @override
   */
  removeEventListener(type, listener, options) {
    super.removeEventListener(type, /** @type {EventListener | null} */ (listener), options);
  }

  /**
   * @protected
   * @template {keyof Details & string} Type
   * @param {Type} type
   * @param {Details[Type]} detail
   * @returns {boolean} whether no listener has called preventDefault()
   */
  emit(type, detail) {
    return this.dispatchEvent(new CustomEvent(type, { detail, cancelable: true }));
  }
}

/**
 * @template Detail
 * @typedef {((event: CustomEvent<Detail>) => void) | {handleEvent(event: CustomEvent<Detail>): void}} Listener
 */
