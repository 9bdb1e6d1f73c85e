//! The one login of an engine: made by the first who needs it, shared by all, made anew when it is gone.

use std::sync::{Arc, Mutex as StdMutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::login::{Failure, Login};
use super::words::{self, Refusal};
use crate::conn::Conn;
use crate::error::Error;
use crate::{Endpoint, SshAddress};

/// How long a failed login stands for all who want one: 24 streams that are opened at once, or one after the other, are
/// one attempt. Servers lock out who fails too often.
const RESPITE: Duration = Duration::from_secs(1);

pub(crate) struct Ssh {
    address: SshAddress,
    slot: Mutex<Slot>,
    /// The login in the slot, for who must not wait for it.
    seen: StdMutex<Weak<Login>>,
}

#[derive(Default)]
struct Slot {
    login: Option<Arc<Login>>,
    /// When the last attempt failed and why.
    refused: Option<(Instant, Refusal)>,
}

impl Ssh {
    pub(crate) fn new(address: SshAddress) -> Self {
        Self {
            address,
            slot: Mutex::default(),
            seen: StdMutex::default(),
        }
    }

    /// Opens a connection on which an engine has answered, under the caller's limit. Logs in when nobody has, and once
    /// more when that login has ended.
    pub(crate) async fn dial(&self, endpoint: &Endpoint, make_room: impl Fn()) -> Result<Conn, Error> {
        let refused = |refusal: Refusal| refusal.error(endpoint);
        let login = self.login(None).await.map_err(refused)?;
        match login.open(&make_room).await {
            Ok(conn) => return Ok(conn),
            Err(Failure::Refused(refusal)) => return Err(refused(refusal)),
            Err(Failure::Gone) => tracing::debug!(%endpoint, "the SSH login has ended; logging in again"),
        }
        let login = self.login(Some(login)).await.map_err(refused)?;
        match login.open(make_room).await {
            Ok(conn) => Ok(conn),
            Err(Failure::Refused(refusal)) => Err(refused(refusal)),
            Err(Failure::Gone) => Err(refused(words::of_login("it ended again at once"))),
        }
    }

    /// The login, which is not `gone`.
    async fn login(&self, gone: Option<Arc<Login>>) -> Result<Arc<Login>, Refusal> {
        let mut slot = self.slot.lock().await;
        match (&slot.login, &gone) {
            (Some(login), Some(gone)) if Arc::ptr_eq(login, gone) => slot.login = None,
            (Some(login), _) => return Ok(Arc::clone(login)),
            (None, _) => {}
        }
        if let Some((when, refusal)) = &slot.refused
            && when.elapsed() < RESPITE
        {
            return Err(refusal.clone());
        }
        match Login::start(self.address.clone()).await {
            Ok(login) => {
                let login = Arc::new(login);
                *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&login);
                slot.login = Some(Arc::clone(&login));
                Ok(login)
            }
            Err(refusal) => {
                slot.refused = Some((Instant::now(), refusal.clone()));
                Err(refusal)
            }
        }
    }

    /// What a dial that took too long may have waited for.
    pub(crate) fn why_it_waits(&self) -> Option<(&'static str, &'static str)> {
        let login = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .upgrade()?;
        login.is_full().then_some((
            "all 8 connections that fit through this SSH login are in use",
            "allow AllowStreamLocalForwarding in the sshd_config there: then there is no such bound",
        ))
    }
}
