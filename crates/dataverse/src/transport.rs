//! Access to the network, and its replacements. Only this module and the sign-in use the network.

use std::error::Error as _;
use std::io::{self, Write as _};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use tracing::debug;
use url::{Host, Url};
use uuid::Uuid;

use crate::batch::boundary;
use crate::budget::{Meter, Spent};
use crate::environment::{host_of, is_loopback};
use crate::exchanged::{Head, Intake, Outgoing, Reply};
use crate::recording::{Player, Recorder};
use crate::{Connection, Error, Exchange};

/// The header with our id of a request, which the server also logs.
pub(crate) const CLIENT_REQUEST_ID: &str = "x-ms-client-request-id";

/// Carries requests to the network, optionally recording them, or to a recording.
#[derive(Debug)]
pub(crate) enum Transport {
    Network {
        network: Network,
        recorder: Option<Recorder>,
    },
    Replay {
        player: Player,
        meter: Arc<Meter>,
    },
}

impl Transport {
    pub(crate) fn new(connection: &Connection, network: Network) -> Result<Transport, Error> {
        if let Some(directory) = &connection.replay {
            return Ok(Transport::Replay {
                player: Player::new(directory)?,
                meter: network.meter(),
            });
        }
        let recorder = match &connection.record {
            Some((directory, mask)) => Some(Recorder::new(directory, &connection.url, *mask)?),
            None => None,
        };
        Ok(Transport::Network { network, recorder })
    }

    /// Why a recording is incomplete, if one is made and something is missing from it.
    pub(crate) fn not_recorded(&self) -> Option<Error> {
        match self {
            Transport::Network { recorder, .. } => recorder.as_ref()?.failure(),
            Transport::Replay { .. } => None,
        }
    }

    /// Sends a request once. A multipart reply goes to the intake, if there is one.
    pub(crate) async fn send(
        &self,
        outgoing: &Outgoing,
        intake: Option<&mut dyn Intake>,
    ) -> Result<Reply, Error> {
        let mut reply = match self {
            Transport::Replay { player, meter } => {
                let reply = player.answer(outgoing)?;
                meter
                    .receive(reply.length)
                    .map_err(|spent| over_budget(&outgoing.exchange, spent))?;
                reply
            }
            Transport::Network {
                network,
                recorder: None,
            } => return network.send(outgoing, intake).await,
            Transport::Network {
                network,
                recorder: Some(recorder),
            } => {
                let result = network.send(outgoing, None).await;
                recorder.write(outgoing, &result);
                result?
            }
        };
        let body = std::mem::take(&mut reply.body);
        match (intake, head(reply.status, &reply.headers)) {
            (Some(intake), Some(head)) => intake.take(&outgoing.exchange, head, &body)?,
            _ => reply.body = body,
        }
        Ok(reply)
    }
}

/// Sends requests over the network.
#[derive(Debug, Clone)]
pub(crate) struct Network(Arc<Clients>);

/// One client without proxies for hosts on this machine or link, and one with the platform's roots and proxies for all others.
#[derive(Debug)]
struct Clients {
    near: reqwest::Client,
    /// Created on first use, because reading the platform's roots takes a while.
    far: OnceLock<reqwest::Client>,
    connection: Connection,
    meter: Arc<Meter>,
}

impl Network {
    pub(crate) fn new(connection: &Connection) -> Result<Network, Error> {
        // if the program has installed another provider, that one is fine
        let _ = rustls::crypto::ring::default_provider().install_default();
        let near = builder(connection)
            .no_proxy()
            .tls_certs_only(extra_roots(connection)?)
            .build()
            .map_err(|error| setup("the HTTP client cannot be built", error))?;
        let network = Network(Arc::new(Clients {
            near,
            far: OnceLock::new(),
            connection: connection.clone(),
            meter: Arc::new(Meter::new(connection.budget)),
        }));
        if !connection.url.is_loopback() && connection.replay.is_none() {
            network.far()?;
        }
        Ok(network)
    }

    /// The meter of all received data, including token replies.
    pub(crate) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.0.meter)
    }

    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, Error> {
        let link_local = matches!(url.host(), Some(Host::Ipv4(address)) if address.is_link_local());
        if link_local || is_loopback(url) {
            Ok(&self.0.near)
        } else {
            self.far()
        }
    }

    fn far(&self) -> Result<&reqwest::Client, Error> {
        if let Some(made) = self.0.far.get() {
            return Ok(made);
        }
        let connection = &self.0.connection;
        let far = match connection.ignores_proxies {
            true => builder(connection).no_proxy(),
            false => builder(connection),
        };
        let made = far
            .tls_certs_merge(extra_roots(connection)?)
            .build()
            .map_err(|error| {
                let what = "the HTTP client cannot be built; if certificate authorities are missing, install those \
                            of the platform (`ca-certificates`) or name a file with them";
                setup(what, error)
            })?;
        Ok(self.0.far.get_or_init(|| made))
    }

    /// Sends a small request to an issuer or to a platform that identifies this process.
    ///
    /// A reply of more than `most` bytes is an error, since regular replies are shorter.
    pub(crate) async fn small_request(
        &self,
        method: &'static str,
        url: Url,
        headers: impl Iterator<Item = (String, String)>,
        body: Bytes,
        most: usize,
    ) -> Result<(u16, HeaderMap, Vec<u8>), Error> {
        let exchange = Exchange {
            method,
            path: url.path().to_owned(),
            client_request_id: Uuid::new_v4(),
        };
        let limit = Duration::from_secs(60);
        let failed = |error| failure(&exchange, limit, error);
        let mut request = self
            .client_for(&url)?
            .request(http_method(method)?, url)
            .timeout(limit)
            .body(body);
        for (name, value) in headers {
            let mut value = header_value(&value)?;
            // code that logs headers must not log these
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        let mut response = request.send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > most {
                return Err(over_budget(&exchange, Spent::Reply(most as u64)));
            }
            self.0
                .meter
                .receive(chunk.len())
                .map_err(|spent| over_budget(&exchange, spent))?;
            body.extend_from_slice(&chunk);
        }
        let headers = std::mem::take(response.headers_mut());
        Ok((response.status().as_u16(), headers, body))
    }

    /// Sends a request once. A redirect is returned like any other reply; it is not followed.
    pub(crate) async fn send(
        &self,
        outgoing: &Outgoing,
        intake: Option<&mut dyn Intake>,
    ) -> Result<Reply, Error> {
        let failed = |error| failure(&outgoing.exchange, outgoing.limit, error);
        let meter = &self.0.meter;
        let most = usize::try_from(meter.budget().reply).unwrap_or(usize::MAX);
        let over = |spent| over_budget(&outgoing.exchange, spent);
        let mut request = self
            .client_for(&outgoing.url)?
            .request(http_method(outgoing.exchange.method)?, outgoing.url.clone())
            .headers(outgoing.headers.clone())
            .timeout(outgoing.limit);
        if let Some(body) = &outgoing.body {
            request = request.body(body.clone());
        }
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let too_large = || over(Spent::Reply(meter.budget().reply));
        let announced = response.content_length().unwrap_or_default();
        let announced = usize::try_from(announced).map_err(|_| too_large())?;
        let mut sink = match (intake, head(status, &headers)) {
            (Some(intake), Some(head)) => Sink::Intake(intake, head),
            _ if announced > most => return Err(too_large()),
            // an announced length is trusted only up to this size; untouched memory costs nothing
            _ => Sink::Whole(BytesMut::with_capacity(announced.min(16 << 20))),
        };
        let (mut length, mut arrived, mut counted) = (0, 0, 0);
        let mut keep = |packed: usize, bytes: &[u8]| {
            arrived += packed;
            length += bytes.len();
            // counts whichever is larger, the compressed or the decompressed size
            let more = length.max(arrived) - counted;
            counted += more;
            meter.receive(more).map_err(over)?;
            match &mut sink {
                Sink::Intake(intake, head) => intake.take(&outgoing.exchange, *head, bytes),
                Sink::Whole(body) if body.len() + bytes.len() > most => Err(too_large()),
                Sink::Whole(body) => {
                    body.extend_from_slice(bytes);
                    Ok(())
                }
            }
        };
        let packed = headers
            .get(CONTENT_ENCODING)
            .is_some_and(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"gzip"));
        if packed {
            let lost = |source: io::Error| Error::Lost {
                exchange: outgoing.exchange.clone(),
                source: source.into(),
            };
            let mut unpacked = MultiGzDecoder::new(Vec::new());
            while let Some(chunk) = response.chunk().await.map_err(failed)? {
                // data may decompress to a thousand times its size
                for piece in chunk.chunks(PACKED) {
                    unpacked.write_all(piece).map_err(lost)?;
                    keep(piece.len(), unpacked.get_ref())?;
                    unpacked.get_mut().clear();
                }
            }
            unpacked.try_finish().map_err(lost)?;
            keep(0, unpacked.get_ref())?;
        } else {
            while let Some(chunk) = response.chunk().await.map_err(failed)? {
                keep(0, &chunk)?;
            }
        }
        let body = match sink {
            Sink::Intake(..) => Bytes::new(),
            Sink::Whole(body) => body.freeze(),
        };
        Ok(Reply {
            status,
            headers,
            body,
            length,
        })
    }
}

/// Number of compressed bytes that are decompressed at a time.
const PACKED: usize = 4096;

/// The destination of a body.
enum Sink<'a> {
    Intake(&'a mut dyn Intake, Head<'a>),
    Whole(BytesMut),
}

/// The head of a multipart reply, for an intake.
fn head(status: u16, headers: &HeaderMap) -> Option<Head<'_>> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let boundary = boundary(content_type)?;
    Some(Head { status, boundary })
}

pub(crate) fn over_budget(exchange: &Exchange, spent: Spent) -> Error {
    Error::OverBudget {
        exchange: exchange.clone(),
        spent,
    }
}

fn http_method(method: &str) -> Result<reqwest::Method, Error> {
    reqwest::Method::from_bytes(method.as_bytes())
        .map_err(|error| Error::InvalidRequest(error.to_string()))
}

fn failure(exchange: &Exchange, limit: Duration, error: reqwest::Error) -> Error {
    let exchange = exchange.clone();
    let host = error.url().map(host_of).unwrap_or_default();
    // the URL may contain a filter with names of people; the exchange names the path
    let error = error.without_url();
    if error.is_builder() {
        Error::InvalidRequest(format!("{exchange}: {error}"))
    } else if error.is_connect() && is_about_trust(&error) {
        Error::Untrusted {
            exchange,
            source: error.into(),
        }
    } else if error.is_dns() && !is_about_now(&error) {
        Error::UnknownHost {
            host,
            source: cause(&exchange, &error),
            exchange,
        }
    } else if error.is_connect() {
        Error::Unreachable {
            host,
            source: cause(&exchange, &error),
            exchange,
        }
    } else if error.is_timeout() {
        Error::TimedOut { exchange, limit }
    } else {
        Error::Lost {
            exchange,
            source: error.into(),
        }
    }
}

/// Why no connection was made, as text: without the layers of the HTTP client, which go to the log.
fn cause(exchange: &Exchange, error: &reqwest::Error) -> Box<dyn std::error::Error + Send + Sync> {
    const LAYERS: [&str; 5] = [
        "error sending request",
        "client error (",
        "tcp connect error",
        "dns error",
        "error resolving DNS",
    ];
    let mut all = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        all.push(cause.to_string());
        next = cause.source();
    }
    debug!(%exchange, causes = all.join(": "), "no connection");
    let is_layer = |text: &String| LAYERS.iter().any(|layer| text.starts_with(layer));
    let last = all.last().cloned().unwrap_or_default();
    all.retain(|text| !is_layer(text));
    all.dedup();
    let text = if all.is_empty() { last } else { all.join(": ") };
    text.into()
}

/// Whether a resolver reports a temporary failure. Platforms report this only in the message text.
fn is_about_now(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string().to_ascii_lowercase();
        if text.contains("temporar") || text.contains("try again") {
            return true;
        }
        next = cause.source();
    }
    false
}

/// Whether the root cause of an error is a certificate, so that a retry would not help.
fn is_about_trust(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(rustls::Error::InvalidCertificate(_)) = cause.downcast_ref() {
            return true;
        }
        next = match cause
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
        {
            // the source of an I/O error skips the error that it wraps
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    false
}

fn setup(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Setup {
        what: what.to_owned(),
        source: Some(error.into()),
    }
}

fn extra_roots(connection: &Connection) -> Result<Vec<reqwest::Certificate>, Error> {
    let mut roots = Vec::new();
    for bytes in &connection.extra_roots {
        let what = "an extra certificate authority is neither PEM nor DER";
        // Windows exports DER unless asked otherwise, and its editors begin text with a byte order mark.
        let is_der = bytes.first() == Some(&0x30);
        let parsed = if is_der {
            // The library looks into it only later, and then names no cause.
            rustls::RootCertStore::empty()
                .add(bytes.as_slice().into())
                .map_err(|error| setup(what, error))?;
            vec![reqwest::Certificate::from_der(bytes).map_err(|error| setup(what, error))?]
        } else {
            let pem = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            reqwest::Certificate::from_pem_bundle(pem).map_err(|error| setup(what, error))?
        };
        if parsed.is_empty() {
            return Err(Error::Setup {
                what: "an extra certificate authority holds no certificate".to_owned(),
                source: None,
            });
        }
        roots.extend(parsed);
    }
    Ok(roots)
}

fn builder(connection: &Connection) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("deskstate-dataverse/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(connection.timeouts.connect)
        // If the server closes a connection while a write is being sent on it, the outcome is unknown; gateways close idle connections
        // after a minute or more.
        .pool_idle_timeout(Duration::from_secs(20))
}

/// Creates a header value from arbitrary text.
pub(crate) fn header_value(text: &str) -> Result<HeaderValue, Error> {
    // the text may be a secret, so it is not quoted
    HeaderValue::from_str(text)
        .map_err(|_| Error::InvalidRequest("a header holds what no header may".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, SignIn};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    #[tokio::test]
    async fn what_an_issuer_sends_counts_and_ends() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let head = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
                let _ = stream.write_all(head.as_bytes()).await;
                while stream.write_all(&[b' '; 4096]).await.is_ok() {}
            }
        });
        let budget = Budget {
            bytes: 100_000,
            ..Budget::default()
        };
        let connection =
            Connection::new(url.parse().expect("a URL"), SignIn::Anonymous).budget(budget);
        let network = Network::new(&connection).expect("a client");
        for (most, expected) in [
            (50_000, Spent::Reply(50_000)),
            (1 << 20, Spent::Bytes(100_000)),
        ] {
            let url = Url::parse(&url).expect("a URL");
            let error = network
                .small_request("GET", url, std::iter::empty(), Bytes::new(), most)
                .await
                .expect_err("it never ends");
            assert!(
                matches!(&error, Error::OverBudget { spent, .. } if *spent == expected),
                "{error}"
            );
        }
    }
}
