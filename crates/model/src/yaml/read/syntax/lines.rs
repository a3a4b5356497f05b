//! What a line that is no YAML looks like.

use super::causes::Cause;

pub(super) fn indentation(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

/// The key at the start of a line, also of a list item.
pub(super) fn key_of(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.strip_prefix("- ").unwrap_or(line).trim_start();
    let end = line
        .find(": ")
        .or_else(|| line.ends_with(':').then(|| line.len() - 1))?;
    Some(&line[..end])
}

/// The value on a line, after its key or dash.
pub(super) fn value_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("- ").unwrap_or(line).trim_start();
    Some(
        line.split_once(": ")
            .filter(|_| !line.starts_with(['{', '[']))
            .map_or(line, |(_, value)| value)
            .trim_start(),
    )
}

/// The number of bytes at the start of a line that are not YAML, what they are, and what to do.
pub(super) fn of_other_programs(line: &str) -> Option<(usize, String, &'static str)> {
    let first = line.chars().next()?;
    let rest = &line[first.len_utf8()..];
    if line.starts_with("```") || line.starts_with("~~~") {
        return Some((
            3,
            "this line is Markdown".to_owned(),
            "remove the lines that begin with ``` or ~~~",
        ));
    }
    if line.starts_with("{{") || line.starts_with("{%") {
        return Some((
            2,
            "this line belongs to a template".to_owned(),
            "render the template first, or use variables of deskstate: \"${{ vars.name }}\"",
        ));
    }
    if ['—', '–'].contains(&first) && rest.chars().all(|sign| "—–-".contains(sign)) {
        return Some((
            line.len(),
            format!("`{line}` does not separate documents"),
            "write three hyphens: `---`",
        ));
    }
    if "•◦▪‣·–—".contains(first) && rest.starts_with(char::is_whitespace) {
        return Some((
            first.len_utf8(),
            format!("`{first}` does not start a list item"),
            "write `- ` before each item of a list",
        ));
    }
    let key = line.split('：').next().filter(|key| *key != line)?;
    key_of(line).is_none().then(|| {
        (
            line.len(),
            format!("the colon after `{key}` is a full-width colon"),
            "write `:` and a space",
        )
    })
}

/// What a line lacks to be a list item or a key with its value.
pub(super) fn incomplete(start: usize, line: &str) -> Option<Cause> {
    let content = line.trim();
    let from = start + indentation(line).len();
    let after_dash = content
        .strip_prefix('-')
        .filter(|rest| !rest.starts_with(['-', ' ']) && !rest.is_empty());
    if after_dash.is_some() {
        return Some(
            Cause::new(
                "a space is missing after `-`",
                "write `- ` before each item of a list",
            )
            .at(from, from + 1),
        );
    }
    if content.starts_with(['-', '"', '\'', '{', '[', '#']) || key_of(content).is_some() {
        return None;
    }
    let word: &str = content.split(char::is_whitespace).next().unwrap_or(content);
    Some(
        match word
            .split_once(':')
            .filter(|(key, rest)| !key.is_empty() && !rest.starts_with("//"))
        {
            Some((key, _)) => {
                let colon = from + key.len();
                Cause::new(
                    format!("a space is missing after the colon of `{key}`"),
                    format!("write `{key}: ` before the value"),
                )
                .at(colon, colon + 1)
            }
            None => {
                let end = from + word.len();
                Cause::new(
                    format!("a colon is missing after `{word}`"),
                    format!("write `{word}:`"),
                )
                .at(from, end)
            }
        },
    )
}
