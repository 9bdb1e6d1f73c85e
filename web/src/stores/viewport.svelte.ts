// Whether the page is narrow (a phone): one media query for all.

const query = matchMedia("(max-width: 767px)");

class Viewport {
  narrow = $state.raw(query.matches);

  constructor() {
    query.addEventListener("change", (event) => {
      this.narrow = event.matches;
    });
  }
}

export const viewport = new Viewport();
