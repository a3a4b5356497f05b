//! Restrictions in the definitions of kinds, and tables of the environment that contradict their definition.

use deskstate_model::{Diagnostic, Explanation, Field, Kind, Span, Table};
use serde_json::Value as Json;

use super::names::path;
use super::planner::Planner;
use super::problems::unreadable;
use crate::kinds::tables_of;
use crate::live::{Access, Live, ObservedRow};
use crate::metadata::{Mismatch, Weight, check};
use crate::secret::masked_at;
use crate::state::DeclaredRow;
use crate::value::show_live;

pub(crate) const CREATE_ONLY: Explanation = Explanation::new(
    "create-only",
    "A manifest changes a field that the definition of its kind calls `createOnly`.",
    "The server accepts the value only when it creates the row. It refuses or, worse, ignores a later write.",
    "Write the value of the existing row, or create another row and remove this one.",
);

pub(crate) const DEFINITION_DIFFERS: Explanation = Explanation::new(
    "definition-differs",
    "The definition of a kind contradicts the metadata of the environment.",
    "deskstate would read and compare a column of a different type incorrectly, so it plans nothing for the kind.",
    "Correct the definition. `deskstate kind check --env NAME` lists all differences.",
);

impl Planner<'_> {
    /// Whether the value of a field cannot be changed after creation. If so, reports it.
    pub(super) fn is_fixed(
        &mut self,
        declared: &DeclaredRow,
        field: &'static Field,
        span: Span,
        row: &ObservedRow,
    ) -> bool {
        if field.create_only {
            let path = path(&declared.path, field);
            let live = match masked_at(&path, &show_live(field, &row.row, self.live)) {
                Json::Null => "empty".to_owned(),
                Json::String(text) => format!("`{text}`"),
                other => format!("`{other}`"),
            };
            self.findings.blocked(
                path.as_str(),
                Diagnostic::error(
                    CREATE_ONLY.code,
                    format!("`{path}` is {live} in the environment, and cannot be changed after the row was created"),
                )
                .at(span, "the environment has another value")
                .help(
                    "write the value of the existing row, or create another row and remove this one",
                ),
            );
        }
        field.create_only
    }

    /// Whether a table of a kind contradicts its definition. If so, reports it.
    pub(super) fn is_otherwise(&mut self, kind: Kind, span: Span) -> bool {
        let found = match misfits(kind, self.live) {
            Ok(found) => found,
            Err(why) => {
                let what = format!("the metadata of {kind}");
                let finding = unreadable(&what, &why);
                self.findings
                    .unknown("", finding.at(span, "its definition cannot be checked"));
                return true;
            }
        };
        let mut stops = false;
        for one in found {
            let place = match one.word.as_str() {
                "" => String::new(),
                word => format!("`{word}`: "),
            };
            let message = format!(
                "the definition of {kind} does not fit the environment: {place}{}",
                one.text
            );
            let help =
                "correct the definition; `deskstate kind check --env NAME` lists every difference";
            match one.weight {
                Weight::Stops => {
                    stops = true;
                    let finding = Diagnostic::error(DEFINITION_DIFFERS.code, message);
                    self.findings.blocked(
                        one.word.as_str(),
                        finding.at(span, "not planned").help(help),
                    );
                }
                Weight::Warns if self.warned.insert(message.clone()) => {
                    let finding = Diagnostic::warning(DEFINITION_DIFFERS.code, message);
                    self.findings
                        .warn(finding.at(span, "may be refused").help(help));
                }
                Weight::Warns | Weight::Missing => {}
            }
        }
        stops
    }
}

/// The mismatches between the definition of a kind and the environment. Nothing of the kind is written unless they are known.
///
/// # Errors
/// Returns the reason why the metadata is not known.
fn misfits(kind: Kind, live: &Live) -> Result<Vec<Mismatch>, String> {
    if kind.is_built_in() {
        return Ok(Vec::new());
    }
    let found = match &live.metadata {
        None => return Err("it was not read".to_owned()),
        Some(found) => found.as_ref().map_err(Clone::clone)?,
    };
    let mut differ = check(kind, found);
    for table in tables_of(kind) {
        // Rows were returned without a matching table: the entity set of the definition belongs to another table.
        let is_known = found.iter().any(|found| found.logical() == table.logical);
        if !is_known && live.table(table).access != Access::Absent {
            differ.push(Mismatch {
                word: String::new(),
                text: format!(
                    "the environment has no table `{1}`, so `{0}` belongs to another one",
                    table.set, table.logical
                ),
                weight: Weight::Stops,
            });
        }
    }
    Ok(differ)
}

/// Why no rows of a kind may be written to an environment, if there is a reason.
pub(crate) fn unfit(kind: Kind, live: &Live) -> Option<Diagnostic> {
    let why = match misfits(kind, live) {
        Err(why) => return Some(unreadable(&format!("the metadata of {kind}"), &why)),
        Ok(found) => {
            found
                .into_iter()
                .find(|one| one.weight == Weight::Stops)?
                .text
        }
    };
    let message = format!("the definition of {kind} does not fit the environment: {why}");
    Some(
        Diagnostic::error(DEFINITION_DIFFERS.code, message).help(
            "correct the definition; `deskstate kind check --env NAME` lists every difference",
        ),
    )
}

/// The kind of a table, if plans may not delete its rows.
pub(crate) fn kept(table: &Table) -> Option<Kind> {
    Kind::of_table(table).filter(|kind| !kind.definition().deletable)
}

/// The kind of a table, if not even an undo may delete its rows.
pub(crate) fn kept_by_undo(table: &Table) -> Option<Kind> {
    kept(table).filter(|kind| !kind.definition().undo_deletes)
}
