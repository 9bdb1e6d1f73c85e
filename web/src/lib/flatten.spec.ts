import { expect, it } from "vitest";
import { flatten } from "./flatten";

it("gives every leaf its path", () => {
  expect(flatten({ a: 1, b: { "c.d": null, e: [true, { f: "x" }] }, g: [], h: {} })).toEqual([
    { path: "a", value: "1" },
    { path: 'b["c.d"]', value: "null" },
    { path: "b.e[0]", value: "true" },
    { path: "b.e[1].f", value: "x" },
    { path: "g", value: "[]" },
    { path: "h", value: "{}" },
  ]);
});
