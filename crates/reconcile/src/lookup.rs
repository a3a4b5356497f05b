//! Finds live rows: by key, and by the names of users, roles, teams and other looked-up rows.

use uuid::Uuid;

use crate::live::{Access, Live, Role, User};
use crate::state::{Lookup, PartName, RowKey, fold};

/// The result of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// One row.
    One(Uuid),
    /// No row, and none can be hidden.
    None,
    /// Several rows have this identity.
    Several(Vec<Uuid>),
    /// One row that must not be used, and why.
    Unfit(Uuid, &'static str),
    /// Unknown: the table could not be read completely.
    Unknown(String),
}

impl Match {
    /// The row, if there is exactly one.
    pub fn one(&self) -> Option<Uuid> {
        match self {
            Self::One(id) => Some(*id),
            Self::None | Self::Several(_) | Self::Unfit(..) | Self::Unknown(_) => None,
        }
    }

    /// The result for a part of a row that does not exist. The part does not exist either, unless its table may hide rows.
    fn nowhere(access: &Access) -> Self {
        match access {
            Access::Whole | Access::Absent => Self::None,
            Access::Partial(why) | Access::Refused(why) => Self::Unknown(why.clone()),
        }
    }

    fn of(ids: &[Uuid], access: &Access) -> Self {
        match ids {
            [id] => Self::One(*id),
            [] => match access {
                Access::Whole | Access::Absent => Self::None,
                Access::Partial(why) | Access::Refused(why) => Self::Unknown(why.clone()),
            },
            several => Self::Several(several.to_vec()),
        }
    }
}

impl Live {
    /// Finds the live row with this key.
    pub fn find(&self, key: &RowKey) -> Match {
        match key {
            RowKey::Named { table, name } => {
                let live = self.table(table);
                Match::of(live.named(name.folded()), &live.access)
            }
            RowKey::Part { table, of, part } => {
                let live = self.table(table);
                let Some(parent) = self.find(of).one() else {
                    return Match::nowhere(&live.access);
                };
                if let PartName::Row(target) = part
                    && let Match::Unknown(why) = self.find(target)
                {
                    return Match::Unknown(why);
                }
                match self.identity(part) {
                    Some(identity) => Match::of(live.parts_of(parent, &identity), &live.access),
                    None => Match::nowhere(&live.access),
                }
            }
            RowKey::Found(lookup) => self.look_up(lookup),
        }
    }

    /// The identity of a part within its parent, in the form that [`crate::live::part_identity`] returns.
    pub(crate) fn identity(&self, part: &PartName) -> Option<String> {
        Some(match part {
            PartName::Text(text) => text.clone(),
            PartName::Number(number) => number.to_string(),
            PartName::Row(key) => self.find(key).one()?.to_string(),
        })
    }

    /// Finds a looked-up row.
    pub fn look_up(&self, lookup: &Lookup) -> Match {
        if let Some(why) = self.found.refused.get(lookup.noun()) {
            return Match::Unknown(why.clone());
        }
        match lookup {
            Lookup::Organization => match self.facts.organization {
                Some(id) => Match::One(id),
                None => Match::Unknown(
                    "the environment did not say which organization it is".to_owned(),
                ),
            },
            Lookup::User(name) => self.user(name),
            Lookup::Team(name) => match self
                .found
                .teams
                .get(&fold(name))
                .map_or(&[][..], Vec::as_slice)
            {
                [] => Match::None,
                [team] => Match::One(team.id),
                several => Match::Several(several.iter().map(|team| team.id).collect()),
            },
            Lookup::Role {
                name,
                business_unit,
            } => self.role(name, business_unit.as_deref()),
            Lookup::WebResource(_)
            | Lookup::Macro(_)
            | Lookup::View { .. }
            | Lookup::Form { .. }
            | Lookup::Dashboard(_)
            | Lookup::Row { .. } => {
                match self.found.rows.get(lookup).map_or(&[][..], Vec::as_slice) {
                    [] => Match::None,
                    [id] => Match::One(*id),
                    several => Match::Several(several.to_vec()),
                }
            }
        }
    }

    /// Finds a user by Entra object id, otherwise by principal name, otherwise by e-mail. Disabled, deleted and application users are
    /// skipped if there is another match.
    fn user(&self, name: &str) -> Match {
        let candidates: Vec<&User> = self
            .found
            .users_by_name
            .get(&fold(name))
            .into_iter()
            .flatten()
            .filter_map(|id| self.found.users.get(id))
            .collect();
        let folded = fold(name);
        let by_object_id =
            |user: &&&User| user.object_id.is_some_and(|id| id.to_string() == folded);
        let by_name = |user: &&&User| fold(&user.name) == folded;
        let mut best: Vec<&User> = candidates.iter().filter(by_object_id).copied().collect();
        if best.is_empty() {
            best = candidates.iter().filter(by_name).copied().collect();
        }
        if best.is_empty() {
            best = candidates;
        }
        let fit: Vec<Uuid> = best
            .iter()
            .filter(|user| user.unfit().is_none())
            .map(|user| user.id)
            .collect();
        match (fit.as_slice(), best.first()) {
            ([id], _) => Match::One(*id),
            ([], None) => Match::None,
            ([], Some(user)) => Match::Unfit(user.id, user.unfit().unwrap_or("not usable")),
            (several, _) => Match::Several(several.to_vec()),
        }
    }

    /// A name without a business unit means the role of the root business unit.
    fn role(&self, name: &str, business_unit: Option<&str>) -> Match {
        let fits = |role: &&Role| match business_unit {
            None => role.root == role.id,
            Some(unit) => role
                .business_unit
                .and_then(|id| self.found.business_units.get(&id))
                .is_some_and(|(name, _)| fold(name) == fold(unit)),
        };
        let named = self.found.roles.named(name);
        let found: Vec<Uuid> = named.filter(fits).map(|role| role.id).collect();
        match found.as_slice() {
            [] => Match::None,
            [id] => Match::One(*id),
            several => Match::Several(several.to_vec()),
        }
    }
}
