//! One Docker or Podman engine, through its API.
//!
//! This is the only crate that speaks the engine's protocol. It finds the engine ([`discover`]), keeps connections to
//! it, agrees on a version, sends typed calls and gives back the vocabulary of `longshore-core`: what an engine leaves
//! out, says in another way or says for the first time is settled here, once, and breaks nothing.
//!
//! It sends again only what may be sent again, and only when asked to ([`Retry`]). It does not remember and does not
//! watch: that is `longshore-runtime`. No call spawns a task: everything happens inside the caller's future, so that dropping
//! it at any await ends the call and closes its connection.
//!
//! ```no_run
//! # async fn example() -> Result<(), longshore_engine::Error> {
//! use longshore_engine::{Engine, EngineConfig, ListContainers, discover};
//!
//! let found = discover()?;
//! let engine = Engine::connect(found.endpoint, EngineConfig::default()).await?;
//! for container in engine.list_containers(&ListContainers::all()).await? {
//!     println!("{} {}", container.name, container.state);
//! }
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

mod archive;
mod attach;
mod backoff;
mod build;
mod call;
mod client;
mod config;
mod conn;
mod containers;
mod context;
mod copy;
mod create;
mod discover;
mod disk;
mod download;
mod duplex;
mod endpoint;
mod engine;
mod error;
mod events;
mod exec;
mod frames;
mod images;
mod info;
mod inside;
mod lines;
mod list;
mod logs;
mod make_network;
mod messages;
mod negotiate;
mod networks;
mod path;
mod patient;
mod pipe;
mod pool;
mod prune;
mod published;
mod registry;
mod retry;
mod send;
mod ssh;
mod stats;
mod swarm;
mod system;
mod system_prune;
mod tarball;
mod tls;
mod transport;
mod upload;
mod volumes;
mod wait;
mod wire;

pub use archive::{PathStat, PutArchive};
pub use attach::{AttachOptions, Attached, AttachedInput, AttachedOutput};
pub use backoff::Backoff;
pub use build::{
    Build, BuildContext, BuildEvent, BuildImage, BuildLimit, BuildOutput, BuildStep, Builder, Built,
    Dockerfile, SecretSource, SshAgent, StepState,
};
pub use config::EngineConfig;
pub use copy::{Copied, CopyIn, CopyOut, CopyOwner};
pub use create::{Created, spec_digest};
pub use discover::{Discovered, Environment, Source, discover};
pub use disk::DiskKinds;
pub use download::Download;
pub use endpoint::Endpoint;
pub use engine::Engine;
pub use error::{Delivery, Distrust, Error, ErrorKind, Subject, TimeoutKind};
pub use events::{BadEvent, EventStream, EventsQuery, RawEvent};
pub use exec::{Exec, ExecId, ExecOutput, ExecSpec, ExecState};
pub use frames::StdStream;
pub use images::{
    FoundImage, ImportImage, InspectImage, ListImages, LoadImages, Loaded, PullImage, PushImage, RemoveImage,
    SearchImages, Transfer, TransferEvent, Transferred,
};
pub use info::{Info, Plugins, Registries, SwarmInfo};
pub use inside::CommitOptions;
pub use list::ListContainers;
pub use logs::{LogFrame, LogOptions, LogStream};
pub use make_network::CreatedNetwork;
pub use negotiate::{ApiVersion, InvalidApiVersion};
pub use networks::{InspectNetwork, ListNetworks};
pub use path::Filters;
pub use pipe::PipeName;
pub use prune::{PruneFilter, Pruned, UnusedVolumes};
pub use published::PublishedAt;
pub use registry::{CredentialError, CredentialProvider, Credentials, Issued, RegistryAuth};
pub use retry::Retry;
pub use ssh::SshAddress;
pub use stats::StatsStream;
pub use swarm::{CreatedService, ListServices, Rotate, SwarmFilter};
pub use system::{Ping, Version};
pub use system_prune::{PrunedKind, SystemPrune, SystemPruned, UnusedImages};
pub use tls::Tls;
pub use upload::Upload;
pub use volumes::{ListVolumes, Volumes};
pub use wait::{ExitStatus, WaitCondition, Waiting};
