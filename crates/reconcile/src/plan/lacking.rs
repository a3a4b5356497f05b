//! Reports what the manifests need and the environment lacks: each thing once, with every place that needs it.

use super::planner::{Lack, Planner};
use crate::live::Access;
use crate::state::{DeclaredResource, DeclaredRow, DeclaredSet};
use crate::value::{self, Resolved};
use deskstate_model::{Diagnostic, Explanation, Field, Holds, Kind, Span, Table};

pub(crate) const COLUMN_MISSING: Explanation = Explanation::new(
    "column-missing",
    "The environment lacks the column of a field that a manifest sets.",
    "Older versions of the app lack some columns, so the value could not be stored. A field that is set to `null` needs no column.",
    "Update the app in the environment, or exclude the field there with `metadata.unmanaged` in its overlay.",
);

pub(crate) const OPTION_MISSING: Explanation = Explanation::new(
    "option-missing",
    "The environment lacks an option of a choice that a manifest uses.",
    "Older versions of the app lack some options, and the server refuses unknown numbers.",
    "Update the app in the environment, or choose another option there in its overlay.",
);

pub(crate) const RELATIONSHIP_MISSING: Explanation = Explanation::new(
    "relationship-missing",
    "The environment lacks the many-to-many relationship of a set.",
    "Older versions of the app lack some relationships, so the links could not be stored. An empty set needs none.",
    "Update the app in the environment, or exclude the field there with `metadata.unmanaged` in its overlay.",
);

pub(crate) const TABLE_MISSING: Explanation = Explanation::new(
    "table-missing",
    "The environment lacks a table that a declared resource needs.",
    "The app that contains the table is not installed, or is too old.",
    "Install or update the app. Otherwise limit the document to other environments with `metadata.environments`, or exclude the field with `metadata.unmanaged` in an overlay.",
);

/// Maximum number of places that a finding shows; further places are only counted.
const SHOWN: usize = 10;

impl<'a> Planner<'a> {
    fn lacks(&mut self, lack: Lack, word: impl Into<String>, span: Span) {
        let word = word.into();
        let (code, message) = said(lack, &word);
        self.findings
            .blocked_here(word.as_str(), code, message, span);
        let places = self.lacking.entry((lack, word)).or_default();
        if !places.contains(&span) {
            places.push(span);
        }
    }

    /// Whether the table of a resource is missing. Reports it unless the resource is declared absent.
    pub(super) fn lacks_kind(&mut self, resource: &'a DeclaredResource) -> bool {
        let table = resource.key.kind.table();
        let absent = self.live.table(table).access == Access::Absent;
        if absent && resource.state != deskstate_model::State::Absent {
            let word = resource.key.kind.as_str();
            self.lacks(Lack::Table(table), word, resource.name_span);
        }
        absent
    }

    /// Records that the table for looking up rows by name is missing.
    pub(super) fn lacks_lookup(&mut self, table: &'static Table, noun: &str, span: Span) {
        self.lacks(Lack::Lookup(table), noun, span);
    }

    /// Records that the table of a part is missing.
    pub(super) fn lacks_table(&mut self, table: &'static Table, path: &str, span: Span) {
        let word = path.split('.').next().unwrap_or(path);
        self.lacks(Lack::Table(table), word, span);
    }

    /// Records that the links of a set are missing, because their relationship or its target table is.
    pub(super) fn lacks_links(&mut self, set: &'a DeclaredSet) {
        let needed = set.members.iter().map(|member| member.span);
        let teams = set.from_teams.iter().map(|(_, span)| *span);
        let spans: Vec<Span> = needed.chain(teams).collect();
        let member = set.relationship.member;
        let lack = if self.live.table(member).access == Access::Absent {
            Lack::Table(member)
        } else {
            Lack::Links(set.relationship)
        };
        for span in spans {
            self.lacks(lack, set.field.word, span);
        }
    }

    /// Whether the environment cannot store a value because the column or the option is missing. Clearing a value needs neither.
    pub(super) fn lacks_value(
        &mut self,
        table: &'static Table,
        declared: &DeclaredRow,
        field: &'static Field,
        value: &Resolved,
        span: Span,
    ) -> bool {
        let live = self.live.table(table);
        if live.missing_columns.contains(field.column) {
            // Values that deskstate adds itself are left out if the column is missing.
            if *value != Resolved::Null && !super::is_copy(field) {
                let word = word(declared, field).to_owned();
                self.lacks(Lack::Column(table, field.column), word, span);
            }
            return true;
        }
        let Resolved::Number(number) = value else {
            return false;
        };
        let options = live.options.get(field.column);
        let unknown = field.is_choice() && options.is_some_and(|known| !known.contains(number));
        if unknown {
            // A part that is identified by its option has the same name as the option in the manifest.
            let word = match (field.holds, value::show(field, value)) {
                (Holds::Option, _) => declared.path.clone(),
                (_, serde_json::Value::String(text)) => format!("{}: {text}", field.word),
                (_, other) => format!("{}: {other}", field.word),
            };
            self.lacks(Lack::Option(table, field.column, *number), word, span);
        }
        unknown
    }

    /// Reports each missing thing once, in the order of tables and columns.
    pub(super) fn report_lacking(&mut self) {
        for ((lack, word), places) in std::mem::take(&mut self.lacking) {
            self.findings.report(diagnostic(lack, &word, &places));
        }
    }
}

/// The name of a field, or of the list if its parts have no other field.
fn word<'a>(declared: &'a DeclaredRow, field: &'static Field) -> &'a str {
    if field.word.is_empty() {
        declared.path.split('.').next().unwrap_or_default()
    } else {
        field.word
    }
}

/// The code for something missing, and the message.
fn said(lack: Lack, word: &str) -> (&'static str, String) {
    let (code, what) = match lack {
        Lack::Table(table) | Lack::Lookup(table) => {
            (TABLE_MISSING.code, format!("the table `{}`", table.logical))
        }
        Lack::Column(table, column) => (
            COLUMN_MISSING.code,
            format!("the column `{column}` of `{}`", table.logical),
        ),
        Lack::Option(table, column, number) => (
            OPTION_MISSING.code,
            format!("option {number} of `{column}` in `{}`", table.logical),
        ),
        Lack::Links(relationship) => (
            RELATIONSHIP_MISSING.code,
            format!(
                "the relationship `{}` between `{}` and `{}`",
                relationship.schema_name, relationship.owner.logical, relationship.member.logical
            ),
        ),
    };
    let message = match lack {
        Lack::Lookup(_) => format!("the environment lacks {what}, so it has no {word}"),
        _ => format!("the environment lacks {what}, which `{word}` needs"),
    };
    (code, message)
}

fn diagnostic(lack: Lack, word: &str, places: &[Span]) -> Diagnostic {
    let (code, message) = said(lack, word);
    let is_kind = Kind::all().any(|kind| kind.as_str() == word);
    let is_type = matches!(lack, Lack::Option(table, column, _) if Kind::of_table(table)
        .is_some_and(|kind| kind.definition().also.iter().any(|field| field.column == column)));
    let help = if is_type {
        "add the option in the environment, or correct the name".to_owned()
    } else if is_kind {
        "update the app in the environment, or declare the document for other environments only: `metadata: {environments: […]}`".to_owned()
    } else if matches!(lack, Lack::Lookup(_)) {
        "exclude the field that names it there: `metadata: {unmanaged: […]}` in the overlay of the environment".to_owned()
    } else {
        let field = word.split([':', '.']).next().unwrap_or(word);
        format!(
            "update the app in the environment, or exclude the field there: `metadata: {{unmanaged: [{field}]}}` in its overlay"
        )
    };
    let mut found = Diagnostic::error(code, message).help(help);
    for (index, span) in places.iter().take(SHOWN).enumerate() {
        let left = places.len().saturating_sub(SHOWN);
        found = match index {
            0 if left == 0 => found.at(*span, "needed here"),
            0 => found.at(*span, format!("needed here and in {left} places not shown")),
            _ => found.also(*span, "and here"),
        };
    }
    found
}
