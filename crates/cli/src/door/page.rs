//! Lines for people: the only type of such text that a stream accepts.

use std::fmt::Display;

use annotate_snippets::{Group, Renderer};

use super::escape::{laid_out, plain, uncolored};
use super::style::drawn_by_us;

/// Lines, each of which went through [`plain`]. Only adding a line can end one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page(String);

impl Page {
    /// Creates a page without lines.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Creates a page of one line.
    pub(crate) fn of(line: impl Display) -> Self {
        let mut page = Self::new();
        page.line(line);
        page
    }

    /// Adds a line. Line feeds in it belong to text from outside, and are shown as `⏎`.
    pub(crate) fn line(&mut self, line: impl Display) {
        self.0.push_str(&plain(&line.to_string()));
        self.0.push('\n');
    }

    /// Adds an empty line.
    pub(crate) fn blank(&mut self) {
        self.0.push('\n');
    }

    /// Adds the lines of a finding as the renderer draws them. The line feeds come from the renderer, or from a file that it quotes.
    pub(crate) fn finding(&mut self, renderer: &Renderer, finding: Group<'_>) {
        let drawn = drawn_by_us(&renderer.render(&[finding]));
        self.0.push_str(&laid_out(&drawn));
        self.0.push('\n');
    }

    /// Returns the lines without our colours.
    pub(crate) fn uncolored(&self) -> String {
        uncolored(&self.0)
    }

    /// Returns the lines, each ending with a line feed.
    pub(super) fn text_of_lines(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
impl std::fmt::Display for Page {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}
