//! The content of a document: the one representation of a resource and of the items in it.
//!
//! A record is a table of fields together with the values that a document gives for some of them. Code that treats all kinds alike iterates
//! over it; code for a specific kind reads it through the kind's view, which has typed getters.

use std::fmt;
use std::marker::PhantomData;

use serde_json::{Map, Value as Json, json};

use crate::given::Given;
use crate::parameters::Parameters;
use crate::set::{Owner, Reference, SetMode};
use crate::span::{Span, Spanned};
use crate::table::{Field, Holds, NameOf, PartTable};

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text, or the name of something that is looked up.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Flag(bool),
    /// The word of a choice.
    Choice(&'static str),
    /// The name of another resource.
    Name(Reference),
    /// JSON that is stored in a text column.
    Json(Box<Json>),
    /// A user or a team.
    Owner(Owner),
    /// A set.
    Set(Box<Set>),
    /// Items in order.
    Items(Vec<Spanned<Record>>),
    /// Features by option number, in the order of the file.
    Features(Vec<(Spanned<i64>, Spanned<bool>)>),
    /// The parameters of a tab.
    Parameters(Parameters),
    /// A member of a set that has its own fields.
    Item(Record),
}

impl Value {
    /// Returns the text, or the name as written.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::Name(name) => Some(name.as_str()),
            Value::Choice(word) => Some(word),
            _ => None,
        }
    }
}

/// A set of members, in no particular order. A plain list is an exact set.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    /// `exact` or `atLeast`.
    pub mode: SetMode,
    /// Members that must exist.
    pub members: Vec<Spanned<Value>>,
    /// Members that must not exist; only with `atLeast`.
    pub without: Vec<Spanned<Value>>,
    /// For users only: names of Dataverse teams whose members belong to the set.
    pub from_teams: Vec<Spanned<String>>,
    /// For users only: whether users may be moved out of a profile that is not declared here.
    pub moves: bool,
    /// The range of the complete value.
    pub span: Span,
}

impl Set {
    /// Creates an exact set.
    #[must_use]
    pub fn exact(members: Vec<Spanned<Value>>, span: Span) -> Self {
        Self {
            mode: SetMode::Exact,
            members,
            without: Vec::new(),
            from_teams: Vec::new(),
            moves: false,
            span,
        }
    }
}

/// The values that a document gives for the fields of a table.
#[derive(Clone)]
pub struct Record {
    fields: &'static [Field],
    /// Values, by the position of their field in the table.
    given: Vec<(u8, Given<Value>)>,
}

impl Record {
    /// Creates an empty record.
    #[must_use]
    pub const fn empty(fields: &'static [Field]) -> Self {
        Self {
            fields,
            given: Vec::new(),
        }
    }

    /// Returns the table of its fields.
    #[must_use]
    pub const fn table(&self) -> &'static [Field] {
        self.fields
    }

    /// Returns every field of the table that a manifest may write, with its value.
    pub fn fields(&self) -> impl Iterator<Item = (&'static Field, Given<&Value>)> {
        self.fields
            .iter()
            .enumerate()
            .filter(|(_, field)| field.is_written)
            .map(|(at, field)| (field, self.at(at)))
    }

    /// Returns every column of the table with its value, including those that manifests never write.
    pub fn columns(&self) -> impl Iterator<Item = (&'static Field, Given<&Value>)> {
        let places = self.fields.iter().enumerate();
        places.map(|(at, field)| (field, self.at(at)))
    }

    /// Returns the value of the field at a position of the table.
    pub(crate) fn at(&self, place: usize) -> Given<&Value> {
        self.given
            .iter()
            .find(|(at, _)| usize::from(*at) == place)
            .map_or(Given::Absent, |(_, given)| given.as_ref())
    }

    /// Returns the value of a field of the table.
    #[must_use]
    pub fn get(&self, field: &Field) -> Given<&Value> {
        let place = self.fields.iter().position(|one| one.word == field.word);
        place.map_or(Given::Absent, |place| self.at(place))
    }

    /// Sets the value of the field at a position of the table.
    pub(crate) fn put(&mut self, place: usize, value: Given<Value>) {
        let place = u8::try_from(place).unwrap_or(u8::MAX);
        if value.is_absent() {
            return;
        }
        self.given.retain(|(at, _)| *at != place);
        self.given.push((place, value));
    }

    /// Returns the identity of a part as people write it: its name, or the name of the row that it refers to.
    #[must_use]
    pub fn identity(&self, part: &PartTable) -> String {
        let text = |which: &dyn Fn(&Field) -> bool| {
            let place = self.fields.iter().position(which)?;
            match self.at(place).value()? {
                Value::Number(number) => Some(number.to_string()),
                value => value.as_text().map(str::to_owned),
            }
        };
        let own = text(&|field| part.is_identity(field)).unwrap_or_default();
        let unit = text(&|field| matches!(field.holds, Holds::BusinessUnit));
        of_unit(&own, unit.as_deref())
    }

    /// Frees unused memory, because thousands of records are kept until the end of a run.
    pub(crate) fn shrink(&mut self) {
        self.given.shrink_to_fit();
    }

    /// Number of fields that have a value.
    pub(crate) fn len(&self) -> usize {
        self.given.len()
    }

    pub(crate) fn view<T: FieldType>(&self, place: usize) -> Given<T::View<'_>> {
        match self.at(place) {
            Given::Absent => Given::Absent,
            Given::Clear(span) => Given::Clear(span),
            Given::Value(value) => match T::view(value.value) {
                Some(view) => Given::Value(Spanned::new(view, value.span)),
                None => Given::Absent,
            },
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = self.fields().filter(|(_, given)| !given.is_absent());
        out.debug_map()
            .entries(given.map(|(field, given)| (field.word, given)))
            .finish()
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.fields, other.fields)
            && self.given.len() == other.given.len()
            && self
                .given
                .iter()
                .all(|(place, given)| other.at(usize::from(*place)) == given.as_ref())
    }
}

impl NameOf {
    /// The increment with which the product numbers such parts.
    #[must_use]
    pub const fn step(self) -> i64 {
        match self {
            NameOf::PaneTab(_) => 10,
            NameOf::Behind(_) | NameOf::Given => 1,
        }
    }

    /// Returns the text of an item from which its unique name is derived, with the business unit of a role.
    #[must_use]
    pub fn source(self, item: &Record) -> Option<Spanned<String>> {
        let (NameOf::Behind(word) | NameOf::PaneTab(word)) = self else {
            return None;
        };
        let text = |which: &dyn Fn(&Field) -> bool| {
            let (_, given) = item.fields().find(|(field, _)| which(field))?;
            let value = given.spanned()?;
            Some(Spanned::new(value.value.as_text()?, value.span))
        };
        let source = text(&|field| field.word == word)?;
        let unit = text(&|field| matches!(field.holds, Holds::BusinessUnit));
        let whole = of_unit(source.value, unit.map(|unit| unit.value));
        Some(Spanned::new(whole, source.span))
    }
}

/// Returns what people call a security role, with its business unit if its name alone means another role. Unique names are derived from it.
#[must_use]
pub fn of_unit(role: &str, unit: Option<&str>) -> String {
    match unit {
        Some(unit) => format!("{role} of {unit}"),
        None => role.to_owned(),
    }
}

/// Returns a record as in a manifest, in the order of the reference.
pub(crate) fn to_json(record: &Record) -> Map<String, Json> {
    let mut written = Map::new();
    for (field, given) in record.fields() {
        let value = match given {
            Given::Absent => continue,
            Given::Clear(_) => Json::Null,
            Given::Value(value) => value_json(field, value.value),
        };
        written.insert(field.word.to_owned(), value);
    }
    written
}

fn value_json(field: &Field, value: &Value) -> Json {
    match value {
        Value::Text(text) => Json::from(text.as_str()),
        Value::Number(number) => Json::from(*number),
        Value::Flag(flag) => Json::from(*flag),
        Value::Choice(word) => Json::from(*word),
        Value::Name(name) => Json::from(name.as_str()),
        Value::Json(json) => json.as_ref().clone(),
        Value::Owner(Owner::User(name)) => json!({ "user": name }),
        Value::Owner(Owner::Team(name)) => json!({ "team": name }),
        Value::Set(set) => set_json(field, set),
        Value::Items(items) => Json::from_iter(items.iter().map(|item| to_json(&item.value))),
        Value::Features(features) => {
            let name = |number: i64| match field.holds {
                Holds::Parts(part) => part.feature_name(number),
                _ => number.to_string(),
            };
            let entry = |(number, on): &(Spanned<i64>, Spanned<bool>)| {
                (name(number.value), Json::from(on.value))
            };
            Json::Object(features.iter().map(entry).collect())
        }
        Value::Parameters(parameters) => parameters.to_json(),
        Value::Item(record) => {
            let written = to_json(record);
            let bare = match field.holds {
                Holds::Parts(part) if written.len() == 1 => {
                    part.fields.iter().find(|field| part.is_bare(field))
                }
                _ => None,
            };
            match bare.and_then(|field| written.get(field.word)) {
                Some(name) => name.clone(),
                None => Json::Object(written),
            }
        }
    }
}

fn set_json(field: &Field, set: &Set) -> Json {
    let list = |members: &[Spanned<Value>]| {
        Json::from_iter(
            members
                .iter()
                .map(|member| value_json(field, &member.value)),
        )
    };
    let Set {
        mode,
        members,
        without,
        from_teams,
        moves,
        span: _,
    } = set;
    if *mode == field.list_means && without.is_empty() && from_teams.is_empty() && !moves {
        return list(members);
    }
    let mut long = json!({"mode": mode.as_str(), "members": list(members)});
    if !without.is_empty() {
        long["without"] = list(without);
    }
    if !from_teams.is_empty() {
        long["fromTeams"] = Json::from_iter(from_teams.iter().map(|team| team.value.as_str()));
    }
    if *moves {
        long["moves"] = "allow".into();
    }
    long
}

/// A type of field values.
pub trait FieldType {
    /// The return type of a getter.
    type View<'a>;

    /// Returns the value as this type.
    fn view(value: &Value) -> Option<Self::View<'_>>;
}

/// A view of a record, which the macro `record!` generates for a table.
pub trait Viewed {
    /// The view.
    type View<'a>;

    /// Creates a view of a record of the view's table.
    fn view(record: &Record) -> Self::View<'_>;
}

macro_rules! field_types {
    ($( $(#[doc = $doc:literal])* $name:ident: $view:ty = $pattern:pat => $value:expr; )*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Debug)]
            pub enum $name {}

            impl FieldType for $name {
                type View<'a> = $view;

                fn view<'a>(value: &'a Value) -> Option<Self::View<'a>> {
                    match value {
                        $pattern => Some($value),
                        _ => None,
                    }
                }
            }
        )*
    };
}

field_types! {
    /// Text.
    Text: &'a str = Value::Text(text) => text.as_str();
    /// A whole number.
    Number: i64 = Value::Number(number) => *number;
    /// `true` or `false`.
    Flag: bool = Value::Flag(flag) => *flag;
    /// The name of another resource.
    Name: &'a Reference = Value::Name(name) => name;
    /// The name of something that is looked up and never written.
    Named: &'a str = Value::Text(name) => name.as_str();
    /// JSON, or plain text instead.
    JsonValue: &'a Value = value @ (Value::Json(_) | Value::Text(_)) => value;
    /// A user or a team.
    OwnerOf: &'a Owner = Value::Owner(owner) => owner;
    /// Features by option number.
    Features: &'a [(Spanned<i64>, Spanned<bool>)] = Value::Features(features) => features.as_slice();
    /// The parameters of a tab.
    ParametersOf: &'a Parameters = Value::Parameters(parameters) => parameters;
}

/// A column that manifests never write.
#[derive(Debug)]
pub enum Hidden {}

impl FieldType for Hidden {
    type View<'a> = ();

    fn view(_value: &Value) -> Option<()> {
        None
    }
}

/// An item with its own fields, as a member of a set.
#[derive(Debug)]
pub struct Item<V>(PhantomData<V>);

impl<V: Viewed> FieldType for Item<V> {
    type View<'a> = V::View<'a>;

    fn view(value: &Value) -> Option<V::View<'_>> {
        match value {
            Value::Item(record) => Some(V::view(record)),
            _ => None,
        }
    }
}

/// A set whose members have a given type.
#[derive(Debug)]
pub struct SetOf<T>(PhantomData<T>);

impl<T: FieldType> FieldType for SetOf<T> {
    type View<'a> = SetView<'a, T>;

    fn view(value: &Value) -> Option<SetView<'_, T>> {
        match value {
            Value::Set(set) => Some(SetView {
                set,
                members: PhantomData,
            }),
            _ => None,
        }
    }
}

/// A view of a set whose members have a given type.
#[derive(Debug)]
pub struct SetView<'a, T> {
    set: &'a Set,
    members: PhantomData<T>,
}

impl<T> Clone for SetView<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SetView<'_, T> {}

impl<'a, T: FieldType> SetView<'a, T> {
    /// Returns the underlying set, with its mode, its range and the settings for sets of users.
    #[must_use]
    pub fn set(self) -> &'a Set {
        self.set
    }

    /// Returns the members that must exist.
    pub fn members(self) -> impl Iterator<Item = Spanned<T::View<'a>>> {
        typed::<T>(&self.set.members)
    }

    /// Returns the members that must not exist.
    pub fn without(self) -> impl Iterator<Item = Spanned<T::View<'a>>> {
        typed::<T>(&self.set.without)
    }
}

fn typed<T: FieldType>(values: &[Spanned<Value>]) -> impl Iterator<Item = Spanned<T::View<'_>>> {
    values
        .iter()
        .filter_map(|member| Some(Spanned::new(T::view(&member.value)?, member.span)))
}

/// A list of items with their own fields.
#[derive(Debug)]
pub struct ListOf<V>(PhantomData<V>);

impl<V: Viewed> FieldType for ListOf<V> {
    type View<'a> = Items<'a, V>;

    fn view(value: &Value) -> Option<Items<'_, V>> {
        match value {
            Value::Items(items) => Some(Items {
                items,
                of: PhantomData,
            }),
            _ => None,
        }
    }
}

/// Items of one type, in order.
#[derive(Debug)]
pub struct Items<'a, V> {
    items: &'a [Spanned<Record>],
    of: PhantomData<V>,
}

impl<'a, V: Viewed> Items<'a, V> {
    /// Returns the items and their places.
    pub fn iter(self) -> impl Iterator<Item = Spanned<V::View<'a>>> {
        self.items
            .iter()
            .map(|item| Spanned::new(V::view(&item.value), item.span))
    }
}
