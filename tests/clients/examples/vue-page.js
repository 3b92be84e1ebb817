/** A component that uses the composable; tests/browser/test_examples.py runs it. */
import { createApp, h, shallowRef } from 'vue';
import { usePercepNet } from './percepnet-composable.js';

/** @param {HTMLElement} place @param {MediaStreamTrack} microphone */
export function mount(place, microphone) {
  const input = shallowRef(/** @type {MediaStreamTrack | undefined} */ (microphone));
  const app = createApp({
    setup() {
      const { track, state, percepnet } = usePercepNet(input);
      return () => {
        Object.assign(globalThis, { clean: track.value, percepnet: percepnet.value });
        return h('output', state.value);
      };
    },
  });
  app.mount(place);
  return { change: (/** @type {MediaStreamTrack} */ track) => void (input.value = track), unmount: () => app.unmount() };
}
