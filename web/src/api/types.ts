// The wire contract in the page's words. The shapes are generated (openapi.ts); what each channel of the stream carries
// is said here. Unknown is `null`, never 0; times are RFC 3339; readers ignore fields that they do not know.
import type * as wire from "./openapi";

export type Role = wire.Role;
export type Session = wire.SessionInfo;
export type ErrorBody = wire.ErrorBody;
export type HostRow = wire.HostRow;
export type PortRow = wire.Port;
export type ContainerRow = wire.ContainerRow;
export type ContainerDetail = wire.ContainerDetail;
export type StatsSample = wire.StatsSample;
export type StatsStep = wire.StatsStep;
export type HostMetrics = wire.HostMetrics;
export type LogLine = Omit<wire.LogLine, "cut"> & { cut?: number };
export type Death = wire.DeathEntry;
export type DeathRow = wire.DeathRow;
export type ActionResult = wire.VerbReply;
export type EventRecord = wire.EventEntry;
export type GapRecord = wire.GapEntry;
export type ContainerEvents = wire.ContainerEventsReply;
export type FeedRecord = EventRecord | GapRecord;

/** What each channel of the stream sends. */
export interface Channels {
  containers: { snapshot?: wire.ContainersReply; changes?: wire.ContainerChanges; hosts?: HostRow[] };
  events: { events?: FeedRecord[]; lagged?: number };
  stats: { samples: StatsSample[] };
  container_stats: { samples: StatsSample[]; steps?: StatsStep[] };
  host_metrics: wire.HostMetricsData;
  deaths: { deaths?: Death[]; rows?: DeathRow[]; lagged?: number };
  logs: { lines?: LogLine[]; note?: wire.LogNote | null };
}

export type ChannelName = keyof Channels;
