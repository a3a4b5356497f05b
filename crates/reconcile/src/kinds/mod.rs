//! The kinds: one file each, a table of fields and what no table can say. Only this file matches over all of them.
//!
//! Dataverse's names of tables, columns and relationships stand in this folder and nowhere else in the crate.

pub mod agent_script;
pub mod app_profile;
pub mod application_extension;
pub mod application_tab;
pub mod channel_provider;
pub mod cif_provider;
pub mod notification_field;
pub mod notification_template;
pub mod pane_tool;
pub mod productivity_pane;
pub mod session_template;
pub mod smart_assist;
pub mod tables;

use deskstate_model::{
    Declared, FieldView, JsonOrText, Kind, Owner, Resource, SetOf, Span, Spanned, State,
    UniqueName, ValueView,
};

use crate::field::{Field, Holds, PartTable, Target, text};
use crate::lower::Context;
use crate::state::{
    DeclaredColumn, DeclaredMember, DeclaredParts, DeclaredResource, DeclaredRow, DeclaredSet,
    Lookup, RowKey, Stored, Universe,
};
use crate::table::{Relationship, Table};

/// The beginning of unique names that are Microsoft's.
pub const MICROSOFT_PREFIX: &str = "msdyn_";

/// The unique name of a new part.
pub static UNIQUE_NAME: Field = text("name", "msdyn_uniquename");
/// The name of a new part, where its document does not give one.
pub static NAME: Field = text("displayName", "msdyn_name");
/// The name of a v1 provider, which is its identity too.
pub static CIF_NAME: Field = text("name", "msdyn_name");

/// What the crate knows of a kind.
#[derive(Debug)]
pub struct KindTable {
    /// Which kind.
    pub kind: Kind,
    /// The table of its rows.
    pub table: &'static Table,
    /// Its fields.
    pub fields: &'static [Field],
    /// The column that a new row's name goes into.
    pub name: &'static Field,
}

static KINDS: [KindTable; 12] = [
    KindTable {
        kind: Kind::AppProfile,
        table: &tables::PROFILE,
        fields: app_profile::FIELDS,
        name: &UNIQUE_NAME,
    },
    KindTable {
        kind: Kind::SessionTemplate,
        table: &tables::SESSION,
        fields: session_template::FIELDS,
        name: &UNIQUE_NAME,
    },
    KindTable {
        kind: Kind::ApplicationTab,
        table: &tables::TAB,
        fields: application_tab::FIELDS,
        name: &UNIQUE_NAME,
    },
    KindTable {
        kind: Kind::NotificationTemplate,
        table: &tables::NOTIFICATION,
        fields: notification_template::FIELDS,
        name: &UNIQUE_NAME,
    },
    KindTable {
        kind: Kind::NotificationField,
        table: &tables::NOTIFICATION_FIELD,
        fields: notification_field::FIELDS,
        name: &UNIQUE_NAME,
    },
    KindTable {
        kind: Kind::ChannelProvider,
        table: &tables::PROVIDER,
        fields: channel_provider::FIELDS,
        name: &UNIQUE_NAME,
    },
    KindTable {
        kind: Kind::CifProvider,
        table: &tables::CIF_PROVIDER,
        fields: cif_provider::FIELDS,
        name: &CIF_NAME,
    },
    KindTable {
        kind: Kind::ApplicationExtension,
        table: &tables::EXTENSION,
        fields: application_extension::FIELDS,
        name: &UNIQUE_NAME,
    },
    KindTable {
        kind: Kind::ProductivityPane,
        table: &tables::PANE,
        fields: productivity_pane::FIELDS,
        name: &UNIQUE_NAME,
    },
    KindTable {
        kind: Kind::PaneTool,
        table: &tables::TOOL,
        fields: pane_tool::FIELDS,
        name: &UNIQUE_NAME,
    },
    KindTable {
        kind: Kind::AgentScript,
        table: &tables::SCRIPT,
        fields: agent_script::FIELDS,
        name: &UNIQUE_NAME,
    },
    KindTable {
        kind: Kind::SmartAssist,
        table: &tables::SMART_ASSIST,
        fields: smart_assist::FIELDS,
        name: &UNIQUE_NAME,
    },
];

/// The table of a kind.
pub fn of(kind: Kind) -> &'static KindTable {
    &KINDS[match kind {
        Kind::AppProfile => 0,
        Kind::SessionTemplate => 1,
        Kind::ApplicationTab => 2,
        Kind::NotificationTemplate => 3,
        Kind::NotificationField => 4,
        Kind::ChannelProvider => 5,
        Kind::CifProvider => 6,
        Kind::ApplicationExtension => 7,
        Kind::ProductivityPane => 8,
        Kind::PaneTool => 9,
        Kind::AgentScript => 10,
        Kind::SmartAssist => 11,
    }]
}

/// The kind whose rows stand in a table, if they are no parts.
pub fn by_table(table: &Table) -> Option<&'static KindTable> {
    KINDS.iter().find(|kind| kind.table == table)
}

/// Every kind's table.
pub fn all() -> &'static [KindTable] {
    &KINDS
}

/// Whether a value belongs to the environment that it was read from: addresses of a provider, and ids of its roles and apps.
pub fn is_of_one_environment(field: &Field) -> bool {
    let own = [
        "channelUrl",
        "trustedDomain",
        "customParameters",
        "sandboxConfiguration",
        "roleSelector",
        "appSelector",
    ];
    own.contains(&field.word) || matches!(field.holds, Holds::Owner)
}

/// Whether parts make up their row, such as the parameters of a tab; else they assign it, such as the roles of a profile.
pub fn is_of_the_row(parts: &Field) -> bool {
    matches!(parts.word, "parameters" | "steps" | "tools")
}

/// Every part table, in the order of their parents.
pub fn part_tables() -> impl Iterator<Item = &'static PartTable> {
    KINDS
        .iter()
        .flat_map(|kind| kind.fields)
        .filter_map(|field| match field.holds {
            Holds::Parts(part) => Some(part),
            _ => None,
        })
}

/// The part table whose rows stand in this table.
pub fn part_of(table: &Table) -> Option<&'static PartTable> {
    part_tables().find(|part| part.table == table)
}

/// Every field that is kept in the rows of a table, whether a manifest writes it or deskstate does: sets and lists of parts among them.
pub fn row_fields(table: &Table) -> impl Iterator<Item = &'static Field> {
    let kind = by_table(table);
    let part = part_of(table);
    let own = kind.map_or(&[][..], |kind| kind.fields).iter();
    let companions = kind.map_or(&[][..], |kind| companion_fields(kind.kind));
    let name = kind.map(|kind| kind.name);
    let parts = part.map_or(&[][..], |part| part.fields).iter();
    let extra = part.map_or(&[][..], part_extra_fields);
    own.chain(companions.iter().copied())
        .chain(name)
        .chain(parts)
        .chain(extra.iter().copied())
}

/// Columns of a part's row that are written on creation besides its fields, the link to what tells it apart among them.
pub fn part_extra_fields(part: &PartTable) -> &'static [&'static Field] {
    static PARAMETER: [&Field; 2] = [&UNIQUE_NAME, &NAME];
    static ROLE: [&Field; 3] = [&UNIQUE_NAME, &NAME, &app_profile::MAPPED_ROLE];
    static ENTRY: [&Field; 2] = [&UNIQUE_NAME, &productivity_pane::ENTRY_TOOL];
    static COPILOT: [&Field; 2] = [&NAME, &app_profile::COPILOT_FEATURE];
    static CHT: [&Field; 2] = [&NAME, &app_profile::CHT_FEATURE];
    static NAMED: [&Field; 1] = [&UNIQUE_NAME];
    if part.table == &tables::PARAMETER {
        &PARAMETER
    } else if part.table == &tables::ROLE_MAPPING {
        &ROLE
    } else if part.table == &tables::PANE_TAB {
        &ENTRY
    } else if part.table == &tables::COPILOT {
        &COPILOT
    } else if part.table == &tables::CHT {
        &CHT
    } else {
        &NAMED
    }
}

/// Columns of a kind's own row that are no field but managed along: second copies.
pub fn companion_fields(kind: Kind) -> &'static [&'static Field] {
    static TAB: [&Field; 1] = [&application_tab::PARAMETERS_COPY];
    match kind {
        Kind::ApplicationTab => &TAB,
        Kind::AppProfile
        | Kind::SessionTemplate
        | Kind::NotificationTemplate
        | Kind::NotificationField
        | Kind::ChannelProvider
        | Kind::CifProvider
        | Kind::ApplicationExtension
        | Kind::ProductivityPane
        | Kind::PaneTool
        | Kind::AgentScript
        | Kind::SmartAssist => &[],
    }
}

/// The field of a table by its word. The words are constants of this crate.
///
/// # Panics
/// If the table has no such word: a mistake in this folder, caught by any test that lowers the kind.
pub fn field(fields: &'static [Field], word: &str) -> &'static Field {
    fields
        .iter()
        .find(|field| field.word == word)
        .unwrap_or_else(|| panic!("no field `{word}` in this table"))
}

/// Text whose form only the product knows: kept as it stands where it is text, as JSON where it was written as YAML.
pub(crate) fn opaque(value: &JsonOrText) -> Stored {
    match value {
        JsonOrText::Json(json) => Stored::Json(Box::new(json.clone())),
        JsonOrText::Text(text) => Stored::Text(text.clone()),
    }
}

/// A resource on its way to rows and links.
pub struct Lowering<'a> {
    /// What the project says beside the document.
    pub context: &'a Context<'a>,
    /// Its state.
    pub state: State,
    /// Its own row.
    pub row: DeclaredRow,
    /// Its parts.
    pub parts: Vec<DeclaredRow>,
    /// The lists they stand in.
    pub part_lists: Vec<DeclaredParts>,
    /// Its sets.
    pub sets: Vec<DeclaredSet>,
}

impl Lowering<'_> {
    /// The unique name of the resource that is lowered.
    pub fn name(&self) -> &str {
        match &self.row.key {
            RowKey::Named { name, .. } => name.as_written(),
            RowKey::Part { .. } | RowKey::Found(_) => "",
        }
    }

    /// What a new pane entry is called: as its tool is, where that is declared.
    pub fn tool_display_name(&self, tool: &str) -> String {
        self.context
            .tool_names
            .get(&UniqueName::new(tool))
            .map_or_else(|| tool.to_owned(), |name| (*name).to_owned())
    }

    /// Whether a profile with a provider gets the loader extension too.
    pub fn links_loader(&self) -> bool {
        self.context.links_loader && self.state == State::Present
    }
}

/// Lowers a document: its table says how, except for what its kind's file adds.
pub fn lower(declared: &Declared, context: &Context<'_>) -> DeclaredResource {
    let kind = of(declared.key.kind);
    let key = RowKey::Named {
        table: kind.table,
        name: declared.key.name.clone(),
    };
    let mut lowering = Lowering {
        context,
        state: declared.state,
        row: DeclaredRow {
            key,
            columns: Vec::new(),
            when_new: vec![(
                kind.name,
                Stored::Text(declared.key.name.as_written().trim().to_owned()),
            )],
            path: String::new(),
            part: None,
            only_if_there: false,
            span: declared.span,
        },
        parts: Vec::new(),
        part_lists: Vec::new(),
        sets: Vec::new(),
    };
    let mut left_out = Vec::new();
    for (word, view) in declared.spec.fields() {
        let Some(field) = kind.fields.iter().find(|field| field.word == word) else {
            continue;
        };
        match view {
            FieldView::Absent => left_out.push(field),
            FieldView::Typed(_) => {}
            FieldView::Clear(span) => {
                if field.is_column() {
                    lowering.row.columns.push(DeclaredColumn {
                        field,
                        value: Stored::Null,
                        span,
                    });
                }
            }
            FieldView::Value(ValueView::Set(set), span) => {
                lowering.sets.extend(named_set(field, set, span))
            }
            FieldView::Value(value, span) => {
                if let Some(value) = stored(field, value) {
                    lowering
                        .row
                        .columns
                        .push(DeclaredColumn { field, value, span });
                }
            }
        }
    }
    lower_typed(&declared.spec, &mut lowering);
    let Lowering {
        mut row,
        mut parts,
        mut part_lists,
        mut sets,
        ..
    } = lowering;
    // What is implied is not left to anybody.
    left_out.retain(|field| sets.iter().all(|set| set.field.word != field.word));
    // Thousands of these are kept to the end of a run, and room to grow is half of them.
    row.columns.shrink_to_fit();
    parts.shrink_to_fit();
    part_lists.shrink_to_fit();
    sets.shrink_to_fit();
    left_out.shrink_to_fit();
    DeclaredResource {
        key: declared.key.clone(),
        state: declared.state,
        span: declared.span,
        name_span: declared.name_span,
        row,
        parts,
        part_lists,
        sets,
        left_out,
    }
}

/// A scalar or a single reference, as its column keeps it.
fn stored(field: &'static Field, value: ValueView<'_>) -> Option<Stored> {
    Some(match (field.holds, value) {
        (Holds::Status, ValueView::Choice(word)) => Stored::Number(i64::from(word == "Inactive")),
        (Holds::Choice(options), ValueView::Choice(word)) => {
            Stored::Number(options.iter().find(|(name, _)| *name == word)?.1)
        }
        (Holds::FlagChoice(options), ValueView::Choice(word)) => {
            Stored::Flag(options.iter().find(|(name, _)| *name == word)?.1)
        }
        (Holds::InvertedFlag, ValueView::Flag(flag)) => Stored::Flag(!flag),
        (Holds::Flag, ValueView::Flag(flag)) => Stored::Flag(flag),
        (Holds::Number, ValueView::Number(number)) => Stored::Number(number),
        (Holds::Json | Holds::JsonOrText, ValueView::Json(json)) => {
            Stored::Json(Box::new(json.clone()))
        }
        (Holds::Text | Holds::Json | Holds::JsonOrText, ValueView::Text(text)) => {
            Stored::Text(text.to_owned())
        }
        (Holds::Lookup { to, .. }, ValueView::Reference(name) | ValueView::Text(name)) => {
            Stored::Row(target_key(to, name))
        }
        _ => return None,
    })
}

fn target_key(to: Target, name: &str) -> RowKey {
    match to {
        Target::Named(table) => RowKey::Named {
            table,
            name: UniqueName::new(name),
        },
        Target::User => RowKey::Found(Lookup::User(name.to_owned())),
        Target::WebResource => RowKey::Found(Lookup::WebResource(name.to_owned())),
        Target::Macro => RowKey::Found(Lookup::Macro(name.to_owned())),
        Target::Role => RowKey::Found(Lookup::Role {
            name: name.to_owned(),
            business_unit: None,
        }),
    }
}

fn named_set(
    field: &'static Field,
    set: &SetOf<deskstate_model::Reference>,
    span: Span,
) -> Option<DeclaredSet> {
    let Holds::Set { relationship, to } = field.holds else {
        return None;
    };
    let member = |name: &deskstate_model::Spanned<deskstate_model::Reference>| DeclaredMember {
        key: target_key(to, name.value.as_str()),
        span: name.span,
        implied: false,
    };
    Some(DeclaredSet {
        field,
        relationship,
        mode: set.mode,
        universe: Universe::All,
        members: set.members.iter().map(member).collect(),
        without: set.without.iter().map(member).collect(),
        from_teams: Vec::new(),
        moves: false,
        members_are_parts: false,
        span,
    })
}

/// A set of users, with what only sets of users have.
fn user_set(
    field: &'static Field,
    relationship: &'static Relationship,
    users: &SetOf<deskstate_model::UserRef>,
    span: Span,
) -> DeclaredSet {
    let member = |user: &Spanned<deskstate_model::UserRef>| DeclaredMember {
        key: RowKey::Found(Lookup::User(user.value.0.clone())),
        span: user.span,
        implied: false,
    };
    DeclaredSet {
        field,
        relationship,
        mode: users.mode,
        universe: Universe::All,
        members: users.members.iter().map(member).collect(),
        without: users.without.iter().map(member).collect(),
        from_teams: users
            .from_teams
            .iter()
            .map(|team| (team.value.clone(), team.span))
            .collect(),
        moves: users.moves,
        members_are_parts: false,
        span,
    }
}

fn lower_typed(resource: &Resource, lowering: &mut Lowering<'_>) {
    match resource {
        Resource::AppProfile(profile) => app_profile::lower(profile, lowering),
        Resource::ApplicationTab(tab) => application_tab::lower(tab, lowering),
        Resource::NotificationTemplate(template) => {
            notification_template::lower(template, lowering)
        }
        Resource::ProductivityPane(pane) => productivity_pane::lower(pane, lowering),
        Resource::AgentScript(script) => agent_script::lower(script, lowering),
        Resource::CifProvider(provider) => cif_provider::lower(provider, lowering),
        Resource::SessionTemplate(_)
        | Resource::NotificationField(_)
        | Resource::ChannelProvider(_)
        | Resource::ApplicationExtension(_)
        | Resource::PaneTool(_)
        | Resource::SmartAssist(_) => {}
    }
    if let Some(Spanned { value: owner, span }) = owner(resource) {
        let lookup = match owner {
            Owner::User(name) => Lookup::User(name.clone()),
            Owner::Team(name) => Lookup::Team(name.clone()),
        };
        let span = *span;
        if let Some(field) = by_table_field(lowering.row.key.table(), "owner") {
            lowering.row.columns.push(DeclaredColumn {
                field,
                value: Stored::Row(RowKey::Found(lookup)),
                span,
            });
        }
    }
}

/// Who owns the resource, where its kind has owners and its document says.
fn owner(resource: &Resource) -> Option<&Spanned<Owner>> {
    match resource {
        Resource::AppProfile(spec) => spec.owner.spanned(),
        Resource::SessionTemplate(spec) => spec.owner.spanned(),
        Resource::ApplicationTab(spec) => spec.owner.spanned(),
        Resource::NotificationTemplate(spec) => spec.owner.spanned(),
        Resource::NotificationField(spec) => spec.owner.spanned(),
        Resource::ChannelProvider(spec) => spec.owner.spanned(),
        Resource::ApplicationExtension(spec) => spec.owner.spanned(),
        Resource::AgentScript(spec) => spec.owner.spanned(),
        Resource::CifProvider(_)
        | Resource::ProductivityPane(_)
        | Resource::PaneTool(_)
        | Resource::SmartAssist(_) => None,
    }
}

fn by_table_field(table: Option<&'static Table>, word: &str) -> Option<&'static Field> {
    by_table(table?)?
        .fields
        .iter()
        .find(|field| field.word == word)
}

/// The relationships in which a table's rows are members of somebody's set.
pub fn sets_with_member(table: &Table) -> impl Iterator<Item = &'static Relationship> {
    tables::RELATIONSHIPS
        .iter()
        .copied()
        .filter(move |relationship| relationship.member == table)
}
