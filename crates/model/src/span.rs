//! Places in source files, and the files themselves.

use std::fmt;
use std::sync::Arc;

/// A file of a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A byte range in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

impl Span {
    /// Returns the range from the start of `self` to the end of `other`, in the file of `self`.
    #[must_use]
    pub fn to(self, other: Span) -> Span {
        Span {
            end: other.end.max(self.start),
            ..self
        }
    }

    /// Whether `self` lies within `outer`.
    #[must_use]
    pub fn is_within(self, outer: Span) -> bool {
        self.file == outer.file && self.start >= outer.start && self.end <= outer.end
    }
}

/// A value and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Combines a value with its place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// Transforms the value and keeps the place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: change(self.value),
            span: self.span,
        }
    }
}

/// The files that were read, indexed by [`FileId`].
///
/// Paths are relative to the project's root and use `/` on every system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceMap {
    /// Shared by all clones.
    files: Arc<Vec<SourceFile>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct SourceFile {
    path: String,
    text: String,
    /// Byte offset of the start of every line.
    line_starts: Vec<u32>,
}

impl SourceMap {
    /// Adds a file. Texts of more than 4 GiB are not supported; the loader rejects files long before that size.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| offset(at + 1)))
            .collect();
        Arc::make_mut(&mut self.files).push(SourceFile {
            path: path.into(),
            text,
            line_starts,
        });
        FileId(offset(self.files.len() - 1))
    }

    /// Returns the path of a file, relative to the project's root.
    #[must_use]
    pub fn path(&self, file: FileId) -> &str {
        &self.file(file).path
    }

    /// Returns the text of a file.
    #[must_use]
    pub fn text(&self, file: FileId) -> &str {
        &self.file(file).text
    }

    /// Returns the text of a range; empty if the range does not fit the file.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file)
            .get(span.start as usize..span.end as usize)
            .unwrap_or("")
    }

    /// Returns the line and column of the start of a range, both counted from 1; columns count characters.
    #[must_use]
    pub fn line_column(&self, span: Span) -> (u32, u32) {
        let file = self.file(span.file);
        let line = file
            .line_starts
            .partition_point(|&start| start <= span.start)
            .max(1);
        let start = file.line_starts[line - 1] as usize;
        let end = (span.start as usize).min(file.text.len());
        let column = file
            .text
            .get(start..end)
            .map_or(0, |before| before.chars().count());
        (offset(line), offset(column + 1))
    }

    /// Returns a line (counted from 1) without its line break; empty beyond the end.
    #[must_use]
    pub fn line(&self, file: FileId, line: u32) -> &str {
        let file = self.file(file);
        let at = line.saturating_sub(1) as usize;
        let Some(&start) = file.line_starts.get(at) else {
            return "";
        };
        let end = file
            .line_starts
            .get(at + 1)
            .map_or(file.text.len(), |&next| next as usize);
        file.text
            .get(start as usize..end)
            .unwrap_or("")
            .trim_end_matches(['\n', '\r'])
    }

    /// Replaces a range with asterisks, byte by byte, so that it cannot be shown and all other places stay valid.
    pub(crate) fn redact(&mut self, span: Span) {
        let Some(file) = Arc::make_mut(&mut self.files).get_mut(span.file.0 as usize) else {
            return;
        };
        let (start, end) = (span.start as usize, span.end as usize);
        if let Some(range) = file.text.get(start..end) {
            let hidden: String = range
                .bytes()
                .map(|byte| if byte == b'\n' { '\n' } else { '*' })
                .collect();
            file.text.replace_range(start..end, &hidden);
        }
    }

    /// Returns the total size of the files in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.text.len() as u64).sum()
    }

    /// Returns all files in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..offset(self.files.len())).map(FileId)
    }

    fn file(&self, file: FileId) -> &SourceFile {
        self.files
            .get(file.0 as usize)
            .expect("a FileId is only made by the SourceMap that holds the file")
    }
}

/// The size always fits, because the loader rejects files of more than a few megabytes.
fn offset(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

impl fmt::Display for FileId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "file {}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(file: FileId, start: u32, end: u32) -> Span {
        Span { file, start, end }
    }

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", "title: Größe\nname: ü x\n");
        assert_eq!(sources.line_column(span(file, 0, 1)), (1, 1));
        let x = u32::try_from(sources.text(file).find('x').unwrap()).unwrap();
        assert_eq!(sources.line_column(span(file, x, x + 1)), (2, 9));
        assert_eq!(sources.line(file, 2), "name: ü x");
    }

    #[test]
    fn a_range_outside_the_file_is_empty() {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", "ab");
        assert_eq!(sources.slice(span(file, 1, 9)), "");
        assert_eq!(sources.line_column(span(file, 9, 9)), (1, 3));
        assert_eq!(sources.line(file, 7), "");
    }
}
