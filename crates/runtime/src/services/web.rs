//! nginx.

use super::Service;
use crate::wait::{HttpCheck, Wait};

/// nginx as its image has it: whatever it answers, short of an error of its own, is an answer. Image `nginx:1`.
#[must_use]
pub fn nginx() -> Service {
    let ready = Wait::http(HttpCheck::new(80, "/").status_where(|status| status < 500));
    Service::new("nginx:1", 80, "http", ready)
}
