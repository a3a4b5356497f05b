//! From desired and live to changes, resource by resource.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{Diagnostic, ResourceKey, SetMode, Span, State, UniqueName};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    Action, Change, Difference, FieldChange, Operation, Options, Plan, Planned, Reason, RowTarget,
    kind_order,
};
use crate::field::{Field, Holds, PartTable, Unlisted, lookup_read_name};
use crate::kinds::{self, tables};
use crate::live::{Access, Live, LiveTable, ObservedRow};
use crate::lookup::Match;
use crate::lower::Desired;
use crate::state::{DeclaredColumn, DeclaredParts, DeclaredResource, DeclaredRow, RowKey, Stored};
use crate::table::{Relationship, Table};
use crate::value::{self, Resolved};

/// The word of the number that keeps parts in the order of their list.
const ORDER: &str = "order";

/// Computes what must change so that live is as desired.
///
/// The diagnostics say what cannot be planned: a look-up that finds nothing, a row that is there twice. Such a change is left out.
pub fn plan(desired: &Desired, live: &Live, options: &Options) -> Planned {
    let mut planner = Planner::new(desired, live);
    let mut changes = Vec::new();
    let mut in_sync = 0;
    let mut resources = 0;
    for resource in desired
        .resources
        .values()
        .filter(|resource| options.includes(&resource.key))
    {
        resources += 1;
        match planner.resource(resource) {
            Some(change) => changes.push(change),
            None => in_sync += 1,
        }
    }
    changes.extend(planner.prune(options));
    changes.sort_by_cached_key(|change| {
        (
            change.action == Action::Delete,
            kind_order(change.key.kind),
            change.key.name.clone(),
        )
    });
    let plan = Plan {
        organization: live.facts.organization,
        changes,
        resources,
        in_sync,
        read_requests: live.requests,
    };
    (plan, planner.diagnostics)
}

impl Options {
    fn includes(&self, key: &ResourceKey) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(key))
    }
}

pub(super) struct Planner<'a> {
    pub(super) desired: &'a Desired,
    pub(super) live: &'a Live,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Parts that have names of their own, and so may be referred to before they exist.
    declared_parts: BTreeSet<&'a RowKey>,
    /// Links that already go, so that two resources do not take away the same one.
    pub(super) unlinked: BTreeSet<(&'static Relationship, Uuid, Uuid)>,
    speaks_base_language: bool,
}

/// A resource's own row while its changes are collected.
pub(super) struct Draft<'a> {
    pub(super) resource: &'a DeclaredResource,
    pub(super) id: Uuid,
    pub(super) row: Option<&'a ObservedRow>,
    pub(super) fields: Vec<FieldChange>,
    pub(super) operations: Vec<Operation>,
    /// Part tables whose live rows stand in the declared order already.
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
            diagnostics: Vec::new(),
            declared_parts: parts
                .filter(|row| !row.only_if_there)
                .map(|row| &row.key)
                .collect(),
            unlinked: BTreeSet::new(),
            speaks_base_language: live.facts.reads_base_language(),
        }
    }

    fn resource(&mut self, resource: &'a DeclaredResource) -> Option<Change> {
        let table = kinds::of(resource.key.kind).table;
        match (resource.state, self.live.find(&resource.row.key)) {
            (State::Absent, Match::One(id)) => {
                let row = self.live.row(table, id)?;
                Some(self.delete(
                    &resource.key,
                    table,
                    row,
                    Reason::StateAbsent,
                    Some(resource.span),
                ))
            }
            (State::Absent, Match::None) => None,
            (State::Existing, Match::None) => {
                self.diagnostics.push(
                    Diagnostic::error("existing-missing", format!("{} is declared `existing` but is not there", resource.key))
                        .at(resource.name_span, "no row has this unique name")
                        .help("bring it in first (its solution, its owner), or drop `state: existing` so that deskstate creates it"),
                );
                None
            }
            (State::Present, Match::None) => self.create(resource, table),
            (State::Present | State::Existing, Match::One(id)) => {
                let row = self.live.row(table, id)?;
                self.update(resource, id, row)
            }
            (_, Match::Several(ids)) => {
                self.diagnostics.push(
                    ambiguous(&resource.row.key, &ids)
                        .at(resource.name_span, "which one is meant?"),
                );
                None
            }
            (_, Match::Unfit(_, why)) => {
                self.diagnostics.push(
                    unreadable(&resource.key.to_string(), why)
                        .at(resource.name_span, "cannot be planned"),
                );
                None
            }
            (_, Match::Unknown(why)) => {
                self.diagnostics.push(
                    unreadable(&resource.key.to_string(), &why)
                        .at(resource.name_span, "cannot be planned"),
                );
                None
            }
        }
    }

    fn create(&mut self, resource: &'a DeclaredResource, table: &'static Table) -> Option<Change> {
        let id = resource.row.key.derived_id();
        if let Some(taken) = self.live.row(table, id) {
            let name = table
                .name
                .and_then(|column| taken.row.text(column))
                .unwrap_or_default();
            self.diagnostics.push(
                Diagnostic::error("id-taken", format!("the id of {} belongs to a row that is now called `{name}`", resource.key))
                    .at(resource.name_span, "would get this id")
                    .help(format!("somebody changed the unique name of row {id}; name it as declared again, or delete it")),
            );
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
            left_to_server: resource.left_out.clone(),
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
        let table = kinds::of(resource.key.kind).table;
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
        })
    }

    /// The row of a new resource or of a new part. False if something it needs cannot be given.
    fn create_row(
        &mut self,
        draft: &mut Draft<'a>,
        declared: &'a DeclaredRow,
        table: &'static Table,
        id: Uuid,
        parent: Option<(&'static PartTable, Uuid, bool)>,
    ) -> bool {
        let mut body = Vec::new();
        let mut complete = true;
        for (field, stored) in &declared.when_new {
            match self.resolve(stored, declared.span) {
                Some(resolved) => body.extend(value::write(field, &resolved, true)),
                None => complete = false,
            }
        }
        for column in &declared.columns {
            match self.column(column, table) {
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
        if declared.columns.is_empty() && parent.is_some() {
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

    fn update_row(
        &mut self,
        draft: &mut Draft<'a>,
        declared: &'a DeclaredRow,
        table: &'static Table,
        row: &ObservedRow,
    ) {
        let mut body = Vec::new();
        for column in &declared.columns {
            if column.field.localizable && !self.speaks_base_language {
                continue;
            }
            if column.field.word == ORDER && draft.in_order.contains(table) {
                continue;
            }
            let Some(resolved) = self.column(column, table) else {
                continue;
            };
            if value::holds(column.field, &resolved, &row.row) {
                continue;
            }
            body.extend(value::write(column.field, &resolved, false));
            let before = value::show_live(column.field, &row.row, self.live);
            let after = value::show(column.field, &resolved);
            let copy = column.field.mirror.as_ref().map(|mirror| mirror.column);
            let difference = match copy {
                _ if is_copy(column.field) => Difference::Copy {
                    column: column.field.column,
                    after,
                },
                Some(copy) if before == after => Difference::Copy {
                    column: copy,
                    after,
                },
                _ => Difference::Value { before, after },
            };
            draft.fields.push(FieldChange {
                path: path(&declared.path, column.field),
                difference,
                span: Some(column.span),
                wire: wire(table, column.field),
            });
        }
        if !body.is_empty() {
            let row_target = RowTarget {
                table,
                id: row.id,
                label: declared.key.label(),
            };
            let version = self.version(table, row);
            draft.operations.push(Operation::Update {
                row: row_target,
                version,
                body,
            });
        }
    }

    pub(super) fn version(
        &self,
        table: &'static Table,
        row: &ObservedRow,
    ) -> Option<deskstate_dataverse::Etag> {
        let guarded = self.live.table(table).optimistic_concurrency != Some(false);
        guarded.then(|| row.etag().cloned()).flatten()
    }

    fn parts(&mut self, draft: &mut Draft<'a>) {
        let resource = draft.resource;
        let mut listed: BTreeSet<Uuid> = BTreeSet::new();
        for declared in &resource.parts {
            let (RowKey::Named { table, .. } | RowKey::Part { table, .. }) = declared.key else {
                continue;
            };
            let found = match (&declared.key, draft.row) {
                // Nothing hangs on a row that is not there yet.
                (RowKey::Part { .. }, None) => Match::None,
                _ => self.live.find(&declared.key),
            };
            match found {
                Match::One(id) => {
                    listed.insert(id);
                    let Some(row) = self.live.row(table, id) else {
                        continue;
                    };
                    if self.belongs(draft, declared, row) {
                        self.update_row(draft, declared, table, row);
                    }
                }
                Match::None if declared.only_if_there => {}
                Match::None => {
                    if self.live.table(table).access == Access::Absent {
                        self.diagnostics.push(no_table(declared, table));
                        continue;
                    }
                    let parent = declared
                        .part
                        .map(|part| (part, draft.id, draft.row.is_none()));
                    self.create_row(draft, declared, table, declared.key.derived_id(), parent);
                }
                Match::Several(ids) => {
                    self.diagnostics.push(
                        ambiguous(&declared.key, &ids).at(declared.span, "which one is meant?"),
                    );
                }
                Match::Unfit(_, why) => {
                    self.diagnostics.push(
                        unreadable(&declared.key.to_string(), why)
                            .at(declared.span, "cannot be planned"),
                    );
                }
                Match::Unknown(why) => {
                    if !declared.only_if_there {
                        self.diagnostics.push(
                            unreadable(&declared.key.to_string(), &why)
                                .at(declared.span, "cannot be planned"),
                        );
                    }
                }
            }
        }
        if draft.row.is_some() {
            for list in &resource.part_lists {
                self.unlisted_parts(draft, list, &listed);
            }
        }
    }

    /// Part tables whose listed rows are all there and rise in the order of the list.
    ///
    /// A list says the order and not the numbers: a product that counts in tens, or from zero, is as good. Once a row is new or
    /// out of place, all are numbered from 1.
    fn lists_in_order(&self, resource: &'a DeclaredResource) -> BTreeSet<&'static Table> {
        let rises = |list: &&DeclaredParts| {
            let Some(order) = list.part.fields.iter().find(|field| field.word == ORDER) else {
                return false;
            };
            let mut last = None;
            resource
                .parts
                .iter()
                .filter(|row| row.key.table() == Some(list.part.table))
                .all(|declared| {
                    let number = self
                        .live
                        .find(&declared.key)
                        .one()
                        .and_then(|id| self.live.row(list.part.table, id))
                        .and_then(|row| row.row.int(order.column));
                    let rises = number.is_some() && number > last;
                    last = number;
                    rises
                })
        };
        resource
            .part_lists
            .iter()
            .filter(rises)
            .map(|list| list.part.table)
            .collect()
    }

    /// A part found by its unique name must hang on this parent, and not on somebody else's.
    fn belongs(&mut self, draft: &Draft<'a>, declared: &DeclaredRow, row: &ObservedRow) -> bool {
        let Some(part) = declared.part else {
            return true;
        };
        let parent = row.row.uuid(&lookup_read_name(part.parent_column));
        if parent == Some(draft.id) {
            return true;
        }
        let other = parent.map_or_else(
            || "nothing".to_owned(),
            |id| format!("`{}`", self.live.label(part.parent, id)),
        );
        self.diagnostics.push(
            Diagnostic::error(
                "part-elsewhere",
                format!(
                    "`{}` belongs to {other}, not to {}",
                    declared.key.label(),
                    draft.resource.key
                ),
            )
            .at(declared.span, "this unique name is taken")
            .help("give it another `name`"),
        );
        false
    }

    fn unlisted_parts(
        &mut self,
        draft: &mut Draft<'a>,
        list: &DeclaredParts,
        listed: &BTreeSet<Uuid>,
    ) {
        if list.mode == SetMode::AtLeast || list.part.unlisted == Unlisted::Leave {
            return;
        }
        let live: &'a LiveTable = self.live.table(list.part.table);
        for row in live
            .children(list.part, draft.id)
            .filter(|row| !listed.contains(&row.id))
        {
            let label = self.part_label(list.part, row);
            let target = RowTarget {
                table: list.part.table,
                id: row.id,
                label: label.clone(),
            };
            let operation = match list.part.unlisted {
                Unlisted::Leave => continue,
                Unlisted::Delete => Operation::Delete {
                    row: target,
                    version: self.version(list.part.table, row),
                },
                Unlisted::SwitchOff(column) => {
                    if row.row.flag(column) != Some(true) {
                        continue;
                    }
                    let off =
                        deskstate_dataverse::Value::Cell(deskstate_dataverse::Cell::Flag(false));
                    Operation::Update {
                        row: target,
                        version: self.version(list.part.table, row),
                        body: vec![(column.to_owned(), off)],
                    }
                }
            };
            let note = matches!(list.part.unlisted, Unlisted::SwitchOff(_))
                .then(|| "switched off".to_owned());
            draft.operations.push(operation);
            draft.fields.push(FieldChange {
                path: list.field.word.to_owned(),
                difference: Difference::Removed {
                    member: label,
                    note,
                },
                span: Some(list.span),
                wire: list.part.table.logical.to_owned(),
            });
        }
    }

    /// What people call a live part.
    pub(super) fn part_label(&self, part: &PartTable, row: &ObservedRow) -> String {
        use crate::field::PartIdentity;
        match part.identity {
            PartIdentity::Text(column) => row.row.text(column).unwrap_or_default().to_owned(),
            PartIdentity::Number(column) => row
                .row
                .int(column)
                .map(|number| number.to_string())
                .unwrap_or_default(),
            PartIdentity::Lookup(column) => row
                .row
                .uuid(&lookup_read_name(column))
                .map(|id| {
                    if part.table == &tables::PANE_TAB {
                        self.live.label(&tables::TOOL, id)
                    } else {
                        self.live.label(&tables::ROLE, id)
                    }
                })
                .unwrap_or_else(|| row.id.to_string()),
            PartIdentity::UniqueName => row
                .row
                .text(kinds::UNIQUE_NAME.column)
                .unwrap_or_default()
                .to_owned(),
        }
    }

    fn delete(
        &mut self,
        key: &ResourceKey,
        table: &'static Table,
        row: &ObservedRow,
        reason: Reason,
        declared_at: Option<Span>,
    ) -> Change {
        let mut operations = Vec::new();
        // Not every part goes with its parent by itself; those that would be left behind go first.
        for part in kinds::part_tables().filter(|part| part.parent == table) {
            for child in self.live.table(part.table).children(part, row.id) {
                let target = RowTarget {
                    table: part.table,
                    id: child.id,
                    label: self.part_label(part, child),
                };
                operations.push(Operation::Delete {
                    row: target,
                    version: self.version(part.table, child),
                });
            }
        }
        let target = RowTarget {
            table,
            id: row.id,
            label: key.name.as_written().to_owned(),
        };
        operations.push(Operation::Delete {
            row: target,
            version: self.version(table, row),
        });
        Change {
            key: key.clone(),
            id: row.id,
            action: Action::Delete,
            reason,
            declared_at,
            fields: Vec::new(),
            operations,
            left_to_server: Vec::new(),
        }
    }

    /// Rows under an owned prefix that nobody declares, names or refers to.
    fn prune(&mut self, options: &Options) -> Vec<Change> {
        let mut changes = Vec::new();
        for extra in crate::extras::extras(self.desired, self.live, &options.prune) {
            let table = kinds::of(extra.key.kind).table;
            if extra.prunable()
                && self.live.table(table).access.is_whole()
                && let Some(row) = self.live.row(table, extra.id)
            {
                changes.push(self.delete(&extra.key, table, row, Reason::NotDeclared, None));
            }
        }
        changes
    }

    /// A declared column with its ids, if the environment can hold it.
    fn column(&mut self, column: &DeclaredColumn, table: &'static Table) -> Option<Resolved> {
        if self
            .live
            .table(table)
            .missing_columns
            .contains(column.field.column)
        {
            self.diagnostics.push(
                Diagnostic::error("column-missing", format!("this environment has no `{}`", column.field.word))
                    .at(column.span, format!("needs the column `{}` of `{}`", column.field.column, table.logical))
                    .help("update the environment, or leave the field out there with `metadata.unmanaged` in its overlay"),
            );
            return None;
        }
        self.resolve(&column.value, column.span)
    }

    fn resolve(&mut self, stored: &Stored, span: Span) -> Option<Resolved> {
        match value::resolve(stored, &mut |key| self.id_of(key)) {
            Ok(resolved) => Some(resolved),
            Err(key) => {
                self.report_missing(&key, span);
                None
            }
        }
    }

    /// The id of a row that is there, or will be when the plan is carried out.
    pub(super) fn id_of(&self, key: &RowKey) -> Option<(&'static str, Uuid)> {
        let set = match key {
            RowKey::Named { table, .. } | RowKey::Part { table, .. } => table.set,
            RowKey::Found(lookup) => lookup_set(lookup),
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

    pub(super) fn report_missing(&mut self, key: &RowKey, span: Span) {
        let what = match key {
            RowKey::Found(lookup) => format!("{} `{}`", lookup.noun(), lookup.name()),
            RowKey::Named { table, name } => {
                let kind = kinds::by_table(table).map_or(table.logical, |kind| kind.kind.as_str());
                format!("{kind} `{}`", name.as_written())
            }
            RowKey::Part { .. } => key.to_string(),
        };
        let diagnostic = match self.live.find(key) {
            Match::Several(ids) => ambiguous(key, &ids),
            Match::Unfit(_, why) => Diagnostic::error("lookup-unfit", format!("{what} is {why}")),
            Match::Unknown(why) => Diagnostic::error("lookup-unreadable", format!("{what} cannot be looked up: {why}")),
            Match::None | Match::One(_) => Diagnostic::error("lookup-missing", format!("the environment has no {what}"))
                .help("it is looked up by name and never created: correct the name, or bring it into the environment first"),
        };
        let diagnostic = diagnostic.at(span, "named here");
        if !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }
}

fn lookup_set(lookup: &crate::state::Lookup) -> &'static str {
    use crate::state::Lookup;
    match lookup {
        Lookup::User(_) => tables::USER.set,
        Lookup::Team(_) => tables::TEAM.set,
        Lookup::Role { .. } => tables::ROLE.set,
        Lookup::WebResource(_) => tables::WEB_RESOURCE.set,
        Lookup::Macro(_) => tables::MACRO.set,
        Lookup::View { .. } => tables::VIEW.set,
        Lookup::Form { .. } | Lookup::Dashboard(_) => tables::FORM.set,
    }
}

fn is_copy(field: &Field) -> bool {
    matches!(field.holds, Holds::ParametersCopy)
}

fn path(prefix: &str, field: &Field) -> String {
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

fn ambiguous(key: &RowKey, ids: &[Uuid]) -> Diagnostic {
    let ids = ids
        .iter()
        .map(Uuid::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    Diagnostic::error(
        "ambiguous-row",
        format!("{key} is there more than once: {ids}"),
    )
    .help("delete or rename all but one in the environment; deskstate never guesses")
}

fn unreadable(what: &str, why: &str) -> Diagnostic {
    Diagnostic::error("unreadable", format!("nobody can say whether {what} is there: {why}"))
        .help("give the caller read access to the whole organisation (`deskstate doctor` lists what is missing)")
}

fn no_table(declared: &DeclaredRow, table: &Table) -> Diagnostic {
    Diagnostic::error("table-missing", format!("this environment has no table `{}`", table.logical))
        .at(declared.span, "needs it")
        .help("update the environment, or leave the field out there with `metadata.unmanaged` in its overlay")
}

/// Unique names of a kind that are declared, for the look-ups of extras.
pub(crate) fn declared_names(desired: &Desired) -> BTreeMap<&'static Table, BTreeSet<&UniqueName>> {
    let mut names: BTreeMap<&'static Table, BTreeSet<&UniqueName>> = BTreeMap::new();
    for resource in desired.resources.values() {
        for row in std::iter::once(&resource.row).chain(&resource.parts) {
            if let RowKey::Named { table, name } = &row.key {
                names.entry(table).or_default().insert(name);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_path_joins_the_list_the_part_and_the_field() {
        let field = crate::field::text("text", "x");
        let unnamed = crate::field::text("", "x");
        assert_eq!(path("", &field), "text");
        assert_eq!(path("steps.a_b", &field), "steps.a_b.text");
        assert_eq!(path("parameters.url", &unnamed), "parameters.url");
    }
}
