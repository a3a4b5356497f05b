//! Accepted drift: rules with a reason and a last day.

use deskstate_model::{IgnoreRule, Manifests, ResourceKey, Span, matches_pattern};

/// A difference that a rule accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// Which resource.
    pub key: ResourceKey,
    /// Which field; empty for the whole row.
    pub path: String,
    /// Why it is accepted.
    pub reason: String,
    /// The last day.
    pub until: String,
}

/// A rule whose last day is over: what it accepted is drift again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// `kind/name` as the rule gives it.
    pub resources: String,
    /// Why it was accepted.
    pub reason: String,
    /// The last day.
    pub until: String,
    /// The rule.
    pub span: Span,
}

/// The project's rules on one day.
pub(super) struct Rules<'a> {
    valid: Vec<&'a IgnoreRule>,
    expired: Vec<&'a IgnoreRule>,
    ignored: Vec<Ignored>,
}

impl<'a> Rules<'a> {
    /// Days of the form `YYYY-MM-DD` compare as texts.
    pub(super) fn new(manifests: &'a Manifests, today: &str) -> Self {
        let rules = manifests.project.iter().flat_map(|project| &project.ignore);
        let (valid, expired) = rules.partition(|rule| rule.until.as_str() >= today);
        Self {
            valid,
            expired,
            ignored: Vec::new(),
        }
    }

    /// Whether a valid rule accepts a difference. A rule for some fields does not accept a missing row.
    pub(super) fn accepts(&mut self, key: &ResourceKey, path: &str) -> bool {
        let Some(rule) = self.valid.iter().find(|rule| covers(rule, key, path)) else {
            return false;
        };
        self.ignored.push(Ignored {
            key: key.clone(),
            path: path.to_owned(),
            reason: rule.reason.clone(),
            until: rule.until.clone(),
        });
        true
    }

    pub(super) fn finish(self) -> (Vec<Ignored>, Vec<Expired>) {
        let expired = self.expired.into_iter().map(|rule| Expired {
            resources: format!("{}/{}", rule.resources.kind, rule.resources.name),
            reason: rule.reason.clone(),
            until: rule.until.clone(),
            span: rule.span,
        });
        (self.ignored, expired.collect())
    }
}

fn covers(rule: &IgnoreRule, key: &ResourceKey, path: &str) -> bool {
    let field_fits = |field: &str| {
        path == field
            || path
                .strip_prefix(field)
                .is_some_and(|rest| rest.starts_with('.'))
    };
    matches_pattern(&rule.resources.kind, key.kind.as_str())
        && matches_pattern(&rule.resources.name.to_ascii_lowercase(), key.name.folded())
        && (rule.fields.is_empty() || rule.fields.iter().any(|field| field_fits(&field.value)))
}
