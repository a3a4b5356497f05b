//! A server over TLS that is both an environment and the issuer of its tokens.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deskstate_dataverse::{Budget, Connection, SignIn};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

pub(crate) const TENANT: &str = "0c0f0000-0000-4000-8000-00000000000a";

/// A request that the server received.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) authorization: Option<String>,
    pub(crate) body: String,
}

/// A reply: a status and a JSON body, or a batch.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Reply {
        Reply {
            status,
            headers: "Content-Type: application/json\r\n".to_owned(),
            body: body.to_owned(),
        }
    }
}

pub(crate) struct TlsServer {
    pub(crate) address: SocketAddr,
    pub(crate) certificate: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl TlsServer {
    /// Serves on loopback. `answer` gets each request and the number of earlier requests.
    pub(crate) async fn start(
        answer: impl Fn(&Asked, usize, SocketAddr) -> Reply + Send + Sync + 'static,
    ) -> TlsServer {
        let made =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("its key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the usual versions")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .expect("they fit");
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let server = TlsServer {
            address,
            certificate: made.cert.pem(),
            asked: Arc::clone(&asked),
        };
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, asked, answer) =
                    (acceptor.clone(), Arc::clone(&asked), Arc::clone(&answer));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let mut stream = BufReader::new(stream);
                    while let Some(request) = read(&mut stream).await {
                        let before = {
                            let mut asked = asked.lock().expect("no test panics here");
                            asked.push(request.clone());
                            asked.len() - 1
                        };
                        let Reply {
                            status,
                            headers,
                            body,
                        } = answer(&request, before, address);
                        let head = format!(
                            "HTTP/1.1 {status} Said So\r\n{headers}Content-Length: {}\r\n\r\n{body}",
                            body.len()
                        );
                        if stream.write_all(head.as_bytes()).await.is_err() {
                            return;
                        }
                        let _ = stream.flush().await;
                    }
                });
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    pub(crate) fn connection(&self, sign_in: SignIn) -> Connection {
        Connection::new(self.url().parse().expect("https"), sign_in)
            .extra_roots(self.certificate.clone())
            .budget(Budget {
                attempts: 3,
                time: Duration::from_secs(20),
                first_delay: Duration::from_millis(1),
                longest_delay: Duration::from_millis(2),
                ..Budget::default()
            })
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("no test panics here").clone()
    }
}

async fn read<S: tokio::io::AsyncRead + Unpin>(stream: &mut BufReader<S>) -> Option<Asked> {
    let mut line = String::new();
    stream
        .read_line(&mut line)
        .await
        .ok()
        .filter(|read| *read > 0)?;
    let mut authorization = None;
    let mut length = 0;
    loop {
        let mut header = String::new();
        stream
            .read_line(&mut header)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.to_owned()),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked {
        line: line.trim_end().to_owned(),
        authorization,
        body: String::from_utf8(body).ok()?,
    })
}
