import { describe, expect, it } from "vitest";
import { row } from "../testing";
import type { Measured } from "./filter";
import { heldOrder, parseSort, sameOrder, SORT_KEYS, sortRows, sortText, toggled } from "./order";

const nothing = (): Measured => ({ cpu: null, memory: null });
const names = (rows: { name: string }[]): string[] => rows.map((r) => r.name);

describe("sorting", () => {
  it("orders names as people count", () => {
    const rows = [row({ name: "web-10" }), row({ name: "web-2" }), row({ name: "Api" })];
    expect(names(sortRows(rows, parseSort(null), nothing))).toEqual(["Api", "web-2", "web-10"]);
    expect(names(sortRows(rows, parseSort("-name"), nothing))).toEqual(["web-10", "web-2", "Api"]);
  });

  it("puts unknown last in both directions", () => {
    const rows = [row({ name: "a" }), row({ name: "b" }), row({ name: "c" })];
    const cpu: Record<string, number | null> = { a: null, b: 1, c: 2 };
    const measured = (r: { name: string }): Measured => ({ cpu: cpu[r.name] ?? null, memory: null });
    expect(names(sortRows(rows, parseSort("cpu"), measured))).toEqual(["b", "c", "a"]);
    expect(names(sortRows(rows, parseSort("-cpu"), measured))).toEqual(["c", "b", "a"]);
  });

  it("puts the bad first by state and the youngest first by age", () => {
    const rows = [row({ name: "up" }), row({ name: "bad", state: "dead" }), row({ name: "paused", state: "paused", created_at: "2026-11-20T12:00:00Z" })];
    expect(names(sortRows(rows, parseSort("state"), nothing))).toEqual(["bad", "paused", "up"]);
    expect(names(sortRows(rows, parseSort("age"), nothing))[0]).toBe("paused");
  });

  it("is stable between equals by name, host and id", () => {
    const rows = [row({ id: "2", host: "b" }), row({ id: "1", host: "b" }), row({ id: "9", host: "a" })];
    for (const key of SORT_KEYS) expect(sortRows(rows, { key, descending: false }, nothing).map((r) => r.id)).toEqual(["9", "1", "2"]);
  });

  it("is kept in the address", () => {
    expect([sortText(parseSort(null)), sortText(parseSort("-cpu")), sortText(parseSort("rubbish"))]).toEqual([null, "-cpu", null]);
    expect(toggled(parseSort(null), "cpu")).toEqual({ key: "cpu", descending: true });
    expect(toggled(parseSort("-cpu"), "cpu")).toEqual({ key: "cpu", descending: false });
  });
});

describe("a held order", () => {
  it("moves nothing and puts what is new at the end", () => {
    expect(heldOrder(["a", "b", "c"], ["n", "c", "b", "a"], () => true)).toEqual(["a", "b", "c", "n"]);
  });

  it("keeps what went where it may stay, and drops it where it may not", () => {
    expect(heldOrder(["a", "b", "c"], ["c", "a"], () => true)).toEqual(["a", "b", "c"]);
    expect(heldOrder(["a", "b", "c"], ["c", "a"], () => false)).toEqual(["a", "c"]);
  });

  it("is compared", () => {
    expect([sameOrder(["a"], ["a"]), sameOrder(["a"], ["b"]), sameOrder(["a"], [])]).toEqual([true, false, false]);
  });
});
