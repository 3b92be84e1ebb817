/** The worker of `engine: 'worker'`: the compiled kernel and a program image, without Python; one for all instances of a page. */
import { RunnerRuntime } from './runner-runtime.js';
import { serve } from './serve.js';

serve(RunnerRuntime.boot, 'runner');
