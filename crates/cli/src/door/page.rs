//! Lines for people.

use std::fmt::{self, Display};

use super::escape::plain;

/// Lines, each of which went through [`plain`]. There is no other way to end a line than to add one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page(String);

impl Page {
    /// A page without lines.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A page of one line.
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

    /// Adds the lines of another page.
    pub(crate) fn add(&mut self, page: &Page) {
        self.0.push_str(&page.0);
    }

    /// Whether it has no line.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Display for Page {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
