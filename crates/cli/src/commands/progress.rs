//! What an apply does, while it does it: a line for each resource, and on a terminal a bar of the writes.

use std::collections::BTreeSet;

use deskstate_reconcile::apply::Event;
use deskstate_reconcile::plan::{Action, Operation, Plan, Transaction};
use uuid::Uuid;

use crate::output::plain;
use crate::output::plan_text::count;
use crate::ui::{BAD, GOOD, Ui};

/// Tells of each resource once, when its first write was carried out.
pub(super) struct Progress<'a, 'u> {
    plan: &'a Plan,
    told: BTreeSet<usize>,
    ui: &'u mut Ui,
}

impl<'a, 'u> Progress<'a, 'u> {
    pub(super) fn new(plan: &'a Plan, ui: &'u mut Ui) -> Self {
        let writes: usize = plan
            .changes
            .iter()
            .map(|change| change.operations.len())
            .sum();
        ui.start_bar("Applying", writes, "writes");
        Self {
            plan,
            told: BTreeSet::new(),
            ui,
        }
    }

    /// Takes the bar away.
    pub(super) fn end(self) {
        self.ui.end_bar();
    }

    pub(super) fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Sending {
                number,
                of,
                operations,
            } => {
                self.ui.verb(
                    GOOD,
                    "Sending",
                    format_args!(
                        "transaction {number} of {of}: {}",
                        count(*operations, "write")
                    ),
                );
            }
            Event::Committed { transaction } => self.committed(transaction),
            Event::Looking => self.ui.verb(
                GOOD,
                "Looking",
                "the reply was lost; reading the rows until it is clear what happened",
            ),
            Event::Verifying => self.ui.name_bar("Verifying"),
        }
    }

    fn committed(&mut self, transaction: &Transaction) {
        self.ui.advance_bar(transaction.operations.len());
        let rows: BTreeSet<Uuid> = transaction
            .operations
            .iter()
            .filter_map(|operation| Some(operation.row()?.id))
            .collect();
        let links: BTreeSet<(&str, Uuid, Uuid)> =
            transaction.operations.iter().filter_map(link).collect();
        for (index, change) in self.plan.changes.iter().enumerate() {
            let written = change.operations.iter().any(|operation| {
                operation.row().is_some_and(|row| rows.contains(&row.id))
                    || link(operation).is_some_and(|link| links.contains(&link))
            });
            if written && self.told.insert(index) {
                let (style, verb) = match change.action {
                    Action::Create => (GOOD, "Created"),
                    Action::Update => (GOOD, "Updated"),
                    Action::Delete => (BAD, "Deleted"),
                };
                self.ui.verb(style, verb, plain(&change.key.to_string()));
            }
        }
    }
}

fn link(operation: &Operation) -> Option<(&'static str, Uuid, Uuid)> {
    match operation {
        Operation::Link {
            relationship,
            owner,
            member,
        }
        | Operation::Unlink {
            relationship,
            owner,
            member,
        } => Some((relationship.schema_name, *owner, *member)),
        Operation::Create { .. } | Operation::Update { .. } | Operation::Delete { .. } => None,
    }
}
