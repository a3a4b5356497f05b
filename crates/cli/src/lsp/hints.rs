//! Shows how many agents the last plan reaches, after the names of its resources.

use std::path::PathBuf;
use std::time::SystemTime;

use deskstate_files::{Limit, read_text};
use deskstate_model::ResourceKey;
use deskstate_reconcile::plan_file::{self, PlanFile};
use lsp_types::{InlayHint, InlayHintLabel, InlayHintTooltip};

use super::findings::lines;
use super::place::Units;
use super::project::{Project, State};
use crate::output::count;

/// The folder below the root that is searched for plans: `plan*.json`.
const FOLDER: &str = ".deskstate";

/// The hints for a part of a file; none if there is no saved plan.
pub(super) fn hints(
    project: &Project,
    state: &State,
    (path, text): (&str, &str),
    (from, to): (usize, usize),
    units: Units,
) -> Vec<InlayHint> {
    let Some(plan) = last_plan(project) else {
        return Vec::new();
    };
    let headers = state.uses().iter().filter(|one| {
        one.path == path
            && one.name.is_header
            && from <= one.name.place.end
            && one.name.place.start <= to
    });
    headers
        .filter_map(|one| {
            let reach = plan.changes.iter().find_map(|change| {
                let kind = change.kind.parse().ok()?;
                let is_it = ResourceKey::new(kind, &change.name) == one.name.key;
                change.reach.as_ref().filter(|_| is_it)
            })?;
            let agents = count(reach.agents?, "agent");
            let more = if reach.uncounted.is_empty() { "" } else { "+" };
            Some(InlayHint {
                position: units.position(text, one.name.place.end),
                label: InlayHintLabel::String(format!("{agents}{more}")),
                kind: None,
                text_edits: None,
                tooltip: Some(InlayHintTooltip::String(lines(&format!(
                    "agents that this change affects, according to the last plan for {}",
                    plan.environment
                )))),
                padding_left: Some(true),
                padding_right: None,
                data: None,
            })
        })
        .collect()
}

/// The newest readable plan in the project's folder.
fn last_plan(project: &Project) -> Option<PlanFile> {
    let entries = std::fs::read_dir(project.root().join(FOLDER)).ok()?;
    let mut plans: Vec<(SystemTime, PathBuf)> = entries
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("plan") && name.ends_with(".json")
        })
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    plans.sort();
    let (_, newest) = plans.pop()?;
    plan_file::read(&read_text(&newest, Limit::PLAN).ok()?).ok()
}
