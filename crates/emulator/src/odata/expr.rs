//! Conditions over rows, resolved to columns.

use super::functions::Function;
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
    /// A `LIKE` match.
    Matches(Operand, Pattern),
    /// `Microsoft.Dynamics.CRM.In` and similar functions.
    Function(Function, Path, Vec<Value>),
    /// Matches if some (`any`) or all (`all`) rows of a collection do.
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

/// A column, reached through lookups from a row in scope.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    /// 0 is the row itself; n is the variable of the n-th enclosing lambda.
    pub(crate) row: usize,
    pub(crate) through: Vec<(usize, TableId)>,
    pub(crate) column: usize,
    pub(crate) table: TableId,
}
