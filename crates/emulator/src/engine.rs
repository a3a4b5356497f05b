//! The running environment: store, switches, journal, counters.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use http::{Method, StatusCode};
use uuid::Uuid;

use crate::age::Age;
use crate::batch::{self, Failure};
use crate::call::Context;
use crate::call::{Call, Reply};
use crate::clock::Moment;
use crate::error::{Outcome, ServiceError, code};
use crate::faults::Faults;
use crate::limits::Protection;
use crate::odata::level::Level;
use crate::schema::Schema;
use crate::security;
use crate::security::Caller;
use crate::seed;
use crate::service;
use crate::state_file::StateFile;
use crate::stats::Stats;
use crate::store::{Store, Transaction};
use crate::switches::Switches;
use crate::write;
use crate::writing::{Condition, Writing};

/// Shared by every connection.
#[derive(Debug)]
pub(crate) struct Engine {
    store: RwLock<Store>,
    /// All tables of all ages.
    full: Arc<Schema>,
    /// The age to use if an answer sheet specifies none.
    pub(crate) started_as: Age,
    /// The state that `reset` restores.
    fresh: Store,
    /// The state that `back` restores, and the baseline of `changes`.
    marked: Mutex<Option<Store>>,
    switches: RwLock<Arc<Switches>>,
    state_file: Mutex<Option<StateFile>>,
    pub(crate) stats: Stats,
    pub(crate) faults: Faults,
    pub(crate) protection: Protection,
    requests: AtomicU64,
    clock: Option<Moment>,
    /// Cached metadata answers: they are large, requested repeatedly, and depend only on the switches.
    metadata: Mutex<HashMap<MetadataRead, Reply>>,
}

/// Everything that a metadata answer depends on, apart from the switches.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct MetadataRead {
    base: String,
    target: String,
    prefer: Option<String>,
    accept: Option<String>,
    in_batch: bool,
}

/// Maximum number of cached metadata answers, more than any client needs. When it is reached, the cache is cleared.
const MOST_METADATA_READS: usize = 64;

impl Engine {
    pub(crate) fn new(
        mut store: Store,
        fresh: Store,
        switches: Switches,
        state_file: Option<StateFile>,
        clock: Option<Moment>,
    ) -> Engine {
        let full = Arc::clone(&store.schema);
        seed::apply(&full, &switches, &mut store, &fresh);
        Engine {
            marked: Mutex::default(),
            store: RwLock::new(store),
            full,
            started_as: switches.age,
            fresh,
            switches: RwLock::new(Arc::new(switches)),
            state_file: Mutex::new(state_file),
            stats: Stats::default(),
            faults: Faults::default(),
            protection: Protection::default(),
            requests: AtomicU64::new(0),
            clock,
            metadata: Mutex::default(),
        }
    }

    // After a panic inside a request, the store is still consistent, because unwinding rolled back the transaction.
    pub(crate) fn store(&self) -> RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn fresh(&self) -> Store {
        self.fresh.clone()
    }

    /// Saves a snapshot of the rows for a later comparison.
    pub(crate) fn mark(&self) {
        let store = self.store().clone();
        *self.marked.lock().unwrap_or_else(PoisonError::into_inner) = Some(store);
    }

    /// The rows at the last mark, or the seed if there is none.
    pub(crate) fn marked(&self) -> Store {
        let marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        marked.as_ref().unwrap_or(&self.fresh).clone()
    }

    fn store_mut(&self) -> RwLockWriteGuard<'_, Store> {
        self.store.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn switches(&self) -> Arc<Switches> {
        Arc::clone(&self.switches.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_switches(&self, switches: Switches) {
        // Switches and tables change under the same lock, so no reader or writer sees one without the other.
        let mut store = self.store_mut();
        seed::apply(&self.full, &switches, &mut store, &self.fresh);
        *self
            .switches
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(switches);
        self.metadata().clear();
    }

    fn metadata(&self) -> MutexGuard<'_, HashMap<MetadataRead, Reply>> {
        self.metadata.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.unwrap_or_else(Moment::now)
    }

    pub(crate) fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("request/{number}").as_bytes()).to_string()
    }

    /// Answers a request: a single one, or an independent one of a batch.
    pub(crate) fn respond(&self, call: &Call) -> Reply {
        self.concluded(call, self.attempt(call))
    }

    /// Executes a request. Reads can be executed at the same time.
    pub(crate) fn attempt(&self, call: &Call) -> Outcome<Reply> {
        let result = if let Err(error) = service::check_url(call) {
            Err(error)
        } else if service::is_write(call) {
            self.commit(&[(None, call.clone())])
                .map_err(|failure| failure.error)
                .map(|mut replies| replies.pop().unwrap_or_else(Reply::empty))
        } else {
            self.stats.count_read();
            self.read(call)
        };
        result.map(|mut reply| {
            Level::of(call.header("accept")).apply(&self.store().schema, &call.base, &mut reply);
            reply
        })
    }

    /// The reply to a request that was executed. Errors get numbers, so this happens in the order of the requests.
    pub(crate) fn concluded(&self, call: &Call, result: Outcome<Reply>) -> Reply {
        result.unwrap_or_else(|error| {
            self.stats.count_refusal();
            Reply::error(&self.switches().phrase(error), call, &self.request_id())
        })
    }

    fn read(&self, call: &Call) -> Outcome<Reply> {
        let store = self.store();
        let switches = self.switches();
        let caller = caller_of(&store, call)?;
        let context = Context {
            caller: &caller,
            switches: &switches,
            now: self.now(),
        };
        if !service::reads_metadata(call) {
            return service::read(&store, &context, call);
        }
        let asked = MetadataRead {
            base: call.base.clone(),
            target: call.target.clone(),
            prefer: call.header("prefer").map(str::to_owned),
            accept: call.header("accept").map(str::to_owned),
            in_batch: call.in_batch,
        };
        if let Some(reply) = self.metadata().get(&asked) {
            return Ok(reply.clone());
        }
        let reply = service::read(&store, &context, call)?;
        let mut known = self.metadata();
        if known.len() >= MOST_METADATA_READS {
            known.clear();
        }
        if Arc::ptr_eq(&switches, &self.switches()) {
            known.insert(asked, reply.clone());
        }
        Ok(reply)
    }

    /// Executes writes in one transaction: either all are kept, or none.
    pub(crate) fn commit(&self, calls: &[(Option<String>, Call)]) -> Result<Vec<Reply>, Failure> {
        let mut store = self.store_mut();
        let switches = self.switches();
        let mut tx = store.begin();
        let mut replies = Vec::with_capacity(calls.len());
        let mut urls: Vec<(String, String)> = Vec::new();
        let mut kinds = Vec::with_capacity(calls.len());
        let mut caller: Option<(Vec<Option<String>>, Caller)> = None;
        for (content_id, call) in calls {
            let reply = self.write_one(&mut tx, &switches, call, &urls, &mut caller, &mut kinds);
            let reply = reply.map_err(|error| Failure {
                content_id: content_id.clone(),
                error,
            })?;
            let url = reply
                .headers
                .iter()
                .find(|(name, _)| *name == "OData-EntityId")
                .map(|(_, url)| url.clone());
            if let (Some(id), Some(url)) = (content_id, url) {
                urls.push((id.clone(), url));
            }
            replies.push(reply);
        }
        self.keep(tx).map_err(|error| Failure {
            content_id: None,
            error,
        })?;
        self.compact(&store);
        for kind in kinds {
            self.stats.count_write(kind);
        }
        Ok(replies)
    }

    fn write_one(
        &self,
        tx: &mut Transaction<'_>,
        switches: &Switches,
        call: &Call,
        urls: &[(String, String)],
        known: &mut Option<(Vec<Option<String>>, Caller)>,
        kinds: &mut Vec<&'static str>,
    ) -> Outcome<Reply> {
        let mut call = call.clone();
        batch::resolve_references(&mut call, urls)?;
        let identity: Vec<Option<String>> = ["mscrmcallerid", "callerobjectid"]
            .iter()
            .map(|name| call.header(name).map(str::to_owned))
            .collect();
        if known
            .as_ref()
            .is_none_or(|(for_identity, _)| *for_identity != identity)
        {
            *known = Some((identity, caller_of(tx.store(), &call)?));
        }
        let Some((_, caller)) = known.as_ref() else {
            return Ok(Reply::empty());
        };
        let kind = kind_of(tx, switches, &call);
        let context = Context {
            caller,
            switches,
            now: self.now(),
        };
        let reply = service::write(tx, &context, &call)?;
        kinds.push(kind);
        Ok(reply)
    }

    /// Writes the changes to the state file before they are committed, so that every confirmed write survives.
    pub(crate) fn keep(&self, tx: Transaction<'_>) -> Outcome<()> {
        let changes = tx.changes();
        if let Some(file) = self
            .state_file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
        {
            file.append(&tx.schema(), &changes).map_err(|error| {
                ServiceError::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    code::UNEXPECTED,
                    format!("The state file cannot be written: {error}"),
                )
            })?;
        }
        tx.commit();
        Ok(())
    }

    /// Changes a row on behalf of another user, between two requests of a client.
    pub(crate) fn foreign_edit(
        &self,
        set: &str,
        id: Uuid,
        body: &serde_json::Map<String, serde_json::Value>,
    ) -> Outcome<()> {
        let mut store = self.store_mut();
        let switches = self.switches();
        let table = service::table_of(&store.schema, set)?;
        let mut caller =
            security::resolve(&store, seed::id_of("systemuser", "nora@contoso.com"), None)
                .ok_or_else(|| ServiceError::not_found("systemuser", id))?;
        caller.access = security::Access::Everything;
        let writing = Writing {
            caller: &caller,
            switches: &switches,
            now: self.now(),
            solution: None,
        };
        let mut tx = store.begin();
        write::update(&mut tx, &writing, table, id, body, &Condition::default())?;
        self.keep(tx)
    }

    /// Rewrites the state file once it has grown long. If this fails, the long file remains, which is just as valid.
    fn compact(&self, store: &Store) {
        if let Some(file) = self
            .state_file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
            && file.wants_rewrite()
            && let Err(error) = file.rewrite(store)
        {
            tracing::warn!(%error, "the state file could not be written anew");
        }
    }

    /// Replaces all rows, for reset and load.
    pub(crate) fn replace(&self, mut store: Store) -> std::io::Result<()> {
        let mut current = self.store_mut();
        seed::apply(&self.full, &self.switches(), &mut store, &self.fresh);
        if let Some(file) = self
            .state_file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
        {
            file.rewrite(&store)?;
        }
        *current = store;
        Ok(())
    }

    /// Leaves the state file in compact form.
    pub(crate) fn save(&self) -> std::io::Result<()> {
        let store = self.store();
        match self
            .state_file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_mut()
        {
            Some(file) => file.save(&store),
            None => Ok(()),
        }
    }
}

fn kind_of(tx: &Transaction<'_>, switches: &Switches, call: &Call) -> &'static str {
    let path = call.path();
    let link = path.ends_with("/$ref") || path.contains("/$ref?");
    match call.method {
        Method::POST if link => "link",
        Method::PUT if link => "link",
        Method::DELETE if link => "unlink",
        Method::DELETE => "delete",
        Method::PATCH | Method::PUT => {
            let segment = crate::odata::path::parse(path).into_iter().next();
            let exists = segment.is_some_and(|segment| {
                let table = tx.schema().with_set(&segment.name);
                table.is_some_and(|table| {
                    crate::resolve::key(tx.store(), switches, table, &segment)
                        .is_ok_and(|id| tx.get(table, id).is_some())
                })
            });
            if exists { "update" } else { "create" }
        }
        Method::POST if path.contains("Microsoft.Dynamics.CRM.") => "action",
        Method::POST if tx.schema().with_set(path.trim_matches('/')).is_none() => "action",
        _ => "create",
    }
}

/// The caller: the user of the token (the system administrator for anonymous requests), or the user being impersonated.
fn caller_of(store: &Store, call: &Call) -> Outcome<Caller> {
    let real = call.signed_in.unwrap_or(crate::identity::ADMINISTRATOR);
    let found =
        security::resolve(store, real, None).ok_or_else(|| crate::identity::not_a_member(real))?;
    crate::identity::impersonated(store, call, found)
}
