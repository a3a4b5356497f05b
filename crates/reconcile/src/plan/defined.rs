//! What definitions of kinds forbid, and where an environment's table is not what its definition says.

use deskstate_model::{Diagnostic, Explanation, Field, Holds, Kind, Span, Table};

use super::planner::{Planner, path};
use crate::live::Live;
use crate::state::DeclaredRow;

pub(crate) const CREATE_ONLY: Explanation = Explanation::new(
    "create-only",
    "A field that its kind's definition calls `createOnly` keeps the value that its row was created with.",
    "The server takes the value once. A later write is refused or, worse, ignored.",
    "Write the value that the row has, or create another row and remove this one.",
);

pub(crate) const DEFINITION_DIFFERS: Explanation = Explanation::new(
    "definition-differs",
    "The definition of a kind says of each column what the environment's own metadata says.",
    "A column of another type would be read and compared wrongly, so nothing of the kind is planned.",
    "Correct the definition. `deskstate kind check --env NAME` lists every difference.",
);

impl Planner<'_> {
    /// Whether the value of a field can no longer be changed; says so.
    pub(super) fn is_fixed(
        &mut self,
        declared: &DeclaredRow,
        field: &'static Field,
        span: Span,
    ) -> bool {
        if field.create_only {
            let path = path(&declared.path, field);
            self.findings.blocked(
                path.as_str(),
                Diagnostic::error(
                    CREATE_ONLY.code,
                    format!("`{path}` cannot change once the row is there"),
                )
                .at(span, "the environment has another value")
                .help(
                    "write the value that the row has, or create another row and remove this one",
                ),
            );
        }
        field.create_only
    }

    /// Whether a table of a kind is another than its definition says; says so once for each column.
    pub(super) fn is_otherwise(&mut self, kind: Kind, span: Span) -> bool {
        let mut differs = false;
        for (table, field, found) in otherwise(kind, self.live) {
            differs = true;
            self.findings.blocked(
                field.word,
                Diagnostic::error(
                    DEFINITION_DIFFERS.code,
                    format!(
                        "`{}.{}` is of type {found} here, and the definition of {kind} says {}",
                        table.logical,
                        field.column,
                        said(field)
                    ),
                )
                .at(span, format!("`{}` cannot be compared", field.word))
                .help(
                    "correct the definition; `deskstate kind check --env NAME` lists every difference",
                ),
            );
        }
        differs
    }
}

/// The columns of a kind whose type in the environment is another than its definition says.
fn otherwise(
    kind: Kind,
    live: &Live,
) -> impl Iterator<Item = (&'static Table, &'static Field, &str)> {
    columns(kind).filter_map(|(table, field)| {
        let found = live.table(table).types.get(field.column)?;
        (!fits(field, found)).then_some((table, field, found.as_str()))
    })
}

/// The columns that a definition names, with their tables; sets too.
pub(crate) fn columns(kind: Kind) -> impl Iterator<Item = (&'static Table, &'static Field)> {
    let definition = kind.definition();
    let fields = definition.fields.iter().chain([definition.name]);
    let own = fields.chain(definition.rows.iter().map(|row| row.field));
    own.flat_map(move |field| {
        let (own, inner) = match field.holds {
            Holds::Parts(part) => (None, Some(part)),
            _ => (Some((definition.table, field)), None),
        };
        let inner = inner.into_iter().flat_map(|part| {
            let fields = part.fields.iter();
            fields.map(move |field| (part.table, field))
        });
        own.into_iter().chain(inner)
    })
}

/// Whether a column of an attribute type can hold a field.
pub(crate) fn fits(field: &Field, found: &str) -> bool {
    let expected: &[&str] = match field.holds {
        Holds::Text | Holds::Json => &["String", "Memo", "EntityName"],
        Holds::Number => &["Integer", "BigInt"],
        Holds::Option => &["Picklist", "State", "Status", "Integer", "BigInt"],
        Holds::Flag => &["Boolean"],
        Holds::Choice(_) => &["Picklist", "State", "Status"],
        Holds::Lookup { .. } => &["Lookup", "Customer"],
        Holds::Status(_) => &["State"],
        Holds::Owner => &["Owner"],
        _ => return true,
    };
    expected.contains(&found)
}

/// The type that a definition says, in its own word.
pub(crate) fn said(field: &Field) -> &'static str {
    match field.holds {
        Holds::Number => "number",
        Holds::Option => "number",
        Holds::Flag => "flag",
        Holds::Choice(_) => "choice",
        Holds::Lookup { .. } => "lookup",
        Holds::Json => "json",
        Holds::Status(_) => "status",
        Holds::Owner => "owner",
        _ => "text",
    }
}

/// Why a row of a kind may not be deleted, if so.
pub(crate) fn kept(table: &Table) -> Option<Kind> {
    Kind::of_table(table).filter(|kind| !kind.definition().deletable)
}
