//! What an engine would refuse of a health check or a mount.

use std::time::Duration;

use super::check_resources::bytes;
use super::text::{argv, bad, path, shown, word};
use super::{HealthCheck, HealthTest, InvalidSpec, MountKind, MountSpec};
use crate::ObjectRef;

type Check = Result<(), InvalidSpec>;

impl HealthCheck {
    pub(super) fn check(&self) -> Check {
        match &self.test {
            HealthTest::Off => {}
            HealthTest::Shell(line) if line.trim().is_empty() || line.contains('\0') => {
                return bad("health", "its command is empty or holds a NUL");
            }
            HealthTest::Exec(words) if words.first().is_none_or(String::is_empty) => {
                return bad("health", "there is no program to run");
            }
            HealthTest::Exec(words) => argv("health", words)?,
            HealthTest::Shell(_) => {}
        }
        let times = [
            ("health.interval", self.interval),
            ("health.timeout", self.timeout),
            ("health.start_period", self.start_period),
            ("health.start_interval", self.start_interval),
        ];
        for (field, time) in times {
            match time {
                Some(time) if time < Duration::from_millis(1) => {
                    return bad(field, "engines take none below 1 ms");
                }
                Some(time) if i64::try_from(time.as_nanos()).is_err() => {
                    return bad(field, "it is longer than an engine can count");
                }
                _ => {}
            }
        }
        if self
            .retries
            .is_some_and(|retries| i32::try_from(retries).is_err())
        {
            return bad("health.retries", "more than an engine can count");
        }
        Ok(())
    }
}

impl MountSpec {
    pub(super) fn check(&self) -> Check {
        path("mounts", &self.target)?;
        match &self.kind {
            MountKind::Bind { source, .. } => {
                if source != "/" {
                    path("mounts", source)?;
                }
            }
            MountKind::Volume {
                name,
                driver,
                options,
                subpath,
                ..
            } => {
                if let Some(name) = name
                    && (name.len() < 2 || ObjectRef::new(name).is_err())
                {
                    return bad("mounts", format!("{} is no name of a volume", shown(name)));
                }
                if name.is_none() && subpath.is_some() {
                    return bad("mounts", "a new volume has no folders yet");
                }
                if let Some(driver) = driver {
                    word("mounts", driver)?;
                }
                if options.0.keys().any(String::is_empty) {
                    return bad("mounts", "an option of a volume's driver has no name");
                }
                if let Some(sub) = subpath
                    && (sub.is_empty() || sub.starts_with('/') || sub.split('/').any(|part| part == ".."))
                {
                    return bad("mounts", format!("{} is no folder in a volume", shown(sub)));
                }
            }
            MountKind::Tmpfs { size, mode, options } => {
                if size.as_ref().map(|size| bytes("mounts", size)).transpose()? == Some(0) {
                    return bad("mounts", "0 is no size");
                }
                if mode.is_some_and(|bits| bits > 0o7777) {
                    return bad("mounts", "a tmpfs has no such permission bits");
                }
                for option in options {
                    word("mounts", option)?;
                    if option.contains(',') {
                        return bad("mounts", format!("{} is more than one option", shown(option)));
                    }
                }
            }
        }
        Ok(())
    }
}
