//! TLS with a certificate that is created at start, under an authority of its own.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::serve::Listener;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clock::Moment;

/// Time limit for a handshake. Slower clients are disconnected.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Maximum number of connections that wait to be served.
const WAITING: usize = 64;
/// Lifetime of the certificate in days. No client accepts more than 825.
const DAYS: i64 = 397;

/// Whether connections use TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tls {
    /// No TLS: `http`.
    #[default]
    Off,
    /// TLS, with a certificate for this machine, each listening address, and the given names.
    Generated {
        /// The file for the authority's certificate (PEM), which clients must trust.
        authority_out: Option<PathBuf>,
    },
}

/// The reason why TLS could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate could not be created.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The certificate was rejected.
    #[error("cannot use the certificate")]
    Use(#[from] rustls::Error),
    /// The authority's certificate could not be written.
    #[error("cannot write `{}`", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// Certificates that are ready to serve, and their authority.
pub(crate) struct Served {
    pub(crate) certificates: Certificates,
    /// The authority's certificate, as PEM.
    pub(crate) authority: String,
}

/// Maximum number of addresses of this machine that get a certificate of their own.
const MOST_ADDRESSES: usize = 64;

/// One certificate for the names that are known at start, and one for each further address of this machine that a client connects to.
pub(crate) struct Certificates {
    issuer: Issuer<'static, KeyPair>,
    names: Vec<String>,
    usual: TlsAcceptor,
    further: Mutex<HashMap<IpAddr, TlsAcceptor>>,
}

impl Certificates {
    /// The certificate to present on an address. Addresses that are known at start use the first certificate.
    fn at(&self, address: IpAddr) -> TlsAcceptor {
        let address = address.to_canonical();
        if self.names.contains(&address.to_string()) {
            return self.usual.clone();
        }
        let mut further = self.further.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = further.get(&address) {
            return known.clone();
        }
        let mut names = self.names.clone();
        names.push(address.to_string());
        match certificate(&self.issuer, names) {
            Ok(made) if further.len() < MOST_ADDRESSES => {
                further.insert(address, made.clone());
                made
            }
            Ok(made) => made,
            Err(error) => {
                tracing::warn!(%error, %address, "no certificate could be made for an address");
                self.usual.clone()
            }
        }
    }
}

/// Creates an authority, and a certificate for this machine, the listening address and the given names.
pub(crate) fn generate(address: IpAddr, hosts: &[String]) -> Result<Served, TlsError> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name = named("Dataverse emulator, made at start");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    limit(&mut authority);
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;

    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    names.extend(hosts.iter().cloned());
    let address = address.to_canonical().to_string();
    if !names.contains(&address) {
        names.push(address);
    }
    let authority_pem = authority_certificate.pem();
    let issuer = Issuer::new(authority, authority_key);
    Ok(Served {
        certificates: Certificates {
            usual: certificate(&issuer, names.clone())?,
            issuer,
            names,
            further: Mutex::default(),
        },
        authority: authority_pem,
    })
}

/// Creates a certificate for these names.
fn certificate(
    issuer: &Issuer<'static, KeyPair>,
    names: Vec<String>,
) -> Result<TlsAcceptor, TlsError> {
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name = named("localhost");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    limit(&mut leaf);
    let key = KeyPair::generate()?;
    let certificate = leaf.signed_by(&key, issuer)?;

    let mut config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// Writes the authority's certificate atomically, since a client may be waiting for the file.
pub(crate) fn write_authority(path: &Path, pem: &str) -> Result<(), TlsError> {
    let failed = |source| TlsError::Write {
        path: path.to_owned(),
        source,
    };
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, pem).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}

fn named(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}

/// Sets the validity, starting yesterday to tolerate clock differences.
fn limit(params: &mut CertificateParams) {
    let now = Moment::now();
    let date = |moment: Moment| {
        let (year, month, day) = moment.date();
        rcgen::date_time_ymd(year, month, day)
    };
    params.not_before = date(now.minus_seconds(86_400));
    params.not_after = date(now.minus_seconds(-DAYS * 86_400));
}

/// Yields connections after their handshake. Handshakes run concurrently.
#[derive(Debug)]
pub(crate) struct TlsListener {
    address: SocketAddr,
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
}

impl TlsListener {
    pub(crate) fn new(
        listener: TcpListener,
        certificates: Certificates,
    ) -> io::Result<TlsListener> {
        let address = listener.local_addr()?;
        let (done, ready) = mpsc::channel(WAITING);
        tokio::spawn(accept(listener, certificates, done));
        Ok(TlsListener { address, ready })
    }
}

/// Accepts connections until the receiver is closed.
async fn accept(
    mut listener: TcpListener,
    certificates: Certificates,
    done: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    loop {
        let (stream, from) = tokio::select! {
            accepted = Listener::accept(&mut listener) => accepted,
            () = done.closed() => return,
        };
        let Ok(local) = stream.local_addr() else {
            continue;
        };
        let (acceptor, done) = (certificates.at(local.ip()), done.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                // sending fails only when the server stops
                Ok(Ok(stream)) => drop(done.send((stream, from)).await),
                Ok(Err(error)) => tracing::debug!(%error, %from, "the handshake failed"),
                Err(_) => tracing::debug!(%from, "the handshake took too long"),
            }
        });
    }
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            // the accepting task ends only after this one
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
