/** Mono WAV files of 16-bit samples. */

/** @param {Int16Array[]} blocks one after the other @param {number} rate samples per second @returns {Blob} */
export function wav(blocks, rate) {
  const bytes = blocks.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const header = new DataView(new ArrayBuffer(44));
  const text = (/** @type {number} */ at, /** @type {string} */ letters) =>
    [...letters].forEach((letter, i) => header.setUint8(at + i, letter.charCodeAt(0)));
  text(0, 'RIFF');
  header.setUint32(4, 36 + bytes, true);
  text(8, 'WAVEfmt ');
  header.setUint32(16, 16, true); // bytes of the format that follow
  header.setUint16(20, 1, true); // PCM
  header.setUint16(22, 1, true); // channels
  header.setUint32(24, rate, true);
  header.setUint32(28, 2 * rate, true); // bytes per second
  header.setUint16(32, 2, true); // bytes per frame
  header.setUint16(34, 16, true); // bits per sample
  text(36, 'data');
  header.setUint32(40, bytes, true);
  // Typed arrays are little-endian on every machine that runs a browser, as WAV is.
  return new Blob([header, .../** @type {BlobPart[]} */ (blocks)], { type: 'audio/wav' });
}
