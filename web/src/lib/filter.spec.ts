import { describe, expect, it } from "vitest";
import type { ContainerRow } from "../api/types";
import { row } from "../testing";
import { parseFilter, parseTerms, quantity, withTerm, type Measured } from "./filter";

const at = (text: string, r: ContainerRow, measured: Measured = { cpu: null, memory: null }): boolean => parseFilter(text).matches(r, () => measured);

describe("the filter language", () => {
  it("matches everything when empty", () => {
    expect(at("", row())).toBe(true);
    expect(at("   ", row())).toBe(true);
  });

  it("finds words in names, images, projects and starts of ids", () => {
    expect(["WEB", "nginx", "aaaa", "shop"].map((t) => at(t, row({ project: "shop" })))).toEqual([true, true, true, true]);
    expect(at("postgres", row())).toBe(false);
  });

  it("joins terms by AND and values by OR", () => {
    expect(at("state:exited,running web", row())).toBe(true);
    expect(at("state:running db", row())).toBe(false);
  });

  it("wants states, health and hosts whole", () => {
    expect(at("state:run", row())).toBe(false);
    expect(at("health:healthy", row({ health: "unhealthy" }))).toBe(false);
    expect(at("host:local", row())).toBe(true);
  });

  it("negates", () => {
    expect(at("-state:running", row())).toBe(false);
    expect(at("-db", row())).toBe(true);
  });

  it("compares figures, and unknown is never more or less", () => {
    const f = parseFilter("cpu>50");
    expect(f.live).toBe(true);
    expect(at("cpu>50", row(), { cpu: 51, memory: null })).toBe(true);
    expect(at("cpu>50", row())).toBe(false);
    expect(at("cpu<50", row())).toBe(false);
    expect(at("mem>=200MiB", row(), { cpu: null, memory: 200 * 2 ** 20 })).toBe(true);
    expect(at("exit=1", row({ exit_code: 1 }))).toBe(true);
    expect(at("restarts>3", row({ restart_count: 4 }))).toBe(true);
    expect(parseFilter("cpu>lots").problems).toEqual(["“cpu” wants a number, as in cpu>50"]);
    expect(parseFilter("cpu>").problems).toEqual([]);
  });

  it("finds labels by name, value or both", () => {
    const labelled = row({ labels: { "com.example.tier": "web", empty: "" } });
    expect(["label:tier", "label:web", "label:com.example.tier=web", "label:empty="].map((t) => at(t, labelled))).toEqual([true, true, true, true]);
    expect(at("label:com.example.tier=db", labelled)).toBe(false);
  });

  it("finds ports on either side", () => {
    const open = row({ ports: [{ ip: null, private: 80, public: 8080, protocol: "tcp" }] });
    expect([at("port:8080", open), at("port:80", open), at("port:443", open)]).toEqual([true, true, false]);
  });

  it("takes an image with a tag as text, and says what it does not know", () => {
    expect(at("nginx:1.29", row())).toBe(true);
    expect(parseFilter("nginx:1.29").problems).toEqual([]);
    expect(parseFilter("colour>3").problems).toHaveLength(1);
  });

  it("reads quotes, even unfinished", () => {
    expect(parseTerms('name:"my web" "a b')).toEqual([
      { key: "name", op: ":", value: "my web", negated: false },
      { key: null, op: ":", value: "a b", negated: false },
    ]);
  });

  it("never hangs or throws on rubbish", () => {
    for (const text of ["-", '"', ":", ">>>", "cpu>>", "a:b:c", "  - -- ", "\u0000", "=".repeat(1000)]) expect(() => parseFilter(text).matches(row(), () => ({ cpu: 1, memory: 1 }))).not.toThrow();
  });
});

it("reads quantities", () => {
  expect(["50", "50%", "1.5GiB", "2k", "10MB", "x", ""].map(quantity)).toEqual([50, 50, 1.5 * 2 ** 30, 2048, 1e7, null, null]);
});

it("puts a term into a text and takes it out again", () => {
  expect(withTerm("web", "state", "exited,dead")).toBe("state:exited,dead web");
  expect(withTerm("state:running web cpu>5", "state", "paused")).toBe("state:paused web cpu>5");
  expect(withTerm('state:running name:"a b"', "state", null)).toBe('name:"a b"');
});
