import { expect, it } from "vitest";
import { FakeSocket, frame, sample } from "../testing";
import { stream } from "./connection.svelte";
import { stats } from "./stats.svelte";

const KEY = `local/${"a".repeat(64)}`;

it("asks for samples only while somebody reads", () => {
  stream.start();
  FakeSocket.last.open();
  expect(FakeSocket.last.sent).toEqual([]);
  const one = stats.read();
  const two = stats.read();
  expect(FakeSocket.last.sent.map((m) => m["channel"])).toEqual(["stats", "host_metrics"]);
  one();
  expect(FakeSocket.last.sent.filter((m) => m["type"] === "unsubscribe")).toEqual([]);
  two();
  expect(FakeSocket.last.sent.filter((m) => m["type"] === "unsubscribe")).toHaveLength(2);
});

it("keeps a minute and tells the current value", () => {
  stats.read();
  FakeSocket.last.data("stats", { samples: [sample({ at: "2026-11-20T10:00:00Z", cpu_percent: 1 }), sample({ at: "2026-11-20T10:00:01Z", cpu_percent: 2 })] });
  const before = stats.tick;
  frame();
  expect(stats.tick).toBe(before + 1);
  expect(stats.get(KEY)?.cpu.length).toBe(2);
  expect(stats.measured(KEY)).toEqual({ cpu: 2, memory: 1000 });
});

it("calls nothing current that is not", () => {
  FakeSocket.last.data("stats", { samples: [sample({ id: "other", at: "2026-11-20T10:00:20Z" })] });
  expect(stats.measured(KEY)).toEqual({ cpu: null, memory: null });
  expect(stats.measured("local/none")).toEqual({ cpu: null, memory: null });
});

it("keeps unknown unknown", () => {
  FakeSocket.last.data("stats", { samples: [sample({ at: "2026-11-20T10:00:21Z", cpu_percent: null, memory_bytes: null })] });
  expect(stats.measured(KEY)).toEqual({ cpu: null, memory: null });
});

it("keeps the figures of hosts", () => {
  FakeSocket.last.data("host_metrics", { hosts: [{ host: "local", at: "2026-11-20T10:00:00Z", cpu_percent: 80, cpu_unknown: 0, memory_bytes: null, memory_unknown: 1, memory_total_bytes: null, containers_running: 1, containers_total: 2 }] });
  expect(stats.hosts.get("local")?.cpu.last).toBe(80);
  expect(stats.hosts.get("local")?.memory.last).toBeNull();
});
