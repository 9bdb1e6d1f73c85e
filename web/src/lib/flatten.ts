// A JSON value as rows of path and value, for a list that can be searched.

export interface Leaf {
  path: string;
  value: string;
}

export function flatten(value: unknown, path = "", out: Leaf[] = []): Leaf[] {
  if (value === null || typeof value !== "object") {
    out.push({ path, value: value === null ? "null" : String(value) });
    return out;
  }
  const entries = Array.isArray(value) ? value.map((v, i) => [`[${i}]`, v] as const) : Object.entries(value).map(([k, v]) => [/^[\w-]+$/.test(k) ? `${path ? "." : ""}${k}` : `["${k}"]`, v] as const);
  if (entries.length === 0) out.push({ path, value: Array.isArray(value) ? "[]" : "{}" });
  for (const [key, child] of entries) flatten(child, path + key, out);
  return out;
}
