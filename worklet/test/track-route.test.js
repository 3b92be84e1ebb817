/** A track's way through the page, whatever happens while it opens, with a fake browser. */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { browser, contexts, sources } from './fake-graph.js';

const { TrackRoute } = await import('../track-route.js');

const microphone = /** @type {any} */ ({ label: 'microphone' });
const headset = /** @type {any} */ ({ label: 'headset' });
const node = { context: { currentTime: 0 }, connect: () => void happened.push('through'), disconnect() {} };
const owner = {
  makeNode: () => makeNode(),
  latency: () => 1920,
  onRunning: () => void happened.push('running'),
  onFailure: (/** @type {{code: string}} */ { code }) => void happened.push(code),
};

/** @type {string[]} */
let happened;
/** @type {() => Promise<any>} */
let makeNode;
/** @type {InstanceType<typeof TrackRoute>} */
let route;

beforeEach(() => {
  sources.length = contexts.length = 0;
  browser.resume = async () => {};
  happened = [];
  makeNode = async () => node;
  route = new TrackRoute(owner);
});

test('the output is the track of the graph, routed through the processor', async () => {
  const output = await route.open(microphone);
  assert.equal(output.label, 'output');
  assert.deepEqual(happened, ['running', 'through']);
  assert.equal(route.input, microphone);
});

test('a route that is closed while its graph opens leaves the track and no context behind', async () => {
  const opening = route.open(microphone);
  route.close();
  assert.equal(await opening, microphone);
  assert.deepEqual(happened, []);
  assert.deepEqual(contexts.map(({ state }) => state), ['closed']);
});

test('a route that is closed while its graph fails to open still returns the track', async () => {
  browser.resume = () => Promise.reject(new Error('no sound card'));
  const opening = route.open(microphone);
  route.close();
  assert.equal(await opening, microphone);
});

test('without a graph it returns the newest microphone, and may be opened again', async () => {
  browser.resume = () => Promise.reject(new Error('no sound card'));
  const opening = route.open(microphone);
  route.replaceInput(headset);
  assert.equal(await opening, headset);
  assert.deepEqual(happened, ['context']);
  assert.equal(route.input, undefined);
});

test('a microphone replaced while the graph opens is the one that is heard', async () => {
  const opening = route.open(microphone);
  route.replaceInput(headset);
  await opening;
  assert.deepEqual(sources, [microphone, headset]);
});

test('without a processor the track goes straight through', async () => {
  makeNode = () => Promise.reject(new Error('no processor'));
  assert.equal((await route.open(microphone)).label, 'output');
  assert.deepEqual(happened, ['running', 'worklet']);
});

test('a processor that comes late is inserted later, and the next track does not wait for its own', async () => {
  let load = () => {};
  const loading = new Promise((resolve) => (load = () => resolve(node)));
  makeNode = () => loading;
  const began = performance.now();
  assert.equal((await route.open(microphone)).label, 'output');
  assert.ok(performance.now() - began >= 990, 'it waits a second');
  assert.deepEqual(happened, ['running']);
  const second = new TrackRoute({ ...owner, makeNode: () => new Promise(() => {}) });
  const soon = new Promise((resolve) => setTimeout(resolve, 900, 'not yet'));
  assert.notEqual(await Promise.race([second.open(headset), soon]), 'not yet');
  load();
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(happened, ['running', 'running', 'through']);
});
