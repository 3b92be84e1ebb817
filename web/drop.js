/** Files dropped anywhere on the page. */

/** @param {HTMLElement} sign shown while a file hovers over the page @param {(file: File) => void} take */
export function acceptDrops(sign, take) {
  const holdsFiles = (/** @type {DragEvent} */ { dataTransfer }) => dataTransfer?.types.includes('Files') ?? false;
  // Enter and leave come for every element passed over; dragover comes as long as the file hovers.
  /** @type {ReturnType<typeof setTimeout>} */
  let gone;
  addEventListener('dragover', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    sign.hidden = false;
    clearTimeout(gone);
    gone = setTimeout(() => (sign.hidden = true), 300);
  });
  addEventListener('drop', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    sign.hidden = true;
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  });
}
