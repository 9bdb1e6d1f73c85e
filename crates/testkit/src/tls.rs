//! TLS in front of something that has none: an authority of its own, certificates good and bad, and a server that ends
//! the encryption and passes on what is inside.
//!
//! Owns: making certificates, and the front. Leaves to others: who is trusted, and what a refusal means.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::{TcpListener, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A certificate and its key, in PEM form.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate.
    pub cert: String,
    /// Its key, which is worth nothing outside of a test.
    pub key: String,
}

/// An authority that signs what a test needs.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, which nobody trusts yet.
    ///
    /// # Panics
    /// When no certificate can be made.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test that cannot begin is a failed test")]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Longshore test CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        Self { issuer }
    }

    /// Its certificate, in PEM form.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a server of these names, valid in these years (from the first, up to the second).
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn server(&self, names: &[&str], years: (i32, i32)) -> Pair {
        self.sign(names, years, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate for a client.
    ///
    /// # Panics
    /// As [`Self::new`].
    #[must_use]
    pub fn client(&self) -> Pair {
        self.sign(&["client"], VALID, ExtendedKeyUsagePurpose::ClientAuth)
    }

    #[expect(clippy::expect_used, reason = "a test that cannot begin is a failed test")]
    fn sign(&self, names: &[&str], years: (i32, i32), usage: ExtendedKeyUsagePurpose) -> Pair {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        Pair {
            cert: cert.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// Years in which a certificate is good today.
pub const VALID: (i32, i32) = (2020, 2090);

/// All versions of TLS that are spoken today.
pub const VERSIONS: &[&SupportedProtocolVersion] = rustls::ALL_VERSIONS;

/// A server that speaks TLS on 127.0.0.1 and passes on to a unix socket. It ends when it is dropped.
#[derive(Debug)]
pub struct Front {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl Front {
    /// Shows `pair`; with `clients`, only to those who show a certificate of that authority. Speaks `versions`.
    ///
    /// # Errors
    /// Those of the socket, and of material that does not fit together.
    pub async fn start(
        pair: &Pair,
        clients: Option<&Authority>,
        versions: &[&'static SupportedProtocolVersion],
        socket: &Path,
    ) -> io::Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(config(pair, clients, versions)?));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, acceptor, socket.to_owned()));
        Ok(Self {
            address,
            _serving: serving,
        })
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, socket: PathBuf) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, socket) = (acceptor.clone(), socket.clone());
        connections.spawn(async move {
            // A client that we refuse, or that refuses us, is what some tests are about.
            let mut inner = UnixStream::connect(socket).await?;
            let mut outer = acceptor.accept(stream).await?;
            tokio::io::copy_bidirectional(&mut outer, &mut inner).await
        });
        while connections.try_join_next().is_some() {}
    }
}

fn config(
    pair: &Pair,
    clients: Option<&Authority>,
    versions: &[&'static SupportedProtocolVersion],
) -> io::Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions)
        .map_err(io::Error::other)?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots
                .add(authority.issuer.der().clone())
                .map_err(io::Error::other)?;
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(io::Error::other)?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let cert = CertificateDer::from_pem_slice(pair.cert.as_bytes()).map_err(io::Error::other)?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).map_err(io::Error::other)?;
    builder
        .with_single_cert(vec![cert], key)
        .map_err(io::Error::other)
}
