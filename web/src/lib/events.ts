// Events in a person's words: what happened, how much it matters, and what is worth showing at all.
import type { EventRecord, FeedRecord, GapRecord } from "../api/types";
import { longSpan, millis } from "./format";
import { parseTerms, type Term } from "./filter";

export const isGap = (record: FeedRecord): record is GapRecord => "gap" in record;

export type EventTone = "ok" | "warn" | "bad" | "idle" | "info";

/** `exec_create: /bin/sh -c …` is the action `exec_create` with its detail in the same field. */
export function splitAction(action: string): { verb: string; detail: string } {
  const at = action.indexOf(": ");
  return at < 0 ? { verb: action, detail: "" } : { verb: action.slice(0, at), detail: action.slice(at + 2) };
}

export function exitCode(record: EventRecord): number | null {
  const text = record.attributes["exitCode"];
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : null;
}

export function toneOf(record: EventRecord): EventTone {
  const { verb, detail } = splitAction(record.action);
  if (verb === "oom") return "bad";
  if (verb === "die") return [0, 130, 143].includes(exitCode(record) ?? 0) ? "idle" : "bad";
  if (verb === "health_status") return detail === "unhealthy" ? "bad" : detail === "healthy" ? "ok" : "warn";
  if (verb === "start" || verb === "unpause") return "ok";
  if (verb === "kill" || verb === "pause" || verb === "stop" || verb === "restart") return "warn";
  if (verb === "create" || verb === "pull" || verb === "load" || verb === "tag") return "info";
  return "idle";
}

/** The detail column: exit code, signal, command, health. */
export function detailOf(record: EventRecord): string {
  const { verb, detail } = splitAction(record.action);
  const parts: string[] = [];
  const code = exitCode(record);
  if (code !== null) parts.push(`exit code ${code}`);
  if (record.attributes["signal"]) parts.push(`signal ${record.attributes["signal"]}`);
  if (detail) parts.push(detail);
  const duration = record.attributes["execDuration"];
  if (verb === "die" && duration && /^\d+$/.test(duration)) parts.push(`after ${longSpan(Number(duration) * 1000)}`);
  if (record.type === "network" && record.attributes["container"]) parts.push(`container ${record.attributes["container"].slice(0, 12)}`);
  if (parts.length === 0 && record.attributes["image"] && record.type === "container") parts.push(record.attributes["image"]);
  return parts.join(", ");
}

/** The server's words for why; a newer word is shown as it came. */
const REASONS: Record<string, string> = {
  missed: "more happened than the engine remembers",
  restarted: "the engine was started anew and has forgotten",
  dropped: "events came so late that the engine may have dropped some",
  unreadable: "an event could not be read",
  forgotten: "the server keeps no older events",
  unknown_cursor: "the place to go on from is not known any more",
};

export function gapText(record: GapRecord): string {
  const from = millis(record.gap.from);
  const to = millis(record.gap.to);
  const length = from !== null && to !== null ? ` of ${longSpan(to - from)}` : "";
  return `Gap${length}: ${REASONS[record.gap.reason] ?? (record.gap.reason || "events may be missing here")}`;
}

/** Health checks run an exec every few seconds; they hide what matters. */
export const isProbe = (record: FeedRecord): boolean => !isGap(record) && record.action.startsWith("exec_");

/** Actions that a container's log and charts are marked with. */
const MILESTONES = new Set(["start", "stop", "die", "kill", "oom", "restart", "pause", "unpause", "destroy", "health_status"]);
export const isMilestone = (record: EventRecord): boolean => record.type === "container" && MILESTONES.has(splitAction(record.action).verb);

/** "start", "die, exit code 137", "health_status, unhealthy". */
export function short(record: EventRecord): string {
  const { verb, detail } = splitAction(record.action);
  const code = exitCode(record);
  const signal = record.attributes["signal"];
  return [verb, code !== null ? `exit code ${code}` : "", signal && verb === "kill" ? `signal ${signal}` : "", detail].filter(Boolean).join(", ");
}

function termMatches(record: EventRecord, { key, value }: Term): boolean {
  const wanted = value.toLowerCase();
  const any = (text: string): boolean => wanted.split(",").some((w) => w !== "" && text.toLowerCase().includes(w));
  const label = Object.entries(record.attributes);
  switch (key) {
    case "type":
      return any(record.type);
    case "action":
      return any(record.action);
    case "host":
      return any(record.host);
    case "name":
      return any(record.name ?? "");
    case "image":
      return any(record.attributes["image"] ?? "");
    case "id":
      return record.id.startsWith(wanted);
    case "label":
      return label.some(([k, v]) => `${k}=${v}`.toLowerCase().includes(wanted));
    default:
      return [record.type, record.action, record.name ?? "", record.attributes["image"] ?? "", record.host].some((t) => t.toLowerCase().includes(wanted)) || record.id.startsWith(wanted);
  }
}

/** The event list's filter: the same terms as the table's. A gap is always shown: it says what cannot be seen. */
export function eventFilter(text: string): (record: FeedRecord) => boolean {
  const terms = parseTerms(text).filter((t) => t.value !== "");
  return (record) => isGap(record) || terms.every((t) => termMatches(record, t) !== t.negated);
}

/** Events of one container from two places, oldest first, each once: as the engine stamped them. */
export function merged(before: FeedRecord[], after: EventRecord[]): EventRecord[] {
  const all = [...before.filter((r): r is EventRecord => !isGap(r)), ...after];
  return [...new Map(all.map((e) => [`${e.time_nano} ${e.action}`, e])).values()].sort((a, b) => (millis(a.time) ?? 0) - (millis(b.time) ?? 0));
}
