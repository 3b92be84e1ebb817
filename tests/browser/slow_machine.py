"""A machine that is too slow, on demand: each frame takes longer than it lasts."""

from conftest import AlteredSite

SLOW_PYODIDE = """
export async function loadPyodide(options) {
    const { loadPyodide: load } = await import('./real.mjs');
    const pyodide = await load(options);
    globalThis.slow = false;
    new BroadcastChannel('slow').onmessage = ({ data }) => (globalThis.slow = data);
    const loadPackage = pyodide.loadPackage;
    pyodide.loadPackage = async (...names) => {
        await loadPackage(...names);
        pyodide.runPython(`
import time
import js
import percepnet_wasm

quick_step = percepnet_wasm.Enhancer.step

def step(self):
    until = time.perf_counter() + 0.025
    # While it is warmed up the page would only have to wait.
    if self.input.any() and abs(self.input).max() > 1e-3 and (SLOW):
        while time.perf_counter() < until:
            pass
    quick_step(self)

percepnet_wasm.Enhancer.step = step
`);
    };
    return pyodide;
}
"""
"""A frame takes 25 ms where SLOW holds; ``js.slow`` is what the page has said last."""

SLOW_NOW = "() => new BroadcastChannel('slow').postMessage(true)"
RECOVERED = "() => new BroadcastChannel('slow').postMessage(false)"


def slow_down(site: AlteredSite, condition: str) -> None:
    """Make frames late while a Python condition holds; ``self`` is the Enhancer."""
    real = (site.folder / "runtime/pyodide.mjs").read_text()
    (site.folder / "runtime/real.mjs").write_text(real)
    site.write("runtime/pyodide.mjs", lambda _: SLOW_PYODIDE.replace("SLOW", condition))
