//! The kinds of resources: one file each, which is the only place where that kind is defined.
//!
//! A kind is a value: what it is called, the table of its rows, its fields, its parts. The kinds that come with the program are the lines of
//! `built_in!` below; [`Kind::register`] adds others while the program runs.

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
pub use expression::{holds_script, script_named, scripts_named};
pub use notification_field::NotificationField;
pub use notification_template::{
    DesktopNotifications, FieldItem, NotificationTemplate, OwnField, SharedField, Theme,
};
pub use pane_tool::{PaneTool, ToolCategory, ToolType};
pub use place::{ADMIN_CENTER, PageName, Place};
pub use productivity_pane::{PaneEntry, PaneMode, ProductivityPane};
pub use resource::{ReferenceView, Resource};
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

/// All that is known of a kind.
#[derive(Debug)]
pub struct Definition {
    /// The word in a manifest.
    pub word: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What it is for.
    pub meaning: &'static str,
    /// More that the reference says of its rows.
    pub note: &'static str,
    /// The field that a drawing shows beside its name.
    pub caption: &'static str,
    /// The folder that an export writes its documents to.
    pub folder: &'static str,
    /// Where in the admin center people make its rows.
    pub place: Place,
    /// What people need to know before they make one there, as sentences.
    pub advice: &'static str,
    /// The table of its rows.
    pub table: &'static Table,
    /// The column that a new row's name goes into.
    pub name: &'static Field,
    /// What form its names must have.
    pub names: Names,
    /// Its fields, in the order of the reference.
    pub fields: &'static [Field],
    /// Columns of its own row that are no field but managed along: second copies.
    pub companions: &'static [Field],
    /// What no table can say.
    pub quirks: &'static [Quirk],
    /// Columns that identify a row together with that of its name. A name has their values behind it: `Greeting / 1033`.
    pub also: &'static [Field],
    /// Columns and the value that each has in every row of the kind; other rows of the table are none of it.
    pub rows: &'static [RowValue],
    /// Names of rows that nothing changes or deletes.
    pub protected: &'static [&'static str],
    /// Columns that the server fills in when a row is created.
    pub server_sets: &'static [&'static str],
    /// Whether documents may create rows; else they declare rows that somebody else made.
    pub creatable: bool,
    /// Whether rows may be deleted.
    pub deletable: bool,
    /// Whether an undo may delete rows that its apply created.
    pub undo_deletes: bool,
    /// Whom a change reaches who is no user of a profile.
    pub agents: Agents,
    /// The version of a definition that is data; empty where the program brings the kind.
    pub version: &'static str,
    /// How well a definition that is data is founded.
    pub evidence: &'static str,
    /// The text of a definition that is data.
    pub source: Option<&'static str>,
    /// Its rows supply slugs to templates, which a document may list in `metadata.slugs`.
    pub supplies_slugs: bool,
    /// Rows that Microsoft ships, as its pages call them.
    pub brings: &'static [Brought],
}

/// Whom a change of a row reaches who is no user of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agents {
    /// Words of fields: sets of users, and references to rows whose agents are reached.
    pub through: &'static [&'static str],
    /// Who else is reached and cannot be counted; empty where nobody.
    pub others: &'static str,
    /// Who is reached where those fields name nothing; empty where nobody.
    pub otherwise: &'static str,
}

/// What no table can say of a kind. The reconciler has a function for each direction, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quirk {
    /// A profile with a channel provider of CIF v2 loads the framework's own extension too, and one with a productivity pane that of the pane.
    Loaders,
    /// JSON that names scripts by their ids, which differ by environment.
    ScriptsByName,
    /// What a session template must have, and what it cannot have, depends on its type.
    SessionType,
}

impl Definition {
    /// Whether nothing changes or deletes the row of this name.
    #[must_use]
    pub fn is_protected(&self, name: &str) -> bool {
        self.protected.iter().any(|known| fold(known) == fold(name))
    }

    /// What most definitions leave out.
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

/// What is between the values of a name that several columns make up.
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
                /// Looks at a resource of the kind; none where it is of another one.
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

/// Kinds that were registered while the program runs. They are never taken back, so that a handle stays good.
static REGISTERED: [OnceLock<&'static Definition>; MOST_KINDS] =
    [const { OnceLock::new() }; MOST_KINDS];

/// So many kinds can be registered.
const MOST_KINDS: usize = 1000;

/// A kind cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// Another one has its word or its table.
    #[error("there is a kind of this word or table already: `{0}`")]
    Taken(&'static str),
    /// No room is left.
    #[error("more than {MOST_KINDS} kinds cannot be registered")]
    Full,
}

impl Kind {
    /// Every kind, in the order of the reference.
    pub fn all() -> impl DoubleEndedIterator<Item = Kind> + Clone {
        let registered = REGISTERED.iter().take_while(|slot| slot.get().is_some());
        let count = BUILT_IN.len() + registered.count();
        (0..u16::try_from(count).unwrap_or(u16::MAX)).map(Kind)
    }

    /// Adds a kind. A definition that is registered twice is one kind.
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

    /// All that is known of it.
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

    /// Whether the program brings the kind.
    #[must_use]
    pub fn is_built_in(self) -> bool {
        usize::from(self.0) < BUILT_IN.len()
    }

    /// The word in a manifest.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.definition().word
    }

    /// What the kind is for, and where its rows are.
    #[must_use]
    pub fn doc(self) -> String {
        let Definition {
            meaning,
            note,
            place,
            table,
            ..
        } = self.definition();
        // Nobody looked for the page of a kind that a project defines.
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

    /// What people call it, such as `Session template`.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.definition().title
    }

    /// The kind that people call so: by its word, its title, its list in the admin center or an earlier name of that list, in any case.
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

    /// The fields of the kind, in the order of the reference.
    #[must_use]
    pub fn fields(self) -> &'static [Field] {
        self.definition().fields
    }

    /// Whether a document that may have to create its row says more than the name.
    #[must_use]
    pub fn needs_spec(self) -> bool {
        self.is_built_in() || self.fields().iter().any(Field::is_required)
    }

    /// The values of a name in the columns that identify a row, that of the name first; none where some are missing.
    #[must_use]
    pub fn values_of(self, name: &str) -> Option<Vec<&str>> {
        let columns = self.definition().also.len() + 1;
        // What people call a row may hold the separator itself, so the values behind it are taken from the end.
        let mut values: Vec<&str> = name.rsplitn(columns, BETWEEN).map(str::trim).collect();
        values.reverse();
        let whole = values.len() == columns && values.iter().all(|value| !value.is_empty());
        whole.then_some(values)
    }

    /// How a name that several columns make up is written: `NAME / LiveChat|Voice`. None where one column is the name.
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

    /// The table of its rows.
    #[must_use]
    pub fn table(self) -> &'static Table {
        self.definition().table
    }

    /// The kind whose rows are in a table, if they are no parts.
    #[must_use]
    pub fn of_table(table: &Table) -> Option<Kind> {
        Kind::all().find(|kind| kind.table() == table)
    }

    /// Greatest length of a name.
    #[must_use]
    pub fn max_name_length(self) -> usize {
        match self.definition().name.max_length {
            Some(max) => max as usize,
            None => crate::part::MAX_UNIQUE_NAME,
        }
    }

    /// The part tables of every kind, in the order of their parents.
    pub fn part_tables() -> impl Iterator<Item = &'static PartTable> {
        Kind::all()
            .flat_map(|kind| kind.fields())
            .filter_map(|field| match field.holds {
                Holds::Parts(part) => Some(part),
                _ => None,
            })
    }

    /// The relationships of every kind, in the order of their names.
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
    /// The kind of the resources that it names.
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

/// No kind has this name.
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

/// What identifies a resource in every environment. Shown as `SessionTemplate CTI_createSession`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    /// The kind.
    pub kind: Kind,
    /// The unique name.
    pub name: UniqueName,
}

impl ResourceKey {
    /// Puts kind and name together.
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

    /// Microsoft's pages were looked at for every field: what people see of it is its label, or nothing.
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
        assert_eq!(pages, 9, "the other kinds have no page");
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
