//! Rows: those that come back, those that get their values back, and those that go.

use std::collections::BTreeMap;

use deskstate_dataverse::{Row, Value as Wire};
use deskstate_model::{Diagnostic, Holds, Kind, PartTable, Referent, Table, tables};
use serde_json::Value as Json;
use uuid::Uuid;

use super::super::{SavedLink, SavedRow, SavedUpdate};
use super::{UNDO_CHANGED, UNDO_LATER_FIRST, UNDO_LINK, Undoing, member, target};
use crate::columns::{self, Column};
use crate::live::part_identity;
use crate::plan::defined::kept_by_undo;
use crate::plan::removal::not_deletable;
use crate::plan::{
    Action, Along, Change, Difference, FieldChange, Operation, Reason, Seen, part_path,
};
use crate::referrers::set_word;
use crate::state::fold;

impl Undoing<'_> {
    /// Restores a deleted row under its id.
    pub(super) fn restore(&mut self, saved: &SavedRow, change: &mut Change) {
        let Some(table) = columns::table(&saved.table) else {
            return;
        };
        let known = columns::of(table);
        if let Some(row) = self.live.row(table, saved.id) {
            let same = known.iter().all(|column| {
                saved
                    .columns
                    .get(&column.name)
                    .is_none_or(|value| columns::holds(column, value, &row.row))
            });
            if !same && self.own.contains(&saved.id) {
                self.set_right(table, &known, saved, saved.id, change);
            } else if !same {
                self.changed(table, &saved.label);
            }
            return;
        }
        let part = Kind::part_tables().find(|part| part.table == table);
        let parent = part
            .and_then(|part| saved.columns.get(part.parent_navigation))
            .and_then(|value| value.get("id")?.as_str()?.parse().ok());
        let shown = columns::as_row(&known, &saved.columns);
        if let (Some(part), Some(parent)) = (part, parent)
            && self.live.row(part.parent, parent).is_none()
            && !self.coming.contains_key(&parent)
        {
            self.diagnostics.push(Diagnostic::warning(
                UNDO_LINK.code,
                format!(
                    "{} `{}` cannot be restored: what it belonged to no longer exists",
                    table.logical, saved.label
                ),
            ));
            return;
        }
        if let (Some(part), Some(parent)) = (part, parent)
            && let Some(made) = self.made_by_the_server(part, parent, &shown)
        {
            self.set_right(table, &known, saved, made, change);
            return;
        }
        if let Some(other) = self.with_the_name(table, saved.id, &shown) {
            self.diagnostics.push(
                Diagnostic::error(
                    UNDO_CHANGED.code,
                    format!(
                        "{} `{}` cannot come back: another row has its name since, {other}",
                        table.logical, saved.label
                    ),
                )
                .help("delete or rename the other row, or keep it and do not undo"),
            );
            return;
        }
        // A part that is identified by a row is nothing without it.
        let identity = known.iter().find(|column| {
            let field = column.field.zip(part);
            field.is_some_and(|(field, part)| part.is_identity(field))
        });
        if let Some(column) = identity
            && let Some(value) = saved.columns.get(&column.name)
            && self.is_lost(column, value, table, &saved.label)
        {
            return;
        }
        if saved.id == change.id {
            change.action = Action::Create;
            change.reason = Reason::Declared;
        } else {
            change
                .fields
                .push(member(change, table, &saved.label, true));
        }
        let mut body = Vec::new();
        for column in &known {
            let Some(value) = saved.columns.get(&column.name) else {
                continue;
            };
            if self.is_lost(column, value, table, &saved.label) {
                continue;
            }
            columns::write(column, value, &mut body);
            if saved.id == change.id
                && let Some(field) = column.field
                && column.name != change.key.kind.definition().name.column
            {
                change.fields.push(difference(
                    table,
                    field,
                    Json::Null,
                    self.show(field, &shown),
                ));
            }
        }
        change.operations.push(Operation::Create {
            row: target(table, saved.id, &saved.label),
            body,
            attaches_to: parent.filter(|parent: &Uuid| !self.coming.contains_key(parent)),
        });
    }

    /// Whether the row that a value refers to was deleted since, and does not come back. The value stays as it is.
    fn is_lost(&mut self, column: &Column, value: &Json, table: &Table, label: &str) -> bool {
        let to = match column.field.map(|field| field.holds) {
            Some(Holds::Lookup {
                to: Referent::Named(to),
                ..
            }) => to,
            _ => return false,
        };
        let is_whole = self.live.table(to).access.is_whole();
        let bound = columns::bound(value).filter(|(_, id)| is_whole && !self.is_there(to, *id));
        let Some((_, id)) = bound else {
            return false;
        };
        self.diagnostics.push(Diagnostic::warning(
            UNDO_LINK.code,
            format!(
                "`{}` of {} `{label}` cannot be restored: row {id}, to which it referred, no longer exists",
                column.field.map_or("", |field| field.word),
                table.logical
            ),
        ));
        true
    }

    /// Another row with the unique name of a deleted one, unless this undo deletes it.
    fn with_the_name(&self, table: &'static Table, id: Uuid, shown: &Row) -> Option<Uuid> {
        let name = crate::kinds::name_of(table, shown)?;
        let named = self.live.table(table).named(&fold(&name)).iter();
        let mut others = named.filter(|other| **other != id && !self.going.contains(other));
        others.next().copied()
    }

    /// The part of a restored parent that the server created automatically, under an id of its own.
    fn made_by_the_server(&self, part: &PartTable, parent: Uuid, shown: &Row) -> Option<Uuid> {
        let identity = part_identity(part, shown)?;
        match self.live.table(part.table).parts_of(parent, &identity) {
            [id] => Some(*id),
            _ => None,
        }
    }

    /// Gives a row the values of the deleted one: either such a part, or a row that this undo restored and the server changed.
    fn set_right(
        &self,
        table: &'static Table,
        known: &[Column],
        saved: &SavedRow,
        made: Uuid,
        change: &mut Change,
    ) {
        let Some(row) = self.live.row(table, made) else {
            return;
        };
        let mut body = Vec::new();
        let wanted = columns::as_row(known, &saved.columns);
        for column in known {
            if let Some(value) = saved.columns.get(&column.name)
                && !columns::holds(column, value, &row.row)
            {
                columns::write(column, value, &mut body);
                if let Some(field) = column.field.filter(|_| saved.id == change.id) {
                    let [now, then] = [&row.row, &wanted].map(|row| self.show(field, row));
                    change.fields.push(difference(table, field, now, then));
                }
            }
        }
        if !body.is_empty() {
            if saved.id != change.id {
                change
                    .fields
                    .push(member(change, table, &saved.label, true));
            }
            change.operations.push(Operation::Update {
                row: target(table, made, &saved.label),
                guard: self.guard(table, made),
                body,
            });
        }
    }

    /// Restores the previous values of a changed row, unless somebody has changed it since.
    pub(super) fn put_back(&mut self, saved: &SavedUpdate, change: &mut Change) {
        let Some(table) = columns::table(&saved.table) else {
            return;
        };
        let Some(row) = self.live.row(table, saved.id) else {
            match saved.as_row() {
                Some(whole) => self.restore(&whole, change),
                None => self.changed(table, &saved.label),
            }
            return;
        };
        let known: BTreeMap<String, Column> = columns::of(table)
            .into_iter()
            .map(|column| (column.name.clone(), column))
            .collect();
        if saved.before == saved.after {
            self.left_alone(table, saved, &known, &row.row);
            return;
        }
        let mut body: Vec<(String, Wire)> = Vec::new();
        let mut fields = Vec::new();
        let mut copies = Vec::new();
        let old = columns::as_row(&columns::of(table), &saved.before);
        // Of a part that the apply did not write, the other values are only for creating it again.
        let written = saved
            .before
            .iter()
            .filter(|(name, _)| saved.after.contains_key(*name));
        for (name, before) in written {
            let Some(column) = known.get(name) else {
                continue;
            };
            if columns::holds(column, before, &row.row) {
                copies.extend(column.is_copy().then_some((column, before)));
                continue;
            }
            let as_applied = |after| columns::holds(column, after, &row.row);
            if !saved.after.get(name).is_some_and(as_applied) && !self.own.contains(&saved.id) {
                self.changed(table, &saved.label);
                return;
            }
            if self.is_lost(column, before, table, &saved.label) {
                continue;
            }
            columns::write(column, before, &mut body);
            if let Some(field) = column.field {
                fields.push(difference(
                    table,
                    field,
                    self.show(field, &row.row),
                    self.show(field, &old),
                ));
            }
        }
        if body.is_empty() {
            return;
        }
        for (column, before) in copies {
            columns::write(column, before, &mut body);
        }
        if fields.is_empty() {
            fields.push(member(change, table, &saved.label, true));
        }
        if saved.id != change.id {
            for field in &mut fields {
                field.path = part_path(change.key.kind, table, &saved.label, &field.path);
            }
        }
        change.fields.append(&mut fields);
        change.operations.push(Operation::Update {
            row: target(table, saved.id, &saved.label),
            guard: self.guard(table, saved.id),
            body,
        });
    }

    /// Warns if a part that the apply left alone no longer has its previous values. Either the environment wrote it along with its row, or
    /// somebody changed it.
    fn left_alone(
        &mut self,
        table: &Table,
        saved: &SavedUpdate,
        known: &BTreeMap<String, Column>,
        row: &Row,
    ) {
        let same = saved.before.iter().all(|(name, before)| {
            let column = known.get(name);
            column.is_none_or(|column| columns::holds(column, before, row))
        });
        if !same {
            self.diagnostics.push(
                Diagnostic::warning(
                    UNDO_CHANGED.code,
                    format!(
                        "{} `{}` is not as before the apply and stays unchanged: somebody changed it, or the environment did when its row was written",
                        table.logical, saved.label
                    ),
                )
                .help("look at it with `deskstate drift --env NAME`, and change it with manifests"),
            );
        }
    }

    /// A link or a part of a row that the apply did not make. It would be lost with the row.
    fn later(&self, table: &'static Table, id: Uuid) -> Option<String> {
        let mut links = Kind::relationships().flat_map(|relationship| {
            let links = self.live.links(relationship);
            let (owns, is_member) = (relationship.owner == table, relationship.member == table);
            let members = links
                .members(id)
                .filter(move |_| owns)
                .map(move |member| (id, member));
            let owners = links.owners(id).iter().filter(move |_| is_member);
            let owners = owners.map(move |owner| (*owner, id));
            members
                .chain(owners)
                .map(move |(owner, member)| (relationship, owner, member))
        });
        let link = links.find(|(relationship, owner, member)| {
            let (owner, member) = (*owner, *member);
            let relationship = relationship.schema_name.to_owned();
            let saved = SavedLink {
                relationship,
                owner,
                member,
            };
            !self.linked.contains(&saved)
        });
        if let Some((relationship, owner, member)) = link {
            let word = set_word(relationship.schema_name);
            return Some(match owner == id {
                true => format!(
                    "`{}` in `{word}`",
                    self.live.label(relationship.member, member)
                ),
                false => format!(
                    "a place in `{word}` of `{}`",
                    self.live.label(relationship.owner, owner)
                ),
            });
        }
        // The server makes some parts on its own.
        let parts = Kind::part_tables().filter(|part| part.parent == table && !part.server_adds);
        let mut rows = parts.flat_map(|part| {
            let rows = self.live.table(part.table).children(part, id);
            rows.map(move |row| (part, row.id))
        });
        let (part, row) = rows.find(|(_, row)| !self.going.contains(row))?;
        let label = self.live.label(part.table, row);
        Some(format!("{} `{label}`", part.table.logical))
    }

    /// Deletes a row that the apply created, unless somebody has changed it since.
    pub(super) fn remove(&mut self, saved: &SavedRow, change: &mut Change) {
        let Some(table) = columns::table(&saved.table) else {
            return;
        };
        let known = columns::of(table);
        let part = Kind::part_tables().find(|part| part.table == table);
        let own = self.live.row(table, saved.id);
        let made = || {
            let part = part.filter(|part| part.server_adds)?;
            let parent = saved.columns.get(part.parent_navigation)?.get("id")?;
            let shown = columns::as_row(&known, &saved.columns);
            let id = self.made_by_the_server(part, parent.as_str()?.parse().ok()?, &shown)?;
            self.live.row(table, id)
        };
        let Some(row) = own.or_else(made) else {
            return;
        };
        // A row that the server made itself has names of its own, and is empty until the apply fills it.
        let is_compared = |column: &&Column| {
            own.is_some()
                || column.field.is_some_and(|field| {
                    !matches!(field.holds, Holds::UniqueName)
                        && !columns::saved(column, &row.row, self.live).is_null()
                })
        };
        let differs = known.iter().filter(is_compared).any(|column| {
            saved
                .columns
                .get(&column.name)
                .is_some_and(|value| !columns::holds(column, value, &row.row))
        });
        if differs && !self.own.contains(&row.id) {
            self.changed(table, &saved.label);
            return;
        }
        if own.is_none() {
            return;
        }
        if let Some(kind) = kept_by_undo(table) {
            let what = format!("{} `{}`", table.logical, saved.label);
            self.diagnostics.push(not_deletable(&what, kind));
            return;
        }
        if part.is_some_and(|part| part.goes_with_parent && self.going.contains(&change.id))
            && saved.id != change.id
        {
            return;
        }
        if table == &tables::PROFILE
            && let Some(user) = self.stranded(saved.id)
        {
            let message = format!(
                "{} `{}` is not deleted: the profile that `{}` had before no longer exists",
                table.logical,
                saved.label,
                self.label(&tables::USER, user)
            );
            let finding = Diagnostic::error(UNDO_CHANGED.code, message);
            self.diagnostics.push(finding.help(UNDO_LATER_FIRST));
            return;
        }
        // The line of a notification can be shown by another template since.
        if let Some(later) = self.later(table, saved.id) {
            self.diagnostics.push(
                Diagnostic::error(
                    UNDO_CHANGED.code,
                    format!(
                        "{} `{}` is not deleted: it got {later} since the apply",
                        table.logical, saved.label
                    ),
                )
                .help("if a later apply changed it, undo that one first; otherwise, take this out of it, or delete the row with a manifest"),
            );
            return;
        }
        let mut along = Vec::new();
        if saved.id == change.id {
            change.action = Action::Delete;
            change.reason = Reason::StateAbsent;
            for part in
                Kind::part_tables().filter(|part| part.parent == table && part.goes_with_parent)
            {
                for child in self.live.table(part.table).children(part, saved.id) {
                    along.push(Along {
                        row: target(part.table, child.id, &self.live.label(part.table, child.id)),
                        seen: Seen::of(child),
                    });
                }
            }
        } else {
            change
                .fields
                .push(member(change, table, &saved.label, false));
        }
        change.operations.push(Operation::Delete {
            row: target(table, saved.id, &saved.label),
            guard: self.guard(table, saved.id),
            along,
        });
    }
}

pub(super) fn difference(
    table: &Table,
    field: &deskstate_model::Field,
    before: Json,
    after: Json,
) -> FieldChange {
    FieldChange {
        path: if field.word.is_empty() {
            field.column.to_owned()
        } else {
            field.word.to_owned()
        },
        difference: if before == after {
            Difference::Copy {
                column: field.column,
                after,
            }
        } else {
            Difference::Value { before, after }
        },
        span: None,
        wire: format!("{}.{}", table.logical, field.column),
    }
}
