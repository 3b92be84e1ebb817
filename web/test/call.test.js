/** What the page shows of a call is what the browser measured. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loopback } from '../call.js';

/** @type {Record<string, any>[][]} the near end's statistics, the far end's */
let reports = [[], []];

class FakeConnection {
  static count = 0;
  number = FakeConnection.count++ % 2;
  closed = false;
  addTrack() {}
  async setLocalDescription() {}
  async setRemoteDescription() {
    /** @type {any} */ (this).ontrack?.({ track: 'received' });
  }
  async getStats() {
    return new Map(reports[this.number].map((each, i) => [i, each]));
  }
  close() {
    this.closed = true;
  }
}

/** @param {number} timestamp ms @param {number} bytesSent @param {number} packetsSent @param {number} packetsLost */
function measured(timestamp, bytesSent, packetsSent, packetsLost) {
  reports = [
    [
      { id: 'c', type: 'codec', mimeType: 'audio/opus' },
      { type: 'outbound-rtp', kind: 'audio', codecId: 'c', timestamp, bytesSent, packetsSent },
    ],
    [{ type: 'inbound-rtp', kind: 'audio', packetsLost }],
  ];
}

test('codec, rate, packets and losses, since the last look', async () => {
  Object.assign(globalThis, { RTCPeerConnection: FakeConnection, MediaStream: class {} });
  const call = await loopback(/** @type {any} */ ('track'));
  assert.equal(await call.describe(), 'WebRTC, connecting');
  measured(1000, 100, 1, 0);
  assert.equal(await call.describe(), 'WebRTC, Opus');
  measured(2003, 6100, 51, 2);
  assert.equal(await call.describe(), 'WebRTC, Opus 48 kbit/s, 20 ms packets, 2 lost');
  measured(2503, 7100, 59, 2);
  assert.equal(await call.describe(), 'WebRTC, Opus 16 kbit/s, 60 ms packets, 2 lost');
  measured(3003, 7100, 59, 2);
  assert.equal(await call.describe(), 'WebRTC, Opus', 'nothing was sent');
  call.close();
});
