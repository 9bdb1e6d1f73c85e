import { describe, expect, it } from "vitest";
import type { GapRecord } from "../api/types";
import { event } from "../testing";
import { detailOf, eventFilter, gapText, isGap, isMilestone, isProbe, merged, short, splitAction, toneOf } from "./events";

const gap: GapRecord = { host: "local", cursor: "g", time: "2026-11-20T10:01:00Z", gap: { from: "2026-11-20T10:00:00Z", to: "2026-11-20T10:00:42Z", reason: "ring turned over" } };

describe("events in words", () => {
  it("split an action from its detail", () => {
    expect(splitAction("exec_create: /bin/sh -c x: y")).toEqual({ verb: "exec_create", detail: "/bin/sh -c x: y" });
    expect(splitAction("start")).toEqual({ verb: "start", detail: "" });
  });

  it("tell how much it matters", () => {
    expect(toneOf(event({ action: "die", attributes: { exitCode: "1" } }))).toBe("bad");
    expect(toneOf(event({ action: "die", attributes: { exitCode: "0" } }))).toBe("idle");
    expect(toneOf(event({ action: "oom" }))).toBe("bad");
    expect(toneOf(event({ action: "health_status: unhealthy" }))).toBe("bad");
    expect(toneOf(event({ action: "something new" }))).toBe("idle");
  });

  it("give the detail", () => {
    expect(detailOf(event({ action: "die", attributes: { exitCode: "137", execDuration: "65" } }))).toBe("exit code 137, after 1m 5s");
    expect(detailOf(event({ action: "kill", attributes: { signal: "15" } }))).toBe("signal 15");
    expect(detailOf(event({ action: "start", attributes: { image: "nginx" } }))).toBe("nginx");
    expect(short(event({ action: "die", attributes: { exitCode: "0" } }))).toBe("die, exit code 0");
  });

  it("say what a gap hides", () => {
    expect(isGap(gap)).toBe(true);
    expect(gapText(gap)).toBe("Gap of 42s: ring turned over");
    expect(gapText({ ...gap, gap: { from: null, to: null, reason: "" } })).toBe("Gap: events may be missing here");
  });

  it("come together in their order, each once", () => {
    const at = (second: number, change = {}) => event({ time: `2026-11-20T10:00:0${second}Z`, time_nano: `${second}`, ...change });
    const all = merged([at(1), gap, at(3, { action: "die" })], [at(3, { action: "die", cursor: "another" }), at(2), at(3, { action: "stop" })]);
    expect(all.map((e) => `${e.time_nano} ${e.action}`)).toEqual(["1 start", "2 start", "3 die", "3 stop"]);
  });

  it("know probes from milestones", () => {
    expect([isProbe(event({ action: "exec_start: x" })), isProbe(event()), isProbe(gap)]).toEqual([true, false, false]);
    expect([isMilestone(event()), isMilestone(event({ action: "exec_die" })), isMilestone(event({ type: "network", action: "destroy" }))]).toEqual([true, false, false]);
  });
});

describe("their filter", () => {
  it("knows type, action, name and words", () => {
    const die = event({ action: "die", attributes: { image: "nginx", tier: "front" } });
    expect(["", "die", "action:die,oom", "type:container", "name:web", "image:nginx", "label:tier=front", "-action:start", "id:aaaa"].map((t) => eventFilter(t)(die))).toEqual(Array(9).fill(true));
    expect(["action:start", "type:network", "-die", "nothing"].map((t) => eventFilter(t)(die))).toEqual([false, false, false, false]);
  });

  it("never hides a gap", () => {
    expect(eventFilter("action:start")(gap)).toBe(true);
  });
});
