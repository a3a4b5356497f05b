//! Evaluates filters, and finds an index that avoids reading a complete table.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use uuid::Uuid;

use super::expr::{Expr, Operand, Operator, Path};
use crate::clock::Moment;
use crate::schema::{Kind, Navigation, TableId};
use crate::security::Caller;
use crate::store::{IndexKey, Row, Store};
use crate::value::{Value, fold};

/// The context in which a filter is evaluated, in addition to the row.
pub(crate) struct Scope<'a> {
    pub(crate) store: &'a Store,
    pub(crate) caller: &'a Caller,
    pub(crate) now: Moment,
}

impl<'a> Scope<'a> {
    /// Whether the last of the rows passes; the others are those that it was reached from. Rows for which the filter evaluates to null are
    /// dropped (Web API: filter rows).
    pub(crate) fn passes(&self, expr: &Expr, rows: &mut Vec<&'a Arc<Row>>) -> bool {
        self.truth(expr, rows) == Some(true)
    }

    fn truth(&self, expr: &Expr, rows: &mut Vec<&'a Arc<Row>>) -> Option<bool> {
        match expr {
            Expr::Always(flag) => Some(*flag),
            Expr::And(a, b) => match (self.truth(a, rows), self.truth(b, rows)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Expr::Or(a, b) => match (self.truth(a, rows), self.truth(b, rows)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Expr::Not(inner) => self.truth(inner, rows).map(|flag| !flag),
            Expr::Compare(operator, left, right) => self.compare(*operator, left, right, rows),
            Expr::Matches(operand, pattern) => {
                Some(pattern.matches(self.operand(operand, rows).as_text()?))
            }
            Expr::Function(function, path, values) => {
                let value = self.column(path, rows);
                self.function(*function, (path.table, path.column), &value, values)
            }
            Expr::Lambda {
                any,
                row,
                through,
                of,
                body,
            } => {
                for related in related(self.store, *through, rows[*row].id) {
                    let Some(related) = self.store.get(*of, related) else {
                        continue;
                    };
                    let passes = match body {
                        None => true,
                        Some(body) => {
                            rows.push(related);
                            let passes = self.passes(body, rows);
                            rows.pop();
                            passes
                        }
                    };
                    if passes == *any {
                        return Some(*any);
                    }
                }
                Some(!*any)
            }
        }
    }

    fn compare(
        &self,
        operator: Operator,
        left: &Operand,
        right: &Operand,
        rows: &[&'a Arc<Row>],
    ) -> Option<bool> {
        let (left, right) = (self.operand(left, rows), self.operand(right, rows));
        if left.is_null() || right.is_null() {
            return match operator {
                Operator::Eq => Some(left.is_null() && right.is_null()),
                Operator::Ne => Some(left.is_null() != right.is_null()),
                _ => None,
            };
        }
        let ordering = left.compare(&right)?;
        Some(match operator {
            Operator::Eq => ordering == Ordering::Equal,
            Operator::Ne => ordering != Ordering::Equal,
            Operator::Gt => ordering == Ordering::Greater,
            Operator::Ge => ordering != Ordering::Less,
            Operator::Lt => ordering == Ordering::Less,
            Operator::Le => ordering != Ordering::Greater,
        })
    }

    fn operand<'r>(&self, operand: &'r Operand, rows: &[&'r Arc<Row>]) -> Cow<'r, Value>
    where
        'a: 'r,
    {
        match operand {
            Operand::Literal(value) => Cow::Borrowed(value),
            Operand::Column(path) => self.column(path, rows),
        }
    }

    /// The primary name of the row that a lookup refers to. Any other value is returned unchanged.
    pub(crate) fn name_or_value(&self, value: Value) -> Value {
        let Value::Lookup(table, id) = value else {
            return value;
        };
        let name = self.store.schema.table(table).primary_name;
        match (self.store.get(table, id), name) {
            (Some(row), Some(column)) => cell(self.store, table, row, column, self.caller.language),
            _ => Value::Null,
        }
    }

    pub(crate) fn column<'r>(&self, path: &Path, rows: &[&'r Arc<Row>]) -> Cow<'r, Value>
    where
        'a: 'r,
    {
        let mut row = rows[path.row];
        for (column, target) in &path.through {
            let next = match row.cells[*column] {
                Value::Lookup(table, id) if table == *target => self.store.get(table, id),
                _ => None,
            };
            let Some(next) = next else {
                return Cow::Owned(Value::Null);
            };
            row = next;
        }
        cell_of(
            self.store,
            path.table,
            row,
            path.column,
            self.caller.language,
        )
    }

    /// The rows that may pass according to an index; `None` if no index applies, so that every row may.
    pub(crate) fn candidates<'e>(&self, table: TableId, expr: &'e Expr) -> Option<Candidates<'e>> {
        let mut ids = Vec::new();
        let rest = self.gather(table, expr, &mut ids)?;
        ids.sort_unstable();
        ids.dedup();
        Some(Candidates { ids, rest })
    }

    /// Collects the rows that an index finds for a condition, and returns the conditions that they must still pass.
    fn gather<'e>(
        &self,
        table: TableId,
        expr: &'e Expr,
        ids: &mut Vec<Uuid>,
    ) -> Option<Vec<&'e Expr>> {
        match expr {
            Expr::And(a, b) => {
                let before = ids.len();
                let (mut rest, other) = match self.gather(table, a, ids) {
                    Some(rest) => (rest, b),
                    None => {
                        ids.truncate(before);
                        (self.gather(table, b, ids)?, a)
                    }
                };
                rest.push(other);
                Some(rest)
            }
            Expr::Or(a, b) => {
                let first = self.gather(table, a, ids)?;
                let second = self.gather(table, b, ids)?;
                Some(match first.is_empty() && second.is_empty() {
                    true => Vec::new(),
                    false => vec![expr],
                })
            }
            Expr::Compare(Operator::Eq, Operand::Column(path), Operand::Literal(value))
            | Expr::Compare(Operator::Eq, Operand::Literal(value), Operand::Column(path)) => {
                ids.extend(self.indexed(table, path, std::slice::from_ref(value))?);
                Some(Vec::new())
            }
            Expr::Function(function, path, values) => {
                ids.extend(self.indexed(table, path, &self.looked_up(*function, values)?)?);
                Some(vec![expr])
            }
            _ => None,
        }
    }

    fn indexed(&self, table: TableId, path: &Path, values: &[Value]) -> Option<Vec<Uuid>> {
        if path.row != 0 {
            return None;
        }
        let column = &self.store.schema.table(path.table).columns[path.column];
        if column.localizable {
            return None;
        }
        let by_id = column.kind == Kind::Id || column.kind.is_lookup();
        let mut ids = Vec::new();
        for value in values {
            let key = match (by_id, value) {
                (_, Value::Null) => return None,
                (true, Value::Text(text)) => match Uuid::try_parse(text.trim_matches(['{', '}'])) {
                    Ok(id) => IndexKey::Id(id),
                    Err(_) => continue,
                },
                (true, other) => IndexKey::Id(other.id()?),
                (false, Value::Text(text)) => IndexKey::Text(fold(text)),
                (false, _) => return None,
            };
            ids.extend(self.store.find(path.table, path.column, &key)?);
        }
        for (step, (column, _)) in path.through.iter().enumerate().rev() {
            let from = step
                .checked_sub(1)
                .map_or(table, |before| path.through[before].1);
            let mut behind = Vec::new();
            for id in ids {
                behind.extend(self.store.find(from, *column, &IndexKey::Id(id))?);
            }
            ids = behind;
        }
        Some(ids)
    }
}

/// Rows found through an index, sorted by id, and the conditions that each must still pass.
pub(crate) struct Candidates<'e> {
    pub(crate) ids: Vec<Uuid>,
    pub(crate) rest: Vec<&'e Expr>,
}

/// The value of a column as a caller with a language sees it.
pub(crate) fn cell(
    store: &Store,
    table: TableId,
    row: &Row,
    position: usize,
    language: i64,
) -> Value {
    cell_of(store, table, row, position, language).into_owned()
}

/// Like [`cell`], but borrows the cell if it is shown unchanged.
pub(crate) fn cell_of<'r>(
    store: &Store,
    table: TableId,
    row: &'r Row,
    position: usize,
    language: i64,
) -> Cow<'r, Value> {
    let column = &store.schema.table(table).columns[position];
    if column.name == "versionnumber" {
        return Cow::Owned(Value::Int(i64::try_from(row.version).unwrap_or(i64::MAX)));
    }
    if column.localizable && !row.translations.is_empty() {
        return Cow::Owned(
            row.text_in(position, language)
                .map_or(Value::Null, Value::text),
        );
    }
    Cow::Borrowed(&row.cells[position])
}

/// Ids of the rows that a collection or lookup of a row refers to, sorted.
pub(crate) fn related(store: &Store, through: Navigation, from: Uuid) -> Vec<Uuid> {
    match through {
        Navigation::Lookup { .. } => Vec::new(),
        Navigation::Children { table, column } => store
            .find(table, column, &IndexKey::Id(from))
            .unwrap_or_default(),
        Navigation::Many { relation, side } => {
            let relation = &store.schema.many_to_many[relation];
            let links = store
                .find(
                    relation.intersect,
                    relation.columns[side],
                    &IndexKey::Id(from),
                )
                .unwrap_or_default();
            let mut ids: Vec<Uuid> = links
                .iter()
                .filter_map(|link| {
                    store.get(relation.intersect, *link)?.cells[relation.columns[1 - side]].id()
                })
                .collect();
            ids.sort_unstable();
            ids
        }
    }
}
