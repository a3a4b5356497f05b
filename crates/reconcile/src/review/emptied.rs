//! Sets and lists of which nothing would remain.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Cell, Value};
use deskstate_model::{
    Explanation, Holds, Kind, PartTable, Referent, Relationship, ResourceKey, State, Table,
    Unlisted, lookup_read_name, tables,
};
use uuid::Uuid;

use super::removals::{id_lists, is_set, live_parts, switched_off};
use super::{Allow, Case, Finding};
use crate::kinds;
use crate::plan::{Action, Change, Operation};
use crate::referrers::set_word;
use crate::state::Universe;

pub(crate) const SET_EMPTIED: Explanation = Explanation::new(
    "set-emptied",
    "A plan would remove all members of a set or list. Users who cannot sign in and rows that are switched off do not count as members.",
    "`[]` removes every user, tab or channel, and is easily written by mistake.",
    "Remove the key if the set is not yours. To empty it on purpose, use the `--allow empty=…` that the finding prints.",
);

/// Reports sets and lists that have members and would have none.
pub(super) fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    let mut sorts: BTreeMap<String, BTreeSet<Emptied>> = BTreeMap::new();
    let mut add = |one: Emptied| {
        let subject = format!("{}.{}", one.key.kind, one.word);
        sorts.entry(subject).or_default().insert(one);
    };
    emptied_sets(case).into_iter().for_each(&mut add);
    for (index, change) in case.plan.changes.iter().enumerate() {
        if change.action == Action::Update {
            let columns = emptied_columns(case, change).into_iter();
            let lists = emptied_lists(case, change).into_iter();
            lists
                .chain(columns.map(|word| (word, false)))
                .map(|(word, rest)| Emptied {
                    index,
                    key: change.key.clone(),
                    word,
                    rest,
                })
                .for_each(&mut add);
        }
    }
    for (subject, emptied) in sorts {
        let allow = Allow::new("empty", subject, emptied.len());
        for Emptied {
            index,
            key,
            word,
            rest,
        } in emptied
        {
            let change = &case.plan.changes[index];
            let mut fields = change.fields.iter();
            let own = fields.find(|field| change.key == key && field.path == word);
            let rest = match rest {
                true => " that is switched on or can sign in",
                false => "",
            };
            let message = format!("`{word}` of {key} would have no member left{rest}");
            found.push(
                Finding::new(SET_EMPTIED.code, Some(index), message)
                    .at(own.and_then(|field| field.span).or(change.declared_at))
                    .unless(allow.clone()),
            );
        }
    }
}

/// A set or list that has members and would have none, with a change that takes some.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Emptied {
    index: usize,
    key: ResourceKey,
    word: &'static str,
    /// Whether members stay that do not count.
    rest: bool,
}

/// Members of one side of a relationship that come and go, in whichever change.
struct Balance {
    comes: BTreeSet<Uuid>,
    goes: BTreeSet<Uuid>,
    /// The change of the owner, otherwise the first that takes a member.
    index: usize,
}

fn emptied_sets(case: &Case<'_>) -> Vec<Emptied> {
    let mut balances: BTreeMap<(&'static Relationship, Uuid), Balance> = BTreeMap::new();
    for (index, change) in case.plan.changes.iter().enumerate() {
        for operation in &change.operations {
            let (relationship, owner, member, comes) = match operation {
                Operation::Link {
                    relationship,
                    owner,
                    member,
                } => (*relationship, *owner, *member, true),
                Operation::Unlink {
                    relationship,
                    owner,
                    member,
                } => (*relationship, *owner, *member, false),
                _ => continue,
            };
            let balance = balances.entry((relationship, owner)).or_insert(Balance {
                comes: BTreeSet::new(),
                goes: BTreeSet::new(),
                index,
            });
            if owner == change.id {
                balance.index = index;
            }
            match comes {
                true => balance.comes.insert(member),
                false => balance.goes.insert(member),
            };
        }
    }
    let mut off: BTreeMap<&'static Table, BTreeSet<Uuid>> = BTreeMap::new();
    let found = balances.into_iter();
    found
        // A profile has one pane; it is removed with `null`, not with an empty set.
        .filter(|((relationship, _), _)| *relationship != &tables::PROFILE_PANE)
        .filter_map(|((relationship, owner), balance)| {
            let change = &case.plan.changes[balance.index];
            let key = match change.id == owner {
                true => (change.action == Action::Update).then(|| change.key.clone())?,
                false => declared_owner(case, relationship, owner)?,
            };
            let table = relationship.member;
            let off = off
                .entry(table)
                .or_insert_with(|| switched_off(case, table));
            let rest = emptied(case, relationship, owner, &key, &balance, off)?;
            Some(Emptied {
                index: balance.index,
                key,
                word: set_word(relationship.schema_name),
                rest,
            })
        })
        .collect()
}

/// The resource of a row, if it declares a set of this relationship.
fn declared_owner(
    case: &Case<'_>,
    relationship: &'static Relationship,
    owner: Uuid,
) -> Option<ResourceKey> {
    let row = case.live.row(relationship.owner, owner)?;
    let name = kinds::name_of(relationship.owner, &row.row)?;
    let key = ResourceKey::new(Kind::of_table(relationship.owner)?, &name);
    let declared = case.desired.resources.get(&key)?;
    let mut sets = declared.sets.iter();
    let has_set = sets.any(|set| set.relationship == relationship);
    (declared.state != State::Absent && has_set).then_some(key)
}

/// If all members that count go and none comes, whether others stay. The members are those of the relationship, or those that a set covers,
/// such as all channels but the product's own.
fn emptied(
    case: &Case<'_>,
    relationship: &'static Relationship,
    owner: Uuid,
    key: &ResourceKey,
    balance: &Balance,
    off: &BTreeSet<Uuid>,
) -> Option<bool> {
    // Users who cannot sign in, and what is switched off, do not count as the rest.
    let is_fit = |id: &Uuid| {
        let user = case.live.found.users.get(id);
        let is_user = relationship.member == &tables::USER;
        !off.contains(id) && (!is_user || user.is_none_or(|user| user.unfit().is_none()))
    };
    let members = case.live.links(relationship).members(owner);
    let members: Vec<Uuid> = members.filter(is_fit).collect();
    let is_empty = |apart: Option<Uuid>| {
        let mut covered = members.iter().filter(|id| Some(**id) != apart).peekable();
        covered.peek().is_some()
            && covered.all(|id| balance.goes.contains(id))
            && balance
                .comes
                .iter()
                .all(|id| Some(*id) == apart || off.contains(id))
    };
    let declared = case.desired.resources.get(key);
    let sets = declared.into_iter().flat_map(|declared| &declared.sets);
    let mut apart = sets
        .filter(|set| set.relationship == relationship)
        .filter_map(|set| match &set.universe {
            Universe::Except(key) => case.live.find(key).one(),
            Universe::All | Universe::Only(_) => None,
        });
    let apart = match is_empty(None) {
        true => None,
        false => Some(apart.find(|id| is_empty(Some(*id)))?),
    };
    let mut stay = case.live.links(relationship).members(owner);
    let mut comes = balance.comes.iter();
    let stays = stay.any(|id| Some(id) != apart && !balance.goes.contains(&id));
    Some(stays || comes.any(|id| Some(*id) != apart))
}

/// Lists of parts that have items and would have none, and whether items stay that are switched off.
fn emptied_lists(case: &Case<'_>, change: &Change) -> BTreeSet<(&'static str, bool)> {
    let mut words = BTreeSet::new();
    for field in change.key.kind.fields() {
        let Holds::Parts(part) = field.holds else {
            continue;
        };
        let parent = lookup_read_name(part.parent_column);
        let live: BTreeSet<Uuid> = case
            .live
            .table(part.table)
            .children(part, change.id)
            .filter(|row| {
                debug_assert_eq!(row.row.uuid(&parent), Some(change.id));
                let is_on = match part.unlisted {
                    Unlisted::SwitchOff(column) => row.row.flag(column) == Some(true),
                    Unlisted::Delete | Unlisted::Leave => true,
                };
                is_on && !kinds::is_inactive(&row.row)
            })
            .map(|row| row.id)
            .collect();
        let (mut came, mut went) = (0, 0);
        for operation in &change.operations {
            match (operation, part.unlisted) {
                (Operation::Create { row, body, .. }, _) if row.table == part.table => {
                    came += usize::from(!comes_off(case, part, body));
                }
                (Operation::Delete { row, .. }, Unlisted::Delete) if row.table == part.table => {
                    went += usize::from(live.contains(&row.id));
                }
                (Operation::Update { row, body, .. }, Unlisted::SwitchOff(column))
                    if row.table == part.table =>
                {
                    let goes = live.contains(&row.id) && is_set(body, column, &false.into());
                    went += usize::from(goes);
                    let is_on_now = is_set(body, column, &true.into());
                    came += usize::from(is_on_now && !live.contains(&row.id));
                }
                _ => {}
            }
        }
        if came == 0 && went > 0 && went >= live.len() {
            let deleted = change
                .operations
                .iter()
                .filter(|operation| match operation {
                    Operation::Delete { row, .. } => row.table == part.table,
                    _ => false,
                });
            let stay = live_parts(case, part, change.id) > deleted.count();
            words.insert((field.word, stay && part.unlisted == Unlisted::Delete));
        }
    }
    words
}

/// Whether a new part is switched off, or is for something that is when the plan is done.
fn comes_off(case: &Case<'_>, part: &PartTable, body: &[(String, Value)]) -> bool {
    let by_flag = match part.unlisted {
        Unlisted::SwitchOff(column) => is_set(body, column, &false.into()),
        Unlisted::Delete | Unlisted::Leave => false,
    };
    let inactive = Value::Cell(Cell::Int(1));
    let mut identities = part.fields.iter().filter(|field| part.is_identity(field));
    let table = identities.find_map(|field| match field.holds {
        Holds::Lookup {
            to: Referent::Named(table),
            ..
        } => Some(table),
        _ => None,
    });
    let is_off = |table: &'static Table| {
        let mut bound = body.iter();
        bound.any(|(_, value)| match value {
            Value::Bind { set, id } if *set == table.set => switched_off(case, table).contains(id),
            _ => false,
        })
    };
    by_flag || is_set(body, tables::STATUS.column, &inactive) || table.is_some_and(is_off)
}

/// Columns that list ids, such as the roles that see a provider, and that would list none but those that are always there.
fn emptied_columns(case: &Case<'_>, change: &Change) -> Vec<&'static str> {
    let lists = id_lists(case, change).into_iter();
    let emptied = lists.filter(|list| !list.before.is_empty() && list.after.is_empty());
    emptied.map(|list| list.word).collect()
}
