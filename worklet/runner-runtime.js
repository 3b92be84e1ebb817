/**
 * The enhancer without Python: program images run by the compiled kernel (runner.js). The counterpart of runtime.js.
 */
import { fetchKernels } from './program-files.js';
import { Program } from './runner.js';
import { TOUCH_FRAMES, benchmark, warmUp } from './trial.js';

/**
 * @typedef {{relaxed: Uint8Array<ArrayBuffer>, simd: Uint8Array<ArrayBuffer>}} Kernels
 * @typedef {import('./runner.js').Runner} Runner
 *
 * @typedef {object} LoadedProgram
 * @property {Program} program
 * @property {Uint8Array} image its bytes, and the kernels', for another thread
 * @property {Kernels} kernels
 * @property {() => void} destroy
 */

export class RunnerRuntime {
  name = 'runner';

  #compiled;

  /** @private use boot() @param {Kernels} kernels @param {WebAssembly.Module} [compiled] the first that is tried */
  constructor(kernels, compiled) {
    this.kernels = kernels;
    this.#compiled = compiled;
  }

  /**
   * @param {string} assets URL of the runtime folder
   * @param {(stage: string) => void} progress
   * @param {Kernels} [given] downloaded already
   */
  static async boot(assets, progress, given) {
    progress('runtime');
    const kernels = given ?? (await fetchKernels(assets));
    progress('model');
    // The image is still being downloaded. What cannot be compiled is rejected, with the reason, when a program is loaded.
    const compiled = await compile(kernels.relaxed).catch(() => undefined);
    return new RunnerRuntime(kernels, compiled);
  }

  /** None: every image has to be downloaded. */
  builtInModel() {
    return undefined;
  }

  /** @param {Uint8Array} image @returns {Promise<{proxy: LoadedProgram, tier: string, weights: number}>} */
  async model(image) {
    const { relaxed, simd } = this.kernels;
    const program = await Program.load({ relaxed: this.#compiled ?? relaxed, simd }, image);
    const { tier, weights } = program.info;
    return { proxy: { program, image, kernels: this.kernels, destroy() {} }, tier, weights };
  }

  /** Which file of a tier this runs. @param {import('./tiers.js').Tier} tier */
  file(tier) {
    return tier.image;
  }

  /** @param {LoadedProgram} proxy @returns {Runner} */
  enhancer({ program }) {
    return program.stream();
  }

  /**
   * Touch the memory of a stream. More is not needed: even before the browser's optimising compiler has run, a frame takes 0.3 ms, a
   * thirtieth of the time available.
   *
   * @param {Runner} runner
   */
  async warmUp(runner) {
    await warmUp(runner, TOUCH_FRAMES);
  }

  /** @param {Runner} runner warmed up @returns {Promise<number>} ms per frame, back to back */
  async benchmark(runner) {
    return (await benchmark(runner)).typical;
  }
}

/** @param {Uint8Array<ArrayBuffer>} kernel */
async function compile(kernel) {
  return WebAssembly.compile(kernel);
}
