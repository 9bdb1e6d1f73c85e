// The last samples of one container for its strips: a fixed ring, written in place, with gaps kept as gaps.

/** Samples a strip shows: one a second for a minute. */
export const STRIP = 60;
/** Two samples further apart than this (ms) have a gap between them. */
export const GAP_MS = 3_500;

export class Series {
  readonly #values: Float64Array;
  readonly #times: Float64Array;
  #next = 0;
  #length = 0;

  constructor(readonly size = STRIP) {
    this.#values = new Float64Array(size);
    this.#times = new Float64Array(size);
  }

  /** Unknown is kept as `null` reads back. A sample not newer than the last is dropped. */
  push(at: number, value: number | null): void {
    if (this.#length > 0 && at <= this.lastTime) return;
    this.#values[this.#next] = value ?? Number.NaN;
    this.#times[this.#next] = at;
    this.#next = (this.#next + 1) % this.size;
    this.#length = Math.min(this.#length + 1, this.size);
  }

  get length(): number {
    return this.#length;
  }

  get lastTime(): number {
    return this.#length === 0 ? Number.NEGATIVE_INFINITY : (this.#times[(this.#next - 1 + this.size) % this.size] ?? 0);
  }

  get last(): number | null {
    if (this.#length === 0) return null;
    const value = this.#values[(this.#next - 1 + this.size) % this.size] ?? Number.NaN;
    return Number.isNaN(value) ? null : value;
  }

  get max(): number {
    let max = 0;
    for (let i = 0; i < this.#length; i += 1) {
      const value = this.#values[i] ?? Number.NaN;
      if (value > max) max = value;
    }
    return max;
  }

  /** Oldest first. */
  forEach(visit: (at: number, value: number | null) => void): void {
    const start = (this.#next - this.#length + this.size) % this.size;
    for (let i = 0; i < this.#length; i += 1) {
      const slot = (start + i) % this.size;
      const value = this.#values[slot] ?? Number.NaN;
      visit(this.#times[slot] ?? 0, Number.isNaN(value) ? null : value);
    }
  }

  /**
   * The strip as SVG paths in a box of `width` × `height`: the line, and the shape below it. Time runs to `end` (ms) at
   * the right edge; the box is `size` seconds wide. A gap breaks both.
   */
  paths(width: number, height: number, top: number, end: number): { line: string; fill: string } {
    const span = this.size * 1000;
    const scale = top > 0 ? (height - 1) / top : 0;
    let line = "";
    let fill = "";
    let run = "";
    let from = 0;
    let x = 0;
    let before = 0;
    const close = (): void => {
      if (run !== "") {
        line += `M${run}`;
        fill += `M${from} ${height}L${run}L${x} ${height}Z`;
      }
      run = "";
    };
    this.forEach((at, value) => {
      if (value === null || at < end - span) return close();
      if (at - before > GAP_MS) close();
      x = Math.round((width - ((end - at) / span) * width) * 10) / 10;
      const y = Math.round((height - 0.5 - Math.min(value, top) * scale) * 10) / 10;
      if (run === "") {
        from = x;
        run = `${x} ${y}`;
      } else run += `L${x} ${y}`;
      before = at;
    });
    close();
    return { line, fill };
  }
}
