//! Application tabs: pages that open as tabs of a session.
//!
//! Dataverse stores the parameters twice: as rows, and as JSON text on the tab. Manifests declare the rows; the text is kept consistent
//! with them.

use super::build::{
    OWNER, choice, derived_name, hidden, inverted_flag, options, parts, record, text,
};
use super::place::{SUPPORT_EXPERIENCE, WORKSPACES, now};
use super::{Brought, Definition, Place, STATUS, Status, UNIQUE_NAME};
use crate::record::{Flag, OwnerOf, ParametersOf, Text};
use crate::table::{
    Field, Fill, Holds, NameOf, Names, NewRow, PartIdentity, PartTable, Table, Unlisted, Written,
};

/// Application tabs.
pub static TAB: Table = Table::desk(
    "msdyn_applicationtabtemplate",
    "msdyn_applicationtabtemplates",
    "msdyn_applicationtabtemplateid",
    0,
);
/// Parameters of application tabs.
pub static PARAMETER: Table = Table::desk(
    "msdyn_templateparameter",
    "msdyn_templateparameters",
    "msdyn_templateparameterid",
    1,
);

pub(super) static DEFINITION: Definition = Definition {
    word: "ApplicationTab",
    title: "Application tab",
    meaning: "An application tab: a page that opens as a tab of a session.",
    caption: "pageType",
    folder: "application-tabs",
    place: Place::list(&[
        SUPPORT_EXPERIENCE,
        WORKSPACES,
        now("Application tab templates"),
    ]),
    table: &TAB,
    name: &UNIQUE_NAME,
    names: Names::Ruled,
    fields: TAB_FIELDS,
    companions: PARAMETERS_COPY,
    brings: BROUGHT,
    ..Definition::NOTHING
};

/// The names on Microsoft's page on application tab templates, and the tab that its course MB-230 uses. The unique names come from the
/// examples of `createTab`.
const BROUGHT: &[Brought] = &[
    Brought::new("Entity record", "msdyn_entityrecord"),
    Brought::new("Knowledge Search", "msdyn_omnichannel_kbsearch"),
    Brought::new("Active Conversation", ""),
    Brought::new("Customer Summary", ""),
    Brought::new("Omnichannel Conversations Dashboard", ""),
    Brought::new("Omnichannel Intraday Insights", ""),
    Brought::new("Quick Reply Preview", ""),
    Brought::new("Rich Message Preview", ""),
    Brought::new("Search, deprecated", ""),
];

/// The text column that repeats the parameters.
pub static PARAMETERS_COPY: &[Field] = &[hidden(
    "parameters",
    "msdyn_templateparameters",
    Holds::ParametersCopy,
)
.max(2048)
.meaning("")];

record! {
    /// The fields of an application tab, as declared in a document.
    ApplicationTab, TAB_FIELDS {
        /// Name on the admin pages.
        display_name: Text = text("displayName", "msdyn_name").max(100).localizable().required().label("Name");
        /// Information about the tab for administrators.
        description: Text = text("description", "msdyn_description").max(2000).localizable().stored("`msdyn_Description`").label("Description");
        /// Deactivates the tab without deleting it.
        status: Status = STATUS;
        /// Who owns the row.
        owner: OwnerOf = OWNER;
        /// Heading of the tab; can contain slugs such as `{customer}`.
        title: Text = text("title", "msdyn_title").max(200).localizable().label("Title");
        /// Content of the tab. It determines the available parameters.
        page_type: PageType = choice("pageType", "msdyn_pagetype").required().label("Page type");
        /// The parameters of the page. Microsoft's parameters of the page type that are not listed are cleared. Any others stay, because the product
        /// adds some of its own.
        parameters: ParametersOf = parts("parameters", &PARAMETERS)
            .form("Map of Microsoft's parameter names to text, which may hold slugs; each value at most 2048 characters, as JSON together at most 2048")
            .note("A view, form or dashboard is `{name: Active Contacts}`, with `table` where `entityName` is a slug, or its id. Without a dashboard, or with one that the app does not include, agents see the default dashboard; the same holds for views.")
            .stored("rows of `msdyn_templateparameter` (`msdyn_applicationtabtemplateid`, `msdyn_name`, `msdyn_value`, `msdyn_uniquename`) and a second copy in `msdyn_templateparameters`")
            .label("Parameters").hint("The section appears once the tab is saved. To add a missing parameter, select `New Template Parameter`, and fill in its name, a unique name such as `contoso_validateRecord`, and its value.");
        /// Whether agents can close the tab.
        // `msdyn_pinned` is labelled "Can close" but means the opposite.
        can_close: Flag = inverted_flag("canClose", "msdyn_pinned").new_has(NewRow::Flag(true)).stored("`msdyn_pinned`, inverted").label("Can close");
    }
}

/// Parameters of a tab. The product adds its own rows, so unlisted rows are left alone.
pub static PARAMETERS: PartTable = PartTable {
    table: &PARAMETER,
    parent_column: "msdyn_applicationtabtemplateid",
    parent_navigation: "msdyn_applicationtabtemplateid",
    parent: &TAB,
    identity: PartIdentity::Text("msdyn_name"),
    written: Written::Parameters,
    fields: PARAMETER_FIELDS,
    name: NameOf::Behind("name"),
    unlisted: Unlisted::Leave,
    server_adds: true,
    goes_with_parent: true,
    supplies_slugs: false,
    makes_up_row: true,
    names: Names::Free,
};

/// The value, and the name of a new row; live rows may have any name.
pub(crate) static PARAMETER_FIELDS: &[Field] = &[
    hidden("", "msdyn_value", Holds::Text).max(2048).meaning(""),
    hidden("displayName", "msdyn_name", Holds::Text)
        .fill(Fill::Key {
            behind_parent: false,
        })
        .meaning(""),
    derived_name().meaning(""),
];

options! {
    /// Content of a tab.
    PageType {
        /// The rows of a table in a view.
        EntityList = "EntityList", 509_180_000;
        /// One record, existing or new.
        EntityRecord = "EntityRecord", 509_180_001;
        /// A dashboard.
        Dashboard = "Dashboard", 509_180_004;
        /// The result of a search.
        Search = "Search", 509_180_005;
        /// An external website in a frame.
        ThirdPartyWebsite = "ThirdPartyWebsite", 509_180_006, "Third-party website";
        /// An HTML web resource.
        WebResource = "WebResource", 509_180_002;
        /// A custom page.
        Custom = "Custom", 509_180_007;
        /// A control; internal to Microsoft.
        Control = "Control", 509_180_003;
    }
}

impl PageType {
    /// All page types.
    pub(crate) const ALL: [Self; 8] = [
        Self::EntityList,
        Self::EntityRecord,
        Self::Dashboard,
        Self::Search,
        Self::ThirdPartyWebsite,
        Self::WebResource,
        Self::Custom,
        Self::Control,
    ];

    /// Returns the page type with this word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|page| page.as_str() == word)
    }

    /// Returns the parameters that Microsoft documents (Application tab templates, page types). A manifest owns all of them together.
    #[must_use]
    pub const fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::EntityList => &["entityName", "viewId"],
            Self::EntityRecord => &["entityName", "entityId", "formId", "validateRecord", "data"],
            Self::Dashboard => &["dashboardId"],
            Self::Search => &["searchText", "searchType"],
            Self::ThirdPartyWebsite => &["url", "data"],
            Self::WebResource => &["webresourceName", "data"],
            Self::Custom => &["name", "entityName", "recordId"],
            Self::Control => &[],
        }
    }

    /// Returns the parameters without which the page shows nothing.
    #[must_use]
    pub const fn needed_parameters(self) -> &'static [&'static str] {
        match self {
            Self::EntityList | Self::EntityRecord => &["entityName"],
            Self::Search => &["searchText"],
            Self::ThirdPartyWebsite => &["url"],
            Self::WebResource => &["webresourceName"],
            Self::Custom => &["name"],
            // A dashboard tab without a dashboard shows the default one.
            Self::Dashboard | Self::Control => &[],
        }
    }
}
