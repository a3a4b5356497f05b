//! Signs a person in on a page of the issuer, in a browser on this machine (OAuth 2.0 authorization code with PKCE; RFC 8252 and RFC 9700
//! describe what a native application must do).
//!
//! The browser brings the answer to a listener that is reachable only from this machine. Any page or program here can call it, so an answer
//! without the state of this sign-in is rejected and the wait continues: a forged answer must not be able to end the sign-in.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use oauth2::basic::{BasicClient, BasicRequestTokenError};
use oauth2::{
    AsyncHttpClient, AuthUrl, AuthorizationCode, ClientId, CsrfToken, HttpRequest, HttpResponse,
    PkceCodeChallenge, RedirectUrl, Scope, TokenResponse as _, TokenUrl,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use url::Url;

use super::Issued;
use super::challenge::{Issuer, with_sources};
use super::http_client::MAX_REPLY;
use crate::Stop;
use crate::transport::Network;

/// Default time for a person to sign in.
const USUAL_WAIT: Duration = Duration::from_secs(300);
/// Maximum length of a request's head, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// Browsers open speculative connections and send nothing on them.
const SILENCE: Duration = Duration::from_secs(30);
/// No browser opens more connections than this at a time.
const MOST_CONNECTIONS: usize = 64;

/// Opens a page of the issuer and waits until the person has signed in there.
#[derive(Clone)]
pub struct Browser {
    open: Arc<dyn Fn(&str) + Send + Sync>,
    port: u16,
    wait: Duration,
}

impl Browser {
    /// A browser that is opened by a function. The function should also show the address, so that the person can open it manually.
    pub fn new(open: impl Fn(&str) + Send + Sync + 'static) -> Browser {
        Browser {
            open: Arc::new(open),
            port: 0,
            wait: USUAL_WAIT,
        }
    }

    /// The local port that receives the answer. By default, any free port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Browser {
        self.port = port;
        self
    }

    /// How long a person has to sign in. 5 minutes by default.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Browser {
        self.wait = wait;
        self
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Browser")
    }
}

/// Opens the page and waits for the person. Returns `Err(None)` if asked to stop.
pub(super) async fn ask(
    network: &Network,
    client_id: &str,
    browser: &Browser,
    stop: &Stop,
    issuer: &Issuer,
) -> Result<Issued, Option<String>> {
    let listener = Listener::bind(browser.port).await.map_err(|error| {
        Some(format!(
            "no port of this machine can take the browser's answer: {error}"
        ))
    })?;
    let address = |error: url::ParseError| Some(error.to_string());
    let client = BasicClient::new(ClientId::new(client_id.to_owned()))
        .set_auth_uri(AuthUrl::new(issuer.endpoint("authorize")).map_err(address)?)
        .set_token_uri(TokenUrl::new(issuer.endpoint("token")).map_err(address)?)
        .set_redirect_uri(
            RedirectUrl::new(format!("http://localhost:{}", listener.port)).map_err(address)?,
        );
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (page, state) = client
        .authorize_url(CsrfToken::new_random)
        .add_scope(Scope::new(issuer.user_scope()))
        .add_extra_param("prompt", "select_account")
        .set_pkce_challenge(challenge)
        .url();
    (browser.open)(page.as_str());
    let code = tokio::select! {
        biased;
        () = stop.stopped() => return Err(None),
        answer = listener.answer(state.secret()) => answer.map_err(Some)?,
        () = tokio::time::sleep(browser.wait) => {
            return Err(Some(format!(
                "nobody signed in within {} s: the window was closed, or the page was never opened",
                browser.wait.as_secs()
            )));
        }
    };
    let issued = client
        .exchange_code(AuthorizationCode::new(code))
        .set_pkce_verifier(verifier)
        .request_async(network);
    let issued = tokio::select! {
        biased;
        () = stop.stopped() => return Err(None),
        issued = issued => issued.map_err(|error| Some(words(error)))?,
    };
    Ok(Issued {
        access_token: issued.access_token().secret().clone(),
        expires_in: issued.expires_in().unwrap_or_default().as_secs(),
        refresh_token: issued.refresh_token().map(|token| token.secret().clone()),
    })
}

/// Description of a network error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotSent(String);

impl<'c> AsyncHttpClient<'c> for Network {
    type Error = NotSent;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, NotSent>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(send(self, request))
    }
}

/// Sends a request of the OAuth library through our own client, with its TLS, roots and proxies.
async fn send(network: &Network, request: HttpRequest) -> Result<HttpResponse, NotSent> {
    let not_sent = |error: &dyn std::error::Error| NotSent(error.to_string());
    let (parts, body) = request.into_parts();
    let url = Url::parse(&parts.uri.to_string()).map_err(|error| not_sent(&error))?;
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
        .collect();
    let (status, headers, body) = network
        .small_request(
            "POST",
            url,
            headers.into_iter(),
            Bytes::from(body),
            MAX_REPLY,
        )
        .await
        .map_err(|error| NotSent(with_sources(&error)))?;
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status.try_into().map_err(|error| not_sent(&error))?;
    *response.headers_mut() = headers;
    Ok(response)
}

/// The reason why no token was issued. A reply that cannot be parsed may contain one, so it is never quoted.
fn words(error: BasicRequestTokenError<NotSent>) -> String {
    match error {
        BasicRequestTokenError::ServerResponse(refusal) => refusal
            .error_description()
            .cloned()
            .unwrap_or_else(|| refusal.error().to_string()),
        BasicRequestTokenError::Request(error) => error.to_string(),
        BasicRequestTokenError::Parse(..) | BasicRequestTokenError::Other(_) => {
            "it answered with no usable JSON".to_owned()
        }
    }
}

/// The listener for the browser's answer on `localhost`: IPv4, and IPv6 if this machine has it.
struct Listener {
    port: u16,
    four: TcpListener,
    six: Option<TcpListener>,
}

impl Listener {
    async fn bind(port: u16) -> io::Result<Listener> {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let port = four.local_addr()?.port();
        Ok(Listener {
            port,
            six: TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await.ok(),
            four,
        })
    }

    /// Returns the code that the issuer granted, or the reason why it granted none.
    async fn answer(&self, state: &str) -> Result<String, String> {
        let mut open = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                Some(served) = open.join_next() => match served {
                    Ok(Some(answer)) => return answer,
                    Ok(None) | Err(_) => continue,
                },
                accepted = accept(&self.four, self.six.as_ref()), if open.len() < MOST_CONNECTIONS => accepted,
            };
            if let Ok(stream) = accepted {
                open.spawn(serve(stream, state.to_owned()));
            } else {
                // for example too many open files; the next attempt may succeed
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn accept(four: &TcpListener, six: Option<&TcpListener>) -> io::Result<TcpStream> {
    let six = async {
        match six {
            Some(listener) => listener.accept().await,
            None => std::future::pending().await,
        }
    };
    let (stream, _) = tokio::select! {
        accepted = four.accept() => accepted?,
        accepted = six => accepted?,
    };
    Ok(stream)
}

/// Answers one request and returns its result if it belongs to the sign-in.
async fn serve(mut stream: TcpStream, state: String) -> Option<Result<String, String>> {
    let head = tokio::time::timeout(SILENCE, head(&mut stream))
        .await
        .ok()??;
    let (page, answer) = judge(&head, &state);
    let (status, text) = page;
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>deskstate</title>\n<p>{text}</p>\n"
    );
    let reply = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // The answer counts even if the browser does not wait for the page.
    if stream.write_all(reply.as_bytes()).await.is_ok() {
        drop(stream.shutdown().await);
    }
    answer
}

/// Reads a request up to its body.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut piece = [0; 2048];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut piece).await.ok()?;
        if read == 0 || head.len() + read > LONGEST_HEAD {
            return None;
        }
        head.extend_from_slice(piece.get(..read)?);
    }
    String::from_utf8(head).ok()
}

type Page = (&'static str, &'static str);

/// Returns the page to show for a request, and its result if it belongs to the sign-in with this state.
fn judge(head: &str, state: &str) -> (Page, Option<Result<String, String>>) {
    const ELSEWHERE: Page = ("404 Not Found", "There is nothing here.");
    const FOREIGN: Page = (
        "400 Bad Request",
        "This answer does not belong to the sign-in that deskstate is waiting for. Start again from the page that deskstate opened.",
    );
    const FAILED: Page = (
        "200 OK",
        "You are not signed in. deskstate says why. You can close this window.",
    );
    const DONE: Page = ("200 OK", "You are signed in. You can close this window.");
    let target = head.lines().next().and_then(|line| {
        let mut words = line.split(' ');
        (words.next() == Some("GET")).then(|| words.next())?
    });
    let url = target.and_then(|target| {
        let path = target.starts_with('/').then_some(target)?;
        let url = Url::parse(&format!("http://localhost{path}")).ok()?;
        (url.path() == "/").then_some(url)
    });
    let Some(url) = url else {
        return (ELSEWHERE, None);
    };
    let value = |name: &str| {
        let mut pairs = url.query_pairs();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    if value("state").as_deref() != Some(state) {
        return (FOREIGN, None);
    }
    match (value("error"), value("code")) {
        (Some(error), _) => {
            let why = value("error_description").filter(|text| !text.is_empty());
            (FAILED, Some(Err(why.unwrap_or(error))))
        }
        (None, Some(code)) if !code.is_empty() => (DONE, Some(Ok(code))),
        (None, _) => (FOREIGN, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_with_the_state_of_this_sign_in_counts() {
        let judged = |line: &str| {
            let ((status, _), answer) =
                judge(&format!("{line}\r\nHost: localhost\r\n\r\n"), "right");
            (
                status.split(' ').next().unwrap_or_default().to_owned(),
                answer,
            )
        };
        for (line, status, answer) in [
            (
                "GET /?code=c&state=right HTTP/1.1",
                "200",
                Some(Ok("c".to_owned())),
            ),
            (
                "GET /?state=right&code=a%2Bb HTTP/1.1",
                "200",
                Some(Ok("a+b".to_owned())),
            ),
            ("GET /?code=c&state=wrong HTTP/1.1", "400", None),
            ("GET /?code=c HTTP/1.1", "400", None),
            ("GET /?code=c&state=wrong&state=right HTTP/1.1", "400", None),
            ("GET /?error=access_denied HTTP/1.1", "400", None),
            ("GET /?state=right HTTP/1.1", "400", None),
            ("GET /?code=&state=right HTTP/1.1", "400", None),
            ("GET /favicon.ico?code=c&state=right HTTP/1.1", "404", None),
            ("GET //elsewhere?code=c&state=right HTTP/1.1", "404", None),
            ("POST /?code=c&state=right HTTP/1.1", "404", None),
            ("", "404", None),
            (
                "GET /?error=access_denied&error_description=AADSTS65004%3A+no&state=right HTTP/1.1",
                "200",
                Some(Err("AADSTS65004: no".to_owned())),
            ),
            (
                "GET /?error=access_denied&state=right HTTP/1.1",
                "200",
                Some(Err("access_denied".to_owned())),
            ),
        ] {
            assert_eq!(judged(line), (status.to_owned(), answer), "{line}");
        }
    }
}
