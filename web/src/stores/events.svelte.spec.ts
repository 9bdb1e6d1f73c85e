import { expect, it, vi } from "vitest";
import { event, FakeSocket, frame } from "../testing";
import { isGap } from "../lib/events";
import { stream } from "./connection.svelte";
import { events, KEPT } from "./events.svelte";

it("asks for history first", () => {
  events.follow();
  stream.start();
  FakeSocket.last.open();
  expect(FakeSocket.last.sent[0]).toMatchObject({ channel: "events", params: { limit: 500 } });
  expect(FakeSocket.last.sent[0]?.["params"]).not.toHaveProperty("since");
});

it("keeps each event once and tells watchers", () => {
  const told = vi.fn();
  events.watch(told);
  FakeSocket.last.data("events", { events: [event({ cursor: "1" }), event({ cursor: "2", action: "die" })] });
  FakeSocket.last.data("events", { events: [event({ cursor: "2", action: "die" }), event({ cursor: "2", host: "edge", id: "b" })] });
  frame();
  expect(events.list.map((r) => `${r.host} ${r.cursor}`)).toEqual(["local 1", "local 2", "edge 2"]);
  expect(told).toHaveBeenCalledTimes(3);
  expect(events.of("edge", "b")).toHaveLength(1);
  expect(events.ready).toBe(true);
});

it("marks what it missed as a gap", () => {
  FakeSocket.last.data("events", { lagged: 7 });
  const last = events.list.at(-1);
  expect(last && isGap(last) && last.gap.reason).toContain("missed 7 events");
});

it("goes on after a loss where the server's events ended", () => {
  FakeSocket.last.data("events", { events: [event({ cursor: "3" })] });
  FakeSocket.last.onclose?.({ code: 1006 });
  stream.retry();
  FakeSocket.last.open();
  expect(FakeSocket.last.sent[0]).toMatchObject({ params: { since: "3" } });
});

it("is bounded", () => {
  FakeSocket.last.data("events", { events: Array.from({ length: KEPT + 10 }, (_, i) => event({ cursor: `m${i}` })) });
  expect(events.list.length).toBeLessThanOrEqual(KEPT);
  expect(events.list.at(-1)?.cursor).toBe(`m${KEPT + 9}`);
});
