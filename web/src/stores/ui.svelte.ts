// What lies over the page, one of each: the palette, a row's menu, the question before something is destroyed.
import type { ContainerRow } from "../api/types";

class Ui {
  palette = $state.raw(false);
  /** Asked about before it is removed. */
  removing: ContainerRow | null = $state.raw(null);
  menu: { row: ContainerRow; x: number; y: number; from: HTMLElement } | null = $state.raw(null);

  openMenu(row: ContainerRow, from: HTMLElement): void {
    const box = from.getBoundingClientRect();
    this.menu = { row, x: box.right, y: box.bottom + 4, from };
  }
}

export const ui = new Ui();
