//! Who asks: credentials out of a request, sessions and setup, and how often one may guess.

mod limiter;
mod principal;
mod sessions;

pub(crate) use limiter::Limiter;
pub(crate) use principal::{Credential, Principal, api_role, identify, setup_required, still_good};
pub(crate) use sessions::*;
