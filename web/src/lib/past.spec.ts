import { expect, it } from "vitest";
import type { StatsStep } from "../api/types";
import { KEPT, Past } from "./past";

const BASE = Date.UTC(2026, 10, 20, 10) / 1000;
const step = (at: number, change: Partial<StatsStep> = {}): StatsStep => ({
  at: new Date((BASE + at) * 1000).toISOString(), seconds: 10, cpu_percent: 5, cpu_percent_peak: 50, memory_bytes: 100, memory_bytes_peak: 200,
  net_rx_rate: null, net_tx_rate: null, block_read_rate: null, block_write_rate: null, pids: null, ...change,
});
const times = (past: Past): number[] => past.times.map((t) => t - BASE);

it("runs from step to step, each once", () => {
  const past = new Past();
  past.add([step(10), step(20.4)]);
  past.add([step(20.4), step(10), step(30)]);
  expect(times(past)).toEqual([0, 10, 20.4, 30].map((t) => expect.closeTo(t, 2)));
  expect(past.cpu).toEqual([5, 5, 5, 5]);
  expect(past.memoryPeak).toEqual([200, 200, 200, 200]);
});

it("has a hole where a step is missing, and a line for a step that stands alone", () => {
  const past = new Past();
  past.add([step(10), step(40), step(300)]);
  expect(times(past)).toEqual([0, 10, 20, 30, 40, 165, 290, 300]);
  expect(past.cpu).toEqual([5, 5, null, 5, 5, null, 5, 5]);
  expect(past.cpuPeak).toEqual([50, 50, null, 50, 50, null, 50, 50]);
});

it("keeps unknown unknown, and zero zero", () => {
  const past = new Past();
  past.add([step(10, { cpu_percent: null, cpu_percent_peak: null }), step(20, { cpu_percent: 0, cpu_percent_peak: 0 })]);
  expect(past.cpu).toEqual([null, null, 0]);
  expect(past.cpuPeak).toEqual([null, null, 0]);
});

it("takes the first of all, which speaks for no time, and steps of a minute", () => {
  const past = new Past();
  past.add([step(5, { seconds: 0 }), step(65, { seconds: 60 })]);
  expect(times(past)).toEqual([5, 65]);
});

it("is bounded", () => {
  const past = new Past();
  past.add(Array.from({ length: KEPT }, (_, i) => step(i * 100)));
  expect([past.times, past.cpu, past.cpuPeak, past.memory, past.memoryPeak].map((c) => c.length)).toEqual(Array(5).fill(KEPT));
  expect(times(past).at(-1)).toBe((KEPT - 1) * 100);
});
