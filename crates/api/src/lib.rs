//! The wire contract of the Longshore server: what its REST calls and its WebSocket say.
//!
//! Only data: types with their JSON form, the channels of the live stream, the table of error codes. It uses none
//! of the other crates, so that it does not move when they do; the server makes these from what it knows, the
//! command line and the page read them.
//!
//! Rules that hold for every type here:
//!
//! * Names are `snake_case`. A reader ignores fields that it does not know, so fields may be added.
//! * What is unknown is `null`, never `0` and never an empty text.
//! * Times are RFC 3339 in UTC. Nanoseconds since 1970 go as a decimal *text* (`time_nano`), because a number in
//!   JavaScript cannot hold them.
//! * States, health words, event types and actions are open: a word of a newer engine is carried as it came.

#![warn(missing_docs)]

pub mod account;
pub mod containers;
pub mod deaths;
pub mod error;
pub mod events;
pub mod hosts;
pub mod logs;
pub mod monitor;
pub mod stats;
pub mod stream;

pub use account::{Account, LoginRequest, Role, ServerInfo, SessionInfo, SetupRequest};
pub use containers::{
    ContainerDetail, ContainerRow, ContainersReply, HealthLogEntry, Mount, NetworkAttachment, Port,
    VerbOutcome, VerbReply,
};
pub use deaths::{
    ContainerDeathsReply, DeathEntry, DeathHealth, DeathLine, DeathLog, DeathRow, DeathUnknown, DeathsReply,
};
pub use error::{ErrorBody, ErrorCode, ErrorDetail};
pub use events::{ContainerEventsReply, EventEntry, EventRecord, EventsReply, Gap, GapEntry};
pub use hosts::{
    ContainerCounts, EngineInfo, HostRow, HostState, HostsReply, ImageRow, ImagesReply, SystemInfo,
};
pub use logs::{LogLine, LogNote, LogRecord};
pub use monitor::{MessageType, MonitorMessage, MonitorRequest};
pub use stats::{HostMetrics, StatsReply, StatsSample, StatsStep};
pub use stream::{Channel, ClientMessage, ServerMessage};
