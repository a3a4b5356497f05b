//! Slugs: `{customer}` in templates, `${customer}` in scripts. Channel providers pass their own, so an unknown one is a warning at most.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{
    AgentScript, AppProfile, ApplicationTab, FieldItem, Kind, NotificationField,
    NotificationTemplate, Resource, SessionTemplate,
};
use crate::manifests::State;
use crate::parameters::ParameterValue;
use crate::span::{Span, Spanned};
use crate::suggest::nearest;

pub(crate) const SLUG: Explanation = Explanation::new(
    "slug",
    "A slug is one that the product documents, or one that a channel provider passes.",
    "An unknown slug is shown as it stands, or drops the whole value. `{name}` is for templates, `${name}` for scripts.",
    "Correct the name. Slugs of a channel provider are fine: the warning goes away once one is declared.",
);

/// The slugs that Microsoft documents for templates.
const KNOWN: &[&str] = &[
    "anchor",
    "customerName",
    "caseId",
    "caseTitle",
    "queueId",
    "visitorLanguage",
    "visitorDevice",
    "entityRoutingLogicalName",
    "entityRoutingRecordId",
    "customerRecordId",
    "customerEntityName",
    "LiveWorkItemId",
];

/// Places of one slug that are shown besides the first; the others are counted.
const SHOWN: usize = 4;

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut found = Found::default();
    for declared in context
        .resources
        .iter()
        .filter(|declared| declared.state != State::Absent)
    {
        collect(&declared.spec, &mut found);
    }
    diagnostics.append(&mut found.diagnostics);
    let passed_by_providers = has_channel_provider(context);
    for (name, places) in found.unknown {
        let Some((first, rest)) = places.split_first() else {
            continue;
        };
        let near = nearest(&name, KNOWN.iter().copied());
        if near.is_none() && passed_by_providers {
            continue;
        }
        let mut diagnostic = Diagnostic::warning(
            SLUG.code,
            format!("the product documents no slug `{{{name}}}`"),
        )
        .at(*first, "unknown slug");
        let more = rest.len().saturating_sub(SHOWN);
        for (at, place) in rest.iter().take(SHOWN).enumerate() {
            let text = match more {
                _ if more == 0 || at + 1 < SHOWN => "here too".to_owned(),
                1 => "here too, and in one more place".to_owned(),
                more => format!("here too, and in {more} more places"),
            };
            diagnostic = diagnostic.also(*place, text);
        }
        diagnostics.push(match near {
            Some(near) => diagnostic.help(format!("did you mean `{{{near}}}`?")),
            None => diagnostic.help("a channel provider may pass it, or a question before the conversation; no channel provider is declared here"),
        });
    }
}

fn has_channel_provider(context: &Context<'_>) -> bool {
    let providers = [Kind::CHANNEL_PROVIDER, Kind::CIF_PROVIDER];
    context.resources.iter().any(|declared| {
        let set =
            AppProfile::of(&declared.spec).and_then(|profile| profile.channel_providers().value());
        match set {
            Some(set) => set.members().next().is_some(),
            None => providers.contains(&declared.key.kind) && declared.state != State::Absent,
        }
    })
}

#[derive(Default)]
struct Found {
    unknown: BTreeMap<String, Vec<Span>>,
    diagnostics: Vec<Diagnostic>,
}

fn collect(spec: &Resource, found: &mut Found) {
    if let Some(session) = SessionTemplate::of(spec) {
        found.template(session.title().spanned());
    } else if let Some(tab) = ApplicationTab::of(spec) {
        found.template(tab.title().spanned());
        let parameters = tab.parameters().value();
        for (_, value) in parameters.map_or(&[][..], |parameters| &parameters.0) {
            match &value.value {
                ParameterValue::Text(text) => found.template(Some(Spanned::new(text, value.span))),
                ParameterValue::Json(json) => found.json(json, value.span),
                ParameterValue::LookedUp(_) => {}
            }
        }
    } else if let Some(template) = NotificationTemplate::of(spec) {
        found.template(template.title().spanned());
        for item in template
            .fields()
            .value()
            .into_iter()
            .flat_map(|items| items.iter())
        {
            if let FieldItem::Own(field) = item.value {
                found.template(field.value().spanned());
            }
        }
    } else if let Some(field) = NotificationField::of(spec) {
        found.template(field.value().spanned());
    } else if let Some(script) = AgentScript::of(spec) {
        for step in script
            .steps()
            .value()
            .into_iter()
            .flat_map(|steps| steps.iter())
        {
            let texts = [step.value.display_name(), step.value.text()];
            for text in texts.into_iter().filter_map(|text| text.spanned()) {
                found.script(text.value, text.span);
            }
        }
    }
}

impl Found {
    fn json(&mut self, value: &Value, span: Span) {
        match value {
            Value::String(text) => self.template(Some(Spanned::new(text, span))),
            Value::Array(items) => items.iter().for_each(|item| self.json(item, span)),
            Value::Object(entries) => entries.values().for_each(|value| self.json(value, span)),
            _ => {}
        }
    }

    /// `{name}` in a template.
    fn template(&mut self, text: Option<Spanned<&str>>) {
        let Some(Spanned { value: text, span }) = text else {
            return;
        };
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let of_script = rest[..at].ends_with('$');
            let inner = &rest[at + 1..];
            if inner.starts_with("$odata") {
                return;
            }
            let Some(end) = inner.find('}') else {
                if inner.is_empty()
                    || inner
                        .trim_start()
                        .starts_with(|first: char| first.is_ascii_alphabetic())
                {
                    self.push(
                        "a slug is not closed",
                        span,
                        "no `}`",
                        "close it: `{customer}`",
                    );
                }
                return;
            };
            let name = &inner[..end];
            if of_script && is_name(name) {
                self.push(
                    &format!("`${{{name}}}` is the form for scripts"),
                    span,
                    "not replaced in a template",
                    &format!("write `{{{name}}}`"),
                );
            } else if name != name.trim() && is_name(name.trim()) {
                self.push(
                    "a slug holds blanks",
                    span,
                    "blanks inside the braces",
                    &format!("write `{{{}}}`", name.trim()),
                );
            } else if is_name(name) && !is_known(name) {
                let places = self.unknown.entry(name.to_owned()).or_default();
                if places.last() != Some(&span) {
                    places.push(span);
                }
            }
            rest = &inner[end + 1..];
        }
    }

    /// `${name}` in a script.
    fn script(&mut self, text: &str, span: Span) {
        for (at, _) in text.match_indices('{') {
            let name = text[at + 1..].split('}').next().unwrap_or("");
            if !text[..at].ends_with('$') && is_name(name) && is_known(name) {
                self.push(
                    &format!("`{{{name}}}` is the form for templates"),
                    span,
                    "not replaced in a script",
                    &format!("write `${{{name}}}`"),
                );
            }
        }
    }

    fn push(&mut self, message: &str, span: Span, label: &str, help: &str) {
        self.diagnostics.push(
            Diagnostic::warning(SLUG.code, message)
                .at(span, label)
                .help(help),
        );
    }
}

/// Letters, digits and what the product uses inside names; JSON and other texts in braces are no slugs.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.@".contains(&byte))
}

fn is_known(name: &str) -> bool {
    KNOWN.contains(&name) || name.starts_with("anchor.")
}
