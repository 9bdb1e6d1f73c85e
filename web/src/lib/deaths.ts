// What a record of an end says beside its own words: what is unknown and why, and in which tone it is shown.
import type { Death } from "../api/types";
import type { EventTone } from "./events";

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

export function toneOfDeath(cause: string): EventTone {
  return cause === "success" ? "ok" : cause === "signal" ? "warn" : cause === "unknown" ? "idle" : "bad";
}
