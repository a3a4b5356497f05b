//! What is known of a code, for people who met it: the codes of manifests from the model, those of plans and reviews from reconcile.

use deskstate_model::{Explanation, explain_code};
use deskstate_reconcile::codes;

/// The explanation of a code, if there is one.
pub(crate) fn of_code(code: &str) -> Option<&'static Explanation> {
    explain_code(code).or_else(|| codes::EXPLANATIONS.iter().find(|known| known.code == code))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use deskstate_model::explanations;
    use deskstate_reconcile::review::CHECKS;

    use super::*;

    /// The codes that the sources of a crate raise: the first argument of every call that makes a finding. And all its texts that could be codes,
    /// since some calls are given the code by a function.
    fn raised(folder: &Path, codes: &mut BTreeSet<String>, texts: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                raised(&path, codes, texts);
                continue;
            }
            if ["tests.rs", "hostile.rs", "codes.rs"]
                .iter()
                .any(|file| path.ends_with(file))
            {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            texts.extend(text.split('"').map(str::to_owned));
            for call in [
                "Diagnostic::error(",
                "Diagnostic::warning(",
                "Finding::new(",
            ] {
                for (at, _) in text.match_indices(call) {
                    let argument = text[at + call.len()..].trim_start();
                    codes.extend(
                        argument
                            .strip_prefix('"')
                            .and_then(|rest| rest.split('"').next())
                            .map(str::to_owned),
                    );
                }
            }
        }
    }

    #[test]
    fn every_code_that_is_raised_anywhere_is_explained_once_with_rule_reason_and_remedy() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut codes: BTreeSet<String> =
            CHECKS.iter().map(|check| check.code.to_owned()).collect();
        let mut texts = codes.clone();
        for name in ["model", "dataverse", "reconcile", "cli"] {
            raised(&crates.join(name).join("src"), &mut codes, &mut texts);
        }
        let unexplained: Vec<&String> = codes
            .iter()
            .filter(|code| of_code(code).is_none())
            .collect();
        assert!(unexplained.is_empty(), "without words: {unexplained:?}");
        for known in codes::EXPLANATIONS {
            assert!(explain_code(known.code).is_none(), "{} twice", known.code);
            assert!(texts.contains(known.code), "nobody raises {}", known.code);
        }
        for known in explanations().iter().chain(codes::EXPLANATIONS) {
            for part in [known.rule, known.why, known.fix] {
                assert!(part.ends_with('.'), "{}: {part:?}", known.code);
            }
        }
    }
}
