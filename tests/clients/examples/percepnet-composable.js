/**
 * PercepNet as a Vue composable: a microphone track in, a clean track out. Copy it into your application.
 *
 *     const { track: clean, state, reason } = usePercepNet(microphone);
 */
import { PercepNet } from 'percepnet-wasm';
import { computed, onScopeDispose, ref, shallowRef, watch } from 'vue';

/**
 * @param {import('vue').Ref<MediaStreamTrack | undefined>} microphone may change: the clean track stays the same
 * @param {import('percepnet-wasm').Options} [options]
 */
export function usePercepNet(microphone, options) {
  const percepnet = shallowRef(/** @type {PercepNet | undefined} */ (undefined));
  const clean = shallowRef(/** @type {MediaStreamTrack | undefined} */ (undefined));
  const state = ref(/** @type {'loading' | 'ready' | 'fallback'} */ ('loading'));
  const reason = ref(/** @type {string | undefined} */ (undefined));
  let disposed = false;
  /** Whether the instance has been given a track: further ones replace it. */
  let begun = false;

  void PercepNet.create(options).then((instance) => {
    if (disposed) return instance.destroy();
    instance.addEventListener('ready', () => {
      state.value = 'ready';
      reason.value = undefined;
    });
    instance.addEventListener('fallback', ({ detail }) => {
      state.value = 'fallback';
      reason.value = detail.message;
    });
    percepnet.value = instance;
  });

  watch([percepnet, microphone], async ([instance, track]) => {
    if (!instance?.support.supported || !track) return;
    if (begun) return instance.replaceInput(track);
    begun = true;
    const processed = await instance.processTrack(track);
    if (disposed) return;
    if (processed === track) begun = false; // no audio graph could be created
    else clean.value = processed;
  });

  onScopeDispose(() => {
    disposed = true;
    percepnet.value?.destroy();
  });

  /** The clean track, or the raw one while there is none. */
  const track = computed(() => clean.value ?? microphone.value);
  return { track, state, reason, percepnet };
}
