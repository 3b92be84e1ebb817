import { PercepNet } from 'percepnet-wasm';

const stream = await navigator.mediaDevices.getUserMedia({ audio: { noiseSuppression: false } });
const percepnet = await PercepNet.create();
const told = [];
for (const type of ['ready', 'fallback']) percepnet.addEventListener(type, ({ detail }) => told.push([type, detail.message]));
const [raw] = stream.getAudioTracks();
const clean = await percepnet.processTrack(raw);
Object.assign(window, { percepnet, told, raw, clean });
