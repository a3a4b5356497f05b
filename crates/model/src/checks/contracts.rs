//! Checks the declared resources against the contracts.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::{Context, Index};
use crate::contract::{Contract, Finding, Problem, Rule, Subject, evaluate, names_of};
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{Kind, ProductivityPane, ResourceKey, Status};
use crate::manifests::subject_of;
use crate::manifests::{Declared, State};
use crate::name::fold;
use crate::offer::Offer;
use crate::record::{Record, Value as RecordValue, to_json};
use crate::table::{Holds, Unlisted};

pub(crate) const CONTRACT_CONTAINS: Explanation = Explanation::new(
    "contract-contains",
    "A set lacks a member that a contract requires, or what the contract requires is switched off.",
    "The vendor's guide needs these links. Links that apply adds automatically count. Rows that are switched off do nothing for agents.",
    "Add the member to the set, or switch it on.",
);

pub(crate) const CONTRACT_MISSING: Explanation = Explanation::new(
    "contract-missing",
    "A contract requires a resource that no manifest declares: one with this name, or at least one that passes a rule with `match: some`.",
    "The vendor's software looks for exactly this unique name.",
    "Declare it with that name. If somebody else creates it, declare it with `metadata.state: existing`.",
);

pub(crate) const CONTRACT_PATTERN: Explanation = Explanation::new(
    "contract-pattern",
    "A text does not match the pattern that a contract requires.",
    "The vendor's guide limits the value, often to the vendor's own hosts. `*` matches any characters but `/`; at the end of the pattern it matches any characters.",
    "Write a value that matches the pattern.",
);

pub(crate) const CONTRACT_SET: Explanation = Explanation::new(
    "contract-set",
    "A field has no value, or a set no member, although a contract requires one.",
    "The vendor's guide needs a value, but does not say which.",
    "Set the field.",
);

pub(crate) const LOCKED_VALUE: Explanation = Explanation::new(
    "locked-value",
    "A field does not have the value that a contract locks, or is missing.",
    "The vendor's software depends on the value. deskstate does not watch a field that the manifest omits.",
    "Set the field to the locked value, or remove the contract from `deskstate.yaml`.",
);

pub(crate) const PREFERRED_VALUE: Explanation = Explanation::new(
    "preferred-value",
    "A field has a different value from the one that a contract prefers.",
    "The vendor's guide recommends a value, but works without it.",
    "Use the preferred value unless you have a reason not to.",
);

pub(super) fn check(context: &Context<'_>, index: &Index<'_>, diagnostics: &mut Vec<Diagnostic>) {
    if context.contracts.is_empty() {
        return;
    }
    let rules = context
        .contracts
        .iter()
        .flat_map(|contract| &contract.rules);
    let kinds: BTreeSet<Kind> = rules.map(|rule| rule.resource.kind).collect();
    let is_subject = |declared: &&Arc<Declared>| {
        declared.state != State::Absent && kinds.contains(&declared.key.kind)
    };
    let resources = context.resources.iter();
    let off: HashSet<ResourceKey> = resources
        .filter(|declared| is_off(declared))
        .map(|declared| declared.key.clone())
        .collect();
    let mut subjects: BTreeMap<Kind, Vec<Subject>> = BTreeMap::new();
    for declared in context.resources.iter().filter(is_subject) {
        let mut subject = subject_of(declared, context.project);
        subject.off = off_of(declared, &off);
        subjects.entry(declared.key.kind).or_default().push(subject);
    }
    for contract in context.contracts {
        for rule in &contract.rules {
            let subjects = subjects
                .get(&rule.resource.kind)
                .map_or(&[][..], Vec::as_slice);
            for finding in evaluate(rule, subjects) {
                diagnostics.extend(diagnostic(context, index, contract, rule, &finding));
            }
        }
    }
}

/// Whether a resource is declared as switched off.
fn is_off(declared: &Declared) -> bool {
    let mut columns = declared.spec.record().columns();
    let is_inactive = columns.any(|(field, value)| {
        let status = value.value().and_then(|status| status.as_text());
        matches!(field.holds, Holds::Status(_)) && status == Some(Status::Inactive.as_str())
    });
    let pane = ProductivityPane::of(&declared.spec);
    is_inactive || pane.is_some_and(|pane| pane.enabled().value() == Some(false))
}

/// What a resource names and what is declared as switched off, by field, and the items of its lists that are switched off themselves.
fn off_of(
    declared: &Declared,
    off: &HashSet<ResourceKey>,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut add = |word: &str, names: &mut dyn Iterator<Item = String>| {
        let names = names.map(|name| (fold(&name), name));
        found.entry(word.to_owned()).or_default().extend(names);
    };
    for reference in declared.spec.references() {
        let key = ResourceKey::new(reference.kind, reference.name.as_str());
        if off.contains(&key) {
            add(
                reference.field,
                &mut std::iter::once(reference.name.as_str().to_owned()),
            );
        }
    }
    let parent = declared.key.name.as_written();
    for (field, value) in declared.spec.record().columns() {
        let Holds::Parts(part) = field.holds else {
            continue;
        };
        let items: Vec<&Record> = match value.value() {
            Some(RecordValue::Items(items)) => items.iter().map(|item| &item.value).collect(),
            Some(RecordValue::Set(set)) => {
                let members = set.members.iter();
                let items = members.filter_map(|member| match &member.value {
                    RecordValue::Item(item) => Some(item),
                    _ => None,
                });
                items.collect()
            }
            _ => continue,
        };
        // An item is switched off by its flag, or has a status of its own.
        let is_off = |item: &Record| {
            part.fields.iter().any(|field| {
                let value = item.get(field).value();
                match (part.unlisted, field.holds) {
                    (Unlisted::SwitchOff(column), _) if field.column == column => {
                        matches!(value, Some(RecordValue::Flag(false)))
                    }
                    (_, Holds::Status(_)) => {
                        let status = value.and_then(RecordValue::as_text);
                        status == Some(Status::Inactive.as_str())
                    }
                    _ => false,
                }
            })
        };
        for item in items.into_iter().filter(|item| is_off(item)) {
            let json = Value::Object(to_json(item));
            let names = names_of(Some(field), parent, &json);
            add(field.word, &mut names.into_iter());
        }
    }
    found
}

fn diagnostic(
    context: &Context<'_>,
    index: &Index<'_>,
    contract: &Contract,
    rule: &Rule,
    finding: &Finding,
) -> Option<Diagnostic> {
    match &finding.key {
        None => missing(context, index, contract, rule, &finding.problem),
        Some(key) => {
            let declared = index.find(key)?;
            if context.is_unread(declared, &finding.path.join("."))
                || may_be_in_team(declared, finding)
            {
                return None;
            }
            Some(of_resource(contract, rule, finding, declared))
        }
    }
}

/// Whether only the environment knows the members: a set takes them from a team.
fn may_be_in_team(declared: &Declared, finding: &Finding) -> bool {
    let mut columns = declared.spec.record().columns();
    let set = columns.find(|(field, _)| finding.path == [field.word]);
    let from_teams = |value: &RecordValue| match value {
        RecordValue::Set(set) => !set.from_teams.is_empty(),
        _ => false,
    };
    matches!(finding.problem, Problem::NotContained { .. })
        && set.is_some_and(|(_, value)| value.value().is_some_and(from_teams))
}

/// Reports a resource that the contract requires and nobody declares.
fn missing(
    context: &Context<'_>,
    index: &Index<'_>,
    contract: &Contract,
    rule: &Rule,
    problem: &Problem,
) -> Option<Diagnostic> {
    let kind = rule.resource.kind;
    let (contract_name, id) = (&contract.name.value, &rule.id.value);
    let diagnostic = match (&rule.resource.name, problem) {
        (Some(name), _) => {
            if context.unread.contains(name.value.name().folded()) {
                return None;
            }
            Diagnostic::error(
                CONTRACT_MISSING.code,
                format!(
                    "contract `{contract_name}` needs {kind} {}, which no manifest declares",
                    name.value
                ),
            )
            .at(name.span, format!("required by rule `{id}`"))
            .help(with_reason(
                rule,
                rule.breaks.as_deref(),
                format!(
                    "declare it under exactly this unique name: `{}`",
                    name.value
                ),
            ))
        }
        (None, Problem::NonePasses { nearest })
            if nearest.iter().any(|finding| {
                let declared = finding.key.as_ref().and_then(|key| index.find(key));
                declared.is_some_and(|declared| {
                    context.is_unread(declared, &finding.path.join("."))
                        || may_be_in_team(declared, finding)
                })
            }) =>
        {
            return None;
        }
        (None, Problem::NonePasses { nearest }) => {
            let diagnostic = Diagnostic::error(
                CONTRACT_MISSING.code,
                format!(
                    "contract `{contract_name}` needs at least one {kind} that fulfils rule `{id}`"
                ),
            )
            .at(rule.id.span, "no resource passes");
            let help = match nearest.as_slice() {
                [] => format!("declare {} {kind} that does", article(kind)),
                [first, ..] => {
                    let name = first
                        .key
                        .as_ref()
                        .map_or_else(String::new, |key| format!("`{}`: ", key.name));
                    let problems: Vec<String> = nearest.iter().map(Finding::words).collect();
                    format!("nearest is {name}{}", problems.join("; "))
                }
            };
            diagnostic.help(with_reason(rule, rule.breaks.as_deref(), help))
        }
        (None, _) => return None,
    };
    Some(diagnostic)
}

fn of_resource(
    contract: &Contract,
    rule: &Rule,
    finding: &Finding,
    declared: &Declared,
) -> Diagnostic {
    let path = finding.path.join(".");
    let field = finding.path.first().map_or("", String::as_str);
    let place = declared.spec.span_of(field);
    let contract_name = &contract.name.value;
    let (code, message, label, help) = match &finding.problem {
        Problem::NotLocked {
            expected,
            actual: Some(_),
        } => (
            LOCKED_VALUE.code,
            format!(
                "`{path}` must be {} by contract `{contract_name}`",
                shown(expected)
            ),
            format!("locked to {}", shown(expected)),
            format!(
                "set it to {}, or remove the contract from `deskstate.yaml`",
                shown(expected)
            ),
        ),
        Problem::NotLocked {
            expected,
            actual: None,
        } => (
            LOCKED_VALUE.code,
            format!(
                "`{path}` must be {} by contract `{contract_name}`, but is missing",
                shown(expected)
            ),
            format!("`{path}` is not set, so nothing guarantees its value"),
            format!("add `{path}: {}`", plain(expected)),
        ),
        Problem::NotPreferred { expected, .. } => (
            PREFERRED_VALUE.code,
            format!(
                "contract `{contract_name}` prefers {} for `{path}`",
                shown(expected)
            ),
            format!("{} is preferred", shown(expected)),
            format!(
                "set it to {} unless you have a reason not to",
                shown(expected)
            ),
        ),
        Problem::NoMatch { pattern, .. } => (
            CONTRACT_PATTERN.code,
            format!("`{path}` must match `{pattern}` by contract `{contract_name}`"),
            format!("does not match `{pattern}`"),
            format!("write a value that matches `{pattern}`"),
        ),
        Problem::NotSet => (
            CONTRACT_SET.code,
            format!("`{path}` must be set by contract `{contract_name}`"),
            "nothing is set".to_owned(),
            format!("set `{path}`"),
        ),
        Problem::NotContained { member } => (
            CONTRACT_CONTAINS.code,
            format!("`{path}` must contain `{member}` by contract `{contract_name}`"),
            format!("`{member}` is not among them"),
            format!("add `{member}`"),
        ),
        Problem::SwitchedOff { member } => (
            CONTRACT_CONTAINS.code,
            format!("`{member}` in `{path}` must be switched on by contract `{contract_name}`"),
            format!("`{member}` is switched off"),
            format!("switch `{member}` on"),
        ),
        Problem::Missing | Problem::NonePasses { .. } => (
            CONTRACT_MISSING.code,
            format!("contract `{contract_name}` is not fulfilled"),
            String::new(),
            "see the contract".to_owned(),
        ),
    };
    let not_given = matches!(&finding.problem, Problem::NotLocked { actual: None, .. });
    let only_known = declared.state == State::Existing
        && (not_given
            || matches!(
                finding.problem,
                Problem::NotSet
                    | Problem::NotContained { .. }
                    | Problem::NoMatch { actual: None, .. }
            ));
    let mut diagnostic = if finding.problem.is_error() && !only_known {
        Diagnostic::error(code, message)
    } else {
        Diagnostic::warning(code, message)
    };
    diagnostic = diagnostic
        .at(place.unwrap_or(declared.name_span), label)
        .help(with_reason(rule, rule.breaks_of(finding), help));
    if place.is_some() {
        let named = if rule.resource.name.is_some() {
            "named by"
        } else {
            "matched by"
        };
        diagnostic = diagnostic.also(
            declared.name_span,
            format!(
                "{named} rule `{}` of contract `{contract_name}`",
                rule.id.value
            ),
        );
    }
    if place.is_some()
        && finding.path.len() == 1
        && let Problem::NotLocked {
            expected,
            actual: Some(_),
        }
        | Problem::NotPreferred { expected, .. } = &finding.problem
    {
        diagnostic = diagnostic.offering(Offer::value(expected));
    }
    match rule_value(rule, finding) {
        Some(span) => diagnostic.also(
            span,
            match finding.problem {
                Problem::NotPreferred { .. } => "preferred here",
                _ => "required here",
            },
        ),
        None => diagnostic.also(rule.id.span, "required by this rule"),
    }
}

/// Returns the place in the contract that a finding is about.
fn rule_value(rule: &Rule, finding: &Finding) -> Option<crate::span::Span> {
    let path = finding.path.join(".");
    match &finding.problem {
        Problem::NotLocked { .. } => rule
            .locked
            .iter()
            .find(|value| value.path == finding.path)
            .map(|value| value.span),
        Problem::NotPreferred { .. } => rule
            .preferred
            .iter()
            .find(|value| value.path == finding.path)
            .map(|value| value.span),
        Problem::NoMatch { .. } => rule.matches.get(&path).map(|pattern| pattern.span),
        Problem::NotSet => rule
            .set
            .iter()
            .find(|field| field.value == path)
            .map(|field| field.span),
        Problem::NotContained { member } | Problem::SwitchedOff { member } => {
            let mut members = rule.contains.get(&path).into_iter().flatten();
            let member = members.find(|wanted| wanted.value.as_str() == member);
            let locked = || rule.locked.iter().find(|value| value.path == finding.path);
            let set = || rule.set.iter().find(|field| field.value == path);
            member
                .map(|wanted| wanted.span)
                .or_else(|| locked().map(|value| value.span))
                .or_else(|| set().map(|field| field.span))
        }
        Problem::Missing | Problem::NonePasses { .. } => None,
    }
}

fn with_reason(rule: &Rule, breaks: Option<&str>, help: String) -> String {
    let help = match &rule.message {
        Some(message) => format!("{help}: {message}"),
        None => help,
    };
    match breaks {
        Some(breaks) => format!("{help} (otherwise: {breaks})"),
        None => help,
    }
}

fn shown(value: &Value) -> String {
    format!("`{}`", plain(value))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `a` or `an`, to precede the word of a kind.
fn article(kind: Kind) -> &'static str {
    if kind.as_str().starts_with(['A', 'E', 'I', 'O', 'U']) {
        "an"
    } else {
        "a"
    }
}
