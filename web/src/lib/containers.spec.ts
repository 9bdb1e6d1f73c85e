import { describe, expect, it } from "vitest";
import { row } from "../testing";
import { complaint, distinctPorts, isEffect, mark, portHref, portLabel, sentence, stateSince, verbsFor } from "./containers";

const NOW = Date.UTC(2026, 10, 20, 13, 12, 1);

describe("marks", () => {
  it("differ in shape wherever they differ in meaning", () => {
    const rows = [row(), row({ health: "unhealthy" }), row({ state: "paused" }), row({ state: "restarting" }), row({ state: "created" }), row({ state: "exited", exit_code: 0 }), row({ state: "exited", exit_code: 1 }), row({ state: "dead" }), row({ state: "teleporting" })];
    const shapes = rows.map((r) => mark(r).shape);
    expect(new Set(shapes).size).toBe(shapes.length);
  });

  it("carry an unknown state as it came", () => {
    expect(mark(row({ state: "teleporting" }))).toEqual({ tone: "unknown", shape: "query", label: "teleporting" });
  });

  it("tell an asked-for end from a failure", () => {
    expect([0, 130, 143, 1, 137].map((exit_code) => mark(row({ state: "exited", exit_code })).tone)).toEqual(["idle", "idle", "idle", "bad", "bad"]);
    expect(mark(row({ state: "exited", exit_code: null })).label).toBe("Exited");
  });
});

describe("sentences", () => {
  it("say for how long or how long ago", () => {
    expect(sentence(row(), NOW)).toBe("Running for 3h 12m");
    expect(sentence(row({ state: "exited", exit_code: 1, finished_at: "2026-11-20T13:07:00Z" }), NOW)).toBe("Exited (1) 5m 1s ago");
    expect(stateSince(row({ state: "created", started_at: null }))).toBe("2026-11-20T10:00:00Z");
  });
});

describe("verbs", () => {
  it("fit the state", () => {
    expect(verbsFor("running")[0]).toBe("stop");
    expect(verbsFor("exited")).toEqual(["start", "restart", "remove"]);
    expect(verbsFor("paused")[0]).toBe("unpause");
    expect(verbsFor("removing")).toEqual([]);
    expect(verbsFor("teleporting")).toContain("remove");
  });

  it("have their effect in the mirror", () => {
    const before = row();
    expect(isEffect("stop", row({ state: "exited" }), before)).toBe(true);
    expect(isEffect("stop", row(), before)).toBe(false);
    expect(isEffect("restart", row(), before)).toBe(false);
    expect(isEffect("restart", row({ started_at: "2026-11-20T13:00:00Z" }), before)).toBe(true);
    expect(isEffect("remove", null, before)).toBe(true);
    expect(isEffect("stop", null, before)).toBe(false);
    expect(isEffect("pause", row({ state: "paused" }), before)).toBe(true);
    expect(isEffect("start", row(), before)).toBe(true);
    expect(isEffect("remove", row(), before)).toBe(false);
  });
});

describe("ports", () => {
  const port = (p: Partial<{ ip: string | null; private: number; public: number | null; protocol: string }>) => ({ ip: "0.0.0.0", private: 80, public: 8080, protocol: "tcp", ...p });

  it("are listed once each, the published first", () => {
    const list = distinctPorts([port({ private: 9000, public: null }), port({}), port({ ip: "::" }), port({ private: 53, public: 53, protocol: "udp" })]);
    expect(list.map(portLabel)).toEqual(["53/udp", "8080→80", "9000"]);
  });

  it("lead to where they answer", () => {
    expect(portHref(port({}), "box.lan")).toBe("http://box.lan:8080/");
    expect(portHref(port({ ip: "127.0.0.1" }), "box.lan")).toBe("http://127.0.0.1:8080/");
    expect(portHref(port({ ip: "fd00::1" }), "box.lan")).toBe("http://[fd00::1]:8080/");
    expect(portHref(port({ private: 443, public: 443 }), "box.lan")).toBe("https://box.lan:443/");
    expect(portHref(port({}), "box.lan", "tcp://10.0.0.7:2375")).toBe("http://10.0.0.7:8080/");
    expect(portHref(port({}), "box.lan", "unix:///var/run/docker.sock")).toBe("http://box.lan:8080/");
    expect(portHref(port({ public: null }), "box.lan")).toBeNull();
    expect(portHref(port({ protocol: "udp" }), "box.lan")).toBeNull();
  });
});

describe("complaints", () => {
  it("are made of what needs a person", () => {
    expect(complaint(row(), NOW)).toBeNull();
    expect(complaint(row({ health: "unhealthy" }), NOW)?.tone).toBe("bad");
    expect(complaint(row({ state: "restarting", exit_code: 1, restart_count: 3 }), NOW)?.text).toBe("keeps restarting, last exit 1, 3 restarts so far");
    expect(complaint(row({ state: "dead" }), NOW)?.tone).toBe("bad");
    expect(complaint(row({ state: "exited", exit_code: 1, finished_at: "2026-11-20T13:00:00Z" }), NOW)?.text).toBe("exited with code 1");
  });

  it("are not made of what is clean or long ago", () => {
    expect(complaint(row({ state: "exited", exit_code: 0, finished_at: "2026-11-20T13:00:00Z" }), NOW)).toBeNull();
    expect(complaint(row({ state: "exited", exit_code: 1, finished_at: "2026-11-01T13:00:00Z" }), NOW)).toBeNull();
  });
});
