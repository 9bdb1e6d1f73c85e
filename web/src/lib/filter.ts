// The filter language of the tables: `state:exited,dead host:edge cpu>50 mem>=200MiB label:tier=web -name:test text`.
// Terms are joined by AND, values after a colon by OR (comma), `-` negates, quotes keep spaces together.
import type { ContainerRow } from "../api/types";

export interface Measured {
  cpu: number | null;
  memory: number | null;
}

export interface Term {
  key: string | null;
  op: ":" | ">" | ">=" | "<" | "<=" | "=";
  value: string;
  negated: boolean;
}

export interface Filter {
  text: string;
  terms: Term[];
  /** What could not be understood, for a person. */
  problems: string[];
  /** Whether the answer changes with every sample. */
  live: boolean;
  matches(row: ContainerRow, measured: () => Measured): boolean;
}

const TERM = /(-?)(?:([a-z_]+)(>=|<=|>|<|=|:))?("[^"]*"?|\S*)/giy;
const SPACE = /\s*/y;

/** Splits a text into terms; never fails: an unfinished quote runs to the end. */
export function parseTerms(text: string): Term[] {
  const terms: Term[] = [];
  let at = 0;
  while (at < text.length) {
    SPACE.lastIndex = at;
    SPACE.exec(text);
    at = SPACE.lastIndex;
    if (at >= text.length) break;
    TERM.lastIndex = at;
    const found = TERM.exec(text);
    if (!found || found[0] === "") break;
    at = TERM.lastIndex;
    const value = (found[4] ?? "").replace(/^"|"$/g, "");
    const key = found[2]?.toLowerCase() ?? null;
    if (key === null && value === "") continue;
    terms.push({ key, op: (found[3] ?? ":") as Term["op"], value, negated: found[1] === "-" });
  }
  return terms;
}

const SIZES: Record<string, number> = { "": 1, b: 1, k: 2 ** 10, kb: 1e3, kib: 2 ** 10, m: 2 ** 20, mb: 1e6, mib: 2 ** 20, g: 2 ** 30, gb: 1e9, gib: 2 ** 30 };

/** "50", "50%", "200MiB" as a number; null when it is none. */
export function quantity(text: string): number | null {
  const found = /^(\d+(?:\.\d+)?)\s*%?([a-z]*)$/i.exec(text);
  const factor = found ? SIZES[(found[2] ?? "").toLowerCase()] : undefined;
  return found && factor !== undefined ? Number(found[1]) * factor : null;
}

export function compare(value: number | null, op: Term["op"], bound: number): boolean {
  if (value === null) return false;
  switch (op) {
    case ">":
      return value > bound;
    case ">=":
      return value >= bound;
    case "<":
      return value < bound;
    case "<=":
      return value <= bound;
    default:
      return value === bound;
  }
}

type Text = (row: ContainerRow) => string;
type Num = (row: ContainerRow, measured: () => Measured) => number | null;

const TEXTS: Record<string, Text> = {
  state: (row) => row.state,
  health: (row) => row.health,
  host: (row) => row.host,
  name: (row) => row.name,
  image: (row) => row.image,
  id: (row) => row.id,
  project: (row) => row.project ?? "",
};
const NUMBERS: Record<string, Num> = {
  cpu: (_, measured) => measured().cpu,
  mem: (_, measured) => measured().memory,
  memory: (_, measured) => measured().memory,
  exit: (row) => row.exit_code,
  restarts: (row) => row.restart_count,
};
/** These must be met whole: `state:dead` does not mean anything that contains "dead". */
const WHOLE = new Set(["state", "health", "host"]);
export const KEYS = [...Object.keys(TEXTS), "label", "port", "cpu", "mem", "exit", "restarts"];

function labelMatches(row: ContainerRow, wanted: string): boolean {
  const [key = "", ...rest] = wanted.toLowerCase().split("=");
  const value = rest.length > 0 ? rest.join("=") : null;
  return Object.entries(row.labels).some(([k, v]) => {
    if (value !== null) return k.toLowerCase() === key && v.toLowerCase() === value;
    return k.toLowerCase().includes(key) || v.toLowerCase().includes(key);
  });
}

function textMatches(row: ContainerRow, needle: string): boolean {
  return (
    row.name.toLowerCase().includes(needle) ||
    row.image.toLowerCase().includes(needle) ||
    row.id.startsWith(needle) ||
    (row.project?.toLowerCase().includes(needle) ?? false)
  );
}

type Test = (row: ContainerRow, measured: () => Measured) => boolean;

function testOf(term: Term, problems: string[]): Test | null {
  const { key, op, value } = term;
  if (key === null) return (row) => textMatches(row, value.toLowerCase());
  const number = NUMBERS[key];
  if (number) {
    const bound = quantity(value);
    if (bound === null) {
      if (value !== "") problems.push(`“${key}” wants a number, as in ${key}>50`);
      return null;
    }
    return (row, measured) => compare(number(row, measured), op, bound);
  }
  if (value === "") return null;
  const wanted = value.toLowerCase().split(",").filter(Boolean);
  if (key === "label") return (row) => labelMatches(row, value);
  if (key === "port") return (row) => row.ports.some((p) => wanted.includes(String(p.public)) || wanted.includes(String(p.private)));
  const text = TEXTS[key];
  if (text) {
    return (row) => {
      const own = text(row).toLowerCase();
      return wanted.some((w) => (WHOLE.has(key) ? own === w : own.includes(w)));
    };
  }
  // An image such as `redis:8` or an address looks like a key; it is text.
  if (op !== ":") problems.push(`“${key}” is not known; try ${KEYS.slice(0, 8).join(", ")}`);
  return (row) => textMatches(row, `${key}${op}${value}`.toLowerCase());
}

export function parseFilter(text: string): Filter {
  const terms = parseTerms(text);
  const problems: string[] = [];
  const tests: Test[] = [];
  for (const term of terms) {
    const test = testOf(term, problems);
    if (test) tests.push(term.negated ? (row, measured) => !test(row, measured) : test);
  }
  return {
    text,
    terms,
    problems,
    live: terms.some((t) => t.key === "cpu" || t.key === "mem" || t.key === "memory"),
    matches: (row, measured) => tests.every((test) => test(row, measured)),
  };
}

/** The text with every `key:` term replaced by `key:value` (or taken out, with null). */
export function withTerm(text: string, key: string, value: string | null): string {
  const kept = parseTerms(text)
    .filter((t) => t.key !== key)
    .map(termText);
  if (value !== null) kept.unshift(`${key}:${value}`);
  return kept.join(" ");
}

function termText(term: Term): string {
  const value = /\s/.test(term.value) ? `"${term.value}"` : term.value;
  return `${term.negated ? "-" : ""}${term.key === null ? "" : `${term.key}${term.op}`}${value}`;
}
