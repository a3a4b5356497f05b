//! The read-only client.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use uuid::Uuid;

use crate::batch::{self, Item, Part, Splitter};
use crate::budget::{Kept, Meter, Spent};
use crate::client::{Answered, Client, content_type, stated};
use crate::decode::{self, Layout, RawRow};
use crate::error::shortened;
use crate::exchanged::{Head, Intake};
use crate::query::Source;
use crate::request::Request;
use crate::retry::{self, Attempts, Kind, Wait};
use crate::row::Columns;
use crate::transport::over_budget;
use crate::{
    Connection, Error, ErrorCode, Exchange, MAX_OPERATIONS, Query, Refused, Row, Rows, WaitCause,
};

/// The answer to one query: its rows, or the server's refusal.
pub type Answer = Result<Rows, Refused>;

/// How often a query is repeated after an unexpected error of the server, before that error is its answer.
const MOST_FAILURES: u8 = 2;

/// Maximum length of a next link, in bytes.
const LONGEST_LINK: usize = 1 << 16;

/// Reads an environment. It is unable to write, and cannot be turned into a [`Session`](crate::Session).
#[derive(Debug)]
pub struct Reader {
    client: Client,
}

impl Reader {
    /// Creates a reader. The network is not used before [`Reader::read`].
    pub fn open(connection: &Connection) -> Result<Reader, Error> {
        Ok(Reader {
            client: Client::open(connection)?,
        })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Whether answers come from a recording, in which ids are replaced.
    #[must_use]
    pub fn is_replay(&self) -> bool {
        self.client.is_replay()
    }

    /// Why the recording of this reader is incomplete, if it makes one and something is missing from it.
    pub fn not_recorded(&self) -> Option<Error> {
        self.client.not_recorded()
    }

    /// Answers all queries in as few round trips as possible: one for all of them, then one for each round of pages.
    ///
    /// Answers are in the order of the queries. If the server refuses a query, its answer is a [`Refused`]; an `Err` means that the trip
    /// failed.
    #[tracing::instrument(level = "info", skip_all, fields(queries = queries.len()))]
    pub async fn read(&self, queries: &[Query]) -> Result<Vec<Answer>, Error> {
        let meter = self.client.meter();
        let _running = meter.run();
        let mut asking = Asking::new(queries, meter)?;
        while let Some(parts) = asking.next_batch() {
            self.ask(&mut asking, parts).await?;
        }
        Ok(asking.answers())
    }

    /// Starts a trip with the complete budget: whatever was received so far no longer counts.
    pub fn start_trip(&self) {
        self.client.meter().start_trip();
    }

    /// The number of HTTP requests sent so far, except those to sign in.
    pub fn requests(&self) -> u64 {
        self.client.requests()
    }

    /// Sends parts until each one is answered. Parts that the server rejected, or never reached because it stopped at an earlier failure,
    /// are sent again.
    async fn ask(&self, asking: &mut Asking<'_>, mut parts: Vec<Pending>) -> Result<(), Error> {
        let started = Instant::now();
        let mut attempts = Attempts::new(self.client.connection().budget);
        while !parts.is_empty() {
            let id = Uuid::new_v4();
            let envelope = batch::reads(
                id,
                self.client.origin(),
                parts.iter().map(|part| &part.request),
            );
            let mut answers = Answers::new(asking, parts);
            let answered = self
                .client
                .send(
                    id,
                    envelope,
                    Kind::Read,
                    Some(&mut answers),
                    &mut attempts,
                    started,
                )
                .await
                .map_err(|failure| failure.error)?;
            let left = answers.end(&answered)?;
            if let Some(turned_away) = &left.turned_away {
                let cause = WaitCause::stated(turned_away.status, turned_away.code);
                self.client
                    .wait(&mut attempts, Wait::Fault(left.wait), started, cause)
                    .await
                    .map_err(|stopped| {
                        stopped.unwrap_or_else(|| refused_trip(&answered, turned_away))
                    })?;
            }
            parts = left.parts;
        }
        Ok(())
    }
}

fn refused_trip(answered: &Answered, refused: &Refused) -> Error {
    Error::Service(Box::new(crate::ServiceError {
        method: "GET",
        path: refused.path.clone(),
        status: refused.status,
        outer_status: answered.reply.status,
        place: crate::Place::Part,
        code: refused.code,
        message: refused.message.clone(),
        is_own: true,
        request_id: refused.request_id.clone(),
        client_request_id: answered.exchange.client_request_id,
    }))
}

/// A request that is not answered yet.
#[derive(Debug, Clone)]
struct Pending {
    query: usize,
    /// Index among the query's requests, if it is split.
    slice: usize,
    request: Request,
    /// How often the server failed to answer it.
    failures: u8,
}

/// The reason why the answer to a query is unusable.
enum Unusable {
    OverBudget(Spent),
    Malformed(String),
}

impl From<Spent> for Unusable {
    fn from(spent: Spent) -> Self {
        Unusable::OverBudget(spent)
    }
}

impl From<String> for Unusable {
    fn from(reason: String) -> Self {
        Unusable::Malformed(reason)
    }
}

/// The parts that a reply did not answer.
#[derive(Default)]
struct Left {
    parts: Vec<Pending>,
    turned_away: Option<Refused>,
    wait: Option<Duration>,
}

/// The queries, their answers so far, and the requests that remain to be sent.
struct Asking<'a> {
    queries: &'a [Query],
    meter: &'a Meter,
    gathered: Vec<Gathered>,
    waiting: VecDeque<Pending>,
}

/// The answer to one query, as far as it is known.
struct Gathered {
    columns: Columns,
    /// The rows of each of the query's requests.
    slices: Vec<Vec<RawRow>>,
    refused: Option<Refused>,
}

impl<'a> Asking<'a> {
    fn new(queries: &'a [Query], meter: &'a Meter) -> Result<Asking<'a>, Error> {
        let mut waiting = VecDeque::new();
        let mut gathered = Vec::with_capacity(queries.len());
        for (index, query) in queries.iter().enumerate() {
            let requests = query.requests()?;
            let mut columns = Columns::default();
            if matches!(query.source, Source::Rows { .. }) {
                columns.expect(&query.select);
            }
            for (navigation, _) in query.only_keys() {
                columns.intern(navigation);
            }
            gathered.push(Gathered {
                columns,
                slices: vec![Vec::new(); requests.len()],
                refused: None,
            });
            for (slice, request) in requests.into_iter().enumerate() {
                waiting.push_back(Pending {
                    query: index,
                    slice,
                    request,
                    failures: 0,
                });
            }
        }
        Ok(Asking {
            queries,
            meter,
            gathered,
            waiting,
        })
    }

    fn next_batch(&mut self) -> Option<Vec<Pending>> {
        let count = self.waiting.len().min(MAX_OPERATIONS);
        (count > 0).then(|| self.waiting.drain(..count).collect())
    }

    fn take_part(
        &mut self,
        part: &Part<'_>,
        pending: &Pending,
        left: &mut Left,
    ) -> Result<(), Unusable> {
        let query = &self.queries[pending.query];
        let gathered = &mut self.gathered[pending.query];
        if !part.is_success() {
            let refused = refused(&pending.request, part);
            let failed = refused.status == 500 && pending.failures < MOST_FAILURES;
            if failed || is_turned_away(&refused) {
                left.wait = left.wait.max(part_wait(part));
                left.turned_away = Some(refused);
                left.parts.push(Pending {
                    failures: pending.failures + u8::from(failed),
                    ..pending.clone()
                });
            } else {
                gathered.refused.get_or_insert(refused);
            }
            return Ok(());
        }
        let place = || format!("the answer to `{}`", shortened(&pending.request.path));
        let room = self.meter.room();
        let keys: Vec<&str> = query.only_keys().map(|(_, key)| key).collect();
        let page = decode::rows(
            part.body,
            query.layout(),
            &keys,
            &mut gathered.columns,
            &mut gathered.slices[pending.slice],
            &room,
        );
        // a reply that exceeds the budget is not malformed
        self.meter.fill(&room)?;
        let page = page.map_err(|error| format!("{}: {error}", place()))?;
        if let (Source::Rows { set }, Some(context)) = (&query.source, &page.context)
            && let Some(other) = other_set(set, context)
        {
            let other = shortened(other);
            return Err(format!("{} contains rows of `{other}`", place()).into());
        }
        if let Some(name) = gathered.columns.lacking() {
            let (code, message) = match name {
                Some(name) => (
                    Some(ErrorCode::NO_COLUMN),
                    format!("the answer has no column `{name}`"),
                ),
                None => (None, "the answer lacks columns in some rows".to_owned()),
            };
            gathered.refused.get_or_insert(Refused {
                path: pending.request.path.clone(),
                status: part.status,
                code,
                message,
                request_id: batch::request_id(part).map(str::to_owned),
            });
            return Ok(());
        }
        if page.more {
            return Err(format!("{} does not fit on a page", place()).into());
        }
        if let Some(next) = page.next {
            let path =
                next_path(&next).ok_or_else(|| format!("{} has a bad next link", place()))?;
            if path == pending.request.path {
                return Err(format!("{} leads back to itself", place()).into());
            }
            self.meter.turn_page()?;
            let mut request =
                Request::get(path).map_err(|error| format!("{}: next link: {error}", place()))?;
            request
                .headers
                .extend(query.preferences().map(|value| ("Prefer", value)));
            self.waiting.push_back(Pending {
                request,
                failures: 0,
                ..*pending
            });
        }
        Ok(())
    }

    fn answers(self) -> Vec<Answer> {
        self.gathered.into_iter().map(Gathered::answer).collect()
    }
}

/// Collects the answers of one reply as they arrive.
struct Answers<'a, 'q> {
    asking: &'a mut Asking<'q>,
    /// The requests of the batch.
    parts: Vec<Pending>,
    /// State to restore if the reply breaks off.
    before: Before,
    splitter: Option<Splitter>,
    taken: usize,
    left: Left,
}

/// State to restore if a reply breaks off.
struct Before {
    /// For each part: the number of rows, and whether the query was refused.
    parts: Vec<(usize, bool)>,
    waiting: usize,
    kept: Kept,
}

impl<'a, 'q> Answers<'a, 'q> {
    fn new(asking: &'a mut Asking<'q>, parts: Vec<Pending>) -> Self {
        let of_part = |part: &Pending| {
            let gathered = &asking.gathered[part.query];
            (
                gathered.slices[part.slice].len(),
                gathered.refused.is_some(),
            )
        };
        let before = Before {
            parts: parts.iter().map(of_part).collect(),
            waiting: asking.waiting.len(),
            kept: asking.meter.kept(),
        };
        Answers {
            asking,
            parts,
            before,
            splitter: None,
            taken: 0,
            left: Left::default(),
        }
    }

    /// Takes one answer, and queues the page that follows it.
    fn item(&mut self, bytes: &[u8]) -> Result<(), Unusable> {
        let Some(pending) = self.parts.get(self.taken) else {
            let most = self.parts.len();
            return Err(format!("it has more than {most} parts").into());
        };
        self.taken += 1;
        let most = self.asking.meter.budget().reply;
        if bytes.len() as u64 > most {
            return Err(Spent::Reply(most).into());
        }
        match batch::item(bytes, self.parts.len())? {
            Item::Single(part) => self.asking.take_part(&part, pending, &mut self.left),
            Item::Changeset(_) => Err("a read was answered as a changeset".to_owned().into()),
        }
    }

    /// Ends the reply, and returns the parts that have to be sent again.
    fn end(mut self, answered: &Answered) -> Result<Left, Error> {
        let reply = &answered.reply;
        let malformed = |reason: String| Error::Malformed {
            exchange: answered.exchange.clone(),
            status: reply.status,
            reason,
        };
        let Some(splitter) = &self.splitter else {
            return Err(match content_type(reply) {
                // a multipart reply without a body
                kind if batch::boundary(kind).is_some() => {
                    malformed("it answers nothing".to_owned())
                }
                kind if (200..300).contains(&reply.status) => malformed(format!(
                    "a batch was answered with `{}`",
                    kind.escape_debug()
                )),
                _ => stated(&answered.exchange, reply),
            });
        };
        splitter.end().map_err(malformed)?;
        if self.taken == 0 {
            return Err(malformed("it answers nothing".to_owned()));
        }
        self.left.parts.extend(self.parts.drain(self.taken..));
        Ok(self.left)
    }
}

impl Intake for Answers<'_, '_> {
    fn begin(&mut self) {
        for (part, (rows, refused)) in self.parts.iter().zip(&self.before.parts) {
            let gathered = &mut self.asking.gathered[part.query];
            gathered.slices[part.slice].truncate(*rows);
            if !refused {
                gathered.refused = None;
            }
        }
        self.asking.waiting.truncate(self.before.waiting);
        self.asking.meter.back_to(self.before.kept);
        (self.splitter, self.taken, self.left) = (None, 0, Left::default());
    }

    fn take(&mut self, exchange: &Exchange, head: Head<'_>, bytes: &[u8]) -> Result<(), Error> {
        let mut splitter = self
            .splitter
            .take()
            .unwrap_or_else(|| Splitter::new(head.boundary));
        let taken = splitter.push(bytes, |part| self.item(part));
        let most = self.asking.meter.budget().reply;
        let too_large = splitter.kept() as u64 > most;
        self.splitter = Some(splitter);
        let unusable = match taken {
            Ok(()) if too_large => Unusable::OverBudget(Spent::Reply(most)),
            Ok(()) => return Ok(()),
            Err(unusable) => unusable,
        };
        Err(match unusable {
            Unusable::OverBudget(spent) => over_budget(exchange, spent),
            Unusable::Malformed(reason) => Error::Malformed {
                exchange: exchange.clone(),
                status: head.status,
                reason,
            },
        })
    }
}

impl Gathered {
    fn answer(self) -> Answer {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let columns = Arc::new(self.columns.read());
        let rows = self
            .slices
            .into_iter()
            .flatten()
            .map(|(cells, etag)| Row::new(Arc::clone(&columns), cells, etag))
            .collect();
        Ok(Rows { rows })
    }
}

impl Query {
    /// Where the reply contains its rows.
    fn layout(&self) -> Layout {
        match &self.source {
            Source::Rows { .. }
            | Source::UnpublishedRows { .. }
            | Source::Related { .. }
            | Source::Choices { .. }
            | Source::CallerPrivileges { .. } => Layout::Array("value"),
            Source::Record { .. } | Source::WhoAmI => Layout::Record,
            Source::UserPrivilege { .. } => Layout::Array("RolePrivileges"),
            Source::ChangeHistory { .. } => Layout::Nested("AuditDetailCollection", "AuditDetails"),
        }
    }
}

fn refused(request: &Request, part: &Part<'_>) -> Refused {
    let error = batch::stated(part.status, part.body);
    Refused {
        path: request.path.clone(),
        status: part.status,
        code: error.code,
        message: error.message,
        request_id: batch::request_id(part).map(str::to_owned),
    }
}

/// Whether the server rejected a part before processing it, so that a retry may succeed.
fn is_turned_away(refused: &Refused) -> bool {
    matches!(refused.status, 429 | 502 | 503 | 504)
        || refused.code.is_some_and(|code| {
            code.is_service_protection()
                || code == ErrorCode::SQL_TIMEOUT
                || code == ErrorCode::CUSTOMIZATION_LOCKED
        })
}

fn part_wait(part: &Part<'_>) -> Option<Duration> {
    let mut headers = http::HeaderMap::new();
    let value = part.header("Retry-After")?.parse().ok()?;
    headers.insert(http::header::RETRY_AFTER, value);
    retry::retry_after(&headers, SystemTime::now())
}

/// The entity set that a context URL names, if it is not the one that was asked for. The answers of a batch have no other mark, so a server
/// or a proxy that changes their order would go unnoticed.
fn other_set<'c>(set: &str, context: &'c str) -> Option<&'c str> {
    let named = context.rsplit_once('#')?.1.split(['(', '/']).next()?;
    let mut bytes = named.bytes();
    let is_set = bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let is_other = is_set && !matches!(named, "" | "Collection") && named != set;
    is_other.then_some(named)
}

/// The path of a next link. Only the path is used, so a link can never send a token to another host.
pub(crate) fn next_path(link: &str) -> Option<String> {
    if link.len() > LONGEST_LINK {
        return None;
    }
    let path = match link.find("://") {
        Some(scheme) => {
            let rest = &link[scheme + 3..];
            &rest[rest.find('/')?..]
        }
        None => link,
    };
    let in_api = path
        .strip_prefix("/api/data/v")
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    let plain = path.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if !in_api || path.split('?').next()?.contains("..") {
        return None;
    }
    if plain {
        return Some(path.to_owned());
    }
    // some services do not encode spaces and quotes
    let encoded = path
        .bytes()
        .map(|byte| match byte {
            0x21..0x7f => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    Some(encoded)
}
