/**
 * A call from this page to itself: two RTCPeerConnections, real Opus and RTP in between.
 *
 * @param {MediaStreamTrack} track sent by the near end
 * @returns {Promise<{stream: MediaStream, close: () => void}>} what the far end receives
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
  return {
    stream: await received,
    close() {
      near.close();
      far.close();
    },
  };
}
