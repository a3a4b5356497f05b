//! `LIKE` patterns: `%` matches any characters, `_` one character, `[..]` a set. Case-insensitive.

/// A compiled pattern, to be matched against many texts.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    tokens: Vec<LikeToken>,
    plain: Option<Plain>,
}

/// A pattern without wildcards inside, the most common case.
#[derive(Debug, Clone)]
struct Plain {
    /// Lower-case ASCII.
    text: Vec<u8>,
    open_start: bool,
    open_end: bool,
}

impl Pattern {
    pub(crate) fn new(pattern: &str) -> Pattern {
        let tokens = like_tokens(&pattern.to_lowercase());
        let plain = plain(&tokens);
        Pattern { tokens, plain }
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        match &self.plain {
            Some(plain) if text.is_ascii() => plain.matches(text.as_bytes()),
            _ => self.matches_slowly(text),
        }
    }

    fn matches_slowly(&self, text: &str) -> bool {
        let tokens = &self.tokens;
        // Tracking the set of reachable token positions limits the time to text length times pattern length.
        let mut states = vec![false; tokens.len() + 1];
        states[0] = true;
        close_over_runs(tokens, &mut states);
        for character in text.chars().flat_map(char::to_lowercase) {
            let mut next = vec![false; tokens.len() + 1];
            for (position, token) in tokens
                .iter()
                .enumerate()
                .filter(|(position, _)| states[*position])
            {
                match token {
                    LikeToken::Run => next[position] = true,
                    LikeToken::One => next[position + 1] = true,
                    LikeToken::Char(expected) if *expected == character => {
                        next[position + 1] = true
                    }
                    LikeToken::Set(negated, members)
                        if members
                            .iter()
                            .any(|(from, to)| (*from..=*to).contains(&character))
                            != *negated =>
                    {
                        next[position + 1] = true;
                    }
                    LikeToken::Char(_) | LikeToken::Set(..) => {}
                }
            }
            close_over_runs(tokens, &mut next);
            states = next;
        }
        states[tokens.len()]
    }
}

impl Plain {
    fn matches(&self, text: &[u8]) -> bool {
        let length = self.text.len();
        let equal = |part: &[u8]| part.eq_ignore_ascii_case(&self.text);
        match (self.open_start, self.open_end) {
            (false, false) => equal(text),
            (false, true) => text.len() >= length && equal(&text[..length]),
            (true, false) => text.len() >= length && equal(&text[text.len() - length..]),
            (true, true) => length == 0 || text.windows(length).any(equal),
        }
    }
}

fn plain(tokens: &[LikeToken]) -> Option<Plain> {
    let (open_start, tokens) = match tokens {
        [LikeToken::Run, rest @ ..] => (true, rest),
        all => (false, all),
    };
    let (open_end, tokens) = match tokens {
        [rest @ .., LikeToken::Run] => (true, rest),
        all => (false, all),
    };
    let text = tokens
        .iter()
        .map(|token| match token {
            LikeToken::Char(character) => u8::try_from(*character).ok().filter(u8::is_ascii),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()?;
    Some(Plain {
        text,
        open_start,
        open_end,
    })
}

/// Whether a text matches a pattern. For patterns that are used only once.
pub(crate) fn like(text: &str, pattern: &str) -> bool {
    Pattern::new(pattern).matches(text)
}

#[derive(Debug, Clone)]
enum LikeToken {
    Run,
    One,
    Char(char),
    Set(bool, Vec<(char, char)>),
}

fn like_tokens(pattern: &str) -> Vec<LikeToken> {
    let characters: Vec<char> = pattern.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        match characters[at] {
            '%' => tokens.push(LikeToken::Run),
            '_' => tokens.push(LikeToken::One),
            '[' => match characters[at + 1..]
                .iter()
                .position(|character| *character == ']')
            {
                Some(length) if length > 0 => {
                    tokens.push(like_set(&characters[at + 1..at + 1 + length]));
                    at += length + 1;
                }
                _ => tokens.push(LikeToken::Char('[')),
            },
            other => tokens.push(LikeToken::Char(other)),
        }
        at += 1;
    }
    tokens
}

fn like_set(members: &[char]) -> LikeToken {
    let (negated, members) = match members {
        ['^', rest @ ..] if !rest.is_empty() => (true, rest),
        all => (false, all),
    };
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < members.len() {
        if at + 2 < members.len() && members[at + 1] == '-' {
            ranges.push((members[at], members[at + 2]));
            at += 3;
        } else {
            ranges.push((members[at], members[at]));
            at += 1;
        }
    }
    LikeToken::Set(negated, ranges)
}

fn close_over_runs(tokens: &[LikeToken], states: &mut [bool]) {
    for (position, token) in tokens.iter().enumerate() {
        if states[position] && matches!(token, LikeToken::Run) {
            states[position + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_patterns_know_runs_single_characters_and_sets() {
        assert!(like("contoso_tab", "contoso%"));
        assert!(like("contosoXtab", "contoso_tab"));
        assert!(like("a1", "[a-c][0-9]"));
        assert!(!like("d1", "[a-c][0-9]"));
        assert!(like("d1", "[^a-c]_"));
        assert!(like("50%", "50[%]"));
        assert!(!like("501", "50[%]"));
    }

    #[test]
    fn plain_patterns_agree_with_the_slow_way() {
        for pattern in ["ab", "%ab", "ab%", "%ab%", "%", "", "%a", "%%"] {
            let pattern = Pattern::new(pattern);
            for text in ["", "a", "ab", "AB", "xab", "abx", "xAbx", "ba"] {
                assert_eq!(
                    pattern.matches(text),
                    pattern.matches_slowly(text),
                    "{pattern:?} {text}"
                );
            }
        }
    }
}
