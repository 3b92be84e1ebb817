/** Type-checked, never run: the adapters are what the vendors' kits take. */
import { TwilioProcessor } from '../../worklet/adapters/twilio.js';
import { ChimeTransformDevice } from '../../worklet/adapters/chime.js';
import { LiveKitProcessor } from '../../worklet/adapters/livekit.js';

/** @param {import('livekit-client').LocalAudioTrack} track */
export const liveKit = (track) => track.setProcessor(new LiveKitProcessor({ attenuationLimit: 20 }));

/** @param {import('@twilio/voice-sdk').Device} device */
export const twilio = (device) => device.audio?.addProcessor(new TwilioProcessor({ attenuationLimit: 20 }));

/** @param {import('amazon-chime-sdk-js').AudioVideoFacade} audioVideo */
export const chime = (audioVideo) => audioVideo.startAudioInput(new ChimeTransformDevice('default'));
