//! A server on a fake engine, and clients for it.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use longshore_fleet::FleetConfig;
use longshore_server::{Server, ServerConfig};
use longshore_store::{Role, Store};
use longshore_testkit::fake::{FakeConfig, FakeEngine};
use serde_json::{Value, json};
use tokio::{net::TcpStream, task::JoinSet, time::timeout};
use tokio_tungstenite::{connect_async, tungstenite::client::IntoClientRequest};
use tokio_util::sync::CancellationToken;

use crate::live::Live;

/// Far longer than anything here takes; it only ends a test that would hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const PASSWORD: &str = "correct horse battery";

pub(crate) fn now() -> longshore_core::Timestamp {
    std::time::SystemTime::now().into()
}

/// A running server. Ends with [`Site::stop`].
pub(crate) struct Site {
    pub(crate) engine: FakeEngine,
    pub(crate) address: SocketAddr,
    pub(crate) setup: Option<String>,
    pub(crate) store: Store,
    shutdown: CancellationToken,
    serving: JoinSet<()>,
    dir: tempfile::TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    /// `name=value` of the cookie that it sets.
    pub(crate) fn cookie(&self) -> String {
        self.headers["set-cookie"]
            .to_str()
            .unwrap()
            .split(';')
            .next()
            .unwrap()
            .to_owned()
    }
}

impl Site {
    pub(crate) async fn start() -> Self {
        Self::with(|config| config).await
    }

    pub(crate) async fn with(change: impl FnOnce(ServerConfig) -> ServerConfig) -> Self {
        let engine = FakeEngine::start(FakeConfig::default()).await.unwrap();
        Self::launch(engine, tempfile::tempdir().unwrap(), change).await
    }

    async fn launch(
        engine: FakeEngine,
        dir: tempfile::TempDir,
        change: impl FnOnce(ServerConfig) -> ServerConfig,
    ) -> Self {
        let fleet = FleetConfig::at(engine.endpoint().parse().unwrap());
        let config = change(ServerConfig::new(
            "127.0.0.1:0".parse().unwrap(),
            dir.path(),
            fleet,
        ));
        let server = Server::bind(config).await.unwrap();
        let (address, setup) = (server.address(), server.setup_link());
        let store = Store::open(dir.path()).await.unwrap();
        let shutdown = CancellationToken::new();
        let mut serving = JoinSet::new();
        serving.spawn(server.serve(shutdown.clone()));
        Self {
            engine,
            address,
            setup,
            store,
            shutdown,
            serving,
            dir,
        }
    }

    /// A token of that role, as the value of an `Authorization` header.
    pub(crate) async fn token(&self, role: Role) -> String {
        let name = format!("{role}-{:?}", std::time::Instant::now());
        let name: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(60)
            .collect();
        format!(
            "Bearer {}",
            self.store
                .create_token(&name, role, now())
                .await
                .unwrap()
                .reveal()
        )
    }

    /// Makes the first account, and gives its cookie.
    pub(crate) async fn set_up(&self) -> String {
        let token = self.setup.as_ref().unwrap().split_once("#setup=").unwrap().1;
        let body = json!({"token": token, "name": "Ada", "password": PASSWORD});
        let answer = self
            .post("/api/v1/setup", &[("origin", &self.origin())], &body)
            .await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.cookie()
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", path, headers, Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let headers = [headers, &[("content-type", "application/json")]].concat();
        self.send("POST", path, &headers, body.to_string().into()).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Answer {
        let response = self.open(method, path, headers, body).await;
        let (head, body) = response.into_parts();
        let body = timeout(PATIENCE, body.collect())
            .await
            .expect("the body ends")
            .unwrap()
            .to_bytes();
        Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        }
    }

    /// The same, with the body still to be read.
    pub(crate) async fn open(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> http::Response<hyper::body::Incoming> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", self.address.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let response = timeout(PATIENCE, sender.send_request(request))
            .await
            .expect("an answer comes")
            .unwrap();
        // The connection lives until its body was read; nobody needs its result.
        driver.detach_all();
        response
    }

    /// Waits until the server has seen what the engine holds.
    pub(crate) async fn ready(&self, auth: &str) {
        longshore_testkit::eventually("the host is followed", async || {
            let answer = self.get("/readyz", &[("authorization", auth)]).await;
            if answer.status == 200 {
                Ok(())
            } else {
                Err(answer.text())
            }
        })
        .await;
    }

    pub(crate) async fn connect(&self, headers: &[(&str, &str)]) -> Result<Live, u16> {
        self.connect_to("/api/v1/stream", headers).await
    }

    pub(crate) async fn connect_to(&self, path: &str, headers: &[(&str, &str)]) -> Result<Live, u16> {
        let mut request = format!("ws://{}{path}", self.address)
            .into_client_request()
            .unwrap();
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        match connect_async(request).await {
            Ok((socket, _)) => Ok(Live { socket }),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    /// A live stream as a viewer.
    pub(crate) async fn live(&self) -> Live {
        let token = self.token(Role::Viewer).await;
        self.connect(&[("authorization", &token)]).await.unwrap()
    }

    /// Begins the shutdown.
    pub(crate) fn shut_down(&self) {
        self.shutdown.cancel();
    }

    /// The server ends, something happens to the engine, and another server begins with what the first one has kept.
    pub(crate) async fn again(
        mut self,
        meanwhile: impl AsyncFnOnce(&FakeEngine),
        change: impl FnOnce(ServerConfig) -> ServerConfig,
    ) -> Self {
        self.end().await;
        meanwhile(&self.engine).await;
        Self::launch(self.engine, self.dir, change).await
    }

    /// What is on the disk now: the database as it would be found after a kill. While nothing is written.
    pub(crate) fn on_disk(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(self.dir.path()).unwrap() {
            let file = file.unwrap();
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
            }
        }
        copy
    }

    /// The server ends, and another begins with no more than was on the disk.
    pub(crate) async fn again_with(mut self, disk: tempfile::TempDir) -> Self {
        self.end().await;
        Self::launch(self.engine, disk, |config| config).await
    }

    pub(crate) async fn stop(mut self) {
        self.end().await;
        self.engine.stop().await;
    }

    async fn end(&mut self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.serving.join_next())
            .await
            .expect("the server stops")
            .unwrap()
            .unwrap();
        self.store.close().await;
    }
}
