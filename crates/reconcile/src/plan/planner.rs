//! Computes the changes from the live to the desired state, resource by resource.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use deskstate_model::{
    Diagnostic, Explanation, Kind, Relationship, ResourceKey, Severity, Span, State, Table,
    UniqueName,
};
use uuid::Uuid;

use super::judged::Findings;
use super::names::named;
use super::problems::{ambiguous, unreadable};
use super::{
    Action, Change, FieldChange, Guard, Operation, Options, Plan, Planned, Reason, keep,
    sort_changes,
};
use crate::live::{Live, ObservedRow};
use crate::lookup::Match;
use crate::lower::Desired;
use crate::state::{DeclaredResource, RowKey};

/// The name of the number that keeps parts in the order of their list.
pub(super) const ORDER: &str = "order";

/// Something that an environment may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lack {
    Table(&'static Table),
    /// The table in which rows of some type are looked up.
    Lookup(&'static Table),
    Column(&'static Table, &'static str),
    Option(&'static Table, &'static str, i64),
    Links(&'static Relationship),
}

/// Places, by what is missing and by the name of what needs it.
pub(super) type Lacking = BTreeMap<(Lack, String), Vec<Span>>;

pub(crate) const EXISTING_MISSING: Explanation = Explanation::new(
    "existing-missing",
    "A resource that is declared with `metadata.state: existing` does not exist.",
    "Somebody else creates it, so deskstate never does.",
    "Import the solution or apply the project that it belongs to, or correct the name. If documents may create rows of the kind, it can also be declared as present.",
);

/// Computes the changes that make the live environment match the desired state.
///
/// The diagnostics report what cannot be planned, such as a lookup without a match or a duplicate row. Such a change is left out.
#[tracing::instrument(level = "info", skip_all, fields(resources = desired.resources.len()))]
pub fn plan(desired: &Desired, live: &Live, options: &Options) -> Planned {
    let mut planner = Planner::new(desired, live, options);
    planner.planned = options.only.as_ref();
    planner.only_compares = options.only_compares;
    let mut changes = Vec::new();
    let included = || {
        let resources = desired.resources.values();
        resources.filter(|resource| options.includes(&resource.key))
    };
    let mut changing = Vec::with_capacity(desired.resources.len());
    for resource in included() {
        planner.findings.about(Some(&resource.key));
        let change = planner.resource(resource);
        changing.push(change.is_some());
        changes.extend(change);
    }
    planner.findings.about(None);
    planner.report_lacking();
    planner.rank_ties();
    planner.double_assignments(options);
    planner.second_by_app();
    planner.findings.about(None);
    let resources = included()
        .zip(changing)
        .map(|(resource, changes)| {
            let findings = &mut planner.findings;
            findings.judge(&resource.key, Some(resource.span), changes)
        })
        .collect();
    if options.only.is_none() {
        planner.doubles();
    }
    let pruned = planner.prune(options, &changes);
    changes.extend(pruned);
    sort_changes(&mut changes);
    keep(&mut changes, live);
    let (diagnostics, elsewhere) = planner.findings.finish();
    tracing::info!(
        changes = changes.len(),
        findings = diagnostics.len(),
        "planned"
    );
    let plan = Plan {
        organization: live.facts.organization,
        changes,
        resources,
        elsewhere,
        read_requests: live.requests,
    };
    (plan, diagnostics)
}

impl Options {
    pub(super) fn includes(&self, key: &ResourceKey) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(key))
    }
}

pub(super) struct Planner<'a> {
    pub(super) desired: &'a Desired,
    pub(super) live: &'a Live,
    pub(super) options: &'a Options,
    pub(super) findings: Findings<'a>,
    /// Parts that have unique names and may therefore be referenced before they exist.
    pub(super) declared_parts: BTreeSet<&'a RowKey>,
    /// Unique names of all declared rows and of all members of declared sets.
    pub(super) named: HashSet<(&'static Table, &'a str)>,
    /// Links of other profiles that are already removed, so that no two profiles remove the same link.
    pub(super) unlinked: BTreeSet<(&'static Relationship, Uuid, Uuid)>,
    /// The users whom declared profiles name, by profile, as far as they were needed.
    pub(super) listed: BTreeMap<Uuid, Listed>,
    /// The profiles that declare a user, as soon as somebody asks.
    pub(super) declaring: Option<HashMap<Uuid, Vec<Declaring<'a>>>>,
    /// Users whom such profiles take along, and who leave their profiles there.
    pub(super) arrived: BTreeSet<(Uuid, Uuid)>,
    /// Profiles that go to another app.
    pub(super) app_changes: Vec<AppChange<'a>>,
    /// The resources that are planned, if not all of them are.
    pub(super) planned: Option<&'a BTreeSet<ResourceKey>>,
    pub(super) only_compares: bool,
    /// What the environment lacks, and where it is needed.
    pub(super) lacking: Lacking,
    /// Warnings about definitions that were reported already.
    pub(super) warned: BTreeSet<String>,
    /// Number of names for which a suggestion was requested.
    pub(super) suggested: usize,
    pub(super) other_language: Option<&'static str>,
}

/// A profile that goes to another app, and the users whom its own change takes out.
pub(super) struct AppChange<'a> {
    pub(super) resource: &'a DeclaredResource,
    pub(super) id: Uuid,
    pub(super) goes: BTreeSet<Uuid>,
}

/// The users whom a declared profile names.
pub(super) struct Listed {
    pub(super) users: BTreeSet<Uuid>,
    pub(super) without: BTreeSet<Uuid>,
    /// Whether all of them were found. If not, the set removes nobody.
    pub(super) is_complete: bool,
}

/// A profile that declares a user.
#[derive(Debug, Clone, Copy)]
pub(super) struct Declaring<'a> {
    pub(super) profile: &'a DeclaredResource,
    /// Whether a rule of `ignore` accepts that the profile, or its set of users, is different.
    pub(super) is_accepted: bool,
}

/// A resource's own row, and the changes collected so far.
pub(super) struct Draft<'a> {
    pub(super) resource: &'a DeclaredResource,
    pub(super) id: Uuid,
    pub(super) row: Option<&'a ObservedRow>,
    pub(super) fields: Vec<FieldChange>,
    pub(super) operations: Vec<Operation>,
    /// Part tables whose live rows are already in the declared order.
    pub(super) in_order: BTreeSet<&'static Table>,
}

impl<'a> Planner<'a> {
    fn new(desired: &'a Desired, live: &'a Live, options: &'a Options) -> Self {
        let parts = desired
            .resources
            .values()
            .flat_map(|resource| &resource.parts);
        Self {
            desired,
            live,
            options,
            findings: Findings::default(),
            declared_parts: parts
                .filter(|row| !row.only_if_there)
                .map(|row| &row.key)
                .collect(),
            named: named(desired),
            unlinked: BTreeSet::new(),
            listed: BTreeMap::new(),
            declaring: None,
            arrived: BTreeSet::new(),
            app_changes: Vec::new(),
            planned: None,
            only_compares: false,
            lacking: Lacking::new(),
            warned: BTreeSet::new(),
            suggested: 0,
            other_language: live.facts.other_language(),
        }
    }

    fn resource(&mut self, resource: &'a DeclaredResource) -> Option<Change> {
        if self.lacks_kind(resource) || self.is_otherwise(resource.key.kind, resource.name_span) {
            return None;
        }
        let table = resource.key.kind.table();
        match (resource.state, self.live.find(&resource.row.key)) {
            (State::Absent, Match::One(id)) => {
                let row = self.live.found(table, id);
                self.delete(
                    &resource.key,
                    table,
                    row,
                    Reason::StateAbsent,
                    Some(resource.span),
                )
            }
            (State::Absent, Match::None) => None,
            // A row that does not exist has no member to remove.
            (State::Existing, Match::None) if self.desired.taken_out.contains(&resource.key) => {
                None
            }
            (State::Existing, Match::None) => {
                let kind = resource.key.kind.definition();
                let meant = self.meant(table, resource.key.name.as_written());
                let help = meant.unwrap_or_else(|| {
                    let may_be_ours =
                        kind.creatable && !kind.is_protected(resource.key.name.as_written());
                    let first = "let its owner create it first (for example, import its solution)";
                    match may_be_ours {
                        true => format!(
                            "{first}, or remove `state: existing` so that deskstate creates it"
                        ),
                        false => first.to_owned(),
                    }
                });
                self.findings.blocked(
                    "",
                    Diagnostic::error(
                        EXISTING_MISSING.code,
                        format!("{} is declared `existing` but does not exist", resource.key),
                    )
                    .at(
                        resource.name_span,
                        match kind.also {
                            [] => "no row has this name",
                            _ => "no row has these values",
                        },
                    )
                    .help(help),
                );
                None
            }
            (State::Present, Match::None) => self.create(resource, table),
            (State::Present | State::Existing, Match::One(id)) => {
                let row = self.live.found(table, id);
                self.update(resource, id, row)
            }
            (_, Match::Several(ids)) => {
                self.findings.unknown(
                    "",
                    ambiguous(&resource.row.key, &ids).at(resource.name_span, "several rows match"),
                );
                None
            }
            (_, Match::Unfit(_, why)) => {
                self.findings.unknown(
                    "",
                    unreadable(&resource.key.to_string(), why)
                        .at(resource.name_span, "cannot be planned"),
                );
                None
            }
            (_, Match::Unknown(why)) => {
                self.findings.unknown(
                    "",
                    unreadable(&resource.key.to_string(), &why)
                        .at(resource.name_span, "cannot be planned"),
                );
                None
            }
        }
    }

    fn create(&mut self, resource: &'a DeclaredResource, table: &'static Table) -> Option<Change> {
        let id = resource.row.key.derived_id();
        if !self.is_free(table, id, "", &resource.key.to_string(), resource.name_span) {
            return None;
        }
        let mut draft = Draft {
            resource,
            id,
            row: None,
            fields: Vec::new(),
            operations: Vec::new(),
            in_order: BTreeSet::new(),
        };
        let complete = self.create_row(&mut draft, &resource.row, table, id, None);
        self.parts(&mut draft);
        self.sets(&mut draft);
        if !complete {
            return None;
        }
        Some(Change {
            key: resource.key.clone(),
            id,
            action: Action::Create,
            reason: Reason::Declared,
            declared_at: Some(resource.span),
            fields: draft.fields,
            operations: draft.operations,
            left_to_server: {
                let left_out = resource.left_out.iter().map(|field| field.word);
                let filled = resource.key.kind.definition().server_sets;
                left_out.chain(filled.iter().copied()).collect()
            },
            kept: Vec::new(),
        })
    }

    fn update(
        &mut self,
        resource: &'a DeclaredResource,
        id: Uuid,
        row: &'a ObservedRow,
    ) -> Option<Change> {
        let mut draft = Draft {
            resource,
            id,
            row: Some(row),
            fields: Vec::new(),
            operations: Vec::new(),
            in_order: self.lists_in_order(resource),
        };
        let table = resource.key.kind.table();
        self.update_row(&mut draft, &resource.row, table, row);
        self.parts(&mut draft);
        self.sets(&mut draft);
        self.note_app_change(&draft);
        if draft.operations.is_empty() {
            return None;
        }
        Some(Change {
            key: resource.key.clone(),
            id,
            action: Action::Update,
            reason: Reason::FieldsDiffer,
            declared_at: Some(resource.span),
            fields: draft.fields,
            operations: draft.operations,
            left_to_server: Vec::new(),
            kept: Vec::new(),
        })
    }

    /// Warns of names that several live rows share, unless an error reports it already.
    fn doubles(&mut self) {
        for kind in Kind::all() {
            for ids in self.live.table(kind.table()).doubles() {
                let first = ids[0].to_string();
                let said =
                    self.findings.diagnostics().iter().any(|known| {
                        known.code == "ambiguous-row" && known.message.contains(&first)
                    });
                if !said {
                    let name = UniqueName::new(&self.live.label(kind.table(), ids[0]));
                    let key = RowKey::Named {
                        table: kind.table(),
                        name,
                    };
                    self.findings.warn(Diagnostic {
                        severity: Severity::Warning,
                        ..ambiguous(&key, ids)
                    });
                }
            }
        }
    }

    /// The guard that protects a write against overwriting somebody else's change.
    pub(super) fn guard(&self, table: &'static Table, row: &ObservedRow) -> Guard {
        Guard::of(self.live.table(table), row)
    }
}
