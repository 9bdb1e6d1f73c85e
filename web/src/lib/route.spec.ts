import { describe, expect, it } from "vitest";
import { links, parseRoute, setupToken } from "./route";

describe("addresses", () => {
  it("name the rooms", () => {
    expect(parseRoute("").room).toBe("overview");
    expect(parseRoute("#/").room).toBe("overview");
    expect(parseRoute("#setup=token").room).toBe("overview");
    expect(parseRoute("#/events?q=die").room).toBe("events");
    expect(parseRoute("#/containers/local/abc/logs")).toMatchObject({ room: "container", host: "local", id: "abc", tab: "logs" });
    expect(parseRoute(links.container("local", "abc", "deaths"))).toMatchObject({ tab: "deaths" });
    expect(parseRoute("#/containers/local/abc")).toMatchObject({ tab: "overview" });
  });

  it("lead nowhere when unknown or broken", () => {
    for (const hash of ["#/nowhere", "#/containers/local", "#/containers/local/abc/nothing", "#/containers/local/abc/logs/more", "#/containers/%"]) expect(parseRoute(hash).room).toBe("lost");
  });

  it("come back from their own links", () => {
    const route = parseRoute(links.containers({ q: "state:exited cpu>50 a&b=c", sort: null }));
    expect(route.room === "containers" && route.query.get("q")).toBe("state:exited cpu>50 a&b=c");
    expect(route.room === "containers" && route.query.has("sort")).toBe(false);
    expect(parseRoute(links.container("a/b", "f".repeat(64), "inspect"))).toMatchObject({ host: "a/b", id: "f".repeat(12), tab: "inspect" });
    expect(parseRoute(links.events({ q: "100%" }))).toMatchObject({ room: "events" });
    expect(parseRoute(links.overview()).room).toBe("overview");
  });
});

it("finds the setup token, and only there", () => {
  expect(setupToken("#setup=abc%2B1")).toBe("abc+1");
  expect(setupToken("#setup=%")).toBe("%");
  expect(setupToken("#/containers?q=setup=1")).toBeNull();
  expect(setupToken("#setup=")).toBeNull();
});
