//! All codes of findings: those of manifests, of plans, and of the commands themselves.

use deskstate_model::{Explanation, MANIFEST_CODES};
use deskstate_reconcile::PLAN_CODES;

use crate::commands::{carrying::SERVER_REFUSED, live::PRUNED};

/// Codes of plans, reviews and undos, sorted.
pub(crate) fn of_plans() -> Vec<&'static Explanation> {
    let mut codes: Vec<_> = PLAN_CODES
        .iter()
        .chain([&PRUNED, &SERVER_REFUSED])
        .collect();
    codes.sort_by_key(|known| known.code);
    codes
}

/// All explanations.
pub(crate) fn all() -> impl Iterator<Item = &'static Explanation> {
    MANIFEST_CODES.iter().chain(of_plans())
}

/// The explanation of a code, if there is one.
pub(crate) fn of_code(code: &str) -> Option<&'static Explanation> {
    all().find(|known| known.code == code)
}
