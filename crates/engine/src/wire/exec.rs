//! Execs.

use serde::{Deserialize, Serialize};

use super::lenient::nullable;
use crate::ExecSpec;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Create<'a> {
    attach_stdin: bool,
    attach_stdout: bool,
    attach_stderr: bool,
    tty: bool,
    privileged: bool,
    cmd: &'a [String],
    env: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<&'a str>,
}

impl<'a> Create<'a> {
    pub(crate) fn new(spec: &'a ExecSpec, input: bool, output: bool) -> Self {
        Self {
            attach_stdin: input,
            attach_stdout: output,
            attach_stderr: output,
            tty: spec.tty,
            privileged: spec.privileged,
            cmd: &spec.argv,
            env: &spec.env.0,
            user: spec.user.as_deref(),
            working_dir: spec.working_dir.as_deref(),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Created {
    pub(crate) id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Start {
    pub(crate) detach: bool,
    pub(crate) tty: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Inspected {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) running: bool,
    /// `None` while it runs.
    #[serde(default)]
    pub(crate) exit_code: Option<i64>,
    /// 0 before it has begun.
    #[serde(default)]
    pub(crate) pid: Option<i64>,
}
