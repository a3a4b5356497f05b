//! Apps of profiles: a user has one profile in each app.

use std::collections::BTreeMap;

use deskstate_dataverse::{Cell, Value};
use deskstate_model::tables;
use uuid::Uuid;

use crate::kinds;
use crate::live::Live;
use crate::plan::{Operation, Plan};
use crate::state::fold;

/// The apps of profiles, as a plan leaves them.
pub(crate) struct Apps<'a> {
    live: &'a Live,
    planned: BTreeMap<Uuid, String>,
}

impl<'a> Apps<'a> {
    pub(crate) fn of(plan: &Plan, live: &'a Live) -> Self {
        let column = kinds::profile("app").column;
        let operations = plan.changes.iter().flat_map(|change| &change.operations);
        let planned = operations.filter_map(|operation| match operation {
            Operation::Create { row, body, .. } | Operation::Update { row, body, .. }
                if row.table == &tables::PROFILE =>
            {
                let value = body.iter().find(|(name, _)| name == column);
                match value {
                    Some((_, Value::Cell(Cell::Text(app)))) => Some((row.id, fold(app))),
                    _ => None,
                }
            }
            _ => None,
        });
        Self {
            live,
            planned: planned.collect(),
        }
    }

    /// Whether a profile will be for the app of which a user leaves another one; `None` if that is unknown.
    pub(crate) fn are_one(&self, to: Uuid, from: Uuid) -> Option<bool> {
        let planned = |profile| self.planned.get(&profile).cloned();
        let to = planned(to).or_else(|| live_app(self.live, to))?;
        let from = live_app(self.live, from).or_else(|| planned(from))?;
        Some(to == from)
    }
}

/// The app of a profile that exists, in lowercase.
pub(crate) fn live_app(live: &Live, profile: Uuid) -> Option<String> {
    let row = live.row(&tables::PROFILE, profile)?;
    row.row.text(kinds::profile("app").column).map(fold)
}
