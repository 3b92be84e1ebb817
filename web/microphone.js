/** The microphone, and what to tell a visitor who has none. */

/**
 * @param {MediaTrackConstraints} constraints
 * @returns {Promise<MediaStream>}
 * @throws {Error} in words for the visitor
 */
export async function openMicrophone(constraints) {
  if (!navigator.mediaDevices) {
    throw new Error('Browsers allow microphones only on secure pages: open this page over https or on localhost.');
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: constraints });
  } catch (error) {
    throw new Error(explain(/** @type {DOMException} */ (error)), { cause: error });
  }
}

/** @param {DOMException} error of getUserMedia */
function explain({ name, message }) {
  if (name === 'NotAllowedError') {
    return 'This page is not allowed to use the microphone. Allow it in the address bar and try again, or use a recording.';
  }
  if (name === 'NotFoundError') return 'No microphone was found. Connect one, or use a recording.';
  if (name === 'NotReadableError') return 'Another program is using the microphone. Close it, or use a recording.';
  return `The microphone could not be opened (${message}). Use a recording instead.`;
}
