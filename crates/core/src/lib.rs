//! The vocabulary of Longshore, and nothing but the vocabulary.
//!
//! Ids, states, events, specs and the arithmetic of statistics live here: plain data and functions that are
//! given something and give something back. This crate knows no runtime, no I/O and no clock, so everything in
//! it can be tested without any of them. How an engine spells these things in JSON is `longshore-engine`'s
//! business; how they look on the server's wire is `longshore-api`'s.
#![warn(missing_docs)]

mod attributes;
pub mod cgroup;
mod container;
mod death;
mod disk;
mod docker_event;
mod endpoint_spec;
mod event;
mod event_filter;
mod event_filter_set;
mod id;
mod image;
mod image_name;
mod image_ref;
mod inside;
pub mod labels;
mod names;
mod network;
mod network_diff;
mod network_spec;
mod platform;
mod progress;
mod resource;
mod signal;
mod size;
mod spec;
mod state;
mod stats;
mod subnet;
pub mod swarm;
mod time;
mod transfer;
mod verb;
mod volume;
mod volume_spec;

pub use attributes::Attributes;
pub use container::{Container, ContainerSummary, HealthProbe, Mount, NetworkAttachment, Port, Secrets};
pub use death::{
    DeathCause, DeathPart, DeathRecord, LastHealth, LastLine, LastLines, LogSource, Unknown, WhyUnknown,
};
pub use disk::{BuildCacheRecord, ContainerUsage, DiskUsage, ImageUsage, KindUsage};
pub use docker_event::{ContainerEvent, DockerEvent, ImageEvent, NetworkEvent, ObjectEvent, VolumeEvent};
pub use endpoint_spec::EndpointSpec;
pub use event::{Event, EventType, Scope};
pub use event_filter::EventFilter;
pub use event_filter_set::{EventFilterSet, InvalidEventFilter};
pub use id::{ContainerId, InvalidRef, NetworkId, ObjectRef};
pub use image::{Image, ImageConfig, ImageHistory, ImageManifest, ImageSummary, RemovedImage};
pub use image_name::{DEFAULT_TAG, DOCKER_HUB, ImageName, InvalidImageName};
pub use image_ref::ImageRef;
pub use inside::{Change, ChangeKind, ContainerSize, Processes};
pub use network::{IpamPool, Network, NetworkDriver, NetworkMember, NetworkPeer, NetworkService};
pub use network_spec::NetworkSpec;
pub use platform::{InvalidPlatform, Platform};
pub use progress::{Level, Progress, ProgressEvent, ProgressStatus};
pub use resource::{ContainerMetrics, ResourceStatus};
pub use signal::signal_name;
pub use size::{InvalidSize, Size};
pub use spec::{
    ContainerSpec, Device, DeviceCount, DeviceRequest, ExposedPort, HealthCheck, HealthTest, InvalidSpec,
    Isolation, LogConfig, MountKind, MountSpec, NetworkUse, PortBinding, Propagation, Protocol, Resources,
    RestartPolicy, Swap, Ulimit, UpdateSpec,
};
pub use state::{ContainerState, Health};
pub use stats::{
    Assessment, Concern, Condition, Counters, CpuCounters, Crossing, IoCounters, Measure, MemoryCounters,
    Reason, Span, Step, Steps, Threshold, ThresholdState, Usage, Window, assess,
};
pub use time::{InvalidTimestamp, Timestamp};
pub use transfer::{LayerPhase, LayerProgress, TransferFold, TransferKind, TransferProgress};
pub use verb::{Outcome, Verb};
pub use volume::{DriverOptions, Volume, VolumeUsage};
pub use volume_spec::{VolumeSource, VolumeSpec};
