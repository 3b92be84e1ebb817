/** The page's side of the audio thread, with fake nodes that record what they are sent. */
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { Playback } from '../playback.js';

/** @type {any[]} */
let nodes = [];

class Node {
  /** @type {any[]} */
  sent = [];
  port = { postMessage: (/** @type {any} */ message) => this.sent.push(message), onmessage: (/** @type {any} */ _) => {} };
  onprocessorerror = () => {};
  connected = true;

  constructor(/** @type {any} */ context, /** @type {string} */ name, /** @type {any} */ { processorOptions }) {
    Object.assign(this, { context, name, processorOptions });
    nodes.push(this);
  }

  disconnect() {
    this.connected = false;
  }
}

/** @param {'shared' | 'port'} [transport] */
function playback(transport = 'shared') {
  /** @type {string[]} */
  const heard = [];
  const listener = {
    enabled: () => true,
    onPlaying: (/** @type {string} */ state) => heard.push(state),
    onFailure: (/** @type {string} */ why) => heard.push(`failed: ${why}`),
    onStop: () => heard.push('gone'),
  };
  return { side: new Playback({ depth: 1920, transport }, listener), heard };
}

const context = (sampleRate = 48000, addModule = async () => {}) => /** @type {any} */ ({ sampleRate, audioWorklet: { addModule } });

beforeEach(() => {
  nodes = [];
  globalThis.AudioWorkletNode = /** @type {any} */ (Node);
});

describe('a node', () => {
  test('is one for each instance, also while it is being made', async () => {
    const { side } = playback();
    const first = side.make(context());
    await assert.rejects(side.make(context()), /already has its node: create another instance/);
    await first;
    assert.deepEqual([nodes.length, nodes[0].processorOptions.depth, nodes[0].processorOptions.enabled], [1, 1920, true]);
  });

  test('in a context at another rate is refused, with both ways out, and can be made in another', async () => {
    const { side } = playback();
    await assert.rejects(side.make(context(44100)), { name: 'RangeError', message: /44100 Hz: create it with .*48000.*processTrack\(\)/ });
    await side.make(context());
  });

  test('whose processor cannot be loaded may be tried again', async () => {
    const { side } = playback();
    const missing = async () => Promise.reject(new Error('404'));
    await assert.rejects(side.make(context(48000, missing)), /404/);
    await side.make(context());
  });

  test('is not made for an instance that ended meanwhile', async () => {
    const { side } = playback();
    const made = side.make(context());
    side.end();
    await assert.rejects(made, /destroyed/);
    assert.equal(nodes.length, 0);
  });
});

describe('the transport', () => {
  test('is the ring, or a channel whose ends go to worker and worklet', async () => {
    for (const transport of /** @type {const} */ (['shared', 'port'])) {
      const { side } = playback(transport);
      /** @type {any[]} */
      const given = [];
      side.connect((...each) => given.push(each));
      assert.deepEqual(given, [], 'there is no node yet');
      await side.make(context());
      side.connect((...each) => given.push(each));
      const [[{ depth, buffer, port }, transfer]] = given;
      assert.equal(depth, 1920);
      if (transport === 'shared') {
        assert.ok(buffer instanceof SharedArrayBuffer && buffer === side.ring?.buffer && transfer === undefined);
      } else {
        const other = nodes.at(-1).sent[0].port;
        assert.ok(side.ring === undefined && transfer[0] === port && other !== port);
        for (const end of [port, other]) end.close();
      }
    }
  });
});

test('what is played is sent until the end; one that failed is sent to begin again, one that is gone makes room', async () => {
  const { side, heard } = playback();
  const node = /** @type {any} */ (await side.make(context()));
  node.port.onmessage({ data: { state: 'enhanced' } });
  assert.equal(side.state, 'enhanced');
  node.port.onmessage({ data: { state: 'failed', message: 'injected' } });
  side.restart();
  assert.deepEqual(node.sent.at(-1), { restart: true });
  node.onprocessorerror();
  assert.ok(!side.taken);
  await side.make(context());
  side.end();
  nodes[1].port.onmessage({ data: { state: 'resting' } });
  assert.deepEqual(heard, ['enhanced', 'failed: injected', 'gone']);
  assert.deepEqual([nodes[1].sent.at(-1), nodes[1].connected], [{ close: true }, false]);
});
