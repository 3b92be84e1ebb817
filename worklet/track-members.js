/**
 * Overrides the members of MediaStreamTrack.prototype, once. A track that has been given a facade answers as the facade does;
 * every other track, and whatever is not a track, gets the browser's own behaviour.
 *
 * The overrides have the names, lengths and flags of the originals, so that neither `for (name in track)` nor a method taken
 * from the prototype reveals a difference.
 */

/**
 * @typedef {object} Facade what a track presents to the page instead of its own members
 * @property {string} label
 * @property {boolean} muted
 * @property {boolean} enabled
 * @property {() => void} stop
 * @property {() => MediaStreamTrack} clone
 * @property {() => MediaTrackConstraints} getConstraints
 * @property {() => MediaTrackSettings} getSettings
 * @property {() => MediaTrackCapabilities} getCapabilities
 * @property {(constraints?: unknown) => Promise<void>} applyConstraints
 */

/** @type {WeakMap<object, Facade>} */
const facades = new WeakMap();

const ATTRIBUTES = ['label', 'muted', 'enabled'];
const METHODS = ['stop', 'clone', 'getConstraints', 'getSettings', 'getCapabilities', 'applyConstraints'];

/** The browser's own members. @type {Record<string, PropertyDescriptor>} */
const natives = {};

/** Give a track its facade; call overrideMembers() first. @param {MediaStreamTrack} track @param {Facade} facade */
export function setFacade(track, facade) {
  facades.set(track, facade);
}

/** What the browser itself would do with the track. @param {MediaStreamTrack} track */
export function native(track) {
  return {
    get enabled() {
      return natives.enabled.get?.call(track);
    },
    set enabled(value) {
      natives.enabled.set?.call(track, value);
    },
    stop: () => natives.stop.value.call(track),
    /** @returns {MediaStreamTrack} */
    clone: () => natives.clone.value.call(track),
  };
}

/** Override the members, on the first call only. Later overrides, by the page's libraries, are put on top of these. */
export function overrideMembers() {
  if (natives.stop) return;
  const track = MediaStreamTrack.prototype;
  for (const name of [...ATTRIBUTES, ...METHODS]) {
    const own = Object.getOwnPropertyDescriptor(track, name);
    if (!own) continue; // Not every browser has getCapabilities.
    natives[name] = own;
    Object.defineProperty(track, name, METHODS.includes(name) ? overriddenMethod(name, own) : overriddenAttribute(name, own));
  }
  overrideStreamClone();
  if ('mozInnerScreenX' in globalThis) deliverSyntheticEvents();
}

/** @param {string} name @param {PropertyDescriptor} own @returns {PropertyDescriptor} */
function overriddenAttribute(name, own) {
  const override = {
    /** @returns {any} @this {any} */
    get [name]() {
      const facade = /** @type {any} */ (facades.get(this));
      return facade ? facade[name] : own.get?.call(this);
    },
    /** @param {any} value @this {any} */
    set [name](value) {
      const facade = /** @type {any} */ (facades.get(this));
      if (facade) facade[name] = Boolean(value);
      else own.set?.call(this, value);
    },
  };
  const { get, set } = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(override, name));
  return { ...own, get, set: own.set && set };
}

/** @param {string} name @param {PropertyDescriptor} own @returns {PropertyDescriptor} */
function overriddenMethod(name, own) {
  // The shorthand makes a function that is not a constructor, like the browser's.
  const override = {
    /** @this {any} */
    [name](/** @type {unknown[]} */ ...values) {
      const facade = /** @type {any} */ (facades.get(this));
      return facade ? facade[name](...values) : own.value.apply(this, values);
    },
  };
  return { ...own, value: Object.defineProperty(override[name], 'length', { value: own.value.length }) };
}

/** A stream's clone() copies its tracks inside the browser, bypassing their facades: clone those tracks in JavaScript. */
function overrideStreamClone() {
  const own = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(MediaStream.prototype, 'clone'));
  const override = {
    /** @this {MediaStream} */
    clone() {
      const tracks = this instanceof MediaStream ? this.getTracks() : [];
      if (!tracks.some((track) => facades.has(track))) return own.value.call(this);
      return new MediaStream(tracks.map((track) => track.clone()));
    },
  };
  Object.defineProperty(MediaStream.prototype, 'clone', { ...own, value: override.clone });
}

/**
 * Firefox delivers an event made by a script to a track's listeners only if they ask for such events, by a fourth argument of
 * addEventListener that only Firefox has. Our tracks' `ended`, `mute` and `unmute` are made by a script.
 *
 * On EventTarget, not on MediaStreamTrack: libraries that wrap addEventListener (Angular's zone.js, Sentry) call what they
 * found there, with the three standard arguments.
 */
function deliverSyntheticEvents() {
  const own = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(EventTarget.prototype, 'addEventListener'));
  const override = {
    /** @this {any} */
    addEventListener(/** @type {unknown[]} */ ...values) {
      if (values.length < 2 || !facades.has(this)) return own.value.apply(this, values);
      const [type, listener, options] = values;
      return own.value.call(this, type, listener, options, true);
    },
  };
  const value = Object.defineProperty(override.addEventListener, 'length', { value: own.value.length });
  Object.defineProperty(EventTarget.prototype, 'addEventListener', { ...own, value });
}
