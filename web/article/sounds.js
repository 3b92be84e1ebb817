/** Speech and noise for the article's clip, as mono samples: bundled, a visitor's files, the microphone, white noise. */
import { decode, fetchSound, readSound } from '../audio-files.js';
import { openMicrophone } from '../microphone.js';
import { fetchSample } from '../samples.js';
import { SAMPLE_RATE } from '../worklet/constants.js';

/** Seconds kept of a recording: as much as a browser computes in a few seconds. */
export const LONGEST = 10;
/** Seconds recorded from the microphone. */
export const TAKE = 6;

/** Constraints for speech without any processing. @type {MediaTrackConstraints} */
const UNTOUCHED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** @param {string} url of a file of the site @returns {Promise<Float32Array>} */
export async function fetchMono(url) {
  return mono(await fetchSound(url));
}

/** Two talkers; samples/samples.json says who. @returns {Promise<Float32Array>} */
export async function fetchVoice() {
  return mono(await fetchSample('voice'));
}

/** @param {File} file @returns {Promise<Float32Array>} */
export async function readMono(file) {
  return mono(await readSound(file));
}

/** @param {AudioBuffer} buffer @returns {Float32Array} its first LONGEST seconds, the channels' mean */
function mono(buffer) {
  const samples = new Float32Array(Math.min(buffer.length, LONGEST * SAMPLE_RATE));
  for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
    const data = buffer.getChannelData(channel);
    for (let i = 0; i < samples.length; i++) samples[i] += data[i] / buffer.numberOfChannels;
  }
  return samples;
}

/** TAKE seconds from the microphone. @param {(seconds: number) => void} onSecond called with the number left */
export async function recordMono(onSecond) {
  const stream = await openMicrophone(UNTOUCHED);
  try {
    const recorder = new MediaRecorder(stream);
    /** @type {Blob[]} */
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const ended = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.start();
    for (let left = TAKE; left > 0; left--) {
      onSecond(left);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    if (recorder.state !== 'inactive') recorder.stop(); // else the device was disconnected: keep what was recorded
    await ended;
    return mono(await decode(await new Blob(parts).arrayBuffer(), 'The recording'));
  } finally {
    for (const track of stream.getTracks()) track.stop();
  }
}

/** White noise, the same each time. @returns {Float32Array} LONGEST seconds */
export function whiteNoise() {
  let state = 1;
  return Float32Array.from({ length: LONGEST * SAMPLE_RATE }, () => {
    // The sum of three numbers of a linear congruential generator: close enough to Gaussian.
    let sum = 0;
    for (let i = 0; i < 3; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      sum += state / 2 ** 31;
    }
    return sum / 3;
  });
}
