// A development server that speaks the wire contract of `/api/v1` over a pretended world, and serves the built page
// with the same content security policy as the real one. Never shipped.
//   node dev/mock.mjs [--count 25] [--hosts local,edge] [--lost local] [--role admin] [--setup] [--port 3626] [--quiet]
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { WebSocketServer } from "ws";
import { World } from "./world.mjs";

const { values: flag } = parseArgs({
  options: {
    count: { type: "string", default: "25" },
    hosts: { type: "string", default: "local" },
    lost: { type: "string", default: "" },
    role: { type: "string", default: "admin" },
    port: { type: "string", default: "3626" },
    setup: { type: "boolean", default: false },
    open: { type: "boolean", default: false },
    quiet: { type: "boolean", default: false },
  },
});
const world = new World({ count: Number(flag.count), hosts: flag.hosts.split(","), lost: flag.lost ? flag.lost.split(",") : [], lively: !flag.quiet });
const assets = fileURLToPath(new URL("../../crates/server/assets/", import.meta.url));
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
let account = flag.setup ? null : { name: "admin", role: flag.role };
const started = new Date().toISOString();
const session = () => ({ account, server: { version: "0.1.0-mock", started_at: started } });
const signedIn = (req) => flag.open || (req.headers.cookie ?? "").includes("longshore_mock=1");

function send(res, status, body, headers = {}) {
  res.writeHead(status, { "content-type": "application/json", ...headers });
  res.end(body === null ? undefined : JSON.stringify(body));
}
const fail = (res, status, code, message, hint = null) => send(res, status, { error: { code, message, hint } });
async function body(req) {
  let text = "";
  for await (const part of req) text += part;
  return text ? JSON.parse(text) : {};
}

/** One end of a container that has ended, with everything that there can be in it. */
function deaths(c) {
  if (!c.finished_at) return [];
  const line = (text, stream = "stdout") => ({ time: c.finished_at, stream, text, cut: 0 });
  const row = { host: c.host, container: c.id, name: c.name, image: c.image, started: c.started_at, ended: c.finished_at, exit_code: c.exit_code, oom: c.oom_killed, signal: null, restart_count: c.restart_count, restarting: false, error: "", removed: null, synthetic: false };
  const cause = c.exit_code === 0 ? "success" : c.exit_code > 128 ? "signal" : "failure";
  return [{ ...row, cause, text: `exit code ${c.exit_code}`, failed: cause !== "success", unknown: [{ part: "signal", why: "gap", detail: "" }], health: { health: "unhealthy", time: c.finished_at, exit_code: 1, output: "no answer", cut: 0 }, log: { lines: [line("going down"), line("\u001b[31mno more disk\u001b[0m", "stderr")], earlier: true } }];
}

async function api(req, res, url) {
  const path = url.pathname.slice("/api/v1".length);
  const cookie = { "set-cookie": "longshore_mock=1; HttpOnly; SameSite=Strict; Path=/" };
  if (path === "/session") {
    if (!account) return fail(res, 401, "setup_required", "No account exists yet.", "Open the setup link that the server printed when it started.");
    return signedIn(req) ? send(res, 200, session()) : fail(res, 401, "unauthorized", "Sign in first.");
  }
  if (path === "/login") {
    const { name, password } = await body(req);
    if (name !== "admin" || password !== "correct horse") return fail(res, 401, "unauthorized", "Name or password is wrong.");
    return send(res, 200, session(), cookie);
  }
  if (path === "/setup") {
    const { token, name } = await body(req);
    if (token !== "mock") return fail(res, 401, "unauthorized", "This setup link is not valid, or was used already.", "Restart the server; it prints a new one.");
    account = { name, role: "admin" };
    return send(res, 200, session(), cookie);
  }
  if (path === "/logout") return send(res, 204, null, { "set-cookie": "longshore_mock=; Max-Age=0; Path=/" });
  if (!signedIn(req)) return fail(res, 401, "unauthorized", "Sign in first.");
  if (path === "/_lose") return world.lose(url.searchParams.get("host") ?? "local", url.searchParams.get("lost") !== "false"), send(res, 200, {});
  if (path === "/_drop") return wss.clients.forEach((c) => c.terminate()), send(res, 200, {});
  const found = /^\/hosts\/([^/]+)\/containers\/([^/]+)(?:\/(\w+))?$/.exec(path);
  if (!found) return fail(res, 404, "not_found", `There is nothing at ${path}.`);
  const c = world.find(decodeURIComponent(found[1]), decodeURIComponent(found[2]));
  if (!c) return fail(res, 404, "not_found", `No container ${found[2]} on ${found[1]}.`);
  const verb = found[3];
  if (req.method === "GET" && !verb) return send(res, 200, world.detail(c, account.role));
  if (req.method === "GET" && verb === "logs") return res.writeHead(200, { "content-type": "text/plain; charset=utf-8" }), res.end("line\n");
  if (account.role === "viewer") return fail(res, 403, "forbidden", "A viewer may not act on containers.", "Ask an admin for the operator role.");
  if (req.method === "DELETE") {
    if (!world.remove(c, url.searchParams.get("force") === "true")) return fail(res, 409, "conflict", `${c.name} is running.`, "Stop it first, or remove with force.");
    return send(res, 200, { outcome: "done" });
  }
  if (c.name.includes("minio") && verb === "stop") return fail(res, 500, "engine_error", "cannot stop container: permission denied", "The engine's own log says more (journalctl -u docker).");
  const outcome = world.act(c, verb);
  return outcome ? send(res, 200, { outcome }) : fail(res, 404, "not_found", `Unknown verb ${verb}.`);
}

const server = createServer(async (req, res) => {
  const url = new URL(req.url, "http://mock");
  try {
    if (url.pathname.startsWith("/api/v1/")) return await api(req, res, url);
    const file = normalize(url.pathname === "/" ? "/index.html" : url.pathname);
    const data = await readFile(join(assets, file));
    res.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "content-security-policy": CSP });
    res.end(data);
  } catch (error) {
    fail(res, error.code === "ENOENT" ? 404 : 500, "not_found", String(error.message));
  }
});

const wss = new WebSocketServer({ noServer: true });
server.on("upgrade", (req, socket, head) => {
  if (!req.url.startsWith("/api/v1/stream") || !signedIn(req)) return socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
  wss.handleUpgrade(req, socket, head, serve);
});

function serve(ws) {
  const open = new Map();
  const say = (message) => ws.readyState === ws.OPEN && ws.send(JSON.stringify(message));
  const channels = {
    containers(emit) {
      emit({ snapshot: { containers: [...world.containers.values()].map((c) => world.row(c)), hosts: [...world.hosts.values()] } });
      const change = ({ upserted, removed }) => emit({ changes: { upserted: upserted.map((c) => world.row(c)), removed } });
      const hosts = () => emit({ hosts: [...world.hosts.values()] });
      world.on("change", change).on("hosts", hosts);
      return () => world.off("change", change).off("hosts", hosts);
    },
    deaths(emit, { host, id, failed, rows }) {
      const held = () => [...world.containers.values()].filter((c) => !id || c === world.find(host, id)).flatMap((c) => deaths(world.detail(c, account.role)));
      const told = () => emit({ [rows ? "rows" : "deaths"]: held().filter((death) => !failed || death.failed) });
      told();
      world.on("change", told);
      return () => world.off("change", told);
    },
    events(emit, { limit = 100, since }) {
      const from = since ? world.events.findIndex((e) => e.cursor === since) + 1 : Math.max(0, world.events.length - limit);
      emit({ events: world.events.slice(from) });
      const event = (record) => emit({ events: [record] });
      world.on("event", event);
      return () => world.off("event", event);
    },
    stats(emit, { history = 0 }) {
      if (history) emit({ samples: [...world.containers.values()].flatMap((c) => c.ring.slice(-history)) });
      const samples = (list) => emit({ samples: list });
      world.on("samples", samples);
      return () => world.off("samples", samples);
    },
    container_stats(emit, { host, id, history = 0 }) {
      const c = world.find(host, id);
      if (history && c) emit({ samples: c.ring.slice(-history) });
      const samples = (list) => {
        const mine = list.filter((s) => s.host === host && s.id === c?.id);
        if (mine.length) emit({ samples: mine });
      };
      world.on("samples", samples);
      return () => world.off("samples", samples);
    },
    host_metrics(emit) {
      const metrics = (hosts) => emit({ hosts });
      world.on("metrics", metrics);
      return () => world.off("metrics", metrics);
    },
    logs(emit, { host, id, tail = 100 }, end) {
      const c = world.find(host, id);
      if (!c) return end("no such container"), () => {};
      const now = Date.now();
      emit({ lines: Array.from({ length: Math.min(tail, 2000) }, (_, i) => world.line(c, now - (tail - i) * 900)) });
      const timer = setInterval(() => {
        if (c.state === "running") emit({ lines: Array.from({ length: Math.ceil(Math.random() * 3) }, () => world.line(c)) });
        else clearInterval(timer), end(`container exited with code ${c.exit_code ?? 0}`);
      }, 400);
      return () => clearInterval(timer);
    },
  };
  const ping = setInterval(() => say({ type: "ping" }), 20_000);
  ws.on("message", (data) => {
    const message = JSON.parse(String(data));
    if (message.type === "ping") return say({ type: "pong" });
    if (message.type === "unsubscribe") return open.get(message.id)?.(), open.delete(message.id);
    if (message.type !== "subscribe") return undefined;
    const channel = channels[message.channel];
    if (!channel) return say({ type: "error", id: message.id, code: "unknown_channel", message: `No channel ${message.channel}.` });
    say({ type: "subscribed", id: message.id });
    const end = (reason) => {
      say({ type: "ended", id: message.id, reason });
      open.get(message.id)?.();
      open.delete(message.id);
    };
    open.set(message.id, () => {});
    const stop = channel((data) => say({ type: "data", id: message.id, data }), message.params ?? {}, end);
    if (open.has(message.id)) open.set(message.id, stop);
    else stop();
    return undefined;
  });
  ws.on("close", () => {
    clearInterval(ping);
    for (const stop of open.values()) stop();
  });
}

server.listen(Number(flag.port), "127.0.0.1", () => console.log(`mock on http://127.0.0.1:${flag.port}/ (admin / correct horse)`));
