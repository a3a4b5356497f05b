//! Productivity panes: the tools at the side of a session.

use crate::field::{FieldRule, choice, kind, typed};
use crate::given::Given;
use crate::kinds::Status;
use crate::set::Reference;
use crate::span::Spanned;

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// A productivity pane: the tools at the side of a session.
    ///
    /// Dataverse: `msdyn_paneconfiguration`.
    ProductivityPane {
        /// Name on the admin pages.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_name`.
        "displayName" display_name: String = ANY.required().max_length(100);
        /// Deactivates the pane without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// Enable productivity pane.
        ///
        /// Flag; a new row has `true`. Dataverse: `msdyn_panestate`.
        "enabled" enabled: bool = ANY;
        /// Whether the pane is open when a session starts.
        ///
        /// `Expanded` or `Collapsed`; a new row has `Expanded`. Dataverse: `msdyn_panemode`.
        "defaultMode" default_mode: PaneMode = ANY;
        /// The tools that are on, in order. A tool that is left out is switched off; its row stays.
        ///
        /// List of items. Dataverse: rows of `msdyn_panetabconfiguration` (`msdyn_ProductivityPaneId`, `msdyn_ToolId`,
        /// `msdyn_order`, `msdyn_isenabled`, `msdyn_uniquename`).
        "tools" tools: PaneEntries = ANY;
    }
}

choice! {
    /// Whether the pane is open when a session starts.
    PaneMode {
        /// Open.
        Expanded = "Expanded",
        /// Closed.
        Collapsed = "Collapsed",
    }
}

/// The tools of a pane, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct PaneEntries(pub Vec<Spanned<PaneEntry>>);

/// One tool of a pane.
#[derive(Debug, Clone, PartialEq)]
pub struct PaneEntry {
    /// The tool. Dataverse: `msdyn_ToolId`.
    pub tool: Spanned<Reference>,
    /// Name of the entry; the tool's on a new row. Dataverse: `msdyn_name`.
    pub display_name: Given<String>,
    /// Text shown when the mouse rests on it. Dataverse: `msdyn_tooltip`, localizable.
    pub tooltip: Given<String>,
    /// Path of its icon. Dataverse: `msdyn_iconpath`.
    pub icon_path: Given<String>,
    /// Being listed means `true`. Dataverse: `msdyn_isenabled`.
    pub enabled: Given<bool>,
}

typed!(PaneEntries);
