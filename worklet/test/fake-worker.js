/** A worker that records what it is sent, in place of the browser's, and instances that share one. */
import { mock } from 'node:test';
import { Session } from '../session.js';

/** Those started since useFakeWorkers(). @type {FakeWorker[]} */
export const workers = [];

export class FakeWorker {
  alive = true;
  /** @type {any[]} */
  messages = [];
  /** @type {(event: {data: any}) => void} */
  onmessage = () => {};
  /** @type {(event: any) => void} */
  onerror = () => {};

  constructor() {
    workers.push(this);
  }

  /** @param {any} message */
  postMessage(message) {
    this.messages.push(message);
  }

  terminate() {
    this.alive = false;
  }

  /** Play the worker: open every stream that was asked for. */
  async open() {
    for (const { type, id, token } of this.messages.splice(0)) {
      if (type === 'open') this.say({ type: 'answer', id, token, info: { tier: 'c20' } });
    }
    await settled();
  }

  /** @param {any} data */
  say(data) {
    this.onmessage({ data });
  }
}

export const settled = () => new Promise(setImmediate);

let folder = 0;

/** An address of the assets that no other test has. */
export const freshAssets = () => `https://app.example/${folder++}/`;

/** Sessions that share assets, and the events of each. @param {number} count @param {'python' | 'worker'} [engine] */
export function sessions(count, engine = /** @type {const} */ ('worker')) {
  const assets = freshAssets();
  return Array.from({ length: count }, () => {
    /** @type {[string, any][]} */
    const events = [];
    const connect = mock.fn();
    const running = mock.fn(() => true);
    const session = new Session(
      { engine, assets, model: '', attenuationLimit: 20 },
      { emit: (type, detail) => events.push([type, detail]), connect, onChange() {}, running },
    );
    return { session, events, connect, running, codes: () => events.map(([type, { code, action }]) => `${type} ${code ?? action ?? ''}`) };
  });
}

/** Before each test: no workers yet, nothing arrives from the network, and the clock stands still. */
export function useFakeWorkers() {
  workers.length = 0;
  globalThis.fetch = () => new Promise(() => {});
  globalThis.Worker = /** @type {any} */ (FakeWorker);
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout'] });
}
