//! Diagnostics as text with the lines they are about.

use std::collections::BTreeMap;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use deskstate_model::{Diagnostic, FileId, Label, Severity, SourceMap};

use crate::ui::{BAD, WARN};

/// Columns of a log.
const WIDTH: usize = 120;

/// Every diagnostic with its source lines, one blank line between them.
pub(crate) fn render(
    diagnostics: &[Diagnostic],
    sources: &SourceMap,
    colored: bool,
    width: Option<usize>,
) -> String {
    let renderer = if colored {
        Renderer::styled()
    } else {
        Renderer::plain()
    }
    .term_width(width.unwrap_or(WIDTH));
    diagnostics
        .iter()
        .map(|diagnostic| {
            format!(
                "{}\n\n",
                super::without_log_commands(&renderer.render(&[group(diagnostic, sources)]))
            )
        })
        .collect()
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(
        level
            .primary_title(super::plain(&diagnostic.message))
            .id(diagnostic.code),
    );
    let mut files: BTreeMap<FileId, Vec<(&Label, AnnotationKind)>> = BTreeMap::new();
    let primary_file = diagnostic.primary.as_ref().map(|label| label.span.file);
    if let Some(label) = &diagnostic.primary {
        files
            .entry(label.span.file)
            .or_default()
            .push((label, AnnotationKind::Primary));
    }
    for label in &diagnostic.secondary {
        files
            .entry(label.span.file)
            .or_default()
            .push((label, AnnotationKind::Context));
    }
    // The file that the diagnostic points at comes first.
    let mut ordered: Vec<_> = files.into_iter().collect();
    ordered.sort_by_key(|(file, _)| (Some(*file) != primary_file, *file));
    for (file, labels) in ordered {
        let text = sources.text(file);
        let annotations = labels.into_iter().map(|(label, kind)| {
            let start = floor(text, label.span.start);
            let end = floor(text, label.span.end).max(start);
            kind.span(start..end).label(super::plain(&label.text))
        });
        group = group.element(
            Snippet::source(text)
                .path(sources.path(file))
                .annotations(annotations),
        );
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(super::plain(help)));
    }
    if !diagnostic.environments.is_empty() {
        group = group
            .element(Level::NOTE.message(format!("in {}", diagnostic.environments.join(", "))));
    }
    group
}

/// A byte offset inside the text, on a character's edge.
fn floor(text: &str, offset: u32) -> usize {
    let mut offset = (offset as usize).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// `2 errors, 1 warning`, on a line.
pub(crate) fn summary(diagnostics: &[Diagnostic], colored: bool) -> String {
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .count();
    let warnings = diagnostics.len() - errors;
    let mut parts = Vec::new();
    for (count, noun, style) in [(errors, "error", BAD), (warnings, "warning", WARN)] {
        let plural = if count == 1 { "" } else { "s" };
        let text = format!("{count} {noun}{plural}");
        match count {
            0 => {}
            _ if colored => parts.push(format!("{style}{text}{style:#}")),
            _ => parts.push(text),
        }
    }
    if parts.is_empty() {
        String::new()
    } else {
        format!("{}\n", parts.join(", "))
    }
}
