//! PostgreSQL, MySQL, MariaDB, MongoDB.
//!
//! Their images start the server twice: first for themselves, to set it up, then for all. Each is ready only when the second
//! one is; what tells them apart stands beside each.

use super::{Service, escaped};
use crate::wait::Wait;

/// PostgreSQL with one user, who owns one database. Image `postgres:18`.
///
/// The server that sets up listens at no TCP port, so that asking by TCP inside the container meets the second one.
#[must_use]
pub fn postgres(user: &str, password: &str, database: &str) -> Service {
    let asks = ["pg_isready", "-h", "127.0.0.1", "-U", user, "-d", database];
    let ready = Wait::port(5432).and(Wait::command(asks));
    let mut service = Service::new("postgres:18", 5432, "postgresql", ready).login(user, password);
    service.path = format!("/{}", escaped(database));
    service.spec = service
        .spec
        .env("POSTGRES_USER", user)
        .env("POSTGRES_PASSWORD", password)
        .env("POSTGRES_DB", database);
    service
}

/// MySQL with one user, who has one database; root has the same password. Image `mysql:8`.
///
/// The server that sets up listens at no TCP port.
#[must_use]
pub fn mysql(user: &str, password: &str, database: &str) -> Service {
    let asks = "mysqladmin ping -h 127.0.0.1 --silent";
    sql("mysql:8", "MYSQL", asks, [user, password, database])
}

/// MariaDB, as [`mysql`]. Image `mariadb:11`.
#[must_use]
pub fn mariadb(user: &str, password: &str, database: &str) -> Service {
    let asks = "mariadb-admin ping -h 127.0.0.1 --silent";
    sql("mariadb:11", "MARIADB", asks, [user, password, database])
}

fn sql(image: &str, prefix: &str, asks: &str, [user, password, database]: [&str; 3]) -> Service {
    // Refused for want of a password, `ping` still says that the server is there.
    let ready = Wait::port(3306).and(Wait::command(asks.split(' ')));
    let mut service = Service::new(image, 3306, "mysql", ready).login(user, password);
    service.path = format!("/{}", escaped(database));
    let values = [
        ("ROOT_PASSWORD", password),
        ("DATABASE", database),
        ("USER", user),
        ("PASSWORD", password),
    ];
    for (name, value) in values {
        service.spec = service.spec.env(&format!("{prefix}_{name}"), value);
    }
    service
}

/// MongoDB, with a root user when there is a login. Image `mongo:8`.
///
/// With a login the server that sets up says so first that it waits for connections, at the loopback address alone: the
/// second such line counts.
#[must_use]
pub fn mongodb(login: Option<(&str, &str)>) -> Service {
    let servers = if login.is_some() { 2 } else { 1 };
    let ready = Wait::log_line("Waiting for connections")
        .times(servers)
        .and(Wait::port(27017));
    let mut service = Service::new("mongo:8", 27017, "mongodb", ready);
    service.path = "/".to_owned();
    if let Some((user, password)) = login {
        service = service.login(user, password);
        service.path = "/?authSource=admin".to_owned();
        service.spec = service
            .spec
            .env("MONGO_INITDB_ROOT_USERNAME", user)
            .env("MONGO_INITDB_ROOT_PASSWORD", password);
    }
    service
}
