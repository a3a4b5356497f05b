//! `autoAcceptCalls` requires `autoAssignWorkItems`.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::NotificationTemplate;

pub(crate) const AUTO_ACCEPT: Explanation = Explanation::new(
    "auto-accept",
    "`autoAcceptCalls` is set without `autoAssignWorkItems`, or without the countdown.",
    "Microsoft's page offers it only if work items are assigned automatically. On its own, it probably has no effect. With it, the page turns `showTimeout` on.",
    "Add `autoAssignWorkItems: true` and `showTimeout: true`, or remove `autoAcceptCalls`.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        let Some(template) = NotificationTemplate::of(&declared.spec) else {
            continue;
        };
        let assigns = template.auto_assign_work_items().value();
        if let Some(accepts) = template
            .auto_accept_calls()
            .spanned()
            .filter(|accepts| accepts.value && assigns != Some(true))
        {
            diagnostics.push(
                Diagnostic::warning(
                    AUTO_ACCEPT.code,
                    "`autoAcceptCalls` has an effect only together with `autoAssignWorkItems`",
                )
                .at(accepts.span, "probably without effect")
                .help("add `autoAssignWorkItems: true`, or remove this"),
            );
        }
        if let Some(shows) = template.show_timeout().spanned()
            && !shows.value
            && assigns == Some(true)
            && template.auto_accept_calls().value() == Some(true)
        {
            diagnostics.push(
                Diagnostic::warning(
                    AUTO_ACCEPT.code,
                    "with `autoAcceptCalls`, Microsoft's page always shows the countdown",
                )
                .at(shows.span, "the page cannot make this")
                .help("write `showTimeout: true`"),
            );
        }
    }
}
