// ANSI colours of a log line as pieces with classes. Nothing here makes HTML: the component writes each piece as text.

export interface Piece {
  text: string;
  /** Space-separated class names, "" for plain. */
  style: string;
}

// CSI sequences, OSC strings (titles, links) and lone escapes; only `m` changes how text looks, the rest is dropped.
// biome-ignore lint: control characters are what this is about.
const ESCAPE = /\u001b(?:\[([0-9;:?]*)([@-~])|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g;
const CONTROL = /[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f]/g;

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];

interface State {
  fg: string;
  bg: string;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
}

const plain = (): State => ({ fg: "", bg: "", bold: false, dim: false, italic: false, underline: false });

/** The nearest of the sixteen colours for an index of the 256 palette, or for red, green, blue. */
function nearest(r: number, g: number, b: number): string {
  const high = Math.max(r, g, b);
  if (high < 50) return "black";
  const bits = (r > high * 0.6 ? 1 : 0) | (g > high * 0.6 ? 2 : 0) | (b > high * 0.6 ? 4 : 0);
  return `${high > 180 ? "bright-" : ""}${NAMES[bits]}`;
}

function indexed(n: number): string {
  if (n < 8) return NAMES[n] ?? "";
  if (n < 16) return `bright-${NAMES[n - 8]}`;
  if (n >= 232) return n < 240 ? "bright-black" : "white";
  const level = (v: number): number => (v === 0 ? 0 : 55 + v * 40);
  const c = n - 16;
  return nearest(level(Math.floor(c / 36)), level(Math.floor(c / 6) % 6), level(c % 6));
}

/** Applies the numbers of one `m` sequence. */
function select(state: State, numbers: number[]): void {
  for (let i = 0; i < numbers.length; i += 1) {
    const n = numbers[i] ?? 0;
    if (n === 0) Object.assign(state, plain());
    else if (n === 1) state.bold = true;
    else if (n === 2) state.dim = true;
    else if (n === 3) state.italic = true;
    else if (n === 4) state.underline = true;
    else if (n === 22) state.bold = state.dim = false;
    else if (n === 23) state.italic = false;
    else if (n === 24) state.underline = false;
    else if (n === 39) state.fg = "";
    else if (n === 49) state.bg = "";
    else if (n >= 30 && n <= 37) state.fg = NAMES[n - 30] ?? "";
    else if (n >= 90 && n <= 97) state.fg = `bright-${NAMES[n - 90]}`;
    else if (n >= 40 && n <= 47) state.bg = NAMES[n - 40] ?? "";
    else if (n >= 100 && n <= 107) state.bg = `bright-${NAMES[n - 100]}`;
    else if (n === 38 || n === 48) {
      const rgb = numbers[i + 1] === 2;
      const name = rgb ? nearest(numbers[i + 2] ?? 0, numbers[i + 3] ?? 0, numbers[i + 4] ?? 0) : indexed(numbers[i + 2] ?? 0);
      if (n === 38) state.fg = name;
      else state.bg = name;
      i += rgb ? 4 : 2;
    }
  }
}

function classes(state: State): string {
  let out = "";
  if (state.fg) out += ` ansi-${state.fg}`;
  if (state.bg) out += ` ansi-bg-${state.bg}`;
  if (state.bold) out += " ansi-bold";
  if (state.dim) out += " ansi-dim";
  if (state.italic) out += " ansi-italic";
  if (state.underline) out += " ansi-underline";
  return out.trimStart();
}

/** The text without escapes and control characters: what a filter reads and a person copies. */
export function stripAnsi(text: string): string {
  return (text.includes("\u001b") ? text.replace(ESCAPE, "").replace(/\u001b/g, "") : text).replace(CONTROL, "");
}

export function parseAnsi(text: string): Piece[] {
  if (!text.includes("\u001b")) return [{ text: stripAnsi(text), style: "" }];
  const pieces: Piece[] = [];
  const state = plain();
  let style = "";
  let from = 0;
  const push = (end: number): void => {
    const part = stripAnsi(text.slice(from, end));
    const last = pieces.at(-1);
    if (part && last?.style === style) last.text += part;
    else if (part) pieces.push({ text: part, style });
  };
  ESCAPE.lastIndex = 0;
  for (let found = ESCAPE.exec(text); found; found = ESCAPE.exec(text)) {
    push(found.index);
    from = ESCAPE.lastIndex;
    if (found[2] === "m") {
      select(state, (found[1] ?? "").split(/[;:]/).map(Number));
      style = classes(state);
    }
  }
  push(text.length);
  return pieces;
}
