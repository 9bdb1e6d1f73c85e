import { afterEach, describe, expect, it, vi } from "vitest";
import { api, ApiError, request, toError } from "./client";

afterEach(() => vi.unstubAllGlobals());
const answer = (status: number, body: string, headers: Record<string, string> = {}): void => {
  vi.stubGlobal("fetch", vi.fn(async () => new Response(status === 204 ? null : body, { status, headers })));
};
const caught = (promise: Promise<unknown>): Promise<ApiError> => promise.then(() => { throw new Error("it did not fail"); }, (error: ApiError) => error);

describe("request", () => {
  it("gives the body of a success, and nothing for 204", async () => {
    answer(200, '{"outcome":"done"}');
    expect(await api.act("local", "abc", "stop")).toEqual({ outcome: "done" });
    answer(204, "");
    expect(await api.logout()).toBeUndefined();
  });

  it("encodes what goes into a path", async () => {
    answer(200, "{}");
    await api.container("a/b", "../x");
    expect(vi.mocked(fetch).mock.calls[0]?.[0]).toBe("/api/v1/hosts/a%2Fb/containers/..%2Fx");
    expect(api.logsUrl("local", "ü")).toBe("/api/v1/hosts/local/containers/%C3%BC/logs?timestamps=true");
  });

  it("gives the server's code, text and hint", async () => {
    answer(409, '{"error":{"code":"conflict","message":"It runs.","hint":"Stop it."}}');
    expect(await caught(request("GET", "/x"))).toMatchObject({ status: 409, code: "conflict", message: "It runs.", hint: "Stop it." });
  });

  it("says when the server does not answer", async () => {
    vi.stubGlobal("fetch", vi.fn(async () => { throw new TypeError("failed"); }));
    expect(await caught(request("GET", "/x"))).toMatchObject({ status: 0, code: "unreachable" });
  });

  it("hands on that it was called off", async () => {
    const abort = new AbortController();
    abort.abort();
    vi.stubGlobal("fetch", vi.fn(async () => { throw new DOMException("off", "AbortError"); }));
    expect(await caught(request("GET", "/x", undefined, abort.signal))).toMatchObject({ name: "AbortError" });
  });
});

describe("toError", () => {
  it("keeps the status of a body that is not ours", () => {
    expect(toError(502, "<html>Bad gateway", null)).toMatchObject({ status: 502, code: "internal", message: "The server answered with status 502." });
  });

  it("reads how long to wait", () => {
    const body = '{"error":{"code":"too_many_requests","message":"Slow down.","hint":null}}';
    expect(toError(429, body, "30").retryAfter).toBe(30);
    expect(toError(429, body, "soon").retryAfter).toBeNull();
  });
});
