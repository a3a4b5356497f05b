//! An emulated environment, and operations on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use deskstate_dataverse::{Budget, Connection, Session, SignIn};
use deskstate_emulator::{
    Age, BatchStatus, ChangesetFailure, Config, Emulator, LinkAnswer, MissingPrivilege, Switches,
    TouchedParameters, UnknownColumn,
};
use deskstate_model::{Diagnostic, SourceMap, load};
use deskstate_reconcile::apply::{Applied, ApplyError, Settings, Work, carry_out};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Options, Plan, Planned};
use deskstate_reconcile::undo::{self, UndoFile};
use deskstate_reconcile::{Desired, Scope, lower, observe, observe_owners, plan};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Manifests that were loaded and lowered.
pub(crate) struct Declared {
    pub(crate) desired: Desired,
    pub(crate) sources: SourceMap,
    _folder: TempDir,
}

/// Loads documents as a project with the environment `local`. The rest of the project file is predefined.
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
        sources: manifests.sources,
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

/// Rows by table.
pub(crate) type Content = BTreeMap<String, BTreeSet<String>>;

/// The rows at one point in time.
pub(crate) struct Mark(BTreeMap<String, BTreeMap<String, Option<String>>>);

impl Mark {
    /// The rows of a table.
    pub(crate) fn table(&self, table: &str) -> BTreeSet<String> {
        let rows = self.0.get(table).into_iter().flatten();
        rows.filter_map(|(_, row)| row.clone()).collect()
    }
}

/// Asserts that both contents are equal. The message lists missing and new rows.
#[track_caller]
pub(crate) fn same(before: &Content, after: &Content, told: &str) {
    let nothing = BTreeSet::new();
    for table in before.keys().chain(after.keys()) {
        let (left, right) = (
            before.get(table).unwrap_or(&nothing),
            after.get(table).unwrap_or(&nothing),
        );
        let gone: Vec<&String> = left.difference(right).collect();
        let new: Vec<&String> = right.difference(left).collect();
        assert!(
            gone.is_empty() && new.is_empty(),
            "{told}, {table}\ngone: {gone:#?}\nnew: {new:#?}"
        );
    }
}

/// Runs the numbers from 0 on as many threads as there are cores, each with its own runtime.
pub(crate) fn on_all_cores<F>(count: u64, work: impl Fn(Vec<u64>) -> F + Sync)
where
    F: Future<Output = ()>,
{
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    std::thread::scope(|scope| {
        for core in 0..cores.min(count) {
            let work = &work;
            let numbers = (core..count)
                .step_by(usize::try_from(cores).unwrap())
                .collect();
            scope.spawn(move || {
                tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap()
                    .block_on(work(numbers));
            });
        }
    });
}

/// The number of seeds from an environment variable, otherwise the given default.
pub(crate) fn seeds(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(otherwise)
}

/// Number of wordings.
pub(crate) const WORDINGS: u64 = 6;

/// The wording in which writing a tab rewrites its parameters.
const REWRITES: u64 = 4;

/// The n-th of the ages, or of values of which there is one per age.
pub(crate) fn nth<T>(of_ages: &[T], number: u64) -> &T {
    &of_ages[usize::try_from(number).unwrap() % of_ages.len()]
}

/// An environment of each age that adds no rows of its own.
pub(crate) async fn of_every_age() -> Vec<(Age, World)> {
    let mut worlds = Vec::new();
    for age in Age::ALL {
        worlds.push((age, World::aged(age).await));
    }
    worlds
}

/// Observed answers of environments of an age, where reports differ: one wording per number, with different refusals.
pub(crate) fn worded(number: u64, age: Age) -> Switches {
    let usual = age.switches();
    match number % WORDINGS {
        0 => usual,
        // A separate part, codes from a support page; writing a tab changes the versions of its parameters.
        1 => Switches {
            tab_write_touches_parameters: TouchedParameters::Versions,
            changeset_failure: ChangesetFailure::Bare,
            unknown_column: UnknownColumn::Zero,
            missing_privilege: MissingPrivilege::PrincipalMissing,
            codes_on_conditional_errors: true,
            ..usual
        },
        // JSON instead of the multipart body.
        2 => Switches {
            changeset_failure: ChangesetFailure::Json,
            code_on_stale_in_changesets: Some(true),
            code_on_absent_in_changesets: Some(true),
            ..usual
        },
        // Adding an existing link or removing a missing one is not an error; the outer status is the inner one.
        3 => Switches {
            associate_again: LinkAnswer::Accepted,
            disassociate_missing: LinkAnswer::Accepted,
            batch_status: BatchStatus::Inner,
            links_raise_version: false,
            emptied_lookup_raises_version: false,
            ..usual
        },
        // Writing a tab writes other values into its parameters; the client knows this.
        REWRITES => Switches {
            tab_write_touches_parameters: TouchedParameters::Values,
            ..usual
        },
        // Intersect sets are refused, and codes are left out only inside changesets.
        _ => Switches {
            intersect_sets_readable: false,
            codes_on_conditional_errors: true,
            code_on_stale_in_changesets: Some(false),
            code_on_absent_in_changesets: Some(false),
            unique_name_keys: true,
            ..usual
        },
    }
}

/// A running environment and a session with it.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) session: Session,
    /// Whether contents leave parameters out, because the server automatically creates parameter rows, which stay when their tab is changed
    /// or restored.
    leaves_out_parameters: bool,
    /// Whether the server rewrites the parameters of a tab along with the tab.
    rewrites_parameters: bool,
}

impl World {
    /// An environment with the default settings, which are hard on clients wherever the documentation is silent.
    pub(crate) async fn new() -> Self {
        Self::with(Config::default()).await
    }

    /// An environment that adds no rows of its own, so that a plan is one transaction.
    pub(crate) async fn plain() -> Self {
        Self::aged(Age::default()).await
    }

    /// An environment of an age that adds no rows of its own.
    pub(crate) async fn aged(age: Age) -> Self {
        Self::with(Config {
            switches: Switches {
                tab_makes_parameters: false,
                ..age.switches()
            },
            ..Config::default()
        })
        .await
    }

    /// An environment of an age with the n-th wording. `adds_parts` states whether it adds rows of its own.
    pub(crate) async fn worded(number: u64, age: Age, adds_parts: bool) -> Self {
        Self::with(Config {
            switches: Switches {
                tab_makes_parameters: adds_parts,
                ..worded(number, age)
            },
            ..Config::default()
        })
        .await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let Switches {
            tab_makes_parameters: makes_parameters,
            tab_write_touches_parameters: touched,
            ..
        } = config.switches;
        let emulator = Emulator::start(config).await.unwrap();
        let session = session(emulator.url());
        Self {
            emulator,
            session,
            leaves_out_parameters: makes_parameters,
            rewrites_parameters: touched == TouchedParameters::Values,
        }
    }

    pub(crate) async fn look(&self, desired: &Desired) -> Live {
        observe(self.session.reader(), desired, &Scope::default())
            .await
            .unwrap()
    }

    /// Computes the plan; panics if something cannot be planned.
    pub(crate) async fn plan(&self, declared: &Declared, options: &Options) -> (Plan, Live) {
        let live = self.look(&declared.desired).await;
        let (plan, found) = plan(&declared.desired, &live, options);
        no_errors(&found);
        (plan, live)
    }

    /// Plans, records the undo file, and executes the plan.
    pub(crate) async fn apply(
        &self,
        declared: &Declared,
        options: &Options,
        settings: &Settings,
    ) -> (UndoFile, Result<Applied, ApplyError>) {
        let (plan, mut live) = self.plan(declared, options).await;
        let reader = self.session.reader();
        observe_owners(reader, &plan, &mut live).await.unwrap();
        let file = undo::record(&plan, &live, "local");
        let file = undo::read(&undo::write(&file)).expect("our own undo file");
        let replan = |live: &Live| deskstate_reconcile::plan(&declared.desired, live, options);
        (
            file,
            self.carry_out(&plan, &declared.desired, settings, &live, &replan)
                .await,
        )
    }

    /// If the server rewrites parameters, an apply that ends between two transactions loses undeclared values. From now on, contents leave
    /// parameters out. Declared parameters are still planned, and therefore compared.
    pub(crate) fn expects_interruptions(&mut self) {
        self.leaves_out_parameters |= self.rewrites_parameters;
    }

    /// Adds the probe's answer about parameters to the settings.
    pub(crate) fn told(&self, settings: &Settings) -> Settings {
        Settings {
            server_rewrites_parts: self.rewrites_parameters,
            ..settings.clone()
        }
    }

    pub(crate) async fn carry_out(
        &self,
        plan: &Plan,
        desired: &Desired,
        settings: &Settings,
        live: &Live,
        replan: &dyn Fn(&Live) -> Planned,
    ) -> Result<Applied, ApplyError> {
        let scope = Scope::default();
        let settings = &self.told(settings);
        let work = Work {
            plan,
            desired,
            settings,
            scope: &scope,
            live,
            replan,
        };
        carry_out(&work, &self.session, &|| false, &mut |_| {}).await
    }

    /// Applies, and asserts that everything was stored as written and that nothing is left to do.
    pub(crate) async fn sync(
        &self,
        declared: &Declared,
        options: &Options,
        settings: &Settings,
    ) -> UndoFile {
        let (file, applied) = self.apply(declared, options, settings).await;
        let applied = applied.unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert!(applied.is_verified(), "{applied:#?}");
        self.in_sync(declared, options).await;
        file
    }

    pub(crate) async fn in_sync(&self, declared: &Declared, options: &Options) {
        let (plan, _) = self.plan(declared, options).await;
        assert!(plan.is_empty(), "{:#?}", plan.changes);
    }

    /// Undoes an apply.
    pub(crate) async fn undo(&self, declared: &Declared, file: &UndoFile, settings: &Settings) {
        let live = self.look(&declared.desired).await;
        let (plan, found) = undo::plan(file, &live);
        no_errors(&found);
        let rewrites = self.told(settings).server_rewrites_parts;
        let replan = |live: &Live| undo::rest(file, &plan, live, rewrites);
        let undone = self
            .carry_out(&plan, &declared.desired, settings, &live, &replan)
            .await;
        let undone = undone.unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert!(undone.is_verified(), "{undone:#?}");
        let (rest, found) = undo::plan(file, &self.look(&declared.desired).await);
        no_errors(&found);
        assert!(rest.is_empty(), "{:#?}", rest.changes);
    }

    /// Marks the current rows, for restoring them and for detecting changes.
    pub(crate) async fn mark(&self) -> Mark {
        self.admin("POST", "mark", "").await;
        let dump = self.admin("GET", "dump", "").await;
        Mark(self.rows(&dump))
    }

    /// Restores the marked rows.
    pub(crate) async fn back(&self) {
        self.admin("POST", "back", "").await;
    }

    /// Everything writable that changed since the mark, by table: rows without stamps of the server, links as pairs.
    pub(crate) async fn since(&self, mark: &Mark) -> Content {
        let changes = self.rows(&self.admin("GET", "changes", "").await);
        let mut content = Content::new();
        for (table, changed) in changes {
            let before = mark.0.get(&table).cloned().unwrap_or_default();
            let mut now = before.clone();
            now.extend(changed);
            let rows = |rows: BTreeMap<String, Option<String>>| -> BTreeSet<String> {
                rows.into_values().flatten().collect()
            };
            let (before, now) = (rows(before), rows(now));
            if before != now {
                content.insert(table, now);
            }
        }
        content
    }

    /// Writable contents of rows, by table and id; `None` for deleted rows.
    fn rows(&self, dump: &str) -> BTreeMap<String, BTreeMap<String, Option<String>>> {
        let mut dump: Json = serde_json::from_str(dump).unwrap();
        let tables = dump["rows"].as_object_mut().unwrap();
        let mut content = BTreeMap::new();
        for (table, rows) in tables {
            if ["audit", "solutioncomponent", "msdyn_componentlayer"].contains(&table.as_str()) {
                continue;
            }
            if self.leaves_out_parameters && table == "msdyn_templateparameter" {
                continue;
            }
            let is_link = deskstate_model::Kind::relationships()
                .any(|relationship| relationship.intersect_set.trim_end_matches("set") == table);
            let rows = rows.as_object_mut().unwrap().iter_mut().map(|(id, row)| {
                let Some(cells) = row.as_object_mut() else {
                    return (id.clone(), None);
                };
                strip(cells, table, is_link);
                if self.leaves_out_parameters
                    && let Some(cells) = cells.get_mut("c").and_then(Json::as_object_mut)
                {
                    cells.remove("msdyn_templateparameters");
                }
                let text = if is_link {
                    row.to_string()
                } else {
                    format!("{id} {row}")
                };
                (id.clone(), Some(text))
            });
            content.insert(table.clone(), rows.collect());
        }
        content
    }

    /// Calls an endpoint of the emulator itself.
    pub(crate) async fn admin(&self, method: &str, endpoint: &str, body: &str) -> String {
        let path = format!("/__emulator/{endpoint}");
        self.send(method, &path, body).await
    }

    /// Number of HTTP requests and of executed writes since the counters were reset.
    pub(crate) async fn stats(&self) -> (u64, u64) {
        let stats: Json = serde_json::from_str(&self.admin("GET", "stats", "").await).unwrap();
        let writes = stats["writes"].as_object().unwrap().values();
        (
            stats["httpRequests"].as_u64().unwrap(),
            writes.filter_map(Json::as_u64).sum(),
        )
    }

    /// Sends a raw request and asserts that it succeeds.
    pub(crate) async fn send(&self, method: &str, path: &str, body: &str) -> String {
        let (head, body) = self.exchange(method, path, body).await;
        assert!(
            head.starts_with("HTTP/1.1 2"),
            "{method} {path}: {head}\n{body}"
        );
        body
    }

    /// Returns the head and the body of the answer.
    async fn exchange(&self, method: &str, path: &str, body: &str) -> (String, String) {
        let address = self
            .emulator
            .url()
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned();
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.unwrap();
        let reply = String::from_utf8_lossy(&reply).into_owned();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap();
        let chunked = head
            .to_ascii_lowercase()
            .contains("transfer-encoding: chunked");
        let body = if chunked {
            unchunked(body)
        } else {
            body.to_owned()
        };
        (head.to_owned(), body)
    }

    /// From now on, the caller can read these tables only to this depth, or not at all, and everything else as before. Their rows get
    /// another owner.
    pub(crate) async fn hide(&self, tables: &[&str], depth: Option<&str>) {
        let ada = self
            .id_of("systemusers", "domainname", "ada@contoso.com")
            .await;
        let live = self.look(&Desired::default()).await;
        let hidden = live
            .tables
            .iter()
            .filter(|(table, _)| tables.contains(&table.logical));
        for (table, rows) in hidden {
            for row in rows.rows.values().filter(|row| !row.is_managed()) {
                let path = format!("/api/data/v9.2/{}({})", table.set, row.id);
                let owner = json!({"ownerid@odata.bind": format!("/systemusers({ada})")});
                // Rows of some tables have no owner, so failures are ignored.
                self.exchange("PATCH", &path, &owner.to_string()).await;
            }
        }
        let privileges = self.rows_of("privileges?$select=privilegeid,name").await;
        let granted = privileges.iter().filter_map(|privilege| {
            let name = privilege["name"].as_str()?;
            let read = tables.iter().any(|table| name == format!("prvRead{table}"));
            let depth = if read { depth? } else { "Global" };
            Some(json!({"PrivilegeId": privilege["privilegeid"], "Depth": depth}))
        });
        let granted = json!({"Privileges": granted.collect::<Vec<_>>()});
        let mine = self
            .id_of("systemusers", "domainname", "admin@contoso.com")
            .await;
        let [all, some] = [
            self.root_role("System Administrator").await,
            self.root_role("Contoso Back Office").await,
        ];
        let action =
            format!("/api/data/v9.2/roles({some})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
        self.send("POST", &action, &granted.to_string()).await;
        let links = format!("/api/data/v9.2/systemusers({mine})/systemuserroles_association");
        let link = json!({"@odata.id": format!("{}/api/data/v9.2/roles({some})", self.emulator.url().trim_end_matches('/'))});
        self.send("POST", &format!("{links}/$ref"), &link.to_string())
            .await;
        self.send("DELETE", &format!("{links}({all})/$ref"), "")
            .await;
    }

    async fn rows_of(&self, query: &str) -> Vec<Json> {
        let reply = self
            .send("GET", &format!("/api/data/v9.2/{query}"), "")
            .await;
        let reply: Json = serde_json::from_str(&reply).unwrap();
        reply["value"].as_array().unwrap().clone()
    }

    async fn id_of(&self, set: &str, column: &str, value: &str) -> String {
        let rows = self
            .rows_of(&format!(
                "{set}?$select={column}&$filter={column}%20eq%20'{value}'"
            ))
            .await;
        let key = format!("{}id", set.trim_end_matches('s'));
        rows[0][&key].as_str().unwrap().to_owned()
    }

    async fn root_role(&self, name: &str) -> String {
        let name = name.replace(' ', "%20");
        let query = format!(
            "roles?$select=name&$filter=name%20eq%20'{name}'%20and%20_parentroleid_value%20eq%20null"
        );
        self.rows_of(&query).await[0]["roleid"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    pub(crate) async fn faults(&self, script: &Json) {
        self.admin("POST", "faults", &script.to_string()).await;
    }

    pub(crate) async fn no_faults(&self) {
        self.admin("DELETE", "faults", "").await;
    }
}

/// Columns that the server sets, or that follow from others.
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
        ..Budget::default()
    };
    let connection = Connection::new(url.parse().unwrap(), SignIn::Anonymous).budget(budget);
    Session::open(&connection).unwrap()
}

pub(crate) fn settings(max_changeset: usize, server_adds_parts: Option<bool>) -> Settings {
    Settings {
        server_touches_parts: None,
        links_move_versions: None,
        emptied_lookups_move_versions: None,
        max_changeset,
        server_adds_parts,
        server_rewrites_parts: false,
        heeds_versions: None,
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

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        text.push_str(&format!("\n  {error}"));
        below = error.source();
    }
    text
}
