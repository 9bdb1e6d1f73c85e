import { expect, it } from "vitest";
import { cut, light } from "./highlight";

const pieces = [{ text: "abc", style: "" }, { text: "def", style: "red" }];

it("sets hits apart, across pieces", () => {
  expect(light(pieces, [[2, 4]])).toEqual([
    { text: "ab", style: "", hit: false },
    { text: "c", style: "", hit: true },
    { text: "d", style: "red", hit: true },
    { text: "ef", style: "red", hit: false },
  ]);
});

it("loses no text, whatever the hits", () => {
  for (const ranges of [[], [[0, 6]], [[0, 1], [1, 2], [5, 6]]] as [number, number][][]) expect(light(pieces, ranges).map((p) => p.text).join("")).toBe("abcdef");
});

it("cuts a long line and says how much is left", () => {
  expect(cut(pieces, 4)).toEqual({ pieces: [{ text: "abc", style: "" }, { text: "d", style: "red" }], left: 2 });
  expect(cut(pieces, 6)).toEqual({ pieces, left: 0 });
});
