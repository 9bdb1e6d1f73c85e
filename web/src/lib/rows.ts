// Which rows of a long list are in sight: fixed heights by arithmetic, differing heights by sums.

export interface Window {
  /** First row to draw. */
  from: number;
  /** One past the last. */
  to: number;
  /** Pixels above the first. */
  offset: number;
}

/** As many rows wherever the list stands, so that its pool of slots never changes its size while it scrolls. */
export function fixedWindow(count: number, height: number, scrollTop: number, viewport: number, overscan: number): Window {
  const size = Math.min(count, Math.ceil(viewport / height) + 1 + 2 * overscan);
  const from = Math.max(0, Math.min(count - size, Math.floor(scrollTop / height) - overscan));
  return { from, to: from + size, offset: from * height };
}

/**
 * Pool slots for a window: row `i` lives in slot `i mod size`, so scrolling by one row changes one slot and leaves the
 * other elements untouched.
 */
export function slots(window: Window): { slot: number; index: number }[] {
  const size = window.to - window.from;
  const out: { slot: number; index: number }[] = [];
  for (let index = window.from; index < window.to; index += 1) out.push({ slot: index % size, index });
  return out.sort((a, b) => a.slot - b.slot);
}

/** Prefix sums of heights, for rows that wrap. */
export class Heights {
  #sums = new Float64Array(1024);
  length = 0;

  reset(): void {
    this.length = 0;
  }

  push(height: number): void {
    if (this.length + 2 > this.#sums.length) {
      const grown = new Float64Array(this.#sums.length * 2);
      grown.set(this.#sums);
      this.#sums = grown;
    }
    this.#sums[this.length + 1] = this.top(this.length) + height;
    this.length += 1;
  }

  /** Pixels above row `index`. */
  top(index: number): number {
    return this.#sums[index] ?? 0;
  }

  get total(): number {
    return this.top(this.length);
  }

  /** The row at a height, by bisection. */
  at(y: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.top(middle + 1) <= y) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  window(scrollTop: number, viewport: number, overscan: number): Window {
    const from = Math.max(0, this.at(scrollTop) - overscan);
    const to = Math.min(this.length, this.at(scrollTop + viewport) + 1 + overscan);
    return { from, to, offset: this.top(from) };
  }
}
