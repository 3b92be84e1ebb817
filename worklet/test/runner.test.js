/** The runner computes what NumPy computes, keeps streams apart, and refuses any image that is not valid for its kernel. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HOP } from '../constants.js';
import { Program, RunnerError } from '../runner.js';
import { collect, kernelBytes, makeImages, withHeader } from './images.js';

/** By image: of a sample, in a clip that peaks at 0.3, of a gain or strength, and of the probability of speech: activations are rounded to 14 bits. */
const TOLERANCES = /** @type {Record<string, {sample: number, gain: number, voice: number}>} */ ({
  c20: { sample: 1e-3, gain: 5e-3, voice: 5e-3 }, // trained: its GRUs are steeper than random weights
});
const TOLERANCE = { sample: 5e-4, gain: 5e-3, voice: 2e-3 };

const { images, outputs, clip, facts } = makeImages();
const simd = new WebAssembly.Module(kernelBytes('simd'));
const kernels = { simd };

/** @param {import('../runner.js').Runner} runner @param {Float32Array} [samples] @returns {Float32Array} */
function enhance(runner, samples = clip) {
  const output = new Float32Array(samples.length);
  for (let at = 0; at < samples.length; at += HOP) {
    runner.input().set(samples.subarray(at, at + HOP));
    runner.step();
    output.set(runner.output(), at);
  }
  return output;
}

/** @param {Float32Array} a @param {Float32Array} b */
const distance = (a, b) => a.reduce((most, sample, i) => Math.max(most, Math.abs(sample - b[i])), 0);

describe('a stream', () => {
  for (const [name, image] of Object.entries(images)) {
    test(`of ${name} equals NumPy's over a whole clip, and so does what it reports`, async () => {
      const tolerance = TOLERANCES[name] ?? TOLERANCE;
      const runner = (await Program.load(kernels, image)).stream();
      if (name === 'small') runner.attenuationLimit = 30;
      const apart = distance(enhance(runner), outputs[name]);
      assert.ok(apart <= tolerance.sample, `${apart} away`);
      const { gains, strengths, period, correlation, voice } = runner.frame();
      const expected = facts[name];
      assert.ok(distance(gains, expected.gains) < tolerance.gain && distance(strengths, expected.strengths) < tolerance.gain);
      assert.equal(period, expected.period);
      assert.ok(Math.abs(correlation - expected.correlation) < 1e-3 && Math.abs(voice - expected.voice) < tolerance.voice);
      const { voiceActivity, snr } = runner.observe();
      assert.equal(voiceActivity, voice);
      assert.ok(Math.abs(snr - expected.snr) < 0.1, `${snr} dB, not ${expected.snr}`);
    });
  }

  test('forgets at a reset, and keeps its options', async () => {
    const runner = (await Program.load(kernels, images.small)).stream();
    runner.attenuationLimit = 30;
    const first = enhance(runner, clip.subarray(0, 60 * HOP));
    runner.reset();
    assert.deepEqual(enhance(runner, clip.subarray(0, 60 * HOP)), first);
  });

  test('shares the weights with others and nothing else', async () => {
    const program = await Program.load(kernels, images.c20);
    const alone = enhance(program.stream(), clip.subarray(0, 60 * HOP));
    const before = program.heap;
    const streams = [program.stream(), program.stream(), program.stream()];
    assert.ok(program.heap - before < 0.5 * images.c20.length, `${program.heap - before} bytes for three streams`);
    const outputs = streams.map(() => new Float32Array(alone.length));
    for (let at = 0; at < alone.length; at += HOP) {
      streams.forEach((stream, i) => {
        stream.input().set(clip.subarray(at, at + HOP));
        if (i === 1) stream.input().fill(0.5);
        stream.step();
        outputs[i].set(stream.output(), at);
      });
    }
    assert.deepEqual(outputs[0], alone);
    assert.deepEqual(outputs[2], alone);
    assert.notDeepEqual(outputs[1], alone);
  });

  test('that is released makes room for the next, which begins afresh', async () => {
    const program = await Program.load(kernels, images.small);
    const first = program.stream();
    const expected = enhance(first, clip.subarray(0, 20 * HOP));
    const { heap } = program;
    first.release();
    first.release();
    assert.throws(() => first.step(), /released/);
    assert.throws(() => first.input(), /released/);
    assert.deepEqual(enhance(program.stream(), clip.subarray(0, 20 * HOP)), expected);
    assert.equal(program.heap, heap);
  });

  test('passes the input through, delayed, at an attenuation limit of 0', async () => {
    const runner = (await Program.load(kernels, images.small)).stream();
    runner.attenuationLimit = 0;
    const output = enhance(runner, clip.subarray(0, 60 * HOP));
    assert.ok(distance(output.subarray(3 * HOP), clip.subarray(0, 57 * HOP)) < 1e-5);
    for (const limit of [-1, NaN, '3', null]) {
      assert.throws(() => (runner.attenuationLimit = /** @type {any} */ (limit)), /attenuationLimit must be from 0/);
    }
  });

  test('can leave comb and postfilter out', async () => {
    const program = await Program.load(kernels, images.c20);
    const [all, some] = [program.stream(), program.stream()];
    const whole = enhance(all);
    for (const option of /** @type {const} */ (['comb', 'postfilter'])) {
      some.reset();
      some[option] = false;
      assert.ok(distance(enhance(some), whole) > 1e-3, option);
      some[option] = true;
    }
  });

  test('refuses invalid samples and stays intact', async () => {
    const program = await Program.load(kernels, images.small);
    const [tried, spared] = [program.stream(), program.stream()];
    for (const bad of [NaN, Infinity, -1e7]) {
      tried.input().fill(0.1);
      tried.input()[301] = bad;
      assert.throws(() => tried.step(), /not finite or far beyond full scale/);
    }
    assert.deepEqual(enhance(tried, clip.subarray(0, 9 * HOP)), enhance(spared, clip.subarray(0, 9 * HOP)));
  });

  test('allocates nothing per frame', async () => {
    const runner = (await Program.load(kernels, images.small)).stream();
    assert.equal(runner.input(), runner.input());
    assert.equal(runner.output(), runner.output());
  });
});

describe('loading', () => {
  test('does no more between two pauses than a frame takes: 256 kB copied, two matrices or one frame of the test', async () => {
    const image = images.c20;
    const nothing = { copied: 0, matrices: 0, frames: 0 };
    const pieces = [{ ...nothing }];
    const now = () => pieces[pieces.length - 1];
    const { instantiate } = WebAssembly;
    const arrays = Object.getPrototypeOf(Uint8Array.prototype);
    const { set } = arrays;
    arrays.set = function (/** @type {any} */ source, /** @type {number} */ at) {
      now().copied += source.length * (source.BYTES_PER_ELEMENT ?? 1);
      return set.call(this, source, at);
    };
    WebAssembly.instantiate = /** @type {any} */ (async (/** @type {any} */ module, /** @type {any} */ imports) => {
      const { percepnet_adopt, percepnet_run, ...others } = /** @type {any} */ ((await instantiate(module, imports)).exports);
      const adopt = (/** @type {any[]} */ ...rest) => ((now().matrices += rest[1]), percepnet_adopt(...rest));
      const run = (/** @type {any[]} */ ...rest) => (now().frames++, percepnet_run(...rest));
      return { exports: { ...others, percepnet_adopt: adopt, percepnet_run: run } };
    });
    try {
      await Program.load(kernels, image, { pause: async () => void pieces.push({ ...nothing }) });
    } finally {
      WebAssembly.instantiate = instantiate;
      arrays.set = set;
    }
    const frame = 4 * HOP;
    for (const { copied, matrices, frames } of pieces) {
      assert.ok(copied <= 1 << 18 && matrices <= 2 && frames <= 1, JSON.stringify(pieces));
      assert.ok(Number(copied > frame) + Number(matrices > 0) + frames <= 1, JSON.stringify(pieces));
    }
    const total = (/** @type {keyof typeof nothing} */ what) => pieces.reduce((sum, piece) => sum + piece[what], 0);
    assert.ok(total('copied') > 1e6 && total('matrices') > 10 && total('frames') === 12, JSON.stringify(pieces));
    assert.deepEqual(now(), nothing, 'the caller makes a stream next');
  });

  test('drops a kernel that miscalculates and says why', async () => {
    const spoilt = withFloat(kernelBytes('simd'), Math.fround(Math.log10(2)), 0.2);
    await assert.rejects(Program.load({ simd: spoilt }, images.c20), (/** @type {RunnerError} */ error) => {
      assert.equal(error.code, 'kernel');
      return /simd: its results differ from NumPy's by /.test(error.message);
    });
    const program = await Program.load({ relaxed: new Uint8Array([1, 2, 3]), simd }, images.small);
    assert.equal(program.kernel, 'simd');
    assert.match(program.info.kernels_refused.relaxed, /compile/);
  });

  test('needs a kernel', async () => {
    await assert.rejects(Program.load({}, images.small), { code: 'kernel', message: /none was supplied/ });
  });

  test('says that memory was refused, for the program and for a stream', async () => {
    const { Memory } = WebAssembly;
    const refuse = () => {
      throw new RangeError('WebAssembly.Memory(): could not allocate memory');
    };
    WebAssembly.Memory = /** @type {any} */ (refuse);
    try {
      await assert.rejects(Program.load(kernels, images.small), { code: 'memory', message: /could not be allocated: close other streams/ });
    } finally {
      WebAssembly.Memory = Memory;
    }
    const program = await Program.load(kernels, images.small);
    const { grow } = Memory.prototype;
    Memory.prototype.grow = refuse;
    try {
      assert.throws(() => {
        for (let streams = 0; streams < 5; streams++) program.stream();
      }, { code: 'memory' });
    } finally {
      Memory.prototype.grow = grow;
    }
  });

  test('says why where a page forbids WebAssembly, or has none', async () => {
    const { compile } = WebAssembly;
    WebAssembly.compile = async () => {
      throw new WebAssembly.CompileError('violates the Content Security Policy directive');
    };
    try {
      const bytes = { relaxed: kernelBytes('relaxed'), simd: kernelBytes('simd') };
      await assert.rejects(Program.load(bytes, images.small), { code: 'kernel', message: /Content Security Policy.*allow WebAssembly/ });
    } finally {
      WebAssembly.compile = compile;
    }
    const whole = globalThis.WebAssembly;
    Reflect.set(globalThis, 'WebAssembly', undefined);
    try {
      await assert.rejects(Program.load({ simd: kernelBytes('simd') }, images.small), { code: 'kernel', message: /WebAssembly is not available/ });
    } finally {
      Reflect.set(globalThis, 'WebAssembly', whole);
    }
  });

  test('says what runs', async () => {
    const { info } = await Program.load(kernels, images.c20);
    assert.equal(info.tier, 'c20');
    assert.equal(info.kernel, 'simd');
    assert.match(info.model_sha256, /^[0-9a-f]{64}$/);
  });
});

describe('an image is refused', () => {
  const image = images.small;
  /** @type {[string, () => Uint8Array, RegExp][]} */
  const cases = [
    ['that is empty', () => new Uint8Array(0), /it has only 0 bytes/],
    ['that is something else', () => new TextEncoder().encode('<!doctype html><p>Not found</p>'), /it is not a program image/],
    ['of another format', () => withWord(image, 8, 1), /format is version 1, not 2/],
    ['whose header is longer than it', () => withWord(image, 12, 2 ** 31), /header is truncated/],
    ['that is cut', () => image.subarray(0, image.length - 4), /truncated/],
    ['with surplus bytes', () => Uint8Array.from([...image, 0, 0, 0, 0]), /4 unexpected bytes/],
    ['for another kernel', () => withHeader(image, (header) => void header.layout++), /laid out for another kernel/],
    ['whose header is no object', () => withHeader(image, () => [1]), /its constants is undefined/],
    ['with a huge memory', () => withHeader(image, (header) => void (header.buffers.size = 2 ** 40)), /its buffers is 1099511627776/],
    ['with a negative size', () => withHeader(image, (header) => void (header.constants = -16)), /its constants is -16/],
    ['with a place beyond its end', () => withHeader(image, (header) => void (header.fields.input[0] = 2 ** 22)), /its input is 4194304/],
    ['whose input lies in the structures', () => withHeader(image, (header) => void (header.fields.input[0] = 0)), /lies in the structures/],
    ['whose output is short', () => withHeader(image, (header) => void (header.fields.output[2] = [40])), /its output is float32 \[40\], not float32 \[480\]/],
    ['whose gains have another shape', () => withHeader(image, (header) => void (header.fields.gain[2] = [2, 34])), /its gain is float32 \[2,34\]/],
    ['whose shape is no list', () => withHeader(image, (header) => void (header.fields.input[2] = 480)), /its input is float32 480/],
    ['whose row is huge', () => withHeader(image, (header) => void (header.fields.gain[2] = [1, 2 ** 30])), /its gain is \d+, not a multiple of 4 up to -/],
    ['without a test', () => withHeader(image, (header) => void (header.test.frames = 0)), /unexpected bytes|no test/],
    ['that would let any kernel pass', () => withHeader(image, (header) => void (header.test.tolerance.simd = 9)), /tolerance/],
    ['with other letters', () => withHeader(image, (header) => void (header.info.tier = 'ä')), /not ASCII/],
  ];
  for (const [name, make, reason] of cases) {
    test(name, async () => {
      await assert.rejects(Program.load(kernels, make()), (/** @type {RunnerError} */ error) => {
        assert.ok(error instanceof RunnerError);
        assert.equal(error.code, 'image');
        assert.match(error.message, reason);
        assert.match(error.message, /fetch the image that belongs to this version again/);
        return true;
      });
    });
  }

  test('with any word of its structures out of range', async () => {
    const { start, length } = structuresOf(image);
    let tried = 0;
    for (let at = start; at < start + length; at += 4) {
      for (const value of [0x7fffffff, 0xfffffff0]) {
        const old = new DataView(image.buffer).getUint32(at, true);
        if (old === 0 || old === 1) continue; // a flag or a null address: other values may be sound
        if (++tried % 20 === 0) collect();
        await assert.rejects(Program.load(kernels, withWord(image, at, value)), { code: 'image' }, `word ${at - start} was ${old}`);
      }
    }
  });
});

/** @param {Uint8Array} image */
function structuresOf(image) {
  const view = new DataView(image.buffer);
  const length = view.getUint32(12, true);
  const header = JSON.parse(new TextDecoder().decode(image.subarray(16, 16 + length)));
  return { start: 16 + length + header.constants, length: header.structures };
}

/** @param {Uint8Array} image @param {number} at @param {number} value */
function withWord(image, at, value) {
  const changed = image.slice();
  new DataView(changed.buffer).setUint32(at, value, true);
  return changed;
}

/** @param {Uint8Array} bytes @param {number} old @param {number} fresh @returns {Uint8Array} every such constant changed */
function withFloat(bytes, old, fresh) {
  const changed = bytes.slice();
  const view = new DataView(changed.buffer);
  let found = 0;
  for (let at = 0; at <= bytes.length - 4; at++) {
    if (view.getFloat32(at, true) === old) {
      view.setFloat32(at, fresh, true);
      found++;
    }
  }
  assert.ok(found > 0, 'the constant is not there');
  return changed;
}
