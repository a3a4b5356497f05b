//! Our colours, and the mark that distinguishes them from escape sequences in text from outside.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use anstyle::{AnsiColor, Effects};

/// Success.
pub(crate) const GOOD: Style = Style(AnsiColor::Green.on_default().effects(Effects::BOLD));
/// A warning.
pub(crate) const WARN: Style = Style(AnsiColor::Yellow.on_default().effects(Effects::BOLD));
/// A loss.
pub(crate) const BAD: Style = Style(AnsiColor::Red.on_default().effects(Effects::BOLD));
/// A hint.
pub(crate) const HINT: Style = Style(AnsiColor::Cyan.on_default());
/// Of little importance.
pub(crate) const DIM: Style = Style(anstyle::Style::new().effects(Effects::DIMMED));
/// A heading.
pub(crate) const STRONG: Style = Style(anstyle::Style::new().effects(Effects::BOLD));

/// Follows the escape character of each of our sequences. It is random for each process, so nobody else can write it.
static MARK: LazyLock<String> = LazyLock::new(|| {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x};", random(), random())
});

/// One of our colours: `{GOOD}` begins it and `{GOOD:#}` ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style(anstyle::Style);

impl fmt::Display for Style {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sequence = if out.alternate() {
            format!("{:#}", self.0)
        } else {
            self.0.to_string()
        };
        out.write_str(&drawn_by_us(&sequence))
    }
}

/// Marks every escape sequence of a text as ours. Only for output rendered from text that went through [`super::plain`].
pub(crate) fn drawn_by_us(text: &str) -> String {
    text.replace('\u{1b}', &format!("\u{1b}{}", *MARK))
}

/// Splits our sequence off the start of a text: returns the sequence for a terminal, and the rest.
pub(super) fn own_sequence(text: &str) -> Option<(&str, &str)> {
    let sequence = text.strip_prefix('\u{1b}')?.strip_prefix(MARK.as_str())?;
    let end = sequence.find(|character: char| character.is_ascii_alphabetic())?;
    Some(sequence.split_at(end + 1))
}
