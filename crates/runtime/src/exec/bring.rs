//! How the runner's program gets into a container: a copy in its root filesystem, or a volume that it was made with.
//!
//! Whether what is found there works is for who starts it to see: a runner that does not say hello has run nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use longshore_core::{ContainerSpec, MountSpec, ObjectRef, Verb, VolumeSpec, labels};
use longshore_engine::{Engine, Error, ErrorKind, PutArchive, Upload};
use xxhash_rust::xxh3::xxh3_128;

use super::tar;

/// Where the volume is mounted.
const MOUNT: &str = "/.longshore";
/// Containers that are remembered. More only means to look again.
const REMEMBERED: usize = 1024;

/// The runner's program, and its names.
pub(super) struct Program {
    bytes: Bytes,
    /// Its file's name, by its contents: another program never has the same.
    file: String,
    volume: String,
    /// Containers in which it was found or put, and where. A hint: a name may belong to another container by now.
    known: Mutex<HashMap<ObjectRef, String>>,
}

/// Where the program is in a container.
pub(super) enum Place {
    At(String),
    /// It cannot be there, and why.
    Nowhere(String),
}

impl Program {
    pub(super) fn new(bytes: Bytes) -> Self {
        let hash = format!("{:032x}", xxh3_128(&bytes));
        Self {
            file: format!(".longshore-runner-{}", &hash[..16]),
            volume: format!("longshore-runner-{}", &hash[..16]),
            bytes,
            known: Mutex::default(),
        }
    }

    /// Where it was when last looked for.
    pub(super) fn remembered(&self, container: &ObjectRef) -> Option<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(container).cloned()
    }

    fn remember(&self, container: &ObjectRef, path: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(container.clone(), path.to_owned());
    }

    pub(super) fn forget(&self, container: &ObjectRef) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(container);
    }

    /// Finds the program in a container, or puts it there. With `anew` what is there is not good, and is replaced.
    ///
    /// # Errors
    /// When there is no such container, or the engine is gone. A refusal is [`Place::Nowhere`].
    pub(super) async fn place(
        &self,
        engine: &Engine,
        container: &ObjectRef,
        anew: bool,
    ) -> Result<Place, Error> {
        let mounts = engine.inspect_container(container).await?.mounts;
        if let Some(mount) = mounts.iter().find(|mount| mount.source == self.volume) {
            let path = format!("{}/{}", mount.target, self.file);
            if anew {
                return Ok(Place::Nowhere(format!("{path} cannot be run")));
            }
            self.remember(container, &path);
            return Ok(Place::At(path));
        }
        let path = format!("/{}", self.file);
        if !anew && self.is_at(engine, container, &path).await? {
            self.remember(container, &path);
            return Ok(Place::At(path));
        }
        match self.copy(engine, container, "/").await {
            Ok(()) => {
                self.remember(container, &path);
                Ok(Place::At(path))
            }
            Err(error) if is_refusal(&error) => {
                let said = error.message().unwrap_or("the engine refused the copy");
                Ok(Place::Nowhere(format!("the runner cannot be copied in: {said}")))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a whole copy is there.
    async fn is_at(&self, engine: &Engine, container: &ObjectRef, path: &str) -> Result<bool, Error> {
        match engine.stat_path(container, path).await {
            Ok(stat) => Ok(stat.size == self.bytes.len() as u64),
            Err(error) if error.is_not_found() || is_refusal(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn copy(&self, engine: &Engine, container: &ObjectRef, folder: &str) -> Result<(), Error> {
        let tar = Upload::from(tar::one_file(&self.file, &self.bytes));
        engine
            .put_archive(container, folder, tar, PutArchive::default())
            .await
    }

    /// Makes sure that the volume is there and has the program in it, through a container of `image` that is never
    /// started.
    pub(super) async fn volume(&self, engine: &Engine, image: &str) -> Result<MountSpec, Error> {
        let mut volume = VolumeSpec::new(&self.volume);
        volume.labels.extend(labels::ours());
        engine.create_volume(&volume).await?;
        let mount = MountSpec::volume(&self.volume, MOUNT);
        let mut spec = ContainerSpec::new(image).cmd(["-"]);
        spec.mounts.push(mount.clone());
        let made = ObjectRef::from(&engine.create_container(&spec).await?.id);
        let filled = self.fill(engine, &made).await;
        let remove = Verb::Remove {
            force: true,
            volumes: false,
        };
        engine.act(&made, &remove).await?;
        filled?;
        Ok(mount.read_only())
    }

    async fn fill(&self, engine: &Engine, made: &ObjectRef) -> Result<(), Error> {
        if self
            .is_at(engine, made, &format!("{MOUNT}/{}", self.file))
            .await?
        {
            return Ok(());
        }
        self.copy(engine, made, MOUNT).await
    }
}

/// The engine has understood and does not want to: a read-only root is 400 on new engines and 500 on old ones.
pub(super) fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BadInput | ErrorKind::Permission | ErrorKind::Status
    )
}
