// The one stream primitive: a single WebSocket that carries every channel. It reconnects with backoff and jitter,
// subscribes again by itself, answers pings and notices a silent connection. It knows no store and no component.
import type { ChannelName, Channels } from "./types";

export type StreamState = "idle" | "connecting" | "open" | "waiting";

export interface StreamStatus {
  state: StreamState;
  /** Failed attempts since the last open connection. */
  attempt: number;
  /** When the next attempt starts (ms since the epoch); null unless waiting. */
  retryAt: number | null;
  /** When the connection was last known to live (ms since the epoch); null before the first. */
  lastSeen: number | null;
}

export interface Handlers<T> {
  data(data: T): void;
  /** The server refused or ended the subscription; it is not renewed. */
  ended?(reason: string, code: string | null): void;
  /** Sent at every (re)subscription, before its first data: what was held may be out of date. */
  opened?(again: boolean): void;
}

type Params = Record<string, unknown>;

export interface SocketLike {
  readyState: number;
  send(text: string): void;
  close(code?: number): void;
  onopen: (() => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onerror: (() => void) | null;
}

export interface StreamOptions {
  connect: () => SocketLike;
  /** 0 ≤ random() < 1; jitter. */
  random?: () => number;
  now?: () => number;
  /** Longest silence before a connection counts as lost (the server pings every 20 s). */
  silenceMs?: number;
}

interface Subscription {
  channel: ChannelName;
  params: () => Params;
  handlers: Handlers<never>;
  id: number;
  seen: boolean;
}

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 10_000;

/** The delay before attempt `n` (from 1): doubling to a ceiling, half of it random so that pages do not return in step. */
export function backoff(attempt: number, random: number): number {
  const full = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt - 1, 10));
  return Math.round(full / 2 + (full / 2) * random);
}

export class Stream {
  #options: Required<StreamOptions>;
  #socket: SocketLike | null = null;
  #subscriptions = new Map<number, Subscription>();
  #nextId = 1;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #watchdog: ReturnType<typeof setInterval> | null = null;
  #status: StreamStatus = { state: "idle", attempt: 0, retryAt: null, lastSeen: null };
  /** Told at every change of state. */
  onstatus: ((status: StreamStatus) => void) | null = null;

  constructor(options: StreamOptions) {
    this.#options = { random: Math.random, now: Date.now, silenceMs: 45_000, ...options };
  }

  get status(): StreamStatus {
    return this.#status;
  }

  start(): void {
    if (this.#status.state !== "idle") return;
    this.#watchdog = setInterval(() => this.#checkSilence(), 5_000);
    this.#open();
  }

  /** Ends the connection; subscriptions stay and come back with the next `start`. */
  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    if (this.#watchdog) clearInterval(this.#watchdog);
    this.#timer = this.#watchdog = null;
    this.#drop();
    this.#set({ state: "idle", attempt: 0, retryAt: null });
  }

  /** Tries now instead of at the end of the wait (the person asked, or the network came back). */
  retry(): void {
    if (this.#status.state !== "waiting") return;
    if (this.#timer) clearTimeout(this.#timer);
    this.#open();
  }

  /** Asks for a sign of life; a dead connection is replaced within `withinMs`. */
  probe(withinMs = 5_000): void {
    if (this.#status.state !== "open") return this.retry();
    const asked = this.#options.now();
    this.#send({ type: "ping" });
    setTimeout(() => {
      if (this.#status.state === "open" && (this.#status.lastSeen ?? 0) < asked) this.#lost();
    }, withinMs);
  }

  /** `params` as a function is asked anew at each reconnection, so that a reader can resume where it stopped. */
  subscribe<C extends ChannelName>(channel: C, params: Params | (() => Params), handlers: Handlers<Channels[C]>): () => void {
    const key = this.#nextId;
    const subscription: Subscription = {
      channel,
      params: typeof params === "function" ? params : () => params,
      handlers: handlers as Handlers<never>,
      id: key,
      seen: false,
    };
    this.#subscriptions.set(key, subscription);
    this.#nextId += 1;
    if (this.#status.state === "open") this.#announce(subscription);
    return () => {
      if (!this.#subscriptions.delete(subscription.id)) return;
      if (this.#status.state === "open") this.#send({ type: "unsubscribe", id: subscription.id });
    };
  }

  #open(): void {
    this.#timer = null;
    this.#set({ state: "connecting", retryAt: null });
    let socket: SocketLike;
    try {
      socket = this.#options.connect();
    } catch {
      return this.#lost();
    }
    this.#socket = socket;
    socket.onopen = () => {
      if (this.#socket !== socket) return;
      this.#set({ state: "open", attempt: 0, lastSeen: this.#options.now() });
      // A new id for each: a late message of the old connection can never be taken for one of the new.
      const renewed = [...this.#subscriptions.values()];
      this.#subscriptions.clear();
      for (const subscription of renewed) {
        subscription.id = this.#nextId;
        this.#nextId += 1;
        this.#subscriptions.set(subscription.id, subscription);
        this.#announce(subscription);
      }
    };
    socket.onmessage = (event) => {
      if (this.#socket === socket && typeof event.data === "string") this.#receive(event.data);
    };
    socket.onclose = () => {
      if (this.#socket === socket) this.#lost();
    };
    socket.onerror = null;
  }

  #announce(subscription: Subscription): void {
    subscription.handlers.opened?.(subscription.seen);
    subscription.seen = true;
    this.#send({ type: "subscribe", id: subscription.id, channel: subscription.channel, params: subscription.params() });
  }

  #receive(text: string): void {
    this.#status.lastSeen = this.#options.now();
    let message: { type?: string; id?: number | null; data?: unknown; reason?: string; code?: string; message?: string };
    try {
      message = JSON.parse(text) as typeof message;
    } catch {
      return;
    }
    const subscription = typeof message.id === "number" ? this.#subscriptions.get(message.id) : undefined;
    switch (message.type) {
      case "data":
        subscription?.handlers.data(message.data as never);
        break;
      case "ping":
        this.#send({ type: "pong" });
        break;
      case "ended":
      case "error":
        // A server that stops says so of each subscription; the one that comes after it is asked for the same.
        if (!subscription || message.reason === "server_stopping") break;
        this.#subscriptions.delete(subscription.id);
        subscription.handlers.ended?.(message.reason ?? message.message ?? "", message.code ?? null);
        break;
    }
  }

  #checkSilence(): void {
    const { state, lastSeen } = this.#status;
    if (state === "open" && lastSeen !== null && this.#options.now() - lastSeen > this.#options.silenceMs) this.#lost();
  }

  #lost(): void {
    this.#drop();
    const attempt = this.#status.attempt + 1;
    const delay = backoff(attempt, this.#options.random());
    this.#set({ state: "waiting", attempt, retryAt: this.#options.now() + delay });
    this.#timer = setTimeout(() => this.#open(), delay);
  }

  #drop(): void {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onclose = socket.onmessage = null;
    socket.close();
  }

  #send(message: unknown): void {
    this.#socket?.send(JSON.stringify(message));
  }

  #set(change: Partial<StreamStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.onstatus?.(this.#status);
  }
}
