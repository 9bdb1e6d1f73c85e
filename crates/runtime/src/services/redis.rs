//! Redis: alone, as a cluster of three, and with a sentinel, each in one container.

use super::Service;
use crate::wait::Wait;

const IMAGE: &str = "redis:8";

/// The password is not in the command, which everybody may read. The image's own start, where it has one, gives up root.
const WITH_PASSWORD: &str = r#"set -- redis-server --save '' --appendonly no --requirepass "$REDIS_PASSWORD"
command -v docker-entrypoint.sh >/dev/null && set -- docker-entrypoint.sh "$@"
exec "$@""#;

/// The nodes know each other by the loopback address and are told to clients by `announced`, which they need not reach
/// themselves. It is an argument of the shell, so that nothing in it can be a command.
const CLUSTER: &str = r#"announced=$1; shift; nodes=
for port in "$@"; do
  mkdir -p "/tmp/$port"; nodes="$nodes 127.0.0.1:$port"
  (cd "/tmp/$port" && exec redis-server --port "$port" --cluster-enabled yes --save '' --appendonly no \
    --protected-mode no --cluster-preferred-endpoint-type hostname --cluster-announce-hostname "$announced") &
done
for port in "$@"; do until redis-cli -p "$port" ping; do sleep 0.1; done; done
redis-cli --cluster create $nodes --cluster-yes
wait"#;

const CLUSTER_READY: &str = r#"for port in "$@"; do
  redis-cli -p "$port" cluster info | grep -q cluster_state:ok || exit 1
done"#;

/// The sentinel asks a master for its replicas every ten seconds: so it begins when there is one.
const SENTINEL: &str = r#"announced=$1; master=$2; replica=$3
serve() {
  redis-server --port "$1" --save '' --appendonly no --protected-mode no --repl-diskless-sync-delay 0 \
    --replica-announce-ip "$announced" --replica-announce-port "$@" &
}
serve "$master"
serve "$replica" --replicaof "$announced" "$master"
until redis-cli -p "$replica" info replication | grep -q master_link_status:up; do sleep 0.1; done
cat >/tmp/sentinel.conf <<END
port 26379
protected-mode no
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel monitor main $announced $master 1
sentinel down-after-milliseconds main 1000
sentinel failover-timeout main 5000
END
exec redis-server /tmp/sentinel.conf --sentinel"#;

/// One Redis that keeps nothing on disk. Image `redis:8`, which needs `sh` where there is a password.
#[must_use]
pub fn redis(password: Option<&str>) -> Service {
    let ready = Wait::log_line("Ready to accept connections").and(Wait::port(6379));
    let mut service = Service::new(IMAGE, 6379, "redis", ready);
    service.spec = match password {
        // The official image takes everybody by itself; other builds do not without being told.
        None => service.spec.cmd([
            "redis-server",
            "--save",
            "",
            "--appendonly",
            "no",
            "--protected-mode",
            "no",
        ]),
        Some(password) => {
            // The name of who has no name: some clients (redis-cli) take an empty one for somebody.
            service = service.login("default", password);
            let spec = service.spec.env("REDIS_PASSWORD", password);
            spec.cmd(["sh", "-c", WITH_PASSWORD])
        }
    };
    service
}

/// Three masters in one container, at `first_port` (at most 65533) and the two after it, there and on the host: a cluster
/// tells its clients where its nodes are, so the ports cannot be left to the engine.
///
/// `announced` is where clients reach the host: an IPv4 address or a name. The image, `redis:8`, must be of Redis 7 or later
/// and needs `sh`.
#[must_use]
pub fn redis_cluster(announced: &str, first_port: u16) -> Service {
    let ports: Vec<u16> = (0..3).map(|node| first_port.saturating_add(node)).collect();
    let texts: Vec<String> = ports.iter().map(u16::to_string).collect();
    let texts = || texts.iter().map(String::as_str);
    let asks = ["sh", "-c", CLUSTER_READY, "ready"].into_iter().chain(texts());
    let ready = ports
        .iter()
        .fold(Wait::command(asks), |ready, port| ready.and(Wait::port(*port)));
    let mut service = Service::new(IMAGE, first_port, "redis", ready);
    service.spec.ports.clear();
    for port in &ports {
        service.spec = service.spec.port(*port, Some(*port));
    }
    let cmd = ["sh", "-c", CLUSTER, "cluster", announced];
    service.spec = service.spec.cmd(cmd.into_iter().chain(texts()));
    service.spec.init = true;
    service
}

/// A master at `port` (at most 65534), a replica of it at the port after that, and a sentinel that watches both as `main` and
/// makes the replica master when the master has not answered for a second: in one container, the two ports the same on the
/// host. The sentinel is at port 26379, which the engine publishes.
///
/// `announced` is where clients reach the host, an address or a name; the three speak to each other there too, so that
/// the container must reach it (its own loopback address will do). Image `redis:8`, which needs `sh`.
#[must_use]
pub fn redis_sentinel(announced: &str, port: u16) -> Service {
    let ports = [port, port.saturating_add(1)];
    let knows = "redis-cli -p 26379 sentinel replicas main | grep -q ip";
    let ready = ports.iter().fold(
        Wait::command(["sh", "-c", knows]).and(Wait::port(26379)),
        |ready, port| ready.and(Wait::port(*port)),
    );
    let mut service = Service::new(IMAGE, 26379, "redis+sentinel", ready);
    service.path = "/main".to_owned();
    for port in ports {
        service.spec = service.spec.port(port, Some(port));
    }
    let [master, replica] = ports.map(|port| port.to_string());
    let cmd = ["sh", "-c", SENTINEL, "sentinel", announced, &master, &replica];
    service.spec = service.spec.cmd(cmd);
    service.spec.init = true;
    service
}
