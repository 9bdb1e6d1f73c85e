// The newest events of all hosts, kept for the event list, for logs and under charts. Bounded; a loss is told.
import type { EventRecord, FeedRecord } from "../api/types";
import { isGap } from "../lib/events";
import { perFrame } from "../lib/frame";
import { stream } from "./connection.svelte";

export const KEPT = 5_000;
const STEP = 250;

class EventStore {
  /** Oldest first. Not reactive by itself: read `version` first. */
  list: FeedRecord[] = [];
  version = $state.raw(0);
  ready = $state.raw(false);
  #seen = new Set<string>();
  #watchers = new Set<(record: EventRecord) => void>();
  #draw = perFrame(() => {
    this.ready = true;
    this.version += 1;
  });

  follow(): () => void {
    const params = (): Record<string, unknown> => {
      const last = this.list.at(-1);
      return last?.cursor ? { since: last.cursor, limit: 1_000 } : { limit: 500 };
    };
    return stream.subscribe("events", params, {
      data: ({ events, lagged }) => {
        for (const record of events ?? []) this.#add(record);
        if (lagged) {
          const time = new Date().toISOString();
          this.#add({ host: "", cursor: `lag:${time}`, time, gap: { from: null, to: null, reason: `this page was too slow and missed ${lagged} events` } });
        }
        this.#draw();
      },
    });
  }

  /** Told of each event as it arrives. */
  watch(watcher: (record: EventRecord) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** The held events of one container, oldest first. Reactive. */
  of(host: string, id: string): EventRecord[] {
    this.version;
    return this.list.filter((r): r is EventRecord => !isGap(r) && r.host === host && r.id === id);
  }

  #add(record: FeedRecord): void {
    const key = `${record.host} ${record.cursor}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    this.list.push(record);
    if (this.list.length > KEPT) {
      for (const old of this.list.splice(0, STEP)) this.#seen.delete(`${old.host} ${old.cursor}`);
    }
    if (!isGap(record)) for (const watcher of this.#watchers) watcher(record);
  }
}

export const events = new EventStore();
