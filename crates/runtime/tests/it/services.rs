//! Service templates on real engines: real servers of Debian's packages behind the conventions of the official images.
//!
//! The image has no entrypoint of its own, so each test gives a script that does with the variables what the official one
//! does, setting up first and serving then. What is asked, is asked at once when the template says that it is ready.

use std::error::Error as _;
use std::time::Duration;

use longshore_engine::{CopyIn, Engine, ExecSpec};
use longshore_runtime::guard::{ContainerGuard, GuardConfig, GuardError};
use longshore_runtime::services::{self, Service, ServiceUrl};
use longshore_runtime::wait::WaitConfig;
use longshore_testkit::lease::{LABEL, Lease, on_each};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::account::engine;

const IMAGE: &str = "longshore/services:latest";
/// It has what a URL and a shell would take for something else.
const PASSWORD: &str = "p:w/d@ $x#";

const POSTGRES: &str = "printf %s \"$POSTGRES_PASSWORD\" >/tmp/pw
initdb -N -D /tmp/pg -U \"$POSTGRES_USER\" --pwfile=/tmp/pw -A scram-sha-256 >/dev/null
echo 'host all all all scram-sha-256' >>/tmp/pg/pg_hba.conf
pg_ctl -D /tmp/pg -w -o \"-F -c listen_addresses='' -k /tmp\" start
PGPASSWORD=$POSTGRES_PASSWORD createdb -h /tmp -U \"$POSTGRES_USER\" \"$POSTGRES_DB\"
pg_ctl -D /tmp/pg -w stop
exec postgres -F -D /tmp/pg -k /tmp -c listen_addresses='*'";

const MARIADB: &str = "mariadb-install-db --no-defaults --datadir=/tmp/my --skip-test-db --force \
  --auth-root-authentication-method=normal
serve() { mariadbd --no-defaults --datadir=/tmp/my --socket=/tmp/my.sock \"$@\"; }
serve --skip-networking &
until mariadb-admin -uroot --socket=/tmp/my.sock ping; do sleep 0.1; done
mariadb -uroot --socket=/tmp/my.sock <<END
create database $MARIADB_DATABASE;
create user '$MARIADB_USER'@'%' identified by '$MARIADB_PASSWORD';
grant all on $MARIADB_DATABASE.* to '$MARIADB_USER'@'%';
alter user root@localhost identified by '$MARIADB_ROOT_PASSWORD';
END
mariadb-admin -uroot \"-p$MARIADB_ROOT_PASSWORD\" --socket=/tmp/my.sock shutdown; wait
serve --bind-address=0.0.0.0 --skip-name-resolve";

const NGINX: &str = "mkdir /tmp/www
cat >/tmp/nginx.conf <<END
daemon off; pid /tmp/nginx.pid; error_log stderr; events {}
http { access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f;
uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s; server { listen 80; root /tmp/www; } }
END
exec nginx -c /tmp/nginx.conf";

/// An engine with the image, and where its published ports answer.
struct Place {
    lease: Lease,
    engine: Engine,
    host: String,
}

impl Place {
    /// `None` on an engine that was not given the image: told, and a failure in CI.
    #[expect(clippy::print_stderr, reason = "a skipped test must be seen to be skipped")]
    async fn of(lease: Lease) -> Option<Self> {
        let engine = engine(&lease.docker_host());
        let path = format!("/images/{IMAGE}/json");
        let held = lease.call("GET", &path, None).await.unwrap();
        if held.status() != 200 {
            let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
            assert!(!is_ci, "no {IMAGE} on {}", lease.engine_name());
            eprintln!(
                "SKIPPED: no {IMAGE} on {}; `cargo xtask engine up` brings it",
                lease.engine_name()
            );
            return None;
        }
        let found = crate::wait::address(&lease, &engine).await;
        let host = found.unwrap_or_else(|| "127.0.0.1".to_owned());
        Some(Self { lease, engine, host })
    }

    fn service(&self, service: Service, suffix: &str, script: Option<&str>) -> Service {
        let mut service = service.image(IMAGE);
        service.spec.name = Some(self.lease.name(suffix));
        service.spec = service.spec.label(LABEL, self.lease.run_id());
        service.spec.init = true;
        if let Some(script) = script {
            service.spec = service.spec.cmd(["sh", "-c", script]);
        }
        service
    }

    async fn try_start(&self, service: &Service) -> Result<(ContainerGuard, ServiceUrl), GuardError> {
        let wait = WaitConfig::default()
            .within(Duration::from_secs(40))
            .reached_at(&self.host);
        service
            .start(&self.engine, GuardConfig::default().wait(wait))
            .await
    }

    async fn start(&self, service: &Service) -> (ContainerGuard, String) {
        let started = self.try_start(service).await;
        let (guard, url) = started.unwrap_or_else(|error| panic!("{}", chain(&error)));
        (guard, url.expose().to_owned())
    }

    /// How a command ends in the container, and what it prints. It reaches the service at its published address, as any
    /// client does.
    async fn said(&self, guard: &ContainerGuard, argv: &[&str]) -> (i64, String) {
        let spec = ExecSpec::new(argv.iter().copied());
        let output = self.engine.exec(&guard.id().into(), &spec).await.unwrap();
        let bytes = [&output.stdout[..], &output.stderr[..]].concat();
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        (output.exit_code, text)
    }
}

/// Everything that an error says, and what it shows to who debugs it.
fn chain(error: &GuardError) -> String {
    let mut text = format!("{error} {error:?}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(" {error} {error:?}"));
        source = error.source();
    }
    text
}

fn place(url: &str) -> (String, u16) {
    let place = url.split("://").nth(1).unwrap().split('/').next().unwrap();
    let (host, port) = place.rsplit('@').next().unwrap().rsplit_once(':').unwrap();
    (host.to_owned(), port.parse().unwrap())
}

/// A connection that speaks Redis's protocol.
struct Redis(BufReader<TcpStream>);

impl Redis {
    async fn at(host: &str, port: u16) -> Self {
        Self(BufReader::new(TcpStream::connect((host, port)).await.unwrap()))
    }

    async fn send(&mut self, command: &str) {
        let words: Vec<&str> = command.split(' ').collect();
        let mut text = format!("*{}\r\n", words.len());
        for word in words {
            text.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.0.get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    async fn ask(&mut self, command: &str) -> String {
        self.send(command).await;
        self.read().await
    }

    /// The next thing said, without its framing; parts are joined by blanks.
    async fn read(&mut self) -> String {
        let (mut parts, mut left) = (Vec::new(), 1);
        while left > 0 {
            left -= 1;
            let mut line = String::new();
            self.0.read_line(&mut line).await.unwrap();
            let line = line.trim_end();
            match line.split_at(1) {
                ("*", count) => left += count.parse::<usize>().unwrap(),
                ("$", "-1") => parts.push("nil".to_owned()),
                ("$", length) => {
                    let mut bytes = vec![0; length.parse::<usize>().unwrap() + 2];
                    self.0.read_exact(&mut bytes).await.unwrap();
                    parts.push(String::from_utf8_lossy(&bytes).trim_end().to_owned());
                }
                ("+" | ":", said) => parts.push(said.to_owned()),
                _ => parts.push(line.to_owned()),
            }
        }
        parts.join(" ")
    }
}

async fn page(host: &str, port: u16) -> String {
    let mut socket = TcpStream::connect((host, port)).await.unwrap();
    socket.write_all(b"GET /page.txt HTTP/1.0\r\n\r\n").await.unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn postgres_takes_the_login_of_its_connection_string_and_no_other() {
    on_each(|lease| async move {
        let Some(place) = Place::of(lease).await else {
            return;
        };
        let mut service = place.service(
            services::postgres("ann", PASSWORD, "shop one"),
            "postgres",
            Some(POSTGRES),
        );
        service.spec.user = Some("service".to_owned());
        let (guard, url) = place.start(&service).await;
        let asks = "select current_user || '@' || current_database()";
        let said = place.said(&guard, &["psql", &url, "-tAc", asks]).await;
        assert_eq!(said, (0, "ann@shop one".to_owned()));
        let wrong = url.replace("p%3Aw", "p%3Av");
        let (code, text) = place.said(&guard, &["psql", &wrong, "-tAc", asks]).await;
        assert!(
            code == 2 && text.contains("password authentication failed"),
            "{code} {text}"
        );
        guard.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn mariadb_takes_the_login_of_its_connection_string_and_no_other() {
    on_each(|lease| async move {
        let Some(place) = Place::of(lease).await else {
            return;
        };
        let service = services::mariadb("ann", PASSWORD, "shop");
        let mut service = place.service(service, "mariadb", Some(MARIADB));
        service.spec.user = Some("service".to_owned());
        let (guard, url) = place.start(&service).await;
        let (host, port) = self::place(&url);
        assert_eq!(
            url,
            format!("mysql://ann:p%3Aw%2Fd%40%20%24x%23@{host}:{port}/shop")
        );
        let port = format!("-P{port}");
        let asks = async |password: &str| {
            let password = format!("-p{password}");
            let asks = "select substring_index(user(), '@', 1), database()";
            let client = [
                "mariadb", "-h", &host, &port, "-uann", &password, "shop", "-Ne", asks,
            ];
            place.said(&guard, &client).await
        };
        assert_eq!(asks(PASSWORD).await, (0, "ann\tshop".to_owned()));
        let (code, text) = asks("other").await;
        assert!(code == 1 && text.contains("Access denied"), "{code} {text}");
        guard.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn redis_answers_who_has_its_password() {
    on_each(|lease| async move {
        let Some(place) = Place::of(lease).await else {
            return;
        };
        let service = place.service(services::redis(Some(PASSWORD)), "redis", None);
        let (guard, url) = place.start(&service).await;
        assert!(
            url.starts_with("redis://default:p%3Aw%2Fd%40%20%24x%23@"),
            "{url}"
        );
        let (host, port) = self::place(&url);
        let mut redis = Redis::at(&host, port).await;
        assert_eq!(redis.ask("PING").await, "-NOAUTH Authentication required.");
        assert!(redis.ask("AUTH other").await.starts_with("-WRONGPASS"));
        // What reads the URL itself, percent signs and all.
        let said = place
            .said(&guard, &["redis-cli", "-u", &url, "set", "k", "v"])
            .await;
        assert_eq!(said.1.lines().next(), Some("OK"), "{said:?}");
        guard.close().await.unwrap();

        let (guard, url) = place
            .start(&place.service(services::redis(None), "open", None))
            .await;
        let (host, port) = self::place(&url);
        let mut redis = Redis::at(&host, port).await;
        assert_eq!(redis.ask("PING").await, "PONG");
        assert_eq!(redis.ask("SET k v").await, "OK");
        assert_eq!(redis.ask("GET k").await, "v");
        guard.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_redis_cluster_sends_its_clients_to_where_its_keys_are() {
    on_each(|lease| async move {
        let Some(place) = Place::of(lease).await else {
            return;
        };
        let service = services::redis_cluster(&place.host, 17_000);
        let (guard, url) = place.start(&place.service(service, "cluster", None)).await;
        assert_eq!(url, format!("redis://{}:17000", place.host));
        let mut first = Redis::at(&place.host, 17_000).await;
        let info = first.ask("CLUSTER INFO").await;
        assert!(
            info.contains("cluster_state:ok") && info.contains("cluster_size:3"),
            "{info}"
        );
        let mut asked = [0; 3];
        for key in 'a'..='z' {
            let set = format!("SET {key} 1");
            let said = first.ask(&set).await;
            let Some(moved) = said.strip_prefix("-MOVED ") else {
                assert_eq!(said, "OK");
                asked[0] += 1;
                continue;
            };
            let (host, port) = moved.split(' ').nth(1).unwrap().rsplit_once(':').unwrap();
            assert_eq!(host, place.host, "{said}");
            let port: u16 = port.parse().unwrap();
            assert_eq!(Redis::at(host, port).await.ask(&set).await, "OK");
            asked[usize::from(port - 17_000)] += 1;
        }
        assert!(!asked.contains(&0), "{asked:?}");
        // They keep to the address at which they reach each other, whatever clients are told.
        let nodes = first.ask("CLUSTER NODES").await;
        assert_eq!(nodes.matches("127.0.0.1:1700").count(), 3, "{nodes}");
        assert!(!nodes.contains("disconnected"), "{nodes}");
        guard.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_redis_sentinel_tells_where_the_master_is_before_and_after_it_dies() {
    on_each(|lease| async move {
        let Some(place) = Place::of(lease).await else {
            return;
        };
        let service = services::redis_sentinel(&place.host, 17_010);
        let (guard, url) = place.start(&place.service(service, "sentinel", None)).await;
        assert!(
            url.starts_with("redis+sentinel://") && url.ends_with("/main"),
            "{url}"
        );
        let (host, port) = self::place(&url);
        let asks = "SENTINEL get-master-addr-by-name main";
        let mut sentinel = Redis::at(&host, port).await;
        assert_eq!(sentinel.ask(asks).await, format!("{} 17010", place.host));
        let mut master = Redis::at(&place.host, 17_010).await;
        assert_eq!(master.ask("SET k kept").await, "OK");
        assert_eq!(master.ask("WAIT 1 5000").await, "1", "the replica has it");
        sentinel.ask("SUBSCRIBE +switch-master").await;
        master.send("SHUTDOWN NOSAVE").await;

        let now = format!("{} 17011", place.host);
        let told = sentinel.read().await;
        assert!(
            told.contains("+switch-master main") && told.ends_with(&now),
            "{told}"
        );
        assert_eq!(Redis::at(&host, port).await.ask(asks).await, now);
        let mut master = Redis::at(&place.host, 17_011).await;
        assert_eq!(master.ask("GET k").await, "kept");
        assert_eq!(master.ask("SET k new").await, "OK");
        guard.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn nginx_serves_a_page_that_is_copied_into_it() {
    on_each(|lease| async move {
        let Some(place) = Place::of(lease).await else {
            return;
        };
        let service = place.service(services::nginx(), "nginx", Some(NGINX));
        let (guard, url) = place.start(&service).await;
        let (host, port) = self::place(&url);
        assert_eq!(url, format!("http://{host}:{port}"));
        let none = page(&host, port).await;
        assert!(none.starts_with("HTTP/1.1 404 "), "{none}");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("page.txt");
        std::fs::write(&file, "copied").unwrap();
        let container = guard.id().into();
        place
            .engine
            .copy_to(&container, &file, "/tmp/www", &CopyIn::default())
            .await
            .unwrap();
        let page = page(&host, port).await;
        assert!(
            page.starts_with("HTTP/1.1 200 ") && page.ends_with("\r\n\r\ncopied"),
            "{page}"
        );
        guard.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_service_that_does_not_come_up_says_why_without_its_password() {
    on_each(|lease| async move {
        let Some(place) = Place::of(lease).await else {
            return;
        };
        let dies = "echo the disk is full >&2; exit 3";
        let all = [
            (services::postgres("ann", PASSWORD, "shop"), Some(dies)),
            (services::mariadb("ann", PASSWORD, "shop"), Some(dies)),
            // Its own command, of a program that is not there.
            (services::redis(Some(PASSWORD)), None),
        ];
        for (at, (service, script)) in all.into_iter().enumerate() {
            let mut service = place.service(service, &format!("dies-{at}"), script);
            if script.is_none() {
                service.spec = service.spec.env("PATH", "/bin");
            }
            let error = place.try_start(&service).await.unwrap_err();
            let text = chain(&error);
            assert!(
                text.contains("the disk is full") || text.contains("redis-server"),
                "{text}"
            );
            assert!(!text.contains("p:w") && !text.contains("p%3Aw"), "{text}");
            let name = service.spec.name.as_deref().unwrap_or_default();
            let gone = place
                .lease
                .call("GET", &format!("/containers/{name}/json"), None)
                .await;
            assert_eq!(gone.unwrap().status(), 404, "it is removed");
        }
    })
    .await;
}
