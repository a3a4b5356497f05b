//! Sets with a stated mode, and the things that manifests refer to by name.

use std::fmt;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::decode::Decoder;
use crate::field::{FieldInfo, FieldRule, FieldType, ValueView};
use crate::name::UniqueName;
use crate::schema::{items_schema, variable_schema};
use crate::span::{Span, Spanned};
use crate::yaml::{Node, NodeValue};

/// Whether a set says everything or a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SetMode {
    /// These members and no others.
    Exact,
    /// These members are there; others are left alone.
    AtLeast,
}

impl SetMode {
    /// The word in a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SetMode::Exact => "exact",
            SetMode::AtLeast => "atLeast",
        }
    }
}

/// A set of members: the order means nothing. A plain list is an exact set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetOf<T> {
    /// Exact or at least.
    pub mode: SetMode,
    /// What must be there.
    pub members: Vec<Spanned<T>>,
    /// What must not be there; with `atLeast` only.
    pub without: Vec<Spanned<T>>,
    /// Users only: names of Dataverse teams whose members belong to the set.
    pub from_teams: Vec<Spanned<String>>,
    /// Users only: whether somebody may leave a profile that is not declared here.
    pub moves: bool,
    /// The whole value.
    pub span: Span,
}

impl<T> SetOf<T> {
    /// An exact set.
    #[must_use]
    pub fn exact(members: Vec<Spanned<T>>, span: Span) -> Self {
        Self {
            mode: SetMode::Exact,
            members,
            without: Vec::new(),
            from_teams: Vec::new(),
            moves: false,
            span,
        }
    }

    /// Whether an exact set names nobody and nothing.
    #[must_use]
    pub fn empties(&self) -> bool {
        self.mode == SetMode::Exact && self.members.is_empty() && self.from_teams.is_empty()
    }
}

/// The unique name of another resource, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(UniqueName);

impl Reference {
    /// Takes a name as somebody wrote it.
    #[must_use]
    pub fn new(written: &str) -> Self {
        Self(UniqueName::new(written))
    }

    /// The name with the letters and blanks that somebody wrote.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_written()
    }

    /// The name as an identity.
    #[must_use]
    pub fn name(&self) -> &UniqueName {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// The name of a web resource (`webresource.name`): looked up, never created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebResource(pub String);

/// A user: user principal name, e-mail address or Entra object id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRef(pub String);

/// A security role by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRef {
    /// The role's name.
    pub name: String,
    /// The business unit whose copy is meant; `None` is the root business unit's.
    pub business_unit: Option<String>,
    /// Unique name of the row that maps the role to the profile, for a new one; derived where left out.
    pub mapping_name: Option<Spanned<String>>,
}

impl fmt::Display for RoleRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.business_unit {
            None => out.write_str(&self.name),
            Some(unit) => write!(out, "{} of {unit}", self.name),
        }
    }
}

/// A view, form or dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookedUp {
    /// Its id.
    Id(Uuid),
    /// Its name, looked up in every environment.
    Name {
        /// The name as shown in the product.
        name: String,
        /// The table it belongs to, where the tab's `entityName` does not say.
        table: Option<String>,
    },
}

/// What a text column holds that is written as JSON or as plain text.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonOrText {
    /// Written as YAML, stored as compact JSON with the key order of the file.
    Json(Value),
    /// Stored as it stands.
    Text(String),
}

impl JsonOrText {
    /// The text that the column holds.
    #[must_use]
    pub fn stored(&self) -> String {
        match self {
            JsonOrText::Json(value) => value.to_string(),
            JsonOrText::Text(text) => text.clone(),
        }
    }
}

/// Who owns a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A user: user principal name, e-mail address or Entra object id.
    User(String),
    /// A team by name.
    Team(String),
}

/// What a set may hold.
pub(crate) trait Member: Sized {
    /// The fields of a member that is written as a mapping.
    const ITEMS: &'static [FieldInfo] = &[];
    /// Whether `fromTeams` and `moves` have a meaning.
    const IS_USER: bool = false;
    /// Whether members are names, which are compared without case.
    const IS_NAME: bool = true;

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self>;

    fn to_json(&self) -> Value;

    fn schema() -> Value;

    /// Sets of resources are shown to code that treats all kinds alike.
    fn view(_set: &SetOf<Self>) -> Option<ValueView<'_>> {
        None
    }
}

impl<T: Member> FieldType for SetOf<T> {
    const IS_NAME: bool = T::IS_NAME;
    const ITEMS: &'static [FieldInfo] = T::ITEMS;

    fn view(&self) -> Option<ValueView<'_>> {
        T::view(self)
    }

    fn decode(node: &Node, _rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        if let NodeValue::List(items) = &node.value {
            return Some(SetOf::exact(members(items, decoder), node.span));
        }
        decoder.fits(node.is_map().then_some(()))?;
        let mut set = SetOf::exact(Vec::new(), node.span);
        let mut mode = None;
        for entry in node.entries() {
            let value = &entry.value;
            match &*entry.key {
                "mode" => mode = set_mode(value, decoder),
                "members" => {
                    set.members = decoder
                        .list(value)
                        .map_or_else(Vec::new, |items| members(items, decoder))
                }
                "without" => {
                    set.without = decoder
                        .list(value)
                        .map_or_else(Vec::new, |items| members(items, decoder))
                }
                "fromTeams" if T::IS_USER => {
                    set.from_teams = decoder
                        .list(value)
                        .map_or_else(Vec::new, |items| texts(items, decoder));
                }
                "moves" if T::IS_USER => {
                    let word = value
                        .as_text()
                        .filter(|word| ["allow", "refuse"].contains(word));
                    set.moves = decoder.fits(word) == Some("allow");
                }
                _ => decoder.reject(),
            }
        }
        if node.get("mode").is_none() {
            decoder.reject();
        }
        set.mode = mode?;
        Some(set)
    }

    fn to_json(&self) -> Value {
        let list = |members: &[Spanned<T>]| {
            Value::from_iter(members.iter().map(|member| member.value.to_json()))
        };
        let SetOf {
            mode,
            members,
            without,
            from_teams,
            moves,
            span: _,
        } = self;
        if *mode == SetMode::Exact && without.is_empty() && from_teams.is_empty() && !moves {
            return list(members);
        }
        let mut long = json!({"mode": mode.as_str(), "members": list(members)});
        if !without.is_empty() {
            long["without"] = list(without);
        }
        if !from_teams.is_empty() {
            long["fromTeams"] = Value::from_iter(from_teams.iter().map(|team| team.value.as_str()));
        }
        if *moves {
            long["moves"] = "allow".into();
        }
        long
    }

    fn schema(_rule: FieldRule) -> Value {
        let list = json!({"type": "array", "items": T::schema()});
        let mut long = json!({
            "type": "object",
            "properties": {
                "mode": {
                    "description": "`exact`: these and no others. `atLeast`: these are there, others are left alone.",
                    "enum": ["exact", "atLeast"],
                },
                "members": {"description": "What must be there.", "anyOf": [list.clone(), variable_schema()]},
                "without": {"description": "What must not be there; with `atLeast` only.", "anyOf": [list.clone(), variable_schema()]},
            },
            "required": ["mode"],
            "additionalProperties": false,
        });
        if T::IS_USER {
            let teams = json!({"type": "array", "items": {"type": "string", "minLength": 1}});
            long["properties"]["fromTeams"] = json!({
                "description": "Dataverse teams whose members belong to the set.",
                "anyOf": [teams, variable_schema()],
            });
            long["properties"]["moves"] = json!({
                "description": "Whether somebody may leave a profile that is not declared here; `refuse` where left out.",
                "enum": ["allow", "refuse"],
            });
        }
        json!({"anyOf": [list, long]})
    }
}

fn set_mode(node: &Node, decoder: &mut Decoder<'_>) -> Option<SetMode> {
    let mode = [SetMode::Exact, SetMode::AtLeast]
        .into_iter()
        .find(|mode| node.as_text() == Some(mode.as_str()));
    decoder.fits(mode)
}

fn members<T: Member>(items: &[Node], decoder: &mut Decoder<'_>) -> Vec<Spanned<T>> {
    items
        .iter()
        .filter_map(|item| Some(Spanned::new(T::decode(item, decoder)?, item.span)))
        .collect()
}

fn texts(items: &[Node], decoder: &mut Decoder<'_>) -> Vec<Spanned<String>> {
    items
        .iter()
        .filter_map(|item| {
            Some(Spanned::new(
                decoder.text(item, None)?.to_owned(),
                item.span,
            ))
        })
        .collect()
}

impl Member for Reference {
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        decoder.text(node, None).map(Reference::new)
    }

    fn to_json(&self) -> Value {
        Value::from(self.as_str())
    }

    fn schema() -> Value {
        json!({"type": "string", "minLength": 1})
    }

    fn view(set: &SetOf<Self>) -> Option<ValueView<'_>> {
        Some(ValueView::Set(set))
    }
}

impl Member for UserRef {
    const IS_USER: bool = true;

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        decoder
            .text(node, None)
            .map(|user| UserRef(user.to_owned()))
    }

    fn to_json(&self) -> Value {
        Value::from(self.0.as_str())
    }

    fn schema() -> Value {
        json!({"type": "string", "minLength": 1})
    }
}

const ROLE_ITEMS: &[FieldInfo] = &[
    FieldInfo::of::<String>(
        "role",
        "Name of the security role.\n\nText, required. Dataverse: `msdyn_securityroleid`.",
        FieldRule::ANY.required(),
    ),
    FieldInfo::of::<String>(
        "businessUnit",
        "The business unit whose copy of the role is meant.\n\nText. Default: the root business unit. Dataverse: `msdyn_securityroleid`.",
        FieldRule::ANY,
    ),
    FieldInfo::of::<String>(
        "name",
        "Unique name of the row that maps the role to the profile, used when it is created.\n\nText, at most 128 characters. Default: derived from the role. Dataverse: `msdyn_uniquename`.",
        FieldRule::ANY.max_length(128),
    ),
];

impl Member for RoleRef {
    const ITEMS: &'static [FieldInfo] = ROLE_ITEMS;

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        if !node.is_map() {
            return decoder.text(node, None).map(|name| RoleRef {
                name: name.to_owned(),
                business_unit: None,
                mapping_name: None,
            });
        }
        let record = decoder.record(node, ROLE_ITEMS)?;
        let name = record.required::<String>("role", decoder);
        let business_unit = record.optional::<String>("businessUnit", decoder);
        let mapping_name = record.optional::<String>("name", decoder);
        Some(RoleRef {
            name: name?.value,
            business_unit: business_unit.map(|unit| unit.value),
            mapping_name,
        })
    }

    fn to_json(&self) -> Value {
        if self.business_unit.is_none() && self.mapping_name.is_none() {
            return Value::from(self.name.as_str());
        }
        let mut role = json!({"role": self.name});
        if let Some(unit) = &self.business_unit {
            role["businessUnit"] = unit.as_str().into();
        }
        if let Some(name) = &self.mapping_name {
            role["name"] = name.value.as_str().into();
        }
        role
    }

    fn schema() -> Value {
        json!({"anyOf": [{"type": "string", "minLength": 1}, items_schema(ROLE_ITEMS)]})
    }
}

impl FieldType for Reference {
    const CLEARABLE: bool = true;
    const IS_NAME: bool = true;

    fn view(&self) -> Option<ValueView<'_>> {
        Some(ValueView::Reference(self.as_str()))
    }

    fn decode(node: &Node, _rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        decoder.text(node, None).map(Reference::new)
    }

    fn to_json(&self) -> Value {
        Value::from(self.as_str())
    }

    fn schema(_rule: FieldRule) -> Value {
        json!({"type": "string", "minLength": 1})
    }
}

impl FieldType for WebResource {
    const CLEARABLE: bool = true;
    const IS_NAME: bool = true;

    fn view(&self) -> Option<ValueView<'_>> {
        Some(ValueView::Reference(&self.0))
    }

    fn decode(node: &Node, _rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        decoder
            .text(node, None)
            .map(|name| WebResource(name.to_owned()))
    }

    fn to_json(&self) -> Value {
        Value::from(self.0.as_str())
    }

    fn schema(_rule: FieldRule) -> Value {
        json!({"type": "string", "minLength": 1})
    }
}

impl FieldType for Owner {
    fn decode(node: &Node, _rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        decoder.fits(node.is_map().then_some(()))?;
        let [entry] = node.entries() else {
            return decoder.fits(None);
        };
        match &*entry.key {
            "user" => decoder
                .text(&entry.value, None)
                .map(|user| Owner::User(user.to_owned())),
            "team" => decoder
                .text(&entry.value, None)
                .map(|team| Owner::Team(team.to_owned())),
            _ => decoder.fits(None),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Owner::User(user) => json!({"user": user}),
            Owner::Team(team) => json!({"team": team}),
        }
    }

    fn schema(_rule: FieldRule) -> Value {
        json!({
            "type": "object",
            "properties": {
                "user": {"description": "User principal name, e-mail address or Entra object id.", "type": "string", "minLength": 1},
                "team": {"description": "Name of a team.", "type": "string", "minLength": 1},
            },
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}
