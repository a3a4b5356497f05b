//! Slugs: `{customer}` in templates, `${customer}` in scripts. Channel providers supply their own, so an unknown slug is a warning at most.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::inert::{is_hidden, is_joiner};
use crate::kinds::{
    AgentScript, AppProfile, ApplicationTab, FieldItem, Kind, NotificationField,
    NotificationTemplate, Resource, SessionTemplate, SessionType,
};
use crate::manifests::State;
use crate::name::UniqueName;
use crate::parameters::ParameterValue;
use crate::record::{Record, Value as Stored};
use crate::span::{Span, Spanned};
use crate::suggest::nearest;
use crate::table::{Holds, PartTable};

pub(crate) const SLUG: Explanation = Explanation::new(
    "slug",
    "A slug is neither documented by Microsoft nor declared.",
    "The product shows an unknown slug as text, or drops the whole value; an OData query in braces that is not as documented shows nothing. Templates use `{name}`, scripts use `${name}`. Channel providers and pre-chat questions supply slugs of their own.",
    "Correct the name, or list it under `slugs`: in a vendor's contract, in `metadata` of the channel provider that supplies it, or in `spec` of `deskstate.yaml`. `policy: {slug: allow}` turns the check off.",
);

/// The slugs that Microsoft documents for templates.
pub const DOCUMENTED_SLUGS: &[&str] = &[
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

/// Number of further places shown for a slug after the first one; the rest is only counted.
const SHOWN: usize = 4;

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let declared = declared_slugs(context);
    let mut found = Found::new(&declared);
    for declared in context
        .resources
        .iter()
        .filter(|declared| declared.state != State::Absent)
    {
        let entries = &mut context.project.accept.iter();
        found.accepted = entries.position(|entry| entry.covers(SLUG.code, Some(&declared.key)));
        collect(&declared.spec, &mut found);
    }
    diagnostics.append(&mut found.diagnostics);
    let anything_goes = has_undescribed_provider(context);
    let known = || {
        DOCUMENTED_SLUGS
            .iter()
            .copied()
            .chain(declared.iter().copied())
    };
    for ((name, form, _), places) in &found.unknown {
        let Some((first, rest)) = places.split_first() else {
            continue;
        };
        let near = nearest(name, known());
        if near.is_none() && anything_goes {
            continue;
        }
        let written = form.of(name);
        let mut message = format!("`{written}` is neither a documented slug nor a declared one");
        if places.len() > 1 {
            message.push_str(&format!(", in {} places", places.len()));
        }
        let mut diagnostic = Diagnostic::warning(SLUG.code, message)
            .at(*first, "unknown slug")
            .on_one_line();
        for place in rest.iter().take(SHOWN) {
            diagnostic = diagnostic.also(*place, "here too");
        }
        diagnostics.push(match near {
            Some(near) => diagnostic.perhaps(name, near).help(format!("did you mean `{}`? If not, list `{name}` under `slugs`", form.of(near))),
            None => diagnostic.help("list slugs that a channel provider or a question supplies under `slugs` of `deskstate.yaml`, of a contract, or in `metadata` of the provider"),
        });
    }
}

/// Returns the slugs that the project, its contracts and its channel providers declare.
fn declared_slugs<'a>(context: &'a Context<'_>) -> BTreeSet<&'a str> {
    let contracts = context
        .contracts
        .iter()
        .flat_map(|contract| &contract.slugs);
    let resources = context.resources.iter();
    let providers = resources
        .filter(|declared| declared.state != State::Absent)
        .flat_map(|declared| &declared.slugs);
    let all = context
        .project
        .slugs
        .iter()
        .chain(contracts)
        .chain(providers);
    let present = context.resources.iter();
    let present = present.filter(|declared| declared.state != State::Absent);
    let parts = present.flat_map(|declared| names_of_parts(declared.spec.record()));
    all.map(String::as_str).chain(parts).collect()
}

/// The names of parts that templates may use, such as the context variables of a workstream.
fn names_of_parts(record: &Record) -> impl Iterator<Item = &str> {
    record.columns().flat_map(|(field, value)| {
        let (Holds::Parts(part), Some(Stored::Set(set))) = (field.holds, value.value()) else {
            return Vec::new();
        };
        if !part.supplies_slugs {
            return Vec::new();
        }
        set.members
            .iter()
            .filter_map(|member| name_of_part(part, &member.value))
            .collect()
    })
}

fn name_of_part<'v>(part: &PartTable, item: &'v Stored) -> Option<&'v str> {
    let Stored::Item(item) = item else {
        return item.as_text();
    };
    let mut fields = item.columns();
    let (_, name) = fields.find(|(field, _)| part.is_identity(field))?;
    name.value()?.as_text()
}

/// Whether a provider supplies slugs that are not listed anywhere.
fn has_undescribed_provider(context: &Context<'_>) -> bool {
    let described = context
        .contracts
        .iter()
        .any(|contract| !contract.slugs.is_empty())
        || !context.project.slugs.is_empty();
    let supplies = |kind: Kind| kind.definition().supplies_slugs;
    let listed: BTreeSet<&UniqueName> = context
        .resources
        .iter()
        .filter(|declared| supplies(declared.key.kind) && !declared.slugs.is_empty())
        .map(|declared| &declared.key.name)
        .collect();
    !described
        && context.resources.iter().any(|declared| {
            let set = AppProfile::of(&declared.spec)
                .and_then(|profile| profile.channel_providers().value());
            match set {
                Some(set) => set
                    .members()
                    .any(|name| !listed.contains(name.value.name())),
                None => {
                    supplies(declared.key.kind)
                        && declared.state != State::Absent
                        && declared.slugs.is_empty()
                }
            }
        })
}

/// How a slug is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Template,
    Script,
}

impl Form {
    fn of(self, name: &str) -> String {
        match self {
            Self::Template => format!("{{{name}}}"),
            Self::Script => format!("${{{name}}}"),
        }
    }
}

struct Found<'a> {
    declared: &'a BTreeSet<&'a str>,
    /// Here any column name may be a slug.
    columns: bool,
    /// Places by name and by the project's entry that accepts them, so that accepted slugs are reported separately.
    unknown: BTreeMap<(String, Form, Option<usize>), Vec<Span>>,
    /// The entry that accepts slugs of the current resource.
    accepted: Option<usize>,
    diagnostics: Vec<Diagnostic>,
}

fn collect(spec: &Resource, found: &mut Found<'_>) {
    if let Some(session) = SessionTemplate::of(spec) {
        // The columns of the record are slugs of its session.
        found.columns = session.r#type().value() == Some(SessionType::Entity);
        found.template(session.title().spanned());
        found.columns = false;
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

impl<'a> Found<'a> {
    fn new(declared: &'a BTreeSet<&'a str>) -> Self {
        Self {
            declared,
            columns: false,
            unknown: BTreeMap::new(),
            accepted: None,
            diagnostics: Vec::new(),
        }
    }

    fn json(&mut self, value: &Value, span: Span) {
        match value {
            Value::String(text) => self.template(Some(Spanned::new(text, span))),
            Value::Array(items) => items.iter().for_each(|item| self.json(item, span)),
            Value::Object(entries) => entries.values().for_each(|value| self.json(value, span)),
            _ => {}
        }
    }

    /// A `{name}` in a template.
    fn template(&mut self, text: Option<Spanned<&str>>) {
        let Some(Spanned { value: text, span }) = text else {
            return;
        };
        self.round(Form::Template, text, span);
        if let Some(sign) = text.chars().find(|sign| ['｛', '｝'].contains(sign)) {
            self.strange(sign, span);
        }
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let of_script = rest[..at].ends_with('$');
            let inner = &rest[at + 1..];
            if is_query(inner) {
                self.query(inner, span);
                rest = behind_expression(inner);
                continue;
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
            } else if let Some(name) = without_blanks(name) {
                self.spaced(Form::Template, &name, span);
            } else if is_name(name)
                && !self.is_known(name)
                && !(self.columns && may_be_column(name))
            {
                self.unknown(name, Form::Template, span);
            } else if let Some(sign) = strange_sign(name).filter(|_| !self.is_known(name)) {
                self.strange(sign, span);
            }
            rest = &inner[end + 1..];
        }
    }

    /// An OData query in braces. The product divides it at `.?` and shows nothing if it is not as documented.
    fn query(&mut self, inner: &str, span: Span) {
        let behind = behind_expression(inner).len();
        let whole = &inner[..inner.len() - behind];
        let query = whole.strip_suffix('}').unwrap_or(whole);
        let parts: Vec<&str> = query.split(".?").collect();
        let head = parts[0].split_once('.').map_or("", |(_, head)| head);
        let (table, column) = head.split_once('.').unwrap_or((head, ""));
        let fault = if !query.starts_with('$') {
            "does not begin with `$`"
        } else if parts.len() > 2 {
            "contains `.?` more than once"
        } else if parts.len() < 2 {
            "has no `.?` between the column and its options"
        } else if table.is_empty() || column.is_empty() {
            "does not name a table and a column"
        } else {
            return;
        };
        self.push(
            &format!("an OData query in braces {fault}"),
            span,
            "replaced by nothing",
            "write it as `{$odata.incident.title.?$filter=incidentid eq '{anchor.incidentid}'&$select=title}`: the table, the column, and the options behind `.?`",
        );
    }

    fn spaced(&mut self, form: Form, name: &str, span: Span) {
        self.push(
            "a slug contains spaces",
            span,
            "spaces inside the braces",
            &format!("write `{}`", form.of(name)),
        );
    }

    /// A character that looks like one of a slug, or that nobody sees.
    fn strange(&mut self, sign: char, span: Span) {
        let code = format!("U+{:04X}", u32::from(sign));
        let message = match is_hidden(sign) || is_joiner(sign) {
            true => format!("a slug contains the invisible character {code}"),
            false => format!("a slug contains `{sign}` ({code}), which no slug has"),
        };
        self.push(
            &message,
            span,
            "not replaced",
            "type the slug again, in English letters: `{customerName}`",
        );
    }

    /// A slug in round brackets, as a page of Microsoft prints one.
    fn round(&mut self, form: Form, text: &str, span: Span) {
        for (at, _) in text.match_indices("$(") {
            let name = text[at + 2..].split(')').next().unwrap_or_default();
            if is_name(name) && self.is_known(name) {
                self.push(
                    &format!("`$({name})` is in round brackets"),
                    span,
                    "not replaced",
                    &format!("write `{}`", form.of(name)),
                );
            }
        }
    }

    fn unknown(&mut self, name: &str, form: Form, span: Span) {
        let place = (name.to_owned(), form, self.accepted);
        let places = self.unknown.entry(place).or_default();
        if places.last() != Some(&span) {
            places.push(span);
        }
    }

    /// A `${name}` in a script. Names with dots are those of session variables.
    fn script(&mut self, text: &str, span: Span) {
        self.round(Form::Script, text, span);
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let is_form = rest[..at].ends_with('$');
            let inner = &rest[at + 1..];
            // Slugs within a query such as `{$odata.account.name.?$filter=accountid eq '{customerRecordId}'}` are part of it.
            if inner.starts_with('$') || is_query(inner) {
                if is_query(inner) {
                    self.query(inner, span);
                }
                rest = behind_expression(inner);
                continue;
            }
            let closed = inner.split_once('}').map(|(name, _)| name);
            let begins = inner.starts_with(|first: char| first.is_ascii_alphabetic());
            if is_form && closed.is_none() && begins {
                self.push(
                    "a slug is not closed",
                    span,
                    "no `}`",
                    "close it: `${customer}`",
                );
            } else if let Some(name) = closed.filter(|_| is_form).and_then(without_blanks) {
                self.spaced(Form::Script, &name, span);
            } else if let Some(sign) = closed.filter(|_| is_form).and_then(strange_sign) {
                self.strange(sign, span);
            } else if let Some(name) = closed
                && is_name(name)
            {
                match (is_form, self.is_known(name)) {
                    (false, true) => self.push(
                        &format!("`{{{name}}}` is the form for templates"),
                        span,
                        "not replaced in a script",
                        &format!("write `${{{name}}}`"),
                    ),
                    (true, false) if !name.contains('.') => self.unknown(name, Form::Script, span),
                    _ => {}
                }
            }
            rest = inner;
        }
    }

    fn is_known(&self, name: &str) -> bool {
        DOCUMENTED_SLUGS.contains(&name)
            || name.starts_with("anchor.")
            || self.declared.contains(name)
    }

    fn push(&mut self, message: &str, span: Span, label: &str, help: &str) {
        self.diagnostics.push(
            Diagnostic::warning(SLUG.code, message)
                .at(span, label)
                .help(help),
        );
    }
}

/// Whether a name can be that of a column, which has no capitals. A documented slug in small letters is none.
fn may_be_column(name: &str) -> bool {
    !name.bytes().any(|byte| byte.is_ascii_uppercase())
        && !DOCUMENTED_SLUGS
            .iter()
            .any(|slug| slug.eq_ignore_ascii_case(name))
}

/// Whether a text in braces is an OData query, or was meant to be one.
fn is_query(inner: &str) -> bool {
    let begins = |start: &str| {
        let own = inner.get(..start.len());
        own.is_some_and(|own| own.eq_ignore_ascii_case(start))
    };
    begins("$odata") || begins("odata.") && inner.contains('?')
}

/// The name that a text in braces becomes without blanks at its ends and beside its dots; `None` if it has no such blanks.
fn without_blanks(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.split('.').map(str::trim).collect();
    let whole = parts.join(".");
    (whole != name && is_name(&whole)).then_some(whole)
}

/// The first character of a name in braces that keeps it from being a slug, if the name is a single word.
fn strange_sign(name: &str) -> Option<char> {
    let strange = |sign: &char| !sign.is_ascii();
    let is_part = |sign: char| {
        sign.is_alphanumeric() || is_hidden(sign) || is_joiner(sign) || "_.@".contains(sign)
    };
    name.chars()
        .find(strange)
        .filter(|_| name.chars().all(is_part))
}

/// Returns the rest of a text after the brace that closes an expression; nothing if none does.
fn behind_expression(inner: &str) -> &str {
    let mut depth = 1_usize;
    let end = inner.char_indices().find_map(|(at, sign)| {
        match sign {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at + 1)
    });
    end.map_or("", |end| &inner[end..])
}

/// Whether a text has only letters, digits and the characters that the product uses in names. JSON and other text in braces is not a slug.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.@".contains(&byte))
}
