//! What is known of a code, for people who met it: the codes of manifests from the model, those of plans and reviews from here.

use deskstate_model::{Explanation, explain_code};

/// The explanation of a code, if there is one: paragraphs of plain text.
pub(crate) fn of_code(code: &str) -> Option<String> {
    let of_plan = || {
        PLANS
            .iter()
            .find(|(known, _)| *known == code)
            .map(|(_, text)| (*text).to_owned())
    };
    explain_code(code).map(Explanation::text).or_else(of_plan)
}

/// Codes of plans and of their review, sorted.
const PLANS: &[(&str, &str)] = &[
    (
        "ambiguous-row",
        "Two live rows have the identity that a manifest names.\n\nNothing is guessed: delete or rename all but one in the environment.",
    ),
    (
        "column-missing",
        "The environment lacks a column that a field of a manifest is kept in.\n\nUpdate the environment, or leave the field out there with `metadata.unmanaged` in its overlay.",
    ),
    (
        "customizations-blocked",
        "The environment blocks unmanaged customisations, so nothing is sent.\n\nLet the configuration come with a managed solution, and set `writes: assignments` for the environment.",
    ),
    (
        "existing-missing",
        "A document says `state: existing`, and the row is not there.\n\nBring it with the solution or the project that it belongs to; deskstate never creates it.",
    ),
    (
        "foreign-language",
        "The caller's language is not the organisation's base language, so texts are neither compared nor written.\n\nSet the language in the personal settings of the user that signs in.",
    ),
    (
        "lookup-missing",
        "The environment has nothing of the name that a manifest looks up.\n\nCorrect the name, or create it in the environment: what is looked up is never created.",
    ),
    (
        "lookup-unreadable",
        "Nobody can say whether what a manifest looks up is there, because the caller may not read it.\n\nGive the caller read access to the whole organisation; `deskstate doctor` lists what is missing.",
    ),
    (
        "managed-row",
        "The row came with a managed solution, and changing it would put a layer over that solution.\n\nChange it in the solution, or leave the fields out.",
    ),
    (
        "many-agents",
        "The plan takes something from more agents than `removals.maxAgents` allows.\n\nLook at whom it reaches; the finding names the override.",
    ),
    (
        "not-customizable",
        "The publisher of the row does not let others change it.\n\nLeave the fields out, or declare the row `state: existing`.",
    ),
    (
        "still-referenced",
        "A row that is to be deleted is still named by another.\n\nTake the reference away first, in the manifests or in the environment.",
    ),
    (
        "table-missing",
        "The environment has no table for this kind.\n\nUpdate the environment, or declare the document for other environments only (`metadata.environments`).",
    ),
    (
        "team-unreadable",
        "The members of a team cannot be told: it is not there, not readable, without a visible member, or too large to be read whole.\n\nLet the caller read the team and its users, or list the users.",
    ),
    (
        "unknown-prefix",
        "No publisher of the environment has the prefix of this unique name.\n\nSome tables refuse such names. Create a publisher with the prefix, or take a name under one that is there.",
    ),
    (
        "unreadable",
        "The caller may not see all rows, so nobody can say whether one is there. Nothing is created, deleted or unlinked there.\n\nGive the caller read access to the whole organisation.",
    ),
    (
        "user-has-profile",
        "A user in a set has a profile that is not declared here, and a user has one profile.\n\nWrite `moves: allow` into the set, declare that profile, or leave the user out.",
    ),
    (
        "user-moves",
        "A user leaves another profile for this one: a user has one profile per app.\n\nNothing is to be done if that is meant.",
    ),
    (
        "user-skipped",
        "A user in a set is disabled, deleted or an application, and is skipped.\n\nTake the user out of the set, or enable the user.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_plans_are_sorted_and_none_is_the_models() {
        assert!(PLANS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (code, text) in PLANS {
            assert!(explain_code(code).is_none(), "{code} is explained twice");
            assert!(text.contains("\n\n"), "{code} says nothing of what to do");
        }
    }
}
