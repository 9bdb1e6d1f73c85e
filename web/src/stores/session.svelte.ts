// Who is signed in, and what the page shows before anybody is.
import { api, ApiError } from "../api/client";
import type { Session } from "../api/types";
import { setupToken } from "../lib/route";
import { connection, stream } from "./connection.svelte";

export type Phase = "loading" | "setup" | "setup-required" | "login" | "ready" | "unreachable";

class SessionStore {
  phase: Phase = $state.raw("loading");
  session: Session | null = $state.raw(null);
  /** Said above the login form: signed out, session ended. */
  notice: string | null = $state.raw(null);
  token: string | null = null;
  #asking = false;

  role = $derived(this.session?.account.role ?? "viewer");
  mayAct = $derived(this.role !== "viewer");

  async start(): Promise<void> {
    this.token = setupToken(location.hash);
    // The token leaves the address at once: not in the history, not on a screenshot.
    if (this.token) history.replaceState(null, "", location.pathname);
    connection.onfailing = () => void this.#stillSignedIn();
    await this.check();
  }

  async check(): Promise<void> {
    try {
      this.#enter(await api.session());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === "setup_required") this.phase = this.token ? "setup" : "setup-required";
      else if (error.status === 401) this.#leave(this.token ? "The setup link was used already. Sign in with the account it made." : null);
      else this.phase = "unreachable";
    }
  }

  async login(name: string, password: string): Promise<void> {
    this.#enter(await api.login(name, password));
  }

  async setup(name: string, password: string): Promise<void> {
    this.#enter(await api.setup(this.token ?? "", name, password));
  }

  async logout(): Promise<void> {
    await api.logout().catch(() => undefined);
    this.#leave("You are signed out.");
  }

  /** Any answer of 401 means the session is over. */
  expired(): void {
    if (this.phase === "ready") this.#leave("Your session has ended. Sign in again.");
  }

  #enter(session: Session): void {
    this.token = null;
    this.session = session;
    this.notice = null;
    this.phase = "ready";
    stream.start();
  }

  #leave(notice: string | null): void {
    stream.stop();
    this.session = null;
    this.notice = notice;
    this.phase = "login";
  }

  async #stillSignedIn(): Promise<void> {
    if (this.#asking || this.phase !== "ready") return;
    this.#asking = true;
    try {
      await api.session();
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.expired();
    } finally {
      this.#asking = false;
    }
  }
}

export const session = new SessionStore();
