//! Redis: alone, as a cluster of three, and with a sentinel, each in one container.

use super::Service;
use crate::wait::Wait;

const IMAGE: &str = "redis:8";

/// One Redis that keeps nothing on disk. Image `redis:8`.
#[must_use]
pub fn redis(password: Option<&str>) -> Service {
    let ready = Wait::log_line("Ready to accept connections").and(Wait::port(6379));
    let mut service = Service::new(IMAGE, 6379, "redis", ready);
    let mut cmd = vec!["redis-server", "--save", "", "--appendonly", "no"];
    if let Some(password) = password {
        cmd.extend(["--requirepass", password]);
        service = service.login("", password);
    }
    service.spec = service.spec.cmd(cmd);
    service
}

/// Three masters in one container, at `first_port` and the two after it, there and on the host: a cluster tells its clients
/// where its nodes are, so the ports cannot be left to the engine. `announced` is the address at which clients reach the host.
/// The container's image needs `sh`.
#[must_use]
pub fn redis_cluster(announced: &str, first_port: u16) -> Service {
    let ports: Vec<u16> = (0..3).map(|node| first_port.saturating_add(node)).collect();
    let ready = ports.iter().fold(
        Wait::command([
            "sh",
            "-c",
            &format!("redis-cli -p {first_port} cluster info | grep -q cluster_state:ok"),
        ]),
        |ready, port| ready.and(Wait::port(*port)),
    );
    let mut service = Service::new(IMAGE, first_port, "redis", ready);
    service.spec.ports.clear();
    for port in &ports {
        service.spec = service.spec.port(*port, Some(*port));
    }
    // The address is an argument of the shell, so that nothing in it can be a command.
    let script = "announced=$1; shift; first=$1; nodes=\n\
        for port in \"$@\"; do\n\
          mkdir -p \"/tmp/$port\"; nodes=\"$nodes 127.0.0.1:$port\"\n\
          (cd \"/tmp/$port\" && exec redis-server --port \"$port\" --cluster-enabled yes --save '' --appendonly no \
             --protected-mode no) &\n\
        done\n\
        for port in \"$@\"; do until redis-cli -p \"$port\" ping; do sleep 0.1; done; done\n\
        redis-cli --cluster create $nodes --cluster-yes\n\
        for port in \"$@\"; do redis-cli -p \"$port\" config set cluster-announce-ip \"$announced\"; done\n\
        wait";
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    let mut cmd = vec!["sh", "-c", script, "cluster", announced];
    cmd.extend(ports.iter().map(String::as_str));
    service.spec = service.spec.cmd(cmd);
    service.spec.init = true;
    service
}

/// A master, a replica of it, and a sentinel that watches both as `main`, in one container. The sentinel is at port 26379,
/// which the engine publishes. Clients are told `announced` and `port` as the master's place, which is published there; the
/// sentinel watches it there too, so that the container must reach it. The container's image needs `sh`.
#[must_use]
pub fn redis_sentinel(announced: &str, port: u16) -> Service {
    let knows = "redis-cli -p 26379 sentinel replicas main | grep -q ip";
    let ready = Wait::command(["sh", "-c", knows])
        .and(Wait::port(26379))
        .and(Wait::port(port));
    let mut service = Service::new(IMAGE, 26379, "redis+sentinel", ready);
    service.path = "/main".to_owned();
    service.spec = service.spec.port(port, Some(port));
    let script = "announced=$1; port=$2; replica=$((port + 1))\n\
        redis-server --port \"$port\" --save '' --appendonly no --protected-mode no &\n\
        redis-server --port \"$replica\" --replicaof 127.0.0.1 \"$port\" --save '' --appendonly no --protected-mode no &\n\
        until redis-cli -p \"$port\" ping; do sleep 0.1; done\n\
        cat >/tmp/sentinel.conf <<END\n\
        port 26379\n\
        protected-mode no\n\
        sentinel resolve-hostnames yes\n\
        sentinel monitor main $announced $port 1\n\
        sentinel down-after-milliseconds main 1000\n\
        END\n\
        exec redis-server /tmp/sentinel.conf --sentinel";
    let port = port.to_string();
    service.spec = service
        .spec
        .cmd(["sh", "-c", script, "sentinel", announced, &port]);
    service.spec.init = true;
    service
}
