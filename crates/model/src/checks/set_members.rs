//! Members of sets: nobody twice, and nobody both in and out.

use std::collections::HashMap;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::given::Given;
use crate::kinds::{FieldItem, Resource};
use crate::manifests::{Declared, State};
use crate::name::fold;
use crate::set::{RoleRef, SetMode, SetOf, UserRef};
use crate::span::{Span, Spanned};

pub(crate) const EXACT_ON_EXISTING: Explanation = Explanation::new(
    "exact-on-existing",
    "An exact set on a resource with `metadata.state: existing` is probably not meant.",
    "Somebody else brings the resource and may link things that this project does not know; an exact set takes them away.",
    "Write `{mode: atLeast, members: [...]}`.",
);

pub(crate) const SET_MEMBERS: Explanation = Explanation::new(
    "set-members",
    "A set has every member once, nobody both in `members` and in `without`, and `without` only with `mode: atLeast`.",
    "The order of a set means nothing, so a second mention is a slip.",
    "Remove one of the two.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        let mut rule = Rule {
            declared,
            diagnostics,
        };
        match &declared.spec {
            Resource::AppProfile(profile) => {
                rule.set("users", &profile.users, |user: &UserRef| fold(&user.0));
                rule.set("roles", &profile.roles, |role: &RoleRef| {
                    fold(&role.to_string())
                });
                rule.set("sessionTemplates", &profile.session_templates, |name| {
                    name.name().folded().to_owned()
                });
                rule.set("channelProviders", &profile.channel_providers, |name| {
                    name.name().folded().to_owned()
                });
                rule.set("extensions", &profile.extensions, |name| {
                    name.name().folded().to_owned()
                });
                rule.set("smartAssist", &profile.smart_assist, |name| {
                    name.name().folded().to_owned()
                });
                rule.set("inboxViews", &profile.inbox_views, |view| {
                    fold(&view.name.value)
                });
            }
            Resource::SessionTemplate(session) => {
                rule.set("additionalTabs", &session.additional_tabs, |name| {
                    name.name().folded().to_owned()
                });
                rule.set("scripts", &session.scripts, |name| {
                    name.name().folded().to_owned()
                });
            }
            Resource::CifProvider(provider) => {
                rule.set("users", &provider.users, |user: &UserRef| fold(&user.0));
            }
            Resource::NotificationTemplate(template) => {
                let items = template.fields.value().map_or(&[][..], |items| &items.0);
                let shared = items.iter().filter_map(|item| match &item.value {
                    FieldItem::Shared(name) => Some((
                        name.value.name().folded().to_owned(),
                        name.value.to_string(),
                        name.span,
                    )),
                    FieldItem::Own(_) => None,
                });
                rule.twice("fields", shared);
                rule.exact_on_existing("fields", template.fields.span());
            }
            Resource::ProductivityPane(pane) => {
                let entries = pane.tools.value().map_or(&[][..], |entries| &entries.0);
                let tools = entries.iter().map(|entry| &entry.value.tool);
                rule.twice(
                    "tools",
                    tools.map(|tool| {
                        (
                            tool.value.name().folded().to_owned(),
                            tool.value.to_string(),
                            tool.span,
                        )
                    }),
                );
                rule.exact_on_existing("tools", pane.tools.span());
            }
            Resource::AgentScript(script) => rule.exact_on_existing("steps", script.steps.span()),
            _ => {}
        }
    }
}

struct Rule<'a> {
    declared: &'a Declared,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Rule<'_> {
    fn set<T>(&mut self, field: &str, set: &Given<SetOf<T>>, identity: impl Fn(&T) -> String) {
        let Some(set) = set.value() else { return };
        let named = |member: &Spanned<T>| {
            (
                identity(&member.value),
                identity(&member.value),
                member.span,
            )
        };
        self.twice(field, set.members.iter().map(named));
        self.twice(field, set.without.iter().map(named));
        let wanted: HashMap<String, Span> = set
            .members
            .iter()
            .map(|member| (identity(&member.value), member.span))
            .collect();
        for member in &set.without {
            if let Some(first) = wanted.get(&identity(&member.value)) {
                self.diagnostics.push(
                    Diagnostic::error(
                        SET_MEMBERS.code,
                        format!("a member of `{field}` is both wanted and not wanted"),
                    )
                    .at(member.span, "not wanted here")
                    .also(*first, "wanted here")
                    .help("keep it in one of `members` and `without`"),
                );
            }
        }
        if set.mode == SetMode::Exact {
            if let Some(first) = set.without.first() {
                self.diagnostics.push(
                    Diagnostic::error(
                        SET_MEMBERS.code,
                        "`without` has a meaning with `mode: atLeast` only",
                    )
                    .at(first.span, "an exact set has nobody else anyway")
                    .help("remove `without`, or write `mode: atLeast`"),
                );
            }
            self.exact_on_existing(field, Some(set.span));
        }
    }

    fn twice(&mut self, field: &str, members: impl Iterator<Item = (String, String, Span)>) {
        let mut seen: HashMap<String, Span> = HashMap::new();
        for (identity, shown, span) in members {
            match seen.get(&identity) {
                Some(first) => self.diagnostics.push(
                    Diagnostic::error(
                        SET_MEMBERS.code,
                        format!("`{shown}` stands twice in `{field}`"),
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

    /// What somebody else brings may have members that this project does not know.
    fn exact_on_existing(&mut self, field: &str, span: Option<Span>) {
        let Some(span) = span.filter(|_| self.declared.state == State::Existing) else {
            return;
        };
        self.diagnostics.push(
            Diagnostic::warning(
                EXACT_ON_EXISTING.code,
                format!("`{field}` is exact on a resource that somebody else brings"),
            )
            .at(span, "takes away what is not listed")
            .also(self.declared.name_span, "`state: existing`")
            .help("write `{mode: atLeast, members: [...]}` to add only"),
        );
    }
}
