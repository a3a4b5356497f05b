//! Lines of a text and comments next to them: where an edit begins and ends.

use super::{Edit, Editor};

impl<'a> Editor<'a> {
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// First byte of the line of a byte.
    pub(super) fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |found| found + 1)
    }

    /// The line break behind a byte, or the end of the text.
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

    /// The line break before the line of a byte; none for the first line.
    pub(super) fn line_break_before(&self, at: usize) -> Option<usize> {
        let before = self.line_start(at).checked_sub(1)?;
        let carriage_return = self.text[..before].ends_with('\r');
        Some(if carriage_return { before - 1 } else { before })
    }

    /// The end of a line and of the comments below it that are deeper than a column: a block put before them would take them in.
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

    /// Takes whole lines away, with the line break before them: the one behind is where something new may come.
    pub(super) fn remove_lines(&mut self, start: usize, end: usize) {
        match self.line_break_before(start) {
            Some(before) => self.edit(before, self.line_end(end), String::new()),
            None => self.edit(0, self.next_line(end), String::new()),
        }
    }

    /// The byte behind the line break of the line of a byte.
    pub(super) fn next_line(&self, at: usize) -> usize {
        self.text[at..]
            .find('\n')
            .map_or(self.text.len(), |found| at + found + 1)
    }

    /// Blanks before a byte on its line count as its column; so does a dash before it.
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

    /// The byte behind the key above: behind its colon, or the anchor there.
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
