//! Conditions on rows, and how they are written in a URL.

use std::collections::BTreeSet;

use uuid::Uuid;

/// A value in a condition. Its type decides how it is written, so quoting cannot be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// No value.
    Null,
    /// Text: quoted, quotes doubled.
    Text(String),
    /// A GUID: bare.
    Id(Uuid),
    /// A whole number or the number of a choice.
    Int(i64),
    /// Yes or no.
    Flag(bool),
    /// A point in time or a date in ISO 8601, such as `2026-05-01T08:00:00Z`: bare, checked when written.
    Moment(String),
}

impl From<&str> for Literal {
    fn from(text: &str) -> Self {
        Literal::Text(text.to_owned())
    }
}

impl From<String> for Literal {
    fn from(text: String) -> Self {
        Literal::Text(text)
    }
}

impl From<Uuid> for Literal {
    fn from(id: Uuid) -> Self {
        Literal::Id(id)
    }
}

impl From<i64> for Literal {
    fn from(number: i64) -> Self {
        Literal::Int(number)
    }
}

impl From<bool> for Literal {
    fn from(flag: bool) -> Self {
        Literal::Flag(flag)
    }
}

/// How a column is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `eq`; for text without case (Filter rows).
    Equal,
    /// `ne`.
    NotEqual,
    /// `gt`.
    Greater,
    /// `ge`.
    GreaterOrEqual,
    /// `lt`.
    Less,
    /// `le`.
    LessOrEqual,
}

/// Where in a column a text is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Anywhere.
    Contains,
    /// At the start.
    StartsWith,
    /// At the end.
    EndsWith,
}

/// A condition on rows. Columns may be paths through lookups (`primarycontactid/fullname`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// A column against a value.
    Compare(String, Comparison, Literal),
    /// A text in a column; `%`, `_` and `[` in it stand for themselves.
    Matches(String, Match, String),
    /// A column equal to one of these values. Too many for one request are split over several.
    AnyOf(String, Vec<Literal>),
    /// A user column that holds the caller (`EqualUserId`).
    IsCaller(String),
    /// Rows that a collection-valued navigation property leads to at least one row from, by the primary key of those.
    Exists(String, String),
    /// All of these.
    All(Vec<Filter>),
    /// At least one of these.
    Any(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
}

impl Filter {
    /// `column eq value`.
    pub fn eq(column: impl Into<String>, value: impl Into<Literal>) -> Filter {
        Filter::Compare(column.into(), Comparison::Equal, value.into())
    }

    /// `column ne value`.
    pub fn ne(column: impl Into<String>, value: impl Into<Literal>) -> Filter {
        Filter::Compare(column.into(), Comparison::NotEqual, value.into())
    }

    /// `column gt value`.
    pub fn gt(column: impl Into<String>, value: impl Into<Literal>) -> Filter {
        Filter::Compare(column.into(), Comparison::Greater, value.into())
    }

    /// `column ge value`.
    pub fn ge(column: impl Into<String>, value: impl Into<Literal>) -> Filter {
        Filter::Compare(column.into(), Comparison::GreaterOrEqual, value.into())
    }

    /// `column lt value`.
    pub fn lt(column: impl Into<String>, value: impl Into<Literal>) -> Filter {
        Filter::Compare(column.into(), Comparison::Less, value.into())
    }

    /// `column le value`.
    pub fn le(column: impl Into<String>, value: impl Into<Literal>) -> Filter {
        Filter::Compare(column.into(), Comparison::LessOrEqual, value.into())
    }

    /// Rows without a value in the column.
    pub fn is_null(column: impl Into<String>) -> Filter {
        Filter::Compare(column.into(), Comparison::Equal, Literal::Null)
    }

    /// Rows whose column holds one of the values; no values, no rows.
    pub fn any_of<V: Into<Literal>>(
        column: impl Into<String>,
        values: impl IntoIterator<Item = V>,
    ) -> Filter {
        Filter::AnyOf(column.into(), values.into_iter().map(Into::into).collect())
    }

    /// Rows whose column contains the text.
    pub fn contains(column: impl Into<String>, text: impl Into<String>) -> Filter {
        Filter::Matches(column.into(), Match::Contains, text.into())
    }

    /// Rows whose column starts with the text.
    pub fn starts_with(column: impl Into<String>, text: impl Into<String>) -> Filter {
        Filter::Matches(column.into(), Match::StartsWith, text.into())
    }

    /// Rows whose column ends with the text.
    pub fn ends_with(column: impl Into<String>, text: impl Into<String>) -> Filter {
        Filter::Matches(column.into(), Match::EndsWith, text.into())
    }

    /// Rows whose user column holds the caller.
    pub fn is_caller(column: impl Into<String>) -> Filter {
        Filter::IsCaller(column.into())
    }

    /// Rows that have at least one row behind a collection-valued navigation property; `key` is the primary key of those.
    pub fn exists(navigation: impl Into<String>, key: impl Into<String>) -> Filter {
        Filter::Exists(navigation.into(), key.into())
    }

    /// The columns that it names, those behind a lookup left out.
    pub(crate) fn columns<'a>(&'a self, found: &mut BTreeSet<&'a str>) {
        match self {
            Filter::Compare(column, ..)
            | Filter::Matches(column, ..)
            | Filter::AnyOf(column, _)
            | Filter::IsCaller(column) => {
                if !column.contains('/') {
                    found.insert(column);
                }
            }
            Filter::All(parts) | Filter::Any(parts) => {
                parts.iter().for_each(|part| part.columns(found));
            }
            Filter::Not(part) => part.columns(found),
            Filter::Exists(..) => {}
        }
    }

    /// This and the other.
    #[must_use]
    pub fn and(self, other: Filter) -> Filter {
        match self {
            Filter::All(mut all) => {
                all.push(other);
                Filter::All(all)
            }
            first => Filter::All(vec![first, other]),
        }
    }

    /// This or the other.
    #[must_use]
    pub fn or(self, other: Filter) -> Filter {
        match self {
            Filter::Any(mut any) => {
                any.push(other);
                Filter::Any(any)
            }
            first => Filter::Any(vec![first, other]),
        }
    }
}

impl std::ops::Not for Filter {
    type Output = Filter;

    fn not(self) -> Filter {
        Filter::Not(Box::new(self))
    }
}
