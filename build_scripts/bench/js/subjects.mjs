/**
 * The systems to be measured. Each loops over the audio, HOP samples per step, and leaves its output in an array of its
 * own, as a page would need it.
 *
 * @typedef {import('./measure.mjs').Subject} Subject
 *
 * @typedef {object} Setting
 * @property {Float32Array} audio whole frames at 48 kHz
 * @property {string} runtime URL of the Pyodide runtime
 * @property {string} [indexURL] the same as Pyodide wants it: under Node a path
 * @property {string} source content of stages.py
 * @property {Uint8Array | null} model content of a model file; null takes the bundled one
 * @property {string} peers URL of a node_modules folder
 * @property {string} kernel as percepnet_wasm.Enhancer takes it
 * @property {'copy' | 'call'} [idle] of percepnet: copy the samples; call Python too, which does nothing
 */

import { complete } from './files.mjs';
import { PEERS } from './peers.mjs';

const HOP = 480;

/** @type {Record<string, (setting: Setting) => Promise<Subject>>} */
const MAKERS = {
  floor,
  copy: percepnet,
  call: percepnet,
  percepnet,
  ...Object.fromEntries(Object.keys(PEERS).map((system) => [system, peer(system)])),
};

/**
 * @param {string} system
 * @param {Setting} setting
 * @param {number} warmUp frames; V8 compiles what runs often
 */
export async function make(system, setting, warmUp) {
  const idle = system === 'copy' || system === 'call' ? system : undefined;
  const subject = await MAKERS[system]({ ...setting, idle });
  for (let frame = 0; frame < warmUp; frame++) subject.step();
  return subject;
}

/** @param {Float32Array} audio @param {number} length @returns {() => Float32Array} the next samples, without a copy */
function reader(audio, length) {
  let position = 0;
  return () => {
    if (position + length > audio.length) position = 0;
    position += length;
    return audio.subarray(position - length, position);
  };
}

/** Nothing: what waking up costs. @returns {Promise<Subject>} */
async function floor() {
  return { step() {}, facts: { kernel: 'none' } };
}

/** @param {Setting} setting @returns {Promise<Subject>} */
async function percepnet({ audio, runtime, indexURL, source, model, kernel, idle }) {
  const { loadPyodide } = await import(new URL('pyodide.mjs', runtime).href);
  const pyodide = await loadPyodide({ indexURL: indexURL ?? runtime, stdout: () => {} });
  await pyodide.loadPackage('percepnet-wasm', { messageCallback() {} });
  await complete(pyodide, runtime);
  pyodide.FS.writeFile('/home/pyodide/stages.py', source);
  const proxy = pyodide.pyimport('stages').Subject(model ? pyodide.toPy(model).tobytes() : undefined, kernel);
  // Before the views below: measuring what memory can do lets the heap grow.
  const facts = idle ? { kernel: 'none' } : proxy.facts().toJs({ dict_converter: Object.fromEntries });
  const step = idle === 'copy' ? () => {} : idle === 'call' ? proxy.rest : proxy.step;
  const input = proxy.input.getBuffer('f32').data;
  const output = proxy.output.getBuffer('f32').data;
  const next = reader(audio, HOP);
  const sink = new Float32Array(HOP);
  return {
    step() {
      input.set(next());
      step();
      sink.set(output);
      if (output.length === 0) throw new Error('the heap grew: the views on the samples are gone');
    },
    facts,
    watch: () => proxy.watch(),
    unwatch: () => proxy.unwatch().toJs({ dict_converter: Object.fromEntries }),
  };
}

/**
 * Another suppressor. A worklet's is given 15 quanta in four steps: of RNNoise each step computes exactly one frame;
 * GTCRN's are 16 ms long, so that five steps of eight compute one.
 *
 * @param {string} system
 * @returns {(setting: Setting) => Promise<Subject>}
 */
function peer(system) {
  return async ({ audio, peers }) => {
    const { length, kernel, process } = await PEERS[system](peers);
    const next = reader(audio, length);
    const groups = length === HOP ? [1] : [3, 4, 4, 4];
    let group = 0;
    return {
      step() {
        for (let left = groups[group++ % groups.length]; left > 0; left--) process(next());
      },
      facts: { kernel },
    };
  };
}
