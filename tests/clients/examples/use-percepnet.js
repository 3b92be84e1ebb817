/**
 * PercepNet as a React hook: a microphone track in, a clean track out. Copy it into your application.
 *
 *     const { track: clean, state, reason } = usePercepNet(microphone);
 */
import { PercepNet } from 'percepnet-wasm';
import { useEffect, useRef, useState } from 'react';

/**
 * @typedef {object} Enhanced
 * @property {MediaStreamTrack | undefined} track the clean track, or the raw one while there is none
 * @property {'loading' | 'ready' | 'fallback'} state
 * @property {string | undefined} reason why the state is 'fallback'
 * @property {PercepNet | undefined} percepnet for its settings, such as `enabled`
 */

/**
 * @param {MediaStreamTrack | undefined} microphone may change: the clean track stays the same
 * @param {import('percepnet-wasm').Options} [options] read once, when the component is mounted
 * @returns {Enhanced}
 */
export function usePercepNet(microphone, options) {
  const [percepnet, setPercepNet] = useState(/** @type {PercepNet | undefined} */ (undefined));
  const [clean, setClean] = useState(/** @type {MediaStreamTrack | undefined} */ (undefined));
  /** Whether the instance has been given a track: further ones replace it. */
  const begun = useRef(false);
  const [status, setStatus] = useState(/** @type {Pick<Enhanced, 'state' | 'reason'>} */ ({ state: 'loading', reason: undefined }));

  useEffect(() => {
    let unmounted = false;
    /** @type {PercepNet | undefined} */
    let created;
    void PercepNet.create(options).then((instance) => {
      if (unmounted) return instance.destroy();
      created = instance;
      instance.addEventListener('ready', () => setStatus({ state: 'ready', reason: undefined }));
      instance.addEventListener('fallback', ({ detail }) => setStatus({ state: 'fallback', reason: detail.message }));
      setPercepNet(instance);
    });
    return () => {
      unmounted = true;
      begun.current = false;
      created?.destroy();
      setPercepNet(undefined);
      setClean(undefined);
    };
  }, []);

  useEffect(() => {
    if (!percepnet?.support.supported || !microphone) return;
    if (begun.current) return percepnet.replaceInput(microphone);
    begun.current = true;
    void percepnet.processTrack(microphone).then((track) => {
      if (percepnet.state === 'destroyed') return;
      if (track === microphone) begun.current = false; // no audio graph could be created
      else setClean(track);
    });
  }, [percepnet, microphone]);

  return { track: clean ?? microphone, ...status, percepnet };
}
