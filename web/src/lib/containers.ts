// What a container's state means to a person: its tone and shape, its words, what may be done, where its ports lead.
import type { ContainerRow, PortRow } from "../api/types";
import type { IconName } from "../components/icons";
import { count, longSpan, millis } from "./format";

export type Tone = "ok" | "warn" | "bad" | "idle" | "unknown";
/** Shapes differ as well as colours, so that a state is read without colour. */
export type Shape = "disc" | "ring" | "bars" | "arc" | "cross" | "square" | "dotted" | "diamond" | "query";

export interface Mark {
  tone: Tone;
  shape: Shape;
  /** "Running", "Exited (1)". */
  label: string;
}

/** Ends that were asked for or clean: 0, and by SIGINT or SIGTERM. */
const QUIET_EXITS = new Set([0, 130, 143]);

export const keyOf = (row: { host: string; id: string }): string => `${row.host}/${row.id}`;

export function endedBadly(row: Pick<ContainerRow, "state" | "exit_code">): boolean {
  return row.state === "exited" && row.exit_code !== null && !QUIET_EXITS.has(row.exit_code);
}

export function mark(row: Pick<ContainerRow, "state" | "health" | "exit_code">): Mark {
  switch (row.state) {
    case "running":
      if (row.health === "unhealthy") return { tone: "bad", shape: "diamond", label: "Running, unhealthy" };
      return { tone: "ok", shape: "disc", label: "Running" };
    case "paused":
      return { tone: "warn", shape: "bars", label: "Paused" };
    case "restarting":
      return { tone: "warn", shape: "arc", label: "Restarting" };
    case "removing":
      return { tone: "warn", shape: "arc", label: "Removing" };
    case "created":
      return { tone: "idle", shape: "dotted", label: "Created" };
    case "exited":
      if (endedBadly(row)) return { tone: "bad", shape: "square", label: `Exited (${row.exit_code})` };
      return { tone: "idle", shape: "ring", label: row.exit_code === null ? "Exited" : `Exited (${row.exit_code})` };
    case "dead":
      return { tone: "bad", shape: "cross", label: "Dead" };
    default:
      return { tone: "unknown", shape: "query", label: row.state || "Unknown" };
  }
}

export type Verb = "start" | "stop" | "restart" | "pause" | "unpause" | "kill" | "remove";

/** What makes sense for a container in this state, most wanted first. */
export function verbsFor(state: string): Verb[] {
  switch (state) {
    case "running":
      return ["stop", "restart", "pause", "kill", "remove"];
    case "paused":
      return ["unpause", "stop", "restart", "kill", "remove"];
    case "restarting":
      return ["stop", "restart", "kill", "remove"];
    case "created":
    case "exited":
      return ["start", "restart", "remove"];
    case "removing":
      return [];
    default:
      return ["start", "stop", "restart", "remove"];
  }
}

export const VERBS: Record<Verb, { label: string; icon: IconName; doing: string; done: string; already: string }> = {
  start: { label: "Start", icon: "play", doing: "Starting", done: "started", already: "was already running" },
  stop: { label: "Stop", icon: "stop", doing: "Stopping", done: "stopped", already: "was already stopped" },
  restart: { label: "Restart", icon: "restart", doing: "Restarting", done: "restarted", already: "was already restarted" },
  pause: { label: "Pause", icon: "pause", doing: "Pausing", done: "paused", already: "was already paused" },
  unpause: { label: "Resume", icon: "play", doing: "Resuming", done: "resumed", already: "was not paused" },
  kill: { label: "Kill", icon: "kill", doing: "Killing", done: "killed", already: "was already stopped" },
  remove: { label: "Remove", icon: "remove", doing: "Removing", done: "removed", already: "was already removed" },
};

/** Whether a change of the mirror is what the verb was for. */
export function isEffect(verb: Verb, row: ContainerRow | null, before: ContainerRow): boolean {
  if (row === null) return verb === "remove";
  switch (verb) {
    case "start":
    case "unpause":
      return row.state === "running";
    case "stop":
    case "kill":
      return row.state === "exited" || row.state === "dead";
    case "pause":
      return row.state === "paused";
    case "restart":
      return row.state === "running" && row.started_at !== before.started_at;
    case "remove":
      return false;
  }
}

/** Since when it is in this state: started for what runs, finished for what ended, created otherwise. */
export function stateSince(row: ContainerRow): string | null {
  if (row.state === "running" || row.state === "paused" || row.state === "restarting") return row.started_at ?? row.created_at;
  if (row.state === "exited" || row.state === "dead") return row.finished_at ?? row.created_at;
  return row.created_at;
}

/** "Running for 3h 12m", "Exited (1) 5m 2s ago". */
export function sentence(row: ContainerRow, now: number): string {
  const { label } = mark(row);
  const since = millis(stateSince(row));
  if (since === null) return label;
  const time = longSpan(now - since);
  if (row.state === "running" || row.state === "paused" || row.state === "restarting") return `${label} for ${time}`;
  return `${label} ${time} ago`;
}

/** Published ports once each (engines list IPv4 and IPv6 apart), published first, then by number. */
export function distinctPorts(ports: PortRow[]): PortRow[] {
  const seen = new Map<string, PortRow>();
  for (const port of ports) {
    const key = `${port.public ?? ""}:${port.private}/${port.protocol}`;
    if (!seen.has(key)) seen.set(key, port);
  }
  return [...seen.values()].sort((a, b) => Number(b.public !== null) - Number(a.public !== null) || (a.public ?? a.private) - (b.public ?? b.private));
}

const ANY = new Set(["", "0.0.0.0", "::", "[::]"]);

/**
 * Where a published TCP port answers for this browser: the address it is bound to, or, bound to every address, the
 * name the page itself was reached by. Null where no link can be made. `endpoint` is the engine's own, for a remote host.
 */
export function portHref(port: PortRow, pageHost: string, endpoint: string | null = null): string | null {
  if (port.public === null || port.protocol !== "tcp") return null;
  const remote = endpoint && /^(?:tcp|http|https):\/\/([^/:]+|\[[^\]]+\])/.exec(endpoint);
  const bound = port.ip ?? "";
  const host = ANY.has(bound) ? (remote?.[1] ?? pageHost) : bound.includes(":") && !bound.startsWith("[") ? `[${bound}]` : bound;
  const scheme = port.public === 443 || port.private === 443 ? "https" : "http";
  return `${scheme}://${host}:${port.public}/`;
}

export function portLabel(port: PortRow): string {
  const suffix = port.protocol === "tcp" ? "" : `/${port.protocol}`;
  return port.public === null ? `${port.private}${suffix}` : port.public === port.private ? `${port.public}${suffix}` : `${port.public}→${port.private}${suffix}`;
}

/** What needs a person first, over one container; null when it is well. */
export function complaint(row: ContainerRow, now: number): { tone: "bad" | "warn"; text: string; since: string | null } | null {
  if (row.state === "dead") return { tone: "bad", text: "is dead: the engine could not remove it", since: row.finished_at };
  if (row.state === "restarting") {
    const times = row.restart_count ? `, ${count(row.restart_count, "restart")} so far` : "";
    return { tone: "bad", text: `keeps restarting${row.exit_code === null ? "" : `, last exit ${row.exit_code}`}${times}`, since: null };
  }
  if (row.state === "running" && row.health === "unhealthy") return { tone: "bad", text: "fails its health check", since: null };
  if (endedBadly(row)) {
    const finished = millis(row.finished_at);
    if (finished !== null && now - finished < 86_400_000) return { tone: "warn", text: `exited with code ${row.exit_code}`, since: row.finished_at };
  }
  return null;
}
