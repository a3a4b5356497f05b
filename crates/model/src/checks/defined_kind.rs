//! Restrictions that the definition of a kind puts on manifests.

use uuid::Uuid;

use super::Context;
use super::too_long::TOO_LONG;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::given::Given;
use crate::kinds::{BETWEEN, Kind, Quirk, id_in, script_ids};
use crate::manifests::{Declared, State};
use crate::name::UniqueName;
use crate::record::{Record, Value};
use crate::set::SetMode;
use crate::span::Span;
use crate::suggest::{nearest, one_of};
use crate::table::{Field, Holds, Unlisted};

pub(crate) const ID_IN_MANIFEST: Explanation = Explanation::new(
    "id-in-manifest",
    "A resource of a kind that the project defines refers to a row by its id or contains an id in JSON, or an expression contains the id of a script.",
    "An id is valid in one environment only. In another one, it points to nothing or to a different row. A name that contains an id, such as `new_3518dc8a-0571-3ba6-179f-d087097274f3`, is a name: it is the same wherever the solution is imported. The id of a script in an expression is a warning, because an expression may still contain the id of a deleted script.",
    "Write the unique name of the row, or its name if it has no unique name; for a script in an expression, `callscriptId: {name: contoso_callScript}`. Omit values that contain ids, such as XML or JSON that the product generated.",
);

pub(crate) const KEPT_ROW: Explanation = Explanation::new(
    "kept-row",
    "A document changes a row that the definition of its kind protects, or declares a row absent that the definition does not call deletable.",
    "The product needs protected rows unchanged. Other configuration and live work may depend on a row in ways that no definition describes.",
    "To refer to a protected row, write `metadata.state: existing`, without `spec` or with the fields that the definition lists under `protectedExcept`. To delete a row, remove its document and delete it by hand.",
);

pub(crate) const NOT_CREATABLE: Explanation = Explanation::new(
    "not-creatable",
    "A document would create a row of a kind whose definition says `creatable: false`.",
    "Such a row needs more than its columns, so the product or an administrator creates it, and deskstate only changes it.",
    "Write `metadata.state: existing`. Create a missing row in the admin center first.",
);

pub(crate) const NAME_VALUES: Explanation = Explanation::new(
    "name-values",
    "A name does not have one value for each column that identifies a row of its kind, a value is none of the column's options, or a value begins or ends with a space.",
    "One value alone may fit several rows, such as a quick reply in two languages. The values are separated by ` / `.",
    "Write the values in the order of the definition: `Greeting / 1033`.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let defined = context
        .resources
        .iter()
        .filter(|declared| !declared.key.kind.is_built_in());
    for declared in defined {
        diagnostics.extend(several(
            declared.key.kind,
            &declared.key.name,
            declared.name_span,
        ));
        kept(declared, diagnostics);
        ids(declared.spec.record(), diagnostics);
        parts(declared.spec.record(), diagnostics);
    }
    for declared in context.resources {
        scripts(declared, diagnostics);
        for reference in declared.spec.references() {
            let name = reference.name.name();
            diagnostics.extend(several(reference.kind, name, reference.span));
        }
    }
}

/// Reports ids of scripts in expressions, which can name the script.
fn scripts(declared: &Declared, diagnostics: &mut Vec<Diagnostic>) {
    let quirks = declared.key.kind.definition().quirks;
    if !quirks.contains(&Quirk::ScriptsByName) {
        return;
    }
    for (field, given) in declared.spec.record().fields() {
        let Given::Value(value) = given else { continue };
        if !matches!(field.holds, Holds::Json | Holds::JsonOrText) {
            continue;
        }
        let ids = match value.value {
            Value::Json(json) => script_ids(json),
            Value::Text(text) => script_ids(&text.to_string().into()),
            _ => continue,
        };
        for id in ids {
            diagnostics.push(
                Diagnostic::warning(
                    ID_IN_MANIFEST.code,
                    format!("`{}` holds the id `{id}` of a script", field.word),
                )
                .at(value.span, "belongs to one environment")
                .help("write the unique name of the script: `callscriptId: {name: contoso_callScript}`"),
            );
        }
    }
}

/// Reports exact sets of parts, which would delete the other parts.
fn parts(record: &Record, diagnostics: &mut Vec<Diagnostic>) {
    for (field, given) in record.fields() {
        let Given::Value(value) = given else { continue };
        if let (Holds::Parts(part), Value::Set(set)) = (field.holds, value.value)
            && part.unlisted == Unlisted::Leave
            && (set.mode == SetMode::Exact || !set.without.is_empty())
        {
            diagnostics.push(
                Diagnostic::error(
                    KEPT_ROW.code,
                    format!(
                        "the parts in `{}` are never deleted, so the set cannot be exact and has no `without`",
                        field.word
                    ),
                )
                .at(value.span, "takes parts away")
                .help("write `mode: atLeast`, or `deletable: true` for the part in the definition"),
            );
        }
    }
}

/// Checks that a name made of several columns has a value for each of them.
fn several(kind: Kind, name: &UniqueName, span: Span) -> Option<Diagnostic> {
    let also = kind.definition().also;
    let form = kind.name_form()?;
    // An option that the definition does not know is written as its number, as an export does.
    // Two ways to write a number would be two names of one row.
    let is_plain = |value: &str, number: i64| number.to_string() == value;
    let is_one = |field: &Field, value: &str| match (field.holds, value.parse::<i64>()) {
        (Holds::Option | Holds::Number, Ok(number)) => is_plain(value, number),
        (Holds::Option | Holds::Number, Err(_)) => false,
        (Holds::Choice(options), Ok(number)) => {
            is_plain(value, number) && options.iter().all(|option| option.number != number)
        }
        (Holds::Choice(_), Err(_)) => field.option(value).is_some(),
        _ => true,
    };
    if let Some(values) = kind.values_of(name.as_written()) {
        let plain = values.join(BETWEEN);
        if plain != name.as_written().trim() {
            let blanks = Diagnostic::error(
                NAME_VALUES.code,
                format!(
                    "values of `{name}` begin or end with spaces, which the environment does not store"
                ),
            );
            return Some(blanks.at(span, "here").help(format!("write `{plain}`")));
        }
        let most = kind.definition().name.max_length.unwrap_or(u32::MAX) as usize;
        let length = values[0].encode_utf16().count();
        if length > most {
            let finding = Diagnostic::error(
                TOO_LONG.code,
                format!("`{}` in `{name}` has {length} characters", values[0]),
            );
            return Some(
                finding
                    .at(span, "too long")
                    .help(format!("its column takes at most {most} characters")),
            );
        }
        let mut given = also.iter().zip(&values[1..]);
        let (field, value) = given.find(|(field, value)| !is_one(field, value))?;
        return Some(no_option(name, span, field, value, &form));
    }
    let missing = Diagnostic::error(
        NAME_VALUES.code,
        format!("`{name}` does not give a value for each column that identifies a row"),
    );
    Some(
        missing
            .at(span, format!("{} values are needed", also.len() + 1))
            .help(format!("write `{form}` with the values of the columns")),
    )
}

/// The finding about a value in a name that is no option of its column.
fn no_option(name: &UniqueName, span: Span, field: &Field, value: &str, form: &str) -> Diagnostic {
    let words = || field.options().iter().map(|option| option.word);
    let finding = Diagnostic::error(
        NAME_VALUES.code,
        format!("`{value}` in `{name}` is no option of `{}`", field.column),
    )
    .at(span, "at its end");
    let mut known = field.options().iter();
    let same = known.find(|option| value.parse() == Ok(option.number));
    let near = same.map(|option| option.word);
    let what = match near.or_else(|| nearest(value, words())) {
        Some(word) => format!("`{word}`"),
        None if field.options().is_empty() => match value.parse::<i64>() {
            Ok(number) => format!("`{number}`"),
            Err(_) => "a number".to_owned(),
        },
        None => format!("{}, or the number of another option", one_of(words())),
    };
    finding.help(format!("write {what}, as in `{form}`"))
}

fn kept(declared: &Declared, diagnostics: &mut Vec<Diagnostic>) {
    let kind = declared.key.kind.definition();
    let is_protected = kind.is_protected(declared.key.name.as_written());
    let says_something =
        declared.spec.record().fields().any(|(field, given)| {
            !given.is_absent() && !kind.protected_except.contains(&field.word)
        });
    if is_protected && (declared.state != State::Existing || says_something) {
        diagnostics.push(
            Diagnostic::error(
                KEPT_ROW.code,
                format!(
                    "{} is protected by the definition of its kind",
                    declared.key
                ),
            )
            .at(declared.name_span, "nothing changes or deletes it")
            .help(match kind.protected_except {
                [] => {
                    "write `metadata.state: existing` and no `spec`, so that others can refer to it"
                        .to_owned()
                }
                words => format!(
                    "write `metadata.state: existing`, and in `spec` at most `{}`",
                    words.join("`, `")
                ),
            }),
        );
    } else if declared.state == State::Present && !kind.creatable {
        diagnostics.push(
            Diagnostic::error(
                NOT_CREATABLE.code,
                format!(
                    "{} is not declared `existing`, and its kind has `creatable: false`",
                    declared.key
                ),
            )
            .at(declared.name_span, "never created")
            .help("write `metadata.state: existing`"),
        );
    } else if declared.state == State::Absent && !kind.deletable {
        diagnostics.push(
            Diagnostic::error(KEPT_ROW.code, format!("{} is declared absent, and the definition of its kind does not call rows deletable", declared.key))
                .at(declared.name_span, "never deleted")
                .help("remove the document and delete the row by hand; in a definition of your own, `deletable: true` lets deskstate do it"),
        );
    }
}

fn ids(record: &Record, diagnostics: &mut Vec<Diagnostic>) {
    for (field, given) in record.fields() {
        let Given::Value(value) = given else { continue };
        look(field, value.value, value.span, diagnostics);
    }
}

fn look(field: &Field, value: &Value, span: Span, diagnostics: &mut Vec<Diagnostic>) {
    let found = match value {
        // The product itself makes unique names such as `new_<id>`, which solutions carry to other environments.
        Value::Name(name) => whole_id(name.as_str()),
        // Users may also be identified by their Entra object id, which is the same in every environment.
        Value::Json(json) => id_in(&json.to_string()),
        Value::Item(record) => {
            ids(record, diagnostics);
            None
        }
        Value::Set(set) => {
            for member in set.members.iter().chain(&set.without) {
                look(field, &member.value, member.span, diagnostics);
            }
            None
        }
        _ => None,
    };
    if let Some(id) = found {
        diagnostics.push(
            Diagnostic::error(
                ID_IN_MANIFEST.code,
                format!("`{}` holds the id `{id}`", field.word),
            )
            .at(span, "belongs to one environment")
            .help(
                "write the unique name of the row, or omit the field if the product wrote its value",
            ),
        );
    }
}

/// Returns the id if a text is one and nothing else.
fn whole_id(text: &str) -> Option<Uuid> {
    const LENGTH: usize = 36;
    let text = text.trim().trim_matches(['{', '}']);
    (text.len() == LENGTH)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_contains_an_id_is_a_name() {
        let id = "3518dc8a-0571-3ba6-179f-d087097274f3";
        for written in [id.to_owned(), format!("{{{id}}}"), id.to_uppercase()] {
            assert_eq!(whole_id(&written), id.parse().ok(), "{written}");
        }
        for name in [
            format!("new_{id}"),
            format!("{id} / Voice"),
            format!("{id}_old"),
            id.replace('-', ""),
        ] {
            assert_eq!(whole_id(&name), None, "{name}");
        }
    }
}
