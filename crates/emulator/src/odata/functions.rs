//! The platform's query functions, by their names in OData and in fetchXml (Web API query function reference).

use uuid::Uuid;

use super::eval::Scope;
use crate::clock::{Moment, Unit};
use crate::error::{Outcome, ServiceError};
use crate::schema::{Kind, Schema, TableId};
use crate::store::IndexKey;
use crate::value::Value;

/// What a function tests about the value of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    In,
    NotIn,
    Between,
    NotBetween,
    /// The column contains the caller, or something that the caller belongs to.
    Is(Whose),
    /// The opposite of [`Function::Is`].
    IsNot(Whose),
    /// The row is in the hierarchy of the rows that the column contains.
    InHierarchy(Place),
    On,
    NotOn,
    OnOrAfter,
    OnOrBefore,
    /// A complete calendar unit, counted from the current one.
    Whole(Unit, i64),
    /// From a number of units ago until now. The number is fixed or a parameter.
    LastX(Unit, Option<i64>),
    /// From now until a number of units ahead.
    NextX(Unit, Option<i64>),
    OlderThanX(Unit),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    User,
    Teams,
    UserOrTeams,
    Unit,
    Language,
    /// The caller, or a user below them according to `parentsystemuserid`.
    UserOrBelow,
    UserOrBelowOrTeams,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Above { itself: bool },
    Under { itself: bool },
    NotUnder,
}

/// Number of values that a function takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    None,
    One,
    Two,
    Some,
}

/// OData name, fetchXml operator, meaning, number of values.
pub(crate) type Known = (&'static str, &'static str, Function, Takes);

use Function::{
    Between, In, InHierarchy, Is, IsNot, LastX, NextX, NotBetween, NotIn, NotOn, OlderThanX, On,
    OnOrAfter, OnOrBefore, Whole,
};
use Unit::{Day, Hour, Minute, Month, Week, Year};

/// The supported functions.
#[rustfmt::skip]
pub(crate) static FUNCTIONS: &[Known] = &[
    ("In", "in", In, Takes::Some),
    ("NotIn", "not-in", NotIn, Takes::Some),
    ("Between", "between", Between, Takes::Two),
    ("NotBetween", "not-between", NotBetween, Takes::Two),
    ("EqualUserId", "eq-userid", Is(Whose::User), Takes::None),
    ("NotEqualUserId", "ne-userid", IsNot(Whose::User), Takes::None),
    ("EqualUserTeams", "eq-userteams", Is(Whose::Teams), Takes::None),
    ("EqualUserOrUserTeams", "eq-useroruserteams", Is(Whose::UserOrTeams), Takes::None),
    ("EqualUserOrUserHierarchy", "eq-useroruserhierarchy", Is(Whose::UserOrBelow), Takes::None),
    ("EqualUserOrUserHierarchyAndTeams", "eq-useroruserhierarchyandteams", Is(Whose::UserOrBelowOrTeams), Takes::None),
    ("EqualBusinessId", "eq-businessid", Is(Whose::Unit), Takes::None),
    ("NotEqualBusinessId", "ne-businessid", IsNot(Whose::Unit), Takes::None),
    ("EqualUserLanguage", "eq-userlanguage", Is(Whose::Language), Takes::None),
    ("Above", "above", InHierarchy(Place::Above { itself: false }), Takes::One),
    ("AboveOrEqual", "eq-or-above", InHierarchy(Place::Above { itself: true }), Takes::One),
    ("Under", "under", InHierarchy(Place::Under { itself: false }), Takes::One),
    ("UnderOrEqual", "eq-or-under", InHierarchy(Place::Under { itself: true }), Takes::One),
    ("NotUnder", "not-under", InHierarchy(Place::NotUnder), Takes::One),
    ("On", "on", On, Takes::One),
    ("NotOn", "not-on", NotOn, Takes::One),
    ("OnOrAfter", "on-or-after", OnOrAfter, Takes::One),
    ("OnOrBefore", "on-or-before", OnOrBefore, Takes::One),
    ("Yesterday", "yesterday", Whole(Day, -1), Takes::None),
    ("Today", "today", Whole(Day, 0), Takes::None),
    ("Tomorrow", "tomorrow", Whole(Day, 1), Takes::None),
    ("LastWeek", "last-week", Whole(Week, -1), Takes::None),
    ("ThisWeek", "this-week", Whole(Week, 0), Takes::None),
    ("NextWeek", "next-week", Whole(Week, 1), Takes::None),
    ("LastMonth", "last-month", Whole(Month, -1), Takes::None),
    ("ThisMonth", "this-month", Whole(Month, 0), Takes::None),
    ("NextMonth", "next-month", Whole(Month, 1), Takes::None),
    ("LastYear", "last-year", Whole(Year, -1), Takes::None),
    ("ThisYear", "this-year", Whole(Year, 0), Takes::None),
    ("NextYear", "next-year", Whole(Year, 1), Takes::None),
    ("Last7Days", "last-seven-days", LastX(Day, Some(7)), Takes::None),
    ("Next7Days", "next-seven-days", NextX(Day, Some(7)), Takes::None),
    ("LastXHours", "last-x-hours", LastX(Hour, None), Takes::One),
    ("LastXDays", "last-x-days", LastX(Day, None), Takes::One),
    ("LastXWeeks", "last-x-weeks", LastX(Week, None), Takes::One),
    ("LastXMonths", "last-x-months", LastX(Month, None), Takes::One),
    ("LastXYears", "last-x-years", LastX(Year, None), Takes::One),
    ("NextXHours", "next-x-hours", NextX(Hour, None), Takes::One),
    ("NextXDays", "next-x-days", NextX(Day, None), Takes::One),
    ("NextXWeeks", "next-x-weeks", NextX(Week, None), Takes::One),
    ("NextXMonths", "next-x-months", NextX(Month, None), Takes::One),
    ("NextXYears", "next-x-years", NextX(Year, None), Takes::One),
    ("OlderThanXMinutes", "olderthan-x-minutes", OlderThanX(Minute), Takes::One),
    ("OlderThanXHours", "olderthan-x-hours", OlderThanX(Hour), Takes::One),
    ("OlderThanXDays", "olderthan-x-days", OlderThanX(Day), Takes::One),
    ("OlderThanXWeeks", "olderthan-x-weeks", OlderThanX(Week), Takes::One),
    ("OlderThanXMonths", "olderthan-x-months", OlderThanX(Month), Takes::One),
    ("OlderThanXYears", "olderthan-x-years", OlderThanX(Year), Takes::One),
];

/// Documented functions for types of columns that no table here has.
static FOR_OTHER_COLUMNS: [&str; 3] = ["Contains", "ContainValues", "DoesNotContainValues"];

/// Documented but unsupported functions. Fiscal periods require a fiscal calendar.
static NOT_CARRIED_OUT: &[&str] = &[
    "EqualRoleBusinessId",
    "InFiscalPeriod",
    "InFiscalPeriodAndYear",
    "InFiscalYear",
    "InOrAfterFiscalPeriodAndYear",
    "InOrBeforeFiscalPeriodAndYear",
    "LastFiscalPeriod",
    "LastFiscalYear",
    "LastXFiscalPeriods",
    "LastXFiscalYears",
    "NextFiscalPeriod",
    "NextFiscalYear",
    "NextXFiscalPeriods",
    "NextXFiscalYears",
    "ThisFiscalPeriod",
    "ThisFiscalYear",
];

/// Finds a function by its OData name.
pub(super) fn named(name: &str) -> Outcome<&'static Known> {
    let is_not_carried_out = NOT_CARRIED_OUT.contains(&name);
    let is_for_others = FOR_OTHER_COLUMNS.contains(&name);
    FUNCTIONS
        .iter()
        .find(|(known, ..)| *known == name)
        .ok_or_else(|| {
            let name = format!("'Microsoft.Dynamics.CRM.{name}'");
            if is_not_carried_out {
                return ServiceError::not_emulated(format_args!("the function {name}"));
            }
            ServiceError::query(if is_for_others {
                format!("The function {name} is not supported for this column.")
            } else {
                format!("An unknown function with name {name} was found.")
            })
        })
}

/// Finds a function by its fetchXml operator.
pub(crate) fn operator(name: &str) -> Option<&'static Known> {
    FUNCTIONS.iter().find(|(_, operator, ..)| *operator == name)
}

/// Rejects a call with too few or too many values, and a hierarchy function on a column without a hierarchy.
pub(crate) fn check(
    schema: &Schema,
    known: &Known,
    (table, column): (TableId, usize),
    values: &[Value],
) -> Outcome<Function> {
    let (name, _, function, takes) = known;
    let fits = match takes {
        Takes::None => values.is_empty(),
        Takes::One => values.len() == 1,
        Takes::Two => values.len() == 2,
        Takes::Some => !values.is_empty(),
    };
    if !fits {
        return Err(ServiceError::query(format!(
            "The function '{name}' was called with {} values.",
            values.len()
        )));
    }
    if matches!(function, InHierarchy(_)) && hierarchy(schema, table, column).is_none() {
        return Err(ServiceError::query(format!(
            "The function '{name}' needs a column of a hierarchical relationship."
        )));
    }
    Ok(*function)
}

/// The table whose rows a column contains, and its column that refers to the parent row.
fn hierarchy(schema: &Schema, table: TableId, column: usize) -> Option<(TableId, usize)> {
    let described = &schema.table(table).columns[column];
    let of = if described.kind == Kind::Id {
        table
    } else {
        described.targets.first()?.table
    };
    let parent = match schema.table(of).name.as_str() {
        "businessunit" => "parentbusinessunitid",
        "systemuser" => "parentsystemuserid",
        _ => return None,
    };
    Some((of, schema.table(of).position(parent)?))
}

impl Scope<'_> {
    /// Whether the value of a column passes; `None` if there is nothing to compare.
    pub(crate) fn function(
        &self,
        function: Function,
        (table, column): (TableId, usize),
        value: &Value,
        values: &[Value],
    ) -> Option<bool> {
        match function {
            Is(whose) => return Some(self.is(whose, value)),
            IsNot(whose) => return Some(!self.is(whose, value)),
            _ if value.is_null() => return None,
            _ => {}
        }
        let first = values.first();
        let is_any = || {
            values
                .iter()
                .any(|other| value.compare(other) == Some(std::cmp::Ordering::Equal))
        };
        let within = || {
            let [low, high] = values else { return None };
            Some(value.compare(low)?.is_ge() && value.compare(high)?.is_le())
        };
        let day = |value: &Value| value.as_text()?.get(..10).map(str::to_owned);
        let moment = || Moment::parse(value.as_text()?);
        let number =
            || first.and_then(|value| value.int().or_else(|| value.as_text()?.parse().ok()));
        let now = self.now;
        Some(match function {
            Is(_) | IsNot(_) => return None,
            In => is_any(),
            NotIn => !is_any(),
            Between => within()?,
            NotBetween => !within()?,
            InHierarchy(place) => {
                let hierarchy = hierarchy(&self.store.schema, table, column)?;
                self.placed(place, hierarchy, value.id()?, id_of(first?)?)
            }
            On => day(value)? == day(first?)?,
            NotOn => day(value)? != day(first?)?,
            OnOrAfter => day(value)? >= day(first?)?,
            OnOrBefore => day(value)? <= day(first?)?,
            Whole(unit, away) => {
                let start = now.start_of(unit).plus(unit, away);
                (start..start.plus(unit, 1)).contains(&moment()?)
            }
            LastX(unit, fixed) => {
                let from = now
                    .start_of(unit.min_day())
                    .plus(unit, -fixed.or_else(number)?);
                (from..=now).contains(&moment()?)
            }
            NextX(unit, fixed) => {
                let after = fixed.or_else(number)?;
                let until = match unit {
                    Hour | Minute => now.plus(unit, after),
                    Day | Week | Month | Year => now.start_of(Day).plus(unit, after).plus(Day, 1),
                };
                (now..until).contains(&moment()?)
            }
            OlderThanX(unit) => moment()? < now.plus(unit, -number()?),
        })
    }

    fn is(&self, whose: Whose, value: &Value) -> bool {
        let caller = self.caller;
        let id = value.id();
        let user = id == Some(caller.user);
        let team = || id.is_some_and(|id| caller.teams.contains(&id));
        let below = || {
            let schema = &self.store.schema;
            let users = schema.named("systemuser");
            let parent = users.and_then(|users| {
                Some((users, schema.table(users).position("parentsystemuserid")?))
            });
            id.zip(parent)
                .is_some_and(|(id, users)| self.is_below(users, id, caller.user))
        };
        match whose {
            Whose::User => user,
            Whose::Teams => team(),
            Whose::UserOrTeams => user || team(),
            Whose::Unit => id == Some(caller.business_unit),
            Whose::Language => value.int() == Some(caller.language),
            Whose::UserOrBelow => user || below(),
            Whose::UserOrBelowOrTeams => user || team() || below(),
        }
    }

    fn placed(&self, place: Place, hierarchy: (TableId, usize), id: Uuid, named: Uuid) -> bool {
        match place {
            Place::Under { itself } => itself && id == named || self.is_below(hierarchy, id, named),
            Place::Above { itself } => itself && id == named || self.is_below(hierarchy, named, id),
            Place::NotUnder => id != named && !self.is_below(hierarchy, id, named),
        }
    }

    /// Whether a row has another row among its ancestors. Stops if the ancestors form a cycle.
    fn is_below(&self, (table, parent): (TableId, usize), id: Uuid, above: Uuid) -> bool {
        let mut at = id;
        for _ in 0..self.store.len(table) {
            match self
                .store
                .get(table, at)
                .and_then(|row| row.cells[parent].id())
            {
                Some(next) if next == above => return true,
                Some(next) => at = next,
                None => return false,
            }
        }
        false
    }

    /// The values of a function that can be found through an index.
    pub(crate) fn looked_up(&self, function: Function, values: &[Value]) -> Option<Vec<Value>> {
        match function {
            In => Some(values.to_vec()),
            Is(Whose::User) => Some(vec![Value::Id(self.caller.user)]),
            _ => None,
        }
    }
}

fn id_of(value: &Value) -> Option<Uuid> {
    value.id().or_else(|| match IndexKey::of(value) {
        Some(IndexKey::Text(text)) => Uuid::try_parse(text.trim_matches(['{', '}'])).ok(),
        _ => None,
    })
}
