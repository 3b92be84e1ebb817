/**
 * Reads the page's dictionaries as WebIDL does: the members that browsers know, once each, including inherited ones and
 * getters. So a Proxy (Vue, MobX, Alpine), a class instance, or functions and DOM nodes among the members do no harm.
 */

/** The standard's constraints, for browsers that do not list their own. */
const STANDARD = [
  'aspectRatio', 'autoGainControl', 'channelCount', 'deviceId', 'displaySurface', 'echoCancellation', 'facingMode',
  'frameRate', 'groupId', 'height', 'latency', 'noiseSuppression', 'resizeMode', 'sampleRate', 'sampleSize', 'width',
];

/** What else a browser may read: sets of constraints, in the current and the pre-standard syntax. */
const SETS = ['advanced', 'mandatory', 'optional'];

const RANGE = ['exact', 'ideal', 'max', 'min'];

/**
 * @param {unknown} asked a MediaTrackConstraints; null and undefined are the empty one
 * @returns {any} a deep, plain copy without members that are not constraints; malformed ones stay, for the browser to reject
 */
export function readTrackConstraints(asked) {
  return asked === undefined || asked === null ? {} : read(asked, [...knownConstraints(), ...SETS], readConstraint);
}

function knownConstraints() {
  const supported = globalThis.navigator?.mediaDevices?.getSupportedConstraints?.();
  return supported ? Object.keys(supported) : [...STANDARD, 'mediaSource'];
}

/** @param {string} name @param {any} value */
function readConstraint(name, value) {
  if (name === 'advanced' || name === 'optional') {
    return isIterable(value) ? Array.from(value, name === 'advanced' ? readTrackConstraints : copy) : value;
  }
  if (value === null || typeof value !== 'object') return value;
  if (name === 'mandatory') return copy(value);
  return isIterable(value) ? list(value) : read(value, RANGE, (_, each) => list(each));
}

/**
 * @param {any} dictionary
 * @param {Iterable<string>} names
 * @param {(name: string, value: unknown) => unknown} convert
 */
function read(dictionary, names, convert) {
  /** @type {Record<string, unknown>} */
  const found = {};
  for (const name of names) {
    const value = dictionary[name];
    if (value !== undefined) found[name] = convert(name, value);
  }
  return found;
}

/** @param {any} value */
function copy(value) {
  return value !== null && typeof value === 'object' ? { ...value } : value;
}

/** @param {any} value */
function list(value) {
  return isIterable(value) ? [...value] : value;
}

/** @param {any} value a string is one value */
function isIterable(value) {
  return value !== null && typeof value === 'object' && typeof value[Symbol.iterator] === 'function';
}
