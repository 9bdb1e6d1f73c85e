import { describe, expect, it } from "vitest";
import type { LogLine } from "../api/types";
import { hits, levelOf, LogBuffer, logPattern } from "./log-buffer";

const line = (second: number, text: string, stream: LogLine["stream"] = "stdout"): LogLine => ({ time: `2026-11-20T10:00:${String(second).padStart(2, "0")}.000000001Z`, stream, text });
const texts = (buffer: LogBuffer): string[] => buffer.items.map((i) => i.plain);

describe("the buffer", () => {
  it("says how much of a line is not shown", () => {
    const buffer = new LogBuffer();
    buffer.append([{ time: null, stream: "stdout", text: "abc", cut: 1234 }, { time: null, stream: "stdout", text: "whole" }]);
    expect(texts(buffer)).toEqual(["abc… 1,234 bytes more", "whole"]);
  });

it("keeps the newest and counts what went", () => {
    const buffer = new LogBuffer(100);
    for (let i = 0; i < 250; i += 1) buffer.append([{ time: null, stream: "stdout", text: String(i) }]);
    expect(buffer.items.length).toBeLessThanOrEqual(100);
    expect(buffer.items.length + buffer.dropped).toBe(250);
    expect(texts(buffer).at(-1)).toBe("249");
  });

  it("leaves out doubles of a resumed stream, and only those", () => {
    const buffer = new LogBuffer();
    expect(buffer.resume()).toBeNull();
    buffer.append([line(1, "a"), line(2, "b"), line(2, "c")]);
    expect(buffer.resume()).toBe(line(2, "").time);
    buffer.append([line(1, "a"), line(2, "b"), line(2, "c"), line(2, "d"), line(3, "a"), line(3, "a")]);
    expect(texts(buffer)).toEqual(["a", "b", "c", "d", "a", "a"]);
  });

  it("keeps equal lines of one moment when nothing was resumed", () => {
    const buffer = new LogBuffer();
    buffer.append([line(1, "tick"), line(1, "tick")]);
    expect(texts(buffer)).toEqual(["tick", "tick"]);
  });

  it("puts events at their time", () => {
    const buffer = new LogBuffer();
    buffer.append([line(1, "a"), line(3, "c")]);
    buffer.addEvent(Date.UTC(2026, 10, 20, 10, 0, 2), "start", null);
    expect(texts(buffer)).toEqual(["a", "start", "c"]);
    expect(new Set(buffer.items.map((i) => i.seq)).size).toBe(3);
  });

  it("keeps stdout and stderr in order of time", () => {
    const buffer = new LogBuffer();
    buffer.append([line(2, "out"), line(1, "err", "stderr")]);
    expect(texts(buffer)).toEqual(["err", "out"]);
  });

  it("searches without escapes", () => {
    const buffer = new LogBuffer();
    buffer.append([line(1, "\u001b[31mERROR\u001b[0m x")]);
    expect(buffer.items[0]).toMatchObject({ plain: "ERROR x", level: "error" });
  });
});

it("reads levels at the start of a line", () => {
  expect(["ERROR: x", "level=warning", "[debug] x", "terror", `${"x ".repeat(200)}error`, "info"].map(levelOf)).toEqual(["error", "warn", null, null, null, null]);
});

describe("the filter", () => {
  it("is a regular expression, or text where it is none", () => {
    expect(logPattern("").pattern).toBeNull();
    expect(hits(logPattern("o+").pattern ?? /x/g, "foo boo")).toEqual([[1, 3], [5, 7]]);
    const broken = logPattern("a(b");
    expect(broken.problem).not.toBeNull();
    expect(hits(broken.pattern ?? /x/g, "xa(bx")).toEqual([[1, 4]]);
  });

  it("counts no empty match and not without end", () => {
    expect(hits(/x*/g, "aaa")).toEqual([]);
    expect(hits(/a/g, "a".repeat(1000))).toHaveLength(100);
  });
});
