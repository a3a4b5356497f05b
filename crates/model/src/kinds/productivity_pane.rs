//! Productivity panes: the tools at the side of a session.

use serde_json::{Map, Value, json};

use crate::decode::Decoder;
use crate::field::{FieldInfo, FieldRule, FieldType, choice, kind, put};
use crate::given::Given;
use crate::kinds::Status;
use crate::schema::items_schema;
use crate::set::Reference;
use crate::span::Spanned;
use crate::yaml::Node;

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

const ENTRY_ITEMS: &[FieldInfo] = &[
    FieldInfo::of::<Reference>(
        "tool",
        "The tool.\n\nName of a PaneTool, required. Dataverse: `msdyn_ToolId`.",
        ANY.required(),
    ),
    FieldInfo::of::<bool>(
        "enabled",
        "Whether the tool is on; being listed means `true`.\n\nFlag. Dataverse: `msdyn_isenabled`.",
        ANY,
    ),
    FieldInfo::of::<String>(
        "displayName",
        "Name of the entry.\n\nText of at most 100 characters; the tool's on a new row. Dataverse: `msdyn_name`.",
        ANY.max_length(100),
    ),
    FieldInfo::of::<String>(
        "tooltip",
        "Text shown when the mouse rests on the tool.\n\nText of at most 100 characters. Dataverse: `msdyn_tooltip`, localizable.",
        ANY.max_length(100),
    ),
    FieldInfo::of::<String>(
        "iconPath",
        "Path of the icon.\n\nText of at most 100 characters. Dataverse: `msdyn_iconpath`.",
        ANY.max_length(100),
    ),
];

impl FieldType for PaneEntries {
    const ITEMS: &'static [FieldInfo] = ENTRY_ITEMS;

    fn decode(node: &Node, _rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        let items = decoder.list(node)?;
        let decoded = items
            .iter()
            .filter_map(|item| Some(Spanned::new(pane_entry(item, decoder)?, item.span)));
        Some(Self(decoded.collect()))
    }

    fn to_json(&self) -> Value {
        let entry = |entry: &PaneEntry| {
            let PaneEntry {
                tool,
                display_name,
                tooltip,
                icon_path,
                enabled,
            } = entry;
            let mut item = Map::new();
            item.insert("tool".to_owned(), tool.value.as_str().into());
            put("enabled", enabled, &mut item);
            put("displayName", display_name, &mut item);
            put("tooltip", tooltip, &mut item);
            put("iconPath", icon_path, &mut item);
            Value::Object(item)
        };
        Value::from_iter(self.0.iter().map(|given| entry(&given.value)))
    }

    fn schema(_rule: FieldRule) -> Value {
        json!({"type": "array", "items": items_schema(ENTRY_ITEMS)})
    }
}

fn pane_entry(node: &Node, decoder: &mut Decoder<'_>) -> Option<PaneEntry> {
    let record = decoder.record(node, ENTRY_ITEMS)?;
    let tool = record.required("tool", decoder);
    let display_name = record.given("displayName", decoder);
    let tooltip = record.given("tooltip", decoder);
    let icon_path = record.given("iconPath", decoder);
    let enabled = record.given("enabled", decoder);
    Some(PaneEntry {
        tool: tool?,
        display_name,
        tooltip,
        icon_path,
        enabled,
    })
}
