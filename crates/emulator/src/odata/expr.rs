//! Conditions over rows, bound to columns.

use crate::like::Pattern;
use crate::schema::{Navigation, TableId};
use crate::value::Value;

/// A condition over a row.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Always(bool),
    Compare(Operator, Operand, Operand),
    /// A LIKE match.
    Matches(Operand, Pattern),
    /// `Microsoft.Dynamics.CRM.In` and its kin.
    Function(Function, Path, Vec<Value>),
    /// Some (`any`) or all (`all`) rows of a collection.
    Lambda {
        any: bool,
        row: usize,
        through: Navigation,
        of: TableId,
        body: Option<Box<Expr>>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Debug, Clone)]
pub(crate) enum Operand {
    Column(Path),
    Literal(Value),
}

/// A column, reached from a row in scope through lookups.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    /// 0: the row itself; n: the variable of the n-th enclosing lambda.
    pub(crate) row: usize,
    pub(crate) through: Vec<(usize, TableId)>,
    pub(crate) column: usize,
    pub(crate) table: TableId,
}

/// Query functions of the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    In,
    NotIn,
    Between,
    NotBetween,
    EqualUserId,
    NotEqualUserId,
    EqualUserTeams,
    EqualUserOrUserTeams,
    EqualBusinessId,
    NotEqualBusinessId,
    EqualUserLanguage,
    On,
    NotOn,
    OnOrAfter,
    OnOrBefore,
    Today,
    Yesterday,
    LastDays,
    OlderThanDays,
    LastHours,
}

impl Function {
    pub(super) fn named(name: &str) -> Option<(Function, Option<i64>)> {
        Some(match name {
            "In" => (Function::In, None),
            "NotIn" => (Function::NotIn, None),
            "Between" => (Function::Between, None),
            "NotBetween" => (Function::NotBetween, None),
            "EqualUserId" => (Function::EqualUserId, None),
            "NotEqualUserId" => (Function::NotEqualUserId, None),
            "EqualUserTeams" => (Function::EqualUserTeams, None),
            "EqualUserOrUserTeams" => (Function::EqualUserOrUserTeams, None),
            "EqualBusinessId" => (Function::EqualBusinessId, None),
            "NotEqualBusinessId" => (Function::NotEqualBusinessId, None),
            "EqualUserLanguage" => (Function::EqualUserLanguage, None),
            "On" => (Function::On, None),
            "NotOn" => (Function::NotOn, None),
            "OnOrAfter" => (Function::OnOrAfter, None),
            "OnOrBefore" => (Function::OnOrBefore, None),
            "Today" => (Function::Today, None),
            "Yesterday" => (Function::Yesterday, None),
            "Last7Days" => (Function::LastDays, Some(7)),
            "LastXDays" => (Function::LastDays, None),
            "OlderThanXDays" => (Function::OlderThanDays, None),
            "LastXHours" => (Function::LastHours, None),
            _ => return None,
        })
    }
}
