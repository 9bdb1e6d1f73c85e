// The lines of one container's log as held by the page: bounded, in order of time, with the container's own starts and
// ends between them, and without doubles after a resumed stream. Pure; the page decides what is drawn.
import type { LogLine } from "../api/types";
import { stripAnsi } from "./ansi";
import { millis } from "./format";

export type Level = "error" | "warn" | null;

export interface LogItem {
  /** Grows by one an item; a stable key. */
  seq: number;
  kind: "line" | "event";
  /** ms since the epoch; null where the engine gave none. */
  time: number | null;
  stream: string;
  /** As it came, with escapes. */
  raw: string;
  /** Without escapes: what is searched and measured. */
  plain: string;
  level: Level;
}

export const LIMIT = 10_000;
/** Cut in steps, so that a full buffer does not move its whole array at each line. */
const STEP = 500;
/** A longer line is cut for searching and measuring; it is drawn whole. */
const PLAIN_MAX = 20_000;

const LEVEL = /\b(?:(error|err|fatal|panic|critical|crit|emerg|alert|exception)|warn(?:ing)?)\b/i;

export function levelOf(plain: string): Level {
  const found = LEVEL.exec(plain.slice(0, 160));
  return found ? (found[1] ? "error" : "warn") : null;
}

export class LogBuffer {
  items: LogItem[] = [];
  /** Items cut from the front so far. */
  dropped = 0;
  #seq = 0;
  #lastTime: string | null = null;
  #atLast = new Set<string>();
  #resuming = false;

  /** May be raised while somebody reads: what is read should not be cut away. */
  limit: number;

  constructor(limit = LIMIT) {
    this.limit = limit;
  }

  /** Where a new stream should start; from here on doubles are left out until a newer line comes. */
  resume(): string | null {
    this.#resuming = this.#lastTime !== null;
    return this.#lastTime;
  }

  /** Appends what is new; returns how many came in and how many went at the front. */
  append(lines: LogLine[]): { added: number; dropped: number } {
    let added = 0;
    for (const line of lines) {
      if (this.#isDouble(line)) continue;
      // What is not shown is said, and in the download.
      const raw = line.cut ? `${line.text}… ${line.cut.toLocaleString("en")} bytes more` : line.text;
      const plain = stripAnsi(raw).slice(0, PLAIN_MAX);
      this.#insert({ seq: 0, kind: "line", time: millis(line.time), stream: line.stream, raw, plain, level: levelOf(plain) });
      added += 1;
    }
    return { added, dropped: this.#cut() };
  }

  /** Puts a start, stop or end between the lines, at its time. */
  addEvent(time: number, text: string, level: Level): void {
    this.#insert({ seq: 0, kind: "event", time, stream: "stdout", raw: text, plain: text, level });
    this.#cut();
  }

  clear(): void {
    this.dropped += this.items.length;
    this.items = [];
  }

  #isDouble(line: LogLine): boolean {
    if (line.time === null) return false;
    const key = `${line.stream}${line.text}`;
    if (this.#resuming && this.#lastTime !== null) {
      if (line.time < this.#lastTime || (line.time === this.#lastTime && this.#atLast.has(key))) return true;
      if (line.time > this.#lastTime) this.#resuming = false;
    }
    if (this.#lastTime === null || line.time > this.#lastTime) {
      this.#lastTime = line.time;
      this.#atLast.clear();
    }
    if (line.time === this.#lastTime) this.#atLast.add(key);
    return false;
  }

  /** Keeps the order of time by looking back from the end; what has no time stays where it arrived. */
  #insert(item: LogItem): void {
    item.seq = this.#seq;
    this.#seq += 1;
    let at = this.items.length;
    if (item.time !== null) {
      while (at > 0) {
        const before = this.items[at - 1]?.time ?? null;
        if (before === null || before <= item.time) break;
        at -= 1;
      }
    }
    if (at === this.items.length) this.items.push(item);
    else this.items.splice(at, 0, item);
  }

  #cut(): number {
    if (this.items.length <= this.limit) return 0;
    const surplus = Math.max(this.items.length - this.limit, Math.min(STEP, this.limit));
    this.items = this.items.slice(surplus);
    this.dropped += surplus;
    return surplus;
  }
}

/** The filter of a log: a regular expression, or the text as it stands where it is none (`problem` says why). */
export function logPattern(text: string): { pattern: RegExp | null; problem: string | null } {
  if (text === "") return { pattern: null, problem: null };
  try {
    return { pattern: new RegExp(text, "gi"), problem: null };
  } catch {
    return { pattern: new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi"), problem: "Not a regular expression; searched as text" };
  }
}

/** Where a pattern is found in a text, as [from, to) pairs; empty matches count for nothing. */
export function hits(pattern: RegExp, text: string): [number, number][] {
  const out: [number, number][] = [];
  for (const found of text.matchAll(pattern)) {
    if (found[0] !== "") out.push([found.index, found.index + found[0].length]);
    if (out.length >= 100) break;
  }
  return out;
}
