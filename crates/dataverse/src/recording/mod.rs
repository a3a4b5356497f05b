//! Records exchanges to files and replays them, so that a bug report can be reproduced.

mod scrub;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use deskstate_files::Limit;
use http::HeaderMap;
use serde::{Deserialize, Serialize, de};
use tracing::warn;
use uuid::Uuid;

use crate::environment::host_of;
use crate::exchanged::{Outgoing, Reply};
use crate::{Budget, EnvironmentUrl, Error, Spent};
use scrub::{Scrubber, outline};

/// The version of the file format.
const VERSION: u32 = 1;

/// One exchange, as stored in a file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recorded {
    format_version: u32,
    method: String,
    path: String,
    request: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<RecordedAnswer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<RecordedFailure>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RecordedAnswer {
    status: u16,
    #[serde(deserialize_with = "few_headers")]
    headers: BTreeMap<String, String>,
    body: String,
}

/// The reason why an exchange has no answer.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum RecordedFailure {
    Unreachable,
    TimedOut,
    Lost,
    TooLarge,
    Other,
}

/// The reply headers that are recorded; a replay does not need the others.
const KEPT_HEADERS: &[&str] = &[
    "content-type",
    "location",
    "odata-version",
    "preference-applied",
    "req_id",
    "retry-after",
    "x-ms-request-id",
    "x-ms-service-request-id",
];

/// Returns a text with its credentials replaced.
pub type Mask = fn(&str) -> String;

/// Writes exchanges to a directory.
pub(crate) struct Recorder {
    directory: PathBuf,
    scrubber: Scrubber,
    written: AtomicUsize,
    /// Why the first exchange that is missing could not be written.
    failure: OnceLock<String>,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// Writes a file that only its owner can read, because the texts of a desktop may be confidential.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    std::io::Write::write_all(&mut options.open(path)?, bytes)
}

impl Recorder {
    /// Creates a recorder for a directory. The directory is created if necessary, and must not contain a recording yet.
    pub(crate) fn new(
        directory: &Path,
        url: &EnvironmentUrl,
        mask: Mask,
    ) -> Result<Recorder, Error> {
        let failed = |reason: String| recording(directory, reason);
        let mut folder = std::fs::DirBuilder::new();
        folder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder
            .create(directory)
            .map_err(|error| failed(error.to_string()))?;
        if !files(directory)?.is_empty() {
            return Err(failed("it holds a recording already".to_owned()));
        }
        Ok(Recorder {
            directory: directory.to_owned(),
            scrubber: Scrubber::new(Uuid::new_v4(), url.host()).masking(mask),
            written: AtomicUsize::new(0),
            failure: OnceLock::new(),
        })
    }

    /// Why the recording is incomplete, if it is.
    pub(crate) fn failure(&self) -> Option<Error> {
        let reason = self.failure.get()?;
        Some(recording(&self.directory, reason.clone()))
    }

    /// Records an exchange. A file that cannot be written is only noted: recording must not affect the outcome of a write.
    pub(crate) fn write(&self, outgoing: &Outgoing, result: &Result<Reply, Error>) {
        let number = self.written.fetch_add(1, Ordering::SeqCst) + 1;
        let path = self.directory.join(format!("{number:04}.json"));
        let recorded = self.recorded(outgoing, result);
        let written = serde_json::to_vec_pretty(&recorded)
            .map_err(std::io::Error::other)
            .and_then(|bytes| write_private(&path, &bytes));
        if let Err(error) = written {
            warn!(%error, path = %path.display(), "an exchange was not recorded");
            self.failure
                .get_or_init(|| format!("an exchange was not recorded: {error}"));
        }
    }

    fn recorded(&self, outgoing: &Outgoing, result: &Result<Reply, Error>) -> Recorded {
        let request = outgoing.body.as_deref().unwrap_or_default();
        let (answer, failure) = match result {
            Ok(reply) => (Some(self.answer(reply)), None),
            Err(error) => (None, Some(failure(error))),
        };
        Recorded {
            format_version: VERSION,
            method: outgoing.exchange.method.to_owned(),
            path: self.scrubber.request(&outgoing.exchange.path),
            request: self.scrubber.request(&String::from_utf8_lossy(request)),
            answer,
            failure,
        }
    }

    fn answer(&self, reply: &Reply) -> RecordedAnswer {
        let headers = KEPT_HEADERS
            .iter()
            .filter_map(|name| Some((*name, reply.header(name)?)))
            .map(|(name, value)| {
                // the query of a location may contain a token
                let value = value.split('?').next().unwrap_or_default();
                (name.to_owned(), self.scrubber.text(value))
            })
            .collect();
        RecordedAnswer {
            status: reply.status,
            headers,
            body: self.scrubber.text(&String::from_utf8_lossy(&reply.body)),
        }
    }
}

fn failure(error: &Error) -> RecordedFailure {
    match error {
        Error::Unreachable { .. } => RecordedFailure::Unreachable,
        Error::TimedOut { .. } => RecordedFailure::TimedOut,
        Error::Lost { .. } => RecordedFailure::Lost,
        Error::OverBudget { .. } => RecordedFailure::TooLarge,
        _ => RecordedFailure::Other,
    }
}

/// Replays the exchanges of a directory, in order.
#[derive(Debug)]
pub(crate) struct Player {
    directory: PathBuf,
    files: Vec<PathBuf>,
    played: AtomicUsize,
}

impl Player {
    pub(crate) fn new(directory: &Path) -> Result<Player, Error> {
        let files = files(directory)?;
        if files.is_empty() {
            return Err(recording(directory, "it holds no recording".to_owned()));
        }
        Ok(Player {
            directory: directory.to_owned(),
            files,
            played: AtomicUsize::new(0),
        })
    }

    /// Returns the recorded answer to a request, if the recording has the same request at this position.
    pub(crate) fn answer(&self, outgoing: &Outgoing) -> Result<Reply, Error> {
        let at = self.played.fetch_add(1, Ordering::SeqCst);
        let path = self.files.get(at).ok_or_else(|| {
            recording(
                &self.directory,
                format!("it ends after {} exchanges", self.files.len()),
            )
        })?;
        let failed = |reason: String| recording(path, reason);
        // recordings come from other people's reports, so links are not followed
        let bytes = deskstate_files::read_unlinked(path, Limit::EXCHANGE)
            .map_err(|problem| failed(problem.to_string()))?;
        let recorded: Recorded =
            serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        drop(bytes);
        if recorded.format_version != VERSION {
            return Err(failed(format!(
                "its format is {}; this version reads {VERSION}",
                recorded.format_version
            )));
        }
        let body = outgoing.body.as_deref().unwrap_or_default();
        let asked = requests(
            &String::from_utf8_lossy(body),
            outgoing.url.host_str(),
            usize::MAX,
        );
        let expected = requests(&recorded.request, None, asked.len() + 1);
        if recorded.path != outgoing.exchange.path || asked != expected {
            return Err(failed(difference(&asked, &expected)));
        }
        match (recorded.answer, recorded.failure) {
            (Some(answer), _) => answer.reply().map_err(failed),
            (None, failure) => Err(replayed_failure(
                outgoing,
                failure.unwrap_or(RecordedFailure::Other),
            )),
        }
    }
}

impl RecordedAnswer {
    fn reply(self) -> Result<Reply, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name: http::HeaderName = name
                .parse()
                .map_err(|_| format!("`{name}` is not a header"))?;
            let value = value
                .parse()
                .map_err(|_| format!("the value of `{name}` is not a header's"))?;
            headers.insert(name, value);
        }
        Ok(Reply {
            status: self.status,
            headers,
            length: self.body.len(),
            body: Bytes::from(self.body),
        })
    }
}

fn replayed_failure(outgoing: &Outgoing, failure: RecordedFailure) -> Error {
    let exchange = outgoing.exchange.clone();
    let source = "as recorded".into();
    match failure {
        RecordedFailure::Unreachable => Error::Unreachable {
            host: host_of(&outgoing.url),
            exchange,
            source,
        },
        RecordedFailure::TimedOut => Error::TimedOut {
            exchange,
            limit: outgoing.limit,
        },
        RecordedFailure::TooLarge => Error::OverBudget {
            exchange,
            spent: Spent::Reply(Budget::default().reply),
        },
        RecordedFailure::Lost | RecordedFailure::Other => Error::Lost { exchange, source },
    }
}

/// Maximum number of headers in a recorded answer; our recorder writes eight at most.
const MOST_HEADERS: usize = 100;

/// Deserializes headers, and rejects an excessive number of them.
fn few_headers<'de, D: de::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    struct Headers;
    impl<'de> de::Visitor<'de> for Headers {
        type Value = BTreeMap<String, String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("headers")
        }

        fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut headers = BTreeMap::new();
            while let Some((name, value)) = map.next_entry()? {
                if headers.len() == MOST_HEADERS {
                    let many = format_args!("an answer has more than {MOST_HEADERS} headers");
                    return Err(de::Error::custom(many));
                }
                headers.insert(name, value);
            }
            Ok(headers)
        }
    }
    deserializer.deserialize_map(Headers)
}

/// The first request lines inside a batch, with all substitutes blanked out.
fn requests(batch: &str, host: Option<&str>, most: usize) -> Vec<String> {
    let scrubber = Scrubber::new(Uuid::nil(), host.unwrap_or(scrub::HOST));
    batch
        .lines()
        .filter(|line| line.ends_with(" HTTP/1.1"))
        .take(most)
        .map(|line| {
            let line = outline(&scrubber.request(line));
            // the port of an emulator varies
            match line.split_once("/api/data/") {
                Some((start, path)) => {
                    let method = start.split(' ').next().unwrap_or_default();
                    format!("{method} {path}")
                }
                None => line,
            }
        })
        .collect()
}

fn difference(asked: &[String], expected: &[String]) -> String {
    let unlike = asked
        .iter()
        .zip(expected)
        .find(|(asked, expected)| asked != expected);
    match unlike {
        Some((asked, expected)) => format!("asked `{asked}` where it has `{expected}`"),
        None => format!(
            "asked {} requests where it has {}",
            asked.len(),
            expected.len()
        ),
    }
}

/// The text as a recording stores it.
#[cfg(any(test, fuzzing))]
pub(crate) fn scrubbed(text: &str) -> String {
    let scrubber = Scrubber::new(Uuid::nil(), "contoso.crm.dynamics.com");
    let _ = outline(&scrubber.request(text));
    scrubber.text(text)
}

/// Parses a file of a recording as a replay does: the outline of its requests, and its answer.
#[cfg(any(test, fuzzing))]
pub(crate) fn replayed(bytes: &[u8]) {
    if let Ok(recorded) = serde_json::from_slice::<Recorded>(bytes) {
        let _ = requests(&recorded.request, None, usize::MAX);
        let _ = recorded.answer.map(RecordedAnswer::reply);
    }
}

/// The files of a recording, in order.
fn files(directory: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |error: std::io::Error| recording(directory, error.to_string());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let numbered = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .is_some_and(|stem| stem.bytes().all(|byte| byte.is_ascii_digit()));
        if numbered
            && path
                .extension()
                .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn recording(path: &Path, reason: String) -> Error {
    Error::Recording {
        path: path.display().to_string(),
        reason,
    }
}
