//! Diagnostics as text, with the source lines they refer to.

use std::collections::BTreeMap;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use deskstate_model::{Diagnostic, FileId, Label, Severity, SourceMap, Span};

use crate::door::{BAD, Page, WARN, visible};

/// Width of a log in columns.
const WIDTH: usize = 120;

/// Maximum number of findings shown with their lines. Nobody reads more, and each requires reading its file.
const MOST: usize = 1000;

/// Maximum number of bytes shown of a line.
const LONGEST_LINE: usize = 4096;

/// Places in a file that are further apart than this, in bytes, are drawn separately.
const FAR: usize = 1 << 16;

/// Renders diagnostics with their source lines, separated by blank lines. If there are very many, only the first ones are shown.
pub(crate) fn render(
    diagnostics: &[Diagnostic],
    sources: &SourceMap,
    colored: bool,
    width: Option<usize>,
) -> Page {
    let renderer = if colored {
        Renderer::styled()
    } else {
        Renderer::plain()
    }
    .term_width(width.unwrap_or(WIDTH));
    let mut page = Page::new();
    let mut shown = diagnostics.iter().take(MOST).peekable();
    while let Some(diagnostic) = shown.next() {
        if !diagnostic.on_one_line {
            page.finding(&renderer, group(diagnostic, sources));
            page.blank();
            continue;
        }
        // Findings with the same help share it.
        let goes_on = shown
            .peek()
            .is_some_and(|next| next.on_one_line && next.help == diagnostic.help);
        page.finding(&renderer, line(diagnostic, sources, !goes_on));
        if !goes_on {
            page.blank();
        }
    }
    if diagnostics.len() > MOST {
        page.line(format_args!("and {} more", diagnostics.len() - MOST));
        page.blank();
    }
    page
}

/// A finding on one line, with its location.
fn line<'a>(diagnostic: &'a Diagnostic, sources: &SourceMap, helps: bool) -> Group<'a> {
    let mut message = diagnostic.message.clone();
    if let Some(primary) = &diagnostic.primary {
        let (line, column) = sources.line_column(primary.span);
        let path = sources.path(primary.span.file);
        message.push_str(&format!(": {path}:{line}:{column}"));
    }
    if !diagnostic.environments.is_empty() {
        message.push_str(&format!(", in {}", diagnostic.environments.join(", ")));
    }
    let level = level(diagnostic);
    let title = level.primary_title(super::plain(&message));
    let group = Group::with_title(title.id(diagnostic.code));
    match diagnostic.help.as_deref().filter(|_| helps) {
        Some(help) => group.element(Level::HELP.message(super::plain(help))),
        None => group,
    }
}

fn level(diagnostic: &Diagnostic) -> Level<'static> {
    match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    }
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Group<'a> {
    let mut group = Group::with_title(
        level(diagnostic)
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
        let reach = |labels: &[(&Label, AnnotationKind)]| {
            let places = labels.iter().map(|(label, _)| place(text, label));
            let first = places.clone().map(|place| place.start).min().unwrap_or(0);
            let last = places.map(|place| place.end).max().unwrap_or(0);
            first..last
        };
        // The lines between two places are drawn too, so distant places are drawn separately.
        let snippets = if reach(&labels).len() > FAR {
            labels.into_iter().map(|label| vec![label]).collect()
        } else {
            vec![labels]
        };
        for labels in snippets {
            let shown = excerpt(text, reach(&labels));
            let (line, _) = sources.line_column(Span {
                file,
                start: u32::try_from(shown.start).unwrap_or(u32::MAX),
                end: 0,
            });
            let (source, moved) = visible(&text[shown.clone()]);
            let annotations = labels.into_iter().map(|(label, kind)| {
                let place = place(text, label);
                let within = |at: usize| moved(at.clamp(shown.start, shown.end) - shown.start);
                kind.span(within(place.start)..within(place.end))
                    .label(super::plain(&label.text))
            });
            group = group.element(
                Snippet::source(source)
                    .line_start(line as usize)
                    .path(super::plain(sources.path(file)))
                    .annotations(annotations),
            );
        }
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(super::plain(help)));
    }
    if !diagnostic.environments.is_empty() {
        group = group.element(Level::NOTE.message(super::plain(&format!(
            "in {}",
            diagnostic.environments.join(", ")
        ))));
    }
    group
}

fn place(text: &str, label: &Label) -> std::ops::Range<usize> {
    let start = floor(text, label.span.start);
    start..floor(text, label.span.end).max(start)
}

/// The lines around a place, since a file may be long and have many findings. Long lines are cut at a limit. If the place itself is beyond
/// the limit, the line starts shortly before it.
fn excerpt(text: &str, place: std::ops::Range<usize>) -> std::ops::Range<usize> {
    // The end of a text belongs to its last line.
    let first = place
        .start
        .min(text.strip_suffix('\n').unwrap_or(text).len());
    let from = text[..first].rfind('\n').map_or(0, |at| at + 1);
    let from = if first - from > LONGEST_LINE {
        text.floor_char_boundary(first - LONGEST_LINE / 2)
    } else {
        from
    };
    let last = place
        .end
        .min(text.floor_char_boundary(first + FAR))
        .max(first);
    let to = text[last..]
        .find('\n')
        .map_or(text.len(), |at| last + at + 1);
    from..to.min(text.floor_char_boundary(last + LONGEST_LINE))
}

/// Moves a byte offset into the text and to a character boundary.
fn floor(text: &str, offset: u32) -> usize {
    let mut offset = (offset as usize).min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// `2 errors, 1 warning`, on one line.
pub(crate) fn summary(diagnostics: &[Diagnostic]) -> Page {
    let errors = diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.is_error())
        .count();
    let warnings = diagnostics.len() - errors;
    let mut parts = Vec::new();
    for (count, noun, style) in [(errors, "error", BAD), (warnings, "warning", WARN)] {
        let plural = if count == 1 { "" } else { "s" };
        let text = format!("{count} {noun}{plural}");
        if count > 0 {
            parts.push(format!("{style}{text}{style:#}"));
        }
    }
    if parts.is_empty() {
        Page::new()
    } else {
        Page::of(parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(file: FileId, start: usize, end: usize) -> Diagnostic {
        let at = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        let span = Span {
            file,
            start: at(start),
            end: at(end),
        };
        Diagnostic::error("unknown-value", "wrong").at(span, "here")
    }

    #[test]
    fn a_finding_is_shown_alike_wherever_it_stands() {
        let line = "displayName: é\n";
        for before in [0, 1, 98, 5000] {
            let mut sources = SourceMap::default();
            let file = sources.add("a.yaml", format!("{}{line}", "#\n".repeat(before)));
            let start = 2 * before + 13;
            let found = finding(file, start, start + "é".len());
            let text = render(std::slice::from_ref(&found), &sources, false, None).to_string();
            let number = before + 1;
            assert!(text.contains(&format!("a.yaml:{number}:14\n")), "{text}");
            assert!(
                text.contains(&format!("{number} | {}", line.trim_end())),
                "{text}"
            );
            let labelled = finding(file, 0, 1);
            let with_first = found.also(labelled.primary.unwrap().span, "before");
            let text = render(&[with_first], &sources, false, None).to_string();
            assert!(text.contains("before") && text.contains("here"), "{text}");
        }
    }

    #[test]
    fn long_lines_and_long_ways_between_places_are_left_out() {
        let mut sources = SourceMap::default();
        let long = format!("a: {}\n", "é".repeat(1 << 20));
        let file = sources.add("long.yaml", long.clone());
        for start in [0, 1 << 20, long.len() - 1] {
            let text =
                render(&[finding(file, start, long.len())], &sources, false, None).to_string();
            assert!(
                text.contains("long.yaml:1:") && text.contains("here"),
                "{start}"
            );
            assert!(text.len() < 20_000, "{} bytes", text.len());
        }
        let many = "key: value\n".repeat(1 << 18);
        let file = sources.add("many.yaml", many.clone());
        let found = finding(file, many.len() - 11, many.len() - 8);
        let first = finding(file, 0, 3).primary.expect("a place").span;
        let text = render(&[found.also(first, "first here")], &sources, false, None).to_string();
        assert!(
            text.contains("many.yaml:262144:1") && text.contains("first here"),
            "{text}"
        );
        assert!(text.len() < 20_000, "{} bytes", text.len());
    }

    #[test]
    fn the_end_of_a_text_stands_on_its_last_line() {
        let mut sources = SourceMap::default();
        let text = "a:\n  b\n";
        let file = sources.add("a.yaml", text);
        let found = finding(file, text.len(), text.len());
        let text = render(&[found], &sources, false, None).to_string();
        assert!(
            text.contains("a.yaml:2:5\n") && text.contains("2 |   b\n"),
            "{text}"
        );
    }

    #[test]
    fn of_very_many_findings_the_first_are_shown_and_the_rest_counted() {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", "a: b\n".repeat(100_000));
        let found: Vec<Diagnostic> = (0..100_000)
            .map(|line| finding(file, 5 * line, 5 * line + 1))
            .collect();
        let text = render(&found, &sources, false, None).to_string();
        assert_eq!(text.matches("error[unknown-value]").count(), MOST);
        assert!(text.ends_with("and 99000 more\n\n"));
    }
}
