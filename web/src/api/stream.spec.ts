import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeSocket } from "../testing";
import { backoff, Stream } from "./stream";

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
});
afterEach(() => vi.useRealTimers());

function started(): Stream {
  const stream = new Stream({ connect: () => new FakeSocket(), random: () => 1 });
  stream.start();
  return stream;
}

describe("subscriptions", () => {
  it("are sent when the connection opens, and at once when it is open", () => {
    const stream = started();
    stream.subscribe("containers", {}, { data: () => undefined });
    expect(FakeSocket.last.sent).toEqual([]);
    FakeSocket.last.open();
    stream.subscribe("stats", { history: 60 }, { data: () => undefined });
    expect(FakeSocket.last.sent.map((m) => m["channel"])).toEqual(["containers", "stats"]);
  });

  it("get their own data and no other's", () => {
    const stream = started();
    const got: unknown[] = [];
    stream.subscribe("containers", {}, { data: (data) => got.push(data) });
    stream.subscribe("events", {}, { data: () => undefined });
    FakeSocket.last.open();
    FakeSocket.last.data("containers", { hosts: [] });
    FakeSocket.last.data("events", { events: [] });
    expect(got).toEqual([{ hosts: [] }]);
  });

  it("end when asked, and say so to the server", () => {
    const stream = started();
    const data = vi.fn();
    const end = stream.subscribe("containers", {}, { data });
    FakeSocket.last.open();
    const id = FakeSocket.last.id("containers");
    end();
    end();
    FakeSocket.last.say({ type: "data", id, data: {} });
    expect(data).not.toHaveBeenCalled();
    expect(FakeSocket.last.sent.filter((m) => m["type"] === "unsubscribe")).toEqual([{ type: "unsubscribe", id }]);
  });

  it("come back with new ids and new parameters after a loss, deaf to the old connection", () => {
    const stream = started();
    let cursor: string | null = null;
    const data = vi.fn();
    const opened = vi.fn();
    stream.subscribe("events", () => ({ since: cursor }), { data, opened });
    const first = FakeSocket.last;
    first.open();
    const handler = first.onmessage;
    cursor = "7";
    first.onclose?.({ code: 1006 });
    vi.advanceTimersByTime(250);
    const second = FakeSocket.last;
    second.open();
    expect(second).not.toBe(first);
    expect(second.sent).toEqual([{ type: "subscribe", id: expect.any(Number), channel: "events", params: { since: "7" } }]);
    expect(second.id("events")).not.toBe(first.id("events"));
    handler?.({ data: JSON.stringify({ type: "data", id: first.id("events"), data: {} }) });
    expect(data).not.toHaveBeenCalled();
    expect(opened.mock.calls).toEqual([[false], [true]]);
  });

  it("tell their end or refusal once and are not renewed", () => {
    const stream = started();
    const ended = vi.fn();
    stream.subscribe("logs", {}, { data: () => undefined, ended });
    stream.subscribe("stats", {}, { data: () => undefined, ended });
    FakeSocket.last.open();
    FakeSocket.last.say({ type: "ended", id: FakeSocket.last.id("logs"), reason: "exited" });
    FakeSocket.last.say({ type: "error", id: FakeSocket.last.id("stats"), code: "not_found", message: "gone" });
    expect(ended.mock.calls).toEqual([["exited", null], ["gone", "not_found"]]);
    FakeSocket.last.onclose?.({ code: 1006 });
    vi.advanceTimersByTime(250);
    FakeSocket.last.open();
    expect(FakeSocket.last.sent).toEqual([]);
  });
});

describe("the connection", () => {
  it("answers a ping", () => {
    started();
    FakeSocket.last.open();
    FakeSocket.last.say({ type: "ping" });
    expect(FakeSocket.last.sent).toEqual([{ type: "pong" }]);
  });

  it("survives rubbish", () => {
    const stream = started();
    FakeSocket.last.open();
    FakeSocket.last.onmessage?.({ data: "{" });
    FakeSocket.last.say({ type: "something new", id: 99 });
    FakeSocket.last.say(7);
    expect(stream.status.state).toBe("open");
  });

  it("waits longer after each failure, to a ceiling, with half of it random", () => {
    expect([1, 2, 3, 7, 50].map((n) => backoff(n, 1))).toEqual([250, 500, 1000, 10_000, 10_000]);
    expect(backoff(3, 0)).toBe(500);
  });

  it("counts attempts until it opens", () => {
    const stream = started();
    FakeSocket.last.onclose?.({ code: 1006 });
    expect(stream.status).toMatchObject({ state: "waiting", attempt: 1 });
    vi.advanceTimersByTime(250);
    expect(stream.status.state).toBe("connecting");
    FakeSocket.last.onclose?.({ code: 1006 });
    expect(stream.status.attempt).toBe(2);
    vi.advanceTimersByTime(500);
    FakeSocket.last.open();
    expect(stream.status).toMatchObject({ state: "open", attempt: 0, retryAt: null });
  });

  it("tries at once when told to", () => {
    const stream = started();
    FakeSocket.last.onclose?.({ code: 1006 });
    stream.retry();
    expect(FakeSocket.all).toHaveLength(2);
    vi.advanceTimersByTime(10_000);
    expect(FakeSocket.all).toHaveLength(2);
  });

  it("is lost when nothing comes for longer than the server's pings", () => {
    const stream = started();
    FakeSocket.last.open();
    vi.advanceTimersByTime(40_000);
    FakeSocket.last.say({ type: "ping" });
    vi.advanceTimersByTime(40_000);
    expect(stream.status.state).toBe("open");
    vi.advanceTimersByTime(10_000);
    expect(stream.status.state).not.toBe("open");
    expect(FakeSocket.all[0]?.closed).toBe(true);
  });

  it("is replaced when a probe is not answered", () => {
    const stream = started();
    FakeSocket.last.open();
    vi.advanceTimersByTime(1000);
    stream.probe(3000);
    vi.advanceTimersByTime(1000);
    FakeSocket.last.say({ type: "pong" });
    vi.advanceTimersByTime(3000);
    expect(stream.status.state).toBe("open");
    stream.probe(3000);
    vi.advanceTimersByTime(3000);
    expect(stream.status.state).toBe("waiting");
  });

  it("asks the server that comes after one that stopped for the same", () => {
    const stream = started();
    const [ended, data] = [vi.fn(), vi.fn()];
    stream.subscribe("containers", {}, { data, ended });
    FakeSocket.last.open();
    FakeSocket.last.say({ type: "ended", id: FakeSocket.last.id("containers"), reason: "server_stopping" });
    FakeSocket.last.onclose?.({ code: 1001 });
    stream.retry();
    FakeSocket.last.open();
    FakeSocket.last.data("containers", { hosts: [] });
    expect(ended).not.toHaveBeenCalled();
    expect(data).toHaveBeenCalledTimes(1);
  });

  it("stays away after a stop and keeps its subscriptions for the next start", () => {
    const stream = started();
    stream.subscribe("containers", {}, { data: () => undefined });
    FakeSocket.last.open();
    stream.stop();
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
    stream.start();
    FakeSocket.last.open();
    expect(FakeSocket.last.id("containers")).toBeGreaterThan(1);
  });
});
