//! Lines of a text and adjacent comments: the boundaries of edits.

use super::{Edit, Editor};

impl<'a> Editor<'a> {
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Returns the first byte of the line that contains a byte.
    pub(super) fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |found| found + 1)
    }

    /// Returns the position of the line break after a byte, or the end of the text.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let end = self.text[at..]
            .find('\n')
            .map_or(self.text.len(), |found| at + found);
        if self.text[..end].ends_with('\r') && end > at {
            end - 1
        } else {
            end
        }
    }

    /// Returns the position of the line break before the line of a byte; `None` for the first line.
    pub(super) fn line_break_before(&self, at: usize) -> Option<usize> {
        let before = self.line_start(at).checked_sub(1)?;
        let carriage_return = self.text[..before].ends_with('\r');
        Some(if carriage_return { before - 1 } else { before })
    }

    /// Returns the end of a line including the comments below it that are indented deeper than a column: a block inserted before them would
    /// absorb them.
    pub(super) fn behind_deeper_comments(&self, at: usize, column: usize) -> usize {
        let mut end = self.line_end(at);
        let mut seen = end;
        loop {
            let next = self.next_line(seen);
            let line = self.slice(next, self.line_end(next));
            let code = line.trim_start();
            if next == seen || !(code.is_empty() || code.starts_with('#')) {
                return end;
            }
            seen = next + line.len();
            if code.starts_with('#') && line.len() - code.len() > column {
                end = seen;
            }
            if next == self.text.len() {
                return end;
            }
        }
    }

    /// Removes complete lines together with the line break before them, because the line break after them is where new text may be
    /// inserted.
    pub(super) fn remove_lines(&mut self, start: usize, end: usize) {
        match self.line_break_before(start) {
            Some(before) => self.edit(before, self.line_end(end), String::new()),
            None => self.edit(0, self.next_line(end), String::new()),
        }
    }

    /// Returns the start of the next line.
    pub(super) fn next_line(&self, at: usize) -> usize {
        self.text[at..]
            .find('\n')
            .map_or(self.text.len(), |found| at + found + 1)
    }

    /// Returns the column of a byte. Blanks and a dash before it on its line count.
    pub(super) fn column(&self, at: usize) -> usize {
        self.slice(self.line_start(at), at).chars().count()
    }

    pub(super) fn edit(&mut self, start: usize, end: usize, text: String) {
        self.edits.push(Edit { start, end, text });
    }

    pub(super) fn in_lines(&self, text: &str) -> String {
        if self.line_break == "\n" {
            text.to_owned()
        } else {
            text.replace('\n', self.line_break)
        }
    }

    /// Returns the position after the key above: after its colon or its anchor.
    pub(super) fn key_above(&self, at: usize) -> usize {
        let mut start = self.line_start(at);
        while start > 0 {
            start = self.line_start(start - 1);
            let line = self.slice(start, self.line_end(start));
            let code = match line.find(" #") {
                _ if line.trim_start().starts_with('#') => "",
                Some(comment) => line[..comment].trim_end(),
                None => line.trim_end(),
            };
            if !code.trim().is_empty() {
                return start + code.len();
            }
        }
        start
    }
}
