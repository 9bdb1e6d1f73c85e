//! TLS: what an engine is checked with, what we show it, and what a failed handshake means.
//!
//! One stack, rustls on ring, with TLS 1.2 and 1.3. Where the material lies is `context`'s and `discover`'s business.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError,
    RootCertStore, SignatureScheme,
};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsConnector;

use crate::error::{Distrust, Error, ErrorKind};

const OP: &str = "use the TLS material";

/// How an encrypted connection is checked, and what it shows of us. Cheap to clone; holds keys, and shows none in
/// `Debug`.
///
/// By default an engine must have a certificate of an authority that this machine trusts, and we show none. Two are
/// equal when they were made of the same material.
///
/// ```no_run
/// # fn example(ca: &[u8], cert: &[u8], key: &[u8]) -> Result<(), longshore_engine::Error> {
/// use longshore_engine::{Endpoint, Tls};
///
/// let tls = Tls::default().ca(ca)?.identity(cert, key)?;
/// let endpoint = "tcp://engine.example:2376".parse::<Endpoint>()?.with_tls(tls);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct Tls {
    roots: Roots,
    identity: Option<Arc<CertifiedKey>>,
    fingerprint: [u8; 32],
}

#[derive(Clone, Default)]
enum Roots {
    #[default]
    Machine,
    Only(Arc<RootCertStore>),
    Unchecked,
}

impl Tls {
    /// Trusts the authorities in `pem` (one certificate or more) and no others.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] when there is no certificate in it, or one that cannot be read.
    pub fn ca(mut self, pem: &[u8]) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        for certificate in certificates(pem, "the CA")? {
            store
                .add(certificate)
                .map_err(|error| bad("the CA holds a certificate that no CA has").with_source(error))?;
        }
        self.roots = Roots::Only(Arc::new(store));
        Ok(self.marked(b"ca", &[pem]))
    }

    /// Shows the engine this certificate (the chain, our own first) and proves with `key` that it is ours. Both in PEM
    /// form; the key without a passphrase.
    ///
    /// # Errors
    /// [`ErrorKind::BadInput`] when either cannot be read, or they do not belong together.
    pub fn identity(mut self, cert: &[u8], key: &[u8]) -> Result<Self, Error> {
        let chain = certificates(cert, "the client certificate")?;
        let private = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
            // What cannot be read may still be a key: nothing of it goes into the text.
            if key.windows(9).any(|word| word == b"ENCRYPTED") {
                bad("the client key is protected by a passphrase")
                    .with_hint("write it without one: openssl pkey -in key.pem -out plain.pem")
            } else {
                bad("the client key is no private key in PEM form")
            }
            .with_source(error)
        })?;
        let identity = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| {
            bad(match error {
                TlsError::InconsistentKeys(_) => "the client key does not belong to the client certificate",
                _ => "the client certificate or its key cannot be used",
            })
            .with_source(error)
        })?;
        self.identity = Some(Arc::new(identity));
        Ok(self.marked(b"identity", &[cert, key]))
    }

    /// Takes whatever certificate an engine has: encrypted, but with anybody. Docker's `skip-tls-verify`.
    #[must_use]
    pub fn unchecked(mut self) -> Self {
        self.roots = Roots::Unchecked;
        self.marked(b"unchecked", &[])
    }

    /// Notes what was added, for comparing.
    fn marked(mut self, what: &[u8], parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new_with_prefix(self.fingerprint);
        hash.update(what);
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        self.fingerprint = hash.finalize().into();
        self
    }

    /// What connections are made with. Reads the machine's authorities where those are asked for: milliseconds.
    pub(crate) fn connector(&self) -> Result<TlsConnector, Error> {
        let provider = Arc::new(provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| bad("no version of TLS can be spoken").with_source(error))?;
        let builder = match &self.roots {
            Roots::Machine => builder.with_root_certificates(machine_roots()?),
            Roots::Only(store) => builder.with_root_certificates(Arc::clone(store)),
            Roots::Unchecked => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Unchecked(provider))),
        };
        let config = match &self.identity {
            Some(identity) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(identity))))
            }
            None => builder.with_no_client_auth(),
        };
        Ok(TlsConnector::from(Arc::new(config)))
    }
}

impl PartialEq for Tls {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Tls {}

impl std::hash::Hash for Tls {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roots = match &self.roots {
            Roots::Machine => "of the machine",
            Roots::Only(_) => "its own",
            Roots::Unchecked => "unchecked",
        };
        f.debug_struct("Tls")
            .field("roots", &roots)
            .field("identity", &self.identity.is_some())
            .finish()
    }
}

fn bad(reason: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::BadInput, OP).with_message(reason)
}

fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

fn certificates(pem: &[u8], whose: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let all: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| bad(format!("{whose} cannot be read as PEM")).with_source(error))?;
    if all.is_empty() {
        return Err(bad(format!("{whose} holds no certificate in PEM form")));
    }
    Ok(all)
}

fn machine_roots() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(found.certs);
    if !store.is_empty() {
        return Ok(store);
    }
    let error = bad("this machine has no certificate authorities that it trusts")
        .with_hint("install them (ca-certificates), or give the engine's own CA");
    Err(match found.errors.into_iter().next() {
        Some(cause) => error.with_source(cause),
        None => error,
    })
}

/// Checks that the other side has the key of the certificate that it shows, and not whose it is.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, cert, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What a failure of TLS means to a caller.
pub(crate) struct Meaning {
    pub(crate) kind: ErrorKind,
    pub(crate) message: Cow<'static, str>,
    pub(crate) hint: Cow<'static, str>,
}

impl Meaning {
    fn new(
        kind: ErrorKind,
        message: impl Into<Cow<'static, str>>,
        hint: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// Said in an error of that kind.
    pub(crate) fn said_in(self, error: impl FnOnce(ErrorKind) -> Error) -> Error {
        error(self.kind).with_message(self.message).with_hint(self.hint)
    }
}

/// What the failure means when TLS is its cause.
///
/// A certificate of ours that is missing or unwelcome is refused only after our side of a TLS 1.3 handshake is done: that
/// comes out of the first call.
pub(crate) fn meaning(error: &(dyn StdError + 'static)) -> Option<Meaning> {
    let meaning = match within(error)? {
        TlsError::InvalidCertificate(certificate) => distrust(certificate),
        TlsError::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            // What a server says whose CA has the name of ours, and another key.
            | AlertDescription::DecryptError
            | AlertDescription::AccessDenied,
        ) => Meaning::new(
            ErrorKind::Permission,
            "the engine wants a client certificate, and ours is missing or unwelcome",
            "give a certificate and its key that the engine's CA has signed: cert.pem and key.pem in DOCKER_CERT_PATH, \
             or in the Docker context",
        ),
        TlsError::InvalidMessage(_) => Meaning::new(
            ErrorKind::Protocol,
            "what answers does not speak TLS",
            "use tcp:// without DOCKER_TLS_VERIFY for an engine without TLS; engines speak TLS on port 2376",
        ),
        _ => Meaning::new(
            ErrorKind::Connect,
            "no encrypted connection could be agreed on",
            "check that the port is the engine's, and that it speaks TLS 1.2 or 1.3",
        ),
    };
    Some(meaning)
}

fn distrust(error: &CertificateError) -> Meaning {
    let untrusted = |why, message: Cow<'static, str>, hint: &'static str| {
        Meaning::new(ErrorKind::Untrusted(why), message, hint)
    };
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => untrusted(
            Distrust::Expired,
            "the engine's certificate has expired".into(),
            "renew the engine's certificate, or set this machine's clock",
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => untrusted(
            Distrust::Expired,
            "the engine's certificate is not valid yet".into(),
            "set this machine's clock, or the engine's when the certificate was made",
        ),
        CertificateError::NotValidForName => untrusted(
            Distrust::WrongName,
            "the engine's certificate is for another name".into(),
            WRONG_NAME,
        ),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let shown: Vec<_> = presented.iter().take(5).map(|name| bare(name)).collect();
            let names = match shown.as_slice() {
                [] => "no name at all (the common name does not count)".to_owned(),
                names => names.join(", "),
            };
            let message = format!(
                "the engine's certificate is not for {} but for {names}",
                expected.to_str()
            );
            untrusted(Distrust::WrongName, message.into(), WRONG_NAME)
        }
        CertificateError::UnknownIssuer | CertificateError::BadSignature => untrusted(
            Distrust::UnknownIssuer,
            "the engine's certificate is not from an authority that is trusted here".into(),
            "give the CA that signed it: ca.pem in DOCKER_CERT_PATH, or in the Docker context",
        ),
        _ => untrusted(
            Distrust::Other,
            "the engine's certificate cannot be accepted".into(),
            "make a certificate of version 3 for the engine, signed by its CA and with its names in subjectAltName",
        ),
    }
}

/// `engine.example` of `DnsName("engine.example")`, which is how rustls presents it.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

const WRONG_NAME: &str =
    "use a name that the certificate has, or make one with this name in its subjectAltName";

/// The error of TLS inside this one.
fn within<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An error of I/O gives the source of what it holds, not what it holds.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(held) => Some(held as &'a (dyn StdError + 'static)),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["engine.example".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn material_that_cannot_be_used_is_named_and_never_shown() {
        let (cert, key) = made();
        let (_, other) = made();
        let encrypted = key.replace("BEGIN PRIVATE", "BEGIN ENCRYPTED PRIVATE");
        let cut = &cert[..cert.len() / 2];
        let secret = key.lines().nth(1).unwrap();
        let tls = Tls::default;
        for (result, says) in [
            (tls().ca(b""), "the CA holds no certificate"),
            (tls().ca(key.as_bytes()), "the CA holds no certificate"),
            (tls().ca(cut.as_bytes()), "the CA cannot be read"),
            (
                tls().ca(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
                "that no CA has",
            ),
            (
                tls().identity(b"", key.as_bytes()),
                "the client certificate holds no",
            ),
            (tls().identity(cert.as_bytes(), b"x"), "no private key"),
            (
                tls().identity(cert.as_bytes(), encrypted.as_bytes()),
                "passphrase",
            ),
            (
                tls().identity(cert.as_bytes(), other.as_bytes()),
                "does not belong",
            ),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BadInput);
            assert!(error.to_string().contains(says), "{error} / {says}");
            assert!(!format!("{error:?}").contains(secret));
        }
    }

    #[test]
    fn material_is_compared_and_not_shown() {
        let (cert, key) = made();
        let tls = || Tls::default().ca(cert.as_bytes()).unwrap();
        let with_key = tls().identity(cert.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(tls(), tls());
        assert_ne!(tls(), with_key);
        assert_ne!(tls(), tls().unchecked());
        let shown = format!("{with_key:?}");
        assert_eq!(shown, "Tls { roots: \"its own\", identity: true }");
    }
}
