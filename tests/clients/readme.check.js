/** The README's ten lines, type-checked; a test compares them with the README. */
import { PercepNet } from 'percepnet-wasm';

const stream = await navigator.mediaDevices.getUserMedia({ audio: { noiseSuppression: false } });
const [microphone] = stream.getAudioTracks();
const percepnet = await PercepNet.create({ assets: '/runtime/' });
percepnet.addEventListener('fallback', ({ detail }) => console.warn(detail.code, detail.message));
const clean = await percepnet.processTrack(microphone); // a MediaStreamTrack

const connection = new RTCPeerConnection();
connection.addTrack(clean, new MediaStream([clean]));
