// Work gathered until the next frame: however many messages arrive, what is drawn changes once a frame.
// A hidden page has no frames; there a timer keeps the figures from going stale without end.

export interface Frames {
  request(run: () => void): void;
}

const browser: Frames = {
  request(run) {
    if (typeof document !== "undefined" && document.hidden) setTimeout(run, 1000);
    else requestAnimationFrame(run);
  },
};

/** Returns a function that calls `flush` once in the next frame, however often it is called before. */
export function perFrame(flush: () => void, frames: Frames = browser): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    frames.request(() => {
      asked = false;
      flush();
    });
  };
}
