//! From a [`Spawn`] to a running program: what happens in the child between fork and exec. What is prepared before, and
//! who waits after, is the keeper's.

use std::ffi::{CString, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt as _;

use longshore_runner::{Spawn, Stage};

use crate::sys;

/// Where programs are looked for when the command has no `PATH`; what engines give a container.
const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What failed, and the system's error number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    pub(crate) errno: i32,
}

impl Failure {
    pub(crate) fn of(stage: Stage, error: &io::Error) -> Self {
        Self {
            stage,
            errno: error.raw_os_error().unwrap_or(libc::EINVAL),
        }
    }
}

/// Turns this process into the command; returns only when that failed.
pub(crate) fn launch(spawn: &Spawn, stdio: &[File; 3]) -> Failure {
    match prepare(spawn, stdio) {
        Ok((argv, env)) => Failure::of(Stage::Exec, &exec(&argv, &env)),
        Err(failure) => failure,
    }
}

type Texts = Vec<CString>;

fn prepare(spawn: &Spawn, stdio: &[File; 3]) -> Result<(Texts, Texts), Failure> {
    let at = |stage| move |error: io::Error| Failure::of(stage, &error);
    let no_nul = |_| Failure {
        stage: Stage::Exec,
        errno: libc::EINVAL,
    };
    let texts = |list: Vec<Vec<u8>>| list.into_iter().map(CString::new).collect::<Result<Texts, _>>();
    let argv = texts(spawn.argv.clone()).map_err(no_nul)?;
    let env = texts(environment(spawn)).map_err(no_nul)?;
    sys::new_session();
    for (file, fd) in stdio.iter().zip(0..) {
        sys::duplicate(file, fd).map_err(at(Stage::Pipes))?;
    }
    for limit in &spawn.rlimits {
        sys::limit_resource(limit.resource, limit.soft, limit.hard).map_err(at(Stage::Rlimits))?;
    }
    sys::become_user(spawn.uid, spawn.gid).map_err(at(Stage::User))?;
    if !spawn.cwd.is_empty() {
        let folder = OsString::from_vec(spawn.cwd.clone());
        std::env::set_current_dir(folder).map_err(at(Stage::Folder))?;
    }
    sys::reset_signals();
    Ok((argv, env))
}

/// `NAME=value` of each variable, the last of a name holds.
fn environment(spawn: &Spawn) -> Vec<Vec<u8>> {
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let inherited = (!spawn.clear_env).then(std::env::vars_os).into_iter().flatten();
    let inherited = inherited.map(|(name, value)| (name.into_vec(), value.into_vec()));
    for (name, value) in inherited.chain(spawn.env.iter().cloned()) {
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => all.push((name, value)),
        }
    }
    all.into_iter()
        .map(|(name, value)| [name, value].join(&b'='))
        .collect()
}

/// Tries each place where the program can be. As a shell does: what is not there is passed over, what may not be run is
/// said only when no other place has it.
fn exec(argv: &[CString], env: &[CString]) -> io::Error {
    let Some(program) = argv.first() else {
        return io::Error::from_raw_os_error(libc::ENOENT);
    };
    if program.as_bytes().contains(&b'/') {
        return sys::exec(program, argv, env);
    }
    let path = env.iter().find_map(|text| text.as_bytes().strip_prefix(b"PATH="));
    let mut refused = None;
    for folder in path.unwrap_or(DEFAULT_PATH).split(|byte| *byte == b':') {
        let folder = if folder.is_empty() { b"." } else { folder };
        let Ok(place) = CString::new([folder, program.as_bytes()].join(&b'/')) else {
            continue;
        };
        let error = sys::exec(&place, argv, env);
        match error.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR) => {}
            Some(libc::EACCES) => refused = Some(error),
            _ => return error,
        }
    }
    refused.unwrap_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))
}
