//! The progress of an apply: a line for each resource, and on a terminal a bar for the writes.

use std::collections::{BTreeSet, HashMap};

use deskstate_reconcile::apply::Event;
use deskstate_reconcile::plan::{Action, Operation, Plan, Transaction};
use uuid::Uuid;

use crate::door::{BAD, GOOD};
use crate::output::count;
use crate::output::plain;
use crate::ui::Ui;

/// Reports each resource once, after its first write.
pub(super) struct Progress<'a, 'u> {
    plan: &'a Plan,
    /// Indices of changes by the rows and links that they write.
    by_write: HashMap<Write, Vec<usize>>,
    told: BTreeSet<usize>,
    account: Account,
    ui: &'u mut Ui,
}

/// How far the run got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Account {
    /// Total number of transactions, as far as known.
    pub(super) of: usize,
    /// Number of executed writes.
    pub(super) writes: usize,
    /// Number of changes that were at least partly executed.
    pub(super) begun: usize,
    /// Total number of changes.
    pub(super) changes: usize,
}

impl<'a, 'u> Progress<'a, 'u> {
    pub(super) fn new(plan: &'a Plan, transactions: usize, ui: &'u mut Ui) -> Self {
        let writes: usize = plan
            .changes
            .iter()
            .map(|change| change.operations.len())
            .sum();
        ui.start_bar("Applying", writes, "writes");
        let mut by_write: HashMap<Write, Vec<usize>> = HashMap::new();
        for (index, change) in plan.changes.iter().enumerate() {
            for operation in &change.operations {
                by_write.entry(write(operation)).or_default().push(index);
            }
        }
        Self {
            plan,
            by_write,
            told: BTreeSet::new(),
            account: Account {
                of: transactions,
                changes: plan.changes.len(),
                ..Account::default()
            },
            ui,
        }
    }

    /// Removes the bar, and returns how far the run got.
    pub(super) fn end(self) -> Account {
        self.ui.end_bar();
        Account {
            begun: self.told.len(),
            ..self.account
        }
    }

    pub(super) fn show(&mut self, event: &Event<'_>) {
        match event {
            Event::Sending {
                number,
                of,
                transaction,
            } => {
                self.account.of = *of;
                self.ui.verb(
                    GOOD,
                    "Sending",
                    format_args!(
                        "transaction {number} of {of}: {}",
                        count(transaction.operations.len(), "write")
                    ),
                );
            }
            Event::Committed { transaction } => self.committed(transaction),
            Event::Looking => self.ui.verb(
                GOOD,
                "Looking",
                "no reply says what happened; reading the rows until it is clear",
            ),
            Event::Verifying => self.ui.name_bar("Verifying"),
        }
    }

    fn committed(&mut self, transaction: &Transaction) {
        self.account.writes += transaction.operations.len();
        self.ui.advance_bar(transaction.operations.len());
        let written: BTreeSet<usize> = transaction
            .operations
            .iter()
            .filter_map(|operation| self.by_write.get(&write(operation)))
            .flatten()
            .copied()
            .collect();
        for index in written {
            let change = &self.plan.changes[index];
            if self.told.insert(index) {
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

/// The target of a write: a row, or a link with its relationship and both ends.
type Write = (&'static str, Uuid, Uuid);

fn write(operation: &Operation) -> Write {
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
        } => (relationship.schema_name, *owner, *member),
        Operation::Create { row, .. }
        | Operation::Update { row, .. }
        | Operation::Delete { row, .. } => (row.table.logical, row.id, row.id),
    }
}
