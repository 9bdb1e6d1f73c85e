// The wire contract as the page sees it: what `/api/v1` and the stream carry. Unknown is `null`, never 0.
// Times are RFC 3339 strings. Readers ignore fields that they do not know.

export type Role = "viewer" | "operator" | "admin";

export interface Session {
  account: { name: string; role: Role };
  server: { version: string; started_at: string };
}

export interface ErrorBody {
  error: { code: string; message: string; hint: string | null };
}

export interface EngineFacts {
  name: string | null;
  version: string | null;
  api_version: string | null;
  os: string | null;
  kernel: string | null;
  cpus: number | null;
  memory_bytes: number | null;
}

export interface HostRow {
  name: string;
  state: "connecting" | "live" | "lost";
  endpoint: string;
  error: string | null;
  hint: string | null;
  since: string;
  engine: EngineFacts | null;
  containers_total: number;
  containers_running: number;
  last_event_at: string | null;
}

export interface PortRow {
  ip: string | null;
  private: number;
  public: number | null;
  protocol: string;
}

export interface ContainerRow {
  host: string;
  id: string;
  name: string;
  image: string;
  image_id: string;
  command: string;
  /** created, running, paused, restarting, removing, exited, dead, or what a newer engine says. */
  state: string;
  /** none, starting, healthy, unhealthy, or what a newer engine says. */
  health: string;
  exit_code: number | null;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  restart_count: number | null;
  ports: PortRow[];
  labels: Record<string, string>;
  project: string | null;
  stale: boolean;
}

export interface HealthCheck {
  start: string | null;
  end: string | null;
  exit_code: number | null;
  output: string;
}

export interface ContainerDetail extends ContainerRow {
  /** `null` where the account may not see values. */
  env: string[] | null;
  entrypoint: string[];
  cmd: string[];
  working_dir: string | null;
  user: string | null;
  tty: boolean;
  hostname: string | null;
  restart_policy: string | null;
  mounts: { kind: string; source: string | null; target: string; read_only: boolean }[];
  networks: { name: string; ip: string | null }[];
  health_log: HealthCheck[];
  oom_killed: boolean | null;
  pid: number | null;
  memory_limit: number | null;
  cpus: number | null;
}

export interface EventRecord {
  host: string;
  cursor: string;
  time: string;
  type: string;
  action: string;
  id: string;
  name: string | null;
  attributes: Record<string, string>;
  scope: string | null;
  time_nano: string;
  synthetic: boolean;
  late: boolean;
}

export interface GapRecord {
  host: string;
  cursor: string;
  time: string;
  gap: { from: string | null; to: string | null; reason: string };
}

export type FeedRecord = EventRecord | GapRecord;

export interface StatsSample {
  host: string;
  id: string;
  at: string;
  /** 100 is one core. */
  cpu_percent: number | null;
  cpu_limit_percent: number | null;
  cpu_host_percent: number | null;
  memory_bytes: number | null;
  memory_limit_bytes: number | null;
  net_rx_bytes: number | null;
  net_tx_bytes: number | null;
  block_read_bytes: number | null;
  block_write_bytes: number | null;
  net_rx_rate: number | null;
  net_tx_rate: number | null;
  block_read_rate: number | null;
  block_write_rate: number | null;
  pids: number | null;
}

export interface HostMetrics {
  host: string;
  at: string;
  cpu_percent: number | null;
  memory_bytes: number | null;
  memory_total_bytes: number | null;
  containers_running: number;
  containers_total: number;
}

export interface LogLine {
  time: string | null;
  stream: "stdout" | "stderr";
  text: string;
}

export interface ActionResult {
  outcome: "done" | "already";
}

/** What each channel of the stream sends. */
export interface Channels {
  containers: {
    snapshot?: { containers: ContainerRow[]; hosts: HostRow[] };
    changes?: { upserted: ContainerRow[]; removed: { host: string; id: string }[] };
    hosts?: HostRow[];
  };
  events: { events?: FeedRecord[]; lagged?: number };
  stats: { samples: StatsSample[] };
  container_stats: { samples: StatsSample[] };
  host_metrics: { hosts: HostMetrics[] };
  logs: { lines?: LogLine[]; lagged?: number };
}

export type ChannelName = keyof Channels;
