// Whether the page is narrow (a phone), by one media query for all; and whether rows rush by under a fast scroll.

const query = matchMedia("(max-width: 767px)");

class Viewport {
  narrow = $state.raw(query.matches);
  /** Too fast to see more than names: strips wait. */
  rushing = $state.raw(false);
  #calm: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    query.addEventListener("change", (event) => {
      this.narrow = event.matches;
    });
  }

  rush(): void {
    this.rushing = true;
    clearTimeout(this.#calm);
    this.#calm = setTimeout(() => (this.rushing = false), 120);
  }
}

export const viewport = new Viewport();
