//! How the binary reaches engines that are elsewhere: by context, over TLS, through SSH.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use longshore_testkit::sshd::{Sshd, clients_of};
use longshore_testkit::tls::{Authority, Front, VALID};
use longshore_testkit::{FakeConfig, FakeEngine, eventually};

use crate::longshore::{Longshore, longshore};

/// The SHA-256 of `lab`, which is where the context of that name lies.
const LAB: &str = "a51146d38077ff992eba84cf1d5e9b249073503eb74868699016153b031a38f7";

/// A home with a context `lab` that leads to `host`, and with this material for its TLS.
fn with_context(args: &[&str], host: &str, material: &[(&str, &str)]) -> Longshore {
    let command = longshore(args);
    let docker = command.home.path().join(".docker");
    let meta = format!(r#"{{"Name":"lab","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#);
    write(&docker.join(format!("contexts/meta/{LAB}/meta.json")), &meta);
    for (name, text) in material {
        write(&docker.join(format!("contexts/tls/{LAB}/docker/{name}")), text);
    }
    command
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

async fn engine() -> FakeEngine {
    let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
    engine.add_containers(3);
    engine
}

#[tokio::test]
async fn a_context_is_chosen_as_docker_chooses_it() {
    let engine = engine().await;
    let here = engine.endpoint();
    let seen = |ran: &crate::longshore::Ran| {
        assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 4), "{ran:#?}");
    };
    seen(
        &with_context(&["ps", "-a", "--context", "lab"], &here, &[])
            .run()
            .await,
    );
    seen(
        &with_context(&["ps", "-a"], &here, &[])
            .env("DOCKER_CONTEXT", "lab")
            .run()
            .await,
    );
    let current = with_context(&["ps", "-a"], &here, &[]);
    write(
        &current.home.path().join(".docker/config.json"),
        r#"{"currentContext":"lab"}"#,
    );
    seen(&current.run().await);
    let elsewhere = with_context(&["ps", "-a", "-H", &here], "tcp://127.0.0.1:1", &[]);
    seen(&elsewhere.env("DOCKER_CONTEXT", "lab").run().await);

    let wrong = with_context(&["ps", "-c", "labb"], &here, &[]).run().await;
    wrong.fails(2, "\"labb\", which was asked for", "there are: lab");
    let both = longshore(["ps", "-c", "lab", "-H", &here]).run().await;
    assert_eq!(both.code, Some(2), "{both:#?}");
    let serve = longshore(["serve"]).env("DOCKER_CONTEXT", "lab").run().await;
    serve.fails(2, "which DOCKER_CONTEXT names", "there are none");
}

#[tokio::test]
async fn tls_is_checked_by_the_contexts_ca_the_variables_or_the_machine() {
    let engine = engine().await;
    let authority = Authority::new();
    let (server, client) = (authority.server(&["127.0.0.1"], VALID), authority.client());
    let socket = engine.socket().unwrap();
    let versions = longshore_testkit::tls::VERSIONS;
    let front = Front::start(&server, Some(&authority), versions, socket)
        .await
        .unwrap();
    let (ca, here) = (authority.pem(), format!("tcp://127.0.0.1:{}", front.port()));
    let material = [
        ("ca.pem", ca.as_str()),
        ("cert.pem", &client.cert),
        ("key.pem", &client.key),
    ];
    let ran = with_context(&["ps", "-a", "-c", "lab"], &here, &material)
        .run()
        .await;
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 4), "{ran:#?}");

    let by_variables = longshore(["ps", "-a"]);
    for (name, text) in material {
        write(&by_variables.home.path().join("certs").join(name), text);
    }
    let certs = by_variables.home.path().join("certs");
    let ran = by_variables
        .engine(&here)
        .env("DOCKER_TLS_VERIFY", "1")
        .env("DOCKER_CERT_PATH", certs);
    let ran = ran.run().await;
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 4), "{ran:#?}");

    let ran = with_context(&["ps", "-c", "lab"], &here, &material[..1])
        .run()
        .await;
    ran.fails(7, "wants a client certificate", "cert.pem and key.pem");
    let other = Authority::new().pem();
    let ran = with_context(&["ps", "-c", "lab"], &here, &[("ca.pem", &other)])
        .run()
        .await;
    ran.fails(3, "not from an authority", "ca.pem");

    let open = Front::start(&server, None, versions, socket).await.unwrap();
    let by_machine = longshore(["ps", "-a", "-H", &format!("https://127.0.0.1:{}", open.port())]);
    let file = by_machine.home.path().join("roots.pem");
    write(&file, &ca);
    let ran = by_machine.env("SSL_CERT_FILE", file).run().await;
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 4), "{ran:#?}");
}

/// `longshore` whose `ssh` reads the test's configuration.
fn through(sshd: &Sshd, temp: &Path, args: &[&str]) -> Longshore {
    let command = longshore(args);
    let own = command.home.path().join("bin/ssh");
    write(
        &own,
        &format!(
            "#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n",
            sshd.config().display()
        ),
    );
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", own.parent().unwrap().display());
    command.env("PATH", path).env("TMPDIR", temp)
}

#[tokio::test]
async fn a_login_ends_with_the_command_however_that_ends() {
    let Some(sshd) = Sshd::start("") else { return };
    let engine = engine().await;
    let temp = tempfile::tempdir().unwrap();
    let here = format!("ssh://engine{}", engine.socket().unwrap().display());
    let ran = through(&sshd, temp.path(), &["ps", "-a", "-H", &here])
        .run()
        .await;
    assert_eq!((ran.code, ran.out.lines().count()), (Some(0), 4), "{ran:#?}");
    let mut logins = 1;
    for signal in ["INT", "TERM", "KILL"] {
        let running = through(&sshd, temp.path(), &["events", "-f", "-H", &here]).start();
        eventually("it watches", async || match engine.subscribers() {
            1 => Ok(()),
            seen => Err(seen),
        })
        .await;
        running.signal(signal).await;
        running.ended().await.unwrap();
        eventually("no process of the login is left", async || {
            match clients_of(&sshd.config()) {
                left if left.is_empty() => Ok(()),
                left => Err(left),
            }
        })
        .await;
        eventually("its folder is gone", async || {
            match std::fs::read_dir(temp.path()).unwrap().count() {
                0 => Ok(()),
                left => Err(left),
            }
        })
        .await;
        logins += 1;
        assert_eq!(sshd.logins(), logins);
        eventually("the engine has no subscriber", async || {
            match engine.subscribers() {
                0 => Ok(()),
                seen => Err(seen),
            }
        })
        .await;
    }
    let ran = through(&sshd, temp.path(), &["ps", "-H", "ssh://stranger"])
        .run()
        .await;
    ran.fails(7, "the SSH login was refused", "without asking");
}
