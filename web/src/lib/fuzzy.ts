// Matching of the palette: every letter of the query in order; runs and starts of words count more.

/** A score, higher is better, or null when it does not match. */
export function fuzzy(query: string, text: string): number | null {
  if (query === "") return 0;
  const q = query.toLowerCase();
  const t = text.toLowerCase();
  const whole = t.indexOf(q);
  if (whole >= 0) return 1000 - whole * 2 - t.length / 10 + (whole === 0 || /[\s\-_/:.]/.test(t[whole - 1] ?? "") ? 200 : 0);
  let score = 0;
  let at = -1;
  for (const letter of q) {
    if (letter === " ") continue;
    const next = t.indexOf(letter, at + 1);
    if (next < 0) return null;
    score += next === at + 1 ? 8 : 1;
    if (next === 0 || /[\s\-_/:.]/.test(t[next - 1] ?? "")) score += 6;
    at = next;
  }
  return score - t.length / 10;
}

/** The best `limit`, each scored by its best text; ties keep their order. */
export function rank<T>(query: string, items: T[], texts: (item: T) => string[], limit: number): T[] {
  const scored: { item: T; score: number; at: number }[] = [];
  items.forEach((item, at) => {
    let best: number | null = null;
    for (const text of texts(item)) {
      const score = fuzzy(query, text);
      if (score !== null && (best === null || score > best)) best = score;
    }
    if (best !== null) scored.push({ item, score: best, at });
  });
  scored.sort((a, b) => b.score - a.score || a.at - b.at);
  return scored.slice(0, limit).map((s) => s.item);
}
