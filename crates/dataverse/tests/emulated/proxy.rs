//! A proxy between a client and its server that injects faults, on a schedule that a seed decides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::dice::Dice;

/// A proxy in front of a server. It ends when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub(crate) async fn start(upstream: SocketAddr, seed: u64) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let dice = Arc::new(Dice::new(seed));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                while pass(&mut stream, upstream, &dice).await.is_some() {}
            }
        });
        Proxy { address, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Passes one request on, or injects a fault. `None` closes the connection.
async fn pass(stream: &mut BufReader<TcpStream>, upstream: SocketAddr, dice: &Dice) -> Option<()> {
    let request = read_request(stream).await?;
    let fault = dice.roll(16);
    let early = match fault {
        0 => return None,
        1 => Some("HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"),
        2 => {
            Some("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n")
        }
        3 => Some("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"),
        4 => Some("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>"),
        _ => None,
    };
    if let Some(reply) = early {
        return stream.write_all(reply.as_bytes()).await.ok();
    }
    let reply = ask(upstream, &request).await?;
    let sides = u64::try_from(reply.len()).unwrap_or(u64::MAX).max(1);
    match fault {
        // the server executed the request, but the answer is lost, truncated, late or replaced
        5 => None,
        6 => {
            let end = usize::try_from(dice.roll(sides)).unwrap_or_default();
            let _ = stream.write_all(&reply[..end]).await;
            None
        }
        7 => {
            let bad = b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(bad).await.ok()
        }
        8 => {
            tokio::time::sleep(Duration::from_millis(dice.roll(20))).await;
            stream.write_all(&reply).await.ok()
        }
        9 => {
            let _ = stream.write_all(&reply).await;
            None
        }
        _ => stream.write_all(&reply).await.ok(),
    }
}

async fn read_request(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream
            .read_line(&mut line)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        let lower = line.trim_end().to_ascii_lowercase();
        if lower.is_empty() {
            break;
        }
        if let Some(value) = lower.strip_prefix("content-length: ") {
            length = value.parse().ok()?;
        }
        request.extend_from_slice(line.as_bytes());
    }
    request.extend_from_slice(b"connection: close\r\n\r\n");
    let head = request.len();
    request.resize(head + length, 0);
    stream.read_exact(&mut request[head..]).await.ok()?;
    Some(request)
}

/// The server's complete reply, as bytes. The server closes the connection afterwards, which marks the end of the reply.
async fn ask(upstream: SocketAddr, request: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(upstream).await.ok()?;
    stream.write_all(request).await.ok()?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.ok()?;
    // the connection to the client stays open
    let head_end = reply.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&reply[..head_end]).to_ascii_lowercase();
    let Some(at) = head.find("connection: close\r\n") else {
        return Some(reply);
    };
    reply.drain(at..at + "connection: close\r\n".len());
    Some(reply)
}
