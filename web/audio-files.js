/** Sound files, the site's own and visitors', decoded to the enhancer's rate. */
import { SAMPLE_RATE } from './worklet/constants.js';

/** Longest file accepted, seconds: decoded, a minute takes 12 MB of memory, twice that in stereo. */
export const LONGEST = 30 * 60;

/** Largest file, in bytes, that is tried if the browser cannot determine its duration. */
const LARGEST = 400e6;

/** ms to wait for a file's duration, which is read from its header. */
const METADATA_TIMEOUT = 10_000;

/** A file of this site that could not be downloaded. */
export class DownloadError extends Error {}

/** @param {string} url @returns {Promise<AudioBuffer>} */
export async function fetchSound(url) {
  const response = await fetch(url).catch((error) => {
    throw new DownloadError('The sound could not be downloaded. Check your connection and try again.', { cause: error });
  });
  if (!response.ok) throw new DownloadError(`${url} is missing on this site (status ${response.status}): rebuild the site.`);
  return decode(await response.arrayBuffer(), url);
}

/** A visitor's file. @param {File} file @returns {Promise<AudioBuffer>} */
export async function readSound(file) {
  const seconds = await durationOf(file);
  checkDuration(file.name, seconds);
  if (seconds === undefined && file.size > LARGEST) {
    throw new Error(`${file.name} is too large (${Math.round(file.size / 1e6)} MB). ${LIMIT}`);
  }
  const buffer = await decode(await file.arrayBuffer(), file.name);
  checkDuration(file.name, buffer.duration);
  return buffer;
}

const LIMIT =
  `This page accepts recordings of up to ${LONGEST / 60} minutes, because it keeps the whole recording in memory. ` +
  'For longer ones use the command line: percepnet-wasm enhance noisy.wav clean.wav';

/** @param {string} name @param {number} [seconds] */
function checkDuration(name, seconds = 0) {
  if (seconds > LONGEST) throw new Error(`${name} lasts ${longTime(seconds)}. ${LIMIT}`);
}

/** @param {number} seconds */
function longTime(seconds) {
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} minutes` : `${(minutes / 60).toFixed(1).replace('.0', '')} hours`;
}

/** Read from the file's header, before anything is decoded. @param {File} file @returns {Promise<number | undefined>} seconds */
async function durationOf(file) {
  const url = URL.createObjectURL(file);
  const audio = new Audio();
  audio.preload = 'metadata';
  try {
    await new Promise((resolve) => {
      audio.onloadedmetadata = audio.onerror = resolve;
      setTimeout(resolve, METADATA_TIMEOUT);
      audio.src = url;
    });
    return Number.isFinite(audio.duration) ? audio.duration : undefined;
  } finally {
    audio.removeAttribute('src');
    URL.revokeObjectURL(url);
  }
}

/** @param {ArrayBuffer} bytes @param {string} name @returns {Promise<AudioBuffer>} */
export async function decode(bytes, name) {
  try {
    return await new OfflineAudioContext(1, 1, SAMPLE_RATE).decodeAudioData(bytes);
  } catch (error) {
    throw new Error(`${name} contains no sound that this browser can decode: choose a WAV, FLAC, MP3, Ogg or M4A file.`, {
      cause: error,
    });
  }
}
