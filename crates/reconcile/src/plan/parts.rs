//! Parts of a resource: rows that exist only within it and are identified by their parent and their position there.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{
    Diagnostic, Explanation, Holds, Kind, Links, PartIdentity, PartTable, ResourceKey, SetMode,
    Span, State, Table, UNIQUE_NAME, Unlisted, lookup_read_name, tables,
};
use uuid::Uuid;

use super::planner::{Draft, ORDER, Planner};
use super::problems::{ambiguous, unreadable, unseen_parts};
use super::sets::twice;
use super::{Difference, FieldChange, Operation, RowTarget};
use crate::kinds::target_table;
use crate::live::{Access, LiveTable, ObservedRow, part_identity};
use crate::lookup::Match;
use crate::plan::problems::UNREADABLE;
use crate::state::{DeclaredParts, DeclaredResource, DeclaredRow, PartName, RowKey, Stored, fold};

pub(crate) const PART_ELSEWHERE: Explanation = Explanation::new(
    "part-elsewhere",
    "The unique name of a part, such as a step of a script, belongs to a part of another resource.",
    "deskstate does not move parts, and does not change a line of a notification that other templates show and this one does not.",
    "Give the part another `name`. Parameters of tabs and tools of panes have none: delete the row that the finding names, or restore its name and its parent.",
);

/// How to end a conflict about the unique name of a part.
fn way_out(declared: &DeclaredRow, row: &ObservedRow) -> String {
    // Parameters and tools have names that nobody can write.
    let has_name = declared.part.is_none_or(|part| {
        let mut fields = part.fields.iter();
        fields.any(|field| matches!(field.holds, Holds::UniqueName) && field.is_written)
    });
    match (has_name, declared.key.table()) {
        (false, Some(table)) => format!(
            "delete row {} of `{}`, or restore its name and its parent",
            row.id, table.logical
        ),
        _ => "give it another `name`".to_owned(),
    }
}

impl<'a> Planner<'a> {
    pub(super) fn parts(&mut self, draft: &mut Draft<'a>) {
        let resource = draft.resource;
        let mut listed: BTreeSet<Uuid> = BTreeSet::new();
        let mut identities: BTreeMap<(&Table, String), Span> = BTreeMap::new();
        // Tables with a declared part that may be any of the rows.
        let mut unclear: BTreeSet<&Table> = BTreeSet::new();
        for declared in &resource.parts {
            let (RowKey::Named { table, .. } | RowKey::Part { table, .. }) = declared.key else {
                continue;
            };
            if let RowKey::Part { part, .. } = &declared.key
                && matches!(part, PartName::Row(_))
                && let Some(identity) = self.live.identity(part)
                && let Some(first) = identities.insert((table, identity), declared.span)
            {
                let (list, member) = declared.path.split_once('.').unwrap_or_default();
                self.findings
                    .blocked(list, twice(list, member, declared.span, first));
                continue;
            }
            let found = self.live.find(&declared.key);
            if matches!(found, Match::Unknown(_) | Match::Several(_)) {
                unclear.insert(table);
            }
            match found {
                Match::One(id) => {
                    listed.insert(id);
                    let row = self.live.found(table, id);
                    if self.belongs(draft, declared, row) {
                        self.update_row(draft, declared, table, row);
                    }
                }
                Match::None if declared.only_if_there => {}
                Match::None if self.live.table(table).access == Access::Absent => {
                    self.lacks_table(table, &declared.path, declared.span);
                }
                Match::None => {
                    let parent = declared
                        .part
                        .map(|part| (part, draft.id, draft.row.is_none()));
                    let id = self.new_id(draft, declared, table);
                    if self.is_cut_off(draft, declared, table, id) {
                        listed.insert(id);
                        if self.create_row(draft, declared, table, id, parent) {
                            self.join_again(draft, table, id);
                        }
                    } else if let Some(row) = self.with_its_name(declared, table) {
                        listed.insert(row.id);
                        if self.may_take_over(draft, declared, row)
                            && self.create_row(draft, declared, table, row.id, parent)
                        {
                            self.join_again(draft, table, row.id);
                            self.show_removed(draft, declared, row);
                        }
                    } else if self.is_free(
                        table,
                        id,
                        &declared.path,
                        &declared.key.to_string(),
                        declared.span,
                    ) {
                        self.create_row(draft, declared, table, id, parent);
                    }
                }
                Match::Several(ids) => {
                    self.findings.unknown(
                        declared.path.as_str(),
                        ambiguous(&declared.key, &ids).at(declared.span, "several rows match"),
                    );
                }
                Match::Unfit(_, why) => {
                    self.findings.unknown(
                        declared.path.as_str(),
                        unreadable(&declared.key.to_string(), why)
                            .at(declared.span, "cannot be planned"),
                    );
                }
                // In this case, another problem with the list is reported as an error that names the table.
                Match::Unknown(why) if declared.only_if_there => {
                    let path = declared.path.as_str();
                    self.findings
                        .not_compared(path, UNREADABLE.code, &why, declared.span);
                }
                Match::Unknown(why) => {
                    self.findings.unknown(
                        declared.path.as_str(),
                        unreadable(&declared.key.to_string(), &why)
                            .at(declared.span, "cannot be planned"),
                    );
                }
            }
        }
        for list in &resource.part_lists {
            self.check_without(draft, list);
        }
        if draft.row.is_some() {
            let lists = resource.part_lists.iter();
            for list in lists.filter(|list| !unclear.contains(list.part.table)) {
                self.unlisted_parts(draft, list, &listed);
            }
        }
    }

    /// The live row with the unique name of a new part that is identified by something else.
    fn with_its_name(
        &self,
        declared: &DeclaredRow,
        table: &'static Table,
    ) -> Option<&'a ObservedRow> {
        let part = declared.part?;
        if !matches!(
            part.identity,
            PartIdentity::Lookup(_) | PartIdentity::Text(_)
        ) {
            return None;
        }
        let name = declared.unique_name_when_new()?;
        match self.live.table(table).named(&fold(name)) {
            [id] => self.live.row(table, *id),
            _ => None,
        }
    }

    /// Whether a new part may get the row with its unique name: if the row is a part of the same list, and no longer wanted there.
    fn may_take_over(
        &mut self,
        draft: &Draft<'a>,
        declared: &DeclaredRow,
        row: &ObservedRow,
    ) -> bool {
        let mut lists = draft.resource.part_lists.iter();
        // Nobody lists a parameter by its row: one that was renamed gets its name back.
        let is_renamed = declared.part.is_some_and(|part| {
            matches!(part.identity, PartIdentity::Text(_)) && part.unlisted == Unlisted::Leave
        });
        let is_exact = is_renamed
            || lists.any(|list| {
                list.mode == SetMode::Exact
                    && declared
                        .part
                        .is_some_and(|part| part.table == list.part.table)
            });
        let is_matched = || {
            let mut keys = draft.resource.parts.iter().map(|other| &other.key);
            keys.any(|key| self.live.find(key).one() == Some(row.id))
        };
        let is_free = is_exact && !is_matched();
        self.belongs(draft, declared, row) && {
            if !is_free {
                self.findings.blocked(
                    declared.path.as_str(),
                    Diagnostic::error(
                        PART_ELSEWHERE.code,
                        format!(
                            "the unique name of `{}` belongs to another part of {}",
                            declared.key.label(),
                            draft.resource.key
                        ),
                    )
                    .at(declared.span, "this unique name is taken")
                    .help(way_out(declared, row)),
                );
            }
            is_free
        }
    }

    /// Shows that a part gave its row to another one.
    fn show_removed(&self, draft: &mut Draft<'a>, declared: &DeclaredRow, row: &ObservedRow) {
        let Some(part) = declared.part else {
            return;
        };
        let (list, _) = declared.path.split_once('.').unwrap_or_default();
        draft.fields.push(FieldChange {
            path: list.to_owned(),
            difference: Difference::Removed {
                member: self.part_label(part, row),
                note: None,
            },
            span: Some(declared.span),
            wire: part.table.logical.to_owned(),
        });
    }

    /// The id of a new part. The one that its name implies can belong to a row of the same list that is for another target since, such as a
    /// role mapping that somebody changed, and that stays.
    fn new_id(&self, draft: &Draft<'a>, declared: &DeclaredRow, table: &'static Table) -> Uuid {
        let id = declared.key.derived_id();
        let is_of_another = |part: &PartTable, row: &ObservedRow| {
            matches!(part.identity, PartIdentity::Lookup(_))
                && row.row.uuid(&lookup_read_name(part.parent_column)) == Some(draft.id)
                && part_identity(part, &row.row).is_some()
        };
        match (declared.part, self.live.row(table, id)) {
            (Some(part), Some(row)) if is_of_another(part, row) => Uuid::new_v5(
                &id,
                declared.unique_name_when_new().unwrap_or("").as_bytes(),
            ),
            _ => id,
        }
    }

    /// Whether the row that a new part would get exists, but no longer refers to its parent or to the row that it is named after: Dataverse
    /// emptied the lookup when that row was deleted.
    fn is_cut_off(
        &self,
        draft: &Draft<'a>,
        declared: &DeclaredRow,
        table: &'static Table,
        id: Uuid,
    ) -> bool {
        let (Some(part), RowKey::Part { part: name, .. }) = (declared.part, &declared.key) else {
            return false;
        };
        let Some(row) = self.live.row(table, id) else {
            return false;
        };
        let parent = row.row.uuid(&lookup_read_name(part.parent_column));
        let identity = part_identity(part, &row.row);
        parent.is_none_or(|parent| parent == draft.id)
            && (identity.is_none() || identity == self.live.identity(name))
    }

    /// Writes the values of a new part into its row, which exists.
    fn join_again(&self, draft: &mut Draft<'a>, table: &'static Table, id: Uuid) {
        if let Some(Operation::Create { row, body, .. }) = draft.operations.pop() {
            draft.operations.push(Operation::Update {
                row,
                guard: self.guard(table, self.live.found(table, id)),
                body,
            });
        }
    }

    /// Part tables whose listed rows have ascending numbers in the order of the list. New rows count with the numbers that they get.
    ///
    /// A list specifies the order, not the numbers: numbering in tens, or from zero, is equally valid. If a single row is out of order, all
    /// rows are renumbered.
    pub(super) fn lists_in_order(
        &self,
        resource: &'a DeclaredResource,
    ) -> BTreeSet<&'static Table> {
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
                    let row = self.live.find(&declared.key);
                    let row = row.one().and_then(|id| self.live.row(list.part.table, id));
                    let number = match row {
                        Some(row) => row.row.int(order.column),
                        None => declared
                            .columns
                            .iter()
                            .find_map(|column| match column.value {
                                Stored::Number(number) if column.field.word == ORDER => {
                                    Some(number)
                                }
                                _ => None,
                            }),
                    };
                    let rises = number.is_some() && number > last;
                    last = number;
                    rises
                })
        };
        let lists = resource.part_lists.iter().filter(rises);
        let of_items = resource
            .sets
            .iter()
            .filter_map(|set| match set.field.holds {
                Holds::Set {
                    relationship,
                    links: Links::Items(_),
                    ..
                } => Some(relationship.member),
                _ => None,
            });
        lists
            .map(|list| list.part.table)
            .chain(of_items.filter(|table| self.items_in_order(resource, table)))
            .collect()
    }

    /// Whether the live rows of items are in the order of their list. Rows that were created in the admin pages have no number: the product
    /// determines their order, and nothing contradicts a list that has them at its end.
    fn items_in_order(&self, resource: &DeclaredResource, table: &'static Table) -> bool {
        let rows = resource.parts.iter();
        let rows = rows.filter(|row| row.key.table() == Some(table));
        let numbers: Vec<Option<Option<i64>>> = rows
            .map(|row| {
                let id = self.live.find(&row.key).one()?;
                let live = self.live.row(table, id)?;
                let order = row
                    .columns
                    .iter()
                    .find(|column| column.field.word == ORDER)?;
                Some(match order.value {
                    // A number that the manifest gives, other than the one that its place implies.
                    Stored::Number(number) if order.span != row.span => Some(number),
                    _ => live.row.int(order.field.column),
                })
            })
            .collect();
        let Some(numbers) = numbers.into_iter().collect::<Option<Vec<_>>>() else {
            return false;
        };
        let rises = |pair: &[Option<i64>]| match (pair[0], pair[1]) {
            (Some(first), Some(second)) => first < second,
            (_, None) => true,
            (None, Some(_)) => false,
        };
        numbers.windows(2).all(rises)
    }

    /// Whether a part that was found by its unique name belongs to this parent and not to another one.
    fn belongs(&mut self, draft: &Draft<'a>, declared: &DeclaredRow, row: &ObservedRow) -> bool {
        let other = match declared.part {
            Some(part) => {
                let parent = row.row.uuid(&lookup_read_name(part.parent_column));
                if parent == Some(draft.id) {
                    return true;
                }
                parent.map_or_else(
                    || "nothing".to_owned(),
                    |id| format!("`{}`", self.live.label(part.parent, id)),
                )
            }
            None => match self.other_owner(draft, declared, row) {
                None => return true,
                Some(other) => format!("`{other}`"),
            },
        };
        self.findings.blocked(
            declared.path.as_str(),
            Diagnostic::error(
                PART_ELSEWHERE.code,
                format!(
                    "`{}` belongs to {other}, not to {}",
                    declared.key.label(),
                    draft.resource.key
                ),
            )
            .at(declared.span, "this unique name is taken")
            .help(way_out(declared, row)),
        );
        false
    }

    /// Another resource that has a linked row as its own item, and that keeps it.
    fn other_owner(
        &self,
        draft: &Draft<'a>,
        declared: &DeclaredRow,
        row: &ObservedRow,
    ) -> Option<String> {
        let mut sets = draft.resource.sets.iter();
        let set = sets.find(|set| {
            let mut members = set.members.iter();
            set.members_are_parts && members.any(|member| member.key == declared.key)
        })?;
        let owners = self.live.links(set.relationship).owners(row.id);
        if owners.contains(&draft.id) {
            return None;
        }
        let names = owners
            .iter()
            .map(|owner| self.live.label(set.relationship.owner, *owner));
        names.into_iter().find(|name| {
            let key = ResourceKey::new(draft.resource.key.kind, name);
            let Some(other) = self.desired.resources.get(&key) else {
                return true;
            };
            let is_planned = self.planned.is_none_or(|planned| planned.contains(&key));
            let mut sets = other.sets.iter();
            let lets_go = is_planned
                && (other.state == State::Absent
                    || sets.any(|other| {
                        other.relationship == set.relationship
                            && other.mode == SetMode::Exact
                            && other
                                .members
                                .iter()
                                .all(|member| member.key != declared.key)
                    }));
            !lets_go
        })
    }

    /// Reports a part that a list wants and keeps out, in different words.
    fn check_without(&mut self, draft: &Draft<'a>, list: &DeclaredParts) {
        for key in &list.without {
            let RowKey::Part { part: name, .. } = key else {
                continue;
            };
            let Some(unwanted) = self.live.identity(name) else {
                continue;
            };
            let mut wanted = draft
                .resource
                .parts
                .iter()
                .filter(|row| row.key.table() == key.table());
            let twice_at = wanted.find(|row| match &row.key {
                RowKey::Part { part, .. } => self.live.identity(part).as_ref() == Some(&unwanted),
                _ => false,
            });
            if let Some(row) = twice_at {
                let finding = twice(list.field.word, &key.label(), row.span, list.span);
                self.findings.blocked(list.field.word, finding);
            }
        }
    }

    fn unlisted_parts(
        &mut self,
        draft: &mut Draft<'a>,
        list: &DeclaredParts,
        listed: &BTreeSet<Uuid>,
    ) {
        let is_exact = list.mode == SetMode::Exact;
        if list.part.unlisted == Unlisted::Leave || !is_exact && list.without.is_empty() {
            return;
        }
        let live: &'a LiveTable = self.live.table(list.part.table);
        if let Access::Partial(why) | Access::Refused(why) = &live.access {
            self.findings.unknown(
                list.field.word,
                unseen_parts(list, why).at(list.span, "the rest of this list cannot be read"),
            );
            return;
        }
        let mut unwanted: BTreeSet<Uuid> = BTreeSet::new();
        for key in &list.without {
            if let RowKey::Part {
                part: PartName::Row(target),
                ..
            } = key
            {
                self.look_for_unwanted(target, list.field.word, list.span);
            }
            unwanted.extend(self.live.find(key).one());
        }
        for row in live
            .children(list.part, draft.id)
            .filter(|row| !listed.contains(&row.id))
            .filter(|row| is_exact || unwanted.contains(&row.id))
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
                    guard: self.guard(list.part.table, row),
                    along: Vec::new(),
                },
                Unlisted::SwitchOff(column) => {
                    if row.row.flag(column) != Some(true) {
                        continue;
                    }
                    let off =
                        deskstate_dataverse::Value::Cell(deskstate_dataverse::Cell::Flag(false));
                    Operation::Update {
                        row: target,
                        guard: self.guard(list.part.table, row),
                        body: vec![(column.to_owned(), off)],
                    }
                }
            };
            let note = match list.part.unlisted {
                Unlisted::SwitchOff(_) if self.goes_with_target(list.part, &label) => {
                    Some("deleted along")
                }
                Unlisted::SwitchOff(_) => Some("switched off"),
                Unlisted::Leave | Unlisted::Delete => None,
            };
            let note = note.map(str::to_owned);
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

    /// Whether the resource that a part names is declared absent.
    fn goes_with_target(&self, part: &PartTable, name: &str) -> bool {
        let mut fields = part.fields.iter().filter(|field| part.is_identity(field));
        let kind = fields.find_map(|field| match field.holds {
            Holds::Lookup { to, .. } => Kind::of_table(target_table(to)),
            _ => None,
        });
        let key = kind.map(|kind| ResourceKey::new(kind, name));
        key.and_then(|key| self.desired.resources.get(&key))
            .is_some_and(|resource| resource.state == State::Absent)
    }

    /// What people call a live part.
    pub(super) fn part_label(&self, part: &PartTable, row: &ObservedRow) -> String {
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
                    let mut fields = part.fields.iter();
                    let table = fields.find_map(|field| match field.holds {
                        Holds::Lookup { to, .. } if field.column == column => {
                            Some(target_table(to))
                        }
                        _ => None,
                    });
                    self.live.label(table.unwrap_or(&tables::ROLE), id)
                })
                .unwrap_or_else(|| row.id.to_string()),
            PartIdentity::UniqueName => row
                .row
                .text(UNIQUE_NAME.column)
                .unwrap_or_default()
                .to_owned(),
        }
    }
}
