//! The kinds of resources: one file each, which is the only place that defines the kind.
//!
//! A kind is a value: its names, the table of its rows, its fields and its parts. The kinds that ship with the program are listed in
//! `built_in!` below; [`Kind::register`] adds others at run time.

mod agent_script;
mod app_profile;
mod application_extension;
mod application_tab;
mod brought;
pub(crate) mod build;
mod channel_provider;
mod cif_provider;
mod expression;
mod notification_field;
mod notification_template;
mod pane_tool;
mod place;
mod productivity_pane;
mod resource;
mod session_template;
mod smart_assist;

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

pub use agent_script::{AgentScript, ScriptStep};
pub use app_profile::{AppProfile, InboxView, MappedRole};
pub use application_extension::{
    ApplicationExtension, CIF_V2_LOADER, ExtensionType, PANE_LOADER, RelationshipCardinality,
};
pub use application_tab::{ApplicationTab, PageType};
pub use brought::Brought;
pub use channel_provider::{ChannelApiVersion, ChannelProvider, FIRST_PARTY_CHANNEL};
pub use cif_provider::{CifApiVersion, CifProvider};
pub use expression::{holds_script, id_in, script_ids, script_named, scripts_named};
pub use notification_field::NotificationField;
pub use notification_template::{
    DesktopNotifications, FieldItem, NotificationTemplate, OwnField, SharedField, Theme,
};
pub use pane_tool::{PaneTool, ToolCategory, ToolType};
pub use place::{ADMIN_CENTER, PageName, Place};
pub use productivity_pane::{PaneEntry, PaneMode, ProductivityPane};
pub use resource::{ReferenceView, Resource};
pub(crate) use session_template::is_generic_of_product;
pub use session_template::{CommunicationPanelMode, SessionTemplate, SessionType};
pub use smart_assist::{ControlType, SmartAssist, SuggestionType};

/// The tables and relationships of the kinds.
pub(crate) mod tables {
    pub use super::agent_script::{SCRIPT, STEP};
    pub use super::app_profile::{
        CHT, COPILOT, INBOX, PROFILE, PROFILE_EXTENSIONS, PROFILE_PANE, PROFILE_PROVIDERS,
        PROFILE_SESSIONS, PROFILE_SMART_ASSIST, PROFILE_USERS, ROLE_MAPPING, ROLES,
    };
    pub use super::application_extension::EXTENSION;
    pub use super::application_tab::{PARAMETER, PARAMETERS, PARAMETERS_COPY, TAB};
    pub use super::channel_provider::PROVIDER;
    pub use super::cif_provider::{CIF_PROVIDER, CIF_USERS};
    pub use super::notification_field::NOTIFICATION_FIELD;
    pub use super::notification_template::{NOTIFICATION, NOTIFICATION_FIELDS};
    pub use super::pane_tool::TOOL;
    pub use super::productivity_pane::{PANE, PANE_TAB};
    pub use super::session_template::{SESSION, SESSION_SCRIPTS, SESSION_TABS};
    pub use super::smart_assist::SMART_ASSIST;
}

use super::build::{Of, Options, options, status, unique_name};
use crate::name::{UniqueName, fold};
use crate::record::Viewed;
use crate::table::{
    Field, Holds, Links, Names, PartTable, Referent, Relationship, RowValue, Table,
};

/// The definition of a kind.
#[derive(Debug)]
pub struct Definition {
    /// The word in a manifest.
    pub word: &'static str,
    /// Title shown to people.
    pub title: &'static str,
    /// Purpose.
    pub meaning: &'static str,
    /// Additional reference text about its rows.
    pub note: &'static str,
    /// The field that drawings show next to the name.
    pub caption: &'static str,
    /// The folder for its documents in an export.
    pub folder: &'static str,
    /// Where people create its rows in the admin center.
    pub place: Place,
    /// What people need to know before they create a row there, as sentences.
    pub advice: &'static str,
    /// The table of its rows.
    pub table: &'static Table,
    /// The column for the name of a new row.
    pub name: &'static Field,
    /// Required form of its names.
    pub names: Names,
    /// Its fields, in the order of the reference.
    pub fields: &'static [Field],
    /// Columns of its own row that are not fields but are managed too: second copies.
    pub companions: &'static [Field],
    /// Behaviour that tables cannot express.
    pub quirks: &'static [Quirk],
    /// Columns that identify a row together with the name column. Their values follow the name: `Greeting / 1033`.
    pub also: &'static [Field],
    /// Columns whose value is the same in every row of the kind. Other rows of the table do not belong to it.
    pub rows: &'static [RowValue],
    /// Names of rows that must not be changed or deleted.
    pub protected: &'static [&'static str],
    /// Columns whose value marks a row that must not be changed or deleted, whatever its name.
    pub protected_rows: &'static [RowValue],
    /// Words of the fields that documents may declare of protected rows, too.
    pub protected_except: &'static [&'static str],
    /// Columns that the server fills in when a row is created.
    pub server_sets: &'static [&'static str],
    /// Whether documents may create rows. Otherwise they declare existing rows.
    pub creatable: bool,
    /// Whether rows may be deleted.
    pub deletable: bool,
    /// Whether an undo may delete rows that the undone apply created.
    pub undo_deletes: bool,
    /// Affected agents who are not users of a profile.
    pub agents: Agents,
    /// Version of a definition from data; empty for built-in kinds.
    pub version: &'static str,
    /// How well a definition from data is supported by evidence.
    pub evidence: &'static str,
    /// The source text of a definition from data.
    pub source: Option<&'static str>,
    /// Whether its rows supply slugs to templates. Documents may list them in `metadata.slugs`.
    pub supplies_slugs: bool,
    /// Rows that Microsoft ships, with the names that its pages use.
    pub brings: &'static [Brought],
}

/// The agents, other than users of a profile, whom a change of a row affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agents {
    /// Words of fields: sets of users, and references to rows whose agents are affected.
    pub through: &'static [&'static str],
    /// Other affected people, who cannot be counted; empty if there are none.
    pub others: &'static str,
    /// The people affected if those fields refer to nothing; empty if there are none.
    pub otherwise: &'static str,
}

/// Behaviour of a kind that tables cannot express. The reconciler has a function for each direction, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// A profile with a CIF v2 channel provider also loads the framework's own extension, and one with a productivity pane loads the pane's
    /// extension.
    Loaders,
    /// JSON that contains ids of scripts, which differ by environment.
    ScriptsByName,
    /// The required and forbidden fields of a session template depend on its type.
    SessionType,
}

impl Definition {
    /// Whether the row with this name must not be changed or deleted. A row with another name may be protected by its values.
    #[must_use]
    pub fn is_protected(&self, name: &str) -> bool {
        self.protected.iter().any(|known| fold(known) == fold(name))
    }

    /// Defaults for most definitions.
    pub const NOTHING: Definition = Definition {
        word: "",
        title: "",
        meaning: "",
        note: "",
        caption: "",
        folder: "",
        place: Place::Unsaid,
        advice: "",
        table: &crate::table::USER,
        name: &UNIQUE_NAME,
        names: Names::Ruled,
        fields: &[],
        companions: &[],
        quirks: &[],
        also: &[],
        rows: &[],
        protected: &[],
        protected_rows: &[],
        protected_except: &[],
        server_sets: &[],
        creatable: true,
        deletable: true,
        undo_deletes: true,
        agents: Agents {
            through: &[],
            others: "",
            otherwise: "",
        },
        version: "",
        evidence: "",
        source: None,
        supplies_slugs: false,
        brings: &[],
    };
}

/// The unique name of a row.
pub static UNIQUE_NAME: Field = unique_name("name").label("Unique name").meaning("");

options! {
    /// Whether a row is in use.
    Status {
        /// In use.
        Active = "Active", 0;
        /// Kept, but not in use.
        Inactive = "Inactive", 1;
    }
}

/// `status`, the same for every kind.
pub(crate) const STATUS: Of<Status> = status(Status::OPTIONS);

/// Separator between the values of a name that consists of several columns.
pub const BETWEEN: &str = " / ";

/// A kind of resources: a handle into the registry of definitions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(u16);

macro_rules! built_in {
    ($($name:ident: $module:ident::$view:ident,)*) => {
        #[expect(non_camel_case_types, reason = "a place has the name of its constant")]
        enum At { $($name),* }

        static BUILT_IN: &[&Definition] = &[$(&$module::DEFINITION),*];

        impl Kind {
            $(
                #[doc = concat!("See [`", stringify!($view), "`].")]
                pub const $name: Kind = Kind(At::$name as u16);
            )*
        }

        $(
            impl<'a> $view<'a> {
                /// Creates a view of a resource; `None` if it is of another kind.
                #[must_use]
                pub fn of(resource: &'a Resource) -> Option<Self> {
                    (resource.kind() == Kind::$name).then(|| $view::view(resource.record()))
                }
            }
        )*
    };
}

built_in! {
    APP_PROFILE: app_profile::AppProfile,
    SESSION_TEMPLATE: session_template::SessionTemplate,
    APPLICATION_TAB: application_tab::ApplicationTab,
    NOTIFICATION_TEMPLATE: notification_template::NotificationTemplate,
    NOTIFICATION_FIELD: notification_field::NotificationField,
    CHANNEL_PROVIDER: channel_provider::ChannelProvider,
    CIF_PROVIDER: cif_provider::CifProvider,
    APPLICATION_EXTENSION: application_extension::ApplicationExtension,
    PRODUCTIVITY_PANE: productivity_pane::ProductivityPane,
    PANE_TOOL: pane_tool::PaneTool,
    AGENT_SCRIPT: agent_script::AgentScript,
    SMART_ASSIST: smart_assist::SmartAssist,
}

/// Kinds that were registered at run time. They are never removed, so that handles stay valid.
static REGISTERED: [OnceLock<&'static Definition>; MOST_KINDS] =
    [const { OnceLock::new() }; MOST_KINDS];

/// Maximum number of registered kinds.
const MOST_KINDS: usize = 1000;

/// The reason why a kind cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// Another kind has the same word or table.
    #[error("there is a kind of this word or table already: `{0}`")]
    Taken(&'static str),
    /// The registry is full.
    #[error("more than {MOST_KINDS} kinds cannot be registered")]
    Full,
}

impl Kind {
    /// Returns all kinds, in the order of the reference.
    pub fn all() -> impl DoubleEndedIterator<Item = Kind> + Clone {
        let registered = REGISTERED.iter().take_while(|slot| slot.get().is_some());
        let count = BUILT_IN.len() + registered.count();
        (0..u16::try_from(count).unwrap_or(u16::MAX)).map(Kind)
    }

    /// Registers a kind. Registering the same definition twice returns the same kind.
    ///
    /// # Errors
    /// Its word or table is another kind's, or there are too many.
    pub fn register(definition: &'static Definition) -> Result<Kind, RegisterError> {
        let taken = Kind::all().find(|kind| {
            kind.definition().word == definition.word || kind.table() == definition.table
        });
        match taken {
            Some(kind) if std::ptr::eq(kind.definition(), definition) => return Ok(kind),
            Some(kind) => return Err(RegisterError::Taken(kind.as_str())),
            None => {}
        }
        let slot = REGISTERED
            .iter()
            .position(|slot| std::ptr::eq(*slot.get_or_init(|| definition), definition));
        let place = slot.map(|slot| BUILT_IN.len() + slot);
        place
            .and_then(|place| u16::try_from(place).ok())
            .map(Kind)
            .ok_or(RegisterError::Full)
    }

    /// Returns the definition of the kind.
    #[must_use]
    pub fn definition(self) -> &'static Definition {
        let place = usize::from(self.0);
        match BUILT_IN.get(place) {
            Some(definition) => definition,
            None => REGISTERED[place - BUILT_IN.len()]
                .get()
                .expect("a handle is given out once its kind is registered"),
        }
    }

    /// Whether the kind is built into the program.
    #[must_use]
    pub fn is_built_in(self) -> bool {
        usize::from(self.0) < BUILT_IN.len()
    }

    /// The word in a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.definition().word
    }

    /// Describes the purpose of the kind and where its rows are.
    #[must_use]
    pub fn doc(self) -> String {
        let Definition {
            meaning,
            note,
            place,
            table,
            ..
        } = self.definition();
        // The page of a kind that a project defines is unknown.
        let place = match self.is_built_in() {
            true => place.doc() + " ",
            false => String::new(),
        };
        let mut rules = String::new();
        if let Some(form) = self.name_form() {
            rules.push_str(&format!("A row is named `{form}`. "));
        }
        if !self.definition().creatable {
            rules.push_str("No row is created: documents declare `metadata.state: existing`. ");
        }
        let doc = format!(
            "{meaning}\n\n{place}{rules}Dataverse: `{}`. {note}",
            table.logical
        );
        doc.trim_end().to_owned()
    }

    /// Returns the title shown to people, such as `Session template`.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.definition().title
    }

    /// Finds a kind by its word, its title, its list in the admin center or an earlier name of that list, ignoring case.
    #[must_use]
    pub fn called(name: &str) -> Option<Kind> {
        let is_list = |kind: &Kind| {
            let place = kind.definition().place;
            place.named().is_some_and(|named| named.is_called(name))
        };
        Kind::all()
            .find(|kind| kind.as_str().eq_ignore_ascii_case(name))
            .or_else(|| Kind::all().find(|kind| kind.definition().title.eq_ignore_ascii_case(name)))
            .or_else(|| Kind::all().find(is_list))
    }

    /// Returns the fields of the kind, in the order of the reference.
    #[must_use]
    pub fn fields(self) -> &'static [Field] {
        self.definition().fields
    }

    /// Whether a document that may have to create its row needs a `spec`.
    #[must_use]
    pub fn needs_spec(self) -> bool {
        self.is_built_in() || self.fields().iter().any(Field::is_required)
    }

    /// Splits a name into the values of the columns that identify a row, beginning with the name column; `None` if some are missing.
    #[must_use]
    pub fn values_of(self, name: &str) -> Option<Vec<&str>> {
        let columns = self.definition().also.len() + 1;
        // The display name may contain the separator itself, so the values after it are split off from the end.
        let mut values: Vec<&str> = name.rsplitn(columns, BETWEEN).map(str::trim).collect();
        values.reverse();
        let whole = values.len() == columns && values.iter().all(|value| !value.is_empty());
        whole.then_some(values)
    }

    /// Returns the form of a name that consists of several columns: `NAME / LiveChat|Voice`. `None` if a single column is the name.
    #[must_use]
    pub fn name_form(self) -> Option<String> {
        let also = self.definition().also;
        let values = also.iter().map(|field| match field.options() {
            [] => field.column.to_owned(),
            options => {
                let mut words: Vec<&str> = options.iter().map(|option| option.word).collect();
                if words.len() > 10 {
                    words.truncate(3);
                    words.push("...");
                }
                words.join("|")
            }
        });
        let values: Vec<String> = values.collect();
        (!values.is_empty()).then(|| format!("NAME{BETWEEN}{}", values.join(BETWEEN)))
    }

    /// Returns the table of its rows.
    #[must_use]
    pub fn table(self) -> &'static Table {
        self.definition().table
    }

    /// Returns the kind whose rows are in a table; `None` if its rows are parts.
    #[must_use]
    pub fn of_table(table: &Table) -> Option<Kind> {
        Kind::all().find(|kind| kind.table() == table)
    }

    /// Returns the maximum length of a name.
    #[must_use]
    pub fn max_name_length(self) -> usize {
        let definition = self.definition();
        // A name made of several values is as long as all of them together.
        match definition
            .name
            .max_length
            .filter(|_| definition.also.is_empty())
        {
            Some(max) => max as usize,
            None => crate::part::MAX_UNIQUE_NAME,
        }
    }

    /// Returns the part tables of all kinds, in the order of their parents.
    pub fn part_tables() -> impl Iterator<Item = &'static PartTable> {
        Kind::all()
            .flat_map(|kind| kind.fields())
            .filter_map(|field| match field.holds {
                Holds::Parts(part) => Some(part),
                _ => None,
            })
    }

    /// Returns the relationships of all kinds, sorted by name.
    pub fn relationships() -> impl Iterator<Item = &'static Relationship> {
        let mut found: Vec<_> = Kind::all()
            .flat_map(|kind| kind.fields())
            .filter_map(|field| match field.holds {
                Holds::Set { relationship, .. } => Some(relationship),
                _ => None,
            })
            .collect();
        found.sort();
        found.dedup();
        found.into_iter()
    }
}

impl Field {
    /// Returns the kind of the resources that it refers to.
    #[must_use]
    pub fn refers_to(&self) -> Option<Kind> {
        if let Some(table) = self.names {
            return Kind::of_table(table);
        }
        match self.holds {
            Holds::Lookup {
                to: Referent::Named(table),
                ..
            }
            | Holds::Set {
                to: Referent::Named(table),
                links: Links::All | Links::Except(_) | Links::One,
                ..
            } => Kind::of_table(table),
            _ => None,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// An unknown kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no kind is called `{0}`")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Kind::all()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

/// Identifies a resource in every environment. Displayed as `SessionTemplate CTI_createSession`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    /// The kind.
    pub kind: Kind,
    /// The unique name.
    pub name: UniqueName,
}

impl ResourceKey {
    /// Creates a key from a kind and a name.
    #[must_use]
    pub fn new(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: UniqueName::new(name),
        }
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Shown;

    #[test]
    fn every_kind_is_found_by_its_word() {
        for kind in Kind::all() {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!(
            "Sessiontemplate".parse::<Kind>(),
            Err(UnknownKind("Sessiontemplate".into()))
        );
    }

    /// Microsoft's pages were checked for every field: it has a label, or is known to have none.
    #[test]
    fn every_field_of_a_page_has_a_label_there_or_none_on_purpose() {
        fn check(path: &str, fields: &mut dyn Iterator<Item = &'static Field>) {
            for field in fields {
                let path = format!("{path}.{}", field.word);
                assert_ne!(field.shown, Shown::Unsaid, "{path}");
                check(&path, &mut field.items());
            }
        }
        let mut pages = 0;
        for kind in Kind::all() {
            assert_ne!(kind.definition().place, Place::Unsaid, "{kind}");
            if kind.definition().place != Place::Nowhere {
                pages += 1;
                check(kind.as_str(), &mut kind.fields().iter());
            }
        }
        assert_eq!(pages, 10, "Microsoft documents no page for the other kinds");
    }

    #[test]
    fn kinds_and_fields_are_found_by_what_the_admin_center_calls_them() {
        for (name, kind) in [
            ("session templates", Kind::SESSION_TEMPLATE),
            ("Agent experience profiles", Kind::APP_PROFILE),
            ("App profiles", Kind::APP_PROFILE),
            ("Agent scripts", Kind::AGENT_SCRIPT),
            ("Third party voice channel provider", Kind::CHANNEL_PROVIDER),
            ("PaneTool", Kind::PANE_TOOL),
        ] {
            assert_eq!(Kind::called(name), Some(kind), "{name}");
        }
        assert_eq!(Kind::called("Workspaces"), None);
        let timeout = Kind::NOTIFICATION_TEMPLATE.fields().iter();
        let called = |name: &str| Field::called(timeout.clone(), name);
        for name in ["timeoutSeconds", "timeout (seconds)", "Countdown (seconds)"] {
            assert_eq!(called(name).map(|field| field.word), Some("timeoutSeconds"));
        }
    }

    #[test]
    fn every_field_has_a_meaning_and_a_dataverse_column() {
        for kind in Kind::all() {
            assert!(kind.doc().contains("Dataverse: `"), "{kind}");
            for field in kind.fields() {
                assert!(!field.meaning.is_empty(), "{kind}.{}", field.word);
                assert!(field.doc().contains("Dataverse:"), "{kind}.{}", field.word);
            }
        }
    }
}
