/**
 * A picture of the last seconds, drawn column by column from left to right and then over again, as on a heart monitor:
 * nothing scrolls, and a new column costs one column's copy.
 */

/** Seconds across. */
export const SPAN = 10;

/** Columns across: one for every other frame of the usual display. */
export const COLUMNS = 300;

/** Columns kept empty ahead of the newest. */
const GAP = 6;

/** Most columns that one draw fills. If the page was busy for longer, what happened in the meantime is unknown and left blank. */
const MOST_COLUMNS = 4;

export class Sweep {
  /** @param {HTMLCanvasElement} canvas @param {number} rows */
  constructor(canvas, rows) {
    canvas.width = COLUMNS;
    canvas.height = rows;
    this.rows = rows;
    this.drawing = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    this.image = this.drawing.createImageData(1, rows);
    /** The column to write next, one colour per row from the top. */
    this.column = new Uint32Array(this.image.data.buffer);
    this.clear();
  }

  /** Put `column` into some columns. @param {number} from counted from the start of time @param {number} to not included */
  put(from, to) {
    const { drawing, image } = this;
    const seen = Math.max(from, to - MOST_COLUMNS);
    if (seen > from) this.#erase(from, Math.min(seen - from, COLUMNS));
    for (let column = seen; column < to; column++) drawing.putImageData(image, column % COLUMNS, 0);
    this.#erase(to, GAP);
  }

  /** @param {number} from @param {number} count of columns */
  #erase(from, count) {
    const start = from % COLUMNS;
    this.drawing.clearRect(start, 0, count, this.rows);
    if (start + count > COLUMNS) this.drawing.clearRect(0, 0, start + count - COLUMNS, this.rows);
  }

  clear() {
    this.drawing.clearRect(0, 0, COLUMNS, this.rows);
  }
}
