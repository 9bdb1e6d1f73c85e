import { describe, expect, it } from "vitest";
import { fixedWindow, Heights, slots } from "./rows";

describe("rows of one height", () => {
  it("are those in sight and a few around", () => {
    expect(fixedWindow(1000, 36, 3600, 720, 5)).toEqual({ from: 95, to: 126, offset: 3420 });
    expect(fixedWindow(10, 36, 0, 720, 5)).toEqual({ from: 0, to: 10, offset: 0 });
  });

  it("are none when the list shrank above the place", () => {
    const w = fixedWindow(3, 36, 36_000, 720, 2);
    expect(w.to).toBeGreaterThanOrEqual(w.from);
    expect(w.to).toBe(3);
  });
});

it("keeps each row in its slot while the window moves", () => {
  const before = new Map(slots({ from: 0, to: 10, offset: 0 }).map((s) => [s.slot, s.index]));
  const after = slots({ from: 1, to: 11, offset: 36 });
  expect(after.filter((s) => before.get(s.slot) !== s.index)).toEqual([{ slot: 0, index: 10 }]);
  expect(slots({ from: 4, to: 4, offset: 0 })).toEqual([]);
});

it("changes one slot for each row that comes into sight, wherever the edges of the rows are", () => {
  let before = new Map<number, number>();
  for (let top = 0; top < 3_600; top += 1) {
    const window = fixedWindow(100, 36, top, 601, 4);
    expect(window.from * 36).toBeLessThanOrEqual(top);
    expect(window.to * 36).toBeGreaterThanOrEqual(Math.min(3_600, top + 601));
    const now = new Map(slots(window).map((s) => [s.slot, s.index]));
    if (top > 0) expect([...now].filter(([slot, index]) => before.get(slot) !== index).length).toBeLessThanOrEqual(1);
    before = now;
  }
});

describe("rows of many heights", () => {
  it("are found by bisection", () => {
    const heights = new Heights();
    for (let i = 0; i < 5000; i += 1) heights.push(i % 2 === 0 ? 20 : 40);
    expect([heights.total, heights.top(3), heights.at(0), heights.at(20), heights.at(59), heights.at(60)]).toEqual([150_000, 80, 0, 1, 1, 2]);
    expect(heights.window(600, 60, 1)).toEqual({ from: 19, to: 24, offset: 560 });
    heights.reset();
    expect([heights.total, heights.length, heights.at(10)]).toEqual([0, 0, 0]);
  });
});
