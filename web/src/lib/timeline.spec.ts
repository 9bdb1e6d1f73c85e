import { expect, it } from "vitest";
import { sample } from "../testing";
import { KEPT, Timeline } from "./timeline";

const at = (second: number): string => new Date(Date.UTC(2026, 10, 20, 10, 0, second)).toISOString();

it("keeps samples in order and once", () => {
  const line = new Timeline();
  line.add([sample({ at: at(1), cpu_percent: 1 }), sample({ at: at(2), cpu_percent: null })]);
  line.add([sample({ at: at(2), cpu_percent: 9 }), sample({ at: at(1), cpu_percent: 9 })]);
  expect(line.cpu).toEqual([1, null]);
});

it("has a hole where samples are missing", () => {
  const line = new Timeline();
  line.add([sample({ at: at(1) }), sample({ at: at(30) })]);
  expect(line.cpu).toEqual([12, null, 12]);
  expect(line.memory).toEqual([1000, null, 1000]);
});

it("is bounded", () => {
  const line = new Timeline();
  line.add(Array.from({ length: KEPT + 50 }, (_, i) => sample({ at: at(i) })));
  expect([line.times.length, line.cpu.length, line.memory.length]).toEqual([KEPT, KEPT, KEPT]);
});
