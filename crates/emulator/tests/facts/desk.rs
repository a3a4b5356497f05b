//! An emulator for each test, and the requests that all tests use.

use deskstate_emulator::{Config, Emulator, Switches};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value as Json;

/// A running emulator and a client for it.
pub(crate) struct Desk {
    pub(crate) emulator: Emulator,
    pub(crate) client: Client,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
            .unwrap_or_default()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The rows of a collection.
    pub(crate) fn rows(&self) -> Vec<Json> {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()["value"].as_array().expect("value").clone()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer {
        status,
        headers,
        text: response.text().await.expect("text"),
    }
}

/// Percent-encodes a text for a URL.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// An emulator with an additional table, on Wednesday 2026-11-25.
pub(crate) async fn desk_with_table(text: &str) -> Desk {
    let folder = tempfile::tempdir().expect("folder");
    std::fs::write(folder.path().join("table.yaml"), text).expect("written");
    desk_of(Config {
        tables: Some(folder.path().to_owned()),
        clock: Some("2026-11-25T17:25:22Z".into()),
        ..Config::default()
    })
    .await
}

pub(crate) async fn desk() -> Desk {
    desk_with(Switches::default()).await
}

pub(crate) async fn desk_with(switches: Switches) -> Desk {
    desk_of(Config {
        switches,
        clock: Some("2026-05-01T08:00:00Z".into()),
        ..Config::default()
    })
    .await
}

pub(crate) async fn desk_of(config: Config) -> Desk {
    // Another test of the process may have installed a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Desk {
        emulator: Emulator::start(config).await.expect("started"),
        client: Client::new(),
    }
}

impl Desk {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/api/data/v9.2/{path}", self.emulator.url())
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, self.url(path))
            .header("If-None-Match", "null")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn get_with(&self, path: &str, prefer: &str) -> Answer {
        send(self.request(Method::GET, path).header("Prefer", prefer)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Json) -> Answer {
        send(
            self.request(Method::POST, path)
                .header("Content-Type", "application/json")
                .body(body.to_string()),
        )
        .await
    }

    pub(crate) async fn patch(&self, path: &str, body: Json) -> Answer {
        send(
            self.request(Method::PATCH, path)
                .header("Content-Type", "application/json")
                .body(body.to_string()),
        )
        .await
    }

    pub(crate) async fn patch_if(&self, path: &str, etag: &str, body: Json) -> Answer {
        let request = self
            .request(Method::PATCH, path)
            .header("Content-Type", "application/json");
        send(request.header("If-Match", etag).body(body.to_string())).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn batch(&self, body: &str, prefer: Option<&str>) -> Answer {
        let mut request = self
            .request(Method::POST, "$batch")
            .header("Content-Type", "multipart/mixed; boundary=\"b\"")
            .body(body.replace('\n', "\r\n"));
        if let Some(prefer) = prefer {
            request = request.header("Prefer", prefer);
        }
        send(request).await
    }

    /// Creates a row and returns its key.
    pub(crate) async fn create(&self, set: &str, body: Json) -> String {
        let answer = self.post(set, body).await.expect(204);
        let url = answer.header("odata-entityid").to_owned();
        url[url.find('(').expect("key") + 1..url.len() - 1].to_owned()
    }

    pub(crate) async fn session(&self, name: &str) -> String {
        self.create("msdyn_sessiontemplates", session(name)).await
    }

    pub(crate) async fn field(&self, name: &str) -> String {
        self.create("msdyn_notificationfields", field(name)).await
    }
}

/// The body of a new session template.
pub(crate) fn session(name: &str) -> Json {
    serde_json::json!({"msdyn_name": name, "msdyn_uniquename": name, "msdyn_sessiontype": 0, "msdyn_type": false})
}

/// The body of a new notification field.
pub(crate) fn field(name: &str) -> Json {
    serde_json::json!({"msdyn_name": name, "msdyn_uniquename": name, "msdyn_title": name})
}

/// One part of a changeset.
pub(crate) fn part(id: u32, line: &str, headers: &str, body: &str) -> String {
    format!(
        "--c\nContent-Type: application/http\nContent-Transfer-Encoding: binary\nContent-ID: {id}\n\n{line} HTTP/1.1\nContent-Type: application/json; type=entry\n{headers}\n{body}\n"
    )
}

/// A batch of one changeset.
pub(crate) fn changeset(parts: &[String]) -> String {
    format!(
        "--b\nContent-Type: multipart/mixed; boundary=\"c\"\n\n{}--c--\n--b--\n",
        parts.concat()
    )
}
