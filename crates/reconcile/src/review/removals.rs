//! Removals of a plan: how much of the existing configuration, and from how many agents.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Cell, Value};
use deskstate_model::{
    Explanation, Holds, Kind, PartIdentity, PartTable, Relationship, State, Table, Unlisted,
    lookup_read_name, tables,
};
use uuid::Uuid;

use super::{Allow, Case, Finding};
use crate::apps::Apps;
use crate::kinds;
use crate::live::part_identity;
use crate::plan::{Action, Change, Operation, Reason, RowTarget};
use crate::reach::{OF_DEFAULT, OF_ROLE, OF_WORKSTREAM};
use crate::referrers::set_word;
use crate::state::{RowKey, fold};
use crate::value::ids_of;
use crate::writes::{arrivals, departures};

pub(crate) const PRUNE_TO_EMPTY: Explanation = Explanation::new(
    "prune-to-empty",
    "Pruning would delete all resources of a kind.",
    "Usually this means that a folder was not loaded.",
    "Check that all manifests were loaded. To delete them on purpose, use the `--allow prune=…` that the finding prints.",
);

pub(crate) const REMOVALS: Explanation = Explanation::new(
    "removals",
    "A plan removes more than `removals` allows: too large a share of the existing rows or links, if there are 10 or more, or something that too many agents use. Switching off a row, such as a profile, or a tool of a pane counts, too, and so does a profile that goes to another app.",
    "A mistake in a set or a missing folder looks like an intended delete. If the agents cannot be counted, deskstate assumes that they are too many.",
    "Check what the plan removes. To remove it on purpose, use the `--allow delete=…`, `deactivate=…` or `unlink=…` that the finding prints, or change `removals`.",
);

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
    prune_to_empty(case, found);
}

fn thresholds(case: &Case<'_>, found: &mut Vec<Finding>) {
    // In one app, who gets a profile in the same plan moves and is not removed.
    let arrivals = arrivals(case.plan.changes.iter());
    let apps = Apps::of(case.plan, case.live);
    // Nobody gets a desktop by a profile that is switched off.
    let off = switched_off(case, &tables::PROFILE);
    let leaving_all = leaving(case);
    let moves = |user: Uuid, from: Uuid| {
        let to = arrivals.range((user, Uuid::nil())..=(user, Uuid::max()));
        let to = to.map(|(_, profile)| *profile);
        // Who keeps another profile loses nothing, either.
        let kept = case.live.links(&tables::PROFILE_USERS).owners(user).iter();
        let kept = kept.filter(|profile| !leaving_all.contains(&(user, **profile)));
        let mut rest = to.chain(kept.copied()).filter(|profile| *profile != from);
        rest.any(|profile| apps.are_one(profile, from) == Some(true) && !off.contains(&profile))
    };
    let mut sorts: BTreeMap<(&'static str, String), Removed> = BTreeMap::new();
    for (index, change) in case.plan.changes.iter().enumerate() {
        let mut here: BTreeMap<(&'static str, String), (usize, usize)> = BTreeMap::new();
        // Rows whose links were counted, for one change can take a user out of several profiles.
        let mut counted = BTreeSet::new();
        let mut leaving = BTreeSet::new();
        let mut of_users = BTreeSet::new();
        let kind = change.key.kind;
        // Who holds the roles that such lists name is not counted.
        let mut lists = BTreeSet::new();
        for list in id_lists(case, change) {
            let gone = list.before.difference(&list.after).count();
            if gone > 0 {
                let sort = ("unlink", format!("{kind}.{}", list.word));
                here.insert(sort.clone(), (gone, list.before.len()));
                lists.insert(sort);
            }
        }
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
                    // A user can leave by the change of the profile that gets the user.
                    let of_profile = *relationship == &tables::PROFILE_USERS;
                    let a_move = of_profile && moves(*member, *owner);
                    if (*owner == change.id || of_profile) && !a_move {
                        let sort = ("unlink", subject(kind.as_str(), relationship));
                        let (count, population) = here.entry(sort).or_default();
                        *count += 1;
                        leaving.insert((*member, *owner));
                        if of_profile {
                            of_users.insert(subject(kind.as_str(), relationship));
                        }
                        if counted.insert((*relationship, *owner)) {
                            *population += case.live.links(relationship).members(*owner).count();
                        }
                    }
                }
                Operation::Delete { row, .. } => {
                    if let Some((part, word)) = part_of(change, row.table.logical) {
                        here.entry(("delete", format!("{}.{word}", kind)))
                            .or_insert_with(|| (0, live_parts(case, part, change.id)))
                            .0 += 1;
                    }
                }
                Operation::Update { row, body, .. } if row.id == change.id => {
                    let leaves = leaves_app(case, row, body) && has_agents(case, change.id);
                    if switches_off(kind, body) || leaves {
                        here.entry(("deactivate", kind.as_str().to_owned()))
                            .or_default()
                            .0 += 1;
                    }
                }
                Operation::Update { row, body, .. } if gets_another(case, row, body) => {
                    if let Some((part, word)) = part_of(change, row.table.logical) {
                        here.entry(("delete", format!("{kind}.{word}")))
                            .or_insert_with(|| (0, live_parts(case, part, change.id)))
                            .0 += 1;
                    }
                }
                Operation::Update { row, body, .. } => {
                    if let Some((part, word)) = part_of(change, row.table.logical)
                        && let Unlisted::SwitchOff(column) = part.unlisted
                        && is_set(body, column, &false.into())
                    {
                        here.entry(("deactivate", format!("{kind}.{word}")))
                            .or_insert_with(|| (0, live_parts(case, part, change.id)))
                            .0 += 1;
                    }
                }
                Operation::Create { .. } | Operation::Link { .. } => {}
            }
        }
        let does_nothing = is_off_already(case, change);
        let by_role = match arrivals.is_empty() {
            true => BTreeSet::new(),
            false => by_role(case, change.id),
        };
        for (sort, (count, population)) in here {
            let what = sort.0;
            let of_row = change.action == Action::Delete || what == "deactivate";
            let takes_all = of_row || lists.contains(&sort);
            let is_of_users = what == "unlink" && of_users.contains(&sort.1);
            let removed = sorts.entry(sort).or_default();
            removed.count += count;
            removed.population += population;
            removed.first.get_or_insert(index);
            if does_nothing {
                // Who leaves another profile for this one notices it.
                let elsewhere = leaving.iter().filter(|(_, owner)| *owner != change.id);
                removed.agents.extend(elsewhere.map(|(user, _)| *user));
            } else if let Some(reach) = case.reach.changes.get(index) {
                // Who only gets the profile, and did not have it by a role, loses nothing.
                let loses = |user: &Uuid| {
                    let mut left = leaving.range((*user, Uuid::nil())..=(*user, Uuid::max()));
                    left.next().is_some()
                        || !is_of_users
                            && (by_role.contains(user) || !arrivals.contains(&(*user, change.id)))
                };
                let who = reach.who.iter().copied().filter(loses);
                removed.agents.extend(who);
                // Agents who are not counted may be any number. Of a template that a workstream names, another finding asks.
                // An undo deletes what its apply made.
                let is_undo = change.reason == Reason::StateAbsent && change.declared_at.is_none();
                let is_counted = is_undo
                    || !reach.uncounted.iter().any(|who| match what {
                        // Nobody can know it, so it is said and does not stop every plan.
                        _ if who == OF_DEFAULT => false,
                        // Who has the profile by a role keeps it.
                        _ if is_of_users => false,
                        _ if takes_all => !who.starts_with(OF_WORKSTREAM),
                        _ => who.starts_with(OF_ROLE),
                    });
                removed.agents_unknown |= reach.agents.is_none() || !is_counted;
            }
        }
    }
    for ((what, subject), mut removed) in sorts {
        if what != "unlink" && !subject.contains('.') {
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
    let verb = match what {
        "delete" => "deletes",
        "deactivate" if subject == Kind::APP_PROFILE.as_str() => {
            "switches off, or moves to another app,"
        }
        "deactivate" => "switches off",
        _ => "takes out",
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

/// Users whom the plan takes out of profiles, with these profiles, also those that it deletes.
fn leaving(case: &Case<'_>) -> BTreeSet<(Uuid, Uuid)> {
    let mut found = departures(case.plan.changes.iter());
    let operations = case
        .plan
        .changes
        .iter()
        .flat_map(|change| &change.operations);
    for operation in operations {
        if let Operation::Delete { row, .. } = operation
            && row.table == &tables::PROFILE
        {
            let users = case.live.links(&tables::PROFILE_USERS).members(row.id);
            found.extend(users.map(|user| (user, row.id)));
        }
    }
    found
}

/// Whether a change leaves the row of a resource there, but without effect for agents.
pub(super) fn is_switched_off(change: &Change) -> bool {
    change.operations.iter().any(|operation| match operation {
        Operation::Update { row, body, .. } => {
            row.id == change.id && switches_off(change.key.kind, body)
        }
        _ => false,
    })
}

/// Users who have a profile by a security role.
fn by_role(case: &Case<'_>, profile: Uuid) -> BTreeSet<Uuid> {
    let role = lookup_read_name(kinds::mapped_role());
    let mappings = case.live.table(&tables::ROLE_MAPPING);
    mappings
        .children(&tables::ROLES, profile)
        .filter_map(|mapping| mapping.row.uuid(&role))
        .filter_map(|role| {
            let root = case.live.role_root(role);
            case.live.found.role_holders.get(&root)
        })
        .flat_map(|holders| holders.users.iter().copied())
        .collect()
}

/// Whether the row of a resource is switched off and stays so: no agent notices what a change takes from it.
fn is_off_already(case: &Case<'_>, change: &Change) -> bool {
    let row = case.live.row(change.key.kind.table(), change.id);
    let switches_on = change.operations.iter().any(|operation| match operation {
        Operation::Update { row, body, .. } => {
            row.id == change.id && is_set(body, tables::STATUS.column, &Value::Cell(Cell::Int(0)))
        }
        _ => false,
    });
    row.is_some_and(|row| kinds::is_inactive(&row.row)) && !switches_on
}

/// Rows of a table that are switched off when the plan is done.
pub(super) fn switched_off(case: &Case<'_>, table: &'static Table) -> BTreeSet<Uuid> {
    let rows = case.live.table(table).rows.values();
    let off = rows.filter(|row| kinds::is_inactive(&row.row));
    let mut off: BTreeSet<Uuid> = off.map(|row| row.id).collect();
    for operation in case
        .plan
        .changes
        .iter()
        .flat_map(|change| &change.operations)
    {
        if let Operation::Create { row, body, .. } | Operation::Update { row, body, .. } = operation
            && row.table == table
            && let Some((_, value)) = body.iter().find(|(name, _)| name == tables::STATUS.column)
        {
            match *value == Value::Cell(Cell::Int(0)) {
                true => off.remove(&row.id),
                false => off.insert(row.id),
            };
        }
    }
    off
}

/// Whether a profile goes to another app: its users lose their desktop in the one that it had.
fn leaves_app(case: &Case<'_>, row: &RowTarget, body: &[(String, Value)]) -> bool {
    let column = kinds::profile("app").column;
    let after = body.iter().find(|(name, _)| name == column);
    let before = crate::apps::live_app(case.live, row.id);
    match (row.table == &tables::PROFILE, before, after) {
        (true, Some(before), Some((_, Value::Cell(Cell::Text(after))))) => fold(after) != before,
        (true, Some(_), Some(_)) => true,
        _ => false,
    }
}

/// Whether a profile has users or roles.
fn has_agents(case: &Case<'_>, profile: Uuid) -> bool {
    let mut users = case.live.links(&tables::PROFILE_USERS).members(profile);
    users.next().is_some() || live_parts(case, &tables::ROLES, profile) > 0
}

/// Whether a part is for another target than before, such as a role mapping that gets another role: the one that it had is removed.
fn gets_another(case: &Case<'_>, row: &RowTarget, body: &[(String, Value)]) -> bool {
    let Some(part) = kinds::part_of(row.table) else {
        return false;
    };
    let PartIdentity::Lookup(field) = part.identity else {
        return false;
    };
    let live = case.live.row(row.table, row.id);
    let before = live.and_then(|live| part_identity(part, &live.row));
    let after = body.iter().find_map(|(name, value)| match value {
        Value::Bind { id, .. } if name == field => Some(id.to_string()),
        _ => None,
    });
    matches!((before, after), (Some(before), Some(after)) if before != after)
}

fn switches_off(kind: Kind, body: &[(String, Value)]) -> bool {
    let deactivated = body
        .iter()
        .any(|(name, value)| name == tables::STATUS.column && *value != Value::Cell(Cell::Int(0)));
    let disabled = kind == Kind::PRODUCTIVITY_PANE && {
        let enabled = kinds::field(kind.fields(), "enabled");
        is_set(body, enabled.column, &false.into())
    };
    deactivated || disabled
}

pub(super) fn is_set(body: &[(String, Value)], column: &str, to: &Value) -> bool {
    body.iter()
        .any(|(name, value)| name == column && value == to)
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

pub(super) fn live_parts(case: &Case<'_>, part: &'static PartTable, parent: Uuid) -> usize {
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

/// A column that lists ids, before and after a change, without those that are always there.
pub(super) struct IdList {
    pub(super) word: &'static str,
    pub(super) before: BTreeSet<Uuid>,
    pub(super) after: BTreeSet<Uuid>,
}

/// The columns with lists of ids that a change writes. A new text that lists no ids counts as empty.
pub(super) fn id_lists(case: &Case<'_>, change: &Change) -> Vec<IdList> {
    let table = change.key.kind.table();
    let row = case.live.row(table, change.id);
    let written = |column: &str| {
        let mut operations = change.operations.iter();
        operations.find_map(|operation| match operation {
            Operation::Update { row, body, .. } if row.id == change.id => {
                let (_, value) = body.iter().find(|(name, _)| name == column)?;
                Some(match value {
                    Value::Cell(Cell::Text(text)) => ids_of(text).unwrap_or_default(),
                    _ => BTreeSet::new(),
                })
            }
            _ => None,
        })
    };
    let fields = change.key.kind.fields().iter();
    let lists = fields.filter_map(|field| {
        let Holds::Ids { to, always } = field.holds else {
            return None;
        };
        let target = kinds::target_table(to);
        let is_always = |id: &Uuid| always.contains(&case.live.label(target, *id).as_str());
        let text = row.and_then(|row| row.row.text(field.column));
        let (mut before, mut after) = (ids_of(text.unwrap_or_default())?, written(field.column)?);
        before.retain(|id| !is_always(id));
        after.retain(|id| !is_always(id));
        Some(IdList {
            word: field.word,
            before,
            after,
        })
    });
    lists.collect()
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
        let left = case.desired.declared().any(|resource| {
            let mut items = resource.parts.iter();
            let has_item = items.any(
                |row| matches!(&row.key, RowKey::Named { table, .. } if *table == known.table()),
            );
            has_item || resource.key.kind == known && resource.state == State::Present
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
