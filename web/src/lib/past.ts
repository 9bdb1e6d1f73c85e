// The past hour of one container, in steps of ten seconds or so, as the columns that a chart draws: averages and peaks.
// Bounded, in order, with a hole wherever a step is missing.
import type { StatsStep } from "../api/types";
import { millis } from "./format";

/** Columns kept: what the server keeps of one container, each step with its beginning and the hole before it. */
export const KEPT = 3 * 360;
/** Seconds between two steps that are no hole: clocks and samples do not meet exactly. */
const SLACK = 2;

type Column = (number | null)[];

export class Past {
  /** Seconds since the epoch. */
  times: number[] = [];
  cpu: Column = [];
  cpuPeak: Column = [];
  memory: Column = [];
  memoryPeak: Column = [];

  add(steps: StatsStep[]): void {
    for (const step of steps) {
      const at = millis(step.at);
      if (at === null) continue;
      const end = at / 1000;
      const before = this.times.at(-1);
      if (before !== undefined && end <= before) continue;
      const begin = end - step.seconds;
      const whole = before !== undefined && begin - before <= SLACK;
      if (!whole) {
        if (before !== undefined) this.#push((before + begin) / 2, null);
        // So that a step between two holes is a line and not nothing.
        if (step.seconds > 0) this.#push(begin, step);
      }
      this.#push(end, step);
    }
    const surplus = this.times.length - KEPT;
    if (surplus > 0) for (const column of [this.times, ...this.#columns()]) column.splice(0, surplus);
  }

  #columns(): [Column, Column, Column, Column] {
    return [this.cpu, this.cpuPeak, this.memory, this.memoryPeak];
  }

  #push(at: number, step: StatsStep | null): void {
    this.times.push(at);
    const figures = step ? [step.cpu_percent, step.cpu_percent_peak, step.memory_bytes, step.memory_bytes_peak] : [];
    this.#columns().forEach((column, i) => column.push(figures[i] ?? null));
  }
}
