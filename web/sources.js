/**
 * Where the sound comes from. Each source gives a track and a way to stop it.
 *
 * @typedef {{track: MediaStreamTrack, stop: () => void}} Source
 */

/** @returns {Promise<Source>} */
export async function openMicrophone() {
  if (!navigator.mediaDevices) {
    throw new Error('Browsers give the microphone to secure pages only: open this page over https or on localhost.');
  }
  // Echo cancellation stays; the browser's own noise suppression would leave nothing to show.
  const audio = { echoCancellation: true, noiseSuppression: false, autoGainControl: false };
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    const [track] = stream.getAudioTracks();
    return { track, stop: () => track.stop() };
  } catch (error) {
    throw new Error(explain(/** @type {DOMException} */ (error)), { cause: error });
  }
}

/** @param {DOMException} error of getUserMedia */
function explain({ name, message }) {
  if (name === 'NotAllowedError') {
    return 'The microphone is not allowed: permit it in the address bar, or try the noisy clip.';
  }
  if (name === 'NotFoundError') return 'No microphone was found: plug one in, or try the noisy clip.';
  if (name === 'NotReadableError') return 'The microphone is in use by another program: close that, or try the clip.';
  return `The microphone could not be opened (${message}): try the noisy clip.`;
}

/**
 * A recording, played in a loop as if it were a microphone.
 *
 * @param {AudioContext} context
 * @param {string} url
 * @returns {Promise<Source>}
 */
export async function openClip(context, url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The clip ${url} is missing (${response.status}): build the site again.`);
  const buffer = await context.decodeAudioData(await response.arrayBuffer());
  const player = new AudioBufferSourceNode(context, { buffer, loop: true });
  const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
  player.connect(destination);
  player.start();
  const [track] = destination.stream.getAudioTracks();
  return {
    track,
    stop() {
      player.stop();
      track.stop();
    },
  };
}
