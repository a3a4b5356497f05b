//! Accepted drift: rules with a reason and an expiry date.

use std::collections::BTreeSet;

use crate::lower::Desired;
use crate::plan::{
    Action, Change, Operation, Options, Plan, RowTarget, SyncState, is_copy, path, repeats,
};
use crate::state::{DeclaredColumn, DeclaredResource, DeclaredSet, PartName, RowKey, Stored};
use deskstate_model::{IgnoreRule, Manifests, ResourceKey, Span, UniqueName};

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

    fn covering(&self, key: &ResourceKey, path: &str) -> Option<&'a IgnoreRule> {
        let mut valid = self.valid.iter();
        valid.find(|rule| covers(rule, key, path)).copied()
    }

    /// Accepts that a row is missing because it refers to one that is.
    fn accept_with(&mut self, resource: &DeclaredResource, missing: &BTreeSet<RowKey>) {
        let columns = resource.row.columns.iter();
        let keys = columns.flat_map(|column| column.value.keys());
        let cause = keys
            .filter(|key| missing.contains(*key))
            .find_map(|key| {
                let accepted = self.ignored.iter();
                let mut accepted = accepted.filter(|one| one.path.is_empty());
                accepted.find(|one| one.key.name.as_written() == key.label())
            })
            .or(self.ignored.last());
        if let Some(cause) = cause.cloned() {
            self.ignored.push(Ignored {
                key: resource.key.clone(),
                reason: format!("refers to {}: {}", cause.key, cause.reason),
                path: String::new(),
                until: cause.until,
            });
        }
    }

    /// The rule, not expired, that accepts a difference.
    fn accepting(&mut self, key: &ResourceKey, path: &str) -> Option<&'a IgnoreRule> {
        let rule = self.covering(key, path)?;
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
    let mut created: Vec<&ResourceKey> = Vec::new();
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
            } else if change.action == Action::Create {
                created.push(key);
            }
            continue;
        }
        let Some(resource) = desired.resources.get_mut(key) else {
            continue;
        };
        let new = new_parts(change, resource);
        let mut accepted: Vec<&IgnoreRule> = Vec::new();
        for field in &change.fields {
            // A part that does not exist has no values that could stay.
            let part = new.iter().find(|part| repeats(part, &field.path));
            if part.is_none_or(|part| rules.covering(key, part).is_some()) {
                accepted.extend(rules.accepting(key, &field.path));
            }
        }
        for rule in accepted {
            leave_to_live(resource, &new, &|path| covers(rule, key, path));
        }
    }
    accept_obstacles(&mut rules, plan, desired);
    leave_missing(&mut rules, created, missing, desired);
    rules.finish().0
}

/// Removes what differs and cannot be changed, such as a value that is written only on creation, if a rule accepts it.
fn accept_obstacles(rules: &mut Rules<'_>, plan: &Plan, desired: &mut Desired) {
    for judged in &plan.resources {
        let obstacles = judged.obstacles.iter();
        for obstacle in obstacles.filter(|one| one.state == SyncState::Different) {
            let key = &judged.key;
            if desired.resources.contains_key(key)
                && let Some(rule) = rules.accepting(key, &obstacle.path)
            {
                if obstacle.path.is_empty() {
                    let resource = desired.resources.remove(key);
                    desired
                        .stays_missing
                        .extend(resource.map(|resource| *resource));
                } else if let Some(resource) = desired.resources.get_mut(key) {
                    leave_to_live(resource, &[], &|path| covers(rule, key, path));
                }
            }
        }
    }
}

/// Removes references to rows that stay missing. A new row that refers to one in a column of its own stays missing, too: without the
/// reference, it would be another row.
fn leave_missing(
    rules: &mut Rules<'_>,
    created: Vec<&ResourceKey>,
    mut missing: BTreeSet<RowKey>,
    desired: &mut Desired,
) {
    loop {
        let next = created.iter().find(|key| {
            let resource = desired.resources.get(**key);
            let columns = resource.into_iter().flat_map(|one| &one.row.columns);
            let mut columns = columns.filter(|column| refers_to(column, &missing));
            columns.next().is_some()
        });
        let Some(resource) = next.and_then(|key| desired.resources.remove(*key)) else {
            break;
        };
        rules.accept_with(&resource, &missing);
        missing.insert(resource.row.key.clone());
        desired.stays_missing.push(*resource);
    }
    if !missing.is_empty() {
        let resources = desired.resources.values_mut();
        resources.for_each(|resource| forget(resource, &missing));
    }
}

/// The paths of the parts that a change creates.
fn new_parts(change: &Change, resource: &DeclaredResource) -> Vec<String> {
    let created: Vec<&RowTarget> = change
        .operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Create { row, .. } => Some(row),
            _ => None,
        })
        .collect();
    let parts = resource.parts.iter().filter(|part| {
        let label = part.key.label();
        let mut created = created.iter();
        created.any(|row| part.key.table() == Some(row.table) && row.label == label)
    });
    parts.map(|part| part.path.clone()).collect()
}

/// Whether the value of a column names one of these rows.
fn refers_to(column: &DeclaredColumn, rows: &BTreeSet<RowKey>) -> bool {
    let by_text = match (column.field.names, &column.value) {
        (Some(table), Stored::Text(name)) => Some(RowKey::Named {
            table,
            name: UniqueName::new(name),
        }),
        _ => None,
    };
    by_text.is_some_and(|key| rows.contains(&key))
        || column.value.keys().iter().any(|key| rows.contains(*key))
}

fn forget(resource: &mut DeclaredResource, missing: &BTreeSet<RowKey>) {
    let rows = std::iter::once(&mut resource.row).chain(&mut resource.parts);
    for row in rows {
        row.columns.retain(|column| !refers_to(column, missing));
    }
    resource.parts.retain(|part| match &part.key {
        RowKey::Part {
            part: PartName::Row(row),
            ..
        } => !missing.contains(row.as_ref()),
        _ => true,
    });
    for set in &mut resource.sets {
        set.members.retain(|member| !missing.contains(&member.key));
    }
}

/// Removes the covered fields from the declaration.
fn leave_to_live(
    resource: &mut DeclaredResource,
    new_parts: &[String],
    covered: &dyn Fn(&str) -> bool,
) {
    let mut some_part = false;
    for part in &mut resource.parts {
        if new_parts.contains(&part.path) && !covered(&part.path) {
            continue;
        }
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
