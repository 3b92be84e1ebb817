/**
 * Runs a program image without Python, with the compiled kernel in a memory of its own. WebAssembly is the only browser API
 * that it uses, so the same module serves a worker, an audio worklet and Node.
 *
 *     const program = await Program.load({ relaxed, simd }, image);     once per model
 *     const runner = program.stream();                                  once per stream; streams share the weights
 *     runner.input().set(samples); runner.step(); play(runner.output());
 *
 * A memory looks like this:
 *
 *     stack | constants: tables, packed weights | stream | stream | ...       each stream: structures, buffers
 */
import { ATTENUATION_LIMIT_DB } from './constants.js';
import { FIELDS, readImage, RunnerError, sizeOf } from './image.js';
import { grow, relocate, placeConstants, STACK, start } from './machine.js';

export { RunnerError };

/** The fastest first. */
const KERNELS = /** @type {const} */ (['relaxed', 'simd']);
/** Number of a frame's last stage in the kernel. */
const LAST_STAGE = 4;

/** As percepnet_wasm.Enhancer has them. */
const SNR_TINY = 1e-20;
const SNR_RANGE = 60;
/** Attenuation in dB after which nothing is left in a double. */
const NO_LIMIT = 1e4;

/** @param {number} limit dB by which something is attenuated */
const amplitude = (limit) => 10 ** (-Math.min(limit, NO_LIMIT) / 20);

/** @typedef {import('./pump.js').FrameEnhancer} FrameEnhancer */
/** @typedef {import('./image.js').Image} Image */
/** @typedef {import('./machine.js').Machine} Machine */
/** @typedef {{relaxed?: BufferSource | WebAssembly.Module, simd?: BufferSource | WebAssembly.Module}} Kernels */

export class Program {
  #machine;
  #image;
  /** Where the next stream will begin. */
  #end;
  /** Addresses of released streams. @type {number[]} */
  #free = [];

  /** @private use load() @param {Machine} machine @param {Image} image @param {Record<string, string>} refused */
  constructor(machine, image, refused) {
    this.#machine = machine;
    this.#image = image;
    this.#end = STACK + image.constants.length;
    /** What computes: 'relaxed' or 'simd'. */
    this.kernel = machine.kernel;
    /** What runs: version, tier, weights, kernel, kernels_refused, ... @type {Record<string, any>} */
    this.info = { ...image.info, kernel: machine.kernel, kernels_refused: refused };
  }

  /**
   * Load relaxed SIMD if it is given, works here and passes the image's test; otherwise SIMD.
   *
   * @param {Kernels} kernels modules, or their bytes
   * @param {Uint8Array} bytes of the image; not kept
   * @param {{pause?: () => Promise<void>}} [options] `pause` is awaited between pieces of work that each take no longer
   *     than a frame, so that an audio thread can play meanwhile
   * @returns {Promise<Program>}
   * @throws {RunnerError} 'image', 'kernel' or 'memory'
   */
  static async load(kernels, bytes, { pause = async () => {} } = {}) {
    const image = readImage(bytes);
    /** @type {Record<string, string>} */
    const refused = {};
    for (const kernel of KERNELS) {
      const source = kernels[kernel];
      if (source === undefined) continue;
      try {
        const machine = await start(kernel, source, image);
        await pause();
        for (const _ of placeConstants(machine, image)) await pause();
        const program = new Program(machine, image, refused);
        await program.#verify(pause);
        return program;
      } catch (error) {
        if (error instanceof RunnerError && error.code !== 'kernel') throw error;
        refused[kernel] = error instanceof Error ? error.message : String(error);
      }
    }
    const reasons = Object.entries(refused).map(([kernel, why]) => `${kernel}: ${why}`);
    throw new RunnerError('kernel', `no kernel can be used (${reasons.join('; ') || 'none was supplied'})`);
  }

  /** Bytes of its memory, for the weights and all streams. */
  get heap() {
    return this.#machine.memory.buffer.byteLength;
  }

  /**
   * @returns {Runner} a stream at its beginning
   * @throws {RunnerError} 'memory'
   */
  stream() {
    const { memory } = this.#machine;
    let at = this.#free.pop();
    if (at === undefined) {
      at = this.#end;
      const missing = at + this.#image.size - memory.buffer.byteLength;
      if (missing > 0) grow(memory, missing);
      this.#end += this.#image.size;
    }
    const place = at;
    return new Runner(this, this.#machine, this.#image, place, () => this.#free.push(place));
  }

  /** Run the image's test, whose results come from NumPy. @param {() => Promise<void>} pause */
  async #verify(pause) {
    const { test } = this.#image;
    const allowed = test.tolerance[this.kernel];
    const runner = this.stream();
    const code = this.#machine.call.percepnet_check(...runner.extent());
    if (code !== 0) throw new RunnerError('image', `the program image cannot be used (its structures are damaged, code ${code})`);
    await pause();
    for (let frame = 0; frame < test.frames; frame++) {
      runner.input().set(part(test.input, frame, test.frames));
      runner.step();
      const { gains, strengths, voice } = runner.frame();
      const apart = Math.max(
        distance(gains, part(test.gain, frame, test.frames)),
        distance(strengths, part(test.strength, frame, test.frames)),
        distance([voice], part(test.voice, frame, test.frames)),
        distance(runner.output(), part(test.output, frame, test.frames)),
      );
      if (!(apart <= allowed)) throw new Error(`its results differ from NumPy's by ${apart.toPrecision(2)}`);
      await pause();
    }
    runner.release();
  }
}

/**
 * One stream, which pump.js drives, one frame per call.
 *
 * @implements {FrameEnhancer}
 */
export class Runner {
  #machine;
  #image;
  #at;
  /** @type {(() => void) | undefined} */
  #released;
  /** The memory's buffer; when the memory grows, all views of it are detached and have to be made again. @type {ArrayBuffer | undefined} */
  #buffer;
  /** @type {Record<string, Float32Array | Int32Array>} */
  #fields = {};
  #options = { floor: amplitude(ATTENUATION_LIMIT_DB), comb: true, postfilter: true };

  /** Use Program.stream(). @param {Program} program @param {Machine} machine @param {Image} image @param {number} at @param {() => void} released */
  constructor(program, machine, image, at, released) {
    this.#machine = machine;
    this.#image = image;
    this.#at = at;
    this.#released = released;
    this.info = program.info;
    const { structures, places } = image;
    this.#bytes(0, structures.length).set(structures);
    relocate(machine.memory, at, places.constantsOfStream, STACK, image.constants.length);
    relocate(machine.memory, at, places.stream, at, image.size);
    this.reset();
  }

  /** The array to fill with HOP samples. Get it again for each frame: the memory may have moved. */
  input() {
    return /** @type {Float32Array} */ (this.#field('input'));
  }

  /** HOP samples, DELAY samples late. */
  output() {
    return /** @type {Float32Array} */ (this.#field('output'));
  }

  /**
   * Enhance input into output.
   *
   * @throws {Error} a sample of the input is not finite or beyond LOUDEST; the stream is unchanged
   */
  step() {
    if (!this.#released) throw new Error('the stream was released');
    const { call, stackPointer } = this.#machine;
    stackPointer.value = STACK; // a trap leaves it where it was
    if (call.percepnet_run(this.#at, 0, LAST_STAGE) !== 0) {
      throw new Error('a sample of the frame is not finite or far beyond full scale: samples must lie within ±1');
    }
  }

  /** Forget the stream; its options stay. */
  reset() {
    const { structures, initial, activations, relaxedZero, size } = this.#image;
    this.#bytes(structures.length, size).fill(0);
    this.#bytes(structures.length, structures.length + initial.length).set(initial);
    if (this.#machine.kernel === 'relaxed') this.#bytes(...activations).fill(relaxedZero);
    this.#apply();
  }

  /** The most by which noise is reduced, dB: 0 passes the input on with the same delay, Infinity sets no limit. @param {number} limit */
  set attenuationLimit(limit) {
    if (typeof limit !== 'number' || !(limit >= 0)) {
      throw new RangeError(`attenuationLimit must be from 0 (bypass) to Infinity (no limit), not ${limit}`);
    }
    this.#options.floor = amplitude(limit);
    this.#apply();
  }

  /** Whether to use the comb filter. @param {boolean} use */
  set comb(use) {
    this.#options.comb = use;
    this.#apply();
  }

  /** Whether to use the envelope postfilter. @param {boolean} use */
  set postfilter(use) {
    this.#options.postfilter = use;
    this.#apply();
  }

  /** What the enhancer estimates about the input. */
  observe() {
    const voiced = this.#field('voiced')[0];
    const unvoiced = this.#field('unvoiced')[0];
    const speech = Math.max(voiced - unvoiced, 0);
    const ratio = 10 * Math.log10((speech + SNR_TINY) / (unvoiced + SNR_TINY));
    const snr = Math.min(Math.max(ratio, -SNR_RANGE), SNR_RANGE);
    return { voiceActivity: this.#field('voice')[0], snr };
  }

  /** What was done to the latest output frame. @returns {Omit<import('./enhancer.js').Frame, 'frame'>} copies */
  frame() {
    return {
      gains: /** @type {Float32Array} */ (this.#field('gain').slice()),
      strengths: /** @type {Float32Array} */ (this.#field('strength').slice()),
      period: this.#field('period')[0],
      correlation: this.#field('correlation')[0],
      voice: this.#field('voice')[0],
    };
  }

  /** Free the stream's memory for another one. */
  release() {
    this.#released?.();
    this.#released = undefined;
    this.#buffer = undefined;
  }

  /** The arguments of percepnet_check(): start and end of the constants, structures and buffers. @returns {number[]} */
  extent() {
    const { constants, structures, size } = this.#image;
    return [this.#at, STACK, STACK + constants.length, this.#at + structures.length, this.#at + size];
  }

  #apply() {
    const { floor, comb, postfilter } = this.#options;
    this.#field('floor')[0] = floor;
    this.#field('comb')[0] = comb ? 1 : 0;
    this.#field('postfilter')[0] = postfilter ? 1 : 0;
  }

  /** @param {string} name one of FIELDS */
  #field(name) {
    const { buffer } = this.#machine.memory;
    if (this.#buffer !== buffer) {
      if (!this.#released) throw new Error('the stream was released');
      this.#buffer = buffer;
      for (const [each, [type, shape]] of Object.entries(FIELDS)) {
        const View = type === 'float32' ? Float32Array : Int32Array;
        this.#fields[each] = new View(buffer, this.#at + this.#image.offsets[each], sizeOf(shape));
      }
    }
    return this.#fields[name];
  }

  /** @param {number} from @param {number} to offsets in the stream */
  #bytes(from, to) {
    return new Uint8Array(this.#machine.memory.buffer, this.#at + from, to - from);
  }
}

/** @param {Float32Array} all @param {number} frame @param {number} frames */
function part(all, frame, frames) {
  const size = all.length / frames;
  return all.subarray(frame * size, (frame + 1) * size);
}

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b @returns {number} the largest difference; NaN if a number is */
function distance(a, b) {
  let most = 0;
  for (let i = 0; i < b.length; i++) {
    const apart = Math.abs(a[i] - b[i]);
    if (!(apart <= most)) most = apart;
    if (most !== most) break;
  }
  return most;
}
