//! Productivity panes and the tools in them. Dataverse: `msdyn_paneconfiguration`, `msdyn_panetabconfiguration`.
//!
//! A tool that is left out of a pane is switched off; its row stays. The lookups of an entry need capitals when they are bound.

use deskstate_model::{Given, PartOf, ProductivityPane, SetMode, Spanned, unique_name_of_part};

use super::Lowering;
use super::tables::{PANE, PANE_TAB, TOOL};
use crate::field::{
    Field, PartIdentity, PartTable, STATUS, Target, Unlisted, flag, flag_choice, lookup_by, number,
    parts, text,
};
use crate::state::{DeclaredColumn, DeclaredParts, DeclaredRow, PartName, RowKey, Stored};

const MODES: &[(&str, bool)] = &[("Expanded", true), ("Collapsed", false)];

/// The fields of a pane.
pub static FIELDS: &[Field] = &[
    text("displayName", "msdyn_name").max(100).required(),
    STATUS,
    flag("enabled", "msdyn_panestate"),
    flag_choice("defaultMode", "msdyn_panemode", MODES),
    parts("tools", &ENTRIES),
];

/// The fields of an entry.
pub static ENTRY_FIELDS: &[Field] = &[
    flag("enabled", "msdyn_isenabled"),
    number("order", "msdyn_order"),
    text("displayName", "msdyn_name").max(100).required(),
    text("tooltip", "msdyn_tooltip").localizable().max(100),
    text("iconPath", "msdyn_iconpath").max(100),
];

/// The lookup that says which tool an entry shows.
pub static ENTRY_TOOL: Field =
    lookup_by("tool", "msdyn_toolid", "msdyn_ToolId", Target::Named(&TOOL));

/// Entries of a pane: one for each tool.
pub static ENTRIES: PartTable = PartTable {
    table: &PANE_TAB,
    parent_column: "msdyn_productivitypaneid",
    parent_navigation: "msdyn_ProductivityPaneId",
    parent: &PANE,
    identity: PartIdentity::Lookup("msdyn_toolid"),
    fields: ENTRY_FIELDS,
    unlisted: Unlisted::SwitchOff("msdyn_isenabled"),
    server_adds: false,
    goes_with_parent: false,
};

fn entry_name(pane: &str, tool: &str) -> String {
    unique_name_of_part(PartOf::PaneEntry { pane, tool })
}

/// Lowers the entries, numbered from 1 in the order of the file; being listed means being on.
pub(super) fn lower(pane: &ProductivityPane, lowering: &mut Lowering<'_>) {
    let Given::Value(Spanned { value: tools, span }) = &pane.tools else {
        return;
    };
    for (index, entry) in tools.0.iter().enumerate() {
        let column = |word: &str, value: Stored, span| DeclaredColumn {
            field: super::field(ENTRY_FIELDS, word),
            value,
            span,
        };
        let tool = &entry.value.tool;
        let tool_key = RowKey::Named {
            table: &TOOL,
            name: tool.value.name().clone(),
        };
        let (enabled, enabled_span) = entry
            .value
            .enabled
            .value()
            .map_or((true, tool.span), |enabled| {
                (*enabled, entry.value.enabled.span().unwrap_or(tool.span))
            });
        let mut columns = vec![
            column("enabled", Stored::Flag(enabled), enabled_span),
            column(
                "order",
                Stored::Number(i64::try_from(index + 1).unwrap_or(i64::MAX)),
                entry.span,
            ),
        ];
        let mut when_new = vec![
            (&ENTRY_TOOL, Stored::Row(tool_key.clone())),
            (
                &super::UNIQUE_NAME,
                Stored::Text(entry_name(lowering.name(), tool.value.as_str())),
            ),
        ];
        for (word, given) in [
            ("displayName", &entry.value.display_name),
            ("tooltip", &entry.value.tooltip),
            ("iconPath", &entry.value.icon_path),
        ] {
            match given {
                Given::Absent if word == "displayName" => {
                    when_new.push((
                        &super::NAME,
                        Stored::Text(lowering.tool_display_name(tool.value.as_str())),
                    ));
                }
                Given::Absent => {}
                Given::Clear(span) => columns.push(column(word, Stored::Null, *span)),
                Given::Value(text) => {
                    columns.push(column(word, Stored::Text(text.value.clone()), text.span))
                }
            }
        }
        lowering.parts.push(DeclaredRow {
            key: RowKey::Part {
                table: &PANE_TAB,
                of: Box::new(lowering.row.key.clone()),
                part: PartName::Row(Box::new(tool_key)),
            },
            columns,
            when_new,
            path: format!("tools.{}", tool.value),
            part: Some(&ENTRIES),
            only_if_there: false,
            span: entry.span,
        });
    }
    lowering.part_lists.push(DeclaredParts {
        field: super::field(FIELDS, "tools"),
        part: &ENTRIES,
        mode: SetMode::Exact,
        span: *span,
    });
}
