import { expect, it, vi } from "vitest";
import { perFrame } from "./frame";

it("runs once a frame, however often it is asked", () => {
  const waiting: (() => void)[] = [];
  const flush = vi.fn();
  const ask = perFrame(flush, { request: (run) => void waiting.push(run) });
  ask();
  ask();
  ask();
  expect(waiting).toHaveLength(1);
  waiting.pop()?.();
  expect(flush).toHaveBeenCalledTimes(1);
  ask();
  expect(waiting).toHaveLength(1);
});
