/** As much of Web Audio as an audio graph needs. Import it before ../graph.js. */

/** The tracks of the sources made so far. @type {unknown[]} */
export const sources = [];

/** All contexts. @type {Context[]} */
export const contexts = [];

/** What the browser does when a context is to run. */
export const browser = { resume: async () => {} };

class Node {
  context = { currentTime: 0 };
  gain = { value: 1, cancelScheduledValues() {}, setValueAtTime() {}, linearRampToValueAtTime() {} };
  stream = { getAudioTracks: () => [{ label: 'output', stop() {} }] };
  connect() {}
  disconnect() {}
}

class Context extends EventTarget {
  state = 'running';
  currentTime = 0;
  baseLatency = 0.01;

  constructor() {
    super();
    contexts.push(this);
  }

  createMediaStreamSource(/** @type {{tracks: unknown[]}} */ { tracks }) {
    sources.push(...tracks);
    return new Node();
  }

  async resume() {
    await browser.resume();
  }

  async close() {
    this.state = 'closed';
  }
}

class MediaStream {
  constructor(/** @type {unknown[]} */ tracks) {
    this.tracks = tracks;
  }
}

Object.assign(globalThis, { AudioContext: Context, MediaStream, GainNode: Node, MediaStreamAudioDestinationNode: Node });
Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true }); // Node 20 has none
