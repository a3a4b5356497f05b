//! The rows and links on both sides of a plan: those that manifests declare, and those in Dataverse.

use std::cmp::Ordering;
use std::fmt;

use deskstate_model::{
    Field, Holds, PartTable, Relationship, ResourceKey, SetMode, Span, State, Table, UniqueName,
};
use serde_json::Value as Json;
use uuid::Uuid;

/// Identifies a row by the name that people use, never by an id of one environment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKey {
    /// A row with a unique name of its own.
    Named {
        /// Its table.
        table: &'static Table,
        /// Its unique name. Compared in lowercase, shown as written.
        name: UniqueName,
    },
    /// A row that is identified by its parent and its place there, whatever its own name.
    Part {
        /// Its table.
        table: &'static Table,
        /// The parent row.
        of: Box<RowKey>,
        /// The name of the part within the parent.
        part: PartName,
    },
    /// A row that is looked up but never written.
    Found(Lookup),
}

/// Identifies a part within its parent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartName {
    /// A technical name, case-sensitive: a parameter.
    Text(String),
    /// An option number: a copilot feature.
    Number(i64),
    /// Another row: the role of a mapping, the tool of a pane entry.
    Row(Box<RowKey>),
}

/// Identifies a row that is never written.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// By user principal name, e-mail or Entra object id.
    User(String),
    /// By name.
    Team(String),
    /// By name, in the root business unit unless another one is given.
    Role {
        /// The role's name.
        name: String,
        /// The business unit of the copy.
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
        /// Logical name of its table, if known.
        table: Option<String>,
    },
    /// A form of a table, by name.
    Form {
        /// The form's name.
        name: String,
        /// Logical name of its table, if known.
        table: Option<String>,
    },
    /// A dashboard, by name.
    Dashboard(String),
    /// A row of a table without a kind, by name.
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
    /// What people call this type of row.
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

    /// The name that the lookup uses.
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

/// Folds a name for comparison: Dataverse ignores ASCII case and leading or trailing whitespace.
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
    /// The table of the row, if deskstate writes such rows.
    pub fn table(&self) -> Option<&'static Table> {
        match self {
            Self::Named { table, .. } | Self::Part { table, .. } => Some(table),
            Self::Found(_) => None,
        }
    }

    /// `table/folded identity`: the text from which the id of a created row is derived.
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

    /// The id of a new row with this identity, the same in every environment.
    pub fn derived_id(&self) -> Uuid {
        /// Must never change: rows that older versions created are recognised by it.
        const NAMESPACE: Uuid = Uuid::from_u128(0x8f0d_2c64_51a7_5e0b_9d38_6b3f_70c1_4ad2);
        Uuid::new_v5(&NAMESPACE, self.identity().as_bytes())
    }

    /// The name as people write it.
    pub fn label(&self) -> String {
        match self {
            Self::Named { name, .. } => name.as_written().to_owned(),
            Self::Part { part, .. } => part.label(),
            Self::Found(Lookup::Role {
                name,
                business_unit: Some(unit),
            }) => deskstate_model::of_unit(name, Some(unit)),
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

/// A value in the form that a column stores, before ids are known.
#[derive(Debug, Clone, PartialEq)]
pub enum Stored {
    /// No value; the column is cleared.
    Null,
    /// Text.
    Text(String),
    /// A number or a choice.
    Number(i64),
    /// A yes/no value, already inverted if the column is.
    Flag(bool),
    /// JSON that is stored as text, with its keys in the order of the file.
    Json(Box<Json>),
    /// JSON that is stored as text, with ids of looked-up rows to insert at these pointers.
    JsonWith(Box<Json>, Vec<(String, RowKey)>),
    /// A lookup to this row.
    Row(RowKey),
    /// The id of this row, stored as text.
    IdOf(RowKey),
    /// The ids of these rows, as one text separated by semicolons.
    IdsOf(Vec<RowKey>),
    /// The ids of these rows in addition to the existing ones, as one text separated by semicolons.
    IdsAmong {
        /// Rows whose ids must be present.
        with: Vec<RowKey>,
        /// Rows whose ids must not be present.
        without: Vec<RowKey>,
    },
    /// A value that contains the id of the organization in place of [`deskstate_model::ORGANIZATION_ID`].
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
    /// The field.
    pub field: &'static Field,
    /// The declared value.
    pub value: Stored,
    /// Where the value is declared.
    pub span: Span,
}

/// A row that a manifest declares: the resource's own row, or a part of it.
#[derive(Debug, Clone)]
pub struct DeclaredRow {
    /// Its identity.
    pub key: RowKey,
    /// The managed columns, in table order.
    pub columns: Vec<DeclaredColumn>,
    /// Columns that only a new row gets, since a live row may have other names.
    pub when_new: Vec<(&'static Field, Stored)>,
    /// The part's place in the manifest, such as `parameters.url`; empty for the resource's own row.
    pub path: String,
    /// The part table, if the row belongs to a parent by a lookup.
    pub part: Option<&'static PartTable>,
    /// Whether the row is never created: if it exists, it must have these values.
    pub only_if_there: bool,
    /// Where it is declared.
    pub span: Span,
}

impl DeclaredRow {
    /// The unique name that the row gets when it is created.
    pub fn unique_name_when_new(&self) -> Option<&str> {
        let mut columns = self.when_new.iter();
        columns.find_map(|(field, value)| match (field.holds, value) {
            (Holds::UniqueName, Stored::Text(name)) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// The links of a relationship that a set covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Universe {
    /// All of them.
    All,
    /// All but the link to this row.
    Except(RowKey),
    /// Only the link to this row: a toggle.
    Only(RowKey),
}

/// A member of a declared set.
#[derive(Debug, Clone)]
pub struct DeclaredMember {
    /// The member.
    pub key: RowKey,
    /// Where it is declared.
    pub span: Span,
    /// Whether it is not declared, but follows from another member.
    pub implied: bool,
    /// The package that adds it to a row that somebody else declares.
    pub package: Option<String>,
}

/// A many-to-many set that a manifest declares.
#[derive(Debug, Clone)]
pub struct DeclaredSet {
    /// The field.
    pub field: &'static Field,
    /// The relationship that stores it.
    pub relationship: &'static Relationship,
    /// Exactly these, or at least these.
    pub mode: SetMode,
    /// The links that it covers.
    pub universe: Universe,
    /// Members that must be linked.
    pub members: Vec<DeclaredMember>,
    /// Members that must not be linked.
    pub without: Vec<DeclaredMember>,
    /// Teams whose members must be linked, with the places where they are declared.
    pub from_teams: Vec<(String, Span)>,
    /// Whether users may move from profiles that are not declared here.
    pub moves: bool,
    /// Whether a removed member is deleted with its link, if nobody else links to it or declares it.
    pub members_are_parts: bool,
    /// Where it is declared.
    pub span: Span,
}

/// A list of parts that a manifest declares. The rows themselves are in the resource.
#[derive(Debug, Clone)]
pub struct DeclaredParts {
    /// The field.
    pub field: &'static Field,
    /// The table of the parts.
    pub part: &'static PartTable,
    /// Whether parts that are not listed are deleted.
    pub mode: SetMode,
    /// Parts that are deleted although other unlisted parts stay.
    pub without: Vec<RowKey>,
    /// Where it is declared.
    pub span: Span,
}

/// One document, lowered to rows and links.
#[derive(Debug, Clone)]
pub struct DeclaredResource {
    /// Its key.
    pub key: ResourceKey,
    /// Present, existing or absent.
    pub state: State,
    /// Place of the document.
    pub span: Span,
    /// Place of its name.
    pub name_span: Span,
    /// The resource's own row.
    pub row: DeclaredRow,
    /// Rows that are parts of it.
    pub parts: Vec<DeclaredRow>,
    /// The lists that contain those rows.
    pub part_lists: Vec<DeclaredParts>,
    /// Sets of links.
    pub sets: Vec<DeclaredSet>,
    /// Fields whose values the document leaves to the server.
    pub left_out: Vec<&'static Field>,
    /// Sets that were declared and that a rule of `ignore` leaves as they are.
    pub accepted: Vec<DeclaredSet>,
}

impl DeclaredResource {
    /// Adds what another version of the document declares, so that what it refers to is read, too. The result is not for planning.
    pub fn also_read(&mut self, other: &Self) {
        self.row.columns.extend(other.row.columns.iter().cloned());
        self.parts.extend(other.parts.iter().cloned());
        self.part_lists.extend(other.part_lists.iter().cloned());
        self.sets.extend(other.sets.iter().cloned());
    }

    /// Places of the items that a field declares. Those that follow from others, or that packages add, are not among them.
    pub fn items_of(&self, word: &str) -> impl Iterator<Item = Span> {
        let sets = self.sets.iter().filter(move |set| set.field.word == word);
        let members = sets
            .clone()
            .flat_map(|set| set.members.iter().chain(&set.without));
        let written = members.filter(|member| !member.implied && member.package.is_none());
        let teams = sets.flat_map(|set| &set.from_teams).map(|(_, span)| *span);
        let parts = self.parts.iter();
        let parts = parts.filter(move |part| part.path.split('.').next() == Some(word));
        written
            .map(|member| member.span)
            .chain(teams)
            .chain(parts.map(|part| part.span))
    }

    /// The rows whose names the resource stores as text.
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
                "agent  of Berlin",
                "msdyn_appprofilerolemapping `agent  of Berlin` of msdyn_appconfiguration `contoso_agents`",
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
