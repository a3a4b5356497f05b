//! Application tabs: a page that opens as a tab of a session.

use crate::field::{FieldRule, choice, kind, typed};
use crate::kinds::Status;
use crate::set::{LookedUp, Owner};
use crate::span::Spanned;

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// An application tab: a page that opens as a tab of a session.
    ///
    /// Dataverse: `msdyn_applicationtabtemplate`.
    ApplicationTab {
        /// Name on the admin pages.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_name`, localizable.
        "displayName" display_name: String = ANY.required().max_length(100);
        /// What administrators should know about the tab.
        ///
        /// Text of at most 2000 characters. Dataverse: `msdyn_Description`, localizable.
        "description" description: String = ANY.max_length(2000);
        /// Deactivates the tab without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// Who owns the row.
        ///
        /// `{user: ...}` or `{team: ...}`; a new row belongs to the caller, or to the project's `defaults.owner`. Dataverse: `ownerid`.
        "owner" owner: Owner = ANY;
        /// Heading of the tab; may hold slugs such as `{customer}`.
        ///
        /// Text of at most 200 characters. Dataverse: `msdyn_title`, localizable.
        "title" title: String = ANY.max_length(200);
        /// What the tab shows; decides the parameters.
        ///
        /// Required. Dataverse: `msdyn_pagetype`.
        "pageType" page_type: PageType = ANY.required();
        /// The parameters of the page, owned as a whole.
        ///
        /// Map of Microsoft's parameter names to text, which may hold slugs; each value at most 2048 characters, as JSON together
        /// at most 2048. A view, form or dashboard is `{name: Active Contacts}`, with `table` where `entityName` is a slug, or its id.
        /// Dataverse: rows of `msdyn_templateparameter` (`msdyn_applicationtabtemplateid`, `msdyn_name`, `msdyn_value`,
        /// `msdyn_uniquename`) and a second copy in `msdyn_templateparameters`.
        "parameters" parameters: Parameters = ANY;
        /// Whether agents can close the tab.
        ///
        /// Flag; a new row has `true`. Dataverse: `msdyn_pinned`, inverted.
        "canClose" can_close: bool = ANY;
    }
}

choice! {
    /// What a tab shows.
    PageType {
        /// The rows of a table in a view.
        EntityList = "EntityList",
        /// One record, existing or new.
        EntityRecord = "EntityRecord",
        /// A dashboard.
        Dashboard = "Dashboard",
        /// The result of a search.
        Search = "Search",
        /// A page of another web site in a frame.
        ThirdPartyWebsite = "ThirdPartyWebsite",
        /// An HTML web resource.
        WebResource = "WebResource",
        /// A custom page.
        Custom = "Custom",
        /// A control; internal to Microsoft.
        Control = "Control",
    }
}

/// The parameters of a tab, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters(pub Vec<(Spanned<String>, Spanned<ParameterValue>)>);

impl Parameters {
    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Spanned<ParameterValue>> {
        self.0
            .iter()
            .find(|(key, _)| key.value == name)
            .map(|(_, value)| value)
    }
}

/// The value of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterValue {
    /// Text; flags and numbers are here as the text that is stored (`true`, `0`).
    Text(String),
    /// A view, form or dashboard, stored as its id.
    LookedUp(LookedUp),
    /// A mapping, stored as compact JSON.
    Json(serde_json::Value),
}

typed!(Parameters);
