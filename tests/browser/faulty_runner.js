/** Replaces runner-worker.js: the same, with an enhancer that misbehaves when the page's channel `fault` says so. */
import { HOP } from './constants.js';
import { Ring, WORD } from './ring.js';
import { RunnerRuntime } from './runner-runtime.js';
import { serve } from './serve.js';

let ring;
let fault = '';
let struckAt = 0;
addEventListener('message', ({ data }) => {
  if (data.buffer) ring = new Ring(data.buffer);
});

new BroadcastChannel('fault').onmessage = ({ data }) => {
  fault = data;
  if (data !== 'throw') return;
  strike();
  setTimeout(() => {
    throw new Error('injected fault');
  });
};

/** Tell the page when it struck: the last samples that had come in by then. */
function strike() {
  const heard = new Float32Array(HOP);
  if (ring) {
    struckAt = ring.load(WORD.WRITTEN);
    ring.readInput((struckAt - HOP) | 0, heard);
  }
  new BroadcastChannel('struck').postMessage(heard);
}

/** ms of sound received since then. */
const passed = () => ((ring.load(WORD.WRITTEN) - struckAt) | 0) / 48;

let struck = '';

function misbehave() {
  const [kind, milliseconds] = fault.split(' ');
  if (kind && struck !== fault) {
    struck = fault;
    strike();
  }
  if (kind === 'once' || kind === 'stall') fault = struck = '';
  if (kind === 'once' || kind === 'always') throw new Error('injected fault');
  if (kind === 'trap') throw new WebAssembly.RuntimeError('unreachable');
  if (kind === 'garbage') Array.from({ length: 20000 }, () => []);
  while (kind === 'hang' || (kind === 'stall' && passed() < Number(milliseconds)));
}

const { enhancer } = RunnerRuntime.prototype;
RunnerRuntime.prototype.enhancer = function (proxy) {
  const made = enhancer.call(this, proxy);
  const { step } = made;
  made.step = () => {
    misbehave();
    step.call(made);
  };
  return made;
};

serve(RunnerRuntime.boot, 'runner');
