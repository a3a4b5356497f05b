//! Rows to delete: declared absent, or undeclared under an owned prefix.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use deskstate_model::{
    Diagnostic, Explanation, Kind, ResourceKey, Severity, Span, State, Table, tables,
};
use uuid::Uuid;

use super::defined::{kept, unfit};
use super::planner::Planner;
use super::problems::{READ_ALL, unseen_removal};
use super::{Action, Along, Change, Operation, Options, Reason, RowTarget, Seen};
use crate::extras::{Extra, extras};
use crate::kinds::{self, item_links};
use crate::live::{Access, Live, ObservedRow};
use crate::plan::problems::UNREADABLE;
use crate::referrers::{Referrer, Referrers, looking_up};

pub(crate) const NOTHING_DECLARED: Explanation = Explanation::new(
    "nothing-declared",
    "The manifests declare no resource for an environment.",
    "Usually the manifests are lost or the path is wrong. `drift` has nothing to compare, so it exits with 1 instead of reporting that the environment is in sync. With `prune: owned`, every row with an owned prefix would be deleted, so deskstate prunes nothing, and `plan` and `apply` exit with 1, too.",
    "Restore the manifests or correct `manifests`. If the project declares nothing for the environment on purpose, write `watched: false` for it. With `prune: owned`, declare rows to delete with `state: absent`, or write `prune: never` to keep them.",
);

pub(crate) const KEPT_IN_USE: Explanation = Explanation::new(
    "kept-in-use",
    "With `prune: owned`, a row that no manifest declares is not deleted, because another row still refers to it.",
    "The reference is in a field that no manifest sets, or in a row that the project does not declare.",
    "Remove the reference: write the field that contains it, for example as an empty list. To keep the row, declare it.",
);

pub(crate) const NOT_DELETABLE: Explanation = Explanation::new(
    "not-deletable",
    "A plan would delete a row of a kind whose definition does not say `deletable: true`. With `prune: owned`, a warning: the row stays.",
    "Other configuration and live work may depend on such a row in ways that no definition describes.",
    "Delete the row by hand, or deactivate it if it has a status. To keep an undeclared row without the warning, list it under `protect`.",
);

/// Reports that a row is kept although a document or an undo would delete it.
pub(crate) fn not_deletable(what: &str, kind: Kind) -> Diagnostic {
    Diagnostic::error(
        NOT_DELETABLE.code,
        format!("{what} is not deleted: the definition of {kind} does not allow it"),
    )
    .help("delete the row by hand; a definition of the project can allow it with `deletable: true`")
}

impl Planner<'_> {
    /// Deletes a row with its parts, if all of them can be seen.
    pub(super) fn delete(
        &mut self,
        key: &ResourceKey,
        table: &'static Table,
        row: &ObservedRow,
        reason: Reason,
        declared_at: Option<Span>,
    ) -> Option<Change> {
        if let Some(kind) = kept(table) {
            let diagnostic = not_deletable(&key.to_string(), kind);
            let diagnostic = match declared_at {
                Some(span) => diagnostic.at(span, "declared absent here"),
                None => diagnostic,
            };
            self.findings.blocked("", diagnostic);
            return None;
        }
        if let Some(diagnostic) = unfit(key.kind, self.live) {
            self.findings.blocked("", diagnostic);
            return None;
        }
        if let Some((unseen, why)) = unseen(self.live, table) {
            let diagnostic = unseen_removal(&key.to_string(), unseen, why);
            let diagnostic = match declared_at {
                Some(span) => diagnostic.at(span, "declared absent here"),
                None => diagnostic,
            };
            self.findings.blocked("", diagnostic);
            return None;
        }
        // What is pruned was asked before.
        if key.kind == Kind::APP_PROFILE
            && reason == Reason::StateAbsent
            && self.strands(key, row.id, declared_at)
        {
            return None;
        }
        let mut operations = Vec::new();
        let mut along = Vec::new();
        for part in Kind::part_tables().filter(|part| part.parent == table) {
            for child in self.live.table(part.table).children(part, row.id) {
                let target = RowTarget {
                    table: part.table,
                    id: child.id,
                    label: self.part_label(part, child),
                };
                if part.goes_with_parent {
                    along.push(Along {
                        row: target,
                        seen: Seen::of(child),
                    });
                } else {
                    // Otherwise it would remain without a parent.
                    operations.push(Operation::Delete {
                        row: target,
                        guard: self.guard(part.table, child),
                        along: Vec::new(),
                    });
                }
            }
        }
        operations.extend(self.delete_items(key.kind, row.id, reason));
        let target = RowTarget {
            table,
            id: row.id,
            label: key.name.as_written().to_owned(),
        };
        operations.push(Operation::Delete {
            row: target,
            guard: self.guard(table, row),
            along,
        });
        Some(Change {
            key: key.clone(),
            id: row.id,
            action: Action::Delete,
            reason,
            declared_at,
            fields: Vec::new(),
            operations,
            left_to_server: Vec::new(),
            kept: Vec::new(),
        })
    }

    /// Deletes the linked rows that are parts of this row alone, such as the lines of a notification. Pruning leaves protected ones.
    fn delete_items(&self, kind: Kind, owner: Uuid, reason: Reason) -> Vec<Operation> {
        let stays = |table: &'static Table, id: Uuid| {
            let kind = Kind::of_table(table).filter(|_| reason == Reason::NotDeclared);
            let key = kind.map(|kind| ResourceKey::new(kind, &self.live.label(table, id)));
            key.is_some_and(|key| self.options.protect.iter().any(|glob| glob.matches(&key)))
        };
        let mut operations = Vec::new();
        for relationship in item_links(kind) {
            let table = relationship.member;
            for member in self.live.links(relationship).members(owner) {
                if self.is_orphan(relationship, owner, member)
                    && !stays(table, member)
                    && let Some(row) = self.live.row(table, member)
                {
                    operations.push(Operation::Delete {
                        row: RowTarget {
                            table,
                            id: member,
                            label: self.live.label(table, member),
                        },
                        guard: self.guard(table, row),
                        along: Vec::new(),
                    });
                }
            }
        }
        operations
    }

    /// Deletes undeclared rows under an owned prefix, unless a row that stays refers to them.
    ///
    /// Deletes nothing if the run does not cover the complete project and environment: with a selection, after any error, or with unread
    /// workstreams (for templates). If nothing is declared, the manifests may be lost, so nothing is deleted either.
    pub(super) fn prune(&mut self, options: &Options, planned: &[Change]) -> Vec<Change> {
        let mut declared = self.desired.declared();
        let declares_something = declared.any(|resource| resource.state == State::Present);
        let failed = self.findings.has_errors();
        if options.prune.is_empty() || options.only.is_some() || failed {
            return Vec::new();
        }
        let going: HashSet<Uuid> = planned
            .iter()
            .flat_map(|change| &change.operations)
            .filter_map(|operation| match operation {
                Operation::Delete { row, .. } => Some(row.id),
                _ => None,
            })
            .collect();
        self.unseen_extras();
        let mut candidates = self.candidates(options);
        candidates.retain(|extra| !going.contains(&extra.id));
        candidates.retain(|extra| !self.is_kept_by_definition(extra));
        candidates.retain(|extra| !self.is_named_by_workstream(extra));
        // What a profile that stays refers to stays, too.
        candidates.retain(|extra| {
            extra.key.kind != Kind::APP_PROFILE || !self.strands(&extra.key, extra.id, None)
        });
        if !declares_something {
            self.findings.about(None);
            if let Some(diagnostic) = pruned_to_nothing(candidates.len()) {
                self.findings.unknown("", diagnostic);
            }
            return Vec::new();
        }
        let mut changes = Vec::new();
        let (going, kept) = unreferenced(self.live, candidates, planned);
        for (extra, referrer) in kept {
            let used = referrer.describe(self.live);
            let diagnostic = Diagnostic::warning(
                KEPT_IN_USE.code,
                format!(
                    "{} is not declared, but is not deleted: {used} still refers to it",
                    extra.key
                ),
            );
            let help = format!(
                "remove the reference in `{}`, or declare the row",
                referrer.word
            );
            self.findings.warn(diagnostic.help(help));
        }
        let (owners, others): (Vec<Extra>, Vec<Extra>) = going
            .into_iter()
            .partition(|extra| item_links(extra.key.kind).next().is_some());
        let mut deleted: HashSet<Uuid> = HashSet::new();
        for extra in owners.into_iter().chain(others) {
            // An item of another row goes with it.
            if deleted.contains(&extra.id) {
                continue;
            }
            let table = extra.key.kind.table();
            if let Some((unseen, why)) = unseen(self.live, table) {
                // The row stays, and everything else can be applied.
                let mut finding = unseen_removal(&extra.key.to_string(), unseen, why);
                finding.severity = Severity::Warning;
                self.findings.unknown("", finding);
            } else if let Some(row) = self.live.row(table, extra.id) {
                let change = self.delete(&extra.key, table, row, Reason::NotDeclared, None);
                let operations = change.iter().flat_map(|change| &change.operations);
                deleted.extend(operations.filter_map(|operation| match operation {
                    Operation::Delete { row, .. } => Some(row.id),
                    _ => None,
                }));
                changes.extend(change);
            }
        }
        changes
    }

    /// Whether the definition of its kind keeps a row from being pruned. It is reported, since everything else under the prefix goes.
    fn is_kept_by_definition(&mut self, extra: &Extra) -> bool {
        let table = extra.key.kind.table();
        let live = self.live.row(table, extra.id);
        let why = if kept(table).is_some() {
            format!("does not allow deleting a {}", extra.key.kind)
        } else if live.is_some_and(|live| kinds::is_protected(table, &live.row)) {
            "protects it".to_owned()
        } else {
            return false;
        };
        let message = format!(
            "{} is not declared, but is not deleted: the definition of its kind {why}",
            extra.key
        );
        self.findings.warn(
            Diagnostic::warning(NOT_DELETABLE.code, message).help(
                "declare the row, delete it by hand, or list it under `protect`, which ends this warning",
            ),
        );
        true
    }

    /// Whether a workstream that the project does not describe names a template, or may do so.
    fn is_named_by_workstream(&mut self, extra: &Extra) -> bool {
        let table = extra.key.kind.table();
        if table != &tables::SESSION && table != &tables::NOTIFICATION {
            return false;
        }
        if let Some(why) = &self.live.mentions_unread {
            let message = format!(
                "{} is not declared, but is not deleted: it is unknown whether a workstream names it: {why}",
                extra.key
            );
            let finding = Diagnostic::warning(UNREADABLE.code, message);
            self.findings
                .unknown("", finding.help("let the caller read workstreams"));
            return true;
        }
        let mut mentions = self.live.mentions_of(table, extra.key.name.folded());
        let Some(mention) = mentions.next() else {
            return false;
        };
        let message = format!(
            "{} is not declared, but is not deleted: workstream `{}` ({}) still names it",
            extra.key, mention.workstream, mention.column
        );
        self.findings.warn(
            Diagnostic::warning(KEPT_IN_USE.code, message)
                .help("name another template there, or declare the row"),
        );
        true
    }

    /// Warns that rows that pruning would delete may be hidden.
    fn unseen_extras(&mut self) {
        for kind in Kind::all() {
            let (Access::Partial(why) | Access::Refused(why)) =
                &self.live.table(kind.table()).access
            else {
                continue;
            };
            let message = format!(
                "deskstate cannot tell whether `prune` would delete rows of {}: {why}",
                kind
            );
            self.findings.unknown(
                "",
                Diagnostic::warning(UNREADABLE.code, message).help(READ_ALL),
            );
        }
    }

    fn candidates(&self, options: &Options) -> Vec<Extra> {
        let mut found = extras(self.desired, self.live, &options.prune);
        found.retain(|extra| {
            extra.may_go()
                && !options.protect.iter().any(|glob| glob.matches(&extra.key))
                && !options.declared_now.contains(&extra.key)
        });
        found
    }
}

/// Warns that pruning would delete everything.
pub(crate) fn pruned_to_nothing(rows: usize) -> Option<Diagnostic> {
    let rows = match rows {
        0 => return None,
        1 => "the only row".to_owned(),
        rows => format!("all {rows} rows"),
    };
    let message = format!(
        "no manifest declares a resource, so `prune: owned` would delete {rows} under the owned prefixes; nothing is pruned"
    );
    Some(
        Diagnostic::warning(NOTHING_DECLARED.code, message)
            .help("restore the manifests; to delete these rows, declare them with `state: absent`"),
    )
}

/// Drift of an environment for which nothing is declared.
pub(crate) fn nothing_to_compare() -> Diagnostic {
    let message = "the manifests declare nothing for this environment, so nothing was compared";
    Diagnostic::warning(NOTHING_DECLARED.code, message)
        .help("restore the manifests, or write `watched: false` for the environment")
}

/// Splits the candidates into those to which no row that stays refers, and the others with such a row. A row that only other candidates refer
/// to is deleted with them.
fn unreferenced(
    live: &Live,
    candidates: Vec<Extra>,
    planned: &[Change],
) -> (Vec<Extra>, Vec<(Extra, Referrer)>) {
    let referrers = Referrers::left_by(live, planned);
    let mut going: HashSet<Uuid> = candidates.iter().map(|extra| extra.id).collect();
    let mut refers_to: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
    let mut staying: Vec<Uuid> = Vec::new();
    for extra in &candidates {
        for referrer in referrers.to(extra.id) {
            refers_to.entry(referrer.id).or_default().push(extra.id);
            if !going.contains(&referrer.id) {
                staying.push(extra.id);
            }
        }
    }
    // A candidate that stays also keeps the rows that it refers to.
    while let Some(id) = staying.pop() {
        if going.remove(&id) {
            staying.extend(refers_to.get(&id).into_iter().flatten());
        }
    }
    let (leaving, kept): (Vec<Extra>, Vec<Extra>) = candidates
        .into_iter()
        .partition(|extra| going.contains(&extra.id));
    let holder = |extra: Extra| {
        let mut holders = referrers.to(extra.id).iter();
        let holder = *holders.find(|referrer| !going.contains(&referrer.id))?;
        Some((extra, holder))
    };
    (leaving, kept.into_iter().filter_map(holder).collect())
}

/// A table or relationship that concerns rows of this table and can be read only partially, and why.
fn unseen<'a>(live: &'a Live, table: &'static Table) -> Option<(&'static Table, &'a str)> {
    fn why(access: &Access) -> Option<&str> {
        match access {
            Access::Whole | Access::Absent => None,
            Access::Partial(why) | Access::Refused(why) => Some(why),
        }
    }
    let parts = Kind::part_tables()
        .filter(|part| part.parent == table)
        .map(|part| part.table);
    let tables = std::iter::once(table).chain(parts).chain(looking_up(table));
    let rows = tables.filter_map(|table| Some((table, why(&live.table(table).access)?)));
    let links = Kind::relationships()
        .filter(|relationship| relationship.owner == table || relationship.member == table)
        .filter_map(|relationship| {
            Some((relationship.owner, why(&live.links(relationship).access)?))
        });
    rows.chain(links).next()
}

/// Adding or removing a link may change the versions of both of its rows, so a later delete of one of them is not bound to a version.
pub(super) fn loosen_after_links(changes: &mut [Change]) {
    let touched: BTreeSet<Uuid> = changes
        .iter()
        .flat_map(|change| &change.operations)
        .filter_map(|operation| match operation {
            Operation::Link { owner, member, .. } | Operation::Unlink { owner, member, .. } => {
                Some([*owner, *member])
            }
            _ => None,
        })
        .flatten()
        .collect();
    for operation in changes.iter_mut().flat_map(|change| &mut change.operations) {
        if matches!(operation, Operation::Delete { row, .. } if touched.contains(&row.id)) {
            operation.look_first();
        }
    }
}
