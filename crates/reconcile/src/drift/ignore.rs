//! Accepted drift: rules with a reason and an expiry date.

use std::collections::BTreeSet;

use crate::lower::Desired;
use crate::plan::{Action, Options, Plan, is_copy, path};
use crate::state::{DeclaredResource, DeclaredSet, RowKey};
use deskstate_model::{IgnoreRule, Manifests, ResourceKey, Span};

/// A difference that a rule accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ignored {
    /// The resource.
    pub key: ResourceKey,
    /// The field; empty for the complete row.
    pub path: String,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which the rule applies.
    pub until: String,
}

/// An expired rule. The differences that it accepted are drift again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expired {
    /// `kind/name` as written in the rule.
    pub resources: String,
    /// Why it was accepted.
    pub reason: String,
    /// The last day on which it applied.
    pub until: String,
    /// The rule.
    pub span: Span,
}

/// The project's rules as of one day.
pub(super) struct Rules<'a> {
    valid: Vec<&'a IgnoreRule>,
    expired: Vec<&'a IgnoreRule>,
    ignored: Vec<Ignored>,
}

impl<'a> Rules<'a> {
    /// Days in the form `YYYY-MM-DD` can be compared as text.
    pub(super) fn new(manifests: &'a Manifests, today: &str) -> Self {
        let rules = manifests.project.iter().flat_map(|project| &project.ignore);
        let (valid, expired) = rules.partition(|rule| rule.until.as_str() >= today);
        Self {
            valid,
            expired,
            ignored: Vec::new(),
        }
    }

    /// Whether a rule that has not expired accepts a difference. A rule for some fields does not accept a missing row.
    pub(super) fn accepts(&mut self, key: &ResourceKey, path: &str) -> bool {
        self.accepting(key, path).is_some()
    }

    /// The rule, not expired, that accepts a difference.
    fn accepting(&mut self, key: &ResourceKey, path: &str) -> Option<&'a IgnoreRule> {
        let rule = *self.valid.iter().find(|rule| covers(rule, key, path))?;
        self.ignored.push(Ignored {
            key: key.clone(),
            path: path.to_owned(),
            reason: rule.reason.clone(),
            until: rule.until.clone(),
        });
        Some(rule)
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

/// Removes the differences that rules accept from the declared resources and from pruning, so that the next plan leaves them alone. Returns
/// the accepted differences.
pub fn keep_accepted(
    manifests: &Manifests,
    today: &str,
    plan: &Plan,
    desired: &mut Desired,
    options: &mut Options,
) -> Vec<Ignored> {
    let mut rules = Rules::new(manifests, today);
    let mut missing: BTreeSet<RowKey> = BTreeSet::new();
    for change in &plan.changes {
        let key = &change.key;
        if change.action != Action::Update {
            if let Some(rule) = rules.accepting(key, "") {
                if let Some(resource) = desired.resources.remove(key)
                    && change.action == Action::Create
                {
                    missing.insert(resource.row.key.clone());
                    desired.stays_missing.push(*resource);
                }
                options.protect.push(rule.resources.clone());
            }
            continue;
        }
        let accepted: Vec<&IgnoreRule> = change
            .fields
            .iter()
            .filter_map(|field| rules.accepting(key, &field.path))
            .collect();
        if let Some(resource) = desired.resources.get_mut(key) {
            for rule in accepted {
                leave_to_live(resource, &|path| covers(rule, key, path));
            }
        }
    }
    if !missing.is_empty() {
        let resources = desired.resources.values_mut();
        resources.for_each(|resource| forget(resource, &missing));
    }
    rules.finish().0
}

/// Removes references to rows that stay missing.
fn forget(resource: &mut DeclaredResource, missing: &BTreeSet<RowKey>) {
    let rows = std::iter::once(&mut resource.row).chain(&mut resource.parts);
    for row in rows {
        row.columns
            .retain(|column| !column.value.keys().iter().any(|key| missing.contains(*key)));
    }
    for set in &mut resource.sets {
        set.members.retain(|member| !missing.contains(&member.key));
    }
}

/// Removes the covered fields from the declaration.
fn leave_to_live(resource: &mut DeclaredResource, covered: &dyn Fn(&str) -> bool) {
    let mut some_part = false;
    for part in &mut resource.parts {
        let declared = part.columns.len();
        part.columns
            .retain(|column| !covered(&path(&part.path, column.field)));
        let is_less = part.columns.len() < declared;
        some_part |= is_less;
        // The part stays listed, since an exact list would delete an unlisted part.
        part.only_if_there |= covered(&part.path) || is_less && part.columns.is_empty();
    }
    resource.part_lists.retain(|list| !covered(list.field.word));
    let (accepted, sets) = std::mem::take(&mut resource.sets)
        .into_iter()
        .partition(|set| covered(set.field.word));
    resource.sets = sets;
    let accepted: Vec<DeclaredSet> = accepted;
    resource.accepted.extend(accepted);
    // The copy of the parts is either consistent with all of them or not declared.
    resource
        .row
        .columns
        .retain(|column| !(covered(column.field.word) || some_part && is_copy(column.field)));
}

fn covers(rule: &IgnoreRule, key: &ResourceKey, path: &str) -> bool {
    let field_fits = |field: &str| {
        path == field
            || path
                .strip_prefix(field)
                .is_some_and(|rest| rest.starts_with('.'))
    };
    rule.resources.matches(key)
        && (rule.fields.is_empty() || rule.fields.iter().any(|field| field_fits(&field.value)))
}
