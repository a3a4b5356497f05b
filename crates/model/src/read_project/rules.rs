//! What the project file says of findings and differences: what is ignored, accepted and allowed.

use std::collections::{BTreeMap, BTreeSet};

use super::{check_kind_pattern, text, texts, word};
use crate::allow::{Allow, UnknownAllow};
use crate::diagnostic::Diagnostic;
use crate::kinds::Kind;
use crate::project::{Acceptance, Allowance, IgnoreRule, KindNameGlob, Policy};
use crate::shape_codes::{UNKNOWN_FIELD, UNKNOWN_VALUE};
use crate::span::Spanned;
use crate::suggest::nearest;
use crate::yaml::Node;

pub(super) fn ignore_rules(list: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<IgnoreRule> {
    let mut rules = Vec::new();
    for item in list.items() {
        let Some(resources) = pattern(item, diagnostics) else {
            continue;
        };
        let fields = texts(item.get("fields"));
        check_fields(&resources.kind, &fields, diagnostics);
        if let Some((reason, until)) = reason_and_day(item, diagnostics) {
            rules.push(IgnoreRule {
                resources,
                fields,
                reason,
                until,
                span: item.span,
            });
        }
    }
    rules
}

pub(super) fn acceptances(list: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Acceptance> {
    let mut accepted = Vec::new();
    for item in list.items() {
        let code = item.get("code").and_then(text);
        let (Some(code), Some(resources)) = (code, pattern(item, diagnostics)) else {
            continue;
        };
        if let Some((reason, until)) = reason_and_day(item, diagnostics) {
            accepted.push(Acceptance {
                code,
                resources,
                reason,
                until,
                span: item.span,
            });
        }
    }
    accepted
}

pub(super) fn allowances(list: &Node, diagnostics: &mut Vec<Diagnostic>) -> Vec<Allowance> {
    let mut allowed = Vec::new();
    for item in list.items() {
        let change = item
            .get("change")
            .and_then(text)
            .and_then(|written| override_of(&written, diagnostics));
        let (Some(change), Some((reason, until))) = (change, reason_and_day(item, diagnostics))
        else {
            continue;
        };
        allowed.push(Allowance {
            change,
            environments: texts(item.get("environments")),
            reason,
            until,
            span: item.span,
        });
    }
    allowed
}

fn override_of(written: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) -> Option<Allow> {
    let read = written.value.parse();
    if read.is_err() {
        diagnostics.push(
            Diagnostic::error(
                UNKNOWN_VALUE.code,
                format!("`{}` is not an override", written.value),
            )
            .at(written.span, "not an override")
            .help(UnknownAllow::HELP),
        );
    }
    read.ok()
}

/// Reads the resources that an entry is about.
pub(super) fn pattern(item: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<KindNameGlob> {
    let (kind, name) = (item.get("kind").and_then(text)?, word(item, "name")?);
    check_kind_pattern(&kind.value, kind.span, diagnostics);
    Some(KindNameGlob {
        kind: kind.value,
        name: name.to_owned(),
    })
}

/// Reads why something is accepted, and the last day.
fn reason_and_day(item: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<(String, String)> {
    let (reason, until) = (word(item, "reason")?, item.get("until").and_then(text)?);
    if is_date(&until.value) {
        return Some((reason.to_owned(), until.value));
    }
    diagnostics.push(
        Diagnostic::error(
            UNKNOWN_VALUE.code,
            format!("`{}` is not a date", until.value),
        )
        .at(until.span, "no day")
        .help("write year, month and day: `2027-01-31`"),
    );
    None
}

/// Reports fields that no kind of the pattern has, because such a rule accepts nothing.
fn check_fields(pattern: &str, paths: &[Spanned<String>], diagnostics: &mut Vec<Diagnostic>) {
    let words: BTreeSet<&str> = Kind::all()
        .filter(|kind| crate::glob::matches_pattern(pattern, kind.as_str()))
        .flat_map(|kind| kind.fields())
        .map(|field| field.word)
        .collect();
    if words.is_empty() {
        return;
    }
    for path in paths {
        let word = path.value.split('.').next().unwrap_or_default();
        if words.contains(word) {
            continue;
        }
        let diagnostic = Diagnostic::error(
            UNKNOWN_FIELD.code,
            format!("{pattern} has no field `{word}`"),
        )
        .at(path.span, "unknown field");
        diagnostics.push(match nearest(word, words.iter().copied()) {
            Some(near) => diagnostic.meant(near),
            None => diagnostic
                .help("write fields as in a manifest; leave `fields` out to accept everything"),
        });
    }
}

/// Whether a text is a calendar date in the form `YYYY-MM-DD`.
#[must_use]
pub fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    let digits = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|digit| digit.is_ascii_digit())
    };
    if !(digits(year, 4) && digits(month, 2) && digits(day, 2)) {
        return false;
    }
    let (Ok(year), Ok(month), Ok(day)) = (
        year.parse::<u32>(),
        month.parse::<u32>(),
        day.parse::<u32>(),
    ) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    year > 0 && (1..=days).contains(&day)
}

pub(super) fn policy(node: Option<&Node>) -> BTreeMap<String, Spanned<Policy>> {
    let entries = node.map_or(&[][..], Node::entries).iter();
    entries
        .filter_map(|entry| {
            let policy = match entry.value.as_text()? {
                "deny" => Policy::Deny,
                "warn" => Policy::Warn,
                "allow" => Policy::Allow,
                _ => return None,
            };
            Some((
                entry.key.to_string(),
                Spanned::new(policy, entry.value.span),
            ))
        })
        .collect()
}
