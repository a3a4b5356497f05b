//! Every code of a plan, its review and an undo: its rule, why there is one, and what to do.

use deskstate_model::Explanation;

/// What the codes of plans, reviews and undos mean, sorted.
pub const EXPLANATIONS: &[Explanation] = &[
    Explanation::new(
        "address-changed",
        "A plan says so when the address of a channel provider, its trusted domain or the script of an extension becomes another.",
        "Code of that address runs in the agents' browser, with their session. A change of one word decides whose code it is.",
        "Look whose address it is. `policy: {address-changed: deny}` refuses such plans, `allow` is silent about them.",
    ),
    Explanation::new(
        "ambiguous-row",
        "One live row has the identity that a manifest names.",
        "There are several: names are compared without case, and some tables do not keep them unique. Which one is meant cannot be told, and nothing is guessed.",
        "Delete or rename all but one in the environment.",
    ),
    Explanation::new(
        "column-missing",
        "The environment has a column for every field that a manifest sets. A field that is set to `null` needs none.",
        "Older versions of the app lack some columns, so the value could not be stored.",
        "Update the app in the environment, or leave the field out there with `metadata.unmanaged` in its overlay.",
    ),
    Explanation::new(
        "contract-broken",
        "A plan breaks no rule of a contract that the environment keeps.",
        "What a vendor's guide demands holds now and would not any more: by what the plan writes, deletes or takes away.",
        "Declare what the contract demands. If the vendor agreed, the finding names the override for one run.",
    ),
    Explanation::new(
        "contract-stays-broken",
        "A plan says so when the environment breaks a rule of a contract and still does afterwards.",
        "It is about live rows, declared or not: a field that no document gives is not put right by an apply.",
        "Declare the field, so that apply writes it. `policy: {contract-stays-broken: deny}` refuses plans until then.",
    ),
    Explanation::new(
        "contract-unknown",
        "Whether the environment keeps a rule of a contract is known.",
        "Rows, links or names that decide about the rule could not be read, for example because the caller may not read all rows of a table. The rule may be broken, so `plan` and `drift` exit with 1.",
        "Give the caller the missing rights: `deskstate doctor --env NAME` lists them, and `deskstate check --env NAME` lists everything that is unknown.",
    ),
    Explanation::new(
        "customizations-blocked",
        "Where unmanaged customisations are blocked, no component is written.",
        "The server would refuse it. The setting is `Block unmanaged customizations` of the environment.",
        "Let the components come with a managed solution, and write `writes: assignments` for the environment: then only users are assigned.",
    ),
    Explanation::new(
        "existing-missing",
        "A resource that is declared with `metadata.state: existing` is there.",
        "Somebody else brings it, so it is never created.",
        "Bring it with the solution or the project that it belongs to, correct the name, or declare it as present.",
    ),
    Explanation::new(
        "foreign-language",
        "Texts are read and written in the organisation's base language.",
        "Dataverse gives texts in the caller's language. In another one they would look changed, and a write would land in the wrong translation; so they are neither compared nor written.",
        "Set the language in the personal settings of the user that signs in.",
    ),
    Explanation::new(
        "id-taken",
        "The id that a new row gets is free.",
        "Ids follow from names, so that every environment has the same ones and a repeated create is recognised. The row that has this one was renamed or cut off from its parent by hand.",
        "Set that row right as it was declared, or delete it; the finding names its table and id.",
    ),
    Explanation::new(
        "inactive-row",
        "A declared row is active, or its manifest says that it is not.",
        "An inactive row does nothing for agents, whatever its other columns hold. Where a manifest leaves `status` out, deskstate does not compare it.",
        "Activate the row in the environment, or write `status: Active` or `status: Inactive` into the manifest.",
    ),
    Explanation::new(
        "loader-removed",
        "A profile with channel providers keeps the extension that loads the widgets of CIF v2.",
        "Without it they do not load, and agents cannot take calls.",
        "Add the extension to the set again. If it is meant, allow it for the run with the `--allow loader=…` that the finding prints.",
    ),
    Explanation::new(
        "lookup-missing",
        "What a manifest names in the environment is there: users, teams, roles, web resources, views, forms, dashboards, macros, and rows of Microsoft's.",
        "They are looked up by name and never created.",
        "Correct the name, or bring it into the environment first.",
    ),
    Explanation::new(
        "lookup-unfit",
        "What a manifest names in the environment is of the sort that is needed.",
        "Something has the name and cannot be used: a user who is disabled, a team or a view of the wrong type. The finding says which.",
        "Name another, or set it right in the environment.",
    ),
    Explanation::new(
        "lookup-unreadable",
        "The caller may read what a manifest names in the environment.",
        "Otherwise nobody can say whether it is there.",
        "Give the caller read access to the whole organisation; `deskstate doctor --env NAME` lists what is missing.",
    ),
    Explanation::new(
        "managed-link",
        "A link that came with a managed solution is not taken away.",
        "Both of its rows belong to the solution, and so does the link: the next update would bring it back.",
        "Leave the member in the set, or write the set with `mode: atLeast`.",
    ),
    Explanation::new(
        "managed-row",
        "Rows that came with a managed solution, and Microsoft's own, are not changed or deleted.",
        "A change is a layer on top of the solution that hides its later updates, or is overwritten by the next update of the product.",
        "Change it where it comes from, or leave the fields out. `--allow-managed` makes the change all the same.",
    ),
    Explanation::new(
        "many-agents",
        "A plan says so when it reaches more than ten times `removals.maxAgents` agents.",
        "A slip is dear then, and agents get changes when they next sign in or reload, in the middle of a shift.",
        "Apply it when few of them work, or in parts with selectors.",
    ),
    Explanation::new(
        "not-customizable",
        "A row that its publisher locked is left alone.",
        "Its managed property says that nobody may change it, and the server refuses to.",
        "Leave the fields out, or declare the row with `metadata.state: existing`.",
    ),
    Explanation::new(
        "nothing-declared",
        "With `prune: owned`, the manifests declare at least one resource.",
        "Without any, `prune` would delete every row under the owned prefixes. More often the manifests are lost or the path is wrong, so nothing is pruned, and `plan`, `apply` and `drift` exit with 1.",
        "Restore the manifests or correct `manifests`. To delete these rows, declare them with `state: absent`; to leave them alone, write `prune: never`.",
    ),
    Explanation::new(
        "option-missing",
        "The environment has every option that a manifest chooses.",
        "Older versions of the app lack some options of their choice columns, and the server refuses a number that it does not know.",
        "Update the app in the environment, or choose another option there in its overlay.",
    ),
    Explanation::new(
        "part-elsewhere",
        "A part, such as a step of a script, belongs to the resource that declares it.",
        "Its unique name is taken by a part of another resource, and parts are not moved.",
        "Give the part another `name`.",
    ),
    Explanation::new(
        "protected",
        "What `protect` names is never deleted.",
        "It stands in the project file so that no slip, no prune and no override of one run takes it away.",
        "Keep the resource. If it must go, take the pattern out of `protect` in a change of its own.",
    ),
    Explanation::new(
        "prune-to-empty",
        "Pruning leaves something of every kind under the owned prefixes.",
        "A kind that disappears as a whole is more often a folder that was not loaded than a wish.",
        "Check that all manifests were loaded. If it is meant, allow it for the run with the `--allow prune=…` that the finding prints.",
    ),
    Explanation::new(
        "pruned",
        "A plan that deletes a row because nobody declares it names the file that used to declare it, as far as git knows.",
        "A file that was moved, renamed or deleted by mistake takes its rows along with `prune: owned`.",
        "If the row is to stay, restore the file from the commit that the finding names.",
    ),
    Explanation::new(
        "rank-tie",
        "No profile outside of the project has the rank and a security role of a profile in it.",
        "The lower rank decides which profile the holders of a role get. Microsoft's pages do not say what happens when two ranks are equal.",
        "Give one of the two another `rank`, or take the role from one of them.",
    ),
    Explanation::new(
        "relationship-missing",
        "The environment has the many-to-many relationship of every set that a manifest gives members. An empty set needs none.",
        "Older versions of the app lack some relationships, so the links could not be stored.",
        "Update the app in the environment, or leave the field out there with `metadata.unmanaged` in its overlay.",
    ),
    Explanation::new(
        "removals",
        "A plan takes away no more than `removals` lets pass: a share of what is there, and from so many agents.",
        "A slip in a set or a missing folder looks like a wish to delete. Where nobody can count the agents, that counts as too many.",
        "Look at what goes. If it is meant, allow it for the run with the `--allow delete=…` or `unlink=…` that the finding prints, or change `removals`.",
    ),
    Explanation::new(
        "server-refused",
        "The server takes every write of a transaction, or none.",
        "It refused the write of this resource, so nothing of the transaction happened. Its own words, the status, its code and the id of the request follow below.",
        "Set right what the server names and run apply again; with the id of the request support finds it.",
    ),
    Explanation::new(
        "set-emptied",
        "A set or list that has members keeps one.",
        "`[]` takes every user, tab or channel away; it is written by mistake more easily than on purpose.",
        "Leave the key out if the set is not yours. If it is meant, allow it for the run with the `--allow empty=…` that the finding prints.",
    ),
    Explanation::new(
        "ships-by-solution",
        "In an environment with `writes: assignments` or `writes: none`, the other changes are shown and not written.",
        "They are expected to arrive with a managed solution.",
        "Import the solution that holds them; the finding goes away once they are there. `writes: all` lets them be written.",
    ),
    Explanation::new(
        "still-referenced",
        "A row is deleted when nothing that stays refers to it.",
        "The server takes the links away without a word, or refuses the delete.",
        "Take the reference away first, in the manifests or in the environment.",
    ),
    Explanation::new(
        "table-missing",
        "The environment has the tables of everything that is declared for it.",
        "The app that brings the table is not installed, or is too old.",
        "Install or update the app. Otherwise declare the document for other environments only with `metadata.environments`, or leave the field out there with `metadata.unmanaged` in an overlay.",
    ),
    Explanation::new(
        "team-unreadable",
        "The members of a team that stands in a set can be told.",
        "The team is not there, not readable, without a visible member, or too large to be read whole. With half of the members, the others would lose their profile.",
        "Let the caller read the team and its users, or list the users.",
    ),
    Explanation::new(
        "undo-changed",
        "A row is put back only if nobody changed it since the apply that is undone.",
        "What somebody did afterwards would be lost.",
        "Look at it with `deskstate drift --env NAME`, and change it by manifests.",
    ),
    Explanation::new(
        "undo-elsewhere",
        "An undo file is used for the organisation that it was written for.",
        "It names rows by their ids, and holds what they were there.",
        "Choose the environment with `--env`, or the file that belongs to it.",
    ),
    Explanation::new(
        "undo-link",
        "A link comes back when both of its rows are there.",
        "One of the two was deleted since the apply; everything else is put back.",
        "Nothing, if that is as it should be. Otherwise declare the missing row.",
    ),
    Explanation::new(
        "unknown-prefix",
        "A new unique name has the prefix of a publisher of the environment.",
        "Some tables refuse others; whether this one does is not documented.",
        "Create a publisher with the prefix, or take a name under one that is there.",
    ),
    Explanation::new(
        "unreadable",
        "Where the caller may not see all rows, nothing is created, deleted or unlinked.",
        "Unreadable is not absent: nobody can say whether a row is there.",
        "Give the caller read access to the whole organisation; `deskstate doctor --env NAME` lists what is missing.",
    ),
    Explanation::new(
        "user-has-profile",
        "A user who is added to a set has no other profile, or leaves it by declaration.",
        "A user has one profile. The other one is not declared here, so taking the user out of it is somebody else's matter.",
        "Write `moves: allow` into the set, declare that profile, or leave the user out.",
    ),
    Explanation::new(
        "user-moves",
        "A plan says so when a user leaves another profile for this one.",
        "A user has one profile per app; for the agent the whole desktop changes.",
        "Nothing, if that is meant. Otherwise take the user out of one of the two sets.",
    ),
    Explanation::new(
        "user-skipped",
        "Users who are disabled, deleted or applications are skipped.",
        "They have no desktop, and the server refuses some of them.",
        "Take the user out of the set, or enable the user.",
    ),
    Explanation::new(
        "workstream-names",
        "A template that a workstream names is not deleted.",
        "Workstreams keep the name as text, so Dataverse does not protect it: calls would come in without a session or a notification.",
        "Give the workstream another template first. If it is meant, allow it for the run with the `--allow reference=…` that the finding prints.",
    ),
    Explanation::new(
        "workstreams-unread",
        "A template is deleted when workstreams can be read.",
        "They keep names of templates as text; unread, nobody can say whether one still names it.",
        "Let the caller read workstreams, or allow it for the run with the `--allow reference=…` that the finding prints.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::CHECKS;

    #[test]
    fn the_codes_are_sorted_without_repetition() {
        assert!(EXPLANATIONS.is_sorted_by(|left, right| left.code < right.code));
    }

    #[test]
    fn every_check_of_review_is_explained() {
        for check in CHECKS {
            assert!(
                EXPLANATIONS.iter().any(|known| known.code == check.code)
                    || deskstate_model::explain_code(check.code).is_some(),
                "{} is not explained",
                check.code
            );
        }
    }
}
