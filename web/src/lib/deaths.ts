// What a record of an end says beside its own words: what is unknown and why, and in which tone it is shown.
import type { Death, DeathRow } from "../api/types";
import type { Shape, Tone } from "./containers";
import type { EventTone } from "./events";
import { millis } from "./format";

const PARTS: Record<string, string> = { state: "Memory, restarts and health", log: "The last lines", signal: "The signal", exit_code: "The exit code" };
const WHYS: Record<string, string> = {
  gone: "the container was removed before the engine could be asked",
  another_run: "it ran again, or had ended again, before the engine could be asked",
  not_looked_at: "too many containers ended at once",
  timed_out: "the engine did not answer in time",
  failed: "the engine failed",
  gap: "events are missing from that time",
  stopped: "Longshore stopped before the answer",
};

/** "The last lines are unknown: …", one sentence for each reason. */
export function unknowns(death: Pick<Death, "unknown" | "log">): string[] {
  return death.unknown.map(({ part, why, detail }) => {
    if (part === "log" && death.log) return `Some of the last lines may be another run's: ${detail || why}.`;
    const what = PARTS[part] ?? part;
    return `${what} ${/ and |lines/.test(what) ? "are" : "is"} not known: ${WHYS[why] ?? why}${detail ? ` (${detail})` : ""}.`;
  });
}

type Judged = Pick<DeathRow, "cause" | "failed">;

export function toneOfDeath({ cause, failed }: Judged): EventTone {
  return cause === "success" ? "ok" : cause === "unknown" ? "idle" : failed ? "bad" : "warn";
}

type Named = Pick<DeathRow, "host" | "container" | "ended">;

/** The same end comes again when more becomes known of it. */
export const keyOfDeath = ({ host, container, ended }: Named): string => `${host} ${container} ${ended}`;

/** Puts news among what was known: newest first, each end once, at most `kept`. */
export function withDeaths<D extends Named>(known: D[], news: D[], kept: number): D[] {
  const all = new Map([...known, ...news].map((death) => [keyOfDeath(death), death]));
  return [...all.values()].sort((a, b) => (millis(b.ended) ?? 0) - (millis(a.ended) ?? 0) || b.ended.localeCompare(a.ended) || a.container.localeCompare(b.container)).slice(0, kept);
}

/** The newest end of each container, and how many of its ends are held: one that keeps ending must not hide the others. */
export function newestOfEach<D extends Named>(deaths: D[]): { death: D; times: number }[] {
  const each = new Map<string, { death: D; times: number }>();
  for (const death of deaths) {
    const key = `${death.host} ${death.container}`;
    const held = each.get(key);
    if (held) held.times += 1;
    else each.set(key, { death, times: 1 });
  }
  return [...each.values()];
}

/** Its mark in a list: shapes differ as well as colours. What was asked for is as quiet as success. */
export function markOfDeath({ cause, failed }: Judged): { tone: Tone; shape: Shape } {
  if (cause === "unknown") return { tone: "unknown", shape: "query" };
  if (!failed) return { tone: "idle", shape: "ring" };
  return { tone: "bad", shape: cause === "out_of_memory" ? "diamond" : "square" };
}
