/** Speech and noise for the article's clip: what comes with the page, a visitor's files, or the microphone. */
import { SAMPLE_RATE } from '../worklet/constants.js';

/** Seconds kept of a recording: what a browser computes in a few seconds. */
export const LONGEST = 10;
/** Seconds recorded from the microphone. */
export const TAKE = 6;

/** @param {string} url of a file of the site @returns {Promise<Float32Array>} */
export async function fetchSound(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} is missing (${response.status}): build the site again.`);
  return decode(await response.arrayBuffer(), url);
}

/** @param {File} file @returns {Promise<Float32Array>} */
export async function readSound(file) {
  return decode(await file.arrayBuffer(), file.name);
}

/** @param {ArrayBuffer} bytes @param {string} name @returns {Promise<Float32Array>} mono, at SAMPLE_RATE */
async function decode(bytes, name) {
  const context = new OfflineAudioContext(1, 1, SAMPLE_RATE);
  let buffer;
  try {
    buffer = await context.decodeAudioData(bytes);
  } catch (error) {
    throw new Error(`${name} holds no sound that this browser can read: give a WAV, FLAC, MP3, Ogg or M4A file.`, {
      cause: error,
    });
  }
  const mono = new Float32Array(Math.min(buffer.length, LONGEST * SAMPLE_RATE));
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const samples = buffer.getChannelData(channel);
    for (let i = 0; i < mono.length; i++) mono[i] += samples[i] / buffer.numberOfChannels;
  }
  return mono;
}

/** TAKE seconds from the microphone, as it is. @param {(seconds: number) => void} tell how many are left */
export async function recordSound(tell) {
  if (!navigator.mediaDevices) {
    throw new Error('Browsers give the microphone to secure pages only: open this page over https or on localhost.');
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
  } catch (error) {
    throw new Error(`The microphone could not be opened (${/** @type {Error} */ (error).message}): allow it, or drop a file.`, {
      cause: error,
    });
  }
  try {
    const recorder = new MediaRecorder(stream);
    /** @type {Blob[]} */
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const ended = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.start();
    for (let left = TAKE; left > 0; left--) {
      tell(left);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    if (recorder.state !== 'inactive') recorder.stop(); // else the device has gone: what there is will do
    await ended;
    return await decode(await new Blob(parts).arrayBuffer(), 'the recording');
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

/** Noise of equal power at all frequencies, the same each time. @returns {Float32Array} LONGEST seconds */
export function whiteNoise() {
  let state = 1;
  return Float32Array.from({ length: LONGEST * SAMPLE_RATE }, () => {
    // Three steps of a linear congruence, summed: near enough to Gaussian.
    let sum = 0;
    for (let i = 0; i < 3; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      sum += state / 2 ** 31;
    }
    return sum / 3;
  });
}
