import { describe, expect, it } from "vitest";
import { ago, bytes, clock, count, longSpan, millis, percent, rate, shortImage, span, stamp } from "./format";

const plain = (text: string): string => text.replaceAll("\u202f", " ");

describe("figures", () => {
  it("are a dash when unknown, and never 0", () => {
    for (const text of [percent(null), percent(Number.NaN), bytes(undefined), rate(null), span(null), longSpan(undefined), ago(null, 0), clock(null), stamp("rubbish")]) expect(text).toBe("–");
  });

  it("have three figures at most", () => {
    expect([0, 0.04, 9.94, 9.96, 12.4, 240].map((n) => plain(percent(n)))).toEqual(["0 %", "0.0 %", "9.9 %", "10 %", "12 %", "240 %"]);
    expect([0, 999, 1000, 1024, 44_145_049, 2 ** 30, 1.5 * 2 ** 40].map((n) => plain(bytes(n)))).toEqual(["0 B", "999 B", "0.98 KiB", "1.00 KiB", "42.1 MiB", "1.00 GiB", "1.50 TiB"]);
    expect(plain(rate(2048))).toBe("2.00 KiB/s");
  });
});

describe("times", () => {
  it("are read with nanoseconds", () => {
    expect(millis("2026-11-20T10:00:00.123456789Z")).toBe(Date.UTC(2026, 10, 20, 10, 0, 0, 123));
    expect(millis("")).toBeNull();
  });

  it("are spans of one unit or two", () => {
    expect([0, 999, 42_000, 200_000, 3 * 3_600_000, 12 * 86_400_000].map(span)).toEqual(["0s", "0s", "42s", "3m", "3h", "12d"]);
    expect([0, 200_000, 7_500_000, 90_061_000].map(longSpan)).toEqual(["0s", "3m 20s", "2h 5m", "1d 1h"]);
    expect(span(-5)).toBe("0s");
  });

  it("are told from now, also where the engine's clock runs ahead", () => {
    const now = Date.UTC(2026, 10, 20, 10);
    expect(ago("2026-11-20T09:59:58Z", now)).toBe("just now");
    expect(ago("2026-11-20T09:57:00Z", now)).toBe("3m ago");
    expect(ago("2026-11-20T12:00:00Z", now)).toBe("in 2h");
  });
});

describe("words", () => {
  it("shorten what a column cannot use", () => {
    const digest = "f".repeat(64);
    expect(shortImage("docker.io/library/redis:8")).toBe("redis:8");
    expect(shortImage(`sha256:${digest}`)).toBe("f".repeat(12));
    expect(shortImage(`quay.io/a/b@sha256:${digest}`)).toBe(`quay.io/a/b@${"f".repeat(12)}`);
  });

  it("count", () => {
    expect([count(0, "host"), count(1, "host"), count(1234, "entry", "entries")]).toEqual(["0 hosts", "1 host", "1,234 entries"]);
  });
});
