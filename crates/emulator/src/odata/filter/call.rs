//! Calls of the platform's query functions: `Microsoft.Dynamics.CRM.In(PropertyName='x',PropertyValues=["a"])`.

use super::super::expr::{Expr, Path};
use super::super::functions;
use super::super::lexer::{Token, tokens};
use super::{Parser, literal};
use crate::error::{Outcome, ServiceError};
use crate::schema::Kind;
use crate::value::Value;

impl Parser<'_> {
    pub(super) fn platform_function(&mut self, name: &str) -> Outcome<Expr> {
        let known = functions::named(name)?;
        let mut path: Option<Path> = None;
        let mut values: Vec<Value> = Vec::new();
        while let Some(token) = self.next() {
            match token {
                Token::Close => {
                    let path = path.ok_or_else(|| {
                        ServiceError::query(format!("The function '{name}' needs PropertyName."))
                    })?;
                    let kind = self.schema.table(path.table).columns[path.column].kind;
                    let values: Vec<Value> = values
                        .into_iter()
                        .map(|value| fitted(kind, value))
                        .collect();
                    let at = (path.table, path.column);
                    let function = functions::check(self.schema, known, at, &values)?;
                    return Ok(Expr::Function(function, path, values));
                }
                Token::Comma => {}
                Token::Name(parameter) => {
                    self.expect(&Token::Equals)?;
                    let value = self.next();
                    let value = match value {
                        Some(Token::Alias(alias)) => self
                            .aliases
                            .get(&alias)
                            .map(|text| tokens(text))
                            .transpose()?
                            .and_then(|found| found.first().cloned()),
                        other => other,
                    };
                    match (parameter.as_str(), value) {
                        ("PropertyName", Some(Token::Text(column) | Token::Name(column))) => {
                            path = Some(self.named_column(&column)?)
                        }
                        ("PropertyValues", Some(Token::Json(array))) => {
                            values.extend(array_values(&array)?)
                        }
                        ("PropertyValue" | "PropertyValue1" | "PropertyValue2", Some(token)) => {
                            values.push(literal(&token)?)
                        }
                        (parameter, _) => {
                            return Err(ServiceError::query(format!(
                                "The parameter '{parameter}' of '{name}' is not valid."
                            )));
                        }
                    }
                }
                other => {
                    return Err(ServiceError::query(format!(
                        "Syntax error in the call of '{name}' near {other:?}."
                    )));
                }
            }
        }
        Err(ServiceError::query(format!(
            "The call of '{name}' is not closed."
        )))
    }

    /// Functions also accept the logical name of a lookup.
    fn named_column(&self, name: &str) -> Outcome<Path> {
        let table = self.scope[0].1;
        match self.schema.table(table).column(name) {
            Some((column, described)) if described.kind.is_lookup() => Ok(Path {
                row: 0,
                through: Vec::new(),
                column,
                table,
            }),
            _ => self.column(name),
        }
    }
}

/// Functions take their values as strings, whatever the type of the column.
fn fitted(kind: Kind, value: Value) -> Value {
    let Value::Text(text) = &value else {
        return value;
    };
    let fitted = match kind {
        Kind::Integer | Kind::BigInteger | Kind::Choice | Kind::State | Kind::Status => {
            text.parse().ok().map(Value::Int)
        }
        Kind::Decimal | Kind::Double => text.parse().ok().map(Value::Number),
        Kind::Flag | Kind::Managed => text.parse().ok().map(Value::Flag),
        _ => None,
    };
    fitted.unwrap_or(value)
}

fn array_values(array: &str) -> Outcome<Vec<Value>> {
    let inner = array.trim_start_matches('[').trim_end_matches(']');
    // The array is JSON, whose strings may be in single quotes, without OData's doubled quotes (filter-rows.md, "Manage single quotes").
    if inner
        .split(['[', ',', ']'])
        .any(|one| one.trim().len() > 2 && one.trim().trim_matches('\'').contains("''"))
    {
        return Err(ServiceError::query(
            "Invalid JSON. A comma character ',' was expected in scope 'Array'. Every two elements in an array and properties of an object must be separated by commas.",
        ));
    }
    let mut values = Vec::new();
    for token in tokens(inner)? {
        if token != Token::Comma {
            values.push(literal(&token)?);
        }
    }
    Ok(values)
}
