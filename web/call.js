/**
 * A call from this page to itself: two RTCPeerConnections, with real Opus and RTP in between.
 *
 * @typedef {object} Call
 * @property {MediaStream} stream what the far end receives
 * @property {() => Promise<string>} describe what the call does to the sound, measured since the last time
 * @property {() => void} close
 *
 * @param {MediaStreamTrack} track sent by the near end
 * @returns {Promise<Call>}
 */
export async function loopback(track) {
  const near = new RTCPeerConnection();
  const far = new RTCPeerConnection();
  near.onicecandidate = ({ candidate }) => void far.addIceCandidate(candidate ?? undefined).catch(() => {});
  far.onicecandidate = ({ candidate }) => void near.addIceCandidate(candidate ?? undefined).catch(() => {});
  /** @type {Promise<MediaStream>} */
  const received = new Promise((resolve) => {
    far.ontrack = ({ track: arrived }) => resolve(new MediaStream([arrived]));
  });
  near.addTrack(track, new MediaStream([track]));
  await near.setLocalDescription();
  await far.setRemoteDescription(/** @type {RTCSessionDescription} */ (near.localDescription));
  await far.setLocalDescription();
  await near.setRemoteDescription(/** @type {RTCSessionDescription} */ (far.localDescription));
  let last = { timestamp: 0, bytes: 0, packets: 0 };
  return {
    stream: await received,
    async describe() {
      const sent = find(await near.getStats(), 'outbound-rtp');
      const got = find(await far.getStats(), 'inbound-rtp');
      if (!sent || !got) return 'WebRTC, connecting';
      const now = { timestamp: sent.timestamp, bytes: sent.bytesSent, packets: sent.packetsSent };
      const [ms, bytes, packets] = [now.timestamp - last.timestamp, now.bytes - last.bytes, now.packets - last.packets];
      const first = last.timestamp === 0;
      last = now;
      if (first || packets <= 0) return `WebRTC, ${sent.codec}`;
      const rate = `${sent.codec} ${Math.round((8 * bytes) / ms)} kbit/s`;
      // Packets last a multiple of 10 ms; the clock of the statistics is not as steady.
      return `WebRTC, ${rate}, ${10 * Math.max(1, Math.round(ms / packets / 10))} ms packets, ${got.packetsLost} lost`;
    },
    close() {
      near.close();
      far.close();
    },
  };
}

/** @param {RTCStatsReport} report @param {'outbound-rtp' | 'inbound-rtp'} type */
function find(report, type) {
  /** @type {any[]} */
  const all = [...report.values()];
  const stream = all.find((each) => each.type === type && each.kind === 'audio');
  const mime = all.find((each) => each.id === stream?.codecId)?.mimeType ?? 'audio/opus';
  const name = mime.replace('audio/', '');
  return stream && { ...stream, codec: name[0].toUpperCase() + name.slice(1) };
}
