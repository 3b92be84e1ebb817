/** Replaces pyodide.mjs: the real one, with an enhancer that misbehaves when the page's channel `fault` says so. */
import { HOP } from '../worklet/constants.js';
import { Ring, WORD } from '../worklet/ring.js';

let ring;
let struckAt = 0;
addEventListener('message', ({ data }) => {
  if (data.buffer) ring = new Ring(data.buffer);
});

/** Tell the page when it struck: the last samples that had come in by then. */
globalThis.strike = () => {
  const heard = new Float32Array(HOP);
  if (ring) {
    struckAt = ring.load(WORD.WRITTEN);
    ring.readInput((struckAt - HOP) | 0, heard);
  }
  new BroadcastChannel('struck').postMessage(heard);
};

/** ms of sound received since then: a stall is measured by how much it delays, not by a clock that a busy machine outruns. */
globalThis.passed = () => ((ring.load(WORD.WRITTEN) - struckAt) | 0) / 48;

export async function loadPyodide(options) {
  const { loadPyodide: load } = await import('./real.mjs');
  const pyodide = await load(options);
  globalThis.fault = '';
  globalThis.crash = () => pyodide._module.abort('injected fault');
  new BroadcastChannel('fault').onmessage = ({ data }) => {
    globalThis.fault = data;
    globalThis.struck = false;
    if (data !== 'throw') return;
    strike();
    setTimeout(() => { throw new Error('injected fault'); });
  };
  const { loadPackage } = pyodide;
  pyodide.loadPackage = async (...names) => {
    await loadPackage(...names);
    pyodide.runPython(`
import js
import numpy
import percepnet_wasm

working_step = percepnet_wasm.Enhancer.step

def step(self):
    kind, _, milliseconds = js.fault.partition(" ")
    if kind in ("once", "stall"):
        js.fault = ""
    if kind and not js.struck:
        js.struck = True
        js.strike()
    if kind in ("once", "always"):
        raise RuntimeError("injected fault")
    if kind == "memory":
        hoard = []
        while True:
            hoard.append(numpy.empty(2**29, "u1"))
    if kind == "abort":
        js.crash()
    if kind == "garbage":
        [[] for _ in range(20000)]
    while kind == "hang" or kind == "stall" and js.passed() < float(milliseconds):
        pass
    working_step(self)

percepnet_wasm.Enhancer.step = step
`);
  };
  return pyodide;
}
