// A pretended world for the mock server: hosts with lively containers, their events, statistics and logs.
// It exists so that the page can be built and measured without an engine; nothing of it is shipped.
import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";

const KINDS = [
  { name: "web", image: "nginx:1.29-alpine", command: "nginx -g 'daemon off;'", cpu: 4, mem: 42, ports: [[8080, 80]], health: "healthy" },
  { name: "api", image: "ghcr.io/acme/orders-api:2.14.3", command: "/app/server --listen :9000", cpu: 38, mem: 310, ports: [[9000, 9000]], health: "healthy" },
  { name: "postgres", image: "postgres:17.2", command: "postgres -c shared_buffers=256MB", cpu: 17, mem: 612, ports: [[5432, 5432]], health: "healthy" },
  { name: "redis", image: "redis:8-alpine", command: "redis-server --save ''", cpu: 3, mem: 28, ports: [[null, 6379]], health: "none" },
  { name: "worker", image: "ghcr.io/acme/orders-worker:2.14.3", command: "/app/worker --queue default", cpu: 72, mem: 240, ports: [], health: "none" },
  { name: "search", image: "opensearchproject/opensearch:2.19.1", command: "opensearch", cpu: 55, mem: 1480, ports: [[9200, 9200], [9600, 9600]], health: "starting" },
  { name: "mailer", image: "ghcr.io/acme/mailer:1.8.0", command: "node dist/index.js", cpu: 2, mem: 96, ports: [], health: "unhealthy" },
  { name: "prometheus", image: "prom/prometheus:v3.1.0", command: "/bin/prometheus --config.file=/etc/prometheus.yml", cpu: 9, mem: 380, ports: [[9090, 9090]], health: "none" },
  { name: "grafana", image: "grafana/grafana:11.4.0", command: "/run.sh", cpu: 5, mem: 130, ports: [[3000, 3000]], health: "none" },
  { name: "minio", image: "quay.io/minio/minio:latest", command: "minio server /data", cpu: 6, mem: 190, ports: [[9001, 9001]], health: "healthy" },
];
const PROJECTS = ["shop", "billing", "observability", null];

const pick = (list) => list[Math.floor(Math.random() * list.length)];
const hex = (n) => randomBytes(n).toString("hex");
const iso = (ms) => new Date(ms).toISOString();

export class World extends EventEmitter {
  constructor({ count = 25, hosts = ["local"], lost = [], lively = true } = {}) {
    super();
    this.setMaxListeners(0);
    this.hosts = new Map();
    this.containers = new Map();
    this.events = [];
    this.seq = 0;
    const now = Date.now();
    for (const name of hosts) this.hosts.set(name, this.#host(name, lost.includes(name), now));
    for (let i = 0; i < count; i += 1) this.#create(hosts[i % hosts.length], i, now - 1000 * 60 * (3 + i * 37));
    for (let i = 0; i < 40 && count > 0; i += 1) this.#pastEvent(now - (40 - i) * 47_000);
    this.timers = [setInterval(() => this.#sample(), 1000)];
    if (lively && count > 0) this.timers.push(setInterval(() => this.#life(), 2500));
  }

  #host(name, lost, now) {
    return {
      name,
      state: lost ? "lost" : "live",
      endpoint: "unix:///var/run/docker.sock",
      error: lost ? "connect to unix:///var/run/docker.sock: no such file or directory" : null,
      hint: lost ? "Start the engine (systemctl start docker) or set DOCKER_HOST to where it listens." : null,
      since: iso(now - 3_600_000),
      engine: { name: `${name}-1`, version: "28.5.2", api_version: "1.51", os: "Debian GNU/Linux 13", kernel: "6.12.48", cpus: 8, memory_bytes: 16 * 2 ** 30 },
      containers_total: 0,
      containers_running: 0,
      last_event_at: null,
    };
  }

  #create(host, i, at) {
    const kind = KINDS[i % KINDS.length];
    const round = Math.floor(i / KINDS.length);
    const project = PROJECTS[round % PROJECTS.length];
    const state = i % 11 === 8 ? "exited" : i % 23 === 13 ? "paused" : i % 29 === 17 ? "restarting" : i % 31 === 21 ? "created" : "running";
    const c = {
      host,
      id: hex(32),
      name: project ? `${project}-${kind.name}-${round + 1}` : `${kind.name}${round ? `-${round}` : ""}`,
      image: kind.image,
      image_id: `sha256:${hex(32)}`,
      command: kind.command,
      state,
      health: state === "running" ? kind.health : "none",
      exit_code: state === "exited" ? (i % 3 === 0 ? 1 : 0) : state === "restarting" ? 137 : null,
      created_at: iso(at),
      started_at: state === "created" ? null : iso(at + 400),
      finished_at: state === "exited" ? iso(Date.now() - 1000 * 60 * (2 + i)) : null,
      restart_count: state === "restarting" ? 14 : 0,
      ports: state === "running" ? kind.ports.map(([pub, priv]) => ({ ip: pub ? "0.0.0.0" : null, private: priv, public: pub ? pub + round : null, protocol: "tcp" })) : [],
      labels: { ...(project ? { "com.docker.compose.project": project, "com.docker.compose.service": kind.name } : {}), "org.opencontainers.image.vendor": "Acme" },
      project,
      stale: this.hosts.get(host).state === "lost",
      kind, cpu: kind.cpu, mem: kind.mem, rx: 0, tx: 0, ring: [],
    };
    this.containers.set(`${host}/${c.id}`, c);
    this.#count(host);
    for (let k = 900; k > 0; k -= 1) this.#step(c, Date.now() - k * 1000);
    return c;
  }

  row(c) {
    const { kind: _k, cpu: _c, mem: _m, rx: _r, tx: _t, ring: _g, ...row } = c;
    return row;
  }

  detail(c, role) {
    const argv = c.command.split(" ");
    return {
      ...this.row(c),
      env: role === "viewer" ? null : ["PATH=/usr/local/sbin:/usr/local/bin:/usr/bin", "TZ=UTC", "DATABASE_URL=postgres://shop:hunter2hunter2@postgres/shop", "API_TOKEN=s3cr3t-value", "LOG_LEVEL=info", "EMPTY="],
      entrypoint: ["/docker-entrypoint.sh"],
      cmd: argv,
      working_dir: "/app",
      user: "1000:1000",
      tty: false,
      hostname: c.id.slice(0, 12),
      restart_policy: "unless-stopped",
      mounts: [
        { kind: "volume", source: "shop_data", target: "/var/lib/data", read_only: false },
        { kind: "bind", source: "/etc/acme/config.yml", target: "/etc/config.yml", read_only: true },
      ],
      networks: [{ name: "shop_default", ip: "172.20.0.5" }],
      health_log: c.health === "none" ? [] : [0, 1, 2].map((i) => ({
        start: iso(Date.now() - i * 30_000 - 80), end: iso(Date.now() - i * 30_000),
        exit_code: c.health === "unhealthy" ? 1 : 0,
        output: c.health === "unhealthy" ? "curl: (7) Failed to connect to localhost port 8025: Connection refused" : "ok",
      })),
      oom_killed: false,
      pid: c.state === "running" ? 4242 : null,
      memory_limit: c.kind.name === "api" ? 512 * 2 ** 20 : null,
      cpus: c.kind.name === "api" ? 1.5 : null,
    };
  }

  find(host, ref) {
    for (const c of this.containers.values()) if (c.host === host && (c.id.startsWith(ref) || c.name === ref)) return c;
    return null;
  }

  #count(host) {
    const h = this.hosts.get(host);
    const mine = [...this.containers.values()].filter((c) => c.host === host);
    h.containers_total = mine.length;
    h.containers_running = mine.filter((c) => c.state === "running").length;
  }

  #step(c, at) {
    if (c.state !== "running") return null;
    const kind = c.kind;
    c.cpu = Math.max(0.05, c.cpu + (kind.cpu - c.cpu) * 0.12 + (Math.random() - 0.5) * kind.cpu * 0.5 + (Math.random() > 0.985 ? kind.cpu * 2.2 : 0));
    c.mem = Math.max(4, c.mem + (kind.mem - c.mem) * 0.05 + (Math.random() - 0.45) * kind.mem * 0.03);
    const rxRate = Math.random() * kind.cpu * 9000;
    const txRate = Math.random() * kind.cpu * 14000;
    c.rx += rxRate;
    c.tx += txRate;
    const sample = {
      host: c.host, id: c.id, at: iso(at),
      cpu_percent: c.cpu, cpu_limit_percent: null, cpu_host_percent: c.cpu / 8,
      memory_bytes: Math.round(c.mem * 2 ** 20), memory_limit_bytes: kind.name === "api" ? 512 * 2 ** 20 : null,
      net_rx_bytes: Math.round(c.rx), net_tx_bytes: Math.round(c.tx), block_read_bytes: 1_234_567, block_write_bytes: 98_765_432,
      net_rx_rate: rxRate, net_tx_rate: txRate, block_read_rate: 0, block_write_rate: Math.random() * 4e5, pids: 7,
    };
    c.ring.push(sample);
    if (c.ring.length > 900) c.ring.shift();
    return sample;
  }

  #sample() {
    const now = Date.now();
    const samples = [];
    for (const c of this.containers.values()) {
      if (this.hosts.get(c.host).state !== "live") continue;
      const s = this.#step(c, now);
      if (s) samples.push(s);
    }
    this.emit("samples", samples);
    const hosts = [...this.hosts.values()].map((h) => {
      const mine = samples.filter((s) => s.host === h.name);
      const live = h.state === "live";
      return {
        host: h.name, at: iso(now),
        cpu_percent: live ? mine.reduce((a, s) => a + s.cpu_percent, 0) : null,
        memory_bytes: live ? mine.reduce((a, s) => a + s.memory_bytes, 0) : null,
        memory_total_bytes: h.engine.memory_bytes, containers_running: h.containers_running, containers_total: h.containers_total,
      };
    });
    this.emit("metrics", hosts);
  }

  #record(c, action, attributes = {}, at = Date.now()) {
    this.seq += 1;
    const record = {
      host: c.host, cursor: `m1:${this.seq}`, type: "container", action, id: c.id, name: c.name,
      attributes: { image: c.image, name: c.name, ...attributes }, scope: "local",
      time: iso(at), time_nano: `${at}000001`, synthetic: false, late: false,
    };
    this.events.push(record);
    if (this.events.length > 10_000) this.events.shift();
    this.hosts.get(c.host).last_event_at = record.time;
    this.emit("event", record);
    return record;
  }

  #pastEvent(at) {
    const c = pick([...this.containers.values()]);
    const action = pick(["start", "die", "restart", "health_status: healthy", "exec_create: /bin/sh -c curl -f localhost", "exec_die", "kill"]);
    const record = this.#record(c, action, action === "die" ? { exitCode: "0" } : {}, at);
    if (this.seq === 12) record.synthetic = true;
    if (this.seq === 20) {
      this.seq += 1;
      this.events.push({ host: c.host, cursor: `m1:${this.seq}`, time: iso(at), gap: { from: iso(at - 42_000), to: iso(at), reason: "the engine closed the stream and its ring had turned over" } });
    }
  }

  change(c, patch, action, attributes) {
    Object.assign(c, patch);
    this.#count(c.host);
    if (action) this.#record(c, action, attributes);
    this.emit("change", { upserted: [c], removed: [] });
    this.emit("hosts");
  }

  act(c, verb) {
    const now = iso(Date.now());
    switch (verb) {
      case "start":
        if (c.state === "running") return "already";
        c.cpu = 0.1;
        setTimeout(() => this.change(c, { state: "running", started_at: now, finished_at: null, exit_code: null, health: c.kind.health === "none" ? "none" : "starting", ports: c.kind.ports.map(([pub, priv]) => ({ ip: pub ? "0.0.0.0" : null, private: priv, public: pub, protocol: "tcp" })) }, "start"), 120);
        return "done";
      case "stop":
      case "kill":
        if (c.state !== "running" && c.state !== "paused") return "already";
        setTimeout(() => this.change(c, { state: "exited", exit_code: verb === "stop" ? 0 : 137, finished_at: now, health: "none", ports: [] }, "die", { exitCode: verb === "stop" ? "0" : "137" }), 700);
        return "done";
      case "restart":
        setTimeout(() => this.change(c, { state: "exited", exit_code: 0 }, "die", { exitCode: "0" }), 400);
        setTimeout(() => this.change(c, { state: "running", started_at: iso(Date.now()) }, "start"), 900);
        setTimeout(() => this.change(c, {}, "restart"), 920);
        return "done";
      case "pause":
        this.change(c, { state: "paused" }, "pause");
        return "done";
      case "unpause":
        this.change(c, { state: "running" }, "unpause");
        return "done";
      default:
        return null;
    }
  }

  remove(c, force) {
    if (c.state === "running" && !force) return false;
    this.containers.delete(`${c.host}/${c.id}`);
    this.#count(c.host);
    this.#record(c, "destroy");
    this.emit("change", { upserted: [], removed: [{ host: c.host, id: c.id }] });
    this.emit("hosts");
    return true;
  }

  lose(host, lost) {
    const h = this.hosts.get(host);
    h.state = lost ? "lost" : "live";
    h.since = iso(Date.now());
    h.error = lost ? "connect to unix:///var/run/docker.sock: connection refused" : null;
    h.hint = lost ? "Is the engine running? Start it with: systemctl start docker" : null;
    const mine = [...this.containers.values()].filter((c) => c.host === host);
    for (const c of mine) c.stale = lost;
    this.emit("hosts");
    this.emit("change", { upserted: mine, removed: [] });
  }

  #life() {
    const all = [...this.containers.values()];
    const c = pick(all);
    if (this.hosts.get(c.host).state !== "live") return;
    const dice = Math.random();
    if (dice < 0.4 && c.state === "running" && c.health !== "none") {
      this.#record(c, "exec_create: /bin/sh -c curl -f localhost");
      this.#record(c, "exec_start: /bin/sh -c curl -f localhost");
      this.#record(c, "exec_die", { exitCode: "0" });
    } else if (dice < 0.55 && c.state === "running" && c.health === "starting") this.change(c, { health: "healthy" }, "health_status: healthy");
    else if (dice < 0.65) this.act(c, c.state === "running" ? "restart" : "start");
    else if (dice < 0.7) this.#create(c.host, Math.floor(Math.random() * 30), Date.now()), this.emit("change", { upserted: [[...this.containers.values()].at(-1)], removed: [] });
  }

  line(c, at = Date.now()) {
    const path = pick(["/", "/orders", "/orders/4711", "/healthz", "/cart?item=42"]);
    const text = pick([
      `172.20.0.9 - - "GET ${path} HTTP/1.1" 200 ${Math.floor(Math.random() * 9000)} "-" "Mozilla/5.0"`,
      `\u001b[32mINFO\u001b[0m  orders: handled \u001b[1m${path}\u001b[0m in ${(Math.random() * 40).toFixed(1)} ms`,
      `\u001b[33mWARN\u001b[0m  pool: slow query took ${Math.floor(Math.random() * 900)} ms`,
      `{"level":"info","msg":"tick","queue":"default","depth":${Math.floor(Math.random() * 90)}}`,
      `\u001b[31mERROR\u001b[0m mail: connect ECONNREFUSED 127.0.0.1:8025 <b>not markup</b>`,
    ]);
    return { time: `${iso(at).slice(0, -1)}123456Z`, stream: text.includes("ERROR") ? "stderr" : "stdout", text };
  }
}
