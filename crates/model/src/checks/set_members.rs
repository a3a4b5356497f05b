//! Members of sets: no duplicates, and none listed as both present and absent.

use std::collections::HashMap;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::given::Given;
use crate::manifests::{Declared, State};
use crate::name::fold;
use crate::record::{Record, Set, Value};
use crate::set::SetMode;
use crate::span::{Span, Spanned};
use crate::table::{Field, Holds};

pub(crate) const EXACT_ON_EXISTING: Explanation = Explanation::new(
    "exact-on-existing",
    "A resource with `metadata.state: existing` has an exact set or a list.",
    "Somebody else owns the resource and may link other members; an exact set removes them.",
    "In a set, write `{mode: atLeast, members: [...]}`. A list, such as the tools of a pane, is always complete: list all its items, as `deskstate export` writes them, and add yours.",
);

pub(crate) const SET_MEMBERS: Explanation = Explanation::new(
    "set-members",
    "A set has a member twice, a member both in `members` and in `without`, or `without` in another mode than `atLeast`.",
    "The order of a set has no meaning, so a second occurrence is a mistake.",
    "Remove one of the two.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        let mut rule = Rule {
            declared,
            diagnostics,
        };
        for (field, given) in declared.spec.record().fields() {
            let Given::Value(value) = given else { continue };
            match value.value {
                Value::Set(set) => rule.set(field, set),
                Value::Items(items) => {
                    rule.twice(field.word, items.iter().filter_map(named));
                    rule.exact_on_existing(
                        field.word,
                        value.span,
                        "list all items, as `deskstate export` writes them, and add yours: a list has no `atLeast`",
                    );
                }
                _ => {}
            }
        }
    }
}

/// Returns the resource that an item refers to, if that reference identifies the item.
fn named(item: &Spanned<Record>) -> Option<(String, String, Span)> {
    let mut fields = item.value.fields();
    let (_, given) = fields.find(|(field, _)| field.is_name() && field.is_required())?;
    match given.spanned()? {
        Spanned {
            value: Value::Name(name),
            span,
        } => Some((name.name().folded().to_owned(), name.to_string(), span)),
        _ => None,
    }
}

/// Returns the text that identifies a member of a set.
fn identity(field: &Field, member: &Value) -> String {
    match (member, field.holds) {
        (Value::Name(name), _) => name.name().folded().to_owned(),
        (Value::Item(record), Holds::Parts(part)) => fold(&record.identity(part)),
        (value, _) => fold(value.as_text().unwrap_or_default()),
    }
}

struct Rule<'a> {
    declared: &'a Declared,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Rule<'_> {
    fn set(&mut self, field: &Field, set: &Set) {
        let named = |member: &Spanned<Value>| {
            let identity = identity(field, &member.value);
            (identity.clone(), identity, member.span)
        };
        self.twice(field.word, set.members.iter().map(named));
        self.twice(field.word, set.without.iter().map(named));
        let wanted: HashMap<String, Span> = set
            .members
            .iter()
            .map(|member| (identity(field, &member.value), member.span))
            .collect();
        for member in &set.without {
            if let Some(first) = wanted.get(&identity(field, &member.value)) {
                self.diagnostics.push(
                    Diagnostic::error(
                        SET_MEMBERS.code,
                        format!("`{}` lists a member to add and to remove", field.word),
                    )
                    .at(member.span, "not wanted here")
                    .also(*first, "wanted here")
                    .help("remove it from `members` or from `without`"),
                );
            }
        }
        if set.mode == SetMode::Exact {
            if let Some(first) = set.without.first() {
                self.diagnostics.push(
                    Diagnostic::error(
                        SET_MEMBERS.code,
                        "`without` works only with `mode: atLeast`",
                    )
                    .at(first.span, "an exact set has no other members")
                    .help("remove `without`, or write `mode: atLeast`"),
                );
            }
            let help = "write `{mode: atLeast, members: [...]}` to add only";
            self.exact_on_existing(field.word, set.span, help);
        }
    }

    fn twice(&mut self, field: &str, members: impl Iterator<Item = (String, String, Span)>) {
        let mut seen: HashMap<String, Span> = HashMap::new();
        for (identity, shown, span) in members {
            match seen.get(&identity) {
                Some(first) => self.diagnostics.push(
                    Diagnostic::error(
                        SET_MEMBERS.code,
                        format!("`{shown}` occurs twice in `{field}`"),
                    )
                    .at(span, "again")
                    .also(*first, "first here")
                    .help("remove one of the two"),
                ),
                None => {
                    seen.insert(identity, span);
                }
            }
        }
    }

    /// A resource that somebody else manages may have members that this project does not know.
    fn exact_on_existing(&mut self, field: &str, span: Span, help: &str) {
        if self.declared.state != State::Existing {
            return;
        }
        self.diagnostics.push(
            Diagnostic::warning(
                EXACT_ON_EXISTING.code,
                format!("`{field}` is exact on a resource that somebody else owns"),
            )
            .at(span, "removes members that are not listed")
            .also(self.declared.name_span, "`state: existing`")
            .help(help),
        );
    }
}
