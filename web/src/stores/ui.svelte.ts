// What lies over the page, one of each: the palette, a row's menu, the question before something is destroyed.
import type { ContainerRow } from "../api/types";

class Ui {
  palette = $state.raw(false);
  /** Asked about before it is removed. */
  removing: ContainerRow | null = $state.raw(null);
  menu: { row: ContainerRow; x: number; y: number; back: HTMLElement } | null = $state.raw(null);

  /** Opens beside `from`; the focus goes back to `back` when it closes. */
  openMenu(row: ContainerRow, from: HTMLElement, back = from): void {
    const box = from.getBoundingClientRect();
    this.menu = { row, x: box.right, y: box.bottom + 4, back };
  }
}

export const ui = new Ui();
