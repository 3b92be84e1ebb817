/**
 * Where the sound comes from. Each source gives a node to listen to and a way to stop it.
 *
 * @typedef {{node: AudioNode, track?: MediaStreamTrack, stop: () => void}} Source
 */
import { SAMPLE_RATE } from './worklet/constants.js';

/** Longest file taken, seconds: decoded, a minute takes 12 MB of memory, or twice that in stereo. */
const LONGEST = 30 * 60;

/** @param {AudioContext} context @param {() => void} ended called when the device goes away @returns {Promise<Source>} */
export async function openMicrophone(context, ended) {
  if (!navigator.mediaDevices) {
    throw new Error('Browsers give the microphone to secure pages only: open this page over https or on localhost.');
  }
  // Echo cancellation stays; the browser's own noise suppression would leave nothing to show.
  const audio = { echoCancellation: true, noiseSuppression: false, autoGainControl: false, sampleRate: SAMPLE_RATE };
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new Error(explain(/** @type {DOMException} */ (error)), { cause: error });
  }
  const [track] = stream.getAudioTracks();
  const stop = () => track.stop();
  try {
    const node = context.createMediaStreamSource(stream);
    track.onended = ended;
    return { node, track, stop };
  } catch (error) {
    stop();
    throw new Error(
      `This browser cannot bring the microphone to ${SAMPLE_RATE / 1000} kHz (${error}): set the device to that rate, or try the clip.`,
      { cause: error },
    );
  }
}

/** @param {DOMException} error of getUserMedia */
function explain({ name, message }) {
  if (name === 'NotAllowedError') {
    return 'The microphone is not allowed: permit it in the address bar and press Start again, or try the noisy clip.';
  }
  if (name === 'NotFoundError') return 'No microphone was found: plug one in, or try the noisy clip.';
  if (name === 'NotReadableError') return 'The microphone is in use by another program: close that, or try the clip.';
  return `The microphone could not be opened (${message}): try the noisy clip.`;
}

/** The bundled recording. @param {AudioContext} context @param {string} url @returns {Promise<Source>} */
export async function openClip(context, url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The clip ${url} is missing (${response.status}): build the site again.`);
  return loop(context, await context.decodeAudioData(await response.arrayBuffer()));
}

/** A visitor's recording. @param {AudioContext} context @param {File} file @returns {Promise<Source>} */
export async function openFile(context, file) {
  let buffer;
  try {
    buffer = await context.decodeAudioData(await file.arrayBuffer());
  } catch (error) {
    throw new Error(`${file.name} holds no sound that this browser can read: give a WAV, FLAC, MP3, Ogg or M4A file.`, {
      cause: error,
    });
  }
  if (buffer.duration > LONGEST) {
    throw new Error(`${file.name} lasts ${Math.round(buffer.duration / 60)} minutes: give at most ${LONGEST / 60}.`);
  }
  return loop(context, buffer);
}

/** A recording, over and over. @param {AudioContext} context @param {AudioBuffer} buffer @returns {Source} */
function loop(context, buffer) {
  const node = new AudioBufferSourceNode(context, { buffer, loop: true });
  node.start();
  return { node, stop: () => node.stop() };
}
