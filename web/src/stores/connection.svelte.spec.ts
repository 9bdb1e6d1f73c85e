import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FakeSocket } from "../testing";
import { connection, stream } from "./connection.svelte";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("does not speak of a short blip, and does of a loss", () => {
  stream.start();
  FakeSocket.last.open();
  FakeSocket.last.onclose?.({ code: 1006 });
  vi.advanceTimersByTime(500);
  FakeSocket.last.open();
  vi.advanceTimersByTime(2000);
  expect(connection.down).toBe(false);

  const failing = vi.fn();
  connection.onfailing = failing;
  FakeSocket.last.onclose?.({ code: 1006 });
  vi.advanceTimersByTime(1000);
  expect(connection.down).toBe(true);
  expect(failing).toHaveBeenCalled();
  FakeSocket.last.open();
  expect(connection.down).toBe(false);
  expect(connection.status.state).toBe("open");
});
