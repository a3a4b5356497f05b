//! "Did you mean": finds the nearest of some known words.

/// Returns the candidate nearest to a word, if the word is likely a misspelling of it: different case, or a few letters.
#[must_use]
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // Comparing takes the product of both lengths, and no name is as long as that.
    const LONGEST: usize = 512;
    if word.len() > LONGEST {
        return None;
    }
    let folded = word.to_lowercase();
    let allowed = (folded.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(folded.len()) <= allowed + 4)
        .map(|candidate| (distance(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *candidate != word)
        .min_by(|left, right| left.cmp(right))
        .map(|(_, candidate)| candidate)
}

/// Returns the only candidate whose parts begin with those of a shortened word, in their order: `AppTab` is short for `ApplicationTab`.
pub(crate) fn abbreviated<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let wanted = parts(word);
    let fits = |candidate: &&str| {
        let mut rest = parts(candidate).into_iter();
        let mut fits = wanted.iter();
        fits.all(|part| part.len() > 1 && rest.any(|whole| whole.starts_with(part.as_str())))
    };
    let mut found = candidates.into_iter().filter(fits);
    found
        .next()
        .filter(|_| !wanted.is_empty() && found.next().is_none())
}

/// Splits a word at its capitals and at signs between letters; the parts are in lower case.
fn parts(word: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut within = false;
    for letter in word.chars() {
        let is_letter = letter.is_alphanumeric();
        if is_letter && (letter.is_uppercase() || !within) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut().filter(|_| is_letter) {
            part.extend(letter.to_lowercase());
        }
        within = is_letter;
    }
    parts
}

/// Number of letters to insert, remove, replace or swap with their neighbour (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (row, &from) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, &to) in right.iter().enumerate() {
            let mut best = (above[column] + usize::from(from != to))
                .min(above[column + 1] + 1)
                .min(current[column] + 1);
            let swapped = row > 0 && column > 0 && from == right[column - 1] && left[row - 1] == to;
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above[right.len()]
}

/// Formats a list as `a`, `b` or `c`, each in backticks.
pub(crate) fn one_of(words: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let words = ["displayName", "anchorTab", "title", "type"];
        assert_eq!(nearest("anchortab", words), Some("anchorTab"));
        assert_eq!(nearest("dispalyName", words), Some("displayName"));
        assert_eq!(nearest("titel", words), Some("title"));
        assert_eq!(nearest("owner", words), None);
        assert_eq!(nearest("", words), None);
    }

    #[test]
    fn a_shortened_word_is_recognised_where_it_is_the_only_one() {
        let kinds = [
            "ApplicationTab",
            "SessionTemplate",
            "PaneTool",
            "ProductivityPane",
        ];
        assert_eq!(abbreviated("AppTab", kinds), Some("ApplicationTab"));
        assert_eq!(abbreviated("app-tab", kinds), Some("ApplicationTab"));
        assert_eq!(abbreviated("Session", kinds), Some("SessionTemplate"));
        assert_eq!(abbreviated("ProdPane", kinds), Some("ProductivityPane"));
        for unclear in ["P", "TabApp", "", "Tabs", "Agent"] {
            assert_eq!(abbreviated(unclear, kinds), None, "{unclear}");
        }
        assert_eq!(abbreviated("Pane", ["PaneTool", "PaneEntry"]), None);
    }

    #[test]
    fn words_are_listed_with_or() {
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
        assert_eq!(one_of(["a"]), "`a`");
    }
}
