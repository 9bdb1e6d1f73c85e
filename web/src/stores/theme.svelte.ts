// Dark, light or as the system has it; remembered by this browser alone.

export type Theme = "system" | "light" | "dark";

const KEY = "longshore.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

class ThemeStore {
  choice: Theme = $state.raw(stored());
  #system = $state.raw(dark.matches);
  /** What is shown; charts read it to draw anew. */
  shown: "light" | "dark" = $derived(this.choice === "system" ? (this.#system ? "dark" : "light") : this.choice);

  constructor() {
    dark.addEventListener("change", (event) => {
      this.#system = event.matches;
    });
    this.#apply();
  }

  set(choice: Theme): void {
    this.choice = choice;
    try {
      if (choice === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, choice);
    } catch {
      // A browser that keeps nothing still switches for now.
    }
    this.#apply();
  }

  #apply(): void {
    const root = document.documentElement;
    if (this.choice === "system") delete root.dataset["theme"];
    else root.dataset["theme"] = this.choice;
  }
}

export const theme = new ThemeStore();
