//! Common services as containers: what to run, when it is ready, and how it is reached.
//!
//! Owns a function a service, which follows the conventions of its official image (names, variables, ports). The spec that
//! comes out is the caller's to change: another image, another command, a network. Leaves to `guard` that it ends, and to
//! `wait` how it is found ready. There is no code for each kind but these texts; only Toxiproxy has calls of its own
//! ([`Toxiproxy`]).
//!
//! ```no_run
//! # async fn example(engine: longshore_engine::Engine) -> Result<(), longshore_runtime::guard::GuardError> {
//! use longshore_runtime::guard::GuardConfig;
//! use longshore_runtime::services::postgres;
//! let service = postgres("app", "s3cret", "shop");
//! let (guard, url) = service.start(&engine, GuardConfig::default()).await?;
//! println!("{url}");          // postgresql://app:***@127.0.0.1:32768/shop
//! let whole = url.expose();    // with the password
//! # Ok(())
//! # }
//! ```

mod databases;
mod redis;
mod toxiproxy;
mod web;

use std::fmt;
use std::sync::Arc;

use longshore_core::ContainerSpec;
use longshore_engine::Engine;

use crate::guard::{ContainerGuard, GuardConfig, GuardError};
use crate::wait::Wait;

pub use databases::{mariadb, mongodb, mysql, postgres};
pub use redis::{redis, redis_cluster, redis_sentinel};
pub use toxiproxy::{Direction, Toxic, Toxiproxy, ToxiproxyError, toxiproxy};
pub use web::nginx;

/// A service before it runs. Its fields are the caller's to change.
#[derive(Debug, Clone)]
pub struct Service {
    /// What to run. Its port is published where the engine chooses.
    pub spec: ContainerSpec,
    /// When it is ready.
    pub ready: Wait,
    /// The port in the container at which clients are served.
    pub port: u16,
    scheme: &'static str,
    login: Option<Login>,
    path: String,
}

#[derive(Clone)]
struct Login {
    user: String,
    password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.user)
    }
}

impl Service {
    fn new(image: &str, port: u16, scheme: &'static str, ready: Wait) -> Self {
        Self {
            spec: ContainerSpec::new(image).port(port, None),
            ready,
            port,
            scheme,
            login: None,
            path: String::new(),
        }
    }

    fn login(mut self, user: &str, password: &str) -> Self {
        self.login = Some(Login {
            user: user.to_owned(),
            password: password.to_owned(),
        });
        self
    }

    /// Another image, that follows the same conventions.
    #[must_use]
    pub fn image(mut self, image: impl Into<String>) -> Self {
        self.spec.image = image.into();
        self
    }

    /// How clients reach it at this address: that of a [`ContainerGuard::address`], or its name on a network and
    /// [`Self::port`].
    #[must_use]
    pub fn url(&self, host: &str, port: u16) -> ServiceUrl {
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let login = |password: &str| match &self.login {
            Some(login) => format!("{}:{password}@", escaped(&login.user)),
            None => String::new(),
        };
        let url = |password: &str| {
            format!("{}://{}{host}:{port}{}", self.scheme, login(password), self.path).into()
        };
        let password = self.login.as_ref().map_or("", |login| &login.password);
        ServiceUrl {
            whole: url(&escaped(password)),
            shown: url("***"),
        }
    }

    /// Runs it under a guard until it is ready.
    ///
    /// # Errors
    /// Those of [`ContainerGuard::start`] and [`ContainerGuard::address`]; the container is closed then.
    pub async fn start(
        &self,
        engine: &Engine,
        config: GuardConfig,
    ) -> Result<(ContainerGuard, ServiceUrl), GuardError> {
        let guard = ContainerGuard::start(engine, self.spec.clone(), &self.ready, config).await?;
        match guard.address(self.port).await {
            Ok((host, port)) => {
                let url = self.url(&host, port);
                Ok((guard, url))
            }
            Err(error) => {
                if let Err(left) = guard.close().await {
                    tracing::warn!(error = %left, "a container without an address is left to the sweep");
                }
                Err(error)
            }
        }
    }
}

/// A connection string. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl {
    whole: Arc<str>,
    shown: Arc<str>,
}

impl ServiceUrl {
    /// All of it, for a client.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.whole
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// A part of a URL, with everything escaped that is not unreserved (RFC 3986).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_is_escaped_and_shown_without_its_password() {
        let service = postgres("a@b", "p:/w#ä", "shop one");
        let url = service.url("::1", 5432);
        assert_eq!(
            url.expose(),
            "postgresql://a%40b:p%3A%2Fw%23%C3%A4@[::1]:5432/shop%20one"
        );
        assert_eq!(url.to_string(), "postgresql://a%40b:***@[::1]:5432/shop%20one");
        assert!(!format!("{service:?} {url:?}").contains("p:/w"));
    }

    #[test]
    fn every_service_has_a_spec_that_an_engine_takes_and_its_own_scheme() {
        let all = [
            (redis(None), "redis://h:1"),
            (redis(Some("x")), "redis://default:x@h:1"),
            (redis_cluster("h", 7_000), "redis://h:1"),
            (redis_sentinel("h", 6_379), "redis+sentinel://h:1/main"),
            (postgres("u", "x", "d"), "postgresql://u:x@h:1/d"),
            (mysql("u", "x", "d"), "mysql://u:x@h:1/d"),
            (mariadb("u", "x", "d"), "mysql://u:x@h:1/d"),
            (mongodb(None), "mongodb://h:1/"),
            (mongodb(Some(("u", "x"))), "mongodb://u:x@h:1/?authSource=admin"),
            (nginx(), "http://h:1"),
            (toxiproxy(&[8_666]), "http://h:1"),
        ];
        for (service, url) in all {
            assert_eq!(service.spec.check(), Ok(()), "{url}");
            assert_eq!(service.url("h", 1).expose(), url);
            assert!(
                service
                    .spec
                    .ports
                    .iter()
                    .any(|port| port.container == service.port)
            );
        }
    }

    #[test]
    fn no_password_is_in_what_is_shown_or_in_a_command() {
        let password = "hush 7";
        for service in [
            redis(Some(password)),
            postgres("u", password, "d"),
            mysql("u", password, "d"),
            mariadb("u", password, "d"),
            mongodb(Some(("u", password))),
        ] {
            let url = service.url("h", 1);
            assert!(url.expose().contains("hush%207"), "{url}");
            // Commands stand in lists of processes, and in what everybody may inspect.
            let command = format!("{:?} {:?}", service.spec.cmd, service.spec.entrypoint);
            let shown = format!("{service:?} {:?} {url} {url:?} {command}", service.ready);
            assert!(!shown.contains("hush"), "{shown}");
        }
    }

    /// Of those that no package brings: what their images read, and what they print.
    #[test]
    fn mongodb_and_mysql_are_told_what_their_images_read() {
        let settings = |service: &Service| {
            let mut env = service.spec.env.0.clone();
            env.sort();
            env
        };
        let closed = mongodb(Some(("root", "x")));
        let wanted = ["MONGO_INITDB_ROOT_PASSWORD=x", "MONGO_INITDB_ROOT_USERNAME=root"];
        assert_eq!(settings(&closed), wanted);
        let waits = "log line \"Waiting for connections\"";
        assert_eq!(
            closed.ready.to_string(),
            format!("{waits} 2 times and port 27017")
        );
        let open = mongodb(None);
        assert!(settings(&open).is_empty() && open.spec.cmd.is_none());
        assert_eq!(open.ready.to_string(), format!("{waits} and port 27017"));
        assert_eq!((open.port, &*open.spec.image), (27_017, "mongo:8"));
        let wanted = [
            "MYSQL_DATABASE=shop",
            "MYSQL_PASSWORD=x",
            "MYSQL_ROOT_PASSWORD=x",
            "MYSQL_USER=ann",
        ];
        assert_eq!(settings(&mysql("ann", "x", "shop")), wanted);
    }
}
