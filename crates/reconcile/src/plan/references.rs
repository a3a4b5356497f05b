//! What values refer to: rows that exist, rows that the plan creates, and what an environment lacks.

use super::names::path;
use super::planner::Planner;
use super::problems::ambiguous;
use super::sets::twice;
use crate::kinds;
use crate::live::Access;
use crate::lookup::Match;
use crate::state::{DeclaredColumn, DeclaredRow, Lookup, RowKey, Stored};
use crate::value::{self, Resolved};
use deskstate_model::{
    Diagnostic, Explanation, Field, Kind, ResourceKey, Span, State, Table, UniqueName, tables,
};
use uuid::Uuid;

pub(crate) const LOOKUP_MISSING: Explanation = Explanation::new(
    "lookup-missing",
    "The environment lacks something that a manifest names: a user, team, role, web resource, view, form, dashboard, macro, or a row of Microsoft's.",
    "deskstate looks these up by name and never creates them.",
    "Correct the name, or create it in the environment first.",
);

pub(crate) const LOOKUP_UNFIT: Explanation = Explanation::new(
    "lookup-unfit",
    "The environment has something with the name that a manifest uses, but it does not fit.",
    "Examples are a disabled user, and a view of the wrong type. The finding has the reason.",
    "Use another name, or correct it in the environment.",
);

pub(crate) const LOOKUP_UNREADABLE: Explanation = Explanation::new(
    "lookup-unreadable",
    "You may not read something that a manifest names in the environment.",
    "Without access, deskstate cannot tell whether it exists.",
    "Get read access to the whole organization. `deskstate doctor --env NAME` lists the missing rights.",
);

/// A member of a list of ids that the same list keeps out.
fn kept_out(value: &Resolved) -> Option<&str> {
    let Resolved::IdsAmong { with, without } = value else {
        return None;
    };
    let mut both = with.iter().filter(|(id, _)| without.contains(id));
    both.next().map(|(_, label)| label.as_str())
}

impl<'a> Planner<'a> {
    pub(super) fn resolve(
        &mut self,
        stored: &Stored,
        declared: &DeclaredRow,
        field: &Field,
        span: Span,
    ) -> Option<Resolved> {
        match value::resolve(stored, &mut |key| self.id_of(key)) {
            Ok(resolved) => {
                let Some(label) = kept_out(&resolved) else {
                    return Some(resolved);
                };
                let word = path(&declared.path, field);
                let finding = twice(&word, label, span, span);
                self.findings.blocked(word, finding);
                None
            }
            Err(key) => {
                self.report_missing(&key, &path(&declared.path, field), span);
                None
            }
        }
    }

    /// Whether a text is the name of a row that neither exists nor will be created. If so, reports it.
    pub(super) fn names_nothing(
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

    /// Finds the row of a member that must not be there. A name that means nothing may be misspelt, so that the member stays.
    pub(super) fn look_for_unwanted(
        &mut self,
        key: &RowKey,
        word: &str,
        span: Span,
    ) -> Option<Uuid> {
        match self.live.find(key) {
            // A user who can no longer sign in is removed nevertheless.
            Match::One(id) | Match::Unfit(id, _) => Some(id),
            // It is absent as declared, such as a row of a package that was removed.
            Match::None if self.is_declared_absent(key) => None,
            Match::None => {
                let message = format!(
                    "`{word}` keeps out `{}`, which the environment does not have",
                    key.label()
                );
                self.findings.warn(
                    Diagnostic::warning(LOOKUP_MISSING.code, message)
                        .at(span, "named here")
                        .help("correct the name, or remove it from `without`"),
                );
                None
            }
            Match::Several(_) | Match::Unknown(_) => {
                self.report_missing(key, word, span);
                None
            }
        }
    }

    fn is_declared_absent(&self, key: &RowKey) -> bool {
        let RowKey::Named { table, name } = key else {
            return false;
        };
        let kind = Kind::of_table(table);
        let key = kind.map(|kind| ResourceKey::new(kind, name.as_written()));
        let declared = key.and_then(|key| self.desired.resources.get(&key));
        declared.is_some_and(|declared| declared.state == State::Absent)
    }

    pub(super) fn report_missing(&mut self, key: &RowKey, path: &str, span: Span) {
        let what = match key {
            RowKey::Found(Lookup::Organization) => "the id of the organization".to_owned(),
            RowKey::Found(Lookup::Role {
                name,
                business_unit: Some(unit),
            }) => format!("security role `{name}` in a business unit `{unit}`"),
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

fn lookup_table(lookup: &Lookup) -> &'static Table {
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
