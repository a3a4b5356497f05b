//! Fixes of findings: corrected misspellings, and values to choose from.

use std::collections::BTreeMap;

use deskstate_model::{Diagnostic, Offer, Severity};

use super::findings::touches;
use super::project::{Project, State};

/// A fix of a finding: its title, and the new text of the file.
pub(super) struct Fix<'s> {
    pub(super) finding: &'s Diagnostic,
    pub(super) title: String,
    pub(super) after: String,
    /// Whether a misspelt word is the only explanation of the finding.
    pub(super) is_certain: bool,
}

/// The fixes for findings in a part of a file. A fix is not offered if the finding would remain or another error would appear.
pub(super) fn fixes<'s>(
    project: &Project,
    state: &'s State,
    path: &str,
    (from, to): (usize, usize),
) -> Vec<Fix<'s>> {
    let Some(text) = state.text(path) else {
        return Vec::new();
    };
    let here = state
        .findings
        .iter()
        .filter(|finding| touches(state, finding, path, from, to));
    let mut fixes: Vec<Fix<'s>> = Vec::new();
    for fix in here.filter_map(|finding| {
        let span = finding.primary.as_ref()?.span;
        let place = span.start as usize..span.end as usize;
        let written = text.get(place.clone())?;
        // A value that comes from a variable is not corrected where the variable is used.
        let is_text = !written.contains("${{");
        let instead = match (&finding.instead, &finding.offer) {
            (Some(instead), _) if is_text => instead.clone(),
            (None, Some(offer)) if is_text || matches!(offer, Offer::Word { .. }) => {
                offer.applied(written)?
            }
            _ => return None,
        };
        let mut after = text.to_owned();
        after.replace_range(place, &instead);
        helps(project, state, finding, path, &after).then(|| Fix {
            finding,
            title: format!("Change to `{instead}`"),
            after,
            is_certain: finding.instead.is_some(),
        })
    }) {
        // Two findings may lead to the same fix, such as a misspelt name that a contract names too.
        if fixes.iter().all(|known| known.after != fix.after) {
            fixes.push(fix);
        }
    }
    fixes
}

fn helps(project: &Project, state: &State, finding: &Diagnostic, path: &str, after: &str) -> bool {
    let changed = BTreeMap::from([(path.to_owned(), after.to_owned())]);
    let (_, found) = project.workspace.load_with(None, changed);
    let same = |one: &Diagnostic, other: &Diagnostic| {
        one.code == other.code && one.message == other.message
    };
    let number =
        |all: &[Diagnostic], which: &Diagnostic| all.iter().filter(|one| same(one, which)).count();
    let is_gone = number(&found, finding) < number(&state.findings, finding);
    // Missing fields of a document show only once its words can be read.
    let others = found
        .iter()
        .filter(|other| other.severity == Severity::Error);
    let brings =
        others.filter(|other| !other.is_about_lacking && number(&state.findings, other) == 0);
    is_gone && brings.count() == 0
}
