// The time that ages are counted from: one timer for the whole page, still while it is hidden.

class Clock {
  now = $state.raw(Date.now());

  constructor() {
    setInterval(() => {
      if (!document.hidden) this.now = Date.now();
    }, 1000);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.now = Date.now();
    });
  }
}

export const clock = new Clock();
