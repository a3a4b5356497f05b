//! The columns of one row: a new row's body, and what differs in a live one.

use super::names::{is_copy, path, wire};
use super::planner::{Draft, ORDER, Planner};
use super::references::LOOKUP_UNFIT;
use super::{Difference, FieldChange, Operation, RowTarget};
use crate::kinds;
use crate::live::ObservedRow;
use crate::state::{DeclaredColumn, DeclaredRow};
use crate::value::{self, Resolved};
use deskstate_dataverse::Value as Wire;
use deskstate_model::{Diagnostic, Explanation, Holds, PartTable, Span, Table, tables};
use serde_json::Value as Json;
use uuid::Uuid;

pub(crate) const FOREIGN_LANGUAGE: Explanation = Explanation::new(
    "foreign-language",
    "Your language in the environment is not the organization's base language.",
    "Dataverse returns texts in your language, so they would look changed, and a write would change the wrong translation. deskstate therefore neither compares nor writes texts.",
    "Set the language in the personal settings of the user that signs in.",
);

pub(crate) const ID_TAKEN: Explanation = Explanation::new(
    "id-taken",
    "Another row has the id that a new row would get.",
    "Ids are derived from names, so that they are the same in every environment, and a repeated create is recognised. Somebody renamed the other row, separated it from its parent, or changed a column that makes it a row of its kind.",
    "Restore that row as it was declared, or delete it. The finding names its table and id.",
);

pub(crate) const INACTIVE_ROW: Explanation = Explanation::new(
    "inactive-row",
    "A declared row is inactive, and its manifest does not set `status`.",
    "An inactive row may have no effect for agents, whatever its other columns contain. No source says so for every table: published code of the product's script control also reads inactive scripts and steps. Parts of a row, such as the steps of a script or the roles of a profile, can be inactive too.",
    "Activate the row in the environment, or write `status: Active` or `status: Inactive` in the manifest. Most parts have no status in a manifest: activate the row, or delete it so that the next apply creates it.",
);

pub(crate) const ROLE_ORDER: Explanation = Explanation::new(
    "role-order",
    "A role of a CIF v1 provider is stored where the product expects System Administrator or System Customizer.",
    "By a public copy of the product's code, its page stores these two last, and read access to the provider goes to all roles but the last two. An import or a script can store another order.",
    "Open the provider on its page and save it. A plan that changes `roles` writes the order of the page, too.",
);

impl<'a> Planner<'a> {
    /// Whether a new row can have the id that is derived from its identity.
    pub(super) fn is_free(
        &mut self,
        table: &'static Table,
        id: Uuid,
        path: &str,
        what: &str,
        span: Span,
    ) -> bool {
        let why = if let Some(taken) = self.live.row(table, id) {
            let name = kinds::name_of(table, &taken.row);
            let name = name
                .as_deref()
                .or(taken.row.text(table.label))
                .unwrap_or_default();
            format!("that is now called `{name}` or has no parent")
        } else if let Some(name) = self.live.found.with_declared_ids.get(&(table, id)) {
            format!("`{name}` of another kind: {}", kinds::condition(table))
        } else {
            return true;
        };
        self.findings.blocked(
            path,
            Diagnostic::error(
                ID_TAKEN.code,
                format!("the id of {what} belongs to a row {why}"),
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
                    self.few_see(draft, column, &resolved, None);
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
        let Some(why) = self.other_language else {
            return true;
        };
        if !texts.into_iter().any(|field| field.localizable) {
            return true;
        }
        self.findings.blocked(
            declared.path.as_str(),
            Diagnostic::error(
                FOREIGN_LANGUAGE.code,
                format!(
                    "{} `{}` cannot be created, because {why}",
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
            if column.field.localizable
                && let Some(why) = self.other_language
            {
                self.findings.not_compared(
                    path(&declared.path, column.field),
                    FOREIGN_LANGUAGE.code,
                    why,
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
            let holds = value::holds(column.field, &resolved, &row.row);
            if holds {
                self.out_of_place(draft, column, &resolved, row);
            }
            if self.names_nothing(declared, column, &resolved)
                || holds
                || self.lacks_value(table, declared, column.field, &resolved, column.span)
                || self.is_fixed(declared, column.field, column.span, row)
            {
                continue;
            }
            self.few_see(draft, column, &resolved, Some(row));
            let resolved = match resolved {
                Resolved::IdsAmong { with, without } => {
                    let all = value::among(column.field, with, &without, &row.row, self.live);
                    let Some(all) = all else {
                        self.opaque(&path(&declared.path, column.field), column.span);
                        continue;
                    };
                    all
                }
                other => value::named_as_live(column.field, other, self.live),
            };
            body.extend(value::write(column.field, &resolved, false));
            let mut before = value::show_live(column.field, &row.row, self.live);
            let mut after = value::show(column.field, &resolved);
            if before == after && matches!(column.field.holds, Holds::Ids { .. }) {
                (before, after) =
                    value::show_every_id(column.field, &row.row, self.live, &resolved);
            }
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

    /// Warns of roles to which the product grants nothing, because they are among the last ones.
    fn out_of_place(
        &mut self,
        draft: &Draft<'a>,
        column: &DeclaredColumn,
        resolved: &Resolved,
        row: &ObservedRow,
    ) {
        let names = value::out_of_place(column.field, resolved, &row.row);
        if names.is_empty() {
            return;
        }
        let message = format!(
            "in {}, {} is among the last two roles, to which the product may grant nothing",
            draft.resource.key,
            names.join(", ")
        );
        self.findings.warn(
            Diagnostic::warning(ROLE_ORDER.code, message)
                .at(column.span, "stored in another order")
                .help("save the provider on its page, which puts the two administrators last, or apply another list of roles and then this one"),
        );
    }

    /// Warns of an inactive row, which may have no effect for agents.
    pub(super) fn inactive(
        &mut self,
        draft: &Draft<'a>,
        declared: &DeclaredRow,
        row: &ObservedRow,
    ) {
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
            // Fields of a notification are rows of a kind, but not documents of their own.
            None if declared.path.is_empty() => (
                "its manifest does not set `status`",
                "write `status: Active` or `status: Inactive`, so that it is compared",
            ),
            Some(part) if has_status(part.fields) => (
                "its item does not set the status",
                "set the field with the status in the item, so that it is compared",
            ),
            _ => (
                "manifests have no status of such rows",
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
}

/// Whether a manifest can say that such rows are active.
fn has_status(fields: &[deskstate_model::Field]) -> bool {
    let mut fields = fields.iter();
    fields.any(|field| matches!(field.holds, Holds::Status(_)))
}

pub(super) fn added(declared: &DeclaredRow, table: &Table) -> FieldChange {
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
