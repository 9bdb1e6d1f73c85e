// Samples of one container as the columns that a chart draws: bounded, in order, with a hole wherever data is missing.
import type { StatsSample } from "../api/types";
import { millis } from "./format";
import { GAP_MS } from "./series";

/** What the server keeps of fast samples: 15 minutes. */
export const KEPT = 900;

export class Timeline {
  /** Seconds since the epoch, as uPlot wants them. */
  times: number[] = [];
  cpu: (number | null)[] = [];
  memory: (number | null)[] = [];
  last: StatsSample | null = null;

  add(samples: StatsSample[]): void {
    for (const sample of samples) {
      const at = millis(sample.at);
      if (at === null) continue;
      const before = this.times.at(-1);
      if (before !== undefined) {
        if (at / 1000 <= before) continue;
        if (at / 1000 - before > GAP_MS / 1000) this.#push(before + 0.5, null, null);
      }
      this.#push(at / 1000, sample.cpu_percent, sample.memory_bytes);
      this.last = sample;
    }
    const surplus = this.times.length - KEPT;
    if (surplus > 0) {
      this.times.splice(0, surplus);
      this.cpu.splice(0, surplus);
      this.memory.splice(0, surplus);
    }
  }

  #push(at: number, cpu: number | null, memory: number | null): void {
    this.times.push(at);
    this.cpu.push(cpu);
    this.memory.push(memory);
  }
}
