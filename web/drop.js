/** Files dropped anywhere on the page. */

/** @param {HTMLElement} sign shown while a file hovers over the page @param {(file: File) => void} take */
export function acceptDrops(sign, take) {
  const holdsFiles = (/** @type {DragEvent} */ { dataTransfer }) => dataTransfer?.types.includes('Files') ?? false;
  // dragenter and dragleave fire for every element that is passed over; dragover fires for as long as the file hovers.
  /** @type {ReturnType<typeof setTimeout>} */
  let left;
  addEventListener('dragover', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    sign.hidden = false;
    clearTimeout(left);
    left = setTimeout(() => (sign.hidden = true), 300);
  });
  addEventListener('drop', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    sign.hidden = true;
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  });
}
