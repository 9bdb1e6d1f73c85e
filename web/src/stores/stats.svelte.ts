// CPU and memory of all containers, a minute each, while somebody looks: the server samples fast only for readers.
import type { HostMetrics, StatsSample } from "../api/types";
import { keyOf } from "../lib/containers";
import type { Measured } from "../lib/filter";
import { millis } from "../lib/format";
import { perFrame } from "../lib/frame";
import { Series, STRIP } from "../lib/series";
import { containers } from "./containers.svelte";
import { connection, stream } from "./connection.svelte";

export interface Usage {
  cpu: Series;
  memory: Series;
  last: StatsSample;
}

/** Older than this (ms), a figure is no longer called current. */
export const FRESH_MS = 5_000;
/** Series kept beyond the rows known. */
const STALE = 500;
const NOTHING: Measured = { cpu: null, memory: null };

class StatsStore {
  readonly map = new Map<string, Usage>();
  readonly hosts = new Map<string, { cpu: Series; memory: Series; last: HostMetrics }>();
  /** Grows once a frame in which samples came. */
  tick = $state.raw(0);
  /** Follows `tick` by a frame: strips are drawn after the figures. */
  drawn = $state.raw(0);
  /** Time of the newest sample: the right edge of every strip. */
  edge = 0;
  #readers = 0;
  #stop: (() => void) | null = null;
  #strips = perFrame(() => {
    this.drawn = this.tick;
  });
  #draw = perFrame(() => {
    this.tick += 1;
    this.#strips();
  });

  constructor() {
    document.addEventListener("visibilitychange", () => this.#sync());
    containers.watch((row, key) => {
      if (!row) this.map.delete(key);
      // Figures may come before the list and after a removal; what has no row in the end is let go.
      if (this.map.size > containers.map.size + STALE) for (const k of this.map.keys()) if (!containers.map.has(k)) this.map.delete(k);
    });
  }

  /** For an `$effect`: samples come while at least one reader is there and the page is seen. */
  read(): () => void {
    this.#readers += 1;
    this.#sync();
    return () => {
      this.#readers -= 1;
      this.#sync();
    };
  }

  get(key: string): Usage | undefined {
    this.tick;
    return this.map.get(key);
  }

  /** The newest values where they are current: of what runs, on a host and a server that are heard. Callers read `tick`. */
  measured(key: string): Measured {
    const usage = this.map.get(key);
    const row = containers.map.get(key);
    const still = row !== undefined && (row.stale || (row.state !== "running" && row.state !== "paused"));
    if (!usage || still || connection.down || this.edge - usage.cpu.lastTime > FRESH_MS) return NOTHING;
    return { cpu: usage.cpu.last, memory: usage.memory.last };
  }

  #sync(): void {
    const wanted = this.#readers > 0 && !document.hidden;
    if (wanted && !this.#stop) {
      const stats = stream.subscribe("stats", { history: STRIP }, { data: ({ samples }) => this.#apply(samples) });
      const hosts = stream.subscribe("host_metrics", {}, { data: ({ hosts: list }) => this.#applyHosts(list) });
      this.#stop = () => {
        stats();
        hosts();
      };
    } else if (!wanted && this.#stop) {
      this.#stop();
      this.#stop = null;
    }
  }

  #apply(samples: StatsSample[]): void {
    for (const sample of samples) {
      const key = keyOf(sample);
      const at = millis(sample.at);
      if (at === null) continue;
      let usage = this.map.get(key);
      if (!usage) {
        usage = { cpu: new Series(), memory: new Series(), last: sample };
        this.map.set(key, usage);
      }
      usage.cpu.push(at, sample.cpu_percent);
      usage.memory.push(at, sample.memory_bytes);
      usage.last = sample;
      if (at > this.edge) this.edge = at;
    }
    this.#draw();
  }

  #applyHosts(list: HostMetrics[]): void {
    for (const metrics of list) {
      const at = millis(metrics.at);
      if (at === null) continue;
      let host = this.hosts.get(metrics.host);
      if (!host) {
        host = { cpu: new Series(), memory: new Series(), last: metrics };
        this.hosts.set(metrics.host, host);
      }
      host.cpu.push(at, metrics.cpu_percent);
      host.memory.push(at, metrics.memory_bytes);
      host.last = metrics;
    }
    this.#draw();
  }
}

export const stats = new StatsStore();
