//! Both sides of a plan: rows and links. What manifests declare, and what Dataverse has.

use std::cmp::Ordering;
use std::fmt;

use deskstate_model::{
    Field, PartTable, Relationship, ResourceKey, SetMode, Span, State, Table, UniqueName,
};
use serde_json::Value as Json;
use uuid::Uuid;

/// How a row is found: by what people call it, never by an id of one environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKey {
    /// A row with a unique name of its own.
    Named {
        /// Its table.
        table: &'static Table,
        /// Its unique name; compared folded, shown as written.
        name: UniqueName,
    },
    /// A row known by its parent and its place there, whatever it calls itself.
    Part {
        /// Its table.
        table: &'static Table,
        /// The parent row.
        of: Box<RowKey>,
        /// Which of the parent's parts.
        part: PartName,
    },
    /// A row that is looked up and never written.
    Found(Lookup),
}

/// What tells the parts of one parent apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartName {
    /// A technical name, case as it is: a parameter.
    Text(String),
    /// An option number: a copilot feature.
    Number(i64),
    /// Another row: the role of a mapping, the tool of a pane entry.
    Row(Box<RowKey>),
}

/// How a row that is never written is found.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// By user principal name, e-mail or Entra object id.
    User(String),
    /// By name.
    Team(String),
    /// By name, in the root business unit unless another is named.
    Role {
        /// The role's name.
        name: String,
        /// The business unit whose copy is meant.
        business_unit: Option<String>,
    },
    /// By name.
    WebResource(String),
    /// A process, by name.
    Macro(String),
    /// A view of a table, by name.
    View {
        /// The view's name.
        name: String,
        /// Logical name of its table, where known.
        table: Option<String>,
    },
    /// A form of a table, by name.
    Form {
        /// The form's name.
        name: String,
        /// Logical name of its table, where known.
        table: Option<String>,
    },
    /// A dashboard, by name.
    Dashboard(String),
    /// A row of a table that no kind is defined for, by name.
    Row {
        /// Its table.
        table: &'static Table,
        /// Its name.
        name: String,
    },
    /// The organization itself.
    Organization,
}

impl Lookup {
    /// What people call this sort of row.
    pub fn noun(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Team(_) => "team",
            Self::Role { .. } => "security role",
            Self::WebResource(_) => "web resource",
            Self::Macro(_) => "macro",
            Self::View { .. } => "view",
            Self::Form { .. } => "form",
            Self::Dashboard(_) => "dashboard",
            Self::Row { table, .. } => table.logical,
            Self::Organization => "organization",
        }
    }

    /// The name it is found by.
    pub fn name(&self) -> &str {
        match self {
            Self::User(name)
            | Self::Team(name)
            | Self::WebResource(name)
            | Self::Macro(name)
            | Self::Dashboard(name) => name,
            Self::Organization => "",
            Self::Role { name, .. }
            | Self::View { name, .. }
            | Self::Form { name, .. }
            | Self::Row { name, .. } => name,
        }
    }

    fn qualifier(&self) -> Option<&str> {
        match self {
            Self::Role { business_unit, .. } => business_unit.as_deref(),
            Self::View { table, .. } | Self::Form { table, .. } => table.as_deref(),
            Self::User(_)
            | Self::Team(_)
            | Self::WebResource(_)
            | Self::Macro(_)
            | Self::Dashboard(_)
            | Self::Row { .. }
            | Self::Organization => None,
        }
    }

    fn folded(&self) -> (&'static str, String, Option<String>) {
        (self.noun(), fold(self.name()), self.qualifier().map(fold))
    }
}

/// Names compare without ASCII case and outer blanks, as Dataverse compares them.
pub fn fold(name: &str) -> String {
    name.trim().to_ascii_lowercase()
}

impl PartialEq for Lookup {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}
impl Eq for Lookup {}
impl PartialOrd for Lookup {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Lookup {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded().cmp(&other.folded())
    }
}

impl RowKey {
    /// The table of the row, where the row is one that deskstate writes.
    pub fn table(&self) -> Option<&'static Table> {
        match self {
            Self::Named { table, .. } | Self::Part { table, .. } => Some(table),
            Self::Found(_) => None,
        }
    }

    /// `table/folded identity`: the text that a created row's id is derived from.
    pub fn identity(&self) -> String {
        match self {
            Self::Named { table, name } => format!("{}/{}", table.logical, name.folded()),
            Self::Part { table, of, part } => {
                format!("{}/{}/{}", table.logical, of.identity(), part.identity())
            }
            Self::Found(lookup) => {
                let (noun, name, qualifier) = lookup.folded();
                format!("{noun}/{name}/{}", qualifier.unwrap_or_default())
            }
        }
    }

    /// The id that a new row with this identity gets, the same in every environment.
    pub fn derived_id(&self) -> Uuid {
        /// Never changes: rows made by older versions are recognised by it.
        const NAMESPACE: Uuid = Uuid::from_u128(0x8f0d_2c64_51a7_5e0b_9d38_6b3f_70c1_4ad2);
        Uuid::new_v5(&NAMESPACE, self.identity().as_bytes())
    }

    /// The name as people write it.
    pub fn label(&self) -> String {
        match self {
            Self::Named { name, .. } => name.as_written().to_owned(),
            Self::Part { part, .. } => part.label(),
            Self::Found(lookup) => lookup.name().to_owned(),
        }
    }
}

impl PartName {
    fn identity(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Row(key) => key.identity(),
        }
    }

    /// The part's name as people write it.
    pub fn label(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Row(key) => key.label(),
        }
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named { table, name } => {
                write!(formatter, "{} `{}`", table.logical, name.as_written())
            }
            Self::Part { table, of, part } => {
                write!(formatter, "{} `{}` of {of}", table.logical, part.label())
            }
            Self::Found(lookup) => write!(formatter, "{} `{}`", lookup.noun(), lookup.name()),
        }
    }
}

/// A value as a column keeps it, before ids are known.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// Cleared.
    Null,
    /// Text.
    Text(String),
    /// A number or a choice.
    Number(i64),
    /// A yes/no column, already inverted where the column is.
    Flag(bool),
    /// JSON kept as text, key order as in the file.
    Json(Box<Json>),
    /// JSON kept as text, with the ids of looked-up rows to fill in at these pointers.
    JsonWith(Box<Json>, Vec<(String, RowKey)>),
    /// A lookup to this row.
    Row(RowKey),
    /// The id of this row, kept as text.
    IdOf(RowKey),
    /// The ids of these rows, in one text with semicolons between them.
    IdsOf(Vec<RowKey>),
    /// The ids of these rows among those that are there, in one text with semicolons between them.
    IdsAmong {
        /// Rows whose ids must be there.
        with: Vec<RowKey>,
        /// Rows whose ids must not be there.
        without: Vec<RowKey>,
    },
    /// A value with the id of the organization in place of [`deskstate_model::ORGANIZATION_ID`].
    WithOrganization(Box<Stored>),
}

impl Stored {
    /// The rows whose ids are part of the value.
    pub fn keys(&self) -> Vec<&RowKey> {
        match self {
            Self::Row(key) | Self::IdOf(key) => vec![key],
            Self::JsonWith(_, ids) => ids.iter().map(|(_, key)| key).collect(),
            Self::IdsOf(keys) => keys.iter().collect(),
            Self::IdsAmong { with, without } => with.iter().chain(without).collect(),
            Self::WithOrganization(value) => value.keys(),
            Self::Null | Self::Text(_) | Self::Number(_) | Self::Flag(_) | Self::Json(_) => {
                Vec::new()
            }
        }
    }
}

/// A column that a manifest manages.
#[derive(Debug, Clone)]
pub struct DeclaredColumn {
    /// Which field.
    pub field: &'static Field,
    /// What it must hold.
    pub value: Stored,
    /// Where that is written.
    pub span: Span,
}

/// A row that a manifest declares: the resource's own, or a part of it.
#[derive(Debug, Clone)]
pub struct DeclaredRow {
    /// Its identity.
    pub key: RowKey,
    /// The managed columns, in table order.
    pub columns: Vec<DeclaredColumn>,
    /// Columns that only a new row gets, since a live one may call itself what it likes.
    pub when_new: Vec<(&'static Field, Stored)>,
    /// The part's place in the manifest, such as `parameters.url`; empty for the resource's own row.
    pub path: String,
    /// The part table, where the row hangs on a parent by a lookup.
    pub part: Option<&'static PartTable>,
    /// Never created: the row only has to hold this where it is there.
    pub only_if_there: bool,
    /// Where it is written.
    pub span: Span,
}

/// Which of a relationship's links a set speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Universe {
    /// All of them.
    All,
    /// All but the link to this row.
    Except(RowKey),
    /// The link to this row alone: a toggle.
    Only(RowKey),
}

/// A member of a declared set.
#[derive(Debug, Clone)]
pub struct DeclaredMember {
    /// The member.
    pub key: RowKey,
    /// Where it is written.
    pub span: Span,
    /// Not written by anybody: it follows from another member.
    pub implied: bool,
    /// The package that adds it to a row which somebody else declares.
    pub package: Option<String>,
}

/// A many-to-many set that a manifest declares.
#[derive(Debug, Clone)]
pub struct DeclaredSet {
    /// Which field.
    pub field: &'static Field,
    /// The relationship that stores it.
    pub relationship: &'static Relationship,
    /// Exactly these, or at least these.
    pub mode: SetMode,
    /// Which links it speaks of.
    pub universe: Universe,
    /// Must be linked.
    pub members: Vec<DeclaredMember>,
    /// Must not be linked.
    pub without: Vec<DeclaredMember>,
    /// Teams whose members must be linked.
    pub from_teams: Vec<(String, Span)>,
    /// Users may leave profiles that are not declared here.
    pub moves: bool,
    /// A member that leaves and that nobody else links to or declares is deleted with its link.
    pub members_are_parts: bool,
    /// Where it is written.
    pub span: Span,
}

/// A list of parts that a manifest declares; the rows themselves are among the resource's.
#[derive(Debug, Clone)]
pub struct DeclaredParts {
    /// Which field.
    pub field: &'static Field,
    /// The table of the parts.
    pub part: &'static PartTable,
    /// Whether parts that are not listed go.
    pub mode: SetMode,
    /// Parts that go where others stay.
    pub without: Vec<RowKey>,
    /// Where it is written.
    pub span: Span,
}

/// One document, lowered to rows and links.
#[derive(Debug, Clone)]
pub struct DeclaredResource {
    /// Its key.
    pub key: ResourceKey,
    /// Present, existing or absent.
    pub state: State,
    /// The document.
    pub span: Span,
    /// Its name.
    pub name_span: Span,
    /// The resource's own row.
    pub row: DeclaredRow,
    /// Rows that belong to it.
    pub parts: Vec<DeclaredRow>,
    /// The lists those rows are in.
    pub part_lists: Vec<DeclaredParts>,
    /// Sets of links.
    pub sets: Vec<DeclaredSet>,
    /// Fields that the document leaves to the server.
    pub left_out: Vec<&'static Field>,
}

impl DeclaredResource {
    /// The rows whose names the resource keeps as text.
    pub fn named_in_texts(&self) -> impl Iterator<Item = RowKey> {
        let rows = std::iter::once(&self.row).chain(&self.parts);
        let columns = rows.flat_map(|row| &row.columns);
        columns.filter_map(|column| match &column.value {
            Stored::Text(name) => Some(RowKey::Named {
                table: column.field.names?,
                name: UniqueName::new(name),
            }),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskstate_model::tables::{COPILOT, PARAMETER, PROFILE, ROLE_MAPPING, TAB};

    fn named(table: &'static Table, name: &str) -> RowKey {
        RowKey::Named {
            table,
            name: UniqueName::new(name),
        }
    }

    fn part(table: &'static Table, of: RowKey, part: PartName) -> RowKey {
        RowKey::Part {
            table,
            of: Box::new(of),
            part,
        }
    }

    fn role(name: &str, business_unit: Option<&str>) -> Lookup {
        Lookup::Role {
            name: name.to_owned(),
            business_unit: business_unit.map(str::to_owned),
        }
    }

    #[test]
    fn the_ids_of_new_rows_are_those_that_older_versions_gave_them() {
        let profile = || named(&PROFILE, "contoso_agents");
        let mapping = |role| {
            let role = PartName::Row(Box::new(RowKey::Found(role)));
            part(&ROLE_MAPPING, profile(), role)
        };
        for (key, label, shown, id) in [
            (
                named(&TAB, " Contoso_Tab"),
                " Contoso_Tab",
                "msdyn_applicationtabtemplate ` Contoso_Tab`",
                "9f0d768d-bcd6-5723-94bf-f2f300c4c919",
            ),
            (
                part(
                    &PARAMETER,
                    named(&TAB, "contoso_tab"),
                    PartName::Text("searchText".to_owned()),
                ),
                "searchText",
                "msdyn_templateparameter `searchText` of msdyn_applicationtabtemplate `contoso_tab`",
                "a2bf7d36-477a-5b62-bfa3-1c60d4e020bb",
            ),
            (
                part(&COPILOT, profile(), PartName::Number(829_050_001)),
                "829050001",
                "msdyn_appcopilotconfiguration `829050001` of msdyn_appconfiguration `contoso_agents`",
                "2eb82347-c4c3-5a45-ab14-a30378b45a93",
            ),
            (
                mapping(role("Agent", None)),
                "Agent",
                "msdyn_appprofilerolemapping `Agent` of msdyn_appconfiguration `contoso_agents`",
                "009c3d81-ec33-54f2-aa35-3918dd45bb08",
            ),
            (
                mapping(role("agent ", Some("Berlin"))),
                "agent ",
                "msdyn_appprofilerolemapping `agent ` of msdyn_appconfiguration `contoso_agents`",
                "79a4d16e-ea92-5f5e-a12e-ab8806fb10d6",
            ),
        ] {
            assert_eq!(key.derived_id().to_string(), id, "{key}");
            assert_eq!(
                (key.label().as_str(), key.to_string().as_str()),
                (label, shown)
            );
        }
    }

    #[test]
    fn looked_up_rows_are_one_without_case_and_blanks_and_two_by_their_sort_and_their_table() {
        let view = |name: &str, table: Option<&str>| Lookup::View {
            name: name.to_owned(),
            table: table.map(str::to_owned),
        };
        let one = view("Active Contacts", Some("contact"));
        assert_eq!(one, view(" active contacts", Some("Contact")));
        for other in [
            view("Active Contacts", Some("account")),
            view("Active Contacts", None),
            view("Active Accounts", Some("contact")),
            Lookup::Form {
                name: "Active Contacts".to_owned(),
                table: Some("contact".to_owned()),
            },
            Lookup::Dashboard("Active Contacts".to_owned()),
        ] {
            assert_ne!(one, other);
            assert_eq!(one.cmp(&other), other.cmp(&one).reverse());
        }
        let user = Lookup::User("ada@contoso.com".to_owned());
        assert_eq!(RowKey::Found(user).to_string(), "user `ada@contoso.com`");
        assert_ne!(role("Agent", None), role("Agent", Some("Berlin")));
    }
}
