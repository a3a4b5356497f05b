//! Removals of a plan: how much of the existing configuration, from how many agents, and whether anything remains.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{
    Explanation, Holds, Kind, PartTable, Relationship, ResourceKey, State, Unlisted,
    lookup_read_name, tables,
};
use uuid::Uuid;

use super::{Allow, Case, Finding};
use crate::plan::{Action, Change, Operation, Reason};
use crate::referrers::set_word;

pub(crate) const PRUNE_TO_EMPTY: Explanation = Explanation::new(
    "prune-to-empty",
    "Pruning would delete all resources of a kind.",
    "Usually this means that a folder was not loaded.",
    "Check that all manifests were loaded. To delete them on purpose, use the `--allow prune=…` that the finding prints.",
);

pub(crate) const REMOVALS: Explanation = Explanation::new(
    "removals",
    "A plan removes more than `removals` allows: too large a share of the existing rows or links, if there are 10 or more, or something that too many agents use.",
    "A mistake in a set or a missing folder looks like an intended delete. If the agents cannot be counted, deskstate assumes that they are too many.",
    "Check what the plan removes. To remove it on purpose, use the `--allow delete=…` or `unlink=…` that the finding prints, or change `removals`.",
);

pub(crate) const SET_EMPTIED: Explanation = Explanation::new(
    "set-emptied",
    "A plan would remove all members of a set or list.",
    "`[]` removes every user, tab or channel, and is easily written by mistake.",
    "Remove the key if the set is not yours. To empty it on purpose, use the `--allow empty=…` that the finding prints.",
);

/// What the members of profiles are called in an override.
const PROFILE_USERS: &str = "AppProfile.users";

/// Below this number of rows, percentages mean nothing: one of three is a third.
const MINIMUM_POPULATION: usize = 10;

/// Removals of one type.
#[derive(Default)]
struct Removed {
    count: usize,
    /// Number of live rows or links of the same type.
    population: usize,
    agents: BTreeSet<Uuid>,
    /// Whether some agents could not be counted.
    agents_unknown: bool,
    first: Option<usize>,
}

pub(super) fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    thresholds(case, found);
    emptied(case, found);
    prune_to_empty(case, found);
}

fn thresholds(case: &Case<'_>, found: &mut Vec<Finding>) {
    let moved = moved_users(case);
    let mut sorts: BTreeMap<(&'static str, String), Removed> = BTreeMap::new();
    for (index, change) in case.plan.changes.iter().enumerate() {
        let mut here: BTreeMap<(&'static str, String), (usize, usize)> = BTreeMap::new();
        let kind = change.key.kind;
        if change.action == Action::Delete {
            here.entry(("delete", kind.as_str().to_owned()))
                .or_default()
                .0 += 1;
        }
        for operation in change
            .operations
            .iter()
            .filter(|_| change.action != Action::Delete)
        {
            match operation {
                Operation::Unlink {
                    relationship,
                    owner,
                    member,
                } => {
                    let a_move = *relationship == &tables::PROFILE_USERS && moved.contains(member);
                    if *owner == change.id && !a_move {
                        let population =
                            || case.live.links(relationship).members(change.id).count();
                        here.entry(("unlink", subject(kind.as_str(), relationship)))
                            .or_insert_with(|| (0, population()))
                            .0 += 1;
                    }
                }
                Operation::Delete { row, .. } => {
                    if let Some((part, word)) = part_of(change, row.table.logical) {
                        here.entry(("delete", format!("{}.{word}", kind)))
                            .or_insert_with(|| (0, live_parts(case, part, change.id)))
                            .0 += 1;
                    }
                }
                Operation::Create { .. } | Operation::Update { .. } | Operation::Link { .. } => {}
            }
        }
        for (sort, (count, population)) in here {
            let removed = sorts.entry(sort).or_default();
            removed.count += count;
            removed.population += population;
            removed.first.get_or_insert(index);
            if let Some(reach) = case.reach.changes.get(index) {
                removed.agents.extend(reach.who.iter().copied());
                removed.agents_unknown |= reach.agents.is_none();
            }
        }
    }
    for ((what, subject), mut removed) in sorts {
        if what == "delete" && !subject.contains('.') {
            removed.population = rows_of(case, &subject);
        }
        found.extend(too_much(case, what, subject, &removed));
    }
}

fn too_much(
    case: &Case<'_>,
    what: &'static str,
    subject: String,
    removed: &Removed,
) -> Option<Finding> {
    let limits = case.rules.removals;
    let Removed {
        count, population, ..
    } = *removed;
    let percent = usize::from(limits.max_share_percent);
    let share = population >= MINIMUM_POPULATION && count * 100 > population * percent;
    let agents = removed.agents.len();
    let reached = agents > usize::try_from(limits.max_agents).unwrap_or(usize::MAX);
    let mut reasons = Vec::new();
    if share {
        reasons.push(format!(
            "{count} of {population} ({} %; `removals.maxShare` is {percent} %)",
            count * 100 / population.max(1)
        ));
    }
    if reached {
        reasons.push(format!(
            "{agents} agents are reached (`removals.maxAgents` is {})",
            limits.max_agents
        ));
    }
    if removed.agents_unknown {
        reasons.push("the number of affected agents is unknown".to_owned());
    }
    if reasons.is_empty() {
        return None;
    }
    let verb = if what == "delete" {
        "deletes"
    } else {
        "takes out"
    };
    let message = format!(
        "the plan {verb} {count} of `{subject}`: {}",
        reasons.join(", ")
    );
    let finding = Finding::new(REMOVALS.code, removed.first, message)
        .at(removed
            .first
            .and_then(|index| case.plan.changes[index].declared_at))
        .unless(Allow::new(what, subject, count));
    Some(finding)
}

/// Users who are linked to a profile in the same plan. They move and are not removed.
fn moved_users(case: &Case<'_>) -> BTreeSet<Uuid> {
    let operations = case
        .plan
        .changes
        .iter()
        .flat_map(|change| &change.operations);
    operations
        .filter_map(|operation| match operation {
            Operation::Link {
                relationship,
                member,
                ..
            } if *relationship == &tables::PROFILE_USERS => Some(*member),
            _ => None,
        })
        .collect()
}

fn subject(kind: &str, relationship: &Relationship) -> String {
    format!("{kind}.{}", set_word(relationship.schema_name))
}

/// The part table of a kind with this logical name, and the name of its list.
fn part_of(change: &Change, logical: &str) -> Option<(&'static PartTable, &'static str)> {
    change
        .key
        .kind
        .fields()
        .iter()
        .find_map(|field| match field.holds {
            Holds::Parts(part) if part.table.logical == logical => Some((part, field.word)),
            _ => None,
        })
}

fn live_parts(case: &Case<'_>, part: &'static PartTable, parent: Uuid) -> usize {
    case.live.table(part.table).children(part, parent).count()
}

/// Number of rows of a kind that do not belong to somebody else.
fn rows_of(case: &Case<'_>, kind: &str) -> usize {
    let Some(kind) = Kind::all().find(|known| known.as_str() == kind) else {
        return 0;
    };
    case.live
        .table(kind.table())
        .rows
        .values()
        .filter(|row| !row.is_managed())
        .count()
}

/// Sets and lists that have members and would have none.
fn emptied(case: &Case<'_>, found: &mut Vec<Finding>) {
    let mut sorts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, change) in case.plan.changes.iter().enumerate() {
        if change.action != Action::Update {
            continue;
        }
        for word in emptied_sets(case, change)
            .into_iter()
            .chain(emptied_lists(case, change))
        {
            sorts
                .entry(format!("{}.{word}", change.key.kind))
                .or_default()
                .push(index);
        }
    }
    let left = left_by_all(case);
    if !left.is_empty() {
        sorts.entry(PROFILE_USERS.to_owned()).or_default();
    }
    for (subject, changes) in sorts {
        let left = match subject == PROFILE_USERS {
            true => left.as_slice(),
            false => &[],
        };
        let allow = Allow::new("empty", subject.clone(), changes.len() + left.len());
        for (key, index) in left {
            let message = format!("`users` of {key} would have no member left");
            found.push(
                Finding::new(SET_EMPTIED.code, Some(*index), message)
                    .at(case.plan.changes[*index].declared_at)
                    .unless(allow.clone()),
            );
        }
        for index in &changes {
            let change = &case.plan.changes[*index];
            let word = subject.split_once('.').map_or("", |(_, word)| word);
            let span = change
                .fields
                .iter()
                .find(|field| field.path == word)
                .and_then(|field| field.span);
            found.push(
                Finding::new(
                    SET_EMPTIED.code,
                    Some(*index),
                    format!("`{word}` of {} would have no member left", change.key),
                )
                .at(span.or(change.declared_at))
                .unless(allow.clone()),
            );
        }
    }
}

/// Declared profiles that all users leave for another one, without a change of their own that shows it. Each with a change that takes users.
fn left_by_all(case: &Case<'_>) -> Vec<(ResourceKey, usize)> {
    let mut left: BTreeMap<Uuid, (BTreeSet<Uuid>, usize)> = BTreeMap::new();
    let mut joined: BTreeSet<Uuid> = BTreeSet::new();
    for (index, change) in case.plan.changes.iter().enumerate() {
        for operation in &change.operations {
            match operation {
                Operation::Unlink {
                    relationship,
                    owner,
                    member,
                } if *relationship == &tables::PROFILE_USERS && *owner != change.id => {
                    let left = left.entry(*owner).or_insert((BTreeSet::new(), index));
                    left.0.insert(*member);
                }
                Operation::Link {
                    relationship,
                    owner,
                    ..
                } if *relationship == &tables::PROFILE_USERS => drop(joined.insert(*owner)),
                _ => {}
            }
        }
    }
    let links = case.live.links(&tables::PROFILE_USERS);
    left.retain(|profile, (gone, _)| {
        !joined.contains(profile) && links.members(*profile).all(|user| gone.contains(&user))
    });
    let keys = left.into_iter().map(|(profile, (_, index))| {
        let name = case.live.label(&tables::PROFILE, profile);
        (ResourceKey::new(Kind::APP_PROFILE, &name), index)
    });
    keys.filter(|(key, _)| {
        case.desired.resources.get(key).is_some_and(|declared| {
            let mut sets = declared.sets.iter();
            declared.state != State::Absent
                && sets.any(|set| set.relationship == &tables::PROFILE_USERS)
        })
    })
    .collect()
}

fn emptied_sets(case: &Case<'_>, change: &Change) -> BTreeSet<&'static str> {
    let mut balance: BTreeMap<&'static Relationship, (usize, usize)> = BTreeMap::new();
    for operation in &change.operations {
        match operation {
            Operation::Link {
                relationship,
                owner,
                ..
            } if *owner == change.id => balance.entry(relationship).or_default().0 += 1,
            Operation::Unlink {
                relationship,
                owner,
                ..
            } if *owner == change.id => balance.entry(relationship).or_default().1 += 1,
            _ => {}
        }
    }
    balance
        .into_iter()
        // A profile has one pane; it is removed with `null`, not with an empty set.
        .filter(|(relationship, _)| *relationship != &tables::PROFILE_PANE)
        .filter(|(relationship, (links, unlinks))| {
            *links == 0
                && *unlinks > 0
                && *unlinks >= case.live.links(relationship).members(change.id).count()
        })
        .map(|(relationship, _)| set_word(relationship.schema_name))
        .collect()
}

fn emptied_lists(case: &Case<'_>, change: &Change) -> BTreeSet<&'static str> {
    let mut words = BTreeSet::new();
    for field in change.key.kind.fields() {
        let Holds::Parts(part) = field.holds else {
            continue;
        };
        let (mut came, mut went) = (0, 0);
        for operation in &change.operations {
            match (operation, part.unlisted) {
                (Operation::Create { row, .. }, _) if row.table == part.table => came += 1,
                (Operation::Delete { row, .. }, Unlisted::Delete) if row.table == part.table => {
                    went += 1
                }
                (Operation::Update { row, body, .. }, Unlisted::SwitchOff(column))
                    if row.table == part.table =>
                {
                    went += usize::from(
                        body.iter()
                            .any(|(name, value)| name == column && *value == false.into()),
                    );
                }
                _ => {}
            }
        }
        let parent = lookup_read_name(part.parent_column);
        let live = case
            .live
            .table(part.table)
            .children(part, change.id)
            .filter(|row| {
                debug_assert_eq!(row.row.uuid(&parent), Some(change.id));
                match part.unlisted {
                    Unlisted::SwitchOff(column) => row.row.flag(column) == Some(true),
                    Unlisted::Delete | Unlisted::Leave => true,
                }
            });
        if came == 0 && went > 0 && went >= live.count() {
            words.insert(field.word);
        }
    }
    words
}

/// Reports a kind of which nothing would be left under the owned prefixes. This is more likely a mistake in what was loaded than an
/// intention.
fn prune_to_empty(case: &Case<'_>, found: &mut Vec<Finding>) {
    let mut pruned: BTreeMap<&'static str, (usize, usize)> = BTreeMap::new();
    for (index, change) in case.plan.changes.iter().enumerate() {
        if change.reason == Reason::NotDeclared && change.action == Action::Delete {
            let entry = pruned.entry(change.key.kind.as_str()).or_insert((0, index));
            entry.0 += 1;
        }
    }
    for (kind, (count, first)) in pruned {
        let Some(known) = Kind::all().find(|known| known.as_str() == kind) else {
            continue;
        };
        let left = case.desired.resources.values().any(|resource| {
            resource.key.kind == known && resource.state == deskstate_model::State::Present
        });
        if !left {
            let message =
                format!("pruning would delete {count} of `{kind}` and no document declares any");
            found.push(
                Finding::new(PRUNE_TO_EMPTY.code, Some(first), message)
                    .help("check that all manifests were loaded")
                    .unless(Allow::new("prune", kind, count)),
            );
        }
    }
}
