//! `$filter`: parses tokens into an expression over columns.

mod call;

use std::collections::BTreeMap;

use http::StatusCode;

use super::expr::*;
use super::lexer::{Token, tokens};
use crate::clock::Moment;
use crate::error::{Outcome, ServiceError, code};
use crate::like::Pattern;
use crate::schema::{Kind, Navigation, Schema, TableId};
use crate::switches::QuotedIds;
use crate::value::Value;

/// Parses a filter over the rows of a table.
pub(crate) fn parse(
    schema: &Schema,
    table: TableId,
    text: &str,
    aliases: &BTreeMap<String, String>,
    quoted_ids: QuotedIds,
) -> Outcome<Expr> {
    let mut parser = Parser {
        schema,
        scope: vec![(String::new(), table)],
        tokens: tokens(text)?,
        at: 0,
        aliases,
        quoted_ids,
        depth: 0,
    };
    let expr = parser.or()?;
    if parser.at < parser.tokens.len() {
        return Err(ServiceError::query(format!(
            "Syntax error at position {} in '{text}'.",
            parser.at
        )));
    }
    check_conditions(conditions(&expr))?;
    Ok(expr)
}

/// Maximum number of conditions in a query (SDK error list: number of conditions in query).
const MOST_CONDITIONS: usize = 500;

pub(crate) fn check_conditions(count: usize) -> Outcome<()> {
    if count <= MOST_CONDITIONS {
        return Ok(());
    }
    Err(ServiceError::bad(
        code::TOO_MANY_CONDITIONS,
        format!(
            "Number of conditions in query exceeded maximum limit: {count} of {MOST_CONDITIONS}."
        ),
    ))
}

/// A list of values in one function counts as one condition.
fn conditions(expr: &Expr) -> usize {
    match expr {
        Expr::And(a, b) | Expr::Or(a, b) => conditions(a) + conditions(b),
        Expr::Not(inner) => conditions(inner),
        Expr::Lambda { body, .. } => 1 + body.as_deref().map_or(0, conditions),
        Expr::Always(_) | Expr::Compare(..) | Expr::Matches(..) | Expr::Function(..) => 1,
    }
}

/// A column of a table, or one that is reached through lookups.
pub(crate) fn column_path(schema: &Schema, table: TableId, text: &str) -> Outcome<Path> {
    let parser = Parser {
        schema,
        scope: vec![(String::new(), table)],
        tokens: Vec::new(),
        at: 0,
        aliases: &BTreeMap::new(),
        quoted_ids: QuotedIds::Refused,
        depth: 0,
    };
    parser.column(text)
}

struct Parser<'a> {
    schema: &'a Schema,
    scope: Vec<(String, TableId)>,
    tokens: Vec<Token>,
    at: usize,
    aliases: &'a BTreeMap<String, String>,
    quoted_ids: QuotedIds,
    depth: usize,
}

/// No client nests more deeply. The limit keeps a malicious filter from exhausting the stack.
const DEEPEST: usize = 100;

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Name(name)) if name == word);
        if found {
            self.at += 1;
        }
        found
    }

    fn expect(&mut self, token: &Token) -> Outcome<()> {
        match self.next() {
            Some(found) if found == *token => Ok(()),
            found => Err(ServiceError::query(format!(
                "Syntax error in the filter expression: {token:?} expected, {found:?} found."
            ))),
        }
    }

    fn or(&mut self) -> Outcome<Expr> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(ServiceError::query(
                "The filter expression is nested too deeply.",
            ));
        }
        let mut left = self.and()?;
        while self.take_word("or") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Outcome<Expr> {
        let mut left = self.not()?;
        while self.take_word("and") {
            left = Expr::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Outcome<Expr> {
        if self.take_word("not") {
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(ServiceError::query(
                    "The filter expression is nested too deeply.",
                ));
            }
            let inner = self.not()?;
            self.depth -= 1;
            if let Expr::Function(..) = inner {
                return Err(ServiceError::query(
                    "The 'not' operator cannot be used with a query function; most have an opposite, such as NotIn.",
                ));
            }
            return Ok(Expr::Not(Box::new(inner)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Outcome<Expr> {
        if self.peek() == Some(&Token::Open) {
            self.at += 1;
            let inner = self.or()?;
            self.expect(&Token::Close)?;
            return Ok(inner);
        }
        if let Some(Token::Name(name)) = self.peek().cloned()
            && self.tokens.get(self.at + 1) == Some(&Token::Open)
        {
            self.at += 2;
            return self.call(&name);
        }
        let left = self.operand()?;
        let operator = match self.peek() {
            Some(Token::Name(name)) => match name.as_str() {
                "eq" => Operator::Eq,
                "ne" => Operator::Ne,
                "gt" => Operator::Gt,
                "ge" => Operator::Ge,
                "lt" => Operator::Lt,
                "le" => Operator::Le,
                "in" => {
                    return Err(ServiceError::new(
                        StatusCode::NOT_IMPLEMENTED,
                        code::BAD_SEGMENT,
                        "The query node In is not supported",
                    ));
                }
                _ => {
                    return Err(ServiceError::query(format!(
                        "Syntax error: unknown operator '{name}'."
                    )));
                }
            },
            _ => {
                return match left {
                    // A yes/no column is a condition of its own.
                    Operand::Column(path) if self.is_flag(&path) => Ok(Expr::Compare(
                        Operator::Eq,
                        Operand::Column(path),
                        Operand::Literal(Value::Flag(true)),
                    )),
                    Operand::Literal(Value::Flag(flag)) => Ok(Expr::Always(flag)),
                    Operand::Literal(_) | Operand::Column(_) => Err(ServiceError::query(
                        "The filter expression must evaluate to a single boolean value.",
                    )),
                };
            }
        };
        self.at += 1;
        let right = self.operand()?;
        self.comparable(operator, &left, &right)?;
        Ok(Expr::Compare(operator, left, right))
    }

    fn is_flag(&self, path: &Path) -> bool {
        self.schema.table(path.table).columns[path.column].kind == Kind::Flag
    }

    /// Rejects comparing a number or a yes/no column with text, and text with anything else. (Dates may also be quoted.)
    fn comparable(&self, operator: Operator, left: &Operand, right: &Operand) -> Outcome<()> {
        let types = match (left, right) {
            (Operand::Column(path), Operand::Literal(value)) => self.incompatible(path, value),
            (Operand::Literal(value), Operand::Column(path)) => {
                self.incompatible(path, value).map(|[a, b]| [b, a])
            }
            _ => None,
        };
        let Some([left, right]) = types else {
            return Ok(());
        };
        let operator = match operator {
            Operator::Eq => "Equal",
            Operator::Ne => "NotEqual",
            Operator::Gt => "GreaterThan",
            Operator::Ge => "GreaterThanOrEqual",
            Operator::Lt => "LessThan",
            Operator::Le => "LessThanOrEqual",
        };
        Err(ServiceError::query(format!(
            "A binary operator with incompatible types was detected. Found operand types 'Edm.{left}' and 'Edm.{right}' for operator kind '{operator}'."
        )))
    }

    /// The types of a column and a value if they cannot be compared.
    fn incompatible(&self, path: &Path, value: &Value) -> Option<[&'static str; 2]> {
        let column = match self.schema.table(path.table).columns[path.column].kind {
            Kind::Text | Kind::Memo | Kind::EntityName => "String",
            Kind::Integer | Kind::Choice | Kind::State | Kind::Status => "Int32",
            Kind::BigInteger => "Int64",
            Kind::Decimal => "Decimal",
            Kind::Double => "Double",
            Kind::Flag => "Boolean",
            Kind::Lookup | Kind::Owner | Kind::Id => match (value, self.quoted_ids) {
                (Value::Text(_), QuotedIds::Accepted) => return None,
                _ => "Guid",
            },
            // A date may be quoted, but nothing else.
            Kind::DateTime => match value {
                Value::Text(text) if Moment::parse(text).is_none() => "DateTimeOffset",
                _ => return None,
            },
            Kind::Managed => return None,
        };
        let value = match value {
            Value::Text(_) => "String",
            Value::Int(_) => "Int32",
            Value::Number(_) => "Double",
            Value::Flag(_) => "Boolean",
            Value::Id(_) => "Guid",
            _ => return None,
        };
        let is_number = |name: &str| !matches!(name, "String" | "Boolean" | "Guid");
        let fits = column == value || is_number(column) && is_number(value);
        (!fits).then_some([column, value])
    }

    fn operand(&mut self) -> Outcome<Operand> {
        Ok(Operand::Literal(match self.next() {
            Some(Token::Text(text)) => Value::Text(text.into()),
            Some(Token::Int(number)) => Value::Int(number),
            Some(Token::Number(number)) => Value::Number(number),
            Some(Token::Id(id)) => Value::Id(id),
            Some(Token::Date(date)) => Value::Text(normal_date(&date).into()),
            Some(Token::Alias(alias)) => match self
                .aliases
                .get(&alias)
                .map(|text| tokens(text))
                .transpose()?
                .as_deref()
            {
                None | Some([]) => Value::Null,
                Some([Token::Alias(_), ..]) => {
                    return Err(ServiceError::query(
                        "A parameter alias cannot refer to another.",
                    ));
                }
                Some([Token::Name(name)])
                    if !matches!(name.as_str(), "null" | "true" | "false") =>
                {
                    return self.column(name).map(Operand::Column);
                }
                Some([token, ..]) => literal(token)?,
            },
            Some(Token::Name(name)) => match name.as_str() {
                "null" => Value::Null,
                "true" => Value::Flag(true),
                "false" => Value::Flag(false),
                _ => {
                    return match self.column(&name) {
                        Err(unknown) => self.compared_with_null(&name).ok_or(unknown),
                        found => found,
                    }
                    .map(Operand::Column);
                }
            },
            None => {
                return Err(ServiceError::query(
                    "Syntax error: the filter expression ends where an operand is expected.",
                ));
            }
            Some(other) => {
                return Err(ServiceError::query(format!(
                    "Syntax error in the filter expression near {other:?}."
                )));
            }
        }))
    }

    /// The lookup behind a navigation property that is compared with null: `parentbusinessunitid eq null`.
    fn compared_with_null(&self, name: &str) -> Option<Path> {
        let (row, table, rest) = self.start_of(name);
        let Some(Navigation::Lookup { column, target }) =
            self.schema.table(table).navigation.get(rest).copied()
        else {
            return None;
        };
        let targets = self.schema.table(table).columns[column].targets.len();
        let word = |at: usize| match self.tokens.get(self.at + at) {
            Some(Token::Name(word)) => word.as_str(),
            _ => "",
        };
        let null = matches!(word(0), "eq" | "ne") && word(1) == "null";
        let path = match target {
            // Only the property of the table that the lookup refers to has a value.
            Some(only) if targets > 1 => Path {
                row,
                through: vec![(column, only)],
                column: self.schema.table(only).key,
                table: only,
            },
            _ => Path {
                row,
                through: Vec::new(),
                column,
                table,
            },
        };
        null.then_some(path)
    }

    fn call(&mut self, name: &str) -> Outcome<Expr> {
        if let Some(function) = name.strip_prefix("Microsoft.Dynamics.CRM.") {
            return self.platform_function(function);
        }
        if let Some((path, word)) = name.rsplit_once('/')
            && matches!(word, "any" | "all")
        {
            return self.lambda(path, word == "any");
        }
        let (before, after) = match name {
            "contains" => ("%", "%"),
            "startswith" => ("", "%"),
            "endswith" => ("%", ""),
            _ => {
                return Err(ServiceError::query(format!(
                    "An unknown function with name '{name}' was found."
                )));
            }
        };
        let subject = self.operand()?;
        if let Operand::Column(path) = &subject
            && !matches!(
                self.schema.table(path.table).columns[path.column].kind,
                Kind::Text | Kind::Memo | Kind::EntityName
            )
        {
            return Err(ServiceError::bad(
                code::UNKNOWN_PROPERTY,
                format!(
                    "No function signature for the function with name '{name}' matches the specified arguments. The function signatures considered are: {name}(Edm.String Nullable=true, Edm.String Nullable=true)."
                ),
            ));
        }
        self.expect(&Token::Comma)?;
        let pattern = match self.operand()? {
            Operand::Literal(Value::Text(text)) => text.into_string(),
            Operand::Literal(Value::Null) => String::new(),
            Operand::Literal(_) | Operand::Column(_) => {
                return Err(ServiceError::query(format!(
                    "The function '{name}' takes text."
                )));
            }
        };
        self.expect(&Token::Close)?;
        Ok(Expr::Matches(
            subject,
            Pattern::new(&format!("{before}{pattern}{after}")),
        ))
    }

    fn lambda(&mut self, path: &str, any: bool) -> Outcome<Expr> {
        let (row, table, rest) = self.start_of(path);
        let navigation = self.schema.table(table).navigation.get(rest).copied();
        let of = match navigation {
            Some(Navigation::Children { table, .. }) => table,
            Some(Navigation::Many { relation, side }) => {
                self.schema.many_to_many[relation].tables[1 - side]
            }
            Some(Navigation::Lookup { .. }) | None => {
                return Err(ServiceError::query(format!(
                    "Could not find a collection-valued property named '{rest}' on type 'Microsoft.Dynamics.CRM.{}'.",
                    self.schema.table(table).name
                )));
            }
        };
        let Some(through) = navigation else {
            return Err(ServiceError::query("A lambda needs a collection."));
        };
        if self.peek() == Some(&Token::Close) {
            self.at += 1;
            return Ok(Expr::Lambda {
                any,
                row,
                through,
                of,
                body: None,
            });
        }
        let Some(Token::Name(variable)) = self.next() else {
            return Err(ServiceError::query("A lambda needs a range variable."));
        };
        self.expect(&Token::Colon)?;
        self.scope.push((variable, of));
        let body = self.or()?;
        self.scope.pop();
        self.expect(&Token::Close)?;
        Ok(Expr::Lambda {
            any,
            row,
            through,
            of,
            body: Some(Box::new(body)),
        })
    }

    /// The row where a path starts, and the rest of the path.
    fn start_of<'p>(&self, path: &'p str) -> (usize, TableId, &'p str) {
        let (head, rest) = path.split_once('/').unwrap_or((path, ""));
        for (row, (variable, table)) in self.scope.iter().enumerate().skip(1).rev() {
            if variable == head {
                return (row, *table, rest);
            }
        }
        (0, self.scope[0].1, path)
    }

    fn column(&self, path: &str) -> Outcome<Path> {
        let (row, mut table, rest) = self.start_of(path);
        let mut through = Vec::new();
        let mut parts = rest.split('/').peekable();
        while let Some(part) = parts.next() {
            let current = self.schema.table(table);
            if parts.peek().is_none() {
                let column = current
                    .property(part)
                    .ok_or_else(|| unknown_property(self.schema, table, part))?;
                return Ok(Path {
                    row,
                    through,
                    column,
                    table,
                });
            }
            match current.navigation.get(part) {
                Some(Navigation::Lookup {
                    column,
                    target: Some(target),
                }) => {
                    through.push((*column, *target));
                    table = *target;
                }
                Some(Navigation::Lookup {
                    column,
                    target: None,
                }) => {
                    // An owner is a `principal`, whose only property is its id.
                    let rest: Vec<&str> = parts.collect();
                    if rest != ["ownerid"] {
                        return Err(not_a_property(&rest.join("/"), "principal"));
                    }
                    return Ok(Path {
                        row,
                        through,
                        column: *column,
                        table,
                    });
                }
                _ => {
                    // `managed/Value` is the value of a managed property.
                    if parts.clone().eq(["Value"])
                        && let Some(column) = current.property(part)
                    {
                        return Ok(Path {
                            row,
                            through,
                            column,
                            table,
                        });
                    }
                    return Err(unknown_property(self.schema, table, part));
                }
            }
        }
        Err(unknown_property(self.schema, table, path))
    }
}

/// The error for a property that a table lacks.
pub(crate) fn unknown_property(schema: &Schema, table: TableId, name: &str) -> ServiceError {
    not_a_property(name, &schema.table(table).name)
}

fn not_a_property(name: &str, of: &str) -> ServiceError {
    ServiceError::bad(
        code::UNKNOWN_PROPERTY,
        format!("Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{of}'."),
    )
}

fn literal(token: &Token) -> Outcome<Value> {
    Ok(match token {
        Token::Text(text) => Value::text(text),
        Token::Int(number) => Value::Int(*number),
        Token::Number(number) => Value::Number(*number),
        Token::Id(id) => Value::Id(*id),
        Token::Date(date) => Value::Text(normal_date(date).into()),
        Token::Name(name) if name == "true" => Value::Flag(true),
        Token::Name(name) if name == "false" => Value::Flag(false),
        Token::Name(name) if name == "null" => Value::Null,
        other => {
            return Err(ServiceError::query(format!(
                "A literal is expected instead of {other:?}."
            )));
        }
    })
}

/// Points in time are stored as `2026-05-01T08:00:00Z`: whole seconds, UTC.
pub(crate) fn normal_date(date: &str) -> String {
    let Some((day, time)) = date.split_once('T') else {
        return date.to_owned();
    };
    let time = time.trim_end_matches('Z');
    let (time, offset) = match time.find(['+', '-']) {
        Some(at) => (&time[..at], Some(&time[at..])),
        None => (time, None),
    };
    let time = time.split('.').next().unwrap_or(time);
    let local = match time.len() {
        5 => format!("{day}T{time}:00Z"),
        _ => format!("{day}T{time}Z"),
    };
    let shifted = || {
        let (hours, minutes) = offset?.get(1..)?.split_once(':')?;
        let seconds = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
        let ahead = if offset?.starts_with('-') {
            -seconds
        } else {
            seconds
        };
        Some(Moment::parse(&local)?.minus_seconds(ahead).iso())
    };
    shifted().unwrap_or(local)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    static SCHEMA: LazyLock<Schema> = LazyLock::new(|| crate::tables::load(None).expect("tables"));

    fn check(text: &str) -> Outcome<Expr> {
        let schema = &*SCHEMA;
        let table = schema.named("msdyn_sessiontemplate").expect("table");
        parse(schema, table, text, &BTreeMap::new(), QuotedIds::Refused)
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        let deep = format!("{}msdyn_type{}", "(".repeat(5_000), ")".repeat(5_000));
        assert!(check(&deep).is_err());
        assert!(check(&format!("{}msdyn_type", "not ".repeat(5_000))).is_err());
    }

    #[test]
    fn half_a_filter_is_refused() {
        for text in [
            "",
            "msdyn_name eq",
            "eq 'x'",
            "msdyn_name eq 'x' and",
            "(msdyn_type",
            "contains(msdyn_name)",
            "msdyn_name is 'x'",
            "5",
            "Microsoft.Dynamics.CRM.In(PropertyName='msdyn_name'",
            "x/any(y:y/z eq 1)",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_filter_is_read_or_refused_without_a_panic(
            pieces in prop::collection::vec(
                prop_oneof![
                    Just("msdyn_name".to_owned()), Just("msdyn_type".to_owned()), Just("ownerid/fullname".to_owned()),
                    Just("eq".to_owned()), Just("and".to_owned()), Just("not".to_owned()), Just("(".to_owned()), Just(")".to_owned()),
                    Just("'x'".to_owned()), Just("null".to_owned()), Just("contains(".to_owned()), Just("/any(o:".to_owned()),
                    Just("Microsoft.Dynamics.CRM.In(".to_owned()), Just("PropertyName=".to_owned()), Just("[\"a\"]".to_owned()), any::<String>(),
                ],
                0..12,
            ),
        ) {
            let _ = check(&pieces.join(" "));
        }
    }
}
