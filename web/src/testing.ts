// What specs need of a browser: an address, a document that is seen, frames that run when told, a socket that is played.
import { vi } from "vitest";
import type { ContainerRow, Death, EventRecord, StatsSample } from "./api/types";
import type { SocketLike } from "./api/stream";

export class FakeSocket implements SocketLike {
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: (() => void) | null = null;

  constructor() {
    FakeSocket.all.push(this);
  }

  static get last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (!socket) throw new Error("no socket was opened");
    return socket;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(message: unknown): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** The id of the newest subscription to a channel. */
  id(channel: string): number {
    const found = this.sent.findLast((m) => m["type"] === "subscribe" && m["channel"] === channel);
    if (!found) throw new Error(`no subscription to ${channel}`);
    return found["id"] as number;
  }

  data(channel: string, data: unknown): void {
    this.say({ type: "data", id: this.id(channel), data });
  }
}

let frames: (() => void)[] = [];
/** Runs what waits for the next frame. */
export function frame(): void {
  const due = frames;
  frames = [];
  for (const run of due) run();
}

class FakeEvents {
  addEventListener(): void {}
  removeEventListener(): void {}
}

vi.stubGlobal("WebSocket", FakeSocket);
vi.stubGlobal("location", { protocol: "http:", host: "localhost:3625", hostname: "localhost", pathname: "/", hash: "" });
vi.stubGlobal("history", { replaceState: vi.fn() });
vi.stubGlobal("document", Object.assign(new FakeEvents(), { hidden: false, documentElement: { dataset: {} as Record<string, string> } }));
vi.stubGlobal("addEventListener", vi.fn());
vi.stubGlobal("matchMedia", () => Object.assign(new FakeEvents(), { matches: false }));
vi.stubGlobal("requestAnimationFrame", (run: () => void) => frames.push(run));

export function row(change: Partial<ContainerRow> = {}): ContainerRow {
  return {
    host: "local", id: "a".repeat(64), name: "web", image: "nginx:1.29", image_id: `sha256:${"b".repeat(64)}`, command: "nginx", state: "running", health: "none",
    exit_code: null, created_at: "2026-11-20T10:00:00Z", started_at: "2026-11-20T10:00:01Z", finished_at: null, restart_count: 0, ports: [], labels: {}, project: null, stale: false, ...change,
  };
}

export function event(change: Partial<EventRecord> = {}): EventRecord {
  return {
    host: "local", cursor: "1", time: "2026-11-20T10:00:00Z", type: "container", action: "start", id: "a".repeat(64), name: "web", attributes: {}, scope: "local",
    time_nano: "1790000000000000001", synthetic: false, late: false, ...change,
  };
}

export function sample(change: Partial<StatsSample> = {}): StatsSample {
  return {
    host: "local", id: "a".repeat(64), at: "2026-11-20T10:00:00Z", cpu_percent: 12, cpu_limit_percent: null, cpu_host_percent: null, memory_bytes: 1000, memory_limit_bytes: null,
    net_rx_bytes: null, net_tx_bytes: null, block_read_bytes: null, block_write_bytes: null, net_rx_rate: null, net_tx_rate: null, block_read_rate: null, block_write_rate: null, pids: null, ...change,
  };
}

export function death(change: Partial<Death> = {}): Death {
  return {
    host: "local", container: "a".repeat(64), name: "web", image: "nginx:1.29", started: "2026-11-20T10:00:00Z", ended: "2026-11-20T10:05:00Z", cause: "failure", text: "exit code 3",
    failed: true, exit_code: 3, oom: false, signal: null, restart_count: 0, restarting: false, error: "", removed: null, synthetic: false, unknown: [], health: null, log: null, ...change,
  };
}
