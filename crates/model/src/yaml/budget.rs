//! Limits on how much is read.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Maximum number of nodes in all files of a project, with the default memory limit.
const NODES: u64 = 220_000;
/// Cost of a finding in nodes: it takes as much memory as this many.
const FINDING: usize = 16;

/// The remaining read budget. All files of a project share it, so that memory stays bounded.
#[derive(Debug)]
pub(crate) struct Budget {
    nodes: AtomicUsize,
    used_up: AtomicBool,
}

impl Default for Budget {
    fn default() -> Self {
        Self::of(usize::try_from(deskstate_files::scaled(NODES)).unwrap_or(usize::MAX))
    }
}

impl Budget {
    /// Number of nodes that are taken at a time, so that threads do not wait for each other.
    pub(super) const SHARE: usize = 1_000;

    pub(crate) fn of(nodes: usize) -> Self {
        Self {
            nodes: AtomicUsize::new(nodes),
            used_up: AtomicBool::new(false),
        }
    }

    pub(crate) fn left(&self) -> usize {
        self.nodes.load(Ordering::Relaxed)
    }

    /// Whether something was not read because the budget was exhausted.
    pub(crate) fn is_used_up(&self) -> bool {
        self.used_up.load(Ordering::Relaxed)
    }

    pub(super) fn take_share(&self) -> bool {
        let taken = |left: usize| left.checked_sub(Self::SHARE);
        let enough = self
            .nodes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
            .is_ok();
        if !enough {
            self.used_up.store(true, Ordering::Relaxed);
        }
        enough
    }

    /// Charges the cost of findings, and returns how many of them fit.
    pub(crate) fn take_findings(&self, count: usize) -> usize {
        let fit = |left: usize| count.min(left / FINDING);
        let taken = |left: usize| Some(left - fit(left) * FINDING);
        let before = self
            .nodes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
            .unwrap_or_else(|left| left);
        if fit(before) < count {
            self.used_up.store(true, Ordering::Relaxed);
        }
        fit(before)
    }

    /// Returns unused nodes of a share for other files.
    pub(super) fn give_back(&self, nodes: usize) {
        self.nodes.fetch_add(nodes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_missed_and_what_is_given_back_is_there_again() {
        let budget = Budget::of(Budget::SHARE + 1);
        assert!(budget.take_share() && !budget.is_used_up());
        assert!(!budget.take_share() && budget.is_used_up());
        budget.give_back(Budget::SHARE - 1);
        assert!(budget.take_share());
        assert_eq!(budget.left(), 0);
    }

    #[test]
    fn as_many_findings_are_kept_as_there_is_room_for() {
        let budget = Budget::of(3 * FINDING + 1);
        assert_eq!(budget.take_findings(2), 2);
        assert!(!budget.is_used_up());
        assert_eq!(budget.take_findings(2), 1);
        assert!(budget.is_used_up());
        assert_eq!(budget.left(), 1);
    }
}
