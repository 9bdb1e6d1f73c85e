// The page's one stream and its state as the top bar shows it.
import { Stream, type StreamStatus } from "../api/stream";

export const stream = new Stream({
  connect: () => new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/stream`) as never,
});

class Connection {
  status: StreamStatus = $state.raw(stream.status);
  /** Shown as disconnected: a blip of under a second is not worth a word. */
  down = $state.raw(false);
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** Asked when attempts fail: perhaps the session ended. */
  onfailing: (() => void) | null = null;

  constructor() {
    stream.onstatus = (status) => {
      this.status = { ...status };
      if (status.state === "open" || status.state === "idle") {
        if (this.#timer) clearTimeout(this.#timer);
        this.#timer = null;
        this.down = false;
      } else if (!this.#timer && !this.down) {
        this.#timer = setTimeout(() => {
          this.#timer = null;
          this.down = true;
        }, 800);
      }
      if (status.state === "waiting" && status.attempt >= 1) this.onfailing?.();
    };
    addEventListener("online", () => stream.probe());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) stream.probe();
    });
  }
}

export const connection = new Connection();
