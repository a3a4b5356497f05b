//! Findings in the form that editors show.

use std::collections::BTreeMap;

use deskstate_model::{Diagnostic, Label, PROJECT_FILE, Severity};
use lsp_types::{
    Diagnostic as Shown, DiagnosticRelatedInformation, DiagnosticSeverity, Location,
    NumberOrString, Range, Uri,
};

use super::paths::uri_of;
use super::place::Units;
use super::project::{Project, State};
use crate::door::plain;

/// The findings of a project by file. Findings without a place in a file that can be opened are shown at the top of the project file.
pub(super) fn by_file(
    project: &Project,
    state: &State,
    units: Units,
) -> BTreeMap<String, Vec<Shown>> {
    let places = Places {
        project,
        state,
        units,
    };
    let mut files: BTreeMap<String, Vec<Shown>> = BTreeMap::new();
    for finding in &state.findings {
        let (path, shown) = places.shown(finding);
        files.entry(path).or_default().push(shown);
    }
    files
}

/// Whether a finding is about this part of a file.
pub(super) fn touches(
    state: &State,
    finding: &Diagnostic,
    path: &str,
    from: usize,
    to: usize,
) -> bool {
    finding.primary.as_ref().is_some_and(|label| {
        state.manifests.sources.path(label.span.file) == path
            && label.span.start as usize <= to
            && from <= label.span.end as usize
    })
}

struct Places<'a> {
    project: &'a Project,
    state: &'a State,
    units: Units,
}

impl Places<'_> {
    /// The path and the range of a label, if it is in a file of the project's folder.
    fn range(&self, label: &Label) -> Option<(&str, Range)> {
        let path = self.state.manifests.sources.path(label.span.file);
        if path.starts_with("pack ") {
            return None;
        }
        let text = self.state.text(path)?;
        let bytes = label.span.start as usize..label.span.end as usize;
        Some((path, self.units.range(text, &bytes)))
    }

    fn shown(&self, finding: &Diagnostic) -> (String, Shown) {
        let place = finding.primary.as_ref().and_then(|label| self.range(label));
        let (path, range) = place.unwrap_or((PROJECT_FILE, Range::default()));
        let related: Vec<DiagnosticRelatedInformation> = finding
            .secondary
            .iter()
            .filter_map(|label| {
                let (path, range) = self.range(label)?;
                let uri: Uri = uri_of(self.project.root(), path)?;
                Some(DiagnosticRelatedInformation {
                    location: Location { uri, range },
                    message: lines(&label.text),
                })
            })
            .collect();
        let shown = Shown {
            range,
            severity: Some(match finding.severity {
                Severity::Error => DiagnosticSeverity::ERROR,
                Severity::Warning => DiagnosticSeverity::WARNING,
            }),
            code: Some(NumberOrString::String(finding.code.to_owned())),
            source: Some("deskstate".to_owned()),
            message: message(finding),
            related_information: (!related.is_empty()).then_some(related),
            ..Shown::default()
        };
        (path.to_owned(), shown)
    }
}

fn message(finding: &Diagnostic) -> String {
    let mut message = lines(&finding.message);
    if !finding.environments.is_empty() {
        let names: Vec<String> = finding
            .environments
            .iter()
            .map(|name| plain(name))
            .collect();
        message.push_str(&format!(" (in {})", names.join(", ")));
    }
    if let Some(help) = &finding.help {
        message.push_str(&format!("\nhelp: {}", lines(help)));
    }
    message
}

/// Makes each line of a text inert.
pub(super) fn lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(plain).collect();
    lines.join("\n")
}
