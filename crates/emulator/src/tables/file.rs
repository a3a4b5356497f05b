//! The format of table files.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::schema::Kind;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableFile {
    pub(super) table: String,
    pub(super) set: String,
    pub(super) label: String,
    pub(super) plural: String,
    #[serde(default)]
    pub(super) ownership: OwnershipWord,
    pub(super) key: String,
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) component: bool,
    pub(super) schema: Option<String>,
    pub(super) privilege: Option<String>,
    /// Fixed for tables of the platform; others are numbered.
    pub(super) object_type_code: Option<i64>,
    #[serde(default)]
    pub(super) with: Vec<String>,
    #[serde(default)]
    pub(super) keys: BTreeMap<String, Vec<String>>,
    pub(super) protected: Option<ProtectedFile>,
    #[serde(default)]
    pub(super) completes: Vec<CompletionFile>,
    pub(super) columns: Vec<ColumnFile>,
}

/// Rows that the product needs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProtectedFile {
    pub(super) column: String,
    /// Values of the column that identify these rows.
    pub(super) values: Vec<serde_json::Value>,
    /// Columns that can be written nevertheless.
    #[serde(default)]
    pub(super) except: Vec<String>,
}

/// A value that the product fills in when a row is created.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CompletionFile {
    pub(super) column: String,
    /// Required values of the new row.
    #[serde(default)]
    pub(super) when: BTreeMap<String, serde_json::Value>,
    /// Text for a column without a value.
    pub(super) value: Option<String>,
    /// Table of a new row for a lookup.
    pub(super) creates: Option<String>,
    /// Texts of that row. `{id}` is the id of the created row.
    #[serde(default)]
    pub(super) with: BTreeMap<String, String>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum OwnershipWord {
    User,
    Business,
    Organization,
    #[default]
    None,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct ColumnFile {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: KindWord,
    pub(super) schema: Option<String>,
    pub(super) label: Option<String>,
    #[serde(default)]
    pub(super) required: RequiredWord,
    #[serde(default)]
    pub(super) read_only: bool,
    /// Not valid for update, according to the metadata.
    #[serde(default)]
    pub(super) create_only: bool,
    /// Fixed once the row exists, although the metadata does not state it.
    #[serde(default)]
    pub(super) fixed: bool,
    /// A lookup that is empty in `$select` but filled in `$expand`.
    #[serde(default)]
    pub(super) only_expanded: bool,
    #[serde(default)]
    pub(super) localizable: bool,
    #[serde(default)]
    pub(super) date_only: bool,
    #[serde(default)]
    pub(super) indexed: bool,
    /// Stored, but never shown to clients.
    #[serde(default)]
    pub(super) hidden: bool,
    /// Repeats the primary key, as a property that users and teams inherit from `principal`.
    #[serde(default)]
    pub(super) inherited: bool,
    pub(super) length: Option<usize>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    #[serde(default)]
    pub(super) options: BTreeMap<OptionKey, String>,
    #[serde(default)]
    pub(super) states: BTreeMap<i64, i64>,
    pub(super) default: Option<DefaultWord>,
    pub(super) global_choice: Option<String>,
    #[serde(default)]
    pub(super) to: Vec<String>,
    pub(super) nav: Option<String>,
    #[serde(default)]
    pub(super) navs: BTreeMap<String, String>,
    pub(super) relation: Option<RelationFile>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OptionKey {
    Number(i64),
    Flag(bool),
}

impl<'de> Deserialize<'de> for OptionKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = OptionKey;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an option number, `true` or `false`")
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<OptionKey, E> {
                Ok(OptionKey::Number(number))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<OptionKey, E> {
                i64::try_from(number)
                    .map(OptionKey::Number)
                    .map_err(E::custom)
            }
            fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<OptionKey, E> {
                Ok(OptionKey::Flag(flag))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OptionKey, E> {
                match text {
                    "true" => Ok(OptionKey::Flag(true)),
                    "false" => Ok(OptionKey::Flag(false)),
                    other => other.parse().map(OptionKey::Number).map_err(E::custom),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[derive(Clone)]
pub(super) enum DefaultWord {
    Flag(bool),
    Number(i64),
}

impl<'de> Deserialize<'de> for DefaultWord {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match OptionKey::deserialize(deserializer)? {
            OptionKey::Number(number) => Ok(DefaultWord::Number(number)),
            OptionKey::Flag(flag) => Ok(DefaultWord::Flag(flag)),
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum KindWord {
    String,
    Memo,
    Integer,
    Bigint,
    Decimal,
    Double,
    Boolean,
    Choice,
    State,
    Status,
    Lookup,
    Owner,
    Datetime,
    Id,
    Managed,
    Entityname,
}

impl From<KindWord> for Kind {
    fn from(word: KindWord) -> Kind {
        match word {
            KindWord::String => Kind::Text,
            KindWord::Memo => Kind::Memo,
            KindWord::Integer => Kind::Integer,
            KindWord::Bigint => Kind::BigInteger,
            KindWord::Decimal => Kind::Decimal,
            KindWord::Double => Kind::Double,
            KindWord::Boolean => Kind::Flag,
            KindWord::Choice => Kind::Choice,
            KindWord::State => Kind::State,
            KindWord::Status => Kind::Status,
            KindWord::Lookup => Kind::Lookup,
            KindWord::Owner => Kind::Owner,
            KindWord::Datetime => Kind::DateTime,
            KindWord::Id => Kind::Id,
            KindWord::Managed => Kind::Managed,
            KindWord::Entityname => Kind::EntityName,
        }
    }
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
pub(super) enum RequiredWord {
    #[default]
    None,
    Recommended,
    Application,
    System,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct RelationFile {
    pub(super) schema: String,
    pub(super) collection: Option<String>,
    #[serde(default)]
    pub(super) collections: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) delete: DeleteWord,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
pub(super) enum DeleteWord {
    Cascade,
    Restrict,
    Keep,
    #[default]
    Empty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RelationshipFile {
    pub(super) schema: String,
    pub(super) tables: [String; 2],
    pub(super) navs: [String; 2],
    pub(super) intersect: String,
    /// Entity set and key of an intersect table without a file of its own.
    pub(super) set: Option<String>,
    pub(super) key: Option<String>,
    pub(super) columns: [String; 2],
    #[serde(default)]
    pub(super) component: bool,
}

pub(super) fn intersect_file(relationship: &RelationshipFile) -> TableFile {
    let id = |name: &str, indexed: bool| ColumnFile {
        indexed,
        ..plain_column(name, KindWord::Id)
    };
    let key = relationship
        .key
        .clone()
        .unwrap_or_else(|| format!("{}id", relationship.intersect));
    TableFile {
        table: relationship.intersect.clone(),
        set: relationship
            .set
            .clone()
            .unwrap_or_else(|| format!("{}set", relationship.intersect)),
        label: relationship.schema.clone(),
        plural: relationship.schema.clone(),
        ownership: OwnershipWord::None,
        columns: vec![
            id(&key, false),
            id(&relationship.columns[0], true),
            id(&relationship.columns[1], true),
            ColumnFile {
                read_only: true,
                ..plain_column("versionnumber", KindWord::Bigint)
            },
        ],
        key,
        name: None,
        component: relationship.component,
        schema: None,
        privilege: Some(String::new()),
        object_type_code: None,
        with: Vec::new(),
        keys: BTreeMap::new(),
        protected: None,
        completes: Vec::new(),
    }
}

pub(super) fn plain_column(name: &str, kind: KindWord) -> ColumnFile {
    ColumnFile {
        name: name.to_owned(),
        kind,
        schema: None,
        label: None,
        required: RequiredWord::None,
        read_only: false,
        create_only: false,
        fixed: false,
        only_expanded: false,
        localizable: false,
        date_only: false,
        indexed: false,
        hidden: false,
        inherited: false,
        length: None,
        min: None,
        max: None,
        options: BTreeMap::new(),
        states: BTreeMap::new(),
        default: None,
        global_choice: None,
        to: Vec::new(),
        nav: None,
        navs: BTreeMap::new(),
        relation: None,
    }
}
