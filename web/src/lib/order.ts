// The order of the table: sorting, and holding still while somebody points at it.
import type { ContainerRow } from "../api/types";
import { mark } from "./containers";
import type { Measured } from "./filter";
import { millis } from "./format";

export type SortKey = "name" | "image" | "state" | "health" | "cpu" | "memory" | "age" | "host";

export interface Sort {
  key: SortKey;
  descending: boolean;
}

export const SORT_KEYS: SortKey[] = ["name", "image", "state", "health", "cpu", "memory", "age", "host"];
/** Where the large or the bad is wanted first. */
const DESCENDING_FIRST = new Set<SortKey>(["cpu", "memory"]);

export function parseSort(text: string | null): Sort {
  const descending = text?.startsWith("-") ?? false;
  const key = (text ?? "").replace(/^-/, "") as SortKey;
  return SORT_KEYS.includes(key) ? { key, descending } : { key: "name", descending: false };
}

export const sortText = (sort: Sort): string | null =>
  sort.key === "name" && !sort.descending ? null : `${sort.descending ? "-" : ""}${sort.key}`;

/** What a click on a header asks for: its own first direction, then the other one. */
export function toggled(now: Sort, key: SortKey): Sort {
  if (now.key === key) return { key, descending: !now.descending };
  return { key, descending: DESCENDING_FIRST.has(key) };
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const TONES = { bad: 0, warn: 1, ok: 2, idle: 3, unknown: 4 };
const HEALTHS = ["unhealthy", "starting", "healthy", "none"];

type Read = (row: ContainerRow) => number | string | null;

function reader(key: SortKey, measured: (row: ContainerRow) => Measured): Read {
  switch (key) {
    case "name":
      return (row) => row.name;
    case "image":
      return (row) => row.image;
    case "host":
      return (row) => row.host;
    case "state":
      return (row) => TONES[mark(row).tone];
    case "health":
      return (row) => {
        const at = HEALTHS.indexOf(row.health);
        return at < 0 ? HEALTHS.length : at;
      };
    case "cpu":
      return (row) => measured(row).cpu;
    case "memory":
      return (row) => measured(row).memory;
    case "age":
      return (row) => {
        const at = millis(row.created_at);
        return at === null ? null : -at;
      };
  }
}

/** Sorted copy. Unknown values come last in both directions; equals are ordered by name, host and id, so nothing flickers. */
export function sortRows(rows: ContainerRow[], sort: Sort, measured: (row: ContainerRow) => Measured): ContainerRow[] {
  const read = reader(sort.key, measured);
  const sign = sort.descending ? -1 : 1;
  const keyed = rows.map((row) => ({ row, value: read(row) }));
  keyed.sort((a, b) => {
    if (a.value !== b.value) {
      if (a.value === null) return 1;
      if (b.value === null) return -1;
      const order =
        typeof a.value === "number" && typeof b.value === "number" ? a.value - b.value : collator.compare(String(a.value), String(b.value));
      if (order !== 0) return order * sign;
    }
    return collator.compare(a.row.name, b.row.name) || (a.row.host < b.row.host ? -1 : a.row.host > b.row.host ? 1 : a.row.id < b.row.id ? -1 : 1);
  });
  return keyed.map((k) => k.row);
}

/**
 * The order while it is held: what was there stays where it was, what is new comes at the end. What went is told by
 * `keep` (a row may stay as a ghost so that nothing moves under the pointer).
 */
export function heldOrder(shown: string[], fresh: string[], keep: (key: string) => boolean): string[] {
  const now = new Set(fresh);
  const out = shown.filter((key) => now.has(key) || keep(key));
  const had = new Set(out);
  for (const key of fresh) if (!had.has(key)) out.push(key);
  return out;
}

/** Whether two orders are the same. */
export const sameOrder = (a: string[], b: string[]): boolean => a.length === b.length && a.every((key, i) => key === b[i]);
