/**
 * The page's audio graph, all in one context, so that both signals share one clock:
 *
 *     source -> input -+-> dry, a delay as long as the enhancer's ------------> before -+-> out -+-> loudspeaker
 *                      +-> the enhancer's node (dry takes its place) -> wet --> after  -+        +-> outgoing, for a call
 *
 * `before` and `after` are the two ends of one cross-fade. Aligned to the sample, they correlate: a linear one keeps level.
 */
import { SAMPLE_RATE } from './worklet/constants.js';

/** Seconds of a cross-fade. */
const FADE = 0.03;

export class Sound {
  /** @param {number} latency samples from the enhancer's input to its output */
  constructor(latency) {
    this.context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: 'interactive' });
    const { context } = this;
    this.input = new GainNode(context, { channelCount: 1, channelCountMode: 'explicit' });
    this.dry = new DelayNode(context, { delayTime: latency / SAMPLE_RATE, maxDelayTime: 1 });
    this.wet = new GainNode(context);
    this.before = new GainNode(context, { gain: 0 });
    this.after = new GainNode(context);
    this.out = new GainNode(context);
    this.loudspeaker = new GainNode(context, { gain: 0 });
    this.input.connect(this.dry).connect(this.before).connect(this.out);
    this.dry.connect(this.wet).connect(this.after).connect(this.out);
    this.out.connect(this.loudspeaker).connect(context.destination);
    /** @type {AudioNode | undefined} */
    this.source = undefined;
    /** @type {AudioNode | undefined} */
    this.node = undefined;
  }

  /** Play this source instead of the last. @param {AudioNode} source */
  play(source) {
    this.source?.disconnect();
    this.source = source;
    source.connect(this.input);
  }

  /** Lead the sound through the enhancer. @param {AudioNode} node */
  insert(node) {
    this.bypass();
    this.node = node;
    this.input.connect(node).connect(this.wet);
    this.dry.disconnect(this.wet);
  }

  /** The enhancer's node is gone: the delayed sound takes its place. */
  bypass() {
    if (!this.node) return;
    this.input.disconnect(this.node);
    this.node.disconnect();
    this.node = undefined;
    this.dry.connect(this.wet);
  }

  /** @param {'before' | 'after'} ear which signal to hear from now on */
  hear(ear) {
    this.#fade(this.before, ear === 'before' ? 1 : 0);
    this.#fade(this.after, ear === 'after' ? 1 : 0);
  }

  /** @param {boolean} on */
  set loud(on) {
    this.#fade(this.loudspeaker, on ? 1 : 0);
  }

  /** What is heard, as a stream for a call. @returns {MediaStreamTrack} */
  outgoing() {
    const destination = new MediaStreamAudioDestinationNode(this.context, { channelCount: 1 });
    this.out.connect(destination);
    const [track] = destination.stream.getAudioTracks();
    return track;
  }

  close() {
    this.source?.disconnect();
    void this.context.close();
  }

  /** @param {GainNode} node @param {number} level */
  #fade({ gain }, level) {
    const now = this.context.currentTime;
    gain.cancelScheduledValues(now);
    gain.setValueAtTime(gain.value, now);
    gain.linearRampToValueAtTime(level, now + FADE);
  }
}
