// Figures and times as a person reads them. Unknown is a dash, never 0.

export const DASH = "–";

type Maybe<T> = T | null | undefined;

/** "0.3 %", "12 %", "240 %"; 100 is one core. */
export function percent(value: Maybe<number>): string {
  if (value == null || !Number.isFinite(value)) return DASH;
  if (value === 0) return `0\u202f%`;
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)}\u202f%`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** "512 B", "42.1 MiB", "1.45 GiB": three figures. */
export function bytes(value: Maybe<number>): string {
  if (value == null || !Number.isFinite(value)) return DASH;
  let unit = 0;
  let amount = value;
  while (amount >= 1000 && unit < UNITS.length - 1) {
    amount /= 1024;
    unit += 1;
  }
  const figures = unit === 0 || amount >= 100 ? 0 : amount >= 10 ? 1 : 2;
  return `${amount.toFixed(figures)}\u202f${UNITS[unit]}`;
}

export function rate(value: Maybe<number>): string {
  return value == null ? DASH : `${bytes(value)}/s`;
}

/** RFC 3339 to ms since the epoch; nanoseconds are cut, since not every engine of JavaScript reads them. */
export function millis(time: Maybe<string>): number | null {
  if (!time) return null;
  const value = Date.parse(time.replace(/(\.\d{3})\d+/, "$1"));
  return Number.isNaN(value) ? null : value;
}

const STEPS: [number, string][] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "m"],
  [1, "s"],
];

/** "42s", "3m", "5h", "12d": one unit, for a column. */
export function span(ms: Maybe<number>): string {
  if (ms == null || !Number.isFinite(ms)) return DASH;
  const seconds = Math.max(0, Math.floor(ms / 1000));
  for (const [size, unit] of STEPS) if (seconds >= size) return `${Math.floor(seconds / size)}${unit}`;
  return "0s";
}

/** "3m 20s", "2h 5m": two units, for a sentence. */
export function longSpan(ms: Maybe<number>): string {
  if (ms == null || !Number.isFinite(ms)) return DASH;
  let seconds = Math.max(0, Math.floor(ms / 1000));
  const parts: string[] = [];
  for (const [size, unit] of STEPS) {
    const count = Math.floor(seconds / size);
    if (count > 0 || (parts.length === 0 && size === 1)) parts.push(`${count}${unit}`);
    seconds -= count * size;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

/** How long ago, from `now` (ms): "just now", "3m ago", "in 2h" where the engine's clock runs ahead. */
export function ago(time: Maybe<string>, now: number): string {
  const at = millis(time);
  if (at === null) return DASH;
  if (at - now > 60_000) return `in ${span(at - now)}`;
  return now - at < 5_000 ? "just now" : `${span(now - at)} ago`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** Local wall time, "14:03:09"; with ms "14:03:09.120". */
export function clock(ms: Maybe<number>, withMillis = false): string {
  if (ms == null) return DASH;
  const d = new Date(ms);
  const base = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
  return withMillis ? `${base}.${String(d.getMilliseconds()).padStart(3, "0")}` : base;
}

/** Local date and time for titles, "2026-11-20 14:03:09". */
export function stamp(time: Maybe<string>): string {
  const ms = millis(time);
  if (ms === null) return DASH;
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(ms)}`;
}

export const count = (n: number, one: string, many = `${one}s`): string => `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

export const shortId = (id: string): string => id.replace(/^sha256:/, "").slice(0, 12);

/** An image reference without what a column cannot use: a bare digest is shortened, Docker Hub's name dropped. */
export function shortImage(image: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(image)) return shortId(image);
  return image.replace(/^docker\.io\/(library\/)?/, "").replace(/@sha256:[0-9a-f]{64}$/, (digest) => `@${shortId(digest.slice(1))}`);
}
