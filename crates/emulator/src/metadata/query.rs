//! `$select`, `$filter` and `$expand` over metadata, which is plain JSON in this module.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Map, Value as Json};

use crate::error::{Outcome, ServiceError, code};
use crate::odata::lexer::{Token, tokens};
use crate::odata::options::{Options, expand_items, from_pairs};

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
    /// The type whose properties may be named, without its namespace.
    of: &'static str,
    select: Option<Vec<String>>,
    filter: Option<Expr>,
    /// The properties that the filter compares.
    compared: BTreeSet<String>,
    expand: Vec<(String, Shape)>,
}

impl Shape {
    pub(crate) fn parse(options: &Options, of: &'static str) -> Outcome<Shape> {
        let mut expand = Vec::new();
        for (name, pairs) in options
            .expand
            .as_deref()
            .map(expand_items)
            .unwrap_or_default()
        {
            if !NAVIGATION.contains(&name.as_str()) {
                return Err(not_a_property(&name, of));
            }
            let inner = type_of_items(&name);
            expand.push((name, Shape::parse(&from_pairs(pairs.into_iter())?, inner)?));
        }
        let filter = options.filter.as_deref().map(parse).transpose()?;
        let mut compared = BTreeSet::new();
        if let Some(filter) = &filter {
            filter.compared(&mut compared);
        }
        Ok(Shape {
            of,
            select: options
                .select
                .as_deref()
                .map(|text| text.split(',').map(|name| name.trim().to_owned()).collect()),
            filter,
            compared,
            expand,
        })
    }

    /// The expanded properties.
    pub(crate) fn expanded(&self) -> impl Iterator<Item = (&str, &Shape)> {
        self.expand
            .iter()
            .map(|(name, shape)| (name.as_str(), shape))
    }

    /// Whether a property is returned, or decides whether its item is. The others need not be built, which saves most of the work.
    pub(crate) fn reads(&self, name: &str) -> bool {
        let Some(select) = &self.select else {
            return true;
        };
        matches!(name, "MetadataId" | "@odata.type")
            || select.iter().any(|selected| selected == name)
            || self.compared.contains(name)
            || self.expanded().any(|(expanded, _)| expanded == name)
    }

    /// Whether an item passes the filter.
    pub(crate) fn passes(&self, item: &Json) -> Outcome<bool> {
        self.filter
            .as_ref()
            .map_or(Ok(true), |filter| holds(filter, item, self.of))
    }

    /// The item in the requested shape, or `None` if the filter drops it.
    pub(crate) fn apply(&self, item: Json) -> Outcome<Option<Json>> {
        if !self.passes(&item)? {
            return Ok(None);
        }
        let Json::Object(fields) = item else {
            return Ok(Some(item));
        };
        let is_unknown = |name: &&String| {
            !fields.contains_key(*name) && !KNOWN_ELSEWHERE.contains(&name.as_str())
                || self.of.ends_with(BASE) && is_derived(name)
        };
        let is_of_derived = |name: &&String| {
            self.of.ends_with(BASE) && NAVIGATION.contains(&name.as_str()) && is_derived(name)
        };
        let expanded = self.expand.iter().map(|(name, _)| name);
        let unknown = self.select.iter().flatten().find(is_unknown);
        if let Some(unknown) = unknown.or_else(|| expanded.into_iter().find(is_of_derived)) {
            return Err(not_a_property(unknown, self.of));
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

/// How the names of types end whose items have properties of further types, which only a cast makes available.
const BASE: &str = "Base";

/// The type of the items of a collection, with [`BASE`] at its end if the items are of further types.
pub(super) fn type_of_items(collection: &str) -> &'static str {
    match collection {
        "EntityDefinitions" => "EntityMetadata",
        "Attributes" => "AttributeMetadataBase",
        "Keys" => "EntityKeyMetadata",
        "ManyToManyRelationships" => "ManyToManyRelationshipMetadata",
        "OneToManyRelationships" | "ManyToOneRelationships" => "OneToManyRelationshipMetadata",
        "RelationshipDefinitions" => "RelationshipMetadataBase",
        "GlobalOptionSetDefinitions" => "OptionSetMetadataBase",
        _ => "OptionSetMetadata",
    }
}

fn not_a_property(name: &str, of: &str) -> ServiceError {
    // The only base type that is called one.
    let of = match of {
        "OptionSetMetadataBase" | "RelationshipMetadataBase" => of,
        of => of.trim_end_matches(BASE),
    };
    ServiceError::query(format!(
        "Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{of}'."
    ))
}

fn is_of_one_type(name: &str) -> bool {
    [
        "Referenced",
        "Referencing",
        "Entity1",
        "Entity2",
        "Intersect",
    ]
    .iter()
    .any(|start| name.starts_with(start))
}

/// Whether only a derived type has this property.
fn is_derived(name: &str) -> bool {
    KNOWN_ELSEWHERE.contains(&name)
        || matches!(
            name,
            "DatabaseLength" | "Format" | "FormatName" | "DateTimeBehavior" | "DefaultValue"
        )
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
pub(crate) fn shape(item: Json, options: &Options, of: &'static str) -> Outcome<Json> {
    let options = Options {
        filter: None,
        ..options.clone()
    };
    Ok(Shape::parse(&options, of)?
        .apply(item)?
        .unwrap_or(Json::Null))
}

enum Expr {
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare(String, String, Json),
}

impl Expr {
    /// Adds the properties of the item that are compared.
    fn compared(&self, names: &mut BTreeSet<String>) {
        match self {
            Expr::And(a, b) | Expr::Or(a, b) => {
                a.compared(names);
                b.compared(names);
            }
            Expr::Not(inner) => inner.compared(names),
            Expr::Compare(path, ..) => {
                let first = path.split('/').next().unwrap_or_default();
                if !names.contains(first) {
                    names.insert(first.to_owned());
                }
            }
        }
    }
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
                Err(ServiceError::new(
                    StatusCode::NOT_IMPLEMENTED,
                    code::BAD_SEGMENT,
                    format!("The \"{function}\" function isn't supported for Metadata Entities"),
                ))
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

fn holds(expr: &Expr, item: &Json, of: &'static str) -> Outcome<bool> {
    Ok(match expr {
        Expr::And(a, b) => holds(a, item, of)? && holds(b, item, of)?,
        Expr::Or(a, b) => holds(a, item, of)? || holds(b, item, of)?,
        Expr::Not(inner) => !holds(inner, item, of)?,
        Expr::Compare(path, operator, literal) => {
            let value = value_at(item, path, of)?;
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

fn value_at<'i>(item: &'i Json, path: &str, of: &'static str) -> Outcome<&'i Json> {
    let mut value = item;
    for step in path.split('/') {
        value = match value {
            Json::Null => return Ok(&Json::Null),
            // No cast, no such property, and therefore no item.
            _ if of == "RelationshipMetadataBase" && is_of_one_type(step) => {
                return Ok(&Json::Null);
            }
            other => other.get(step).ok_or_else(|| not_a_property(step, of))?,
        };
        if value.get("LocalizedLabels").is_some() {
            return Err(ServiceError::query(format!(
                "The property '{step}' is a label, and metadata cannot be filtered by labels."
            )));
        }
    }
    Ok(value)
}
