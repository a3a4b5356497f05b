//! Changes that the environment itself does not accept.

use std::collections::{BTreeMap, HashSet};

use deskstate_model::{Explanation, Span, UniqueName, Writes};
use uuid::Uuid;

use super::{Case, Finding};
use crate::live::SolutionState;
use crate::plan::rows::FOREIGN_LANGUAGE;
use crate::plan::{Action, Change, Operation};
use crate::state::RowKey;

pub(crate) const CUSTOMIZATIONS_BLOCKED: Explanation = Explanation::new(
    "customizations-blocked",
    "The environment blocks unmanaged customizations.",
    "The server would refuse the change. The setting is `Block unmanaged customizations` of the environment.",
    "Ship the components with a managed solution, and write `writes: assignments` for the environment, so that deskstate only assigns users.",
);

pub(crate) const NO_SOLUTION: Explanation = Explanation::new(
    "no-solution",
    "The environment does not have the solution that `solution` names, or has it as a managed one.",
    "Every write of a component names the solution, and the server refuses the transaction if it cannot add the component to it.",
    "Create the solution in the environment, correct `solution`, or write `solution` for single environments only.",
);

pub(crate) const SHIPS_BY_SOLUTION: Explanation = Explanation::new(
    "ships-by-solution",
    "The environment has `writes: assignments` or `writes: none`, so deskstate shows other changes and does not write them.",
    "They should arrive with a managed solution.",
    "Import the solution that contains them; then the finding disappears. With `writes: all`, deskstate writes them.",
);

pub(crate) const UNKNOWN_PREFIX: Explanation = Explanation::new(
    "unknown-prefix",
    "A new unique name has a prefix that belongs to no publisher in the environment.",
    "Some environments refuse such names. The finding is a warning until you run `deskstate doctor --env NAME --probe`. Then it is an error if the environment refuses such names, and disappears otherwise.",
    "Create a publisher with the prefix, or use a prefix that the environment has. If you do not know whether the environment accepts the name, run the probe.",
);

pub(super) fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    blocked(case, found);
    ships_by_solution(case, found);
    solution(case, found);
    prefixes(case, found);
    language(case, found);
}

/// Whether an operation creates or changes a solution component.
fn is_component(operation: &Operation) -> bool {
    match operation {
        Operation::Create { row, .. }
        | Operation::Update { row, .. }
        | Operation::Delete { row, .. } => row.table.component,
        Operation::Link { relationship, .. } | Operation::Unlink { relationship, .. } => {
            relationship.component
        }
    }
}

fn blocked(case: &Case<'_>, found: &mut Vec<Finding>) {
    let writes = || {
        case.plan
            .changes
            .iter()
            .flat_map(|change| &change.operations)
    };
    if case.live.facts.locked_down == Some(true)
        && case.rules.writes == Writes::All
        && writes().any(is_component)
    {
        found.push(
            Finding::new(CUSTOMIZATIONS_BLOCKED.code, None, "the environment blocks unmanaged customizations".to_owned())
                .help("the setting is `Block unmanaged customizations` (IsLockdownOfUnmanagedCustomizationEnabled) of the environment; ship the change as a managed solution and write `writes: assignments` for this environment"),
        );
    }
}

fn ships_by_solution(case: &Case<'_>, found: &mut Vec<Finding>) {
    let held = crate::writes::held(case.plan, case.live, case.rules.writes);
    if !held.is_empty() {
        let names: Vec<String> = held
            .iter()
            .take(5)
            .map(|index| case.plan.changes[*index].key.to_string())
            .collect();
        let more = held.len().saturating_sub(names.len());
        let and_more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        let why = match case.rules.writes {
            Writes::Assignments => "accepts only users of profiles (`writes: assignments`)",
            Writes::None => "accepts no changes (`writes: none`)",
            Writes::All => return,
        };
        found.push(Finding::new(
            SHIPS_BY_SOLUTION.code,
            None,
            format!(
                "the environment {why}; not written: {}{and_more}",
                names.join(", ")
            ),
        ));
    }
}

/// The server refuses to add components to a solution that it does not have, or has as a managed one.
fn solution(case: &Case<'_>, found: &mut Vec<Finding>) {
    let what = match case.live.facts.solution {
        Some(SolutionState::Missing) => "the environment does not have the solution of the project",
        Some(SolutionState::Managed) => "the solution of the project is managed here",
        Some(SolutionState::Open) | None => return,
    };
    let is_added = |operation: &Operation| match operation {
        Operation::Create { row, .. } | Operation::Update { row, .. } => row.table.component,
        _ => false,
    };
    let mut changes = case.plan.changes.iter();
    let first = changes.position(|change| change.operations.iter().any(is_added));
    if case.rules.writes == Writes::All && first.is_some() {
        found.push(
            Finding::new(
                NO_SOLUTION.code,
                None,
                format!("{what}, so no component can be written"),
            )
            .help("create it, or correct `solution` in `deskstate.yaml`"),
        );
    }
}

/// The server may refuse a prefix that belongs to no publisher.
fn prefixes(case: &Case<'_>, found: &mut Vec<Finding>) {
    let Some(known) = &case.live.facts.prefixes else {
        return;
    };
    let mut unknown: BTreeMap<String, (usize, usize, Option<Span>)> = BTreeMap::new();
    for (index, change) in case.plan.changes.iter().enumerate() {
        for (name, span) in new_names(case, change) {
            if let Some(prefix) = name.prefix()
                && !known.contains(prefix)
            {
                let first = (0, index, span);
                unknown.entry(prefix.to_owned()).or_insert(first).0 += 1;
            }
        }
    }
    let help = match case.rules.prefix_needs_publisher {
        _ if case.rules.is_embedded => {
            "list the prefix under `owns.prefixes` in `deskstate.yaml`: the embedded emulator then has a publisher for it"
        }
        Some(true) => {
            "`deskstate doctor --probe` found that this environment refuses such names; add a publisher with the prefix"
        }
        Some(false) => {
            "`deskstate doctor --probe` found that this environment accepts such names; others may refuse them"
        }
        None => {
            "some environments refuse such names: `deskstate doctor --env NAME --probe` finds out. Add a publisher with the prefix, or keep the names of the vendor's guide"
        }
    };
    for (prefix, (count, first, span)) in unknown {
        let names = if count == 1 {
            "1 new unique name".to_owned()
        } else {
            format!("{count} new unique names")
        };
        found.push(
            Finding::new(
                UNKNOWN_PREFIX.code,
                Some(first),
                format!("no publisher of the environment has the prefix `{prefix}` of {names}"),
            )
            .at(span)
            .help(help),
        );
    }
}

/// The unique names of the rows that a change creates, own and of parts, with the places where they are declared.
fn new_names<'a>(case: &Case<'a>, change: &'a Change) -> Vec<(&'a UniqueName, Option<Span>)> {
    let own = (change.action == Action::Create).then_some((&change.key.name, change.declared_at));
    let created: HashSet<Uuid> = (change.operations.iter())
        .filter_map(|operation| match operation {
            Operation::Create { row, .. } => Some(row.id),
            _ => None,
        })
        .collect();
    let resource = case.desired.resources.get(&change.key);
    let parts = resource.into_iter().flat_map(|resource| &resource.parts);
    let named = parts.filter_map(|part| match &part.key {
        RowKey::Named { name, .. } if created.contains(&part.key.derived_id()) => {
            Some((name, Some(part.span)))
        }
        _ => None,
    });
    own.into_iter().chain(named).collect()
}

fn language(case: &Case<'_>, found: &mut Vec<Finding>) {
    let facts = &case.live.facts;
    let localizable = case
        .desired
        .resources
        .values()
        .flat_map(|resource| std::iter::once(&resource.row).chain(&resource.parts))
        .flat_map(|row| &row.columns)
        .any(|column| column.field.localizable);
    if localizable && !facts.reads_base_language() {
        let number = |language: Option<i64>| {
            language.map_or_else(|| "unknown".to_owned(), |number| number.to_string())
        };
        let message = format!(
            "the caller's language is {} and the organization's is {}: localizable texts are neither compared nor written",
            number(facts.caller_language),
            number(facts.base_language)
        );
        let help = match (facts.base_language, facts.caller_language) {
            (Some(_), Some(_)) => "set the caller's language to the organization's base language",
            _ => "let the caller read Organization and User Settings",
        };
        found.push(Finding::new(FOREIGN_LANGUAGE.code, None, message).help(help));
    }
}
