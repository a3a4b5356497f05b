//! Patterns with `*` and `?`.

/// Whether a text has the form of a pattern: `*` is any characters but `/`, `**` and a `*` at the end any characters, `?` one character.
#[must_use]
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // Each of the others takes a character: a pattern that is longer than the text in them is not worth the table.
    if pattern
        .iter()
        .filter(|&&character| character != '*')
        .count()
        > text.len()
    {
        return false;
    }
    // Which beginnings of the text fit the beginning of the pattern read so far; a row of this table per step keeps it linear.
    let mut fits = vec![false; text.len() + 1];
    fits[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let mut next = vec![false; text.len() + 1];
        if pattern[at] == '*' {
            let stars = pattern[at..]
                .iter()
                .take_while(|&&character| character == '*')
                .count();
            at += stars;
            let crosses = stars > 1 || at == pattern.len();
            let mut open = false;
            for place in 0..=text.len() {
                open |= fits[place];
                next[place] = open;
                if place < text.len() && text[place] == '/' && !crosses {
                    open = false;
                }
            }
        } else {
            for place in 0..text.len() {
                next[place + 1] = fits[place] && (pattern[at] == '?' || pattern[at] == text[place]);
            }
            at += 1;
        }
        fits = next;
    }
    fits[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_between_slashes_unless_it_ends_the_pattern() {
        assert!(matches_pattern(
            "https://*.voxline.example/*",
            "https://eu.voxline.example/dynamics/panel"
        ));
        assert!(!matches_pattern(
            "https://*.voxline.example/*",
            "https://evil.example/x.voxline.example/y"
        ));
        assert!(matches_pattern("CTI_*", "CTI_createSession"));
        assert!(matches_pattern("*", ""));
        assert!(matches_pattern("**/a", "x/y/a"));
        assert!(matches_pattern("a?c", "abc"));
        assert!(!matches_pattern("a?c", "ac"));
        assert!(!matches_pattern("abc", "abcd"));
    }

    #[test]
    fn many_stars_take_no_longer_than_their_number() {
        for _ in 0..1000 {
            assert!(!matches_pattern(&"*a".repeat(5000), &"a".repeat(2000)));
        }
        assert!(!matches_pattern(&"a*".repeat(200), &"a".repeat(150)));
        assert!(matches_pattern(&"*a".repeat(150), &"a".repeat(150)));
    }
}
