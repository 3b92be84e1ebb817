/** A component that uses the hook; tests/browser/test_examples.py runs it. */
import { StrictMode, createElement } from 'react';
import { createRoot } from 'react-dom/client';
import { usePercepNet } from './use-percepnet.js';

/** @param {{microphone: MediaStreamTrack}} properties */
function Call({ microphone }) {
  const { track, state, percepnet } = usePercepNet(microphone);
  Object.assign(globalThis, { clean: track, percepnet: percepnet ?? Reflect.get(globalThis, 'percepnet') });
  return createElement('output', null, state);
}

/** @param {HTMLElement} place @param {MediaStreamTrack} microphone */
export function mount(place, microphone) {
  const root = createRoot(place);
  const change = (/** @type {MediaStreamTrack} */ track) =>
    root.render(createElement(StrictMode, null, createElement(Call, { microphone: track })));
  change(microphone);
  return { change, unmount: () => root.unmount() };
}
