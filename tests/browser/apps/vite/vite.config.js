export default {
  base: './', // the app runs in any folder
  worker: { format: 'es' },
  // Only for `vite dev`: pre-bundling would move the module away from the files beside it.
  optimizeDeps: { exclude: ['percepnet-wasm'] },
};
