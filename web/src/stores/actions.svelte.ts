// Acting on containers: the call, then the wait for its effect as the engine reports it, and the word about both.
// The result comes from the mirror's change, not from the answer of the call.
import { api, ApiError } from "../api/client";
import type { ContainerRow } from "../api/types";
import { isEffect, keyOf, VERBS, type Verb } from "../lib/containers";
import { containers } from "./containers.svelte";
import { events } from "./events.svelte";
import { session } from "./session.svelte";

export interface Notice {
  id: number;
  tone: "doing" | "ok" | "bad" | "warn";
  text: string;
  hint: string | null;
}

/** How long the effect may take to show after the engine said yes (ms). */
const EFFECT_MS = 10_000;
const SHOWN_MS: Record<Notice["tone"], number> = { doing: 0, ok: 4_000, warn: 8_000, bad: 12_000 };

class ActionStore {
  notices: Notice[] = $state.raw([]);
  /** Verbs under way, by container. */
  pending: Record<string, Verb> = $state.raw({});
  /** Containers that this page has asked to remove: their going surprises nobody. */
  readonly removed = new Set<string>();
  #nextId = 1;

  async run(row: ContainerRow, verb: Verb, options: { force?: boolean; volumes?: boolean } = {}): Promise<void> {
    const key = keyOf(row);
    if (this.pending[key]) return;
    this.pending = { ...this.pending, [key]: verb };
    const words = VERBS[verb];
    const id = this.#say({ tone: "doing", text: `${words.doing} ${row.name}…`, hint: null });
    const effect = this.#effect(row, verb);
    if (verb === "remove") this.removed.add(key);
    try {
      const { outcome } =
        verb === "remove" ? await api.remove(row.host, row.id, options.force ?? false, options.volumes ?? false) : await api.act(row.host, row.id, verb);
      if (outcome === "already") this.#change(id, { tone: "ok", text: `${row.name} ${words.already}.`, hint: null });
      else if (await effect.within(EFFECT_MS)) this.#change(id, { tone: "ok", text: `${row.name} ${words.done}${effect.detail()}.`, hint: null });
      else this.#change(id, { tone: "warn", text: `The engine accepted: ${verb} ${row.name}.`, hint: `Its effect has not shown within ${EFFECT_MS / 1000} seconds.` });
    } catch (error) {
      this.removed.delete(key);
      const known = error instanceof ApiError ? error : new ApiError(0, "internal", String(error), null);
      if (known.status === 401) session.expired();
      this.#change(id, { tone: "bad", text: `Could not ${verb} ${row.name}: ${known.message}`, hint: known.hint });
    } finally {
      effect.stop();
      const { [key]: _done, ...rest } = this.pending;
      this.pending = rest;
    }
  }

  say(tone: "ok" | "bad" | "warn", text: string, hint: string | null = null): void {
    this.#say({ tone, text, hint });
  }

  dismiss(id: number): void {
    this.notices = this.notices.filter((n) => n.id !== id);
  }

  #effect(row: ContainerRow, verb: Verb): { within: (ms: number) => Promise<boolean>; detail: () => string; stop: () => void } {
    const key = keyOf(row);
    let code: string | undefined;
    let settle: (seen: boolean) => void = () => undefined;
    const seen = new Promise<boolean>((resolve) => {
      settle = resolve;
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const unwatch = containers.watch((now, changed) => {
      if (changed !== key || !isEffect(verb, now, row)) return;
      if (now?.exit_code != null) code = String(now.exit_code);
      settle(true);
    });
    const unlisten = events.watch((record) => {
      if (record.host === row.host && record.id === row.id && record.action === "die") code = record.attributes["exitCode"];
    });
    return {
      within: (ms) => {
        timer = setTimeout(() => settle(false), ms);
        return seen;
      },
      detail: () => (code !== undefined && (verb === "stop" || verb === "kill") ? `, exit code ${code}` : ""),
      stop: () => {
        clearTimeout(timer);
        unwatch();
        unlisten();
      },
    };
  }

  #say(notice: Omit<Notice, "id">): number {
    const id = this.#nextId;
    this.#nextId += 1;
    this.notices = [...this.notices.slice(-3), { ...notice, id }];
    this.#expire(id, notice.tone);
    return id;
  }

  #change(id: number, notice: Omit<Notice, "id">): void {
    if (this.notices.some((n) => n.id === id)) this.notices = this.notices.map((n) => (n.id === id ? { ...notice, id } : n));
    else this.notices = [...this.notices.slice(-3), { ...notice, id }];
    this.#expire(id, notice.tone);
  }

  #expire(id: number, tone: Notice["tone"]): void {
    if (SHOWN_MS[tone] > 0) setTimeout(() => this.dismiss(id), SHOWN_MS[tone]);
  }
}

export const actions = new ActionStore();
