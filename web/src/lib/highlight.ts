// Pieces of a line with what was searched for set apart.
import type { Piece } from "./ansi";

export interface Lit extends Piece {
  hit: boolean;
}

/** Splits pieces at the [from, to) ranges of the joined text; ranges are in order and do not overlap. */
export function light(pieces: Piece[], ranges: [number, number][]): Lit[] {
  if (ranges.length === 0) return pieces.map((p) => ({ ...p, hit: false }));
  const out: Lit[] = [];
  let at = 0;
  let r = 0;
  for (const piece of pieces) {
    let done = 0;
    while (done < piece.text.length) {
      while (r < ranges.length && (ranges[r]?.[1] ?? 0) <= at + done) r += 1;
      const [from, to] = ranges[r] ?? [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      const hit = at + done >= from;
      const end = Math.min(piece.text.length, (hit ? to : from) - at);
      out.push({ text: piece.text.slice(done, end), style: piece.style, hit });
      done = end;
    }
    at += piece.text.length;
  }
  return out;
}

/** Pieces cut to `limit` characters in all; how many were left out. */
export function cut(pieces: Piece[], limit: number): { pieces: Piece[]; left: number } {
  let room = limit;
  let left = 0;
  const out: Piece[] = [];
  for (const piece of pieces) {
    if (piece.text.length <= room) out.push(piece);
    else {
      if (room > 0) out.push({ text: piece.text.slice(0, room), style: piece.style });
      left += piece.text.length - room;
    }
    room = Math.max(0, room - piece.text.length);
  }
  return { pieces: out, left };
}
