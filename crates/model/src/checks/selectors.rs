//! The roles and apps of a CIF v1 provider: either by name or in the column's own format, not both.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::CifProvider;
use crate::manifests::State;

pub(crate) const MISSING_APPS: Explanation = Explanation::new(
    "missing-apps",
    "A CIF v1 provider has no `apps`.",
    "The product's script loads the providers whose list of apps contains the app that an agent has open, so a provider without apps is loaded in none.",
    "List the apps by unique name, such as `CustomerServiceHub`. Write `apps: []` if the provider is not in use yet.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        let Some(provider) = CifProvider::of(&declared.spec) else {
            continue;
        };
        let pairs = [
            (
                "roles",
                provider.roles().span(),
                "roleSelector",
                provider.role_selector().span(),
            ),
            (
                "apps",
                provider.apps().span(),
                "appSelector",
                provider.app_selector().span(),
            ),
        ];
        for (word, named, other, opaque) in pairs {
            if let (Some(named), Some(opaque)) = (named, opaque) {
                diagnostics.push(
                    Diagnostic::error("one-of", format!("`{word}` and `{other}` are one column"))
                        .at(opaque, "one of the two")
                        .also(named, "the other")
                        .help("remove one of the two"),
                );
            }
        }
        if declared.state != State::Present {
            continue;
        }
        let lacks = |words: [&str; 2]| {
            words.iter().all(|word| {
                declared.spec.span_of(word).is_none() && !context.is_unread(declared, word)
            })
        };
        if lacks(["apps", "appSelector"]) {
            diagnostics.push(
                Diagnostic::warning(
                    MISSING_APPS.code,
                    format!("{} names no app, so no app shows it", declared.key),
                )
                .at(declared.name_span, "has no `apps`")
                .help("list the apps: `apps: [CustomerServiceHub]`; write `apps: []` if it is not in use yet"),
            );
        }
        if lacks(["roles", "roleSelector"]) {
            diagnostics.push(
                Diagnostic::error("missing-field", "`roles` is missing")
                    .at(declared.name_span, "the document needs `roles`")
                    .help("list the security roles that see the widget: `roles: [Customer Service Representative]`"),
            );
        }
    }
}
