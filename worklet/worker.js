/** The worker of `engine: 'python'`: Pyodide, NumPy and the wheel, one for all instances of a page. */
import { Runtime } from './runtime.js';
import { serve } from './serve.js';

serve(Runtime.boot, 'python');
