//! Reads contract files.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::checks::duplicate_resource::DUPLICATE_RESOURCE;
use crate::contract::{Contract, MatchMode, Rule, RuleSubject, RuleValue};
use crate::diagnostic::Diagnostic;
use crate::document::{check_version, first_line};
use crate::kinds::Kind;
use crate::name::check_name;
use crate::set::Reference;
use crate::shape::{self, Shape};
use crate::shape_codes::{UNKNOWN_FIELD, UNKNOWN_KIND};
use crate::span::{Span, Spanned};
use crate::suggest::nearest;
use crate::variables::refuse_but_facts;
use crate::yaml::{Node, NodeValue};

/// Reads one contract; `None` if the document is not a contract.
pub(crate) fn contract(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Contract> {
    let word = crate::document::kind_word(node);
    if word != Some("Contract") {
        let place = node
            .get("kind")
            .map_or_else(|| first_line(node), |kind| kind.span);
        diagnostics.push(
            Diagnostic::error(
                UNKNOWN_KIND.code,
                "a contract file must contain documents of the kind `Contract`",
            )
            .at(place, "another kind")
            .help("write `kind: Contract`, or remove the file from `spec.contracts`"),
        );
        return None;
    }
    if !shape::check(Shape::Contract, node, first_line(node), diagnostics) {
        check_version(node, diagnostics);
    }
    refuse_but_facts(node, diagnostics);
    let spec = node.get("spec")?;
    let name = node
        .get("metadata")
        .and_then(|metadata| metadata.get("name"))
        .and_then(text)?;
    check_name("a contract", &name, diagnostics);
    let rules: Vec<Rule> = spec
        .get("rules")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(|item| rule(item, diagnostics))
        .collect();
    report_repeated_ids(&rules, diagnostics);
    Some(Contract {
        name,
        display_name: owned(spec, "displayName"),
        source: owned(spec, "source"),
        slugs: spec
            .get("slugs")
            .map_or(&[][..], Node::items)
            .iter()
            .filter_map(|item| item.as_text().map(str::to_owned))
            .collect(),
        rules,
    })
}

fn report_repeated_ids(rules: &[Rule], diagnostics: &mut Vec<Diagnostic>) {
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    for rule in rules {
        match seen.get(rule.id.value.as_str()) {
            Some(first) => diagnostics.push(
                Diagnostic::error(
                    DUPLICATE_RESOURCE.code,
                    format!("two rules have the id `{}`", rule.id.value),
                )
                .at(rule.id.span, "again")
                .also(*first, "first here")
                .help("choose another id; findings show it"),
            ),
            None => {
                seen.insert(&rule.id.value, rule.id.span);
            }
        }
    }
}

fn rule(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Rule> {
    let id = node.get("id").and_then(text)?;
    check_name("a rule", &id, diagnostics);
    let resource = node.get("resource")?;
    let kind = Kind::from_str(resource.get("kind")?.as_text()?).ok()?;
    let partial = |word: &str, diagnostics: &mut Vec<Diagnostic>| {
        let Some(entry) = node.entry(word).filter(|entry| entry.value.is_map()) else {
            return Vec::new();
        };
        if shape::check(
            Shape::Partial(kind),
            &entry.value,
            entry.key_span,
            diagnostics,
        ) {
            return Vec::new();
        }
        let mut values = Vec::new();
        flatten(&entry.value, &mut Vec::new(), &mut values);
        values
    };
    let locked = partial("locked", diagnostics);
    let preferred = partial("preferred", diagnostics);
    let filter = patterns(kind, resource.get("where"), diagnostics);
    let matches = patterns(kind, node.get("matches"), diagnostics);
    let set: Vec<Spanned<String>> = node
        .get("set")
        .map_or(&[][..], Node::items)
        .iter()
        .filter_map(text)
        .filter(|field| check_field(kind, &field.value, field.span, diagnostics))
        .collect();
    let contains = node
        .get("contains")
        .map_or(&[][..], Node::entries)
        .iter()
        .filter(|entry| check_field(kind, &entry.key, entry.key_span, diagnostics))
        .map(|entry| {
            let members = entry.value.items().iter().filter_map(text);
            (
                entry.key.to_string(),
                members
                    .map(|member| member.map(|name| Reference::new(&name)))
                    .collect(),
            )
        });
    let contains = contains.collect();
    let rule = Rule {
        id,
        resource: RuleSubject {
            kind,
            name: resource
                .get("name")
                .and_then(text)
                .map(|name| name.map(|name| Reference::new(&name))),
            filter,
        },
        each_or_some: match node.get("match").and_then(Node::as_text) {
            Some("some") => MatchMode::Some,
            _ => MatchMode::Each,
        },
        required: node
            .get("required")
            .and_then(Node::as_flag)
            .unwrap_or(false),
        locked,
        preferred,
        matches,
        set,
        contains,
        message: owned(node, "message"),
        breaks: owned(node, "breaks"),
        breaks_by_value: node
            .get("breaksByValue")
            .map_or(&[][..], Node::entries)
            .iter()
            .filter_map(|entry| Some((entry.key.to_string(), text(&entry.value)?)))
            .collect(),
        span: node.span,
    };
    report_idle_breaks(&rule, node, diagnostics);
    report_idle_keys(&rule, node, diagnostics);
    Some(rule)
}

/// Reports keys without effect, and a rule that checks nothing: it would be kept in every environment.
fn report_idle_keys(rule: &Rule, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let id = &rule.id.value;
    let mut idle = |word: &str, message: String, help: &str| {
        let span = node
            .entry(word)
            .map_or(rule.id.span, |entry| entry.key_span);
        let finding = Diagnostic::error(UNKNOWN_FIELD.code, message).at(span, "without effect");
        diagnostics.push(finding.help(help));
    };
    if rule.required && rule.resource.name.is_none() {
        idle(
            "required",
            format!("`required` of rule `{id}` has no effect, because the rule names no resource"),
            "write `match: some`, so that at least one such resource must fulfil the rule, or name the resource",
        );
    }
    if rule.resource.name.is_some() && node.get("match").is_some() {
        idle(
            "match",
            format!("`match` of rule `{id}` has no effect, because the rule names one resource"),
            "remove `match`; `required: true` says that the resource must exist",
        );
    }
    // A value that does not fit was reported.
    let words = ["locked", "preferred", "matches", "set", "contains"];
    let mut given = words
        .iter()
        .filter_map(|word| Some((*word, node.get(word)?)));
    let checks = given.any(|(word, value)| match word {
        "set" => !value.items().is_empty(),
        "contains" => {
            let mut entries = value.entries().iter();
            entries.any(|entry| !entry.value.items().is_empty())
        }
        _ => !value.entries().is_empty(),
    });
    if !checks && !rule.required && rule.each_or_some == MatchMode::Each {
        idle(
            "id",
            format!("rule `{id}` checks nothing"),
            "add `locked`, `preferred`, `matches`, `set`, `contains` or `required: true`",
        );
    }
}

/// Reports consequences for values that the rule does not check, because they would never be shown.
fn report_idle_breaks(rule: &Rule, node: &Node, diagnostics: &mut Vec<Diagnostic>) {
    let values = rule.values();
    let named = node.get("breaksByValue").map_or(&[][..], Node::entries);
    for entry in named.iter().filter(|entry| !values.contains(&*entry.key)) {
        let known = || values.iter().map(String::as_str);
        let help = match nearest(&entry.key, known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "this rule checks {}",
                known().collect::<Vec<_>>().join(", ")
            ),
        };
        diagnostics.push(
            Diagnostic::error(
                UNKNOWN_FIELD.code,
                format!("rule `{}` does not check `{}`", rule.id.value, entry.key),
            )
            .at(entry.key_span, "not a value of this rule")
            .help(help),
        );
    }
}

/// Collects the values of a partial spec, each with its path.
fn flatten(node: &Node, path: &mut Vec<String>, values: &mut Vec<RuleValue>) {
    match &node.value {
        NodeValue::Map(entries) if !entries.is_empty() => {
            for entry in entries {
                path.push(entry.key.to_string());
                flatten(&entry.value, path, values);
                path.pop();
            }
        }
        _ => values.push(RuleValue {
            path: path.clone(),
            value: node.to_json(),
            span: node.span,
        }),
    }
}

fn patterns(
    kind: Kind,
    node: Option<&Node>,
    diagnostics: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Spanned<String>> {
    let mut patterns = BTreeMap::new();
    for entry in node.map_or(&[][..], Node::entries) {
        let is_known = check_field(kind, &entry.key, entry.key_span, diagnostics);
        if let Some(pattern) = text(&entry.value).filter(|_| is_known) {
            patterns.insert(entry.key.to_string(), pattern);
        }
    }
    patterns
}

/// Reports a rule about a field that the kind does not have, because it would never find anything.
fn check_field(kind: Kind, path: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) -> bool {
    let word = path.split('.').next().unwrap_or(path);
    let words = || kind.fields().iter().map(|field| field.word);
    if words().any(|known| known == word) {
        return true;
    }
    let diagnostic = Diagnostic::error(UNKNOWN_FIELD.code, format!("{kind} has no field `{word}`"))
        .at(span, "unknown field");
    diagnostics.push(match nearest(word, words()) {
        Some(near) => diagnostic.perhaps(word, near),
        None => diagnostic.help(format!("`deskstate explain {kind}` lists the fields")),
    });
    false
}

fn text(node: &Node) -> Option<Spanned<String>> {
    node.as_text()
        .map(|text| Spanned::new(text.to_owned(), node.span))
}

fn owned(node: &Node, word: &str) -> Option<String> {
    let text = node.get(word).and_then(Node::as_text)?;
    // A YAML block ends with a line feed, which is not part of the sentence.
    Some(text.trim_end().to_owned())
}
