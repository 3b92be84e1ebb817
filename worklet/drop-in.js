/**
 * One tag, no other change: every microphone of the page comes out clean.
 *
 *     <script src="percepnet/worklet/drop-in.js" data-attenuation-limit="20"></script>
 *
 * A classic script, so that it has wrapped getUserMedia before any later script runs; keep it above the page's own and
 * without `async` or `defer`. What it does lives in modules, which it begins to load at once (clean-media.js). If they
 * do not come, getUserMedia is the browser's own.
 *
 * `await window.percepnet` gives the controls: enabled, attenuationLimit, instances, events.
 */
(() => {
  /** ms to wait for the modules when a microphone is asked for before they are there. */
  const PATIENCE = 3000;
  const page = /** @type {any} */ (window);
  const script = /** @type {HTMLScriptElement | null} */ (document.currentScript);
  const devices = globalThis.MediaDevices?.prototype;

  if (!script?.src) return console.error('percepnet: load drop-in.js by its src attribute, as a classic script');
  if (!devices?.getUserMedia) return console.warn('percepnet: no microphone here: the page needs https or localhost');
  if (page.percepnet) return console.warn('percepnet: window.percepnet is taken (is drop-in.js here twice?): not loaded');

  const native = devices.getUserMedia;
  const dataset = { ...script.dataset };

  async function load() {
    const folder = /** @type {HTMLScriptElement} */ (script).src;
    const [{ readAttributes }, { CleanMedia }, { coverStreamClones }] = await Promise.all(
      ['attributes.js', 'clean-media.js', 'stand-in.js'].map((name) => import(new URL(name, folder).href)),
    );
    const { options, problems } = readAttributes(dataset);
    for (const problem of problems) console.error(`percepnet: ${problem}`);
    const media = new CleanMedia(options);
    coverStreamClones();
    return media;
  }

  const loading = load();
  loading.catch((error) => console.error('percepnet: the microphone stays raw, drop-in.js could not be loaded:', error));
  page.percepnet = loading;

  devices.getUserMedia = async function getUserMedia() {
    const own = (/** @type {MediaStreamConstraints | undefined} */ constraints) => native.call(this, constraints);
    const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
    const media = await Promise.race([loading.catch(() => undefined), late]);
    return media ? media.getUserMedia(own, arguments[0]) : own(arguments[0]);
  };

  // The interface from before promises: some clients still try it first.
  for (const name of ['getUserMedia', 'webkitGetUserMedia', 'mozGetUserMedia']) {
    if (!(name in navigator)) continue;
    /** @type {any} */ (navigator)[name] = (
      /** @type {MediaStreamConstraints} */ constraints,
      /** @type {(stream: MediaStream) => void} */ onStream,
      /** @type {(error: unknown) => void} */ onError,
    ) => void navigator.mediaDevices.getUserMedia(constraints).then(onStream, onError);
  }
})();
