//! Accepted drift: rules with a reason and an expiry date.

mod missing;

use std::collections::BTreeSet;

use deskstate_model::{Holds, IgnoreRule, KindNameGlob, Links, Manifests, ResourceKey, Span};

pub(super) use missing::accept_consequences;
use missing::leave_missing;

use crate::live::Live;
use crate::lookup::Match;
use crate::lower::Desired;
use crate::plan::planner::EXISTING_MISSING;
use crate::plan::{
    Action, Difference, FieldChange, Obstacle, Options, Plan, Planned, SyncState, is_copy, path,
    plan, repeats,
};
use crate::state::{DeclaredResource, DeclaredRow, DeclaredSet, RowKey, fold};

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

    /// Accepts a difference that follows from a row that may be missing.
    fn accept_with(&mut self, key: &ResourceKey, path: &str, cause: &RowKey) {
        let mut accepted = self.ignored.iter().filter(|one| one.path.is_empty());
        let rule = accepted.find(|one| {
            cause.table() == Some(one.key.kind.table())
                && fold(one.key.name.as_written()) == fold(&cause.label())
        });
        if let Some(rule) = rule.cloned() {
            self.ignored.push(Ignored {
                key: key.clone(),
                reason: format!("refers to {}: {}", rule.key, rule.reason),
                path: path.to_owned(),
                until: rule.until,
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

/// The profiles whose users rules of this day leave as they are.
pub fn users_accepted(manifests: &Manifests, today: &str) -> Vec<KindNameGlob> {
    let rules = Rules::new(manifests, today).valid.into_iter();
    let of_users = rules.filter(|rule| {
        rule.fields.is_empty() || rule.fields.iter().any(|field| field.value == "users")
    });
    of_users.map(|rule| rule.resources.clone()).collect()
}

/// The rows that rules of this day accept as a whole.
pub fn rows_accepted(manifests: &Manifests, today: &str) -> Vec<KindNameGlob> {
    let rules = Rules::new(manifests, today).valid.into_iter();
    let of_rows = rules.filter(|rule| rule.fields.is_empty());
    of_rows.map(|rule| rule.resources.clone()).collect()
}

/// Plans without the differences that rules accept: they are removed from the declared resources and from pruning. Returns the accepted
/// differences, too.
pub fn plan_accepting(
    manifests: &Manifests,
    today: &str,
    desired: &mut Desired,
    live: &Live,
    options: &mut Options,
) -> (Planned, Vec<Ignored>) {
    /// What one plan leaves alone can show more in the next one, such as rows to prune. Nobody needs more rounds than this.
    const MOST: usize = 8;
    options.users_accepted = users_accepted(manifests, today);
    let mut accepted: Vec<Ignored> = Vec::new();
    let mut planned = plan(desired, live, options);
    for _ in 0..MOST {
        let new = keep_accepted(manifests, today, &planned.0, desired, live, options);
        let before = accepted.len();
        for one in new {
            if !accepted.contains(&one) {
                accepted.push(one);
            }
        }
        if accepted.len() == before {
            break;
        }
        planned = plan(desired, live, options);
    }
    (planned, accepted)
}

/// Removes the differences of a plan that rules accept from the declared resources and from pruning.
fn keep_accepted(
    manifests: &Manifests,
    today: &str,
    plan: &Plan,
    desired: &mut Desired,
    live: &Live,
    options: &mut Options,
) -> Vec<Ignored> {
    let mut rules = Rules::new(manifests, today);
    let stays = desired.stays_missing.iter();
    let mut missing: BTreeSet<RowKey> = stays.map(|resource| resource.row.key.clone()).collect();
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
        let Some(resource) = desired.resources.get_mut(key) else {
            continue;
        };
        let mut accepted: Vec<&IgnoreRule> = Vec::new();
        for field in &change.fields {
            // A part that does not exist has no values that could stay.
            let mut new = resource.parts.iter().filter(|part| !is_there(live, part));
            let part = new.find(|part| repeats(&part.path, &field.path));
            let is_lone = part.is_none_or(|part| rules.covering(key, &part.path).is_some());
            // What is adopted would drop the value from the manifest.
            if is_lone || options.only_compares {
                accepted.extend(rules.accepting(key, &field.path));
            }
            if let Some(item) = item_path(key, field) {
                accepted.extend(rules.accepting(key, &item));
            }
        }
        for rule in accepted {
            leave_to_live(resource, live, &|path| covers(rule, key, path));
        }
    }
    accept_obstacles(&mut rules, plan, desired, live, &mut missing);
    leave_missing(&mut rules, missing, desired, live);
    rules.finish().0
}

/// Removes what differs and cannot be changed, such as a value that is written only on creation, if a rule accepts it. A row that is missing
/// has no values that could stay.
fn accept_obstacles(
    rules: &mut Rules<'_>,
    plan: &Plan,
    desired: &mut Desired,
    live: &Live,
    missing: &mut BTreeSet<RowKey>,
) {
    for judged in &plan.resources {
        let key = &judged.key;
        for obstacle in judged.obstacles.iter().filter(|one| is_acceptable(one)) {
            let Some(resource) = desired.resources.get_mut(key) else {
                continue;
            };
            if !obstacle.path.is_empty() && !is_there(live, &resource.row) {
                continue;
            }
            let Some(rule) = rules.accepting(key, &obstacle.path) else {
                continue;
            };
            if !obstacle.path.is_empty() {
                leave_to_live(resource, live, &|path| covers(rule, key, path));
            } else if let Some(resource) = desired.resources.remove(key) {
                missing.insert(resource.row.key.clone());
                desired.stays_missing.push(*resource);
            }
        }
    }
}

/// Whether a rule can accept what an obstacle is about: something that is known to differ.
pub(super) fn is_acceptable(obstacle: &Obstacle) -> bool {
    let is_whole = obstacle.path.is_empty();
    obstacle.state == SyncState::Different && (!is_whole || obstacle.code == EXISTING_MISSING.code)
}

fn is_there(live: &Live, row: &DeclaredRow) -> bool {
    !matches!(live.find(&row.key), Match::None)
}

/// Whether a difference is the value of a part that does not exist: a rule about the value does not accept that the part is missing.
pub(super) fn is_of_missing_part(
    rules: &Rules<'_>,
    resource: &DeclaredResource,
    live: &Live,
    path: &str,
) -> bool {
    let mut new = resource.parts.iter().filter(|part| !is_there(live, part));
    let part = new.find(|part| repeats(&part.path, path));
    part.is_some_and(|part| rules.covering(&resource.key, &part.path).is_none())
}

/// The path of an item that a change adds to a list of rows: a rule can name an item that may be missing.
fn item_path(key: &ResourceKey, field: &FieldChange) -> Option<String> {
    match &field.difference {
        Difference::Added { member, .. } => path_of_item(key, &field.path, member),
        _ => None,
    }
}

pub(super) fn path_of_item(key: &ResourceKey, path: &str, member: &str) -> Option<String> {
    let mut fields = key.kind.fields().iter();
    let is_list = fields.any(|field| {
        let has_items = match field.holds {
            Holds::Parts(_) => true,
            Holds::Set { links, .. } => matches!(links, Links::Items(_)),
            _ => false,
        };
        field.word == path && has_items
    });
    is_list.then(|| format!("{path}.{member}"))
}

/// Removes the covered fields from the declaration.
fn leave_to_live(resource: &mut DeclaredResource, live: &Live, covered: &dyn Fn(&str) -> bool) {
    let mut some_part = false;
    let mut stay_missing = Vec::new();
    for part in &mut resource.parts {
        let is_new = !is_there(live, part);
        if is_new && !covered(&part.path) {
            continue;
        }
        if is_new {
            stay_missing.push(part.key.clone());
        }
        let declared = part.columns.len();
        part.columns
            .retain(|column| !covered(&path(&part.path, column.field)));
        let is_less = part.columns.len() < declared;
        some_part |= is_less;
        // The part stays listed, since an exact list would delete an unlisted part.
        part.only_if_there |= covered(&part.path) || is_less && part.columns.is_empty();
    }
    let own = live.find(&resource.row.key).one();
    for set in &mut resource.sets {
        let (links, word) = (live.links(set.relationship), set.field.word);
        let is_item = matches!(
            set.field.holds,
            Holds::Set {
                links: Links::Items(_),
                ..
            }
        );
        set.members.retain(|member| {
            let label = member.key.label();
            let is_linked = own
                .zip(live.find(&member.key).one())
                .is_some_and(|pair| links.pairs.contains(&pair));
            let may_lack = is_item && !is_linked && covered(&format!("{word}.{label}"));
            !stay_missing.contains(&member.key) && !may_lack
        });
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
