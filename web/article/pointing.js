/** Pointing at the pictures shows a moment of the clip; a click goes there. */

/**
 * @param {() => number} duration of the clip, seconds
 * @param {(moment: number | undefined) => void} look called with the moment under the pointer, or none
 * @param {(moment: number) => void} go called with the moment clicked
 */
export function followPointer(duration, look, go) {
  for (const screen of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('.screen[data-time]'))) {
    const moment = (/** @type {PointerEvent | MouseEvent} */ event) => {
      const { left, width } = screen.getBoundingClientRect();
      return (duration() * (event.clientX - left)) / width;
    };
    screen.addEventListener('pointermove', (event) => look(moment(event)));
    screen.addEventListener('pointerleave', () => look(undefined));
    screen.addEventListener('click', (event) => go(moment(event)));
  }
}
