/** Pyodide under Node: growth.mjs RUNTIME GROWING.PY AUDIO KERNEL HOURS prints what growing.py measures, as JSON. */
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';

const [runtime, source, audio, kernel, hours] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${runtime}/pyodide.mjs`).href);
const pyodide = await loadPyodide({ indexURL: `${runtime}/`, stdout: () => {} });
await pyodide.loadPackage('percepnet-wasm', { messageCallback() {} });
pyodide.FS.writeFile('/home/pyodide/growing.py', await readFile(source, 'utf8'));
pyodide.FS.writeFile('/home/pyodide/audio.f32', await readFile(audio));
const found = pyodide.runPython(`
import json
from pathlib import Path
import growing
json.dumps(growing.measure(Path("/home/pyodide/audio.f32").read_bytes(), ${JSON.stringify(kernel)}, ${Number(hours)}))
`);
process.stdout.write(found);
process.exit(0);
