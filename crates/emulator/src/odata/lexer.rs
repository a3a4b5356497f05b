//! Splits filter expressions into tokens.

use uuid::Uuid;

use crate::error::{Outcome, ServiceError};

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A name, including dots and slashes: `primarycontactid/fullname`, `Microsoft.Dynamics.CRM.In`.
    Name(String),
    Text(String),
    Int(i64),
    Number(f64),
    Id(Uuid),
    /// A date or a point in time, not quoted.
    Date(String),
    /// A parameter alias, without the `@`.
    Alias(String),
    Open,
    Close,
    Comma,
    Colon,
    Equals,
    /// A JSON array or object, not parsed.
    Json(String),
}

/// Splits an expression into tokens.
pub(crate) fn tokens(text: &str) -> Outcome<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else {
            return Ok(tokens);
        };
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            ':' => (Token::Colon, 1),
            '=' => (Token::Equals, 1),
            '\'' => quoted(rest)?,
            '"' => json_text(rest)?,
            '[' | '{' => bracketed(rest)?,
            '@' => {
                let name: String = rest[1..]
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                let length = 1 + name.len();
                (Token::Alias(name), length)
            }
            _ => word(rest)?,
        };
        tokens.push(token);
        rest = &rest[length..];
    }
}

fn unreadable(rest: &str) -> ServiceError {
    let near: String = rest.chars().take(20).collect();
    ServiceError::query(format!("Syntax error: character is not valid at '{near}'."))
}

fn quoted(rest: &str) -> Outcome<(Token, usize)> {
    let mut value = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character != '\'' {
            value.push(character);
        } else if characters.peek().is_some_and(|(_, next)| *next == '\'') {
            value.push('\'');
            characters.next();
        } else {
            return Ok((Token::Text(value), at + 1));
        }
    }
    Err(ServiceError::query(
        "There is an unterminated string literal in the expression.",
    ))
}

fn json_text(rest: &str) -> Outcome<(Token, usize)> {
    let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<String>();
    match stream.next() {
        Some(Ok(value)) => Ok((Token::Text(value), stream.byte_offset())),
        _ => Err(unreadable(rest)),
    }
}

fn bracketed(rest: &str) -> Outcome<(Token, usize)> {
    // Values may be quoted in JSON or OData style. Brackets inside quotes do not count.
    let mut depth = 0_usize;
    let mut quote = None;
    for (at, character) in rest.char_indices() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    return Ok((Token::Json(rest[..=at].to_owned()), at + 1));
                }
            }
            _ => {}
        }
    }
    Err(unreadable(rest))
}

fn word(rest: &str) -> Outcome<(Token, usize)> {
    let length = rest
        .char_indices()
        .find(|(_, c)| {
            !(c.is_alphanumeric()
                || matches!(c, '_' | '.' | '/' | '-' | '+' | ':' | '$' | '{' | '}'))
        })
        .map_or(rest.len(), |(at, _)| at);
    let whole = &rest[..length];
    if whole.is_empty() {
        return Err(unreadable(rest));
    }
    if let Some(id) = guid(whole) {
        return Ok((Token::Id(id), length));
    }
    if whole.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+') {
        if let Ok(number) = whole.parse::<i64>() {
            return Ok((Token::Int(number), length));
        }
        if is_date(whole) {
            return Ok((Token::Date(whole.to_owned()), length));
        }
        let digits = whole.trim_end_matches(['m', 'M', 'd', 'D', 'f', 'F', 'L', 'l']);
        return digits
            .parse()
            .map(|number| (Token::Number(number), length))
            .map_err(|_| unreadable(rest));
    }
    // A name ends at a colon (`o:o/name eq 'x'`).
    let length = whole.find([':', '-', '+', '{', '}']).unwrap_or(length);
    if length == 0 {
        return Err(unreadable(rest));
    }
    Ok((Token::Name(whole[..length].to_owned()), length))
}

fn guid(word: &str) -> Option<Uuid> {
    (word.len() == 36)
        .then(|| Uuid::try_parse(word).ok())
        .flatten()
}

fn is_date(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() >= 10
        && bytes[4] == b'-'
        && bytes[7] == b'-'
        && bytes[..4].iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_double_and_guids_stand_unquoted() {
        let id = "0c0f0000-0000-4000-8000-000000000001";
        let words =
            tokens(&format!("contains(name,'O''Hara') and ownerid eq {id}")).expect("words");
        assert!(words.contains(&Token::Text("O'Hara".to_owned())));
        assert!(words.contains(&Token::Id(Uuid::try_parse(id).expect("guid"))));
    }

    #[test]
    fn lambda_variables_end_at_their_colon() {
        let words = tokens("links/any(o:o/name eq 'x')").expect("words");
        assert_eq!(words[0], Token::Name("links/any".to_owned()));
        assert_eq!(words[2], Token::Name("o".to_owned()));
        assert_eq!(words[3], Token::Colon);
        assert_eq!(words[4], Token::Name("o/name".to_owned()));
    }

    #[test]
    fn any_text_is_cut_or_refused_without_a_panic() {
        for text in [
            "'", "[", "é'", "\"", "-", "1-", "@", "{]}", "a:b:c", "%", "''''", "0x",
        ] {
            let _ = tokens(text);
        }
    }
}
