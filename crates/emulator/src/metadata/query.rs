//! `$select`, `$filter` and `$expand` over metadata, which is plain JSON in this module.

use std::cmp::Ordering;

use serde_json::{Map, Value as Json};

use super::expand_items;
use crate::error::{Outcome, ServiceError};
use crate::odata::lexer::{Token, tokens};
use crate::odata::options::{Options, from_pairs};

/// Properties that are only returned if they are expanded.
const NAVIGATION: &[&str] = &[
    "Attributes",
    "Keys",
    "ManyToManyRelationships",
    "OneToManyRelationships",
    "ManyToOneRelationships",
    "OptionSet",
    "GlobalOptionSet",
];

/// The requested shape of an item.
pub(crate) struct Shape {
    select: Option<Vec<String>>,
    filter: Option<Expr>,
    expand: Vec<(String, Shape)>,
}

impl Shape {
    pub(crate) fn parse(options: &Options) -> Outcome<Shape> {
        let mut expand = Vec::new();
        for (name, pairs) in options
            .expand
            .as_deref()
            .map(expand_items)
            .unwrap_or_default()
        {
            if !NAVIGATION.contains(&name.as_str()) {
                return Err(ServiceError::query(format!(
                    "Could not find a property named '{name}' on the metadata type."
                )));
            }
            expand.push((name, Shape::parse(&from_pairs(pairs.into_iter())?)?));
        }
        Ok(Shape {
            select: options
                .select
                .as_deref()
                .map(|text| text.split(',').map(|name| name.trim().to_owned()).collect()),
            filter: options.filter.as_deref().map(parse).transpose()?,
            expand,
        })
    }

    /// Names of the expanded properties.
    pub(crate) fn expanded(&self) -> impl Iterator<Item = &str> {
        self.expand.iter().map(|(name, _)| name.as_str())
    }

    /// Whether an item passes the filter.
    pub(crate) fn passes(&self, item: &Json) -> Outcome<bool> {
        self.filter
            .as_ref()
            .map_or(Ok(true), |filter| holds(filter, item))
    }

    /// The item in the requested shape, or `None` if the filter drops it.
    pub(crate) fn apply(&self, item: Json) -> Outcome<Option<Json>> {
        if !self.passes(&item)? {
            return Ok(None);
        }
        let Json::Object(fields) = item else {
            return Ok(Some(item));
        };
        if let Some(select) = &self.select
            && let Some(unknown) = select.iter().find(|name| !fields.contains_key(*name))
            && !KNOWN_ELSEWHERE.contains(&unknown.as_str())
        {
            return Err(ServiceError::query(format!(
                "Could not find a property named '{unknown}' on the metadata type."
            )));
        }
        let mut kept = Map::new();
        for (name, value) in fields {
            if let Some((_, shape)) = self.expand.iter().find(|(wanted, _)| *wanted == name) {
                kept.insert(name, shape.apply_within(value)?);
                continue;
            }
            let navigation = NAVIGATION.contains(&name.as_str());
            let selected = match &self.select {
                Some(select) => {
                    name == "MetadataId"
                        || name == "@odata.type"
                        || select.contains(&name) && (!navigation || name.ends_with("OptionSet"))
                }
                None => !navigation,
            };
            if selected {
                kept.insert(name, value);
            }
        }
        Ok(Some(Json::Object(kept)))
    }

    fn apply_within(&self, value: Json) -> Outcome<Json> {
        match value {
            Json::Array(items) => {
                let mut kept = Vec::new();
                for item in items {
                    kept.extend(self.apply(item)?);
                }
                Ok(Json::Array(kept))
            }
            Json::Null => Ok(Json::Null),
            item => Ok(self.apply(item)?.unwrap_or(Json::Null)),
        }
    }
}

/// Properties that only some derived types have.
const KNOWN_ELSEWHERE: &[&str] = &[
    "MaxLength",
    "MinValue",
    "MaxValue",
    "Targets",
    "OptionSet",
    "GlobalOptionSet",
    "DefaultFormValue",
    "Options",
    "TrueOption",
    "FalseOption",
];

/// Applies the shape to a single item.
pub(crate) fn shape(item: Json, options: &Options) -> Outcome<Json> {
    let options = Options {
        filter: None,
        ..options.clone()
    };
    Ok(Shape::parse(&options)?.apply(item)?.unwrap_or(Json::Null))
}

enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare(String, String, Json),
}

fn parse(text: &str) -> Outcome<Expr> {
    let tokens = tokens(text)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
    };
    let expr = parser.or()?;
    if parser.at < parser.tokens.len() {
        return Err(ServiceError::query(format!(
            "Syntax error in the metadata filter '{text}'."
        )));
    }
    Ok(expr)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn take(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Name(name)) if name == word);
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> Option<Token> {
        self.at += 1;
        self.tokens.get(self.at - 1).cloned()
    }

    fn or(&mut self) -> Outcome<Expr> {
        self.depth += 1;
        if self.depth > 100 {
            return Err(ServiceError::query(
                "The filter expression is nested too deeply.",
            ));
        }
        let mut left = self.and()?;
        while self.take("or") {
            left = Expr::Or(Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Outcome<Expr> {
        let mut left = self.term()?;
        while self.take("and") {
            left = Expr::And(Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Outcome<Expr> {
        let mut negated = false;
        while self.take("not") {
            negated = !negated;
        }
        let expr = self.plain_term()?;
        Ok(if negated {
            Expr::Not(Box::new(expr))
        } else {
            expr
        })
    }

    fn plain_term(&mut self) -> Outcome<Expr> {
        let wrong = || ServiceError::query("Syntax error in the metadata filter.");
        match self.next() {
            Some(Token::Open) => {
                let inner = self.or()?;
                if self.next() == Some(Token::Close) {
                    Ok(inner)
                } else {
                    Err(wrong())
                }
            }
            Some(Token::Name(function))
                if matches!(function.as_str(), "contains" | "startswith" | "endswith") =>
            {
                Err(ServiceError::query(format!(
                    "The function '{function}' is not supported in a filter of metadata."
                )))
            }
            Some(Token::Name(path)) => {
                let Some(Token::Name(operator)) = self.next() else {
                    return Err(wrong());
                };
                let literal = match self.next() {
                    Some(Token::Text(text)) => text.into(),
                    Some(Token::Int(number)) => number.into(),
                    Some(Token::Id(id)) => id.to_string().into(),
                    Some(Token::Name(name)) => match name.as_str() {
                        "true" => true.into(),
                        "false" => false.into(),
                        "null" => Json::Null,
                        // `Microsoft.Dynamics.CRM.AttributeTypeCode'Picklist'`
                        enumeration if enumeration.starts_with("Microsoft.Dynamics.CRM.") => {
                            match self.next() {
                                Some(Token::Text(member)) => member.into(),
                                _ => return Err(wrong()),
                            }
                        }
                        _ => return Err(wrong()),
                    },
                    _ => return Err(wrong()),
                };
                Ok(Expr::Compare(path, operator, literal))
            }
            _ => Err(wrong()),
        }
    }
}

fn holds(expr: &Expr, item: &Json) -> Outcome<bool> {
    Ok(match expr {
        Expr::And(a, b) => holds(a, item)? && holds(b, item)?,
        Expr::Or(a, b) => holds(a, item)? || holds(b, item)?,
        Expr::Not(inner) => !holds(inner, item)?,
        Expr::Compare(path, operator, literal) => {
            let value = value_at(item, path)?;
            let ordering = match (value, literal) {
                (Json::String(a), Json::String(b)) => Some(a.to_lowercase().cmp(&b.to_lowercase())),
                (Json::Number(a), Json::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
                (a, b) if a == b => Some(Ordering::Equal),
                _ => None,
            };
            match operator.as_str() {
                "eq" => ordering == Some(Ordering::Equal),
                "ne" => ordering != Some(Ordering::Equal),
                "gt" => ordering == Some(Ordering::Greater),
                "ge" => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
                "lt" => ordering == Some(Ordering::Less),
                "le" => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
                other => {
                    return Err(ServiceError::query(format!(
                        "Unknown operator '{other}' in the metadata filter."
                    )));
                }
            }
        }
    })
}

fn value_at<'i>(item: &'i Json, path: &str) -> Outcome<&'i Json> {
    let mut value = item;
    for step in path.split('/') {
        value = match value {
            Json::Null => return Ok(&Json::Null),
            other => other.get(step).ok_or_else(|| {
                ServiceError::query(format!(
                    "Could not find a property named '{step}' on the metadata type."
                ))
            })?,
        };
    }
    Ok(value)
}
