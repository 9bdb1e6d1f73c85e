import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { viewport } from "./viewport.svelte";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("rushes until the scroll has been calm for a moment", () => {
  viewport.rush();
  vi.advanceTimersByTime(100);
  viewport.rush();
  vi.advanceTimersByTime(100);
  expect(viewport.rushing).toBe(true);
  vi.advanceTimersByTime(30);
  expect([viewport.rushing, viewport.narrow]).toEqual([false, false]);
});
