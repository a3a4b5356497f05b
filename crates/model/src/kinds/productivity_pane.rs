//! Productivity panes: the tools at the side of a session.
//!
//! Omitting a tool from a pane switches it off; its row stays. The navigation properties of an entry's lookups contain capital letters.

use super::build::{flag, flag_choice, hidden, name, options, parts, record, text, unique_name};
use super::pane_tool::TOOL;
use super::place::now;
use super::{Definition, Place, STATUS, Status, UNIQUE_NAME};
use crate::record::{Flag, Hidden, ListOf, Name, Text};
use crate::table::{
    Fill, Holds, NameOf, Names, NewRow, PartIdentity, PartTable, Table, Unlisted, Written,
};

/// Productivity panes.
pub static PANE: Table = Table::desk(
    "msdyn_paneconfiguration",
    "msdyn_paneconfigurations",
    "msdyn_paneconfigurationid",
    0,
);
/// Entries of productivity panes: the tools of each pane.
pub static PANE_TAB: Table = Table::desk(
    "msdyn_panetabconfiguration",
    "msdyn_panetabconfigurations",
    "msdyn_panetabconfigurationid",
    1,
);

pub(super) static DEFINITION: Definition = Definition {
    word: "ProductivityPane",
    title: "Productivity pane",
    meaning: "A productivity pane: the tools at the side of a session.",
    folder: "productivity-panes",
    place: Place::Section(now("Productivity pane")),
    table: &PANE,
    name: &UNIQUE_NAME,
    names: Names::Ruled,
    fields: PANE_FIELDS,
    ..Definition::NOTHING
};

record! {
    /// The fields of a productivity pane, as declared in a document.
    ProductivityPane, PANE_FIELDS {
        /// Name on the admin pages.
        display_name: Text = text("displayName", "msdyn_name").max(100).required().no_box();
        /// Deactivates the pane without deleting it.
        status: Status = STATUS;
        /// Whether the productivity pane is enabled.
        enabled: Flag = flag("enabled", "msdyn_panestate").new_has(NewRow::Flag(true)).label("Turn on").formerly(&["Turn on productivity pane"]);
        /// Whether the pane is open when a session starts.
        default_mode: PaneMode = flag_choice("defaultMode", "msdyn_panemode").new_has(NewRow::Word("Expanded")).label("Default mode");
        /// The tools that are switched on, in order. Omitting a tool switches it off; its row stays.
        tools: ListOf<PaneEntry<'static>> = parts("tools", &ENTRIES).form("List of items")
            .stored("rows of `msdyn_panetabconfiguration` (`msdyn_ProductivityPaneId`, `msdyn_ToolId`, `msdyn_order`, `msdyn_isenabled`, `msdyn_uniquename`)").label("Productivity tools");
    }
}

options! {
    /// Whether the pane is open when a session starts.
    PaneMode {
        /// Open.
        Expanded = "Expanded", 1;
        /// Closed.
        Collapsed = "Collapsed", 0;
    }
}

/// Entries of a pane: one per tool.
pub(crate) static ENTRIES: PartTable = PartTable {
    table: &PANE_TAB,
    parent_column: "msdyn_productivitypaneid",
    parent_navigation: "msdyn_ProductivityPaneId",
    parent: &PANE,
    identity: PartIdentity::Lookup("msdyn_toolid"),
    written: Written::List,
    fields: ENTRY_FIELDS,
    name: NameOf::PaneTab("tool"),
    unlisted: Unlisted::SwitchOff("msdyn_isenabled"),
    server_adds: false,
    goes_with_parent: false,
    supplies_slugs: false,
    makes_up_row: true,
    names: Names::Free,
};

record! {
    /// A tool in a pane, as declared in a document.
    PaneEntry, ENTRY_FIELDS {
        /// The tool.
        tool: Name = name("tool", "msdyn_toolid", &TOOL).bound_by("msdyn_ToolId").required().stored("`msdyn_ToolId`").label("Productivity tools");
        /// Unique name for the row of the tool in this pane. Used only when the row is created.
        name: Text = unique_name("name").max(128).note("Default: derived from the tool and the pane.").no_box();
        /// Whether the tool is on. Default: `true`.
        enabled: Flag = flag("enabled", "msdyn_isenabled").fill(Fill::Yes)
            .instead("Turn the toggle of the tool on or off.");
        /// Position of the tool.
        order: Hidden = hidden("order", "msdyn_order", Holds::Position);
        /// Name of the entry.
        display_name: Text = text("displayName", "msdyn_name").max(100).never_null().fill(Fill::NameOf("tool")).more("; the tool's on a new row").no_box();
        /// Tooltip of the tool.
        tooltip: Text = text("tooltip", "msdyn_tooltip").max(100).localizable().no_box();
        /// Path to the icon.
        icon_path: Text = text("iconPath", "msdyn_iconpath").max(100).no_box();
    }
}
