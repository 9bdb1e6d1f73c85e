//! Every order and every message of discovery, in an environment made for each.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::*;
use crate::error::ErrorKind;

/// A root and a home of its own, with nothing in it.
struct Machine {
    dir: tempfile::TempDir,
    environment: Environment,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment {
            runtime_dir: Some(dir.path().join("run/user/7")),
            temp_dir: Some(dir.path().join("tmp")),
            home: Some(dir.path().join("home")),
            uid: 7,
            root: dir.path().to_owned(),
            ..Environment::default()
        };
        Self { dir, environment }
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn config(&self, text: &str) {
        self.write("home/.docker/config.json", text);
    }

    /// A context as `docker context create` writes it.
    fn context(&self, name: &str, host: &str) {
        self.meta(
            name,
            &format!(r#"{{"Name":"{name}","Metadata":{{"Description":"x"}},"Endpoints":{{"docker":{{"Host":"{host}","SkipTLSVerify":false}}}}}}"#),
        );
    }

    fn meta(&self, name: &str, text: &str) {
        self.write(
            &format!("home/.docker/contexts/meta/{}/meta.json", id(name)),
            text,
        );
    }

    fn material(&self, name: &str, file: &str, text: &str) {
        self.write(
            &format!("home/.docker/contexts/tls/{}/docker/{file}", id(name)),
            text,
        );
    }

    fn listen(&self, place: &Path) -> UnixListener {
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        UnixListener::bind(place).unwrap()
    }

    fn found(&self) -> (String, Source) {
        let found = self
            .environment
            .discover()
            .unwrap_or_else(|error| panic!("{error:?}"));
        (found.endpoint.to_string(), found.source)
    }

    /// The error, its text with all causes.
    fn refused(&self) -> (Error, String) {
        let error = self.environment.discover().unwrap_err();
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        (error, text)
    }
}

fn id(name: &str) -> String {
    Sha256::digest(name)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["engine.example".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn the_order_is_that_of_the_docker_command_line() {
    let mut machine = Machine::new();
    machine.config(r#"{"auths": {}, "currentContext": "current"}"#);
    machine.context("current", "tcp://current");
    machine.context("named", "ssh://ops@named");
    machine.context("asked", "unix:///run/asked.sock");
    let places = machine.environment.places();
    let _engine = machine.listen(&places[0]);

    machine.environment.host = some("tcp://given");
    machine.environment.docker_host = some("tcp://env");
    machine.environment.docker_context = some("named");
    assert_eq!(machine.found(), ("tcp://given:2375".to_owned(), Source::Host));
    machine.environment.host = some("  ");
    machine.environment.context = some("asked");
    let by = |name: &str| Source::Context(name.to_owned());
    assert_eq!(
        machine.found(),
        ("unix:///run/asked.sock".to_owned(), by("asked"))
    );
    machine.environment.context = None;
    assert_eq!(machine.found(), ("tcp://env:2375".to_owned(), Source::Env));
    machine.environment.docker_host = some("");
    assert_eq!(machine.found(), ("ssh://ops@named".to_owned(), by("named")));
    machine.environment.docker_context = None;
    assert_eq!(machine.found(), ("tcp://current:2375".to_owned(), by("current")));
    machine.environment.docker_tls_verify = some("1");
    assert_eq!(
        machine.found(),
        ("tcp://current:2375".to_owned(), by("current")),
        "a context has its own TLS"
    );
    machine.config(r#"{"auths": {}}"#);
    let (cert, _) = pair();
    machine.write("home/.docker/ca.pem", cert);
    assert_eq!(
        machine.found(),
        ("https://localhost:2376".to_owned(), Source::Tls)
    );
    machine.environment.docker_tls_verify = None;
    assert_eq!(
        machine.found(),
        (format!("unix://{}", places[0].display()), Source::Socket)
    );
}

#[test]
fn the_default_context_is_none() {
    let mut machine = Machine::new();
    machine.config(r#"{"currentContext": "current"}"#);
    machine.context("current", "tcp://current");
    let place = machine.environment.places()[2].clone();
    let _engine = machine.listen(&place);
    machine.environment.docker_context = some("default");
    assert_eq!(
        machine.found(),
        (format!("unix://{}", place.display()), Source::Socket)
    );
    machine.environment.docker_context = None;
    machine.environment.context = some("default");
    machine.environment.docker_host = some("tcp://env");
    assert_eq!(machine.found(), ("tcp://env:2375".to_owned(), Source::Env));
}

#[test]
fn docker_config_says_where_contexts_are() {
    let mut machine = Machine::new();
    machine.config(r#"{"currentContext": "gone"}"#);
    let id = id("elsewhere");
    machine.write("other/config.json", r#"{"currentContext": "elsewhere"}"#);
    machine.write(
        &format!("other/contexts/meta/{id}/meta.json"),
        r#"{"Name":"elsewhere","Endpoints":{"docker":{"Host":"tcp://elsewhere"}}}"#,
    );
    machine.environment.docker_config = Some(machine.dir.path().join("other"));
    let source = Source::Context("elsewhere".to_owned());
    assert_eq!(machine.found(), ("tcp://elsewhere:2375".to_owned(), source));
}

#[test]
fn tls_of_a_context_and_of_the_environment_is_taken() {
    let mut machine = Machine::new();
    let (cert, key) = pair();
    machine.context("secure", "tcp://engine.example:2376");
    machine.environment.docker_context = some("secure");
    assert_eq!(
        machine.found().0,
        "tcp://engine.example:2376",
        "no material, no TLS"
    );
    machine.material("secure", "ca.pem", &cert);
    machine.material("secure", "cert.pem", &cert);
    machine.material("secure", "key.pem", &key);
    let found = machine.environment.discover().unwrap();
    let tls = crate::Tls::default().ca(cert.as_bytes()).unwrap();
    let tls = tls.identity(cert.as_bytes(), key.as_bytes()).unwrap();
    let wanted = "https://engine.example:2376"
        .parse::<Endpoint>()
        .unwrap()
        .with_tls(tls.clone());
    assert_eq!(found.endpoint, wanted);
    assert!(!format!("{found:?}").contains(key.lines().nth(1).unwrap()));

    machine.environment.docker_context = None;
    machine.environment.docker_host = some("tcp://engine.example:2376");
    machine.environment.docker_cert_path = Some(machine.dir.path().join("certs"));
    assert_eq!(
        machine.found().0,
        "tcp://engine.example:2376",
        "the folder alone asks for nothing"
    );
    machine.environment.docker_tls_verify = some("1");
    machine.write("certs/ca.pem", &cert);
    machine.write("certs/cert.pem", &cert);
    machine.write("certs/key.pem", &key);
    assert_eq!(machine.environment.discover().unwrap().endpoint, wanted);
    machine.environment.docker_tls_verify = None;
    machine.environment.docker_tls = some("1");
    let unchecked = machine.environment.discover().unwrap().endpoint;
    assert!(unchecked != wanted && unchecked.to_string() == wanted.to_string());

    machine.meta(
        "unchecked",
        r#"{"Name":"unchecked","Endpoints":{"docker":{"Host":"tcp://h","SkipTLSVerify":true}}}"#,
    );
    machine.environment.docker_host = None;
    machine.environment.docker_context = some("unchecked");
    assert_eq!(machine.found().0, "https://h:2375");
    machine.environment.docker_host = some("unix:///run/x.sock");
    assert_eq!(machine.found().0, "unix:///run/x.sock", "a socket needs no TLS");
}

#[test]
fn what_was_said_and_cannot_be_used_is_an_error_that_says_why() {
    let (cert, key) = pair();
    let (_, foreign) = pair();
    let endpoint = |inner: &str| format!(r#"{{"Name":"it","Endpoints":{{{inner}}}}}"#);
    let good = endpoint(r#""docker":{"Host":"tcp://h:2376"}"#);
    let metas = [
        ("{", "is not what Docker writes"),
        ("[1, 2]", "is not what Docker writes"),
        (r#"{"Endpoints":{"docker":7}}"#, "is not what Docker writes"),
        ("{}", "has no endpoint of a Docker engine"),
        (
            &endpoint(r#""kubernetes":{"Host":"https://k"}"#),
            "has no endpoint of a Docker engine",
        ),
        (&endpoint(r#""docker":{"SkipTLSVerify":true}"#), "has no address"),
        (
            &endpoint(r#""docker":{"Host":"gopher://h"}"#),
            "its scheme is not one of",
        ),
        (
            &endpoint(r#""docker":{"Host":"tcp://me:hunter2@h"}"#),
            "user information",
        ),
    ];
    for (meta, says) in metas {
        let mut machine = Machine::new();
        machine.meta("it", meta);
        machine.environment.docker_context = some("it");
        let _engine = machine.listen(&machine.environment.places()[0]);
        let (error, text) = machine.refused();
        assert_eq!(error.kind(), ErrorKind::BadInput, "{text}");
        assert!(
            text.contains(says) && text.contains("context \"it\", which DOCKER_CONTEXT names"),
            "{text}"
        );
        assert!(
            error.hint().is_some() && !format!("{error:?}").contains("hunter2"),
            "{error:?}"
        );
    }
    for (files, says) in [
        (vec![("ca.pem", "rubbish")], "the CA holds no certificate"),
        (vec![("cert.pem", cert.as_str())], "without its key.pem"),
        (vec![("key.pem", key.as_str())], "without its cert.pem"),
        (
            vec![("cert.pem", cert.as_str()), ("key.pem", foreign.as_str())],
            "does not belong",
        ),
    ] {
        let mut machine = Machine::new();
        machine.meta("it", &good);
        machine.environment.docker_context = some("it");
        for (file, text) in files {
            machine.material("it", file, text);
        }
        let (error, text) = machine.refused();
        assert_eq!(error.kind(), ErrorKind::BadInput);
        assert!(
            text.contains(says) && text.contains("of the context \"it\""),
            "{text}"
        );
    }
}

#[test]
fn a_context_that_does_not_exist_is_told_with_those_that_do() {
    let mut machine = Machine::new();
    for name in ["staging", "lab"] {
        machine.context(name, "tcp://h");
    }
    machine.meta("broken", "{");
    machine.config(r#"{"currentContext": "labb"}"#);
    let (error, text) = machine.refused();
    assert_eq!(error.kind(), ErrorKind::BadInput);
    assert!(
        text.contains("there is none of this name") && text.contains("config.json"),
        "{text}"
    );
    assert_eq!(error.hint(), Some("there are: lab, staging"));
    machine.environment.context = some("../../etc");
    assert!(machine.refused().1.contains("which was asked for"));
    machine.environment.home = None;
    assert!(machine.refused().0.hint().unwrap().contains("DOCKER_CONFIG"));
}

#[test]
fn a_broken_configuration_is_not_guessed_past() {
    let mut machine = Machine::new();
    let _engine = machine.listen(&machine.environment.places()[0]);
    machine.config("{\"currentContext\": ");
    let (error, text) = machine.refused();
    assert_eq!(error.kind(), ErrorKind::BadInput);
    assert!(
        text.contains("config.json: it is not what Docker writes"),
        "{text}"
    );
    machine.config(r#"{"currentContext": "", "credsStore": "pass", "unknown": [1]}"#);
    assert_eq!(machine.found().1, Source::Socket);

    machine.environment.docker_host = some("tcp://h");
    machine.environment.docker_tls_verify = some("1");
    let (error, text) = machine.refused();
    assert!(
        text.contains("there is no ca.pem") && text.contains("home/.docker"),
        "{text}"
    );
    assert!(error.hint().unwrap().contains("DOCKER_CERT_PATH"));
    machine.environment.home = None;
    assert!(machine.refused().0.hint().unwrap().contains("DOCKER_CERT_PATH"));
    machine.environment.docker_tls_verify = None;
    machine.environment.host = some("tcp://me:hunter2@host");
    let (error, text) = machine.refused();
    assert!(text.contains("the address that was given") && !format!("{error:?}{text}").contains("hunter2"));
    machine.environment.context = some("x");
    assert!(
        machine
            .refused()
            .1
            .contains("both an address and a Docker context")
    );
    machine.environment.host = None;
    machine.environment.context = None;
    machine.environment.docker_host = some("docker");
    let (error, text) = machine.refused();
    assert!(text.contains("DOCKER_HOST cannot be used"), "{text}");
    assert!(error.hint().unwrap().contains("leave it out"));
}

#[test]
fn every_usual_place_is_searched_and_a_stale_socket_hides_nothing() {
    let machine = Machine::new();
    let places = machine.environment.places();
    for what in [
        "var/run/docker.sock",
        "run/user/7/docker.sock",
        "home/.docker/run/docker.sock",
        "home/.docker/desktop/docker.sock",
        "home/.colima/default/docker.sock",
        "home/.orbstack/run/docker.sock",
        "home/.rd/docker.sock",
        "run/podman/podman.sock",
        "run/user/7/podman/podman.sock",
        "tmp/podman/podman-machine-default-api.sock",
        "home/.local/share/containers/podman/machine/podman.sock",
    ] {
        assert!(places.contains(&machine.dir.path().join(what)), "{what}");
    }
    // From the last to the first: each is preferred to all that come after it.
    let mut listening = Vec::new();
    for place in places.iter().rev() {
        listening.push(machine.listen(place));
        assert_eq!(
            machine.found(),
            (format!("unix://{}", place.display()), Source::Socket)
        );
    }
    drop(listening.pop());
    assert_eq!(
        machine.found().0,
        format!("unix://{}", places[1].display()),
        "the first is stale"
    );
}

#[test]
fn every_place_is_named_with_its_reason() {
    let machine = Machine::new();
    let places = machine.environment.places();
    drop(machine.listen(&places[0]));
    let (error, text) = machine.refused();
    assert_eq!(error.kind(), ErrorKind::NotInstalled);
    assert!(error.is_connect() && error.is_transient() && error.hint().is_some());
    assert!(
        text.contains("nothing listens on it") && text.contains("no Docker context is chosen"),
        "{text}"
    );
    for place in places {
        assert!(text.contains(&place.display().to_string()), "{text}");
    }
}
