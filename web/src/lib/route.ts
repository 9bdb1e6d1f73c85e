// Addresses of the page. Everything is in the fragment, so the server serves one file and a setup token never leaves
// the browser: `#/containers?q=state:exited&sort=-cpu`, `#/containers/local/3f2a…/logs`.

export type Tab = "overview" | "logs" | "deaths" | "environment" | "inspect";
export const TABS: Tab[] = ["overview", "logs", "deaths", "environment", "inspect"];

export type Route =
  | { room: "overview" }
  | { room: "containers"; query: URLSearchParams }
  | { room: "container"; host: string; id: string; tab: Tab; query: URLSearchParams }
  | { room: "events"; query: URLSearchParams }
  | { room: "lost"; path: string };

export function parseRoute(hash: string): Route {
  if (setupToken(hash) !== null) return { room: "overview" };
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2) as [string, string?];
  const query = new URLSearchParams(search);
  let parts: string[];
  try {
    parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return { room: "lost", path };
  }
  const [room, host, id, tab] = parts;
  if (room === undefined) return { room: "overview" };
  if (room === "events" && parts.length === 1) return { room: "events", query };
  if (room === "containers" && parts.length === 1) return { room: "containers", query };
  if (room === "containers" && host && id && parts.length <= 4) {
    const known = TABS.find((t) => t === (tab ?? "overview"));
    if (known) return { room: "container", host, id, tab: known, query };
  }
  return { room: "lost", path };
}

type Query = Record<string, string | null>;

function search(query: Query): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value) params.set(key, value);
  const text = params.toString();
  return text ? `?${text}` : "";
}

export const links = {
  overview: (): string => "#/",
  containers: (query: Query = {}): string => `#/containers${search(query)}`,
  container: (host: string, id: string, tab: Tab = "overview", query: Query = {}): string =>
    `#/containers/${encodeURIComponent(host)}/${encodeURIComponent(id.slice(0, 12))}${tab === "overview" ? "" : `/${tab}`}${search(query)}`,
  /** The record of one end. */
  death: ({ host, container, ended }: { host: string; container: string; ended: string }): string => links.container(host, container, "deaths", { at: ended }),
  events: (query: Query = {}): string => `#/events${search(query)}`,
};

/** The one-time token of the first start's link (`#setup=…`), or null. */
export function setupToken(hash: string): string | null {
  const found = /^#setup=([^&]+)/.exec(hash);
  if (!found?.[1]) return null;
  try {
    return decodeURIComponent(found[1]);
  } catch {
    return found[1];
  }
}
