//! How much may be read.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Nodes of all files of a project, with the usual memory.
const NODES: u64 = 220_000;
/// What a finding costs, in nodes: it takes as much memory.
const FINDING: usize = 16;

/// What may still be read. Shared by all files of a project, so that memory stays bounded.
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
    /// Nodes are taken by so many at once, so that threads do not wait for each other.
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

    /// Whether something was not read for want of it.
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

    /// Takes what findings cost, and returns for how many of them there is room.
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

    /// What a file does not need of its last share serves the next.
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
