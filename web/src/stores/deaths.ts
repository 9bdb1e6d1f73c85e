// The newest ends of containers, as they are told: of one container with their last words, or of many as rows.
import type { Death, DeathRow } from "../api/types";
import { withDeaths } from "../lib/deaths";
import { perFrame } from "../lib/frame";
import { stream } from "./connection.svelte";

/** What the server keeps of one container. */
export const OF_ONE = 20;
/** What is held of many. */
export const OF_MANY = 100;

interface Told<D> {
  /** All that is known, newest first; also when it is nothing. At most once a frame. */
  list(deaths: D[]): void;
  refused?(message: string): void;
}

/** Follows how one container ends, also one that is gone; returns how to stop. */
export const followDeathsOf = (host: string, id: string, told: Told<Death>): (() => void) =>
  follow<Death>({ host, id }, ({ deaths }) => deaths, OF_ONE, told);

/** Follows how containers of all hosts end: those that failed, or all. */
export const followDeaths = (failed: boolean, told: Told<DeathRow>): (() => void) =>
  follow<DeathRow>({ rows: true, failed, limit: OF_MANY }, ({ rows }) => rows, OF_MANY, told);

type Data = { deaths?: Death[]; rows?: DeathRow[]; lagged?: number };

function follow<D extends DeathRow>(params: Record<string, unknown>, of: (data: Data) => D[] | undefined, kept: number, told: Told<D>): () => void {
  let list: D[] = [];
  let stopped = false;
  let stop: () => void;
  const draw = perFrame(() => {
    if (!stopped) told.list(list);
  });
  const begin = (): void => {
    stop = stream.subscribe("deaths", params, {
      data: (data) => {
        // What was missed is among what a new subscription begins with.
        if (data.lagged) {
          stop();
          return begin();
        }
        list = withDeaths(list, of(data) ?? [], kept);
        draw();
      },
      ended: (reason) => told.refused?.(reason),
    });
  };
  begin();
  return () => {
    stopped = true;
    stop();
  };
}
