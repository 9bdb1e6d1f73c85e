// REST calls of the page: one function, typed results, errors as values of one class.
// Everything live comes over the stream instead (stream.ts).
import type { ActionResult, ContainerDetail, ContainerEvents, ErrorBody, Session } from "./types";

/** What the server answered when it did not do what was asked; `code` is stable, `hint` says what a person can do. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly hint: string | null,
    /** Seconds to wait before trying again, where the server said so. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
    this.name = "ApiError";
  }
}

const UNREACHABLE = new ApiError(0, "unreachable", "The Longshore server does not answer.", "Is `longshore serve` still running?");

export async function request<T>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      credentials: "same-origin",
      headers: { accept: "application/json", ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw UNREACHABLE;
  }
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  if (response.ok) return JSON.parse(text) as T;
  throw toError(response.status, text, response.headers.get("retry-after"));
}

/** A server's refusal as an `ApiError`; a body that is not ours (a proxy's page) keeps its status. */
export function toError(status: number, text: string, retryAfter: string | null): ApiError {
  const wait = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : null;
  try {
    const { error } = JSON.parse(text) as ErrorBody;
    return new ApiError(status, error.code, error.message, error.hint, wait);
  } catch {
    return new ApiError(status, "internal", `The server answered with status ${status}.`, null, wait);
  }
}

const at = (host: string, id: string): string => `/hosts/${encodeURIComponent(host)}/containers/${encodeURIComponent(id)}`;

export const api = {
  session: () => request<Session>("GET", "/session"),
  login: (name: string, password: string) => request<Session>("POST", "/login", { name, password }),
  setup: (token: string, name: string, password: string) => request<Session>("POST", "/setup", { token, name, password }),
  logout: () => request<void>("POST", "/logout"),
  container: (host: string, id: string, signal?: AbortSignal) => request<ContainerDetail>("GET", at(host, id), undefined, signal),
  events: (host: string, id: string, since: string, signal?: AbortSignal) =>
    request<ContainerEvents>("GET", `${at(host, id)}/events?limit=1000&since=${encodeURIComponent(since)}`, undefined, signal),
  act: (host: string, id: string, verb: string) => request<ActionResult>("POST", `${at(host, id)}/${verb}`),
  remove: (host: string, id: string, force: boolean, volumes: boolean) =>
    request<ActionResult>("DELETE", `${at(host, id)}?force=${force}&volumes=${volumes}`),
  logsUrl: (host: string, id: string) => `/api/v1${at(host, id)}/logs?timestamps=true`,
};
