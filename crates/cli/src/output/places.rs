//! Places in the form that builds and code scanning use: the file relative to the repository, lines and columns from 1.

use deskstate_model::{SourceMap, Span};

/// Turns spans into places.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    /// The files of the project.
    pub(crate) sources: &'a SourceMap,
    /// The project's folder within the repository, with a trailing `/`; empty if they are the same.
    pub(crate) prefix: &'a str,
}

/// A range of characters in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Relative to the repository.
    pub(crate) file: String,
    /// The first line.
    pub(crate) line: u32,
    /// The first character, as a column in characters.
    pub(crate) column: u32,
    /// The last line.
    pub(crate) end_line: u32,
    /// The character after the last one.
    pub(crate) end_column: u32,
}

impl Places<'_> {
    /// The place of a span.
    pub(crate) fn of(&self, span: Span) -> Place {
        let (line, column) = self.sources.line_column(span);
        let (end_line, end_column) = self.sources.line_column(Span {
            start: span.end.max(span.start),
            ..span
        });
        let file = format!(
            "{}{}",
            self.prefix,
            super::plain(self.sources.path(span.file))
        );
        Place {
            file,
            line,
            column,
            end_line,
            end_column,
        }
    }
}
