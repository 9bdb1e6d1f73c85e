// Every container and host as the server mirrors them. Messages change the map at once; what is drawn changes once a
// frame, through `version`.
import type { Channels, ContainerRow, HostRow } from "../api/types";
import { keyOf } from "../lib/containers";
import { perFrame } from "../lib/frame";
import { stream } from "./connection.svelte";

/** Removed rows remembered. */
const GONE = 200;

class ContainerStore {
  /** Not reactive by itself: read `version` first. */
  readonly map = new Map<string, ContainerRow>();
  hosts: HostRow[] = $state.raw([]);
  version = $state.raw(0);
  /** The last known form of rows that went, for a table that holds still; bounded. */
  readonly gone = new Map<string, ContainerRow>();
  /** The first snapshot is here. */
  ready = $state.raw(false);
  error: string | null = $state.raw(null);
  /** All rows; a new array at each version. */
  rows: ContainerRow[] = $derived.by(() => {
    this.version;
    return [...this.map.values()];
  });
  #hosts: HostRow[] = [];
  #watchers = new Set<(row: ContainerRow | null, key: string) => void>();
  #draw = perFrame(() => {
    this.hosts = this.#hosts;
    this.ready = true;
    this.version += 1;
  });

  follow(): () => void {
    return stream.subscribe("containers", {}, {
      data: (data) => this.#apply(data),
      ended: (reason) => {
        this.error = reason;
      },
    });
  }

  get(key: string): ContainerRow | undefined {
    this.version;
    return this.map.get(key);
  }

  /** By id, unique prefix of one, or name. */
  find(host: string, reference: string): ContainerRow | undefined {
    this.version;
    const exact = this.map.get(`${host}/${reference}`);
    if (exact) return exact;
    for (const row of this.map.values()) if (row.host === host && row.id.startsWith(reference)) return row;
    for (const row of this.map.values()) if (row.host === host && row.name === reference) return row;
    return undefined;
  }

  host(name: string): HostRow | undefined {
    return this.hosts.find((h) => h.name === name);
  }

  /** A container's own memory limit: engines report the machine's whole memory where there is none. */
  limit(host: string, reported: number | null | undefined): number | null {
    const all = this.host(host)?.engine?.memory_bytes;
    return reported && (!all || reported < all * 0.99) ? reported : null;
  }

  /** Told of each change as it arrives, null when it went; an action waits with it for its effect. */
  watch(watcher: (row: ContainerRow | null, key: string) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #apply({ snapshot, changes, hosts }: Channels["containers"]): void {
    if (snapshot) {
      const now = new Set(snapshot.containers.map(keyOf));
      for (const key of [...this.map.keys()]) if (!now.has(key)) this.#put(key, null);
      for (const row of snapshot.containers) this.#put(keyOf(row), row);
      this.#hosts = snapshot.hosts;
      this.error = null;
    }
    for (const row of changes?.upserted ?? []) this.#put(keyOf(row), row);
    for (const gone of changes?.removed ?? []) this.#put(keyOf(gone), null);
    if (hosts) this.#hosts = hosts;
    this.#draw();
  }

  #put(key: string, row: ContainerRow | null): void {
    const before = this.map.get(key);
    if (row) this.map.set(key, row);
    else if (before) {
      this.map.delete(key);
      this.gone.set(key, before);
      if (this.gone.size > GONE) this.gone.delete(this.gone.keys().next().value ?? key);
    }
    for (const watcher of this.#watchers) watcher(row, key);
  }
}

export const containers = new ContainerStore();
