//! Makes text from outside harmless for Markdown as GitHub and Azure DevOps interpret it.
//!
//! Nothing is escaped character by character: renderers disagree on escapes, and mentions are detected after Markdown was parsed. Anything
//! that is not plainly a word becomes a code span, in which nothing is active.

use super::plain;

/// Makes a code span. Mentions, links and HTML do not work in it.
pub(crate) fn code(text: &str) -> String {
    let text = plain(text);
    if text.trim().is_empty() {
        // An empty span is not a span, and blanks alone are invisible.
        return format!("`\"{text}\"`");
    }
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    let edge = |character: Option<char>| {
        character.is_some_and(|character| character == '`' || character == ' ')
    };
    let pad = if edge(text.chars().next()) || edge(text.chars().next_back()) {
        " "
    } else {
        ""
    };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Renders a message whose names are in backticks: names become code spans, and so does every word that is not plainly a word.
pub(super) fn prose(text: &str) -> String {
    let text = plain(text);
    let mut prose = String::with_capacity(text.len());
    for (index, piece) in text.split('`').enumerate() {
        let piece = if index % 2 == 1 {
            code(piece)
        } else {
            piece.split(' ').map(word).collect::<Vec<_>>().join(" ")
        };
        if prose.ends_with('`') && piece.starts_with('`') {
            // Two adjacent runs of backticks would become one.
            prose.push(' ');
        }
        prose.push_str(&piece);
    }
    prose
}

fn word(word: &str) -> String {
    if word.is_empty() || is_plain_word(word) {
        return word.to_owned();
    }
    let core = word.trim_end_matches([',', ';']);
    if core.is_empty() {
        return code(word);
    }
    code(core) + &word[core.len()..]
}

/// Letters and digits with ordinary punctuation: not a link, mention, reference, tag, emphasis or table in any dialect.
fn is_plain_word(word: &str) -> bool {
    let core = word
        .trim_start_matches(['(', '"', '\''])
        .trim_end_matches([',', '.', ';', ':', ')', '"', '\'', '?']);
    let is_reference = core.to_ascii_uppercase().starts_with("GH-") && core.len() > 3;
    let is_commit = core.len() >= 7 && core.chars().all(|character| character.is_ascii_hexdigit());
    !is_reference
        && !is_commit
        && core.chars().all(|character| {
            character.is_alphanumeric() || matches!(character, '-' | '\'' | '%' | '→')
        })
}

/// The shortest fence that no line can close.
pub(super) fn fence_of(lines: &[String]) -> String {
    let longest = lines
        .iter()
        .map(|line| longest_run(line, '`'))
        .max()
        .unwrap_or(0);
    "`".repeat(longest.max(2) + 1)
}

/// The fence that a line opens. A line with further backticks after the fence is a code span instead (CommonMark 0.31, section 4.5).
pub(super) fn opened_fence(line: &str) -> Option<&str> {
    let info = line.trim_start_matches('`');
    let fence = &line[..line.len() - info.len()];
    (fence.len() >= 3 && !info.contains('`')).then_some(fence)
}

fn longest_run(text: &str, wanted: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for character in text.chars() {
        run = if character == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// Length as limited by GitHub and Azure DevOps: UTF-16 code units, which are never fewer than characters.
pub(crate) fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The start of a text up to a maximum length, with an ellipsis if something is left out.
pub(super) fn cut(text: &str, most: usize) -> String {
    if length(text) <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.len_utf16();
        if used > most {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_span_cannot_be_left() {
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`x"), "`` `x ``");
        assert_eq!(code(""), "`\"\"`");
        assert_eq!(code("  "), "`\"  \"`");
    }

    #[test]
    fn names_in_a_message_become_code_and_words_stay_words() {
        assert_eq!(
            prose("`lin@contoso.com` leaves `contoso_backoffice` (one profile per user)"),
            "`lin@contoso.com` leaves `contoso_backoffice` (one profile per user)"
        );
    }

    #[test]
    fn nothing_in_a_message_is_active() {
        let cases = [
            ("ask @octocat now", "ask `@octocat` now"),
            ("see https://evil.example/x", "see `https://evil.example/x`"),
            ("see www.evil.example", "see `www.evil.example`"),
            ("fixes #12 and GH-12", "fixes `#12` and `GH-12`"),
            (
                "<img src=x> **bold** [a](b)",
                "`<img` `src=x>` `**bold**` `[a](b)`",
            ),
            ("a `b` c ` @d", "a `b` c `  @d `"),
            ("``x``", "`\"\"`x`\"\"`"),
            ("merge 4f2c9e1a", "merge `4f2c9e1a`"),
            (":tada: !12 | AB#3", "`:tada:` `!12` `|` `AB#3`"),
        ];
        for (hostile, harmless) in cases {
            assert_eq!(prose(hostile), harmless);
        }
    }

    #[test]
    fn a_fence_is_longer_than_any_in_the_text() {
        assert_eq!(fence_of(&["+ ````".to_owned()]), "`````");
        assert_eq!(fence_of(&[]), "```");
        assert_eq!(opened_fence("```diff"), Some("```"));
        assert_eq!(opened_fence("```a`b``c```"), None);
    }

    #[test]
    fn what_is_cut_says_so_and_fits() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("😀😀😀", 4), "😀…");
        assert_eq!(cut("abc", 3), "abc");
    }
}
