// Generated from crates/server/openapi.json by `npm run types`.
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        Account: {
            name: string;
            role: components["schemas"]["Role"];
        };
        Channel: {
            /** @enum {string} */
            channel: "containers";
            params: Record<string, never>;
        } | {
            /** @enum {string} */
            channel: "events";
            params: components["schemas"]["EventsParams"];
        } | {
            /** @enum {string} */
            channel: "stats";
            params: components["schemas"]["StatsParams"];
        } | {
            /** @enum {string} */
            channel: "container_stats";
            params: components["schemas"]["ContainerStatsParams"];
        } | {
            /** @enum {string} */
            channel: "host_metrics";
            params: Record<string, never>;
        } | {
            /** @enum {string} */
            channel: "logs";
            params: components["schemas"]["LogsParams"];
        } | {
            /** @enum {string} */
            channel: "deaths";
            params: components["schemas"]["DeathsParams"];
        };
        ClientMessage: {
            channel: string;
            /** Format: int64 */
            id: number;
            params: Record<string, never>;
            /** @enum {string} */
            type: "subscribe";
        } | {
            /** Format: int64 */
            id: number;
            /** @enum {string} */
            type: "unsubscribe";
        } | {
            /** @enum {string} */
            type: "ping";
        } | {
            /** @enum {string} */
            type: "pong";
        };
        ContainerChanges: {
            removed: components["schemas"]["ContainerKey"][];
            upserted: components["schemas"]["ContainerRow"][];
        };
        ContainerCounts: {
            /** Format: int64 */
            paused: number | null;
            /** Format: int64 */
            running: number | null;
            /** Format: int64 */
            stopped: number | null;
            /** Format: int64 */
            total: number | null;
        };
        ContainerDeathsReply: {
            container: string;
            deaths: components["schemas"]["DeathEntry"][];
        };
        ContainerDetail: components["schemas"]["ContainerRow"] & {
            cmd: string[];
            /** Format: double */
            cpus: number | null;
            entrypoint: string[];
            env: string[] | null;
            health_log: components["schemas"]["HealthLogEntry"][];
            hostname: string;
            /** Format: int64 */
            memory_limit: number | null;
            mounts: components["schemas"]["Mount"][];
            networks: components["schemas"]["NetworkAttachment"][];
            oom_killed: boolean;
            /** Format: int64 */
            pid: number | null;
            restart_policy: string;
            tty: boolean;
            user: string;
            working_dir: string;
        };
        ContainerEventsReply: {
            container: string;
            events: components["schemas"]["EventRecord"][];
        };
        ContainerKey: {
            host: string;
            id: string;
        };
        ContainerRow: {
            command: string;
            created_at: string;
            /** Format: int64 */
            exit_code: number | null;
            finished_at: string | null;
            health: string;
            host: string;
            id: string;
            image: string;
            image_id: string;
            labels: {
                [key: string]: string;
            };
            name: string;
            ports: components["schemas"]["Port"][];
            project: string | null;
            /** Format: int64 */
            restart_count: number | null;
            stale: boolean;
            started_at: string | null;
            state: string;
        };
        ContainerStatsParams: {
            /** Format: int32 */
            history: number | null;
            host: string;
            id: string;
            /** Format: int32 */
            steps: number | null;
        };
        ContainersData: {
            snapshot: components["schemas"]["ContainersReply"];
        } | {
            changes: components["schemas"]["ContainerChanges"];
        } | {
            hosts: components["schemas"]["HostRow"][];
        };
        ContainersReply: {
            containers: components["schemas"]["ContainerRow"][];
            hosts: components["schemas"]["HostRow"][];
        };
        DeathEntry: components["schemas"]["DeathRow"] & {
            health: components["schemas"]["DeathHealth"] | null;
            log: components["schemas"]["DeathLog"] | null;
        };
        DeathHealth: {
            /** Format: int64 */
            cut: number;
            /** Format: int64 */
            exit_code: number | null;
            health: string;
            output: string;
            time: string | null;
        };
        DeathLine: {
            /** Format: int64 */
            cut: number;
            stream: string;
            text: string;
            time: string | null;
        };
        DeathLog: {
            earlier: boolean;
            lines: components["schemas"]["DeathLine"][];
        };
        DeathRow: {
            cause: string;
            container: string;
            ended: string;
            error: string | null;
            /** Format: int64 */
            exit_code: number | null;
            failed: boolean;
            host: string;
            image: string | null;
            name: string | null;
            oom: boolean | null;
            removed: string | null;
            /** Format: int32 */
            restart_count: number | null;
            restarting: boolean | null;
            /** Format: int32 */
            signal: number | null;
            started: string | null;
            synthetic: boolean;
            text: string;
            unknown: components["schemas"]["DeathUnknown"][];
        };
        DeathUnknown: {
            detail: string;
            part: string;
            why: string;
        };
        DeathsData: {
            deaths: components["schemas"]["DeathEntry"][];
        } | {
            rows: components["schemas"]["DeathRow"][];
        } | {
            /** Format: int64 */
            lagged: number;
        };
        DeathsParams: {
            /** @default null */
            failed: boolean | null;
            /** @default null */
            host: string | null;
            /** @default null */
            id: string | null;
            /**
             * Format: int32
             * @default null
             */
            limit: number | null;
            /** @default null */
            rows: boolean | null;
        };
        DeathsReply: {
            deaths: components["schemas"]["DeathRow"][];
            next: string | null;
        };
        EngineInfo: {
            api_version: string;
            /** Format: int64 */
            cpus: number | null;
            kernel: string;
            /** Format: int64 */
            memory_bytes: number | null;
            name: string;
            os: string;
            version: string;
        };
        ErrorBody: {
            error: components["schemas"]["ErrorDetail"];
        };
        /** @enum {string} */
        ErrorCode: "Unauthorized" | "SetupRequired" | "Forbidden" | "ForeignOrigin" | "ForeignHost" | "NotFound" | "MethodNotAllowed" | "Ambiguous" | "InvalidRequest" | "Conflict" | "EngineUnreachable" | "EngineError" | "EngineTimeout" | "TooLarge" | "TooManyRequests" | "Internal" | "UnknownChannel" | "Lagged";
        ErrorDetail: {
            code: components["schemas"]["ErrorCode"];
            hint: string | null;
            message: string;
        };
        ErrorPayload: {
            error: string;
            hint: string | null;
            host: string | null;
            /** Format: int64 */
            timestamp: number;
        };
        EventActor: {
            attributes: {
                [key: string]: string;
            };
            id: string;
        };
        EventEntry: {
            action: string;
            attributes: {
                [key: string]: string;
            };
            cursor: string;
            host: string;
            id: string;
            late: boolean;
            name: string | null;
            scope: string;
            synthetic: boolean;
            time: string;
            time_nano: string;
            type: string;
        };
        EventPayload: {
            action: string;
            actor: components["schemas"]["EventActor"];
            cursor: string;
            event_type: string;
            host: string;
            late: boolean;
            scope: string;
            synthetic: boolean;
            /** Format: int64 */
            time: number;
            /** Format: int64 */
            time_nano: number;
        };
        EventRecord: components["schemas"]["GapEntry"] | components["schemas"]["EventEntry"];
        EventsData: {
            events: components["schemas"]["EventRecord"][];
        } | {
            /** Format: int64 */
            lagged: number;
        };
        EventsParams: {
            /**
             * Format: int32
             * @default null
             */
            limit: number | null;
            /** @default null */
            since: string | null;
        };
        EventsReply: {
            events: components["schemas"]["EventRecord"][];
            next: string | null;
        };
        Gap: {
            from: string | null;
            reason: string;
            to: string | null;
        };
        GapEntry: {
            cursor: string;
            gap: components["schemas"]["Gap"];
            host: string;
            time: string;
        };
        GapPayload: components["schemas"]["Gap"] & {
            cursor: string;
            host: string;
        };
        HealthLogEntry: {
            end: string | null;
            /** Format: int64 */
            exit_code: number;
            output: string;
            start: string | null;
        };
        HostMetrics: {
            at: string;
            /** Format: int64 */
            containers_running: number;
            /** Format: int64 */
            containers_total: number;
            /** Format: double */
            cpu_percent: number | null;
            /** Format: int64 */
            cpu_unknown: number;
            host: string;
            /** Format: int64 */
            memory_bytes: number | null;
            /** Format: int64 */
            memory_total_bytes: number | null;
            /** Format: int64 */
            memory_unknown: number;
        };
        HostMetricsData: {
            hosts: components["schemas"]["HostMetrics"][];
        };
        HostRow: {
            /** Format: int64 */
            containers_running: number;
            /** Format: int64 */
            containers_total: number;
            endpoint: string;
            engine: components["schemas"]["EngineInfo"] | null;
            error: string | null;
            hint: string | null;
            last_event_at: string | null;
            name: string;
            since: string;
            state: components["schemas"]["HostState"];
        };
        /** @enum {string} */
        HostState: "connecting" | "live" | "lost";
        HostsReply: {
            hosts: components["schemas"]["HostRow"][];
        };
        ImageRow: {
            created_at: string | null;
            digests: string[];
            id: string;
            /** Format: int64 */
            size_bytes: number;
            tags: string[];
            /** Format: int64 */
            used_by: number;
        };
        ImagesReply: {
            images: components["schemas"]["ImageRow"][];
        };
        LaggedPayload: {
            host: string;
            /** Format: int64 */
            n: number;
        };
        LogLine: {
            /** Format: int64 */
            cut: number;
            stream: string;
            text: string;
            time: string | null;
        };
        LogNote: {
            from: string | null;
            /** @enum {string} */
            kind: "gap";
            to: string | null;
        } | {
            /** Format: int64 */
            exit_code: number | null;
            /** @enum {string} */
            kind: "ended";
            time: string | null;
        } | {
            /** @enum {string} */
            kind: "started";
            time: string;
        } | {
            /** @enum {string} */
            kind: "interrupted";
            message: string;
        };
        LogRecord: {
            note: components["schemas"]["LogNote"];
        } | components["schemas"]["LogLine"];
        LoginRequest: {
            name: string;
            password: string;
        };
        LogsData: {
            lines: components["schemas"]["LogLine"][];
            note: components["schemas"]["LogNote"] | null;
        };
        LogsParams: {
            host: string;
            id: string;
            since: string | null;
            stderr: boolean | null;
            stdout: boolean | null;
            /** Format: int64 */
            tail: number | null;
        };
        /** @enum {string} */
        MessageType: "container_event" | "image_event" | "volume_event" | "network_event" | "docker_event" | "docker_error" | "docker_restored" | "docker_gap" | "docker_lagged" | "docker_filters" | "docker_batch";
        MonitorMessage: {
            message_type: components["schemas"]["MessageType"];
            payload: Record<string, never>;
            /** Format: int64 */
            timestamp: number;
        };
        MonitorRequest: {
            filters: string[];
        };
        Mount: {
            kind: string;
            read_only: boolean;
            source: string;
            target: string;
        };
        NetworkAttachment: {
            ip: string | null;
            name: string;
        };
        Port: {
            ip: string | null;
            /** Format: int32 */
            private: number;
            protocol: string;
            /** Format: int32 */
            public: number | null;
        };
        RestoredPayload: {
            host: string;
            /** Format: int64 */
            timestamp: number;
        };
        /** @enum {string} */
        Role: "viewer" | "operator" | "admin";
        ServerInfo: {
            started_at: string;
            version: string;
        };
        ServerMessage: {
            /** Format: int64 */
            id: number;
            /** @enum {string} */
            type: "subscribed";
        } | {
            data: Record<string, never>;
            /** Format: int64 */
            id: number;
            /** @enum {string} */
            type: "data";
        } | {
            code: components["schemas"]["ErrorCode"];
            /** Format: int64 */
            id: number | null;
            message: string;
            /** @enum {string} */
            type: "error";
        } | {
            /** Format: int64 */
            id: number;
            reason: string;
            /** @enum {string} */
            type: "ended";
        } | {
            /** @enum {string} */
            type: "ping";
        } | {
            /** @enum {string} */
            type: "pong";
        };
        SessionInfo: {
            account: components["schemas"]["Account"];
            server: components["schemas"]["ServerInfo"];
        };
        SetupRequest: {
            name: string;
            password: string;
            token: string;
        };
        StatsData: {
            samples: components["schemas"]["StatsSample"][];
            steps: components["schemas"]["StatsStep"][];
        };
        StatsParams: {
            /**
             * Format: int32
             * @default null
             */
            history: number | null;
        };
        StatsReply: {
            samples: components["schemas"]["StatsSample"][];
            steps: components["schemas"]["StatsStep"][];
        };
        StatsSample: {
            at: string;
            /** Format: int64 */
            block_read_bytes: number | null;
            /** Format: double */
            block_read_rate: number | null;
            /** Format: int64 */
            block_write_bytes: number | null;
            /** Format: double */
            block_write_rate: number | null;
            /** Format: double */
            cpu_host_percent: number | null;
            /** Format: double */
            cpu_limit_percent: number | null;
            /** Format: double */
            cpu_percent: number | null;
            host: string;
            id: string;
            /** Format: int64 */
            memory_bytes: number | null;
            /** Format: int64 */
            memory_limit_bytes: number | null;
            /** Format: int64 */
            net_rx_bytes: number | null;
            /** Format: double */
            net_rx_rate: number | null;
            /** Format: int64 */
            net_tx_bytes: number | null;
            /** Format: double */
            net_tx_rate: number | null;
            /** Format: int64 */
            pids: number | null;
        };
        StatsStep: {
            at: string;
            /** Format: double */
            block_read_rate: number | null;
            /** Format: double */
            block_write_rate: number | null;
            /** Format: double */
            cpu_percent: number | null;
            /** Format: double */
            cpu_percent_peak: number | null;
            /** Format: double */
            memory_bytes: number | null;
            /** Format: double */
            memory_bytes_peak: number | null;
            /** Format: double */
            net_rx_rate: number | null;
            /** Format: double */
            net_tx_rate: number | null;
            /** Format: double */
            pids: number | null;
            /** Format: double */
            seconds: number;
        };
        SystemInfo: {
            cgroup_version: string | null;
            containers: components["schemas"]["ContainerCounts"];
            engine: components["schemas"]["EngineInfo"];
            host: string;
            id: string;
            /** Format: int64 */
            images: number | null;
            storage_driver: string;
            system_time: string | null;
        };
        /** @enum {string} */
        VerbOutcome: "done" | "already";
        VerbReply: {
            outcome: components["schemas"]["VerbOutcome"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type Account = components['schemas']['Account'];
export type Channel = components['schemas']['Channel'];
export type ClientMessage = components['schemas']['ClientMessage'];
export type ContainerChanges = components['schemas']['ContainerChanges'];
export type ContainerCounts = components['schemas']['ContainerCounts'];
export type ContainerDeathsReply = components['schemas']['ContainerDeathsReply'];
export type ContainerDetail = components['schemas']['ContainerDetail'];
export type ContainerEventsReply = components['schemas']['ContainerEventsReply'];
export type ContainerKey = components['schemas']['ContainerKey'];
export type ContainerRow = components['schemas']['ContainerRow'];
export type ContainerStatsParams = components['schemas']['ContainerStatsParams'];
export type ContainersData = components['schemas']['ContainersData'];
export type ContainersReply = components['schemas']['ContainersReply'];
export type DeathEntry = components['schemas']['DeathEntry'];
export type DeathHealth = components['schemas']['DeathHealth'];
export type DeathLine = components['schemas']['DeathLine'];
export type DeathLog = components['schemas']['DeathLog'];
export type DeathRow = components['schemas']['DeathRow'];
export type DeathUnknown = components['schemas']['DeathUnknown'];
export type DeathsData = components['schemas']['DeathsData'];
export type DeathsParams = components['schemas']['DeathsParams'];
export type DeathsReply = components['schemas']['DeathsReply'];
export type EngineInfo = components['schemas']['EngineInfo'];
export type ErrorBody = components['schemas']['ErrorBody'];
export type ErrorCode = components['schemas']['ErrorCode'];
export type ErrorDetail = components['schemas']['ErrorDetail'];
export type ErrorPayload = components['schemas']['ErrorPayload'];
export type EventActor = components['schemas']['EventActor'];
export type EventEntry = components['schemas']['EventEntry'];
export type EventPayload = components['schemas']['EventPayload'];
export type EventRecord = components['schemas']['EventRecord'];
export type EventsData = components['schemas']['EventsData'];
export type EventsParams = components['schemas']['EventsParams'];
export type EventsReply = components['schemas']['EventsReply'];
export type Gap = components['schemas']['Gap'];
export type GapEntry = components['schemas']['GapEntry'];
export type GapPayload = components['schemas']['GapPayload'];
export type HealthLogEntry = components['schemas']['HealthLogEntry'];
export type HostMetrics = components['schemas']['HostMetrics'];
export type HostMetricsData = components['schemas']['HostMetricsData'];
export type HostRow = components['schemas']['HostRow'];
export type HostState = components['schemas']['HostState'];
export type HostsReply = components['schemas']['HostsReply'];
export type ImageRow = components['schemas']['ImageRow'];
export type ImagesReply = components['schemas']['ImagesReply'];
export type LaggedPayload = components['schemas']['LaggedPayload'];
export type LogLine = components['schemas']['LogLine'];
export type LogNote = components['schemas']['LogNote'];
export type LogRecord = components['schemas']['LogRecord'];
export type LoginRequest = components['schemas']['LoginRequest'];
export type LogsData = components['schemas']['LogsData'];
export type LogsParams = components['schemas']['LogsParams'];
export type MessageType = components['schemas']['MessageType'];
export type MonitorMessage = components['schemas']['MonitorMessage'];
export type MonitorRequest = components['schemas']['MonitorRequest'];
export type Mount = components['schemas']['Mount'];
export type NetworkAttachment = components['schemas']['NetworkAttachment'];
export type Port = components['schemas']['Port'];
export type RestoredPayload = components['schemas']['RestoredPayload'];
export type Role = components['schemas']['Role'];
export type ServerInfo = components['schemas']['ServerInfo'];
export type ServerMessage = components['schemas']['ServerMessage'];
export type SessionInfo = components['schemas']['SessionInfo'];
export type SetupRequest = components['schemas']['SetupRequest'];
export type StatsData = components['schemas']['StatsData'];
export type StatsParams = components['schemas']['StatsParams'];
export type StatsReply = components['schemas']['StatsReply'];
export type StatsSample = components['schemas']['StatsSample'];
export type StatsStep = components['schemas']['StatsStep'];
export type SystemInfo = components['schemas']['SystemInfo'];
export type VerbOutcome = components['schemas']['VerbOutcome'];
export type VerbReply = components['schemas']['VerbReply'];
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
