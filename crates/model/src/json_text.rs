//! Texts that look like JSON and are none: copied with typographic quotation marks, or with a mistake.

/// Marks that open or close a quotation in print. Apostrophes are not among them.
const DOUBLE: [char; 6] = ['“', '”', '„', '‟', '«', '»'];

/// Why a text that looks like JSON is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JsonProblem {
    /// Keys or texts are between typographic quotation marks.
    CurlyQuotes,
    /// The JSON ends before its last bracket.
    TooShort,
    /// The first character that does not belong there, counted from 1.
    At {
        /// The line.
        line: usize,
        /// The character in the line.
        character: usize,
    },
}

/// Checks a text that looks like JSON. Text of another form, such as the slug `{customerName}`, has no problem.
pub(crate) fn json_problem(text: &str) -> Option<JsonProblem> {
    if !looks_like_json(text) {
        return None;
    }
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text);
    let value = match read(text) {
        Ok(value) => value,
        // The product replaces slugs before it reads the text.
        Err(_) => match read(&with_numbers(text)) {
            Ok(value) => value,
            Err(_) if has_marks_outside_strings(text) => return Some(JsonProblem::CurlyQuotes),
            Err(problem) if problem.is_eof() => return Some(JsonProblem::TooShort),
            Err(problem) => {
                let line = text.lines().nth(problem.line().saturating_sub(1));
                let before = line.unwrap_or_default().char_indices();
                let before = before.take_while(|(at, _)| *at < problem.column());
                return Some(JsonProblem::At {
                    line: problem.line(),
                    character: before.count().max(1),
                });
            }
        },
    };
    has_marked_key(&value).then_some(JsonProblem::CurlyQuotes)
}

pub(crate) fn looks_like_json(text: &str) -> bool {
    let text = text.trim();
    let begins = |rest: &str, signs: &[char]| {
        rest.starts_with(signs)
            || rest.starts_with(DOUBLE)
            || rest.starts_with(['"', '\'', '‘', '’'])
    };
    let inside = |open: char| Some(text.strip_prefix(open)?.trim_start());
    if let Some(rest) = inside('{') {
        let behind =
            rest.trim_start_matches(|sign: char| sign.is_alphanumeric() || "_-.".contains(sign));
        let is_key = behind.len() < rest.len() && behind.trim_start().starts_with(':');
        return is_key || begins(rest, &[]);
    }
    inside('[').is_some_and(|rest| begins(rest, &['{', '[']))
}

/// Writes a number of the same length for each slug and query in braces.
fn with_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (before, slug) = rest.split_at(at);
        out.push_str(before);
        let inner = &slug[1..];
        let is_part = |sign: char| sign.is_ascii_alphanumeric() || "_.@$".contains(sign);
        let length = match inner.find(|sign: char| !is_part(sign)) {
            Some(end) if end > 0 && inner[end..].starts_with('}') => end + 2,
            _ => 0,
        };
        if length == 0 {
            out.push('{');
            rest = inner;
        } else {
            out.extend(std::iter::repeat_n('1', length));
            rest = &slug[length..];
        }
    }
    out.push_str(rest);
    out
}

/// Whether typographic marks are where JSON has its own.
fn has_marks_outside_strings(text: &str) -> bool {
    let mut within = false;
    let mut escaped = false;
    text.chars().any(|sign| {
        if escaped {
            escaped = false;
            return false;
        }
        match sign {
            '\\' => escaped = within,
            '"' => within = !within,
            _ => return !within && (DOUBLE.contains(&sign) || ['‘', '’'].contains(&sign)),
        }
        false
    })
}

/// Whether a key is between typographic marks.
fn has_marked_key(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Object(entries) => entries.iter().any(|(key, value)| {
            (key.starts_with(DOUBLE) && key.ends_with(DOUBLE)) || has_marked_key(value)
        }),
        serde_json::Value::Array(items) => items.iter().any(has_marked_key),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_looks_like_json_and_is_none_is_found() {
        for text in [
            "{ “mode”: “live” }",
            "{“mode”: 1}",
            "[„a“]",
            "{\"mode\": “live”}",
            "{‘mode’: ‘live’}",
            r#"{"“mode”": "live"}"#,
            r#"[{"a": {"“b”": 1}}]"#,
        ] {
            assert_eq!(json_problem(text), Some(JsonProblem::CurlyQuotes), "{text}");
        }
        let at = |line, character| Some(JsonProblem::At { line, character });
        assert_eq!(json_problem(r#"{"a": "b",}"#), at(1, 11));
        assert_eq!(json_problem("{\n  \"ä\": 1,\n  b: 2\n}"), at(3, 3));
        assert_eq!(json_problem(r#"{"ü": "ü" "b": 2}"#), at(1, 11));
        assert_eq!(json_problem("{'a': 1}"), at(1, 2));
        assert_eq!(json_problem("{mode: live}"), at(1, 2));
        assert_eq!(json_problem(r#"{"a": 1} and more"#), at(1, 10));
        assert_eq!(json_problem(r#" {"a": ["b"]"#), Some(JsonProblem::TooShort));
        assert_eq!(json_problem(r#"{"a": {x}, "b": {y},}"#), at(1, 21));
    }

    #[test]
    fn json_and_text_of_another_form_have_no_problem() {
        for text in [
            "",
            "mode=live",
            "{}",
            "[]",
            "{customerName}",
            "{caseId}: {caseTitle}",
            "{anchor._customerid_value@OData.Community.Display.V1.FormattedValue}",
            "{$odata.incident.title.?$filter=incidentid eq '{anchor.incidentid}'&$select=title}",
            "{{mode}}",
            "{Wie können wir helfen?}",
            "{open",
            "[voice] mode=live",
            "[customer]",
            r#"{"title": "“Quoted” on purpose, „so“", "b": "it’s"}"#,
            r#"{"customerid":"{customerRecordId}", "n": {anchor.count}, "name":"{customerName}"}"#,
            r#"{"subject":"{$odata.account.name.?$filter=accountid eq '{customerRecordId}'}"}"#,
            r#"[{"id": "{anchor.incidentid}"}]"#,
            "\n { \"mode\": \"live\" } \n",
        ] {
            assert_eq!(json_problem(text), None, "{text}");
        }
    }
}
