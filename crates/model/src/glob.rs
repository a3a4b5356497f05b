//! Patterns: for files of a project, and for names and addresses.

use globset::{GlobBuilder, GlobMatcher};

/// A pattern for files of a project, relative to its root: a file, a folder including everything below it, or a glob.
///
/// `*` and `?` match within one folder, `**` matches any number of folders, including none, `[a-c]` matches one of several characters, and
/// `{a,b}` matches one of several texts. Matching ignores the case of ASCII letters, so that every system finds the same files. A glob that
/// matches a folder includes everything below it.
#[derive(Debug)]
pub(crate) struct PathPattern {
    folder: String,
    is_glob: bool,
    glob: GlobMatcher,
}

/// The reason why a text is not a valid file pattern.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PatternProblem {
    /// It uses `\`.
    Backslash,
    /// It is absolute or contains `..`.
    Leaves,
    /// It begins with `!`.
    Negated,
    /// A bracket or brace is not closed, or a similar mistake.
    Syntax(String),
}

impl PathPattern {
    pub(crate) fn new(written: &str) -> Result<Self, PatternProblem> {
        if written.contains('\\') {
            return Err(PatternProblem::Backslash);
        }
        if written.starts_with('!') {
            return Err(PatternProblem::Negated);
        }
        let has_drive =
            matches!(written.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
        if written.starts_with('/') || has_drive {
            return Err(PatternProblem::Leaves);
        }
        let parts: Vec<&str> = written
            .split('/')
            .filter(|part| !matches!(*part, "" | "."))
            .collect();
        if parts.contains(&"..") {
            return Err(PatternProblem::Leaves);
        }
        let pattern = parts.join("/");
        let wildcard = pattern.find(['*', '?', '[', '{']);
        let folder = match wildcard {
            Some(at) => pattern[..at]
                .rsplit_once('/')
                .map_or("", |(folder, _)| folder),
            None => &pattern,
        };
        let glob = GlobBuilder::new(if pattern.is_empty() { "**" } else { &pattern })
            .literal_separator(true)
            .case_insensitive(true)
            .backslash_escape(false)
            .build()
            .map_err(|error| PatternProblem::Syntax(error.kind().to_string()))?
            .compile_matcher();
        Ok(Self {
            folder: folder.to_owned(),
            is_glob: wildcard.is_some(),
            glob,
        })
    }

    /// Returns the folder before the first wildcard, or the path itself for a pattern without wildcards.
    pub(crate) fn folder(&self) -> &str {
        &self.folder
    }

    /// Whether the pattern has a wildcard.
    pub(crate) fn is_glob(&self) -> bool {
        self.is_glob
    }

    /// Whether the pattern matches a path or a folder above it.
    pub(crate) fn takes(&self, path: &str) -> bool {
        self.glob.is_match(path)
            || path
                .rmatch_indices('/')
                .any(|(at, _)| self.glob.is_match(&path[..at]))
    }
}

/// Whether a name matches a pattern: `*` matches any characters, `?` matches one.
#[must_use]
pub(crate) fn matches_name(pattern: &str, name: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    // A slash in a name has no special meaning.
    matches_pattern(&pattern.replace('*', "**"), name)
}

/// The places of the host in an address.
fn host_of(address: &[char]) -> Option<std::ops::Range<usize>> {
    let start = address
        .windows(3)
        .position(|three| three == [':', '/', '/'])?
        + 3;
    let length = address[start..]
        .iter()
        .position(|one| matches!(one, '/' | '?' | '#'));
    Some(start..length.map_or(address.len(), |length| start + length))
}

/// Whether the host of an address continues after this beginning of a pattern.
fn is_in_host(before: &[char]) -> bool {
    let scheme = before.windows(3).position(|three| three == [':', '/', '/']);
    scheme.is_some_and(|at| !before[at + 3..].contains(&'/'))
}

/// Whether an address matches a pattern: `*` matches any characters except `/`, `**` and a trailing `*` match any characters, `?` matches
/// one character. In a host, `*` and `?` match nothing that ends it.
#[must_use]
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    // Every character other than `*` consumes one character, so a pattern with more of them than the text is long cannot match.
    if pattern
        .iter()
        .filter(|&&character| character != '*')
        .count()
        > text.len()
    {
        return false;
    }
    // The prefixes of the text that match the pattern read so far. One row of this table per step keeps matching linear.
    let mut fits = vec![false; text.len() + 1];
    fits[0] = true;
    let mut at = 0;
    while at < pattern.len() {
        let mut next = vec![false; text.len() + 1];
        let is_host = is_in_host(&pattern[..at]);
        // A browser ends the host at each of these, and what follows `@` is the host.
        let ends_host = |one: char| is_host && matches!(one, '/' | '?' | '#' | '\\' | '@');
        if pattern[at] == '*' {
            let stars = pattern[at..]
                .iter()
                .take_while(|&&character| character == '*')
                .count();
            at += stars;
            let crosses = stars > 1 && !is_host || at == pattern.len();
            let host = host_of(&text).filter(|_| is_host);
            let mut open = false;
            for place in 0..=text.len() {
                open |= fits[place];
                next[place] = open;
                let stops = |one: char| one == '/' || ends_host(one);
                // What crosses folders does not make the host that it began in a user name.
                let in_host = host.as_ref().is_some_and(|host| host.contains(&place));
                let makes_name = |one: char| in_host && matches!(one, '@' | '\\');
                if place < text.len() && (stops(text[place]) && !crosses || makes_name(text[place]))
                {
                    open = false;
                }
            }
        } else {
            for place in 0..text.len() {
                let any = pattern[at] == '?' && !ends_host(text[place]);
                next[place + 1] = fits[place] && (any || pattern[at] == text[place]);
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
        // A host at the end of a pattern does not become a user name.
        let vendor = "https://cti.vendor.example*";
        assert!(matches_pattern(vendor, "https://cti.vendor.example/a@b"));
        for other in ["@evil.example/x", "\\@evil.example", ".evil@a.example"] {
            let address = format!("https://cti.vendor.example{other}");
            assert!(!matches_pattern(vendor, &address), "{address}");
            assert!(!matches_pattern(
                "https://cti.vendor.example**/x",
                &format!("{address}/x")
            ));
        }
        let below = "https://**.vendor.example/*";
        assert!(matches_pattern(below, "https://a.b.vendor.example/x"));
        assert!(!matches_pattern(
            below,
            "https://evil.example/x.vendor.example/"
        ));
        assert!(!matches_pattern(
            below,
            "https://evil.example?x.vendor.example/"
        ));
        assert!(matches_pattern("CTI_*", "CTI_createSession"));
        assert!(matches_pattern("*", ""));
        assert!(matches_pattern("a?c", "abc"));
        assert!(!matches_pattern("a?c", "ac"));
        assert!(!matches_pattern("abc", "abcd"));
    }

    #[test]
    fn two_stars_match_any_number_of_folders_and_none() {
        let takes = |pattern: &str, path: &str| PathPattern::new(pattern).unwrap().takes(path);
        for path in ["m/a.yaml", "m/x/a.yaml", "m/x/y/a.YAML"] {
            assert!(takes("m/**/*.yaml", path), "{path}");
        }
        assert!(takes("**", "a.yaml") && takes("**/a.yaml", "a.yaml"));
        assert!(takes("m", "m/x/a.yaml") && takes("./m//", "m/a.yaml") && takes(".", "a.yaml"));
        assert!(takes("m/*", "m/x/a.yaml") && takes("m/{a,b}.yaml", "m/b.yaml"));
        assert!(takes("m/[ab].yaml", "m/a.yaml") && !takes("m/[ab].yaml", "m/c.yaml"));
        assert!(!takes("m/*.yaml", "m/x/a.yaml") && !takes("m", "mx/a.yaml"));
        assert!(!takes("m/**/*.yaml", "n/a.yaml") && !takes("m/?.yaml", "m/ab.yaml"));
    }

    #[test]
    fn a_pattern_names_what_is_wrong_with_it() {
        let problem = |pattern: &str| PathPattern::new(pattern).err();
        assert_eq!(problem("m\\*.yaml"), Some(PatternProblem::Backslash));
        assert_eq!(problem("!m"), Some(PatternProblem::Negated));
        for pattern in ["/m", "../m", "m/../../n", "m/*/..", "C:/m", "d:"] {
            assert_eq!(problem(pattern), Some(PatternProblem::Leaves), "{pattern}");
        }
        for pattern in ["m/[a", "m/{a", "m/a}"] {
            assert!(
                matches!(problem(pattern), Some(PatternProblem::Syntax(_))),
                "{pattern}"
            );
        }
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
