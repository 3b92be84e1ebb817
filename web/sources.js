/**
 * Where the sound comes from. Each source provides a node to listen to and a way to stop it.
 *
 * @typedef {{node: AudioNode, track?: MediaStreamTrack, stop: () => void}} Source
 */
import { openMicrophone } from './microphone.js';
import { SAMPLE_RATE } from './worklet/constants.js';

/** Echo cancellation stays on; the browser's own noise suppression would leave nothing to show. @type {MediaTrackConstraints} */
export const RAW = { echoCancellation: true, noiseSuppression: false, autoGainControl: false, sampleRate: SAMPLE_RATE };

/** @param {AudioContext} context @param {() => void} ended called when the device goes away @returns {Promise<Source>} */
export async function microphoneSource(context, ended) {
  const stream = await openMicrophone(RAW);
  const [track] = stream.getAudioTracks();
  const stop = () => track.stop();
  try {
    const node = context.createMediaStreamSource(stream);
    track.onended = ended;
    return { node, track, stop };
  } catch (error) {
    stop();
    throw new Error(
      `This browser cannot convert the microphone to ${SAMPLE_RATE / 1000} kHz (${error}): set the device to that rate, or use a recording.`,
      { cause: error },
    );
  }
}

/** A recording, over and over. @param {AudioContext} context @param {AudioBuffer} buffer @returns {Source} */
export function loopSource(context, buffer) {
  const node = new AudioBufferSourceNode(context, { buffer, loop: true });
  node.start();
  return { node, stop: () => node.stop() };
}
