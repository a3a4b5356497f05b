//! The next step after drift, for every format: what reverts it, what keeps it.

use deskstate_model::Writes;
use deskstate_reconcile::drift::{Class, DriftState, Drifted};

use super::drift_report::Looked;
use crate::suggest::{suggest, suggest_whole};

/// Whether every difference is a change that is not applied yet.
pub(crate) fn is_pending(drifted: &Drifted) -> bool {
    let mut differences = drifted.differences.iter();
    differences.all(|difference| difference.class == Class::NotApplied)
}

/// The next step for drifted resources, as a sentence without its stop. `None` if none differs.
pub(crate) fn next(environment: &str, looked: &Looked) -> Option<String> {
    let drifted = &looked.report.drifted;
    if drifted.is_empty() {
        return None;
    }
    let apply = suggest("apply", &["--env", environment]);
    let part = match looked.way.writes {
        Writes::All => "",
        Writes::Assignments => " as far as `writes` of the environment allows",
        Writes::None => " once `writes` of the environment allows it",
    };
    if looked.way.at.is_some() && drifted.iter().all(is_pending) {
        return Some(format!("{apply} applies what is not applied yet{part}"));
    }
    let back = match &looked.way.at {
        // Changes that are not applied yet are not drift, but a full apply would apply them.
        Some(at) => suggest("apply", &["--env", environment, "--only-drift", "--at", at]),
        None => apply,
    };
    let adopt = adoptable(drifted).map_or_else(String::new, |names| {
        let names = names.iter().map(String::as_str);
        let arguments: Vec<&str> = ["--env", environment].into_iter().chain(names).collect();
        // Names are a selection of their own.
        let adopt = match arguments.len() > 2 {
            true => suggest_whole("adopt", &arguments),
            false => suggest("adopt", &arguments),
        };
        format!(" {adopt} copies it into the manifests,")
    });
    Some(format!(
        "{back} reverts it{part},{adopt} a rule under `ignore` accepts it"
    ))
}

/// The resources that can be adopted, empty for all. `adopt` copies every difference of a resource, so those with changes that are not
/// applied yet are none; neither are rows that are missing or unwanted. `None` if no resource is left.
fn adoptable(drifted: &[Drifted]) -> Option<Vec<String>> {
    const NAMED: usize = 5;
    let pending = |drifted: &Drifted| {
        let mut differences = drifted.differences.iter();
        differences.any(|difference| difference.class == Class::NotApplied)
    };
    let names: Vec<String> = drifted
        .iter()
        .filter(|drifted| drifted.state == DriftState::Changed && !pending(drifted))
        .map(|drifted| format!("{}/{}", drifted.key.kind, drifted.key.name.as_written()))
        .collect();
    match names.len() {
        0 => None,
        _ if !drifted.iter().any(pending) => Some(Vec::new()),
        1..=NAMED => Some(names),
        _ => None,
    }
}
