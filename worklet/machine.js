/**
 * A compiled kernel in a memory of its own: the kernel is a side module without data, so it needs only a stack and the constants
 * of an image.
 */
import { RunnerError } from './image.js';

/** Bytes. The stack grows down towards address 0: one that overflows traps. */
export const STACK = 1 << 16;
const PAGE = 1 << 16;

/** Bytes of constants copied in one piece. */
const PIECE = 1 << 18;
/** Matrices put in order in one piece. */
const MATRICES = 2;

/** @typedef {import('./image.js').Image} Image */

/**
 * A kernel in its memory.
 *
 * @typedef {object} Machine
 * @property {'relaxed' | 'simd'} kernel
 * @property {WebAssembly.Memory} memory
 * @property {WebAssembly.Global} stackPointer
 * @property {Record<string, (...numbers: number[]) => number>} call its functions
 */

/**
 * @param {'relaxed' | 'simd'} kernel
 * @param {BufferSource | WebAssembly.Module} source
 * @param {Image} image
 * @returns {Promise<Machine>}
 */
export async function start(kernel, source, image) {
  if (typeof WebAssembly !== 'object') throw new RunnerError('kernel', 'WebAssembly is not available');
  const module = source instanceof WebAssembly.Module ? source : await WebAssembly.compile(source);
  const pages = Math.ceil((STACK + image.constants.length + image.size) / PAGE);
  let memory;
  try {
    memory = new WebAssembly.Memory({ initial: pages });
  } catch (error) {
    throw new RunnerError('memory', `${pages * PAGE} bytes of memory could not be allocated`, error);
  }
  const stackPointer = new WebAssembly.Global({ value: 'i32', mutable: true }, STACK);
  const zero = () => new WebAssembly.Global({ value: 'i32', mutable: false }, 0);
  // The kernel has no data and no table of its own.
  const env = { memory, __stack_pointer: stackPointer, __memory_base: zero(), __table_base: zero() };
  const { exports } = await WebAssembly.instantiate(module, { env });
  const call = /** @type {Machine['call']} */ (/** @type {unknown} */ (exports));
  if (call.percepnet_layout(2) !== image.layout) {
    throw new RunnerError('image', 'the program image cannot be used (it was laid out for another kernel)');
  }
  return { kernel, memory, stackPointer, call };
}

/**
 * Put the constants in place, and the weights into the order that this kernel needs, in pieces that take little time compared with a
 * frame, for the tiers that ship.
 *
 * @param {Machine} machine @param {Image} image
 * @returns {Generator<void>}
 */
export function* placeConstants({ memory, call }, { constants, places, matrices }) {
  const target = new Uint8Array(memory.buffer, STACK, constants.length);
  for (let at = 0; at < constants.length; at += PIECE) {
    target.set(constants.subarray(at, at + PIECE), at);
    yield;
  }
  relocate(memory, STACK, places.constants, STACK, constants.length);
  const { offset, size } = matrices;
  for (let first = 0; first < matrices.count; first += MATRICES) {
    const count = Math.min(MATRICES, matrices.count - first);
    const code = call.percepnet_adopt(STACK + offset + first * size, count, STACK, STACK + constants.length);
    if (code !== 0) throw new RunnerError('image', `the program image cannot be used (its weights are damaged, code ${code})`);
    yield;
  }
}

/**
 * Turn offsets into addresses.
 *
 * @param {WebAssembly.Memory} memory @param {number} at @param {Uint32Array} places from there @param {number} base @param {number} size of what they point into
 */
export function relocate(memory, at, places, base, size) {
  const words = new Uint32Array(memory.buffer);
  for (const place of places) {
    const word = (at + place) / 4;
    if (words[word] > size) throw new RunnerError('image', 'the program image cannot be used (it points beyond its end)');
    words[word] += base;
  }
}

/** @param {WebAssembly.Memory} memory @param {number} bytes more than it has */
export function grow(memory, bytes) {
  try {
    memory.grow(Math.ceil(bytes / PAGE));
  } catch (error) {
    throw new RunnerError('memory', `${bytes} more bytes of memory could not be allocated`, error);
  }
}
