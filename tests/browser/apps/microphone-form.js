// A form with a microphone, whose members the pages hand to their frameworks. Nothing here knows of the drop-in. A framework
// makes `this` a Proxy, and every object that is read from it.
window.microphoneForm = () => ({
  label: '',
  asked: { audio: { echoCancellation: { ideal: false }, autoGainControl: false } },
  async start() {
    this.asked.audio.autoGainControl = true;
    const stream = await navigator.mediaDevices.getUserMedia(this.asked);
    [window.track] = stream.getAudioTracks();
    await track.applyConstraints(this.asked.audio);
    this.label = track.label;
  },
  stop() {
    track.stop();
    this.label = '';
  },
});
