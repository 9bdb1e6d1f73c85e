import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { event, FakeSocket, row } from "../testing";
import { actions } from "./actions.svelte";
import { stream } from "./connection.svelte";
import { containers } from "./containers.svelte";
import { events } from "./events.svelte";

const web = row();
const key = `local/${web.id}`;
const answer = (status: number, body: unknown): void => {
  vi.stubGlobal("fetch", vi.fn(async () => new Response(JSON.stringify(body), { status })));
};
const said = (): string[] => actions.notices.map((n) => `${n.tone}: ${n.text}`);

beforeEach(() => {
  vi.useFakeTimers();
  if (stream.status.state !== "idle") return;
  containers.follow();
  events.follow();
  stream.start();
  FakeSocket.last.open();
  FakeSocket.last.data("containers", { snapshot: { containers: [web], hosts: [] } });
});
afterEach(() => {
  actions.notices = [];
  vi.useRealTimers();
});

it("is done when the mirror shows the effect, not when the call returns", async () => {
  answer(200, { outcome: "done" });
  const run = actions.run(web, "stop");
  await vi.advanceTimersByTimeAsync(100);
  expect(said()).toEqual(["doing: Stopping web…"]);
  expect(actions.pending[key]).toBe("stop");
  FakeSocket.last.data("events", { events: [event({ cursor: "d", action: "die", attributes: { exitCode: "143" } })] });
  FakeSocket.last.data("containers", { changes: { upserted: [row({ state: "exited", exit_code: 143 })], removed: [] } });
  await run;
  expect(said()).toEqual(["ok: web stopped, exit code 143."]);
  expect(actions.pending[key]).toBeUndefined();
});

it("hears an effect that came before the answer", async () => {
  let release: (r: Response) => void = () => undefined;
  vi.stubGlobal("fetch", vi.fn(() => new Promise<Response>((resolve) => (release = resolve))));
  const run = actions.run(web, "pause");
  FakeSocket.last.data("containers", { changes: { upserted: [row({ state: "paused" })], removed: [] } });
  release(new Response('{"outcome":"done"}'));
  await run;
  expect(said()).toEqual(["ok: web paused."]);
});

it("says that it was so already", async () => {
  answer(200, { outcome: "already" });
  await actions.run(web, "start");
  expect(said()).toEqual(["ok: web was already running."]);
});

it("does not claim an effect that it has not seen", async () => {
  answer(200, { outcome: "done" });
  const run = actions.run(web, "stop");
  await vi.advanceTimersByTimeAsync(10_000);
  await run;
  expect(said()).toEqual(["warn: The engine accepted: stop web."]);
});

it("gives the engine's reason and hint, and forgets that it wanted to remove", async () => {
  answer(409, { error: { code: "conflict", message: "web is running.", hint: "Stop it first." } });
  await actions.run(web, "remove");
  expect(actions.notices[0]).toMatchObject({ tone: "bad", text: "Could not remove web: web is running.", hint: "Stop it first." });
  expect(actions.removed.has(key)).toBe(false);
});

it("does one thing at a time to a container", async () => {
  answer(200, { outcome: "already" });
  const first = actions.run(web, "start");
  await actions.run(web, "stop");
  await first;
  expect(vi.mocked(fetch)).toHaveBeenCalledTimes(1);
});

it("lets a good result go by itself and keeps a bad one longer", async () => {
  actions.say("ok", "fine");
  actions.say("bad", "not fine");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(said()).toEqual(["bad: not fine"]);
  actions.dismiss(actions.notices[0]?.id ?? 0);
  expect(said()).toEqual([]);
});
