import { expect, it, vi } from "vitest";
import { death, FakeSocket, frame } from "../testing";
import { stream } from "./connection.svelte";
import { followDeaths, followDeathsOf, OF_MANY } from "./deaths";

const ended = (list: { ended: string }[] | undefined): string[] | undefined => list?.map((d) => d.ended.slice(11, 19));

it("asks for what is wanted and tells all that is known, once a frame", () => {
  stream.start();
  FakeSocket.last.open();
  const list = vi.fn();
  const stop = followDeaths(true, { list });
  expect(FakeSocket.last.sent).toMatchObject([{ channel: "deaths", params: { rows: true, failed: true, limit: OF_MANY } }]);
  FakeSocket.last.data("deaths", { rows: [death({ ended: "2026-11-20T10:00:01Z" })] });
  FakeSocket.last.data("deaths", { rows: [death({ ended: "2026-11-20T10:00:02Z" })] });
  frame();
  expect(list).toHaveBeenCalledTimes(1);
  expect(ended(list.mock.calls[0]?.[0])).toEqual(["10:00:02", "10:00:01"]);
  stop();
  expect(FakeSocket.last.sent.at(-1)).toMatchObject({ type: "unsubscribe" });
});

it("says that nothing is known, and why nothing can be", () => {
  const [list, refused] = [vi.fn(), vi.fn()];
  const stop = followDeathsOf("local", "web", { list, refused });
  expect(FakeSocket.last.sent.at(-1)).toMatchObject({ params: { host: "local", id: "web" } });
  FakeSocket.last.data("deaths", { deaths: [] });
  frame();
  expect(list).toHaveBeenCalledWith([]);
  FakeSocket.last.say({ type: "error", id: FakeSocket.last.id("deaths"), code: "not_found", message: "no such container" });
  expect(refused).toHaveBeenCalledWith("no such container");
  stop();
});

it("asks anew for what it was too slow for", () => {
  const list = vi.fn();
  const stop = followDeathsOf("local", "web", { list });
  const first = FakeSocket.last.id("deaths");
  FakeSocket.last.data("deaths", { deaths: [death({ ended: "2026-11-20T10:00:01Z" })] });
  FakeSocket.last.data("deaths", { lagged: 3 });
  expect(FakeSocket.last.sent).toContainEqual({ type: "unsubscribe", id: first });
  expect(FakeSocket.last.id("deaths")).not.toBe(first);
  FakeSocket.last.data("deaths", { deaths: [death({ ended: "2026-11-20T10:00:02Z" })] });
  frame();
  expect(ended(list.mock.calls.at(-1)?.[0])).toEqual(["10:00:02", "10:00:01"]);
  stop();
  FakeSocket.last.data("deaths", { deaths: [death({ ended: "2026-11-20T10:00:03Z" })] });
  frame();
  expect(list).toHaveBeenCalledTimes(1);
});
