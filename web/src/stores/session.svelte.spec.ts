import { expect, it, vi } from "vitest";
import { FakeSocket } from "../testing";
import { session } from "./session.svelte";

const answer = (status: number, body: unknown): void => {
  vi.stubGlobal("fetch", vi.fn(async () => new Response(JSON.stringify(body), { status })));
};
const refusal = (code: string): unknown => ({ error: { code, message: code, hint: null } });
const account = { account: { name: "ada", role: "operator" }, server: { version: "1", started_at: "" } };

it("takes the setup token out of the address at once", async () => {
  location.hash = "#setup=secret";
  answer(401, refusal("setup_required"));
  const going = session.start();
  expect(history.replaceState).toHaveBeenCalledWith(null, "", "/");
  await going;
  expect([session.phase, session.token]).toEqual(["setup", "secret"]);
  location.hash = "";
});

it("enters with the first account and connects", async () => {
  answer(200, account);
  await session.setup("ada", "long enough password");
  expect(JSON.parse(String(vi.mocked(fetch).mock.calls[0]?.[1]?.body))).toEqual({ token: "secret", name: "ada", password: "long enough password" });
  expect([session.phase, session.token, session.mayAct, FakeSocket.all.length]).toEqual(["ready", null, true, 1]);
});

it("leaves when the session has ended, and disconnects", () => {
  session.expired();
  expect([session.phase, session.session, FakeSocket.last.closed]).toEqual(["login", null, true]);
  expect(session.notice).toContain("ended");
});

it("knows its doors", async () => {
  answer(401, refusal("setup_required"));
  await session.check();
  expect(session.phase).toBe("setup-required");
  answer(401, refusal("unauthorized"));
  await session.check();
  expect(session.phase).toBe("login");
  vi.stubGlobal("fetch", vi.fn(async () => { throw new TypeError("refused"); }));
  await session.check();
  expect(session.phase).toBe("unreachable");
});
