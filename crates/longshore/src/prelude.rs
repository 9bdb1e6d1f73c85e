//! Everything that a program needs: `use longshore::prelude::*`.

pub use crate::{DockerClient, DockerConfig, DockerCredentials, DockerError, DockerErrorKind, EventItem};
pub use longshore_core::ContainerSpec as ContainerBuilder;
pub use longshore_core::{
    ContainerSpec, DeathCause, DeathRecord, DockerEvent, EventFilter, EventType, HealthCheck, MountSpec,
    NetworkSpec, Platform, ProgressEvent, ProgressStatus, RestartPolicy, UpdateSpec, Verb, VolumeSpec,
};
pub use longshore_engine::{
    BuildContext, BuildEvent, BuildImage, BuildOutput, Builder, Credentials, ListContainers, ListImages,
    LogOptions, PullImage, SecretSource, SshAgent, StepState, TransferEvent, Upload,
};
pub use longshore_runtime::deaths::DeathItem;
pub use longshore_runtime::guard::{ContainerGuard, GuardConfig};
pub use longshore_runtime::{
    Batch, Bulk, Ensure, EventMonitor, EventSink, FollowItem, MonitorCounts, ProgressReceiver,
    ProgressReporter, RecordBody, RunOptions, RunOutput,
};
