//! Computes the changes from the live to the desired state, resource by resource.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use deskstate_dataverse::Value as Wire;
use deskstate_model::{
    Diagnostic, Explanation, Field, Holds, Kind, PartTable, Relationship, ResourceKey, Severity,
    Span, State, Table, UniqueName, tables,
};
use serde_json::Value as Json;
use uuid::Uuid;

use super::judged::Findings;
use super::problems::{ambiguous, unreadable};
use super::{
    Action, Change, Difference, FieldChange, Guard, Operation, Options, Plan, Planned, Reason,
    RowTarget, keep, sort_changes,
};
use crate::kinds;
use crate::live::{Access, Live, ObservedRow};
use crate::lookup::Match;
use crate::lower::Desired;
use crate::state::{DeclaredColumn, DeclaredResource, DeclaredRow, RowKey, Stored};
use crate::value::{self, Resolved};

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
    "Import the solution or apply the project that it belongs to, correct the name, or declare it as present.",
);

pub(crate) const FOREIGN_LANGUAGE: Explanation = Explanation::new(
    "foreign-language",
    "Your language in the environment is not the organization's base language.",
    "Dataverse returns texts in your language, so they would look changed, and a write would change the wrong translation. deskstate therefore neither compares nor writes texts.",
    "Set the language in the personal settings of the user that signs in.",
);

pub(crate) const ID_TAKEN: Explanation = Explanation::new(
    "id-taken",
    "Another row has the id that a new row would get.",
    "Ids are derived from names, so that they are the same in every environment, and a repeated create is recognised. The other row was renamed, or separated from its parent, by hand.",
    "Restore that row as it was declared, or delete it. The finding names its table and id.",
);

pub(crate) const INACTIVE_ROW: Explanation = Explanation::new(
    "inactive-row",
    "A declared row is inactive, and its manifest does not set `status`.",
    "An inactive row may have no effect for agents, whatever its other columns contain. No source says so for every table: published code of the product's script control also reads inactive scripts and steps. Parts of a row, such as the steps of a script or the roles of a profile, can be inactive too.",
    "Activate the row in the environment, or write `status: Active` or `status: Inactive` in the manifest. Manifests have no status of parts: activate the row, or delete it so that the next apply creates it.",
);

pub(crate) const LOOKUP_MISSING: Explanation = Explanation::new(
    "lookup-missing",
    "The environment lacks something that a manifest names: a user, team, role, web resource, view, form, dashboard, macro, or a row of Microsoft's.",
    "deskstate looks these up by name and never creates them.",
    "Correct the name, or create it in the environment first.",
);

pub(crate) const LOOKUP_UNFIT: Explanation = Explanation::new(
    "lookup-unfit",
    "The environment has something with the name that a manifest uses, but it does not fit.",
    "Examples are a disabled user, and a team or a view of the wrong type. The finding has the reason.",
    "Use another name, or correct it in the environment.",
);

pub(crate) const LOOKUP_UNREADABLE: Explanation = Explanation::new(
    "lookup-unreadable",
    "You may not read something that a manifest names in the environment.",
    "Without access, deskstate cannot tell whether it exists.",
    "Get read access to the whole organization. `deskstate doctor --env NAME` lists the missing rights.",
);

/// Computes the changes that make the live environment match the desired state.
///
/// The diagnostics report what cannot be planned, such as a lookup without a match or a duplicate row. Such a change is left out.
#[tracing::instrument(level = "info", skip_all, fields(resources = desired.resources.len()))]
pub fn plan(desired: &Desired, live: &Live, options: &Options) -> Planned {
    let mut planner = Planner::new(desired, live);
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
    pub(super) findings: Findings<'a>,
    /// Parts that have unique names and may therefore be referenced before they exist.
    declared_parts: BTreeSet<&'a RowKey>,
    /// Unique names of all declared rows and of all members of declared sets.
    pub(super) named: HashSet<(&'static Table, &'a str)>,
    /// Links that are already removed, so that no two resources remove the same link.
    pub(super) unlinked: BTreeSet<(&'static Relationship, Uuid, Uuid)>,
    /// What the environment lacks, and where it is needed.
    pub(super) lacking: Lacking,
    /// Warnings about definitions that were reported already.
    pub(super) warned: BTreeSet<String>,
    /// Number of names for which a suggestion was requested.
    pub(super) suggested: usize,
    speaks_base_language: bool,
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
    fn new(desired: &'a Desired, live: &'a Live) -> Self {
        let parts = desired
            .resources
            .values()
            .flat_map(|resource| &resource.parts);
        Self {
            desired,
            live,
            findings: Findings::default(),
            declared_parts: parts
                .filter(|row| !row.only_if_there)
                .map(|row| &row.key)
                .collect(),
            named: named(desired),
            unlinked: BTreeSet::new(),
            lacking: Lacking::new(),
            warned: BTreeSet::new(),
            suggested: 0,
            speaks_base_language: live.facts.reads_base_language(),
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
                let help = self.meant(table, resource.key.name.as_written()).unwrap_or_else(|| {
                    "let its owner create it first (for example, import its solution), or remove `state: existing` so that deskstate creates it".to_owned()
                });
                self.findings.blocked(
                    "",
                    Diagnostic::error(
                        EXISTING_MISSING.code,
                        format!("{} is declared `existing` but does not exist", resource.key),
                    )
                    .at(resource.name_span, "no row has this unique name")
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

    /// Whether a new row can have the id that is derived from its identity.
    pub(super) fn is_free(
        &mut self,
        table: &'static Table,
        id: Uuid,
        path: &str,
        what: &str,
        span: Span,
    ) -> bool {
        let Some(taken) = self.live.row(table, id) else {
            return true;
        };
        let name = kinds::name_of(table, &taken.row);
        let name = name
            .as_deref()
            .or(taken.row.text(table.label))
            .unwrap_or_default();
        self.findings.blocked(
            path,
            Diagnostic::error(
                ID_TAKEN.code,
                format!(
                    "the id of {what} belongs to a row that is now called `{name}` or has no parent"
                ),
            )
            .at(span, "would get this id")
            .help(format!(
                "somebody changed row {id} of `{}`: restore it as declared, or delete it",
                table.logical
            )),
        );
        false
    }

    /// Creates the row of a new resource or of a new part. Returns false if one of its values cannot be determined.
    pub(super) fn create_row(
        &mut self,
        draft: &mut Draft<'a>,
        declared: &'a DeclaredRow,
        table: &'static Table,
        id: Uuid,
        parent: Option<(&'static PartTable, Uuid, bool)>,
    ) -> bool {
        let mut body = Vec::new();
        let mut complete = self.may_write_texts(declared, table);
        let shown = draft.fields.len();
        for (field, stored) in &declared.when_new {
            match self.resolve(stored, declared, field, declared.span) {
                // A name that no manifest declares is left out if the environment lacks its column.
                Some(_)
                    if self
                        .live
                        .table(table)
                        .missing_columns
                        .contains(field.column) => {}
                Some(resolved) => {
                    complete &= !self.lacks_value(table, declared, field, &resolved, declared.span);
                    body.extend(value::write(field, &resolved, true));
                }
                None => complete = false,
            }
        }
        for column in &declared.columns {
            match self.resolve(&column.value, declared, column.field, column.span) {
                Some(resolved) if self.names_nothing(declared, column, &resolved) => {
                    complete = false;
                }
                Some(resolved)
                    if self.lacks_value(table, declared, column.field, &resolved, column.span) =>
                {
                    complete &= resolved == Resolved::Null || is_copy(column.field);
                }
                Some(resolved) => {
                    body.extend(value::write(column.field, &resolved, true));
                    if !is_copy(column.field) && !(resolved == Resolved::Null) {
                        draft.fields.push(FieldChange {
                            path: path(&declared.path, column.field),
                            difference: Difference::Value {
                                before: Json::Null,
                                after: value::show(column.field, &resolved),
                            },
                            span: Some(column.span),
                            wire: wire(table, column.field),
                        });
                    }
                }
                None => complete = false,
            }
        }
        if draft.fields.len() == shown && !declared.path.is_empty() {
            draft.fields.push(added(declared, table));
        }
        let mut attaches_to = None;
        if let Some((part, parent, parent_is_new)) = parent {
            let bind = deskstate_dataverse::Value::Bind {
                set: part.parent.set.to_owned(),
                id: parent,
            };
            body.push((part.parent_navigation.to_owned(), bind));
            attaches_to = (!parent_is_new).then_some(parent);
        }
        self.without_missing(table, &mut body);
        if complete {
            let row = RowTarget {
                table,
                id,
                label: declared.key.label(),
            };
            draft.operations.push(Operation::Create {
                row,
                body,
                attaches_to,
            });
        }
        complete
    }

    /// Whether the localizable texts of a new row may be written. Otherwise they would be stored in the caller's language, and those in the
    /// organization's language would be empty.
    fn may_write_texts(&mut self, declared: &DeclaredRow, table: &'static Table) -> bool {
        let texts = declared
            .columns
            .iter()
            .map(|column| column.field)
            .chain(declared.when_new.iter().map(|(field, _)| *field));
        if self.speaks_base_language || !texts.into_iter().any(|field| field.localizable) {
            return true;
        }
        self.findings.blocked(
            declared.path.as_str(),
            Diagnostic::error(
                FOREIGN_LANGUAGE.code,
                format!(
                    "{} `{}` cannot be created, because your language is not the organization's base language",
                    table.logical,
                    declared.key.label()
                ),
            )
            .at(declared.span, "has texts in several languages")
            .help("set the caller's language to the organization's base language"),
        );
        false
    }

    pub(super) fn update_row(
        &mut self,
        draft: &mut Draft<'a>,
        declared: &'a DeclaredRow,
        table: &'static Table,
        row: &ObservedRow,
    ) {
        self.inactive(draft, declared, row);
        let mut body = Vec::new();
        for column in &declared.columns {
            if column.field.localizable && !self.speaks_base_language {
                self.findings.not_compared(
                    path(&declared.path, column.field),
                    FOREIGN_LANGUAGE.code,
                    "the caller reads texts in another language than the organization's",
                    column.span,
                );
                continue;
            }
            // A position that is implied by the list has the span of its item.
            let is_implied = column.field.word == ORDER && column.span == declared.span;
            if is_implied && draft.in_order.contains(table) {
                continue;
            }
            // Most rows are in sync, so their values are not copied.
            if column.field.names.is_none()
                && value::holds_as_declared(column.field, &column.value, &row.row)
            {
                continue;
            }
            let Some(resolved) = self.resolve(&column.value, declared, column.field, column.span)
            else {
                continue;
            };
            if self.names_nothing(declared, column, &resolved)
                || value::holds(column.field, &resolved, &row.row)
                || self.lacks_value(table, declared, column.field, &resolved, column.span)
                || self.is_fixed(declared, column.field, column.span)
            {
                continue;
            }
            let resolved = match resolved {
                Resolved::IdsAmong { with, without } => {
                    let all = value::among(column.field, with, &without, &row.row, self.live);
                    let Some(all) = all else {
                        self.opaque(&path(&declared.path, column.field), column.span);
                        continue;
                    };
                    all
                }
                other => other,
            };
            body.extend(value::write(column.field, &resolved, false));
            let before = value::show_live(column.field, &row.row, self.live);
            let after = value::show(column.field, &resolved);
            let difference = if is_copy(column.field) {
                Difference::Copy {
                    column: column.field.column,
                    after,
                }
            } else {
                Difference::Value { before, after }
            };
            draft.fields.push(FieldChange {
                path: path(&declared.path, column.field),
                difference,
                span: Some(column.span),
                wire: wire(table, column.field),
            });
        }
        self.without_missing(table, &mut body);
        if !body.is_empty() {
            let row_target = RowTarget {
                table,
                id: row.id,
                label: declared.key.label(),
            };
            let guard = self.guard(table, row);
            draft.operations.push(Operation::Update {
                row: row_target,
                guard,
                body,
            });
        }
    }

    /// Warns of an inactive row, which may have no effect for agents.
    fn inactive(&mut self, draft: &Draft<'a>, declared: &DeclaredRow, row: &ObservedRow) {
        let is_off = kinds::is_inactive(&row.row);
        let is_compared = declared
            .columns
            .iter()
            .any(|column| column.field.column == tables::STATUS.column);
        if !is_off || is_compared {
            return;
        }
        let what = match declared.path.as_str() {
            "" => draft.resource.key.to_string(),
            path => format!("`{path}` of {}", draft.resource.key),
        };
        let (label, help) = match declared.part {
            None => (
                "its manifest does not set `status`",
                "write `status: Active` or `status: Inactive`, so that it is compared",
            ),
            Some(_) => (
                "manifests have no status of parts",
                "activate the row in the environment, or delete it: the next apply creates it",
            ),
        };
        self.findings.warn(
            Diagnostic::warning(
                INACTIVE_ROW.code,
                format!("{what} is inactive in the environment"),
            )
            .at(declared.span, label)
            .help(help),
        );
    }

    /// The guard that protects a write against overwriting somebody else's change.
    pub(super) fn guard(&self, table: &'static Table, row: &ObservedRow) -> Guard {
        Guard::of(self.live.table(table), row)
    }

    /// Removes columns that deskstate writes together with a field and that the environment lacks.
    fn without_missing(&self, table: &'static Table, body: &mut Vec<(String, Wire)>) {
        let missing = &self.live.table(table).missing_columns;
        body.retain(|(column, _)| !missing.contains(column.as_str()));
    }

    /// Reports that ids cannot be added to a text that contains something other than ids.
    fn opaque(&mut self, path: &str, span: Span) {
        let message = format!(
            "nothing can be added to `{path}`: the environment holds something else than ids there"
        );
        self.findings.unknown(
            path,
            Diagnostic::error(LOOKUP_UNFIT.code, message)
                .at(span, "to be added here")
                .help("write the whole list, which replaces what is there"),
        );
    }

    fn resolve(
        &mut self,
        stored: &Stored,
        declared: &DeclaredRow,
        field: &Field,
        span: Span,
    ) -> Option<Resolved> {
        match value::resolve(stored, &mut |key| self.id_of(key)) {
            Ok(resolved) => Some(resolved),
            Err(key) => {
                self.report_missing(&key, &path(&declared.path, field), span);
                None
            }
        }
    }

    /// Whether a text is the name of a row that neither exists nor will be created. If so, reports it.
    fn names_nothing(
        &mut self,
        declared: &DeclaredRow,
        column: &DeclaredColumn,
        value: &Resolved,
    ) -> bool {
        let (Some(table), Resolved::Text(name)) = (column.field.names, value) else {
            return false;
        };
        let key = RowKey::Named {
            table,
            name: UniqueName::new(name),
        };
        let is_missing = self.id_of(&key).is_none();
        if is_missing {
            self.report_missing(&key, &path(&declared.path, column.field), column.span);
        }
        is_missing
    }

    /// The id of a row that exists, or will exist after the plan is executed.
    pub(super) fn id_of(&self, key: &RowKey) -> Option<(&'static str, Uuid)> {
        let set = match key {
            RowKey::Named { table, .. } | RowKey::Part { table, .. } => table.set,
            RowKey::Found(lookup) => lookup_table(lookup).set,
        };
        match self.live.find(key) {
            Match::One(id) => Some((set, id)),
            Match::None => {
                let declared = self
                    .desired
                    .resource(key)
                    .is_some_and(|resource| resource.state == State::Present);
                (declared || self.declared_parts.contains(key)).then(|| (set, key.derived_id()))
            }
            Match::Several(_) | Match::Unfit(..) | Match::Unknown(_) => None,
        }
    }

    pub(super) fn report_missing(&mut self, key: &RowKey, path: &str, span: Span) {
        let what = match key {
            RowKey::Found(crate::state::Lookup::Organization) => {
                "the id of the organization".to_owned()
            }
            RowKey::Found(lookup) => format!("{} `{}`", lookup.noun(), lookup.name()),
            RowKey::Named { table, name } => {
                let kind = kinds::noun(table);
                format!("{kind} `{}`", name.as_written())
            }
            RowKey::Part { .. } => key.to_string(),
        };
        match key {
            RowKey::Named { table, .. } if self.live.table(table).access == Access::Absent => {
                let kind = kinds::noun(table);
                return self.lacks_table(table, kind, span);
            }
            RowKey::Found(lookup) if self.live.found.absent.contains(lookup.noun()) => {
                return self.lacks_lookup(lookup_table(lookup), lookup.noun(), span);
            }
            RowKey::Named { .. } | RowKey::Part { .. } | RowKey::Found(_) => {}
        }
        let diagnostic = match self.live.find(key) {
            Match::Several(ids) => ambiguous(key, &ids),
            Match::Unfit(_, why) => {
                Diagnostic::error(LOOKUP_UNFIT.code, format!("{what} is {why}"))
            }
            Match::Unknown(why) => Diagnostic::error(
                LOOKUP_UNREADABLE.code,
                format!("{what} cannot be looked up: {why}"),
            ),
            Match::None | Match::One(_) => {
                let meant = match key {
                    RowKey::Named { table, name } => self.meant(table, name.as_written()),
                    RowKey::Found(lookup) => self.shown_as(lookup),
                    RowKey::Part { .. } => None,
                };
                Diagnostic::error(LOOKUP_MISSING.code, format!("the environment has no {what}")).help(meant.unwrap_or_else(|| {
                    "deskstate looks it up by name and never creates it: correct the name, or create it in the environment first".to_owned()
                }))
            }
        };
        self.findings
            .unknown(path, diagnostic.at(span, "named here"));
    }
}

fn lookup_table(lookup: &crate::state::Lookup) -> &'static Table {
    use crate::state::Lookup;
    match lookup {
        Lookup::User(_) => &tables::USER,
        Lookup::Team(_) => &tables::TEAM,
        Lookup::Role { .. } => &tables::ROLE,
        Lookup::WebResource(_) => &tables::WEB_RESOURCE,
        Lookup::Macro(_) => &tables::MACRO,
        Lookup::View { .. } => &tables::VIEW,
        Lookup::Form { .. } | Lookup::Dashboard(_) => &tables::FORM,
        Lookup::Row { table, .. } => table,
        Lookup::Organization => &tables::ORGANIZATION,
    }
}

/// Whether a column repeats the values of parts.
pub(crate) fn is_copy(field: &Field) -> bool {
    matches!(field.holds, Holds::ParametersCopy)
}

/// The path of a field; for a field of a part, below the path of the part.
pub(crate) fn path(prefix: &str, field: &Field) -> String {
    match (prefix, field.word) {
        ("", word) => word.to_owned(),
        (prefix, "") => prefix.to_owned(),
        (prefix, word) => format!("{prefix}.{word}"),
    }
}

pub(super) fn wire(table: &Table, field: &Field) -> String {
    format!("{}.{}", table.logical, field.column)
}

fn added(declared: &DeclaredRow, table: &Table) -> FieldChange {
    let (list, member) = declared
        .path
        .split_once('.')
        .unwrap_or((&declared.path, ""));
    FieldChange {
        path: list.to_owned(),
        difference: Difference::Added {
            member: member.to_owned(),
            note: None,
        },
        span: Some(declared.span),
        wire: table.logical.to_owned(),
    }
}

/// Tables and unique names of the rows that documents declare.
pub(crate) fn declared_names(desired: &Desired) -> HashSet<(&'static Table, &str)> {
    let resources = desired.resources.values();
    let rows = resources.flat_map(|resource| std::iter::once(&resource.row).chain(&resource.parts));
    let mut names = HashSet::with_capacity(desired.resources.len());
    names.extend(rows.filter_map(|row| named_row(&row.key)));
    names
}

/// Tables and unique names of the rows that documents declare or include in sets.
fn named(desired: &Desired) -> HashSet<(&'static Table, &str)> {
    let resources = desired.resources.values();
    let sets = resources.flat_map(|resource| &resource.sets);
    let members = sets.flat_map(|set| &set.members);
    let mut names = declared_names(desired);
    names.extend(members.filter_map(|member| named_row(&member.key)));
    names
}

fn named_row(key: &RowKey) -> Option<(&'static Table, &str)> {
    match key {
        RowKey::Named { table, name } => Some((*table, name.folded())),
        RowKey::Part { .. } | RowKey::Found(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_path_joins_the_list_the_part_and_the_field() {
        let field = Field::new("text", "x", Holds::Text);
        let unnamed = Field::new("", "x", Holds::Text);
        assert_eq!(path("", &field), "text");
        assert_eq!(path("steps.a_b", &field), "steps.a_b.text");
        assert_eq!(path("parameters.url", &unnamed), "parameters.url");
    }
}
