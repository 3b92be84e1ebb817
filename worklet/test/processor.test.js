/** The audio processors in Node: what is played and reported, and that an exception never silences a node. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { STATE } from '../blend.js';
import { DELAY, HOP } from '../constants.js';
import { Ring } from '../ring.js';

const DEPTH = 1920;
const QUANTUM = 128;
/** @type {Record<string, any>} */
const processors = {};

before(async () => {
  Object.assign(globalThis, {
    AudioWorkletProcessor: class {
      /** @type {any[]} */
      sent = [];
      port = { onmessage: (/** @type {any} */ _) => {}, postMessage: (/** @type {any} */ message) => this.sent.push(message) };
    },
    registerProcessor: (/** @type {string} */ name, /** @type {any} */ type) => (processors[name] = type),
  });
  await import('../processor.js');
});

/** @param {any} processor @param {number} from @param {number} samples */
function play(processor, from, samples) {
  const output = new Float32Array(samples);
  for (let at = 0; at < samples; at += QUANTUM) {
    const input = Float32Array.from({ length: QUANTUM }, (_, i) => from + at + i);
    processor.process([[input]], [[output.subarray(at, at + QUANTUM)]]);
  }
  return output;
}

const KINDS = /** @type {const} */ ([
  ['percepnet', DEPTH],
  ['percepnet-direct', HOP],
]);

for (const [name, depth] of KINDS) {
  test(`${name} plays the raw sound at its delay until something enhances it, and says so once`, () => {
    const processor = new processors[name]({ processorOptions: { depth: DEPTH, deepest: DEPTH, enabled: true } });
    const output = play(processor, 0, 9600);
    for (let i = depth + DELAY; i < output.length; i++) assert.equal(output[i], i - depth - DELAY);
    assert.deepEqual(processor.sent.filter(({ state }) => state), [{ state: STATE.WAITING }]);
    processor.port.onmessage({ data: { enabled: false } });
    play(processor, 9600, QUANTUM);
    assert.deepEqual(processor.sent.at(-1), { state: STATE.BYPASSED });
    processor.port.onmessage({ data: { close: true } });
    assert.equal(processor.process([[undefined]], [[new Float32Array(QUANTUM)]]), false);
  });

  test(`${name} passes its input on after an exception, and starts again when asked to`, () => {
    const processor = new processors[name]({ processorOptions: { depth: DEPTH, deepest: DEPTH, enabled: true } });
    play(processor, 0, 2560);
    const { render } = processor;
    processor.render = () => {
      throw new Error('injected');
    };
    const passed = play(processor, 2560, 512);
    passed.forEach((sample, i) => assert.equal(sample, 2560 + i));
    assert.deepEqual(processor.sent.at(-1), { state: 'failed', message: 'Error: injected' });
    processor.render = render;
    processor.port.onmessage({ data: { restart: true } });
    const again = play(processor, 3072, 9600);
    assert.deepEqual(processor.sent.at(-1), { state: STATE.WAITING });
    for (let i = depth + DELAY; i < again.length; i++) assert.equal(again[i], 3072 + i - depth - DELAY);
  });
}

test('the depth in use is reported, also when it grows', () => {
  const ring = Ring.shared();
  const options = { depth: 960, deepest: 2880, enabled: true, buffer: ring.buffer };
  const processor = new processors.percepnet({ processorOptions: options });
  play(processor, 0, QUANTUM);
  assert.deepEqual(processor.sent[0], { depth: 960 });
  processor.blend.depth = 1440;
  play(processor, QUANTUM, QUANTUM);
  assert.deepEqual(processor.sent.at(-1), { depth: 1440 });
});
