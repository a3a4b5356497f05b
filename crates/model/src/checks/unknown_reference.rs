//! References to resources that nobody declares.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Context, Index};
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::given::Given;
use crate::kinds::{Kind, Quirk, ReferenceView, ResourceKey, scripts_named};
use crate::manifests::{Declared, State};
use crate::name::fold;
use crate::offer::Offer;
use crate::record::Value;
use crate::set::Reference;
use crate::span::{Span, Spanned};
use crate::suggest::nearest;
use crate::table::Holds;

pub(crate) const UNKNOWN_REFERENCE: Explanation = Explanation::new(
    "unknown-reference",
    "No manifest declares a resource that another one refers to, in every environment that needs it.",
    "Otherwise an empty environment could not be built, and a misspelt name would be found only during a write. deskstate looks up some names in the environment instead: names with the prefix `msdyn_`, Microsoft's other documented rows, protected rows, and rows of kinds that no document can create.",
    "Correct the name or declare the resource. If somebody else creates it, declare it with `metadata.state: existing` and no `spec`.",
);

/// Number of findings that get a suggestion. Finding the nearest name takes time, and nobody reads that many suggestions.
const MOST_SUGGESTIONS: usize = 100;

pub(super) fn check(context: &Context<'_>, index: &Index<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut names: Option<BTreeMap<Kind, Vec<&str>>> = None;
    let mut suggested = 0;
    for declared in context.resources {
        let scripts = scripts(declared);
        let views = scripts.iter().map(|(field, name, span)| ReferenceView {
            field,
            kind: Kind::AGENT_SCRIPT,
            name,
            span: *span,
            excluded: false,
        });
        for reference in declared.spec.references().into_iter().chain(views) {
            let key = ResourceKey {
                kind: reference.kind,
                name: reference.name.name().clone(),
            };
            match index.find(&key) {
                Some(target) if target.state == State::Absent && !reference.excluded => {
                    diagnostics.push(to_absent(declared, &reference, target));
                }
                Some(_) => {}
                None if is_of_lock(declared, &reference) => {}
                None if is_known_elsewhere(context, &reference) => {}
                None => {
                    let names = names.get_or_insert_with(|| names_by_kind(context));
                    suggested += 1;
                    let candidates = names
                        .get(&reference.kind)
                        .filter(|_| suggested <= MOST_SUGGESTIONS);
                    diagnostics.push(unknown(
                        context,
                        declared,
                        &reference,
                        &key,
                        candidates.map_or(&[][..], Vec::as_slice),
                    ));
                }
            }
        }
    }
}

/// Whether a set keeps out a member because the lock says that a package no longer adds it. Nobody has to declare such a row.
fn is_of_lock(declared: &Declared, reference: &ReferenceView<'_>) -> bool {
    let (own, place) = (declared.span, reference.span);
    reference.excluded && (own.file != place.file || own == place)
}

/// Checks the scripts that an expression names.
fn scripts(declared: &Declared) -> Vec<(&'static str, Reference, Span)> {
    let quirks = declared.key.kind.definition().quirks;
    if !quirks.contains(&Quirk::ScriptsByName) {
        return Vec::new();
    }
    let fields = declared.spec.record().fields();
    let expressions = fields.filter_map(|(field, given)| match given {
        Given::Value(Spanned {
            value: Value::Json(json),
            span,
        }) => Some((field, json, span)),
        _ => None,
    });
    let named = expressions.flat_map(|(field, json, span)| {
        let names = scripts_named(json).into_iter();
        names.map(move |name| (field.word, Reference::new(name), span))
    });
    named.collect()
}

/// Whether a name may be defined elsewhere: planning looks up Microsoft's names, and text that could not be read may declare the name.
fn is_known_elsewhere(context: &Context<'_>, reference: &ReferenceView<'_>) -> bool {
    let name = reference.name.name();
    let kind = reference.kind.definition();
    !kind.creatable
        || kind.is_protected(name.as_written())
        || name.prefix() == Some("msdyn")
        || reference.kind.brings(name.as_written())
        || context.unread.contains(name.folded())
}

fn names_by_kind<'a>(context: &Context<'a>) -> BTreeMap<Kind, Vec<&'a str>> {
    let mut names: BTreeMap<Kind, Vec<&str>> = BTreeMap::new();
    for declared in context
        .resources
        .iter()
        .filter(|declared| declared.state != State::Absent)
    {
        names
            .entry(declared.key.kind)
            .or_default()
            .push(declared.key.name.as_written());
    }
    names
}

fn to_absent(declared: &Declared, reference: &ReferenceView<'_>, target: &Declared) -> Diagnostic {
    Diagnostic::error(
        UNKNOWN_REFERENCE.code,
        format!(
            "{} refers to {}, which is declared absent",
            declared.key, target.key
        ),
    )
    .at(reference.span, format!("in `{}`", reference.field))
    .also(target.name_span, "`state: absent`")
    .help("remove the reference, or keep the resource")
}

fn unknown(
    context: &Context<'_>,
    declared: &Declared,
    reference: &ReferenceView<'_>,
    key: &ResourceKey,
    candidates: &[&str],
) -> Diagnostic {
    if context.anywhere.contains(key) {
        return Diagnostic::error(
            UNKNOWN_REFERENCE.code,
            format!("{key} is not declared in every environment where it is needed"),
        )
        .at(reference.span, "not declared in this environment")
        .help("change `metadata.environments` of one of them, so that both apply to the same environments");
    }
    let diagnostic = Diagnostic::error(
        UNKNOWN_REFERENCE.code,
        format!("no manifest declares {key}"),
    )
    .at(reference.span, format!("in `{}`", reference.field));
    if let Some((help, name)) = by_display_name(context, key) {
        let offer = name.map(|name| Offer::Whole(name.to_owned()));
        return diagnostic.help(help).offering(offer);
    }
    if let Some(help) = no_name(declared, reference) {
        return diagnostic.help(help);
    }
    match nearest(reference.name.as_str(), candidates.iter().copied()) {
        Some(near) => diagnostic.perhaps(reference.name.as_str(), near),
        None => diagnostic
            .help("declare it; if somebody else creates it, declare it with `metadata.state: existing` and no `spec`"),
    }
}

/// Explains a word that means nothing, and an id.
fn no_name(declared: &Declared, reference: &ReferenceView<'_>) -> Option<String> {
    let (written, field) = (reference.name.as_str(), reference.field);
    if ["none", "no", "nothing", "null", "empty", "-", "n/a"].contains(&fold(written).as_str()) {
        let mut fields = declared.key.kind.fields().iter();
        let is_one =
            fields.any(|one| one.word == field && matches!(one.holds, Holds::Lookup { .. }));
        return Some(match is_one {
            true => format!("to have none, write `{field}: null`"),
            false => "to have none, remove it".to_owned(),
        });
    }
    Uuid::try_parse(written).is_ok().then(|| {
        "references are unique names, not ids; `deskstate explain \"NAME\" --env ENVIRONMENT` finds the unique name by the display name".to_owned()
    })
}

/// Returns the unique name if somebody wrote the display name instead, since admin pages and guides show display names.
fn by_display_name<'c>(
    context: &Context<'c>,
    key: &ResourceKey,
) -> Option<(String, Option<&'c str>)> {
    let called = key.name.as_written();
    let declared = context.resources.iter().find(|declared| {
        declared.key.kind == key.kind
            && declared.state != State::Absent
            && display_name(declared).is_some_and(|name| fold(name) == fold(called))
    });
    if let Some(declared) = declared {
        return Some(by_unique_name(called, declared.key.name.as_written()));
    }
    let brought = key.kind.brought_as(called)?;
    Some(match brought.unique_name() {
        Some(name) => by_unique_name(called, name),
        None => (
            format!(
                "`{called}` is the display name of a row of Microsoft's, whose unique name is not documented: look it up with `deskstate explain \"{}\" --env NAME`",
                brought.label
            ),
            None,
        ),
    })
}

fn by_unique_name<'n>(called: &str, name: &'n str) -> (String, Option<&'n str>) {
    let help = format!("`{called}` is the display name; write the unique name, `{name}`");
    (help, Some(name))
}

/// Returns the display name of the row that a document declares.
fn display_name(declared: &Declared) -> Option<&str> {
    let label = declared.key.kind.table().label;
    let mut fields = declared.spec.record().fields();
    let (_, given) = fields.find(|(field, _)| field.column == label)?;
    match given {
        Given::Value(value) => value.value.as_text(),
        Given::Absent | Given::Clear(_) => None,
    }
}
