//! Reads tabs, session templates and notification templates like a tool that handles each record separately: sequential requests for a
//! record, its definition, its lookups and its links, ten records at a time. Used in benchmarks, for comparison with a single trip for
//! everything.
//!
//! ```text
//! cargo run --release -p deskstate-dataverse --example record_at_a_time -- http://127.0.0.1:5000
//! ```
//!
//! A record with L lookups and C collections, which have K members in total, takes 4 + 2L + 4C + 4K requests. Half of them look up the
//! environment in another service; here, `WhoAmI` replaces those.
#![expect(
    clippy::disallowed_macros,
    reason = "an example is a program of its own"
)]

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value as Json;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const TABS: &str = "msdyn_applicationtabtemplate";
const SESSIONS: &str = "msdyn_sessiontemplate";
const TOASTS: &str = "msdyn_notificationtemplate";
const EXTRA_TABS: &str = "msdyn_sessiontemplate_applicationtab";
const ANCHOR: &str = "_msdyn_anchortab_value";
const AT_A_TIME: usize = 10;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(url) = std::env::args().nth(1) else {
        eprintln!("usage: record_at_a_time URL");
        return ExitCode::FAILURE;
    };
    match replay(&url).await {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn replay(url: &str) -> Result<String, Failure> {
    // any installed provider is fine
    let _ = rustls::crypto::ring::default_provider().install_default();
    let api = Api {
        client: reqwest::Client::builder().no_proxy().build()?,
        base: format!("{}/api/data/v9.2", url.trim_end_matches('/')),
    };
    let mut records = VecDeque::new();
    for table in [TABS, SESSIONS, TOASTS] {
        let mut next = Some(format!("{}/{table}s?$select={table}id", api.base));
        while let Some(page) = next {
            let page = api.get(&page).await?;
            let rows = page["value"].as_array().into_iter().flatten();
            records.extend(rows.filter_map(|row| Some((table, id(row, &format!("{table}id"))?))));
            next = page["@odata.nextLink"].as_str().map(str::to_owned);
        }
    }
    let count = records.len();
    let waiting = Arc::new(Mutex::new(records));
    let began = Instant::now();
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..AT_A_TIME {
        let (api, waiting) = (api.clone(), Arc::clone(&waiting));
        readers.spawn(async move {
            let mut requests = 0;
            loop {
                let next = waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .pop_front();
                let Some((table, id)) = next else {
                    return Ok::<usize, Failure>(requests);
                };
                requests += api.read(table, &id).await?;
            }
        });
    }
    let mut requests = 0;
    while let Some(done) = readers.join_next().await {
        requests += done??;
    }
    Ok(format!(
        "{count} records in {requests} requests and {:.2} s",
        began.elapsed().as_secs_f64()
    ))
}

#[derive(Clone)]
struct Api {
    client: reqwest::Client,
    base: String,
}

impl Api {
    async fn get(&self, url: &str) -> Result<Json, Failure> {
        let reply = self.client.get(url).send().await?.error_for_status()?;
        Ok(serde_json::from_slice(&reply.bytes().await?)?)
    }

    /// Sends one request to Dataverse, after the request for the environment that precedes it.
    async fn ask(&self, path: &str) -> Result<Json, Failure> {
        self.get(&format!("{}/WhoAmI", self.base)).await?;
        self.get(&format!("{}/{path}", self.base)).await
    }

    /// Reads a record as a separate tool would, and returns the number of requests.
    async fn read(&self, table: &str, record: &str) -> Result<usize, Failure> {
        let definition = format!("EntityDefinitions(LogicalName='{table}')");
        let related = |table: &str| {
            format!(
                "EntityDefinitions(LogicalName='{table}')?$expand=OneToManyRelationships,ManyToOneRelationships,ManyToManyRelationships"
            )
        };
        self.ask(&definition).await?;
        let row = self.ask(&format!("{table}s({record})")).await?;
        let mut requests = 4;
        if table == SESSIONS {
            if row[ANCHOR].is_string() {
                self.ask(&related(table)).await?;
                requests += 2;
            }
            self.ask(&definition).await?;
            let links = format!("{table}s({record})/{EXTRA_TABS}/$ref");
            let members = self.ask(&links).await?;
            requests += 4;
            for member in members["value"].as_array().into_iter().flatten() {
                self.ask(&related(TABS)).await?;
                if let Some((_, path)) = id(member, "@odata.id")
                    .as_deref()
                    .and_then(|url| url.rsplit_once('/'))
                {
                    self.ask(path).await?;
                }
                requests += 4;
            }
        }
        Ok(requests)
    }
}

fn id(row: &Json, name: &str) -> Option<String> {
    row[name].as_str().map(str::to_owned)
}
