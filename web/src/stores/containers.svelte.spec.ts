import { beforeAll, describe, expect, it, vi } from "vitest";
import { FakeSocket, frame, row } from "../testing";
import { stream } from "./connection.svelte";
import { containers } from "./containers.svelte";

beforeAll(() => {
  containers.follow();
  stream.start();
  FakeSocket.last.open();
});

describe("the containers", () => {
  it("come as a snapshot, drawn once a frame", () => {
    FakeSocket.last.data("containers", { snapshot: { containers: [row({ id: "1" }), row({ id: "2", name: "db" })], hosts: [{ name: "local" }] } });
    expect([containers.ready, containers.version]).toEqual([false, 0]);
    frame();
    expect([containers.version, containers.ready, containers.rows.length, containers.hosts.length]).toEqual([1, true, 2, 1]);
  });

  it("change one by one, and others keep their identity", () => {
    const before = containers.get("local/1");
    FakeSocket.last.data("containers", { changes: { upserted: [row({ id: "2", name: "db", state: "exited" })], removed: [] } });
    FakeSocket.last.data("containers", { changes: { upserted: [row({ id: "3" })], removed: [] } });
    frame();
    expect(containers.get("local/1")).toBe(before);
    expect(containers.get("local/2")?.state).toBe("exited");
    expect(containers.rows).toHaveLength(3);
  });

  it("are found by id, prefix and name", () => {
    FakeSocket.last.data("containers", { changes: { upserted: [row({ id: "abcdef", name: "web" })], removed: [] } });
    expect([containers.find("local", "abcdef")?.id, containers.find("local", "abc")?.id, containers.find("local", "db")?.id, containers.find("other", "abc")]).toEqual(["abcdef", "abcdef", "2", undefined]);
  });

  it("are remembered for a while when they go", () => {
    const told = vi.fn();
    const end = containers.watch(told);
    FakeSocket.last.data("containers", { changes: { upserted: [], removed: [{ host: "local", id: "2" }, { host: "local", id: "unknown" }] } });
    end();
    expect(containers.get("local/2")).toBeUndefined();
    expect(containers.gone.get("local/2")?.name).toBe("db");
    expect(told).toHaveBeenCalledWith(null, "local/2");
  });

  it("are set right by a new snapshot after a loss", () => {
    FakeSocket.last.data("containers", { snapshot: { containers: [row({ id: "9" })], hosts: [] } });
    frame();
    expect(containers.rows.map((r) => r.id)).toEqual(["9"]);
  });
});
