//! Conditions on rows, and their representation in a URL.

use std::collections::BTreeSet;

use uuid::Uuid;

/// A value in a condition. Its type determines how it is written, so quoting cannot be forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Literal {
    /// No value.
    Null,
    /// Text; quoted, with inner quotes doubled.
    Text(String),
    /// A GUID; not quoted.
    Id(Uuid),
    /// A whole number or the number of a choice.
    Int(i64),
    /// Yes or no.
    Flag(bool),
    /// A point in time or a date in ISO 8601, such as `2026-05-01T08:00:00Z`. Not quoted; validated when it is written.
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
    /// `eq`; case-insensitive for text (Filter rows).
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

/// The position of a text in a column.
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
    /// Compares a column with a value.
    Compare(String, Comparison, Literal),
    /// Searches for a text in a column; `%`, `_` and `[` are matched literally.
    Matches(String, Match, String),
    /// A column equal to one of these values. If they do not fit into one request, they are split over several.
    AnyOf(String, Vec<Literal>),
    /// A user column that contains the caller (`EqualUserId`).
    IsCaller(String),
    /// Rows with at least one related row behind a collection-valued navigation property. The second value is the primary key of the
    /// related table.
    Exists(String, String),
    /// All of these conditions.
    All(Vec<Filter>),
    /// At least one of these conditions.
    Any(Vec<Filter>),
    /// The opposite of this condition.
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

    /// Rows whose column holds one of the values. Without values, no row matches.
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

    /// Rows whose user column contains the caller.
    pub fn is_caller(column: impl Into<String>) -> Filter {
        Filter::IsCaller(column.into())
    }

    /// Rows with at least one related row behind a collection-valued navigation property. `key` is the primary key of the related table.
    pub fn exists(navigation: impl Into<String>, key: impl Into<String>) -> Filter {
        Filter::Exists(navigation.into(), key.into())
    }

    /// The columns that the condition names, except those behind a lookup.
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

    /// Both conditions.
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

    /// At least one of both conditions.
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
