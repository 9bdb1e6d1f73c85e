import { describe, expect, it } from "vitest";
import { Series } from "./series";

const all = (series: Series): [number, number | null][] => {
  const out: [number, number | null][] = [];
  series.forEach((at, value) => out.push([at, value]));
  return out;
};

describe("a series", () => {
  it("keeps the newest in order", () => {
    const s = new Series(3);
    for (let i = 1; i <= 5; i += 1) s.push(i * 1000, i);
    expect(all(s)).toEqual([[3000, 3], [4000, 4], [5000, 5]]);
    expect([s.last, s.lastTime, s.max, s.length]).toEqual([5, 5000, 5, 3]);
  });

  it("drops what is not newer: history may come twice", () => {
    const s = new Series(3);
    s.push(2000, 1);
    s.push(2000, 9);
    s.push(1000, 9);
    expect(all(s)).toEqual([[2000, 1]]);
  });

  it("keeps unknown as unknown", () => {
    const s = new Series(3);
    expect(s.last).toBeNull();
    s.push(1000, null);
    expect(all(s)).toEqual([[1000, null]]);
    expect(s.last).toBeNull();
  });
});

describe("its path", () => {
  it("runs to the right edge and scales to the top", () => {
    const s = new Series(60);
    s.push(59_000, 0);
    s.push(60_000, 10);
    expect(s.paths(60, 21, 10, 60_000)).toEqual({ line: "M59 20.5L60 0.5", fill: "M59 21L59 20.5L60 0.5L60 21Z" });
  });

  it("is broken by a gap, an unknown value and age", () => {
    const s = new Series(60);
    s.push(1000, 1);
    s.push(61_000, 1);
    s.push(62_000, null);
    s.push(63_000, 1);
    s.push(70_000, 1);
    expect(s.paths(60, 20, 1, 70_000).line.match(/M/g)).toHaveLength(3);
  });

  it("stays inside its box and survives a top of 0", () => {
    const s = new Series(60);
    s.push(60_000, 500);
    expect(s.paths(60, 21, 10, 60_000).line).toBe("M60 0.5");
    expect(s.paths(60, 21, 0, 60_000).line).toBe("M60 20.5");
  });
});
