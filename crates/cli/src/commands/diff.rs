//! `diff`: compares two environments, or a folder of manifests and an environment. Cannot write to either.

mod beside;
mod lacking;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use deskstate_dataverse::Reader;
use deskstate_model::{Diagnostic, Manifests, ResourceKey, State};
use deskstate_reconcile::export::{Document, Export, Selection, export, file_names, write};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{
    Action, Change, Difference, FieldChange, Options as PlanOptions, Plan, Reason, SyncState,
};
use deskstate_reconcile::raise::{LeftOut, Loss, Options, SetForm, Sets};
use deskstate_reconcile::secret::masked_at;
use deskstate_reconcile::{Desired, lower, plan};
use serde_json::Value as Json;

use self::lacking::{lacking, prefixes, refuse_empty};
use super::choosing::{self, Choosing};
use super::exporting::{People, read_all};
use super::live::stop_on_interrupt;
use crate::door::{GOOD, WARN};
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::global::Global;
use crate::kept::write_file;
use crate::output::count;
use crate::output::plain;
use crate::output::plan_text::{PlanText, Title};
use crate::paths::shown_path;
use crate::project::{self, Loaded, load_environment, load_folder};
use crate::ui::Ui;

/// Shows the changes that would make one environment match another, or match a folder of manifests. Read-only
///
/// A folder is a project, or contains only manifests, such as an export. At least one of the two sides is an environment. Fields that a
/// folder omits are not compared.
///
/// Exit codes: 0 equal, 2 different.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment or folder that would change
    #[arg(long, value_name = "NAME|DIR")]
    from: String,
    /// The environment or folder that it is compared with
    #[arg(long, value_name = "NAME|DIR")]
    to: String,
    /// Include rows with this prefix; repeat it for several
    #[arg(long, value_name = "PREFIX")]
    prefix: Vec<String>,
    /// Write the differences of the environment `--to` as an overlay into this folder
    #[arg(long, value_name = "DIR")]
    as_overlay: Option<PathBuf>,
    /// How to compare users of two environments
    #[arg(long, value_enum, default_value_t = People::None, value_name = "HOW")]
    users: People,
    /// Also show the names of tables and columns
    #[arg(long)]
    explain_wire: bool,
    #[command(flatten)]
    choosing: Choosing,
    #[command(flatten)]
    access: Access,
}

/// One of the two compared sides.
enum Side<'a> {
    Environment(&'a str),
    Folder(&'a Path),
}

/// The differences, and the rows that only one side has.
pub(super) struct Compared {
    pub(super) plan: Plan,
    /// The manifests that contain the wanted values.
    pub(super) manifests: Manifests,
    address: String,
    pub(super) findings: Vec<Diagnostic>,
    pub(super) only_from: Vec<ResourceKey>,
    /// Rows that are items of another resource in `--to`, but not in `--from`.
    pub(super) apart: Vec<ResourceKey>,
    /// Rows of either side that could not be read or expressed.
    pub(super) lost: Vec<(String, LeftOut)>,
    /// The state of `--to`, as manifests.
    wanted: Option<Export>,
}

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let known = project::environments(global)?;
    let sides = (side(&args.from, &known)?, side(&args.to, &known)?);
    // A folder names the users that are compared.
    let names_no_user = matches!(sides, (Side::Environment(_), Side::Environment(_)));
    let compared = match sides {
        (Side::Environment(from), Side::Environment(to)) => {
            environments(args, from, to, global, ui).await?
        }
        (Side::Environment(from), Side::Folder(to)) => {
            if args.as_overlay.is_some() {
                return Err(Error::Failed {
                    message:
                        "an overlay changes manifests for one environment, but `--to` is a folder"
                            .to_owned(),
                    hint: Some("swap `--from` and `--to`".to_owned()),
                });
            }
            like_folder(args, from, to, global, ui).await?
        }
        (Side::Folder(from), Side::Environment(to)) => {
            like_environment(args, from, to, global, ui).await?
        }
        (Side::Folder(_), Side::Folder(_)) => {
            return Err(Error::Failed {
                message: "one of the two must be an environment".to_owned(),
                hint: Some("to compare two folders, use `git diff --no-index`".to_owned()),
            });
        }
    };
    refuse_empty(args, &compared)?;
    if args.users == People::None && names_no_user {
        ui.note(
            "users were compared neither as members nor as owners: `--users upn` compares them",
        );
    }
    let outcome = compared.outcome();
    if outcome == SyncState::InSync {
        ui.line(format_args!(
            "{GOOD}{} and {} are equal{GOOD:#} ({})",
            args.from,
            args.to,
            count(compared.plan.states().total(), "resource")
        ))?;
    } else {
        show(args, &compared, ui)?;
    }
    if let (Some(folder), Some(wanted)) = (&args.as_overlay, &compared.wanted)
        && !write_overlay(folder, wanted, &compared.plan, ui)?
    {
        return Err(Error::failed("the overlay does not hold every difference"));
    }
    match outcome {
        SyncState::InSync => Ok(ExitCode::Done),
        SyncState::Different => Ok(ExitCode::Differences),
        SyncState::Unknown => Err(Error::failed("not everything could be compared")),
    }
}

impl Compared {
    /// The overall result. Anything that could not be read or expressed on either side is unknown.
    pub(super) fn outcome(&self) -> SyncState {
        let only_from = if self.only_from.is_empty() && self.apart.is_empty() {
            SyncState::InSync
        } else {
            SyncState::Different
        };
        let lost = if self.findings.iter().any(Diagnostic::is_error) || !self.lost.is_empty() {
            SyncState::Unknown
        } else {
            SyncState::InSync
        };
        self.plan.state().max(only_from).max(lost)
    }
}

/// Resolves an environment of the project; otherwise a folder.
fn side<'a>(named: &'a str, known: &[String]) -> Result<Side<'a>, Error> {
    if known.iter().any(|name| name == named) {
        return Ok(Side::Environment(named));
    }
    let folder = Path::new(named);
    if folder.is_dir() {
        return Ok(Side::Folder(folder));
    }
    Err(Error::NoEnvironment {
        name: named.to_owned(),
        known: known.to_vec(),
    })
}

fn show(args: &Args, compared: &Compared, ui: &mut Ui) -> Result<(), Error> {
    if compared.plan.state() != SyncState::InSync {
        let environment = format!("{} → {}", args.from, args.to);
        let shown = PlanText {
            plan: &compared.plan,
            sources: &compared.manifests.sources,
            environment: &environment,
            address: &compared.address,
            revision: None,
            transactions: None,
            title: Title::Difference,
            explain_wire: args.explain_wire,
            reach: &[],
        };
        ui.page(&shown.page())?;
    }
    for finding in &compared.findings {
        ui.say(format_args!(
            "{WARN}cannot be compared{WARN:#}: {}",
            plain(&finding.message)
        ));
    }
    for (resource, left_out) in &compared.lost {
        ui.say(format!(
            "{WARN}cannot be compared{WARN:#}: {}: {}{}",
            plain(resource),
            match left_out.path.as_str() {
                "" => String::new(),
                path => format!("`{}`: ", plain(path)),
            },
            plain(&left_out.why)
        ));
    }
    for only in &compared.only_from {
        ui.line(format_args!(
            "only in {}: {}",
            args.from,
            plain(&only.to_string())
        ))?;
    }
    for apart in &compared.apart {
        ui.line(format_args!(
            "{} is a field of one template in {}, but not in {}: there it is inactive, managed, shared, or has a name that no field can have",
            plain(&apart.to_string()),
            args.to,
            args.from,
        ))?;
    }
    Ok(())
}

/// Computes the changes that would make one environment match the other.
async fn environments(
    args: &Args,
    from: &str,
    to: &str,
    global: &Global,
    ui: &mut Ui,
) -> Result<Compared, Error> {
    let own = load_environment(global, from, ui)?;
    let other = load_environment(global, to, ui)?;
    let mut selection = selection(args, &own.manifests);
    selection.labels.extend(choosing::labels(&other.manifests));
    let (live, _) = read(args, &other, &Desired::default(), ui).await?;
    let project = lower(&own.manifests);
    let wanted = Wanted::of(&live, selection, args.users, &project);
    choosing::say_along(&wanted.exported.needed, ui);
    let (live, address) = read(args, &own, &wanted.desired, ui).await?;
    wanted.beside(from, to, &live, address)
}

/// The state of an environment as manifests, for comparison with another one.
pub(super) struct Wanted<'p> {
    project: &'p Desired,
    selection: Selection,
    users: People,
    exported: Export,
    manifests: Manifests,
    /// The resources to read from the other environment.
    pub(super) desired: Desired,
}

impl<'p> Wanted<'p> {
    /// `project` is what the manifests of the project declare.
    pub(super) fn of(
        live: &Live,
        selection: Selection,
        users: People,
        project: &'p Desired,
    ) -> Self {
        let exported = exported(users, live, &selection, project);
        let (manifests, _) = exported.manifests();
        Self {
            desired: lower(&manifests),
            project,
            selection,
            users,
            exported,
            manifests,
        }
    }

    /// Computes the changes that would make `from`, which has these rows, match `to`.
    pub(super) fn beside(
        self,
        from: &str,
        to: &str,
        live: &Live,
        address: String,
    ) -> Result<Compared, Error> {
        let Self {
            project,
            selection,
            users,
            exported: wanted,
            manifests,
            desired,
        } = self;
        let own_rows = exported(users, live, &selection, project);
        // A product value that both sides omit for the same reason is not a difference.
        let values = wanted
            .not_comparable(true)
            .filter(|one| one.1.loss != Loss::Product || !own_rows.left_out.contains(one));
        let mut lost: Vec<(String, LeftOut)> = values.map(|one| in_environment(to, one)).collect();
        lost.extend(unread(to, &wanted, &desired));
        lost.extend(self::lost(from, &own_rows));
        let (mut plan, findings) = plan(&desired, live, &PlanOptions::default());
        beside::only_here(&own_rows, &wanted, live, &mut plan);
        // Findings must not point into the temporary export of the other environment.
        for change in &mut plan.changes {
            change.declared_at = None;
            change.fields.iter_mut().for_each(|field| field.span = None);
        }
        let only_from = own_rows.only_here(&desired, &selection);
        let apart = own_rows.apart(&desired, &selection);
        let mut nowhere = wanted.not_found.clone();
        nowhere.retain(|nothing| {
            let mut only = only_from.iter();
            !only.any(|key| selection.chooses(&nothing.selector, key))
        });
        choosing::refuse_nothing(&nowhere)?;
        Ok(Compared {
            plan,
            manifests,
            address,
            findings,
            only_from,
            apart,
            lost,
            wanted: Some(wanted),
        })
    }
}

/// Computes the changes that would make an environment match a folder.
async fn like_folder(
    args: &Args,
    from: &str,
    to: &Path,
    global: &Global,
    ui: &mut Ui,
) -> Result<Compared, Error> {
    let mut folder = load_folder(to, from, ui)?;
    let selection = selection(args, &folder.manifests);
    args.choosing.narrow(&mut folder.manifests, ui)?;
    let desired = lower(&folder.manifests);
    let loaded = load_environment(global, from, ui)?;
    let (live, address) = read(args, &loaded, &desired, ui).await?;
    let (plan, findings) = plan(&desired, &live, &PlanOptions::default());
    let only_from = lacking(args, &folder, &desired, &live, &selection, ui).into_iter();
    let only_from = only_from.map(|extra| extra.key).collect();
    Ok(Compared {
        plan,
        manifests: folder.manifests,
        address,
        findings,
        only_from,
        apart: Vec::new(),
        lost: lost(from, &exported(args.users, &live, &selection, &desired)),
        wanted: None,
    })
}

/// Computes the changes that would make a folder match an environment: the folder's plan reversed, plus the rows that the folder lacks.
async fn like_environment(
    args: &Args,
    from: &Path,
    to: &str,
    global: &Global,
    ui: &mut Ui,
) -> Result<Compared, Error> {
    let mut folder = load_folder(from, to, ui)?;
    let selection = selection(args, &folder.manifests);
    args.choosing.narrow(&mut folder.manifests, ui)?;
    let desired = lower(&folder.manifests);
    let loaded = load_environment(global, to, ui)?;
    let (live, address) = read(args, &loaded, &desired, ui).await?;
    let (mut plan, findings) = plan(&desired, &live, &PlanOptions::default());
    plan.changes.iter_mut().for_each(turn);
    let wanted = exported(args.users, &live, &selection, &desired);
    let lacking = lacking(args, &folder, &desired, &live, &selection, ui);
    let mut lost = self::lost(to, &wanted);
    for extra in lacking {
        let label = extra.key.to_string();
        let values = wanted
            .not_comparable(true)
            .filter(|(resource, left_out)| *resource == label && !left_out.path.is_empty());
        lost.extend(values.map(|one| in_environment(to, one)));
        let document = wanted
            .documents
            .iter()
            .find(|document| document.key == extra.key);
        plan.changes.push(Change {
            key: extra.key,
            id: extra.id,
            action: Action::Create,
            reason: Reason::Declared,
            declared_at: None,
            fields: document.into_iter().flat_map(new_fields).collect(),
            operations: Vec::new(),
            left_to_server: Vec::new(),
            kept: Vec::new(),
        });
    }
    Ok(Compared {
        plan,
        manifests: folder.manifests,
        address,
        findings,
        only_from: Vec::new(),
        apart: Vec::new(),
        lost,
        wanted: Some(wanted),
    })
}

/// Reverses a change.
fn turn(change: &mut Change) {
    change.action = match change.action {
        Action::Create => Action::Delete,
        Action::Update => Action::Update,
        Action::Delete => Action::Create,
    };
    change.left_to_server.clear();
    change.kept.clear();
    if change.action != Action::Update {
        change.fields.clear();
    }
    for field in &mut change.fields {
        field.difference = match field.difference.clone() {
            Difference::Value { before, after } => Difference::Value {
                before: after,
                after: before,
            },
            Difference::Added { member, note } => Difference::Removed { member, note },
            Difference::Removed { member, note } => Difference::Added { member, note },
            copy @ Difference::Copy { .. } => copy,
        };
    }
}

/// The fields of a document as the fields of a new resource: members one by one, and nothing for a field without a value.
fn new_fields(document: &Document) -> Vec<FieldChange> {
    let mut fields = Vec::new();
    for (word, value) in &document.spec {
        // A set, or a list of parts, in its long form.
        let value = match value {
            Json::Object(entries) if beside::is_listed(document.key.kind, word) => {
                entries.get("members").unwrap_or(value)
            }
            value => value,
        };
        given_fields(word, value, &mut fields);
    }
    fields
}

fn given_fields(path: &str, value: &Json, fields: &mut Vec<FieldChange>) {
    let mut add = |difference| {
        fields.push(FieldChange {
            path: path.to_owned(),
            difference,
            span: None,
            wire: String::new(),
        });
    };
    match value {
        Json::Null => {}
        Json::Object(entries) => {
            for (word, value) in entries {
                given_fields(&format!("{path}.{word}"), value, fields);
            }
        }
        Json::Array(members) if members.iter().all(Json::is_string) => {
            for member in members.iter().filter_map(Json::as_str) {
                add(Difference::Added {
                    member: member.to_owned(),
                    note: None,
                });
            }
        }
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                given_fields(&format!("{path}[{index}]"), item, fields);
            }
        }
        Json::Bool(_) | Json::Number(_) | Json::String(_) => add(Difference::Value {
            before: Json::Null,
            after: value.clone(),
        }),
    }
}

/// Reads all rows of an environment with all names, and its address.
async fn read(
    args: &Args,
    loaded: &Loaded,
    desired: &Desired,
    ui: &mut Ui,
) -> Result<(Live, String), Error> {
    let environment = loaded.environment()?;
    let stop = stop_on_interrupt();
    environment::with(
        &loaded.root,
        environment,
        &args.access.of_environment(&environment.name),
        &stop,
        async |opened| {
            let reader = Reader::open(&opened.connection)?;
            let live = read_all(&reader, desired, environment, ui).await;
            let address = opened.address.clone();
            Ok((live?, address))
        },
    )
    .await
}

fn selection(args: &Args, manifests: &Manifests) -> Selection {
    Selection {
        prefixes: prefixes(args).collect(),
        what: args.choosing.selectors(),
        labels: choosing::labels(manifests),
        ..Selection::default()
    }
}

fn exported(users: People, live: &Live, selection: &Selection, project: &Desired) -> Export {
    let options = Options {
        project: Some(project),
        users: users.into(),
        sets: &[(Sets::All, SetForm::Exact)],
        ..Options::default()
    };
    export(live, selection, options)
}

/// Lists complete rows that an export had to omit, with the environment that has them.
fn lost(environment: &str, exported: &Export) -> Vec<(String, LeftOut)> {
    let lost = exported.not_comparable(false);
    lost.map(|one| in_environment(environment, one)).collect()
}

/// Lists exported resources that could not be read back.
fn unread(environment: &str, wanted: &Export, desired: &Desired) -> Vec<(String, LeftOut)> {
    let keys = wanted.documents.iter().map(|document| &document.key);
    let unread = keys.filter(|key| !desired.resources.contains_key(key));
    let lost = unread.map(|key| {
        let left_out = LeftOut {
            path: String::new(),
            why: "no manifest can express it".to_owned(),
            loss: Loss::Lost,
        };
        in_environment(environment, &(key.to_string(), left_out))
    });
    lost.collect()
}

fn in_environment(
    environment: &str,
    (resource, left_out): &(String, LeftOut),
) -> (String, LeftOut) {
    (format!("{resource} in {environment}"), left_out.clone())
}

/// Returns whether the overlay holds every difference that an overlay can hold.
fn write_overlay(folder: &Path, wanted: &Export, plan: &Plan, ui: &mut Ui) -> Result<bool, Error> {
    let mut fit = wanted.clone();
    fit.leave_out_refused();
    let differs = |resource: &str, path: &str| {
        let mut changes = plan.changes.iter();
        changes.any(|change| {
            let mut fields = change.fields.iter();
            change.key.to_string() == resource
                && fields.any(|field| field.path.split('.').next() == path.split('.').next())
        })
    };
    let refused: Vec<&(String, LeftOut)> = fit
        .left_out
        .iter()
        .filter(|left_out| !wanted.left_out.contains(left_out))
        .filter(|(resource, left_out)| {
            left_out.path.is_empty() || differs(resource, &left_out.path)
        })
        .collect();
    for (resource, left_out) in &refused {
        ui.say(format_args!(
            "{WARN}warning{WARN:#}: {}: `{}` left out of the overlay: {}",
            plain(resource),
            plain(&left_out.path),
            plain(&left_out.why)
        ));
    }
    let mut overlay: Vec<Document> = plan
        .changes
        .iter()
        .filter(|change| change.action == Action::Update)
        .filter_map(|change| overlay_document(&fit.documents, change))
        .collect();
    for Document { key, spec, .. } in &mut overlay {
        spec.retain(|word, value| {
            let is_shown = masked_at(word, value) == *value;
            if !is_shown {
                ui.note(format_args!(
                    "`{word}` of {} is left out of the overlay: it looks like a credential",
                    plain(&key.to_string())
                ));
            }
            is_shown
        });
    }
    overlay.retain(|document| !document.spec.is_empty());
    for (name, document) in file_names(overlay.iter().map(|document| &document.key))
        .iter()
        .zip(&overlay)
    {
        write_file(&folder.join(name), &write(document))?;
    }
    ui.verb(
        GOOD,
        "Written",
        format_args!(
            "{} to {}",
            count(overlay.len(), "document"),
            shown_path(folder)
        ),
    );
    Ok(refused.is_empty())
}

/// Reduces a document to the fields that differ.
fn overlay_document(wanted: &[Document], change: &Change) -> Option<Document> {
    let words: BTreeSet<&str> = change
        .fields
        .iter()
        .filter_map(|field| field.path.split('.').next())
        .collect();
    let document = wanted.iter().find(|document| document.key == change.key)?;
    let spec = document
        .spec
        .iter()
        .filter(|(word, _)| words.contains(word.as_str()))
        .map(|(word, value)| (word.clone(), value.clone()))
        .collect();
    Some(Document {
        key: document.key.clone(),
        state: State::Present,
        spec,
    })
}
