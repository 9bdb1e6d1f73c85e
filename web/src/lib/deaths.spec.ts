import { expect, it } from "vitest";
import { toneOfDeath, unknowns } from "./deaths";

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
  expect(["success", "signal", "out_of_memory", "failure", "not_started", "unknown", "eaten"].map(toneOfDeath)).toEqual(["ok", "warn", "bad", "bad", "bad", "idle", "bad"]);
});
