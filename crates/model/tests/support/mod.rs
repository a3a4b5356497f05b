//! Renders findings as plain text for snapshots.

use std::fmt::Write;

use deskstate_model::{Diagnostic, Label, SourceMap};

/// Renders all findings with their places, in the given order.
pub(crate) fn render(diagnostics: &[Diagnostic], sources: &SourceMap) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let _ = write!(
            out,
            "{}[{}]: {}",
            diagnostic.severity.as_str(),
            diagnostic.code,
            diagnostic.message
        );
        if !diagnostic.environments.is_empty() {
            let _ = write!(out, " (in {})", diagnostic.environments.join(", "));
        }
        out.push('\n');
        if let Some(primary) = &diagnostic.primary {
            place("-->", primary, '^', sources, &mut out);
        }
        for label in &diagnostic.secondary {
            place(":::", label, '-', sources, &mut out);
        }
        if let Some(help) = &diagnostic.help {
            let _ = writeln!(out, "  = help: {help}");
        }
        out.push('\n');
    }
    out
}

fn place(arrow: &str, label: &Label, mark: char, sources: &SourceMap, out: &mut String) {
    let (line, column) = sources.line_column(label.span);
    let text = sources.line(label.span.file, line);
    let marked = sources
        .slice(label.span)
        .lines()
        .next()
        .unwrap_or("")
        .chars()
        .count()
        .max(1);
    let _ = writeln!(
        out,
        "  {arrow} {}:{line}:{column}",
        sources.path(label.span.file)
    );
    let _ = writeln!(out, "   | {text}");
    let marks = mark.to_string().repeat(marked);
    let _ = writeln!(
        out,
        "   | {}{marks} {}",
        " ".repeat(column as usize - 1),
        label.text
    );
}
