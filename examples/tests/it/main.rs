//! Every example, as it was built, on every real engine: what it prints, and that nothing of it stays behind.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{self, BufRead as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use longshore::prelude::*;
use longshore_testkit::lease::{IMAGE, LABEL, Lease, on_each};
use longshore_testkit::netns::Network;
use longshore_testkit::raw::Target;
use longshore_testkit::sshd::Sshd;

/// An example with the engine of the lease in its environment.
fn example(lease: &Lease, program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .env("DOCKER_HOST", lease.docker_host())
        .stdin(Stdio::null());
    command
}

/// Runs it to its end, off the test's own thread.
async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output())
        .await
        .unwrap()
        .unwrap()
}

/// [`output`] where the engine's published ports answer at 127.0.0.1: an engine of the test run has a network of its own.
async fn output_at(lease: &Lease, mut command: Command) -> Output {
    let network = Network::of(lease.target());
    let run = move || match network {
        Ok(network) => network.inside(|| command.output()),
        // Reached by TCP: what it publishes answers at its host.
        Err(_) => command.output(),
    };
    tokio::task::spawn_blocking(run).await.unwrap().unwrap()
}

/// What it printed; it has succeeded, and complained about nothing.
fn printed(output: &Output) -> String {
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success() && err.is_empty(),
        "{}: {out}{err}",
        output.status
    );
    out.into_owned()
}

async fn client(lease: &Lease) -> io::Result<DockerClient> {
    let endpoint = lease.docker_host().parse().map_err(io::Error::other)?;
    DockerClient::connect(endpoint, DockerConfig::default())
        .await
        .map_err(|error| io::Error::other(error.to_string()))
}

/// Containers of this image.
async fn made_from(lease: &Lease, image: &str) -> usize {
    let path = format!("/containers/json?all=true&filters=%7B%22ancestor%22%3A%5B%22{image}%22%5D%7D");
    let list = lease.call("GET", &path, None).await.unwrap();
    assert_eq!(list.status(), 200, "{}", list.text());
    list.text().matches("\"Id\"").count()
}

#[tokio::test]
async fn a_command_runs_and_its_output_is_told() {
    on_each(|lease| async move {
        let program = env!("CARGO_BIN_EXE_run_a_command");
        let script = "echo hello from inside; echo oh >&2; exit 3";
        let text = printed(&output(example(&lease, program, &[IMAGE, "sh", "-c", script])).await);
        assert!(
            text.starts_with("hello from inside\nexit code 3 after "),
            "{text}"
        );
        assert!(text.ends_with("it complained: oh\n\n"), "{text}");
        let plain = printed(&output(example(&lease, program, &[IMAGE])).await);
        assert!(
            plain.starts_with("Linux ") && plain.contains("exit code 0"),
            "{plain}"
        );
    })
    .await;
}

#[tokio::test]
async fn an_image_that_is_nowhere_is_an_error_with_its_name() {
    on_each(|lease| async move {
        let program = env!("CARGO_BIN_EXE_run_a_command");
        // No registry is there: nothing listens at that port.
        let ghost = "127.0.0.1:1/no-such-image";
        let failed = output(example(&lease, program, &[ghost])).await;
        let error = String::from_utf8_lossy(&failed.stderr);
        assert_eq!(failed.status.code(), Some(1), "{error}");
        assert!(error.contains(ghost), "{error}");
    })
    .await;
}

#[tokio::test]
async fn what_happens_is_told_until_enough_has_come() {
    on_each(|lease| async move {
        let name = lease.name("watched");
        let program = env!("CARGO_BIN_EXE_watch_events");
        let only = format!("name:{name}");
        let args = ["2", "type:container", "start", "pause", &only];
        let mut child = example(&lease, program, &args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = io::BufReader::new(child.stdout.take().unwrap()).lines();
        let (first, mut lines) = tokio::task::spawn_blocking(move || (lines.next(), lines))
            .await
            .unwrap();
        assert_eq!(first.unwrap().unwrap(), "listening");
        let client = client(&lease).await.unwrap();
        let spec = ContainerBuilder::new(IMAGE)
            .name(&*name)
            .cmd(["sleep", "60"])
            .network_mode("none")
            .label(LABEL, lease.run_id());
        client.containers().ensure(&spec, Ensure::Same).await.unwrap();
        client.containers().pause(&name).await.unwrap();
        let told = tokio::task::spawn_blocking(move || {
            let told: Vec<String> = lines.by_ref().map(Result::unwrap).collect();
            (told, child.wait().unwrap())
        });
        let (told, status) = told.await.unwrap();
        assert!(status.success());
        assert_eq!(
            told,
            ["start", "pause"].map(|verb| format!("container {verb} {name}"))
        );
    })
    .await;
}

/// A stand-in with the conventions of PostgreSQL's image (a program `pg_isready`, a server at 5432 some time after the
/// start), not PostgreSQL: what is shown is that the example waits for both and removes what it made.
#[tokio::test]
async fn a_stand_in_for_postgres_is_waited_for_and_removed() {
    on_each(|lease| async move {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "FROM {IMAGE}\nCOPY pg_isready /bin/pg_isready\n\
             CMD [\"sh\", \"-c\", \"sleep 1; exec httpd -f -p 5432 -h /www\"]\n"
        );
        fs::write(folder.path().join("Dockerfile"), text).unwrap();
        let asks = "#!/bin/sh\necho \"$@\" >&2\nexec wget -q -O /dev/null http://127.0.0.1:5432/\n";
        fs::write(folder.path().join("pg_isready"), asks).unwrap();
        executable(&folder.path().join("pg_isready"));
        let name = lease.name("postgres");
        let options = BuildImage::default()
            .label(LABEL, lease.run_id())
            .tag(name.parse().unwrap());
        let client = client(&lease).await.unwrap();
        client
            .images()
            .build_with_progress(BuildContext::folder(folder.path()), &options, |_| {})
            .await
            .unwrap();

        let program = env!("CARGO_BIN_EXE_wait_for_postgres");
        let text = printed(&output_at(&lease, example(&lease, program, &[&name])).await);
        let (ready, rest) = text.split_once('\n').unwrap();
        assert!(ready.starts_with("ready after "), "{text}");
        assert!(
            ready.contains(": postgresql://app:***@127.0.0.1:") && ready.ends_with("/shop"),
            "{text}"
        );
        assert_eq!(rest, "removed\n");
        assert_eq!(made_from(&lease, &name).await, 0);
    })
    .await;
}

fn executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_build_tells_its_steps_and_one_that_fails_says_which() {
    on_each(|lease| async move {
        let program = env!("CARGO_BIN_EXE_build_with_progress");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let name = lease.name("built");
        let run = lease.run_id();
        let text = format!("FROM {IMAGE}\nLABEL {LABEL}={run}\nRUN echo built for {run}\n");
        fs::write(folder.path().join("Dockerfile"), text).unwrap();
        let text = printed(&output(example(&lease, program, &[path, &name])).await);
        assert!(text.contains(&format!(" | built for {run}\n")), "{text}");
        assert!(text.contains(" done\n"), "{text}");
        let last = text.lines().last().unwrap();
        assert!(last.starts_with(&format!("{name} is ")), "{text}");

        let text = format!("FROM {IMAGE}\nLABEL {LABEL}={run}\nRUN exit 7\n");
        fs::write(folder.path().join("Dockerfile"), text).unwrap();
        let failed = output(example(&lease, program, &[path, &name])).await;
        let error = String::from_utf8_lossy(&failed.stderr);
        assert_eq!(failed.status.code(), Some(1), "{error}");
        assert!(error.contains("exit 7") && error.contains("Image"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_build_writes_its_files_into_a_folder() {
    on_each(|lease| async move {
        if lease.engine_name() == "podman" {
            // It has no BuildKit.
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let text = format!(
            "FROM {IMAGE} AS made\nRUN --mount=type=secret,id=token wc -c </run/secrets/token >/length\n\
             FROM scratch\nCOPY --from=made /length /\n"
        );
        fs::write(path("Dockerfile"), text).unwrap();
        fs::write(path("token"), "hunter2").unwrap();
        let program = env!("CARGO_BIN_EXE_build_into_a_folder");
        let (dist, token) = (path("dist"), path("token"));
        let command = example(&lease, program, &[&path(""), &dist, &token]);
        assert_eq!(
            printed(&output(command).await),
            format!("1 things, 2 bytes in {dist}\n")
        );
        assert_eq!(fs::read_to_string(path("dist/length")).unwrap(), "7\n");

        let command = example(&lease, program, &[&path(""), &dist, &path("none")]);
        let failed = output(command).await;
        assert_eq!(failed.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&failed.stderr).contains("cannot be read"));
    })
    .await;
}

#[tokio::test]
async fn a_file_is_copied_out() {
    on_each(|lease| async move {
        let program = env!("CARGO_BIN_EXE_copy_a_file_out");
        let here = tempfile::tempdir().unwrap();
        let to = here.path().to_str().unwrap();
        let args = [IMAGE, "/www/index.html", to];
        let text = printed(&output(example(&lease, program, &args)).await);
        let content = fs::read_to_string(here.path().join("index.html")).unwrap();
        assert_eq!(content, "hello from longshore/sample\n");
        assert!(
            text.ends_with(&format!(" to {to}: 1 entries, {} bytes\n", content.len())),
            "{text}"
        );
        let failed = output(example(&lease, program, &[IMAGE, "/no/such/file", to])).await;
        let error = String::from_utf8_lossy(&failed.stderr);
        assert_eq!(failed.status.code(), Some(1), "{error}");
        assert!(error.contains("Container"), "{error}");
    })
    .await;
}

/// By TCP: a relay at 127.0.0.1 in front of the engine's socket, without a word of Docker's in it.
#[tokio::test]
async fn a_remote_engine_says_its_version_and_its_containers() {
    on_each(|lease| async move {
        lease.start("there", &["sleep", "60"]).await.unwrap();
        let relay = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let command = elsewhere(&lease, &format!("tcp://{}", relay.local_addr().unwrap()));
        let target = lease.target().clone();
        let text = tokio::select! {
            output = output(command) => printed(&output),
            error = relayed(&relay, &target) => panic!("{error:?}"),
        };
        says_what_is_there(&lease, &text).await;
    })
    .await;
}

/// By SSH: a real sshd, and a `ssh` on the path that has the test's configuration, where a user has it in `~/.ssh`.
#[tokio::test]
async fn an_engine_behind_ssh_says_the_same() {
    on_each(|lease| async move {
        let Some(sshd) = Sshd::start("") else { return };
        let Target::Unix(socket) = lease.target() else {
            unreachable!("the engines of a test run listen on unix sockets")
        };
        lease.start("there", &["sleep", "60"]).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let client = folder.path().join("ssh");
        let script = format!(
            "#!/bin/sh\nexec {} -F '{}' \"$@\"\n",
            program("ssh").display(),
            sshd.config().display()
        );
        fs::write(&client, script).unwrap();
        fs::set_permissions(&client, fs::Permissions::from_mode(0o700)).unwrap();
        let mut command = elsewhere(&lease, &format!("ssh://engine{}", socket.display()));
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", folder.path().display()));
        says_what_is_there(&lease, &printed(&output(command).await)).await;
        assert_eq!(sshd.logins(), 1);
    })
    .await;
}

/// The example, to which only its argument says where the engine is.
fn elsewhere(lease: &Lease, address: &str) -> Command {
    let mut command = example(lease, env!("CARGO_BIN_EXE_remote_engine"), &[address]);
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    command
}

async fn says_what_is_there(lease: &Lease, text: &str) {
    let client = client(lease).await.unwrap();
    let version: String = client.system().version().await.unwrap().version;
    assert!(text.starts_with(&format!("engine {version} on linux/")), "{text}");
    let there = lease.name("there");
    let row = text.lines().find(|line| line.contains(&there)).unwrap();
    assert!(row.contains("running") && row.contains(IMAGE), "{row}");
}

/// A program on the search path.
fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut files = std::env::split_paths(&path).map(|folder| folder.join(name));
    files.find(|file| file.is_file()).unwrap()
}

/// Passes connections on to the engine, all of them for as long as it is polled.
async fn relayed(listener: &tokio::net::TcpListener, target: &Target) -> io::Error {
    let mut open = tokio::task::JoinSet::new();
    loop {
        let mut client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => return error,
        };
        let target = target.clone();
        open.spawn(async move {
            // A connection that breaks is the example's to tell.
            drop(match target {
                Target::Unix(path) => {
                    let mut engine = tokio::net::UnixStream::connect(path).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut engine).await
                }
                Target::Tcp(address) => {
                    let mut engine = tokio::net::TcpStream::connect(address).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut engine).await
                }
            });
            io::Result::Ok(())
        });
    }
}
