//! Warnings that a project accepts, and blocked changes that it allows, until a given day.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, sort_diagnostics};
use crate::explanation::Explanation;
use crate::kinds::ResourceKey;
use crate::project::{Acceptance, Allowance, MANIFEST_WARNINGS, Project};
use crate::span::{FileId, Span};

pub(crate) const ACCEPTANCE_ENDED: Explanation = Explanation::new(
    "acceptance-ended",
    "The last day of an entry under `accept` has passed.",
    "The warning is shown again, so that somebody reviews it.",
    "Fix the cause of the warning, or set a later day.",
);

pub(crate) const ACCEPTS_NOTHING: Explanation = Explanation::new(
    "accepts-nothing",
    "An entry under `accept` matches no warning.",
    "It would hide a warning that appears later.",
    "Remove the entry, or correct its code, kind or name.",
);

pub(crate) const ALLOWANCE_ENDED: Explanation = Explanation::new(
    "allowance-ended",
    "The last day of an entry under `allow` has passed.",
    "The entry has no effect any more: a plan that needs it is refused.",
    "Remove the entry. If the change is still to come, set a later day.",
);

/// The findings that remain, and the number of warnings that the project accepts.
#[derive(Debug, Default)]
pub struct SetAside {
    /// Every finding except accepted warnings, sorted, plus a warning for each entry of `accept` and `allow` that has ended.
    pub left: Vec<Diagnostic>,
    /// Number of accepted warnings.
    pub accepted: usize,
}

impl Acceptance {
    /// Whether this entry covers a warning with this code about this resource. A warning that is not about a resource needs patterns that
    /// match everything.
    #[must_use]
    pub fn covers(&self, code: &str, about: Option<&ResourceKey>) -> bool {
        self.code.value == code
            && match about {
                Some(key) => self.resources.matches(key),
                None => self.resources.kind == "*" && self.resources.name == "*",
            }
    }

    /// Whether the last day of the acceptance has passed. Days of the form `YYYY-MM-DD` compare as text.
    #[must_use]
    pub fn has_ended(&self, today: &str) -> bool {
        self.until.as_str() < today
    }
}

impl Allowance {
    /// Whether the last day of the override has passed.
    #[must_use]
    pub fn has_ended(&self, today: &str) -> bool {
        self.until.as_str() < today
    }
}

impl Project {
    /// The overrides that hold for an environment on the given day.
    #[must_use]
    pub fn allowed(&self, environment: &str, today: &str) -> Vec<Allowance> {
        let holds = |entry: &&Allowance| {
            let named = &entry.environments;
            !entry.has_ended(today)
                && (named.is_empty() || named.iter().any(|name| name.value == environment))
        };
        self.allow.iter().filter(holds).cloned().collect()
    }

    /// Sets aside the warnings that are accepted on the given day. `is_whole` means that the findings cover the complete project.
    #[must_use]
    pub fn set_aside(&self, found: Vec<Diagnostic>, today: &str, is_whole: bool) -> SetAside {
        let ended = |entry: &Acceptance| entry.has_ended(today);
        let mut used = vec![false; self.accept.len()];
        let before = found.len();
        let mut left: Vec<Diagnostic> = found
            .into_iter()
            .filter(|finding| {
                let entry = finding.accepted.filter(|_| !finding.is_error());
                let Some(at) = entry else { return true };
                used[at] = true;
                ended(&self.accept[at])
            })
            .collect();
        let accepted = before - left.len();
        for (entry, used) in self.accept.iter().zip(used) {
            let Acceptance {
                code,
                resources,
                until,
                ..
            } = entry;
            let what = format!("`{}` of {}/{}", code.value, resources.kind, resources.name);
            if ended(entry) {
                left.push(
                    Diagnostic::warning(
                        ACCEPTANCE_ENDED.code,
                        format!("{what} was accepted until {until}"),
                    )
                    .at(entry.span, format!("because: {}", entry.reason))
                    .help("fix the cause, or accept it until a later day"),
                );
            } else if is_whole && !used && MANIFEST_WARNINGS.contains(&code.value.as_str()) {
                left.push(
                    Diagnostic::warning(
                        ACCEPTS_NOTHING.code,
                        format!("there is no {what} to accept"),
                    )
                    .at(entry.span, "accepts nothing")
                    .help("remove the entry, or correct its code, kind or name"),
                );
            }
        }
        for entry in self.allow.iter().filter(|entry| entry.has_ended(today)) {
            left.push(
                Diagnostic::warning(
                    ALLOWANCE_ENDED.code,
                    format!("`{}` was allowed until {}", entry.change, entry.until),
                )
                .at(entry.span, format!("because: {}", entry.reason))
                .help("remove the entry, or allow it until a later day"),
            );
        }
        sort_diagnostics(&mut left);
        SetAside { left, accepted }
    }
}

/// Marks each warning that the project accepts, regardless of the end date, with the entry that accepts it.
pub(crate) fn mark<'d>(
    project: &Project,
    documents: impl Iterator<Item = (Span, &'d ResourceKey)>,
    found: &mut [Diagnostic],
) {
    if project.accept.is_empty() {
        return;
    }
    let places: BTreeMap<(FileId, u32), (Span, &ResourceKey)> = documents
        .map(|(span, key)| ((span.file, span.start), (span, key)))
        .collect();
    let resource_at = |place: Span| {
        let (_, (document, key)) = places.range(..=(place.file, place.start)).next_back()?;
        place.is_within(*document).then_some(*key)
    };
    for finding in found {
        let mut labels = finding.primary.iter().chain(&finding.secondary);
        let about = labels.find_map(|label| resource_at(label.span));
        // An entry that has ended hides no later one.
        let entries = project.accept.iter().enumerate();
        let covering = entries.filter(|(_, entry)| entry.covers(finding.code, about));
        let last = covering.reduce(|best, one| match one.1.until > best.1.until {
            true => one,
            false => best,
        });
        finding.accepted = last.map(|(at, _)| at);
    }
}
