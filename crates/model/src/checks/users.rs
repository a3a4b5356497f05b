//! Users of profiles: how they are written, and that no user has two profiles.

use std::collections::HashMap;

use uuid::Uuid;

use super::Context;
use crate::checks::set_members::SET_MEMBERS;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{AppProfile, CifProvider};
use crate::manifests::{Declared, State};
use crate::name::fold;
use crate::offer::Offer;
use crate::record::{Record, Set, SetView, Text, Value};
use crate::span::{Span, Spanned};
use crate::table::{Holds, Referent};

pub(crate) const USER_IN_TWO_PROFILES: Explanation = Explanation::new(
    "user-in-two-profiles",
    "A user is assigned to two profiles.",
    "An agent has one profile. According to a third party it is one per app, so across apps this is a warning.",
    "Keep the user in one of the two.",
);

pub(crate) const USER_REFERENCE: Explanation = Explanation::new(
    "user-reference",
    "A user is not a user principal name, an e-mail address or an Entra object id.",
    "Nothing else identifies a person in every environment.",
    "Write `ada@contoso.com`, or the object id.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut profiles: HashMap<String, Vec<(&Declared, AppProfile<'_>, Span)>> = HashMap::new();
    for declared in context
        .resources
        .iter()
        .filter(|declared| declared.state != State::Absent)
    {
        if let Some(profile) = AppProfile::of(&declared.spec)
            && let Some(users) = profile.users().value()
        {
            check_form(users, diagnostics);
            for user in users.members() {
                let here = (&**declared, profile, user.span);
                let earlier = profiles.entry(fold(user.value)).or_default();
                let mut others = earlier.iter().filter(|first| first.0.key != declared.key);
                // Two profiles of one app are an error, whatever is between them.
                let first = others
                    .clone()
                    .find(|first| same_app(first.1, profile))
                    .or_else(|| others.next_back());
                if let Some(first) = first {
                    diagnostics.push(twice(user.value, *first, here));
                }
                earlier.push(here);
            }
        } else if let Some(provider) = CifProvider::of(&declared.spec)
            && let Some(users) = provider.users().value()
        {
            check_form(users, diagnostics);
            refuse_moves(users.set(), diagnostics);
        } else if !declared.key.kind.is_built_in() {
            for set in sets_of_users(declared.spec.record()) {
                let named =
                    |user: &'_ Spanned<Value>| Some((user.value.as_text()?.to_owned(), user.span));
                let users = set.members.iter().chain(&set.without).filter_map(named);
                for (name, span) in users {
                    check_name(&name, span, diagnostics);
                }
                refuse_moves(set, diagnostics);
            }
        }
    }
}

fn sets_of_users(record: &Record) -> impl Iterator<Item = &Set> {
    record.fields().filter_map(|(field, given)| {
        let to_users = matches!(
            field.holds,
            Holds::Set {
                to: Referent::User,
                ..
            }
        );
        match given.value() {
            Some(Value::Set(set)) if to_users => Some(&**set),
            _ => None,
        }
    })
}

fn refuse_moves(set: &Set, diagnostics: &mut Vec<Diagnostic>) {
    if set.moves {
        diagnostics.push(
            Diagnostic::error(
                SET_MEMBERS.code,
                "`moves` works only for the users of a profile",
            )
            .at(set.span, "not a profile")
            .help("remove `moves`"),
        );
    }
}

fn check_form(users: SetView<'_, Text>, diagnostics: &mut Vec<Diagnostic>) {
    for user in users.members().chain(users.without()) {
        check_name(user.value, user.span, diagnostics);
    }
}

fn check_name(name: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) {
    let domain_name = name.contains('@') || name.contains('\\');
    let around = copied_with(name);
    let is_id = Uuid::try_parse(name).is_ok() && !name.contains('{');
    if (domain_name && around.is_none()) || is_id {
        return;
    }
    let diagnostic = Diagnostic::error(
        USER_REFERENCE.code,
        format!("`{name}` is neither a user principal name, an e-mail address nor an id"),
    )
    .at(span, "names no user");
    diagnostics.push(match around {
        Some(bare) => diagnostic
            .help(format!("write `{bare}`"))
            .offering(Offer::Whole(bare.to_owned())),
        None => diagnostic.help("write `ada@contoso.com`, or the object id from Entra"),
    });
}

/// The user in a text that has more around it, as mail programs and admin pages write it: `Ada <ada@contoso.com>`, `mailto:`, a separator
/// at its end, or an id in braces. Names on premises may contain spaces.
fn copied_with(name: &str) -> Option<&str> {
    let trimmed = name.trim_end_matches([';', ',']).trim();
    let inner = match trimmed.split_once('<') {
        Some((_, rest)) => rest.strip_suffix('>')?,
        None => trimmed,
    };
    let inner = inner.strip_prefix("mailto:").unwrap_or(inner);
    let inner = match inner.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => inner,
    };
    (inner != name && !inner.contains([';', ','])).then_some(inner)
}

type Assignment<'a> = (&'a Declared, AppProfile<'a>, Span);

fn same_app(left: AppProfile<'_>, right: AppProfile<'_>) -> bool {
    match (left.app().value(), right.app().value()) {
        (Some(left), Some(right)) => fold(left) == fold(right),
        _ => false,
    }
}

fn twice(user: &str, first: Assignment<'_>, second: Assignment<'_>) -> Diagnostic {
    let message = format!(
        "`{user}` is assigned to both {} and {}",
        first.0.key.name, second.0.key.name
    );
    let diagnostic = if same_app(first.1, second.1) {
        Diagnostic::error(USER_IN_TWO_PROFILES.code, message)
    } else {
        Diagnostic::warning(
            USER_IN_TWO_PROFILES.code,
            format!("{message}, which may belong to different apps"),
        )
    };
    diagnostic
        .at(second.2, "an agent has one profile")
        .also(first.2, format!("also in {}", first.0.key.name))
        .help("keep the user in one of the two")
}
