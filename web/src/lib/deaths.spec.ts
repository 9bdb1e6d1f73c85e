import { expect, it } from "vitest";
import { death } from "../testing";
import { markOfDeath, newestOfEach, toneOfDeath, unknowns, withDeaths } from "./deaths";

it("says what is unknown and why, in words", () => {
  const unknown = [
    { part: "log", why: "gone", detail: "" },
    { part: "state", why: "failed", detail: "no route" },
    { part: "new_part", why: "new_reason", detail: "" },
  ];
  expect(unknowns({ unknown, log: null })).toEqual([
    "The last lines are not known: the container was removed before the engine could be asked.",
    "Memory, restarts and health are not known: the engine failed (no route).",
    "new_part is not known: new_reason.",
  ]);
  expect(unknowns({ unknown: [], log: null })).toEqual([]);
  const doubt = { part: "log", why: "another_run", detail: "whole seconds" };
  expect(unknowns({ unknown: [doubt], log: { lines: [], earlier: false } })).toEqual(["Some of the last lines may be another run's: whole seconds."]);
});

it("shows what went wrong as such, and a newer word too", () => {
  const causes = ["success", "signal", "out_of_memory", "failure", "not_started", "unknown", "eaten"];
  expect(causes.map((cause) => toneOfDeath({ cause, failed: cause !== "success" }))).toEqual(["ok", "bad", "bad", "bad", "bad", "idle", "bad"]);
  expect(toneOfDeath({ cause: "signal", failed: false })).toBe("warn");
});

it("holds each end once, as it was told last, the newest first, bounded", () => {
  const at = (second: number, change = {}) => death({ ended: `2026-11-20T10:00:0${second}Z`, ...change });
  const known = withDeaths([], [at(1), at(3)], 3);
  expect(known.map((d) => d.ended.slice(17, 19))).toEqual(["03", "01"]);
  const again = withDeaths(known, [at(1, { removed: "2026-11-20T11:00:00Z" }), at(2), at(1, { container: "b" })], 3);
  expect(again.map((d) => [d.ended.slice(17, 19), d.container[0], d.removed !== null])).toEqual([["03", "a", false], ["02", "a", false], ["01", "a", true]]);
});

it("shows each container once, however often it ended", () => {
  const list = [death({ ended: "3" }), death({ ended: "2", container: "b" }), death({ ended: "1" }), death({ ended: "0", host: "edge" })];
  expect(newestOfEach(list).map(({ death: d, times }) => [d.ended, times])).toEqual([["3", 2], ["2", 1], ["0", 1]]);
});

it("tells what failed from what was asked for without colour", () => {
  const mark = (cause: string, failed = true): string => Object.values(markOfDeath({ cause, failed })).join(" ");
  expect(["failure", "signal", "out_of_memory", "unknown", "eaten"].map((cause) => mark(cause))).toEqual(["bad square", "bad square", "bad diamond", "unknown query", "bad square"]);
  expect([mark("success", false), mark("signal", false)]).toEqual(["idle ring", "idle ring"]);
});
