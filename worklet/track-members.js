/**
 * The members of MediaStreamTrack.prototype, overridden once: for tracks that have been given a face they answer as the face
 * does, and for all others, or for what is not a track, as the browser's own.
 *
 * The overrides have the names, lengths and flags of the originals, so that neither `for (name in track)` nor a method taken
 * from the prototype reveals a difference.
 */

/**
 * @typedef {object} Face how a track presents itself, instead of what the browser would say
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

/** @type {WeakMap<object, Face>} */
const faces = new WeakMap();

const ATTRIBUTES = ['label', 'muted', 'enabled'];
const METHODS = ['stop', 'clone', 'getConstraints', 'getSettings', 'getCapabilities', 'applyConstraints'];

/** The browser's own members. @type {Record<string, PropertyDescriptor>} */
const natives = {};

/** Give a track its face; call coverMembers() first. @param {MediaStreamTrack} track @param {Face} face */
export function giveFace(track, face) {
  faces.set(track, face);
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
export function coverMembers() {
  if (natives.stop) return;
  const track = MediaStreamTrack.prototype;
  for (const name of [...ATTRIBUTES, ...METHODS]) {
    const own = Object.getOwnPropertyDescriptor(track, name);
    if (!own) continue; // Not every browser has getCapabilities.
    natives[name] = own;
    Object.defineProperty(track, name, METHODS.includes(name) ? coveredMethod(name, own) : coveredAttribute(name, own));
  }
  coverStreamClone();
  if ('mozInnerScreenX' in globalThis) deliverOurEvents();
}

/** @param {string} name @param {PropertyDescriptor} own @returns {PropertyDescriptor} */
function coveredAttribute(name, own) {
  const cover = {
    /** @returns {any} @this {any} */
    get [name]() {
      const face = /** @type {any} */ (faces.get(this));
      return face ? face[name] : own.get?.call(this);
    },
    /** @param {any} value @this {any} */
    set [name](value) {
      const face = /** @type {any} */ (faces.get(this));
      if (face) face[name] = Boolean(value);
      else own.set?.call(this, value);
    },
  };
  const { get, set } = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(cover, name));
  return { ...own, get, set: own.set && set };
}

/** @param {string} name @param {PropertyDescriptor} own @returns {PropertyDescriptor} */
function coveredMethod(name, own) {
  // The shorthand makes a function that is not a constructor, like the browser's.
  const cover = {
    /** @this {any} */
    [name](/** @type {unknown[]} */ ...values) {
      const face = /** @type {any} */ (faces.get(this));
      return face ? face[name](...values) : own.value.apply(this, values);
    },
  };
  return { ...own, value: Object.defineProperty(cover[name], 'length', { value: own.value.length }) };
}

/** A stream's clone() copies its tracks inside the browser, bypassing their faces: clone those tracks in JavaScript. */
function coverStreamClone() {
  const own = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(MediaStream.prototype, 'clone'));
  const cover = {
    /** @this {MediaStream} */
    clone() {
      const tracks = this instanceof MediaStream ? this.getTracks() : [];
      if (!tracks.some((track) => faces.has(track))) return own.value.call(this);
      return new MediaStream(tracks.map((track) => track.clone()));
    },
  };
  Object.defineProperty(MediaStream.prototype, 'clone', { ...own, value: cover.clone });
}

/**
 * Firefox delivers an event made by a script to a track's listeners only if they ask for such events, by a fourth argument of
 * addEventListener that only Firefox has. Our tracks' `ended`, `mute` and `unmute` are made by a script.
 *
 * On EventTarget, not on MediaStreamTrack: libraries that wrap addEventListener (Angular's zone.js, Sentry) call what they
 * found there, with the three standard arguments.
 */
function deliverOurEvents() {
  const own = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(EventTarget.prototype, 'addEventListener'));
  const cover = {
    /** @this {any} */
    addEventListener(/** @type {unknown[]} */ ...values) {
      if (values.length < 2 || !faces.has(this)) return own.value.apply(this, values);
      const [type, listener, options] = values;
      return own.value.call(this, type, listener, options, true);
    },
  };
  const value = Object.defineProperty(cover.addEventListener, 'length', { value: own.value.length });
  Object.defineProperty(EventTarget.prototype, 'addEventListener', { ...own, value });
}
