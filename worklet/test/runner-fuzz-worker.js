/** Loads damaged images and runs those accepted, one seed after another; runner-fuzz.test.js checks that it makes progress. */
import { parentPort, workerData } from 'node:worker_threads';
import { HOP } from '../constants.js';
import { Program, RunnerError } from '../runner.js';
import { collect, kernelBytes, withHeader } from './images.js';
import { generator } from './signal.js';

const { images, seeds } = workerData;
const simd = new WebAssembly.Module(kernelBytes('simd'));
const FRAMES = 4;
const EXTREMES = [0, 1, 2, 4, 16, 64, 480, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];

/** @param {() => number} random @param {number} below */
const whole = (random, below) => Math.floor(below * random());
/** @template T @param {() => number} random @param {ArrayLike<T>} of @returns {T} */
const one = (random, of) => of[whole(random, of.length)];

/** @param {any} value @param {() => number} random @returns {any} the header with one of its numbers changed */
function withOtherNumber(value, random) {
  if (typeof value === 'number') return one(random, [...EXTREMES, -1, -16, 0.5, 1e300, value + 4, value + 16, value - 16, 2 * value, null, 'x', [], {}]);
  if (value === null || typeof value !== 'object') return one(random, [0, null, '', value]);
  const keys = Object.keys(value);
  if (keys.length === 0 || random() < 0.02) return one(random, [0, null, [], {}]);
  const key = one(random, keys);
  value[key] = withOtherNumber(value[key], random);
  return value;
}

/** @param {Uint8Array} image where its parts begin */
function partsOf(image) {
  const length = new DataView(image.buffer, image.byteOffset).getUint32(12, true);
  const header = JSON.parse(new TextDecoder().decode(image.subarray(16, 16 + length)));
  const constants = 16 + length;
  const structures = constants + header.constants;
  const places = structures + header.structures + header.buffers.stored;
  const count = header.places.constants + header.places.constantsOfStream + header.places.stream;
  return { constants, matrices: constants + header.matrices.offset, structures, places, test: places + 4 * count };
}

/** @param {Uint8Array} original @param {() => number} random @returns {Uint8Array} */
function damaged(original, random) {
  const kind = random();
  if (kind < 0.05) return Uint8Array.from({ length: whole(random, 300) }, () => whole(random, 256));
  if (kind < 0.1) return original.slice(0, whole(random, original.length));
  if (kind < 0.35) return withHeader(original, (header) => withOtherNumber(header, random));
  const image = original.slice();
  const view = new DataView(image.buffer);
  const { constants, matrices, structures, places, test } = partsOf(image);
  const stretch = one(random, [[0, constants], [constants, matrices], [matrices, structures], [structures, places], [structures, places], [places, test]]);
  const words = Math.floor((stretch[1] - stretch[0]) / 4);
  for (let changes = 1 + whole(random, 3); changes > 0; changes--) {
    const at = stretch[0] + 4 * whole(random, words);
    const other = stretch[0] + 4 * whole(random, words);
    const value = one(random, [one(random, EXTREMES), view.getUint32(other, true), view.getUint32(at, true) ^ (1 << whole(random, 32)), whole(random, 2 ** 32)]);
    view.setUint32(at, value, true);
  }
  return image;
}

/** @param {number} seed @returns {Promise<'refused' | 'failed' | 'ran'>} */
async function tryOne(seed) {
  const random = generator(seed);
  const image = damaged(one(random, Object.values(images)), random);
  const before = image.slice();
  let runner;
  try {
    runner = (await Program.load({ simd }, image)).stream();
  } catch (error) {
    if (!(error instanceof RunnerError)) throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`);
    return 'refused';
  } finally {
    if (Buffer.compare(image, before) !== 0) throw new Error(`seed ${seed}: the image's own bytes were changed`);
  }
  try {
    for (let frame = 0; frame < FRAMES; frame++) {
      const input = runner.input();
      for (let i = 0; i < HOP; i++) input[i] = random() - 0.5;
      runner.step();
      if (runner.output().length !== HOP) throw new Error('short');
    }
  } catch {
    return 'failed'; // a trap or an error: the page plays the raw sound
  }
  return 'ran';
}

for (let n = 0; n < seeds.length; n++) {
  if (n % 20 === 0) collect();
  parentPort?.postMessage({ seed: seeds[n] });
  parentPort?.postMessage({ seed: seeds[n], result: await tryOne(seeds[n]) });
}
