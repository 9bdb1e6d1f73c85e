// Steps of a story: each named, timed and with its own limit, so that a failure says where it was.
import { performance } from "node:perf_hooks";

export class Story {
  figures = {};

  /** Does one step. A step that does not end fails it all. */
  async step(name, work, limit = 20_000) {
    const begun = performance.now();
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not done within ${limit} ms`)), limit);
    });
    try {
      const result = await Promise.race([work(), late]);
      console.log(`ok   ${name} (${Math.round(performance.now() - begun)} ms)`);
      return result;
    } catch (error) {
      console.log(`FAIL ${name}: ${error.message}`);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Keeps a measured figure, and holds it to its limit. */
  figure(name, value, { below } = {}) {
    const rounded = Math.round(value * 10) / 10;
    this.figures[name] = rounded;
    console.log(`     ${name}: ${rounded}${below === undefined ? "" : ` (must be below ${below})`}`);
    if (below !== undefined && !(value < below)) throw new Error(`${name} is ${rounded}, must be below ${below}`);
  }
}

export function same(actual, expected, what) {
  const [a, b] = [actual, expected].map((value) => JSON.stringify(value));
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}
