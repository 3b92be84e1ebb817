/** The audio thread must not make garbage: collecting it would stop the sound. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HOP } from '../constants.js';
import { DirectChannel } from '../direct-client.js';
import { collect, serveRuntime } from './images.js';

const ASSETS = 'https://app.example/runtime/';
const QUANTUM = 128;
/** So few that what they make is not collected before it is counted. */
const QUANTA = 9000;
/** Until everything is compiled, and again after a collection. */
const WARM_UP = 20_000;
const WARM_AGAIN = 2000;
/** One object of one field in each quantum is 24. What there is comes from the statistics, twice a second. */
const BYTES_PER_QUANTUM = 20;

/** @type {Record<string, any>} */
const processors = {};
const { fetch } = globalThis;

before(async () => {
  serveRuntime(ASSETS);
  Object.assign(globalThis, {
    AudioWorkletProcessor: class {
      port = { onmessage: (/** @type {any} */ _) => {}, postMessage() {} };
    },
    registerProcessor: (/** @type {string} */ name, /** @type {any} */ type) => (processors[name] = type),
  });
  await import('../processor.js');
});

after(() => {
  globalThis.fetch = fetch;
});

/** Bytes that a quantum makes on average. @param {any} processor @param {number} [channels] */
function measure(processor, channels = 1) {
  const inputs = [Array.from({ length: channels }, () => new Float32Array(QUANTUM))];
  const outputs = [[new Float32Array(QUANTUM)]];
  inputs[0].forEach((channel, side) => channel.forEach((_, i) => (channel[i] = 0.01 * Math.sin(i * i + side))));
  const play = (/** @type {number} */ quanta) => {
    for (let quantum = 0; quantum < quanta; quantum++) processor.process(inputs, outputs);
  };
  // The compiler's own work is counted too: the least of four rounds has least of it.
  play(WARM_UP);
  const rounds = [1, 2, 3, 4].map(() => {
    collect();
    play(WARM_AGAIN);
    const { heapUsed } = process.memoryUsage();
    play(QUANTA);
    return (process.memoryUsage().heapUsed - heapUsed) / QUANTA;
  });
  return Math.min(...rounds);
}

test("with engine 'worklet' a quantum makes no garbage", async () => {
  const channel = new DirectChannel(ASSETS, () => {});
  await channel.request({ type: 'open', model: '', attenuationLimit: Infinity });
  const processor = new processors['percepnet-direct']({ processorOptions: { enabled: true } });
  const { port1, port2 } = new MessageChannel();
  channel.post({ type: 'connect', depth: HOP, port: /** @type {any} */ (port1) });
  // Sending a message allocates in Node; the two a second that are sent are not what is measured.
  let connected = true;
  const port = {
    set onmessage(/** @type {any} */ listener) {
      port2.onmessage = listener;
    },
    postMessage: (/** @type {any} */ message) => connected && port2.postMessage(message),
    close: () => port2.close(),
  };
  processor.port.onmessage({ data: { port } });
  try {
    while (processor.direct.pump === undefined) {
      processor.process([[new Float32Array(QUANTUM)]], [[new Float32Array(QUANTUM)]]);
      await new Promise((resolve) => setTimeout(resolve));
    }
    connected = false;
    for (const channels of [1, 2]) {
      const bytes = measure(processor, channels);
      assert.ok(bytes < BYTES_PER_QUANTUM, `${bytes.toFixed(1)} bytes a quantum of ${channels} channels`);
    }
    assert.ok(processor.direct.pump.frames > 6000 && processor.direct.pump.errors === 0);

    const { render } = processor;
    /** @type {any} */
    let kept;
    processor.render = (/** @type {any} */ input, /** @type {any} */ output) => {
      kept = { at: input };
      return render.call(processor, input, output);
    };
    const wasteful = measure(processor);
    assert.ok(kept && wasteful > BYTES_PER_QUANTUM, `an object a quantum goes unnoticed: ${wasteful.toFixed(1)} bytes`);
  } finally {
    channel.close(); // an open port keeps Node running
    port2.close();
  }
});
