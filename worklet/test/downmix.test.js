import assert from 'node:assert/strict';
import test from 'node:test';
import { Downmix } from '../downmix.js';
import { generator } from './signal.js';

const QUANTUM = 128;
const LENGTH = QUANTUM * 750; // 2 s

/** A voice's stand-in: noise with more low than high tones, loud and soft by turns. */
function voice(seed = 1) {
  const random = generator(seed);
  const samples = new Float32Array(LENGTH);
  let last = 0;
  for (let i = 0; i < LENGTH; i++) {
    last = 0.7 * last + 0.3 * (random() - 0.5);
    samples[i] = last * (0.6 + 0.4 * Math.sin(i / 4000));
  }
  return samples;
}

/** @param {(sample: number, i: number) => number} change @param {Float32Array} samples */
const changed = (samples, change) => samples.map(change);

/** @param {Float32Array} left @param {Float32Array} [right] */
function mixed(left, right) {
  const downmix = new Downmix();
  const out = new Float32Array(LENGTH);
  for (let i = 0; i < LENGTH; i += QUANTUM) {
    const channels = [left, right].filter((each) => each !== undefined).map((each) => each.subarray(i, i + QUANTUM));
    out.set(downmix.mix(channels), i);
  }
  return out;
}

/** dB of the difference, below the reference. @param {Float32Array} out @param {Float32Array} reference */
function error(out, reference, from = 0) {
  let [difference, energy] = [0, 0];
  for (let i = from; i < LENGTH; i++) {
    difference += (out[i] - reference[i]) ** 2;
    energy += reference[i] ** 2;
  }
  return 10 * Math.log10(difference / energy + 1e-30);
}

const SPEECH = voice();
const SILENT = new Float32Array(LENGTH);
const random = generator(7);

/** Noise of the microphone itself, 60 dB below the voice. @type {() => number} */
const hiss = () => 1e-4 * (random() - 0.5);

for (const [name, left, right] of /** @type {[string, Float32Array, Float32Array][]} */ ([
  ['both the same', SPEECH, SPEECH],
  ['the right one dead', SPEECH, SILENT],
  ['the left one dead', SILENT, SPEECH],
  ['the left one dead, with hiss', changed(SILENT, hiss), SPEECH],
  ['opposite phase', SPEECH, changed(SPEECH, (sample) => -sample)],
  ['the right one at half level', SPEECH, changed(SPEECH, (sample) => sample / 2)],
  ['the left one at half level', changed(SPEECH, (sample) => sample / 2), SPEECH],
  ['the right one 10 samples late', SPEECH, changed(SPEECH, (_, i) => SPEECH[i - 10] ?? 0)],
  ['the right one 5 ms late and softer', SPEECH, changed(SPEECH, (_, i) => (SPEECH[i - 240] ?? 0) * 0.6)],
  ['hiss in both', changed(SPEECH, (sample) => sample + hiss()), changed(SPEECH, (sample) => sample + hiss())],
])) {
  test(`a stereo microphone, ${name}: the voice is whole, from its first tenth of a second`, () => {
    const decibels = error(mixed(left, right), SPEECH, 4800);
    assert.ok(decibels < -35, `off by ${decibels.toFixed(1)} dB`);
  });
}

test('one channel goes through as it is, the same samples', () => {
  const samples = new Float32Array(QUANTUM);
  assert.equal(new Downmix().mix([samples]), samples);
  assert.equal(new Downmix().mix([]), undefined);
});

test('a channel that dies in the middle is faded out, without a step', () => {
  const half = LENGTH / 2;
  // A slow tone hides no step.
  const tone = changed(SILENT, (_, i) => 0.5 * Math.sin(i / 100));
  const out = mixed(tone, changed(tone, (sample, i) => (i < half ? sample : 0)));
  assert.ok(error(out, tone, half + 48000 * 0.8) < -35, 'the voice is not whole again');
  let step = 0;
  for (let i = half + 200; i < LENGTH; i++) step = Math.max(step, Math.abs(out[i] - 2 * out[i - 1] + out[i - 2]));
  assert.ok(step < 5e-4, `a step of ${step}`);
});

test('two talkers with a microphone each are both heard, in full', () => {
  const other = voice(2);
  const out = mixed(SPEECH, other);
  const decibels = error(out, changed(SPEECH, (sample, i) => sample + other[i]));
  assert.ok(decibels < -35, `off by ${decibels.toFixed(1)} dB`);
});

test('taking turns, both are heard from the first word', () => {
  const half = LENGTH / 2;
  const [first, second] = [changed(SPEECH, (sample, i) => (i < half ? sample : hiss())), changed(voice(2), (sample, i) => (i < half ? hiss() : sample))];
  const out = mixed(first, second);
  assert.ok(error(out, changed(first, (sample, i) => sample + second[i])) < -35);
});
