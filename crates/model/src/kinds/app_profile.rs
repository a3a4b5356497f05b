//! App profiles: the templates, channels and tools for a group of agents, and the agents who get them.

use super::application_extension::EXTENSION;
use super::build::{
    OWNER, business_unit, flag, hidden, json, links, named, number, parts, record, set, text,
    unique_name,
};
use super::channel_provider::{FIRST_PARTY_CHANNEL, PROVIDER};
use super::place::{PageName, SUPPORT_EXPERIENCE, WORKSPACES};
use super::productivity_pane::PANE;
use super::session_template::SESSION;
use super::smart_assist::SMART_ASSIST;
use super::{Brought, Definition, Place, Quirk, STATUS, Status, UNIQUE_NAME};
use crate::record::{
    Features, Flag, Hidden, Item, JsonValue, Name, Named, Number, OwnerOf, SetOf, Text,
};
use crate::table::{
    Choice, Fill, Holds, Links, NameOf, Names, NewRow, PartIdentity, PartTable, Referent,
    Relationship, Table, USER, Unlisted, Written,
};

/// App profiles.
pub static PROFILE: Table = Table::desk(
    "msdyn_appconfiguration",
    "msdyn_appconfigurations",
    "msdyn_appconfigurationid",
    3,
);
/// Mappings of security roles to profiles.
pub static ROLE_MAPPING: Table = Table::desk(
    "msdyn_appprofilerolemapping",
    "msdyn_appprofilerolemappings",
    "msdyn_appprofilerolemappingid",
    4,
);
/// Inbox views of profiles.
pub static INBOX: Table = Table::desk(
    "msdyn_inboxconfiguration",
    "msdyn_inboxconfigurations",
    "msdyn_inboxconfigurationid",
    4,
);
/// Copilot features of profiles; the rows have no unique name.
pub static COPILOT: Table = Table {
    name: None,
    ..Table::desk(
        "msdyn_appcopilotconfiguration",
        "msdyn_appcopilotconfigurations",
        "msdyn_appcopilotconfigurationid",
        4,
    )
};
/// CHT features of profiles; the table is missing in older environments.
pub static CHT: Table = Table {
    name: None,
    ..Table::desk(
        "msdyn_chtprofileconfiguration",
        "msdyn_chtprofileconfigurations",
        "msdyn_chtprofileconfigurationid",
        4,
    )
};

/// Session templates of a profile.
pub static PROFILE_SESSIONS: Relationship = Relationship::many(
    "msdyn_appconfiguration_sessiontemplate",
    "msdyn_appconfiguration_sessiontemplateset",
    &PROFILE,
    &SESSION,
);
/// Users assigned to a profile.
pub static PROFILE_USERS: Relationship = Relationship {
    component: false,
    ..Relationship::many(
        "msdyn_appconfiguration_systemuser",
        "msdyn_appconfiguration_systemuserset",
        &PROFILE,
        &USER,
    )
};
/// Channel providers of a profile.
pub static PROFILE_PROVIDERS: Relationship = Relationship::many(
    "msdyn_appconfig_msdyn_channelprovider",
    "msdyn_appconfig_msdyn_channelproviderset",
    &PROFILE,
    &PROVIDER,
);
/// Application extensions of a profile.
pub static PROFILE_EXTENSIONS: Relationship = Relationship::many(
    "msdyn_appconfiguration_applicationextension",
    "msdyn_appconfiguration_applicationextensionset",
    &PROFILE,
    &EXTENSION,
);
/// The productivity pane of a profile: stored many-to-many, but a profile has at most one.
pub static PROFILE_PANE: Relationship = Relationship::many(
    "msdyn_msdyn_paneconfig_msdyn_appconfig",
    "msdyn_msdyn_paneconfig_msdyn_appconfigset",
    &PROFILE,
    &PANE,
);
/// Smart assist configurations of a profile.
pub static PROFILE_SMART_ASSIST: Relationship = Relationship::many(
    "msdyn_smartassistconfig_msdyn_appconfig",
    "msdyn_smartassistconfig_msdyn_appconfigset",
    &PROFILE,
    &SMART_ASSIST,
);

pub(super) static DEFINITION: Definition = Definition {
    word: "AppProfile",
    title: "App profile",
    meaning: "An app profile (agent experience profile): which templates, channels and tools a group of agents gets.",
    note: "You cannot change Microsoft's own profiles.",
    folder: "app-profiles",
    place: Place::list(&[
        SUPPORT_EXPERIENCE,
        WORKSPACES,
        PageName {
            name: "Experience profiles",
            formerly: &["Agent experience profiles", "App profiles"],
        },
    ]),
    advice: "An agent without a profile gets the default one. Microsoft's own profiles cannot be changed or deleted.",
    table: &PROFILE,
    name: &UNIQUE_NAME,
    names: Names::Ruled,
    fields: PROFILE_FIELDS,
    quirks: &[Quirk::Loaders],
    brings: &[
        Brought::new("Omnichannel for Customer Service - default profile", ""),
        Brought::new("Customer Service workspace - default profile", ""),
        Brought::new(
            "Customer Service workspace + channels - default profile",
            "",
        ),
    ],
    ..Definition::NOTHING
};

record! {
    /// The fields of an app profile, as declared in a document.
    AppProfile, PROFILE_FIELDS {
        /// Name on the admin pages.
        display_name: Text = text("displayName", "msdyn_name").max(100).localizable().required().label("Name");
        /// Information about the profile for administrators.
        description: Text = text("description", "msdyn_description").max(2000).localizable().label("Description");
        /// Deactivates the profile without deleting it.
        status: Status = STATUS;
        /// Who owns the row.
        owner: OwnerOf = OWNER.no_box();
        /// The app module, as text.
        app: Text = text("app", "msdyn_appmoduleuniquename").max(100).required_or_default()
            .note("Public test code writes `CustomerServiceApps`; compare with a profile that was made by hand.")
            .instead("The page does not ask for it. Compare it with a profile that was made by hand.");
        /// Which of several role-mapped profiles an agent gets: the lower number wins.
        rank: Number = number("rank", "msdyn_profileorder").range(0, 100).more(", different for every profile").label("Rank").under("Set rank and roles");
        /// The agents to whom the profile is assigned directly. An agent can have only one profile.
        users: SetOf<Text> = set("users", &PROFILE_USERS, Referent::User)
            .note("To assign a team, write `{mode: exact, fromTeams: [Voice agents]}`: at each apply its members, also those of an Entra group team, become users of the profile. `members` adds people by name, `without` keeps people out (with `mode: atLeast`), and `moves: allow` takes people from profiles that are not declared here.").label("Users").hint("The page offers only users without a profile: a user has one profile.");
        /// The security roles whose holders get the profile.
        roles: SetOf<Item<MappedRole<'static>>> = parts("roles", &ROLES).form("Set of role names, or `{role: Agent, businessUnit: Berlin}`")
            .note("A role that a user has only through a team does not assign the profile: use `users` with `fromTeams`.")
            .stored("rows of `msdyn_appprofilerolemapping` (`msdyn_appprofileid`, `msdyn_securityroleid`, `msdyn_name`, `msdyn_uniquename`)").label("Roles").under("Set rank and roles");
        /// The session templates of the profile: at most one of type Entity per entity.
        session_templates: SetOf<Name> = set("sessionTemplates", &PROFILE_SESSIONS, Referent::Named(&SESSION)).label("Entity session templates").hint("Microsoft's pages offer templates of type Entity here.").formerly(&["Session templates"]);
        /// The toggle All active channels: whether the first-party provider is linked.
        all_active_channels: Flag = links("allActiveChannels", &PROFILE_PROVIDERS, Referent::Named(&PROVIDER), Links::Only(FIRST_PARTY_CHANNEL))
            .new_has(NewRow::Flag(false))
            .stored("link to the provider `msdyn_omnichannel` in the N:N `msdyn_appconfig_msdyn_channelprovider`").label("All active channels").under("Channel providers");
        /// The third-party channel providers; the first-party one is `allActiveChannels`.
        channel_providers: SetOf<Name> = links("channelProviders", &PROFILE_PROVIDERS, Referent::Named(&PROVIDER), Links::Except(FIRST_PARTY_CHANNEL)).note("With more than one provider, the product's own channels included, the home session shows no widget: Microsoft's page asks for a default session then.").label("Third party voice channel providers").under("Channel providers").formerly(&["Voice channels"]);
        /// Scripts that are loaded for the profile. A channel provider also links `msdyn_CIFV2Loader`, and a productivity pane also links
        /// `pp_loader`.
        extensions: SetOf<Name> = set("extensions", &PROFILE_EXTENSIONS, Referent::Named(&EXTENSION))
            .instead("Adding a channel provider on the page seems to add its loader, too.");
        /// The productivity pane; `null` means none.
        productivity_pane: Name = links("productivityPane", &PROFILE_PANE, Referent::Named(&PANE), Links::One).label("Productivity pane");
        /// Smart assist configurations.
        smart_assist: SetOf<Name> = set("smartAssist", &PROFILE_SMART_ASSIST, Referent::Named(&SMART_ASSIST)).no_box();
        /// Copilot features, each switched on or off individually.
        copilot_features: Features = parts("copilotFeatures", &COPILOT_FEATURES)
            .form("Map of feature to `true` or `false`; a feature that has no name here yet is written as its option number")
            .note("Write every feature: what a feature without a row means is not certain. Code of the product takes it for on, and Microsoft's pages say that a profile of your own has the features that you switch on.")
            .stored("rows of `msdyn_appcopilotconfiguration` (`msdyn_appconfigurationid`, `msdyn_copilotfeature`, `msdyn_enabled`, `msdyn_name`)").label("Copilot AI features").under("Productivity pane")
            .hint("Turn on `Copilot`: the section `Copilot AI features` then appears. Features without a name on Microsoft's pages are shown with the word of the manifest.");
        /// CHT features, by their name the toggle Case handling time of the productivity pane. Missing in older environments.
        cht_features: Features = parts("chtFeatures", &CHT_FEATURES).form("Map of `enableCht` to `true` or `false`")
            .stored("rows of `msdyn_chtprofileconfiguration` (`msdyn_appconfigurationid`, `msdyn_chtfeature`, `msdyn_enabled`, `msdyn_name`)").label("Case handling time").under("Productivity pane");
        /// The views of the inbox.
        inbox_views: SetOf<Item<InboxView<'static>>> = parts("inboxViews", &INBOX_VIEWS).form("Set of items")
            .stored("rows of `msdyn_inboxconfiguration` (`msdyn_appconfigurationid`)").label("Inbox").hint("Turn on `Enable Inbox`, and select `Add` for a new view. `Agent visibility` is `Show` or `Hide`. Chats need `All active channels`.");
    }
}

/// The roles that get a profile: one row per role.
pub static ROLES: PartTable = PartTable {
    table: &ROLE_MAPPING,
    parent_column: "msdyn_appprofileid",
    parent_navigation: "msdyn_appprofileid",
    parent: &PROFILE,
    identity: PartIdentity::Lookup("msdyn_securityroleid"),
    written: Written::Set,
    fields: ROLE_FIELDS,
    name: NameOf::Behind("role"),
    unlisted: Unlisted::Delete,
    server_adds: false,
    goes_with_parent: false,
    supplies_slugs: false,
    makes_up_row: false,
    names: Names::Free,
};

record! {
    /// The fields of a role that gets a profile, as declared in a document.
    MappedRole, ROLE_FIELDS {
        /// Name of the security role.
        role: Named = named("role", "msdyn_securityroleid", Referent::Role).required().form("Text").label("Roles");
        /// The business unit of the role's copy.
        business_unit: Text = business_unit("businessUnit", "msdyn_securityroleid").form("Text").note("Default: the root business unit.").no_box();
        /// Unique name for the row that maps the role to the profile. Used only when the row is created.
        name: Text = unique_name("name").max(128).note("Default: derived from the role.").no_box();
        /// The name of the row.
        label: Hidden = hidden("displayName", "msdyn_name", Holds::Text).fill(Fill::UniqueName);
    }
}

/// Copilot features of a profile.
pub(crate) static COPILOT_FEATURES: PartTable = features(
    &COPILOT,
    COPILOT_FEATURE_FIELDS,
    "msdyn_copilotfeature",
    COPILOT_NAMES,
);
/// CHT features of a profile.
pub(crate) static CHT_FEATURES: PartTable =
    features(&CHT, CHT_FEATURE_FIELDS, "msdyn_chtfeature", CHT_NAMES);

const fn features(
    table: &'static Table,
    fields: &'static [crate::table::Field],
    feature: &'static str,
    names: &'static [Choice],
) -> PartTable {
    PartTable {
        table,
        parent_column: "msdyn_appconfigurationid",
        parent_navigation: "msdyn_appconfigurationid",
        parent: &PROFILE,
        identity: PartIdentity::Number(feature),
        written: Written::Features(names),
        fields,
        name: NameOf::Given,
        unlisted: Unlisted::Leave,
        server_adds: false,
        goes_with_parent: true,
        supplies_slugs: false,
        makes_up_row: false,
        names: Names::Free,
    }
}

static COPILOT_FEATURE_FIELDS: &[crate::table::Field] = &feature_fields("msdyn_copilotfeature");
static CHT_FEATURE_FIELDS: &[crate::table::Field] = &feature_fields("msdyn_chtfeature");

/// Whether a feature is on. The product treats a row without a value, and a missing row, as on.
const fn feature_fields(feature: &'static str) -> [crate::table::Field; 3] {
    [
        hidden("", "msdyn_enabled", Holds::Flag)
            .null_reads_as(true)
            .required()
            .meaning(""),
        hidden("feature", feature, Holds::Option).meaning(""),
        hidden("displayName", "msdyn_name", Holds::Text)
            .fill(Fill::Key {
                behind_parent: true,
            })
            .meaning(""),
    ]
}

/// `label` is that of Microsoft's pages, as far as they show the feature.
const fn feature(word: &'static str, number: i64, label: &'static str) -> Choice {
    Choice {
        word,
        number,
        meaning: "",
        label,
    }
}

/// The copilot features (`msdyn_copilotfeature`).
const COPILOT_NAMES: &[Choice] = &[
    feature("askAQuestion", 829_050_000, "Ask a question"),
    feature(
        "liveConversationResponse",
        829_050_001,
        "Scan customer conversation and suggest a response",
    ),
    feature("writeAnEmail", 829_050_002, "Write an email"),
    feature("caseSummary", 829_050_003, "Case summary"),
    feature(
        "liveConversationSummary",
        829_050_004,
        "Live conversation summary",
    ),
    feature("caseBasedKnowledgeCreation", 829_050_005, ""),
    feature("conversationToCaseAutonomousCreation", 829_050_006, ""),
    feature("conversationToCaseManualCreation", 829_050_007, ""),
    feature("caseToCaseResolutionManualCreation", 829_050_008, ""),
    feature("knowledgeHarvestingFromCase", 829_050_009, ""),
    feature("intentBasedSuggestions", 829_050_010, ""),
    feature("inboxSuggestedNextActions", 829_050_011, ""),
    feature("emailToCase", 829_050_012, ""),
];

/// The CHT features (`msdyn_chtfeature`).
const CHT_NAMES: &[Choice] = &[feature("enableCht", 829_050_013, "Case handling time")];

/// Inbox views of a profile.
pub(crate) static INBOX_VIEWS: PartTable = PartTable {
    table: &INBOX,
    parent_column: "msdyn_appconfigurationid",
    parent_navigation: "msdyn_appconfigurationid",
    parent: &PROFILE,
    identity: PartIdentity::UniqueName,
    written: Written::Set,
    fields: INBOX_FIELDS,
    name: NameOf::Given,
    unlisted: Unlisted::Delete,
    server_adds: false,
    goes_with_parent: true,
    supplies_slugs: false,
    makes_up_row: false,
    names: Names::Ruled,
};

record! {
    /// The fields of an inbox view, as declared in a document.
    InboxView, INBOX_FIELDS {
        /// Its unique name.
        name: Text = unique_name("name").max(128).required().no_box();
        /// Name on the page.
        display_name: Text = text("displayName", "msdyn_name").max(100).localizable().required().label("Name");
        /// Whether agents see it.
        visible: Flag = flag("visible", "msdyn_isvisible").new_has(NewRow::Flag(false)).label("Agent visibility");
        /// Whether it is the view shown first.
        default: Flag = flag("default", "msdyn_isdefault").new_has(NewRow::Flag(false)).no_box();
        /// Content of the view. Dynamics 365 generates it in an undocumented format; copy it from an export.
        configuration: JsonValue = json("configuration", "msdyn_configuration").max(1_048_576).or_file().required()
            .form("JSON of at most 1048576 characters, required here or as `configurationFile`").label("Record type").formerly(&["Conditions"]);
        /// Sort order of the view. The product generates it: take it from an export.
        default_sort: JsonValue = json("defaultSort", "msdyn_defaultsort").max(1_048_576).or_file()
            .form("JSON of at most 1048576 characters, here or as `defaultSortFile`").label("Sort");
        /// Missing in older environments.
        enable_cross_partition: Flag = flag("enableCrossPartition", "enablecrosspartition").new_has(NewRow::Flag(false)).no_box();
    }
}
