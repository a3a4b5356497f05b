//! Explains YAML syntax errors in words.

mod causes;
mod lines;

use saphyr_parser::ScanError;

use self::causes::{CHECK_THE_LINES, CLOSE_QUOTE, Cause, QUOTE_IT, words};
use self::lines::{incomplete, indentation, key_of, of_other_programs, value_of};
use super::{MAX_DEPTH, blank, to_u32};
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::files::YAML_LIMITS;
use crate::span::Span;

pub(crate) const BROKEN_YAML: Explanation = Explanation::new(
    "broken-yaml",
    "The file is not valid YAML 1.2.",
    "deskstate continues with the next document after `---`, so it still reports all other errors.",
    "Check the line and the one before it for a missing quote, bracket, colon or space, for a tab, and for a `: ` inside a text. Quote a value that begins with a brace: `title: \"{customer}\"`.",
);

/// Explains why the parser stopped: what is wrong where, and what to do.
pub(super) fn syntax_error(error: &ScanError, text: &str, base: usize, span: Span) -> Diagnostic {
    let said = error.info();
    if said.contains("recursion limit") {
        return too_deep(span);
    }
    let broken = Broken {
        text,
        at: (span.start as usize - base).min(text.len()),
    };
    let place = |(start, end): (usize, usize)| Span {
        start: to_u32(base + start),
        end: to_u32(base + end),
        ..span
    };
    if let Some((start, end)) = broken.odd_blank() {
        let character = text[start..end].chars().next().unwrap_or_default();
        return blank::finding(character, place((start, end)));
    }
    let Cause {
        message,
        place: at,
        help,
    } = broken.cause(said);
    let at = at.map_or(span, place);
    let diagnostic = Diagnostic::error(BROKEN_YAML.code, message).at(at, "reading stopped here");
    let diagnostic = match at == span {
        true => diagnostic,
        false => diagnostic.at(at, "here"),
    };
    match help.is_empty() {
        true => diagnostic,
        false => diagnostic.help(help),
    }
}

pub(super) fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(
        YAML_LIMITS.code,
        format!("nested more than {MAX_DEPTH} levels deep"),
    )
    .at(span, "one level too deep")
    .help("manifests never need this; check the file for a missing bracket")
}

fn unquoted(bracket: &str) -> Cause {
    Cause::new(
        format!("a text that begins with `{bracket}` is not quoted"),
        "a value that begins with a brace or bracket must be quoted: title: \"{customer}\"",
    )
}

/// A text, and where its parser stopped.
struct Broken<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Broken<'t> {
    fn cause(&self, said: &str) -> Cause {
        if let Some(cause) = self.not_yaml() {
            return cause;
        }
        if let Some(tab) = self.tab() {
            return Cause::new("a tab is used for indentation", "use spaces").at(tab, tab + 1);
        }
        if let Some(cause) = self.unquoted_variable().or_else(|| self.after_bracket()) {
            return cause;
        }
        if said.contains("flow")
            || said.contains("illegal placement")
            || said.contains("may not precede")
        {
            return self.bracket().unwrap_or_else(|| words(said));
        }
        if said.contains("simple key expect") {
            return self
                .incomplete_line()
                .unwrap_or_else(|| Cause::new("a colon is missing", CHECK_THE_LINES));
        }
        if said.contains("mapping values are not allowed") {
            return self.unexpected_colon();
        }
        if said.contains("expected '-' indicator") {
            return self.missing_dash();
        }
        if said.contains("did not find expected key") {
            return self.no_key();
        }
        if said.contains("invalid trailing content") {
            return self.after_quote();
        }
        if said.contains("unexpected character") {
            let sign = match self.text[self.at..].chars().next() {
                Some('`') => "a backtick".to_owned(),
                sign => format!("`{}`", sign.unwrap_or_default()),
            };
            return Cause::new(
                format!("a text that begins with {sign} is not quoted"),
                QUOTE_IT,
            );
        }
        words(said)
    }

    /// A line that other programs write: an unresolved conflict of git, a fence of Markdown, a template, a list or a separator of a word
    /// processor.
    fn not_yaml(&self) -> Option<Cause> {
        let conflict = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"];
        let marked = |line: &str| conflict.iter().any(|mark| line.starts_with(mark));
        if let Some((start, _)) = self.lines().find(|(_, line)| marked(line)) {
            let cause = Cause::new(
                "unresolved git conflict: these lines have two versions",
                "keep one version, and delete the lines `<<<<<<<`, `=======` and `>>>>>>>`",
            );
            return Some(cause.at(start, start + conflict[0].len()));
        }
        let lines = self.lines().filter(|(_, line)| !line.trim().is_empty());
        lines.take(2).find_map(|(start, line)| {
            let (content, indent) = (line.trim(), indentation(line).len());
            let (length, message, help) = of_other_programs(content)?;
            let from = start + indent;
            Some(Cause::new(message, help).at(from, from + length))
        })
    }

    /// A character that looks like a space, on the line where reading stopped or shortly before.
    fn odd_blank(&self) -> Option<(usize, usize)> {
        let found = self
            .lines()
            .take(4)
            .find_map(|(start, line)| Some((start, blank::misplaced(line)?)));
        found.map(|(start, (from, to))| (start + from, start + to))
    }

    /// A tab in the indentation of the line or the one before.
    fn tab(&self) -> Option<usize> {
        let lines = self.lines().filter(|(_, line)| !line.trim().is_empty());
        lines
            .take(2)
            .find_map(|(start, line)| Some(start + indentation(line).find('\t')?))
    }

    fn unquoted_variable(&self) -> Option<Cause> {
        let (_, line) = self.lines().next()?;
        let at = line.find("${{")?;
        let (before, bracket) = (&line[..at], |text: &str| text.contains(['[', '{']));
        (bracket(before) && !before.ends_with(['"', '\''])).then(|| {
            Cause::new(
                "a variable inside `[ ]` or `{ }` is not quoted",
                "quote the variable: [\"${{ vars.name }}\"]",
            )
        })
    }

    /// A plain value that begins with a bracket and goes on after the matching one.
    fn after_bracket(&self) -> Option<Cause> {
        let (_, line) = self.lines().next()?;
        let before = self.before().trim_end();
        let value = value_of(line)?;
        let closes = match value.chars().next()? {
            '{' => '}',
            '[' => ']',
            _ => return None,
        };
        let after = line[before.len()..].trim_start();
        let is_text = !after.is_empty() && !after.starts_with([',', ':', ']', '}', '#']);
        (before.ends_with(closes) && is_text).then(|| unquoted(&value[..1]))
    }

    /// A bracket that is not closed, or is closed by the wrong one.
    fn bracket(&self) -> Option<Cause> {
        let open = self.open_bracket()?;
        let line_end = self.text[open..]
            .find('\n')
            .map_or(self.text.len(), |end| open + end);
        let (sign, closes) = match self.text[open..].starts_with('[') {
            true => ('[', ']'),
            false => ('{', '}'),
        };
        let rest = self.text[self.at..line_end.max(self.at)].trim_start();
        if self.at < line_end && rest.starts_with([']', '}']) && !rest.starts_with(closes) {
            return Some(Cause::new(
                format!("`{sign}` is closed by the wrong bracket"),
                format!("close it with `{closes}`"),
            ));
        }
        // A slug of quick replies, `{FullName{Customer}}`.
        let word = self.text[open + 1..self.at].trim();
        let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if sign == '{' && is_word && rest.starts_with('{') {
            return Some(unquoted("{"));
        }
        if self.at < line_end && rest.contains(closes) {
            return Some(Cause::new(
                format!("a comma is missing inside `{sign}{closes}`"),
                "separate the entries by commas, and quote texts that contain brackets or quotes",
            ));
        }
        Some(
            Cause::new(
                format!("`{sign}` is never closed"),
                format!("add `{closes}`"),
            )
            .at(open, open + 1),
        )
    }

    /// The innermost bracket before the end that is open, in this document. Quoted texts and comments do not count.
    fn open_bracket(&self) -> Option<usize> {
        let mut open = Vec::new();
        let mut quote = None;
        let mut before = ' ';
        let mut in_comment = false;
        let start = self.lines().last().map_or(0, |(start, _)| start);
        for (at, sign) in self.text[start..self.at].char_indices() {
            match (quote, sign) {
                (_, '\n') => in_comment = false,
                _ if in_comment => {}
                (Some(mark), sign) if mark == sign => quote = None,
                (Some(_), _) => {}
                (None, '#') if before.is_whitespace() => in_comment = true,
                (None, '"' | '\'') if before.is_whitespace() || "[{,:".contains(before) => {
                    quote = Some(sign)
                }
                (None, '[' | '{') if !open.is_empty() || before.is_whitespace() => {
                    open.push(start + at)
                }
                (None, ']' | '}') => {
                    open.pop();
                }
                _ => {}
            }
            before = sign;
        }
        open.pop()
    }

    /// The last line before the place that has content and is neither a key with its colon nor a list item.
    fn incomplete_line(&self) -> Option<Cause> {
        let at_end = self.text[self.at..].trim().is_empty();
        let mut lines = self.lines();
        if !at_end {
            lines.next();
        }
        let mut lines = lines.filter(|(_, line)| !line.trim().is_empty());
        let (start, line) = lines.next()?;
        let indent = indentation(line);
        let is_item = |line: &str| {
            line.strip_prefix(indent)
                .is_some_and(|rest| rest.starts_with("- "))
        };
        if lines.next().is_some_and(|(_, above)| is_item(above)) && !line.trim().starts_with('-') {
            let from = start + indent.len();
            return Some(
                Cause::new(
                    "`- ` is missing before the item of a list",
                    "write `- ` before each item of a list",
                )
                .at(from, start + line.trim_end().len()),
            );
        }
        incomplete(start, line)
    }

    fn unexpected_colon(&self) -> Cause {
        let mut lines = self.lines();
        let (line, before) = (lines.next().map_or("", |(_, line)| line), self.before());
        if before.contains(": ") {
            return Cause::new("a text that contains `: ` is not quoted", QUOTE_IT);
        }
        let key = before.trim();
        let above = lines.find(|(_, line)| !line.trim().is_empty());
        if let Some((above, other)) = above {
            if let Some(cause) = incomplete(above, other) {
                return cause;
            }
            if let Some(owner) = key_of(other)
                && indentation(line).len() > indentation(other).len()
            {
                return Cause::new(
                    format!(
                        "unexpected colon: `{owner}` has a value, and `{key}` is indented below it"
                    ),
                    format!("indent `{key}` like `{owner}`, or quote a text of several lines"),
                );
            }
        }
        Cause::new(
            "unexpected colon",
            "check whether the line above is indented correctly",
        )
    }

    fn missing_dash(&self) -> Cause {
        let line = self
            .lines()
            .next()
            .filter(|(_, line)| line.trim_start().starts_with('-'));
        line.and_then(|(start, line)| incomplete(start, line))
            .unwrap_or_else(|| {
                Cause::new(
                    "the line is indented like the items of a list, and does not begin with `- `",
                    "add `- `, or correct the indentation",
                )
            })
    }

    fn no_key(&self) -> Cause {
        let line = self.lines().next().map_or("", |(_, line)| line);
        if !["", "-"].contains(&self.before().trim()) {
            return Cause::new("a text follows the end of a value", QUOTE_IT);
        }
        if line.trim_start().starts_with("- ") {
            return Cause::new(
                "a list item is between the keys of a mapping",
                "indent the item further than the key of its list",
            );
        }
        Cause::new(
            "the indentation fits no line above",
            "indent the line like the others at the same level",
        )
    }

    /// A text after a quotation mark that closes one, or that was meant to open one.
    fn after_quote(&self) -> Cause {
        let before = self.text[..self.at].trim_end();
        let mark = before
            .chars()
            .next_back()
            .filter(|mark| "'\"".contains(*mark))
            .unwrap_or('"');
        let mut lines = self.lines();
        let is_open = |line: &str| line.matches(mark).count() % 2 == 1;
        lines.next();
        if is_open(self.before())
            && let Some((start, line)) = lines.find(|(_, line)| is_open(line))
            && let Some(opened) = line.find(mark)
        {
            return Cause::new("the quotation mark is never closed", CLOSE_QUOTE)
                .at(start + opened, start + opened + 1);
        }
        if let Some(cause) = self.bracket() {
            return cause;
        }
        Cause::new(
            "a text follows the closing quotation mark",
            match mark {
                '\'' => "write `''` for a quotation mark inside the text",
                _ => "write `\\\"` for a quotation mark inside the text",
            },
        )
    }

    /// The part of the line before the place where reading stopped.
    fn before(&self) -> &'t str {
        self.lines().next().map_or("", |(start, line)| {
            line.get(..self.at - start).unwrap_or(line)
        })
    }

    /// The lines of the document, backwards from the one where reading stopped, with their offsets. Comments above it are left out.
    fn lines(&self) -> impl Iterator<Item = (usize, &'t str)> {
        let start = |at: usize| self.text[..at].rfind('\n').map_or(0, |found| found + 1);
        let last = start(self.at);
        let mut next = Some(last);
        std::iter::from_fn(move || {
            let from = next?;
            let line = self.text[from..].lines().next().unwrap_or("");
            next =
                (from > 0 && (from == last || !line.starts_with("---"))).then(|| start(from - 1));
            Some((from, line))
        })
        .filter(move |(from, line)| *from == last || !line.trim_start().starts_with('#'))
    }
}

#[cfg(test)]
mod tests;
