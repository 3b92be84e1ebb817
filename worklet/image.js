/**
 * Reads a program image: a model's packed weights and one stream's structures and buffers, laid out by
 * percepnet_wasm/kernel/image.py for 32-bit WebAssembly.
 *
 *     magic, format version, header length      8 bytes, uint32, uint32
 *     header                                    ASCII JSON, padded to 8 bytes
 *     constants, structures, buffers            of the buffers only the beginning; the rest is zero
 *     places                                    uint32: where the addresses are, see `places` in the header
 *     test                                      float32: input, gain, strength, voice and output of some frames
 *
 * An image's header is checked against its bytes here, and the contents of its structures by the kernel (kernel/c/check.c),
 * both before any of it runs. Nothing is clamped: an image that does not fit is rejected.
 */
import { BAND_TIPS_HZ, HOP } from './constants.js';

const BANDS = BAND_TIPS_HZ.length;

/** Bytes that an image starts with: "PERCEPNI". */
const MAGIC = [0x50, 0x45, 0x52, 0x43, 0x45, 0x50, 0x4e, 0x49];
const FORMAT_VERSION = 2;
const HEAD = 16;
/** Bytes. The article's 8 million weights take 9 MB, their streams 0.3 MB. */
const LIMITS = { header: 1 << 16, constants: 1 << 26, stream: 1 << 22, places: 1 << 16, frames: 100 };

/**
 * The fields of a stream that the runner reads and writes, with type and shape; rows may be padded. All are in the buffers, from
 * which no address or size is read, so writing there cannot lead the kernel astray.
 *
 * @type {Record<string, ['float32' | 'int32', number[]]>}
 */
export const FIELDS = {
  input: ['float32', [HOP]],
  output: ['float32', [HOP]],
  gain: ['float32', [1, BANDS]],
  strength: ['float32', [1, BANDS]],
  voice: ['float32', [1, 1]],
  period: ['int32', [1]],
  correlation: ['float32', [1]],
  voiced: ['float32', [1]],
  unvoiced: ['float32', [1]],
  comb: ['int32', [1]],
  postfilter: ['int32', [1]],
  floor: ['float32', [1]],
};

/** Sizes in a frame of the test. @type {Record<string, number>} */
const TEST = { input: HOP, gain: BANDS, strength: BANDS, voice: 1, output: HOP };

/** @typedef {'image' | 'kernel' | 'memory'} RunnerCode */

/** @type {Record<RunnerCode, string>} */
const REMEDY = {
  image: 'fetch the image that belongs to this version again',
  kernel: 'allow WebAssembly with SIMD here, or use another engine',
  memory: 'close other streams or use a smaller model',
};

export class RunnerError extends Error {
  /** @param {RunnerCode} code @param {string} reason @param {unknown} [cause] */
  constructor(code, reason, cause) {
    super(`${reason}: ${REMEDY[code]}`, { cause });
    this.name = 'RunnerError';
    /** @type {RunnerCode} */
    this.code = code;
  }
}

/**
 * @typedef {object} Image
 * @property {number} layout number of the structures' layout, the same as the kernel's
 * @property {Record<string, any>} info version, tier, weights, density, model_sha256, ...
 * @property {Uint8Array} constants what all streams share
 * @property {{offset: number, count: number, size: number}} matrices where in the constants the structures that describe the
 *     weights lie, and the bytes of each
 * @property {Uint8Array} structures of a stream; the buffers follow them
 * @property {Uint8Array} initial the beginning of the buffers; the rest is 0
 * @property {number} size bytes of a stream: structures and buffers
 * @property {[number, number]} activations where in a stream the activations lie, from and to
 * @property {number} relaxedZero the value that represents 0 in relaxed SIMD's activations
 * @property {Places} places
 * @property {Record<string, number>} offsets in a stream, of FIELDS
 * @property {Test} test
 *
 * @typedef {object} Places offsets of 32-bit addresses, each relative to the beginning of what it points into
 * @property {Uint32Array} constants in the constants, into them
 * @property {Uint32Array} constantsOfStream in a stream's structures, into the constants
 * @property {Uint32Array} stream in a stream's structures, into the stream
 *
 * @typedef {object} Test frame after frame
 * @property {number} frames
 * @property {Record<string, number>} tolerance by kernel: the largest difference from NumPy that is still rounding
 * @property {Float32Array} input
 * @property {Float32Array} gain
 * @property {Float32Array} strength
 * @property {Float32Array} voice
 * @property {Float32Array} output
 */

/**
 * @param {Uint8Array} bytes
 * @returns {Image} views of the bytes
 * @throws {RunnerError} 'image'
 */
export function readImage(bytes) {
  try {
    return read(bytes);
  } catch (error) {
    if (error instanceof RunnerError) throw error;
    throw refusal(`its header is damaged: ${error instanceof Error ? error.message : error}`); // JSON, or a missing entry
  }
}

/** @param {Uint8Array} bytes @returns {Image} */
function read(bytes) {
  if (!(bytes instanceof Uint8Array)) throw refusal('it is not a Uint8Array');
  if (bytes.length < HEAD) throw refusal(`it is truncated: it has only ${bytes.length} bytes`);
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) throw refusal('it is not a program image');
  const head = new DataView(bytes.buffer, bytes.byteOffset, HEAD);
  const version = head.getUint32(8, true);
  if (version !== FORMAT_VERSION) throw refusal(`its format is version ${version}, not ${FORMAT_VERSION}`);
  const length = head.getUint32(12, true);
  if (length % 8 !== 0 || length > LIMITS.header || length > bytes.length - HEAD) throw refusal('its header is truncated');
  const header = JSON.parse(ascii(bytes.subarray(HEAD, HEAD + length)));

  const { constants, structures, buffers, activations, places, test } = header;
  whole('constants', constants, 16, LIMITS.constants);
  whole('structures', structures, 16, LIMITS.stream);
  whole('buffers', buffers.size, 16, LIMITS.stream);
  whole('buffers', buffers.stored, 16, buffers.size);
  const size = structures + buffers.size;
  for (const count of Object.values(places)) whole('places', count, 1, LIMITS.places);
  whole('test', test.frames, 1, LIMITS.frames);
  const numbers = Object.values(TEST).reduce((sum, count) => sum + count * test.frames, 0);

  const payload = new Payload(bytes, HEAD + length);
  const parts = {
    constants: payload.take(constants),
    structures: payload.take(structures),
    initial: payload.take(buffers.stored),
  };
  /** @type {Places} */
  const where = {
    constants: payload.words(places.constants),
    constantsOfStream: payload.words(places.constantsOfStream),
    stream: payload.words(places.stream),
  };
  const samples = payload.floats(numbers);
  payload.finish();

  for (const place of where.constants) whole('a place', place, 4, constants - 4);
  for (const place of where.constantsOfStream) whole('a place', place, 4, structures - 4);
  for (const place of where.stream) whole('a place', place, 4, structures - 4);
  whole('matrices', header.matrices.offset, 16, constants);
  whole('matrices', header.matrices.count, 1, 1000);
  whole('matrices', header.matrices.size, 4, 1000);
  const [from, to] = activations.range;
  whole('activations', to, 16, size);
  whole('activations', from, 16, to);
  if (from < structures + buffers.stored) throw refusal('its activations overlap other data');
  whole('zero', activations.relaxedZero, 1, 127);
  /** @type {Record<string, number>} */
  const offsets = {};
  for (const [name, [type, shape]] of Object.entries(FIELDS)) {
    const [offset, itsType, itsShape] = header.fields[name];
    if (itsType !== type || !holds(itsShape, shape)) {
      throw refusal(`its ${name} is ${itsType} ${JSON.stringify(itsShape)}, not ${type} ${JSON.stringify(shape)}`);
    }
    whole(name, offset, 4, size - 4 * sizeOf(itsShape));
    if (offset < structures) throw refusal(`its ${name} lies in the structures`);
    offsets[name] = offset;
  }
  for (const kernel of ['relaxed', 'simd']) {
    const tolerance = test.tolerance[kernel];
    if (!(tolerance > 0 && tolerance <= 0.1)) throw refusal(`its tolerance for ${kernel} is ${tolerance}`);
  }
  if (test.frames < 1) throw refusal('it has no test');
  /** @type {Record<string, any>} */
  const vectors = { frames: test.frames, tolerance: test.tolerance };
  let at = 0;
  for (const [name, count] of Object.entries(TEST)) vectors[name] = samples.subarray(at, (at += count * test.frames));
  if (typeof header.info !== 'object' || header.info === null) throw refusal('it has no description');
  return {
    layout: header.layout,
    info: header.info,
    ...parts,
    matrices: header.matrices,
    size,
    activations: [from, to],
    relaxedZero: activations.relaxedZero,
    places: where,
    offsets,
    test: /** @type {Test} */ (vectors),
  };
}

/** Takes one part of the bytes after the other. */
class Payload {
  /** @param {Uint8Array} bytes @param {number} at */
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }

  /** @param {number} size in bytes */
  take(size) {
    const end = this.at + size;
    if (end > this.bytes.length) throw refusal(`it is truncated: it has ${this.bytes.length} bytes, but needs at least ${end}`);
    const part = this.bytes.subarray(this.at, end);
    this.at = end;
    return part;
  }

  /** @param {number} count */
  words(count) {
    return new Uint32Array(this.take(4 * count).slice().buffer); // a copy: the bytes may lie anywhere
  }

  /** @param {number} count */
  floats(count) {
    return new Float32Array(this.take(4 * count).slice().buffer);
  }

  finish() {
    if (this.at !== this.bytes.length) throw refusal(`it has ${this.bytes.length - this.at} unexpected bytes at the end`);
  }
}

/** Whether an array of this shape holds the wanted one; the last axis may be longer. @param {unknown} shape @param {number[]} wanted */
function holds(shape, wanted) {
  if (!Array.isArray(shape) || shape.length !== wanted.length) return false;
  const last = wanted.length - 1;
  return wanted.every((count, axis) => shape[axis] === count || (axis === last && Number.isInteger(shape[axis]) && shape[axis] > count));
}

/** @param {number[]} shape */
export const sizeOf = (shape) => shape.reduce((product, count) => product * count, 1);

/** @param {string} what @param {unknown} value @param {number} multiple @param {number} most */
function whole(what, value, multiple, most) {
  if (!(Number.isInteger(value) && Number(value) >= 0 && Number(value) <= most && Number(value) % multiple === 0)) {
    throw refusal(`its ${what} is ${JSON.stringify(value)}, not a multiple of ${multiple} up to ${most}`);
  }
}

/** @param {string} reason */
function refusal(reason) {
  return new RunnerError('image', `the program image cannot be used (${reason})`);
}

/** An audio worklet has no TextDecoder. @param {Uint8Array} bytes */
function ascii(bytes) {
  if (bytes.some((byte) => byte > 126)) throw new Error('it is not ASCII');
  const step = 4096; // of arguments
  let text = '';
  for (let at = 0; at < bytes.length; at += step) text += String.fromCharCode(...bytes.subarray(at, at + step));
  return text;
}
