import { expect, it } from "vitest";
import { fuzzy, rank } from "./fuzzy";

it("wants every letter in order", () => {
  expect(fuzzy("wb", "web")).not.toBeNull();
  expect(fuzzy("bw", "web")).toBeNull();
  expect(fuzzy("", "web")).toBe(0);
});

it("prefers whole words, then starts, then letters apart", () => {
  const items = ["saw-bed", "my-web", "web", "cobweb"];
  expect(rank("web", items, (i) => [i], 9)).toEqual(["web", "my-web", "cobweb", "saw-bed"].filter((i) => fuzzy("web", i) !== null));
});

it("takes the best of several texts and keeps the order of equals", () => {
  expect(rank("x", [{ a: "q", b: "x" }, { a: "x", b: "q" }], (i) => [i.a, i.b], 9)).toHaveLength(2);
  expect(rank("", ["b", "a"], (i) => [i], 1)).toEqual(["b"]);
});
