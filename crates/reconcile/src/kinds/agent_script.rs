//! Agent scripts and their steps. Dataverse: `msdyn_productivityagentscript`, `msdyn_productivityagentscriptstep`.
//!
//! Scripts may lead to each other in circles, so every script's row comes before any step.

use deskstate_model::{
    AgentScript, Given, PartOf, SetMode, Spanned, StepAction, UniqueName, unique_name_of_part,
};

use super::Lowering;
use super::tables::{SCRIPT, STEP};
use crate::field::{
    Field, OWNER, PartIdentity, PartTable, STATUS, Target, Unlisted, choice, lookup, number, parts,
    text,
};
use crate::state::{DeclaredColumn, DeclaredParts, DeclaredRow, Lookup, RowKey, Stored};

/// The fields of a script.
pub static FIELDS: &[Field] = &[
    text("displayName", "msdyn_name")
        .localizable()
        .max(100)
        .required(),
    text("description", "msdyn_description")
        .localizable()
        .max(100),
    STATUS,
    OWNER,
    number("language", "msdyn_language").required(),
    parts("steps", &STEPS),
];

const ACTIONS: &[(&str, i64)] = &[
    ("Text", 192_350_000),
    ("Macro", 192_350_001),
    ("Script", 192_350_002),
];

/// The fields of a step. `order` and `action` follow from the list and from which of the three is given.
pub static STEP_FIELDS: &[Field] = &[
    text("displayName", "msdyn_name")
        .localizable()
        .max(100)
        .required(),
    text("description", "msdyn_description")
        .localizable()
        .max(2000),
    text("text", "msdyn_textinstruction")
        .localizable()
        .max(2000),
    lookup("macro", "msdyn_macroactionid", Target::Macro),
    lookup("script", "msdyn_routeactionid", Target::Named(&SCRIPT)),
    choice("action", "msdyn_actiontype", ACTIONS).required(),
    number("order", "msdyn_order").required(),
];

/// Steps of a script.
pub static STEPS: PartTable = PartTable {
    table: &STEP,
    parent_column: "msdyn_agentscriptid",
    parent_navigation: "msdyn_agentscriptid",
    parent: &SCRIPT,
    identity: PartIdentity::UniqueName,
    fields: STEP_FIELDS,
    unlisted: Unlisted::Delete,
    server_adds: false,
    goes_with_parent: true,
};

fn part_name(script: &str, display_name: &str) -> String {
    unique_name_of_part(PartOf::ScriptStep {
        script,
        display_name,
    })
}

/// Lowers the steps, numbered from 1 in the order of the file.
pub(super) fn lower(script: &AgentScript, lowering: &mut Lowering<'_>) {
    let Given::Value(Spanned { value: steps, span }) = &script.steps else {
        return;
    };
    for (index, step) in steps.0.iter().enumerate() {
        let column = |word: &str, value: Stored, span| DeclaredColumn {
            field: super::field(STEP_FIELDS, word),
            value,
            span,
        };
        let name = step.value.name.as_ref().map_or_else(
            || part_name(lowering.name(), &step.value.display_name.value),
            |name| name.value.clone(),
        );
        let display = &step.value.display_name;
        let mut columns = vec![column(
            "displayName",
            Stored::Text(display.value.clone()),
            display.span,
        )];
        match &step.value.description {
            Given::Absent => {}
            Given::Clear(span) => columns.push(column("description", Stored::Null, *span)),
            Given::Value(text) => columns.push(column(
                "description",
                Stored::Text(text.value.clone()),
                text.span,
            )),
        }
        // The two actions that are not meant are emptied, so that a changed step leaves nothing behind.
        let action = &step.value.action;
        let (mut text, mut macro_row, mut route) = (Stored::Null, Stored::Null, Stored::Null);
        let number = match &action.value {
            StepAction::Text(instruction) => {
                text = Stored::Text(instruction.clone());
                ACTIONS[0].1
            }
            StepAction::Macro(name) => {
                macro_row = Stored::Row(RowKey::Found(Lookup::Macro(name.clone())));
                ACTIONS[1].1
            }
            StepAction::Script(name) => {
                route = Stored::Row(RowKey::Named {
                    table: &SCRIPT,
                    name: name.name().clone(),
                });
                ACTIONS[2].1
            }
        };
        columns.push(column("text", text, action.span));
        columns.push(column("macro", macro_row, action.span));
        columns.push(column("script", route, action.span));
        columns.push(column("action", Stored::Number(number), action.span));
        columns.push(column(
            "order",
            Stored::Number(i64::try_from(index + 1).unwrap_or(i64::MAX)),
            step.span,
        ));
        lowering.parts.push(DeclaredRow {
            key: RowKey::Named {
                table: &STEP,
                name: UniqueName::new(&name),
            },
            columns,
            when_new: vec![(&super::UNIQUE_NAME, Stored::Text(name.clone()))],
            path: format!("steps.{name}"),
            part: Some(&STEPS),
            only_if_there: false,
            span: step.span,
        });
    }
    lowering.part_lists.push(DeclaredParts {
        field: super::field(FIELDS, "steps"),
        part: &STEPS,
        mode: SetMode::Exact,
        span: *span,
    });
}
