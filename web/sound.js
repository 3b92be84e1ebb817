/**
 * The page's audio graph, all in one context, so both signals share one clock:
 *
 *     source -> input -+-> dry, a delay as long as the enhancer's -+---------------------> out -+-> loudspeaker
 *                      |                                           '-> minus -+            ^    +-> outgoing, for a call
 *                      +-> the enhancer's node (dry takes its place) -> wet --+-> after ---'
 *
 * `after` is the only parameter of the cross-fade: out = dry + after * (wet - dry). Two gains, one for each signal, would be
 * set at two moments with audio in between, and would not add up to one. The signals are aligned to the sample and
 * correlated, so this keeps the level.
 */
import { SAMPLE_RATE } from './worklet/constants.js';

/** Time constant of a fade, seconds. */
const FADE = 0.01;

export class Sound {
  /** @param {number} latency samples from the enhancer's input to its output */
  constructor(latency) {
    this.context = new AudioContext({ sampleRate: SAMPLE_RATE, latencyHint: 'interactive' });
    const { context } = this;
    this.input = new GainNode(context, { channelCount: 1, channelCountMode: 'explicit' });
    this.dry = new DelayNode(context, { delayTime: latency / SAMPLE_RATE, maxDelayTime: 1 });
    this.wet = new GainNode(context);
    this.minus = new GainNode(context, { gain: -1 });
    /** Its gain is 1 when the enhanced sound is heard, 0 when the raw one is. */
    this.after = new GainNode(context);
    this.out = new GainNode(context);
    this.loudspeaker = new GainNode(context, { gain: 0 });
    this.input.connect(this.dry).connect(this.out);
    this.dry.connect(this.minus).connect(this.after).connect(this.out);
    this.dry.connect(this.wet).connect(this.after);
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

  /** Route the sound through the enhancer. @param {AudioNode} node */
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
    // This starts from wherever the gain is when the audio thread gets to it, however late; a ramp between two times that
    // have already passed would jump.
    gain.setTargetAtTime(level, this.context.currentTime, FADE);
  }
}
