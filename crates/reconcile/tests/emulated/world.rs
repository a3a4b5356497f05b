//! An emulated environment, and what a run does to it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use deskstate_dataverse::{Budget, Connection, Session, SignIn};
use deskstate_emulator::{Config, Emulator, Switches};
use deskstate_model::{Diagnostic, load};
use deskstate_reconcile::apply::{Applied, ApplyError, Settings, Work, carry_out};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Options, Plan, Planned};
use deskstate_reconcile::undo::{self, UndoFile};
use deskstate_reconcile::{Desired, Scope, lower, observe, plan};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Manifests, loaded and lowered.
pub(crate) struct Declared {
    pub(crate) desired: Desired,
    _folder: TempDir,
}

/// Loads documents as a project with the environment `local`. Everything else of the project file is given.
pub(crate) fn declare(project: Json, documents: &[Json]) -> Declared {
    let folder = TempDir::new().unwrap();
    let mut spec =
        json!({"environments": {"local": {"emulator": {"state": ".deskstate/local.json"}}}});
    for (word, value) in project.as_object().unwrap() {
        spec[word] = value.clone();
    }
    let header = json!({"apiVersion": "deskstate/v1", "kind": "Project", "metadata": {"name": "generated"}, "spec": spec});
    write(folder.path(), "deskstate.yaml", &[header]);
    write(folder.path(), "manifests/all.yaml", documents);
    let (manifests, found) = load(folder.path(), Some("local"));
    let errors: Vec<String> = found
        .iter()
        .filter(|found| found.is_error())
        .map(describe)
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
    let desired = lower(&manifests);
    Declared {
        desired,
        _folder: folder,
    }
}

fn write(folder: &Path, name: &str, documents: &[Json]) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text: Vec<String> = documents
        .iter()
        .map(|document| format!("---\n{document}\n"))
        .collect();
    std::fs::write(path, text.concat()).unwrap();
}

fn describe(diagnostic: &Diagnostic) -> String {
    format!("{}: {}", diagnostic.code, diagnostic.message)
}

/// A running environment and a session with it.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) session: Session,
    /// The server makes parameter rows by itself, and they stay when their tab changes or comes back.
    makes_parameters: bool,
}

impl World {
    /// An environment as it comes, hard on clients in everything that documents leave open.
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    /// An environment that adds no rows of its own, so that a plan is one transaction.
    pub(crate) async fn plain() -> Self {
        Self::with(Config {
            switches: Switches {
                tab_makes_parameters: false,
                ..Switches::default()
            },
            ..Config::default()
        })
        .await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let makes_parameters = config.switches.tab_makes_parameters;
        let emulator = Emulator::start(config).await.unwrap();
        let session = session(emulator.url());
        Self {
            emulator,
            session,
            makes_parameters,
        }
    }

    pub(crate) async fn look(&self, desired: &Desired) -> Live {
        observe(self.session.reader(), desired, &Scope::default())
            .await
            .unwrap()
    }

    /// The plan; panics with what cannot be planned.
    pub(crate) async fn plan(&self, declared: &Declared, options: &Options) -> (Plan, Live) {
        let live = self.look(&declared.desired).await;
        let (plan, found) = plan(&declared.desired, &live, options);
        no_errors(&found);
        (plan, live)
    }

    /// Plans, writes down the undo file, and carries the plan out.
    pub(crate) async fn apply(
        &self,
        declared: &Declared,
        options: &Options,
        settings: &Settings,
    ) -> (UndoFile, Result<Applied, ApplyError>) {
        let (plan, live) = self.plan(declared, options).await;
        let file = undo::record(&plan, &live, "local");
        let file = undo::read(&undo::write(&file)).expect("our own undo file");
        let replan = |live: &Live| deskstate_reconcile::plan(&declared.desired, live, options);
        (
            file,
            self.carry_out(&plan, &declared.desired, settings, &replan)
                .await,
        )
    }

    pub(crate) async fn carry_out(
        &self,
        plan: &Plan,
        desired: &Desired,
        settings: &Settings,
        replan: &dyn Fn(&Live) -> Planned,
    ) -> Result<Applied, ApplyError> {
        let scope = Scope::default();
        let work = Work {
            plan,
            desired,
            settings,
            scope: &scope,
            replan,
        };
        carry_out(&work, &self.session, &|| false, &mut |_| {}).await
    }

    /// Applies and makes sure that it was stored as written and that nothing is left to do.
    pub(crate) async fn sync(
        &self,
        declared: &Declared,
        options: &Options,
        settings: &Settings,
    ) -> UndoFile {
        let (file, applied) = self.apply(declared, options, settings).await;
        let applied = applied.unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert!(applied.mismatches.is_empty(), "{:#?}", applied.mismatches);
        self.in_sync(declared, options).await;
        file
    }

    pub(crate) async fn in_sync(&self, declared: &Declared, options: &Options) {
        let (plan, _) = self.plan(declared, options).await;
        assert!(plan.is_empty(), "{:#?}", plan.changes);
    }

    /// Takes an apply back.
    pub(crate) async fn undo(&self, declared: &Declared, file: &UndoFile, settings: &Settings) {
        let live = self.look(&declared.desired).await;
        let (plan, found) = undo::plan(file, &live);
        no_errors(&found);
        let replan = |live: &Live| undo::plan(file, live);
        let undone = self
            .carry_out(&plan, &declared.desired, settings, &replan)
            .await;
        let undone = undone.unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert!(undone.mismatches.is_empty(), "{:#?}", undone.mismatches);
        let (rest, found) = undo::plan(file, &self.look(&declared.desired).await);
        no_errors(&found);
        assert!(rest.is_empty(), "{:#?}", rest.changes);
    }

    /// What a client can write, by table: rows without what the server stamps, links as pairs.
    pub(crate) async fn content(&self) -> BTreeMap<String, BTreeSet<String>> {
        let dump: Json = serde_json::from_str(&self.admin("GET", "dump", "").await).unwrap();
        let mut content = BTreeMap::new();
        for (table, rows) in dump["rows"].as_object().unwrap() {
            if ["audit", "solutioncomponent", "msdyn_componentlayer"].contains(&table.as_str()) {
                continue;
            }
            if self.makes_parameters && table == "msdyn_templateparameter" {
                continue;
            }
            let is_link = deskstate_reconcile::kinds::tables::RELATIONSHIPS
                .iter()
                .any(|relationship| relationship.intersect_set.trim_end_matches("set") == table);
            let rows = rows.as_object().unwrap().iter().map(|(id, row)| {
                let mut row = row.clone();
                if let Some(cells) = row.as_object_mut() {
                    strip(cells, table, is_link);
                    if self.makes_parameters
                        && let Some(cells) = cells.get_mut("c").and_then(Json::as_object_mut)
                    {
                        cells.remove("msdyn_templateparameters");
                    }
                }
                if is_link {
                    row.to_string()
                } else {
                    format!("{id} {row}")
                }
            });
            content.insert(table.clone(), rows.collect());
        }
        content.retain(|_, rows: &mut BTreeSet<String>| !rows.is_empty());
        content
    }

    /// Asks the emulator itself.
    pub(crate) async fn admin(&self, method: &str, endpoint: &str, body: &str) -> String {
        let address = self
            .emulator
            .url()
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = format!(
            "{method} /__emulator/{endpoint} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.unwrap();
        let reply = String::from_utf8_lossy(&reply).into_owned();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 2"),
            "{method} {endpoint}: {reply}"
        );
        if head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked")
        {
            unchunked(body)
        } else {
            body.to_owned()
        }
    }

    pub(crate) async fn faults(&self, script: &Json) {
        self.admin("POST", "faults", &script.to_string()).await;
    }

    pub(crate) async fn no_faults(&self) {
        self.admin("DELETE", "faults", "").await;
    }
}

/// Columns that the server stamps, or that follow from others.
fn strip(cells: &mut serde_json::Map<String, Json>, table: &str, is_link: bool) {
    const STAMPS: [&str; 16] = [
        "versionnumber",
        "modifiedon",
        "modifiedby",
        "modifiedonbehalfby",
        "createdon",
        "createdby",
        "createdonbehalfby",
        "overwritetime",
        "componentidunique",
        "solutionid",
        "supportingsolutionid",
        "importsequencenumber",
        "owningbusinessunit",
        "owninguser",
        "owningteam",
        "v",
    ];
    if let Some(nested) = cells.get_mut("c").and_then(Json::as_object_mut) {
        strip(nested, table, is_link);
    }
    cells.retain(|name, value| {
        let stamp = STAMPS.contains(&name.as_str()) || name.ends_with("idunique") || name == "etag";
        let own_id = is_link && *name == format!("{table}id");
        !stamp && !own_id && !value.is_null()
    });
}

fn unchunked(body: &str) -> String {
    let mut rest = body;
    let mut whole = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 {
            break;
        }
        whole.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    whole
}

pub(crate) fn session(url: &str) -> Session {
    let budget = Budget {
        attempts: 3,
        time: Duration::from_secs(5),
        first_delay: Duration::from_millis(1),
        longest_delay: Duration::from_millis(5),
    };
    let connection = Connection::new(url.parse().unwrap(), SignIn::Anonymous).budget(budget);
    Session::open(&connection).unwrap()
}

pub(crate) fn settings(max_changeset: usize, server_adds_parts: Option<bool>) -> Settings {
    Settings {
        max_changeset,
        server_adds_parts,
        solution: None,
        patience: Duration::from_millis(400),
    }
}

#[track_caller]
pub(crate) fn no_errors(found: &[Diagnostic]) {
    let errors: Vec<String> = found
        .iter()
        .filter(|found| found.is_error())
        .map(describe)
        .collect();
    assert!(errors.is_empty(), "{}", errors.join("\n"));
}

/// An error with everything below it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text.push_str(&format!("\n  {error}"));
        below = error.source();
    }
    text
}
