//! Every code: its rule, why there is one, and what to do.

/// What a code means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// The code.
    pub code: &'static str,
    /// The rule, in a sentence.
    pub rule: &'static str,
    /// Why there is such a rule.
    pub why: &'static str,
    /// What to do about a finding.
    pub fix: &'static str,
}

impl Explanation {
    /// What a code means, in three sentences.
    #[must_use]
    pub const fn new(
        code: &'static str,
        rule: &'static str,
        why: &'static str,
        fix: &'static str,
    ) -> Self {
        Self {
            code,
            rule,
            why,
            fix,
        }
    }

    /// The whole as paragraphs of plain text.
    #[must_use]
    pub fn text(&self) -> String {
        let Explanation {
            code: _,
            rule,
            why,
            fix,
        } = self;
        format!("{rule}\n\n{why}\n\nTo do: {fix}\n")
    }
}

/// What a code means; `None` for a word that is no code of the manifests.
#[must_use]
pub fn explain_code(code: &str) -> Option<&'static Explanation> {
    EXPLANATIONS
        .binary_search_by(|known| known.code.cmp(code))
        .ok()
        .map(|at| &EXPLANATIONS[at])
}

/// Every code of the manifests, sorted.
#[must_use]
pub fn explanations() -> &'static [Explanation] {
    EXPLANATIONS
}

const EXPLANATIONS: &[Explanation] = &[
    Explanation::new(
        "absent-with-spec",
        "A document with `metadata.state: absent` has no `spec`.",
        "The row is deleted if it is there, so there is nothing to set on it.",
        "Remove `spec`, or remove `state: absent`.",
    ),
    Explanation::new(
        "auto-accept",
        "`autoAcceptCalls` goes together with `autoAssignWorkItems`.",
        "Microsoft's page offers it only where work items are assigned by themselves; alone it probably has no effect.",
        "Add `autoAssignWorkItems: true`, or remove `autoAcceptCalls`.",
    ),
    Explanation::new(
        "broken-yaml",
        "Every file must be readable as YAML 1.2.",
        "What cannot be read cannot be checked. Reading goes on with the next document after `---`, so that everything else is still reported.",
        "Look at the line and the one before it: a missing quote or bracket, a tab, a `: ` inside a text. A value that begins with a brace must be quoted: `title: \"{customer}\"`.",
    ),
    Explanation::new(
        "contract-conflict",
        "Two contracts must not lock one field to different values.",
        "No manifest could keep both.",
        "Ask the two vendors which value holds, and correct the other contract.",
    ),
    Explanation::new(
        "contract-contains",
        "A set must have the members that a contract asks for.",
        "The vendor's guide needs these links. Links that apply adds by itself count.",
        "Add the member to the set.",
    ),
    Explanation::new(
        "contract-missing",
        "What a contract asks for by name, or at least one resource that passes a rule with `match: some`, must be declared.",
        "Software of the vendor looks for exactly this unique name.",
        "Declare it under that name. If somebody else brings it, declare it with `metadata.state: existing`.",
    ),
    Explanation::new(
        "contract-pattern",
        "A text must have the form that a contract asks for.",
        "The vendor's guide limits the value, often to the vendor's own hosts. `*` is any characters but `/`; at the end of the pattern any characters.",
        "Write a value of that form.",
    ),
    Explanation::new(
        "contract-set",
        "A field must have some value, or a set some member, where a contract asks for it.",
        "The vendor's guide needs one, whichever it is.",
        "Give the field a value.",
    ),
    Explanation::new(
        "duplicate-key",
        "A key stands once in a mapping.",
        "YAML parsers differ in which of two they take, so one of them would be ignored without a word.",
        "Keep one of the two.",
    ),
    Explanation::new(
        "duplicate-resource",
        "A resource is declared once per environment; a contract, a rule's id and an overlay document once.",
        "Names are compared without case and outer blanks: the database takes them for one.",
        "Keep one of the two documents, rename one, or limit each to other environments with `metadata.environments`.",
    ),
    Explanation::new(
        "empty-list",
        "A list that limits something names at least one thing.",
        "A document with `environments: []` would count nowhere, and nobody would be told.",
        "Leave the list out for all, or name some; remove the document if it is to count nowhere.",
    ),
    Explanation::new(
        "empty-text",
        "An empty text is no value.",
        "The server stores an empty text as null, so the two would never be equal.",
        "Write `null` to clear the field, or leave it out.",
    ),
    Explanation::new(
        "encoding",
        "Files are written in UTF-8.",
        "Another encoding would change letters without a word. A byte order mark is allowed and ignored.",
        "Save the file as UTF-8.",
    ),
    Explanation::new(
        "exact-on-existing",
        "An exact set on a resource with `metadata.state: existing` is probably not meant.",
        "Somebody else brings the resource and may link things that this project does not know; an exact set takes them away.",
        "Write `{mode: atLeast, members: [...]}`.",
    ),
    Explanation::new(
        "field-order",
        "The order of notification fields rises along the list of every template.",
        "Dataverse keeps the order on the field and not on the link, so a shared field has one order for all templates. Fields of one template count from 1 unless they say otherwise.",
        "Change `order` of one of the two, or their places in the list.",
    ),
    Explanation::new(
        "file-not-read",
        "Every YAML file below a folder of manifests or an overlay is read, or listed under `ignoreFiles`.",
        "A file that a pattern misses declares nothing, and with `prune: owned` the next apply would delete its rows. Windows and macOS keep only one of two files whose names differ only in case.",
        "Correct the pattern under `manifests`, rename the file, or add it to `ignoreFiles` in `deskstate.yaml`.",
    ),
    Explanation::new(
        "file-pattern",
        "Patterns for files use `/` and the wildcards `*`, `?`, `**`, `[a-c]` and `{a,b}`.",
        "A pattern means the same files on every system. What to leave out is listed under `ignoreFiles`.",
        "Correct the pattern. Write `[[]` for a bracket and `[{]` for a brace in a name.",
    ),
    Explanation::new(
        "first-party-channel",
        "Microsoft's own channel provider is not a member of `channelProviders`, and a plan does not take it from a profile by accident.",
        "It is the toggle All active channels of the admin page: without it agents get no chat and no voice of the product. With a field of its own, no list takes it away.",
        "Write `allActiveChannels: true` or `false`. A plan that switches it off needs the `--allow channel=…` that the finding prints.",
    ),
    Explanation::new(
        "generic-template",
        "Profiles take session templates of type Entity.",
        "Microsoft's pages attach Generic templates to workstreams. Some vendors' guides attach them to profiles all the same.",
        "Use an Entity template; where a guide wants a Generic one, say so in a contract with `contains: {sessionTemplates: [...]}`, which silences the warning.",
    ),
    Explanation::new(
        "https-needed",
        "Third-party sites, trusted domains, channel URLs and environments are reached over https.",
        "The product refuses other sites, and browsers do not show them in a frame. Plain http is for an environment on this machine alone.",
        "Write the address with `https://`. Slugs may stand behind the host.",
    ),
    Explanation::new(
        "icon",
        "A session icon is no GIF and holds no slugs; a desktop notification shows no SVG.",
        "Documented on Microsoft's pages on session and notification templates.",
        "Use a PNG.",
    ),
    Explanation::new(
        "loader-extension",
        "A profile with channel providers keeps the extension `msdyn_CIFV2Loader`.",
        "Without it the widgets of CIF v2 do not load. An exact list of extensions without it would take it away; where it stands under `without`, somebody means that, and it is a warning.",
        "Add `msdyn_CIFV2Loader` to `extensions`, or leave `extensions` out.",
    ),
    Explanation::new(
        "locked-value",
        "A value that a contract locks must be exactly that one, and must be given.",
        "The vendor's software depends on it. A field that the manifest leaves out is not watched, so nothing would guarantee the value.",
        "Set the field to the locked value, or remove the contract from `deskstate.yaml`.",
    ),
    Explanation::new(
        "look-alike",
        "Unique names contain only characters that people can see and tell apart.",
        "An invisible character, or a Cyrillic letter in a Latin word, makes another name that looks the same, and the existing row is not found. The rules are those of Unicode for identifiers (UTS #39). A word that looks Latin as a whole is only a warning.",
        "Type the name again. For a row that exists under such a name, write `metadata.state: existing`.",
    ),
    Explanation::new(
        "merge-key",
        "Merge keys (`<<`) are not part of the language.",
        "They are no part of YAML 1.2, and which of two values wins is easily misread.",
        "Write the keys out. A whole value can be repeated with an anchor and an alias; what differs per environment belongs in an overlay.",
    ),
    Explanation::new(
        "missing-field",
        "A document that may have to create its row gives every required field.",
        "An empty environment can then be built from the manifests. Documents with `metadata.state: existing` and overlays give what they want.",
        "Add the field. `deskstate explain KIND` lists the required ones.",
    ),
    Explanation::new(
        "name-shape",
        "Names of projects, environments, contracts, rules and labels are letters, digits, `-`, `_` and `.`, up to 63. Variables are a letter, then letters, digits and `_`. Prefixes are letters and digits. Patterns are `Kind/name`.",
        "They stand in commands, file names and reports.",
        "Choose another name.",
    ),
    Explanation::new(
        "no-manifests",
        "A path under `manifests` or `overlay` contains no YAML file.",
        "An empty project is valid, but more often the path is wrong.",
        "Correct the path, remove it, or add a manifest.",
    ),
    Explanation::new(
        "no-project",
        "A project has a file `deskstate.yaml` at its root.",
        "It says which manifests there are and which environments.",
        "Change to the folder that holds it, or start one with `deskstate init`.",
    ),
    Explanation::new(
        "not-a-manifest",
        "Every document has `apiVersion`, `kind` and `metadata.name`.",
        "They say in which language it is, what it declares, and under which name.",
        "Add what is missing: `apiVersion: deskstate/v1`, `kind: SessionTemplate`, `metadata: {name: contoso_callSession}`.",
    ),
    Explanation::new(
        "not-clearable",
        "`null` clears texts, numbers and lookups. Flags, choices, sets and required fields have a value or are left out.",
        "A flag without a value means what the product makes of it; for a set, none is written `[]`.",
        "Write a value, write `[]`, or leave the key out.",
    ),
    Explanation::new(
        "not-supported-yet",
        "`localized` is reserved.",
        "Texts are those of the organisation's base language; other languages cannot be declared yet.",
        "Remove it.",
    ),
    Explanation::new(
        "one-of",
        "Of some keys exactly one is given: `text`, `macro` and `script` of a step; `url` and `emulator` of an environment; `user` and `team` of an owner; a field and its `…File`.",
        "Two would contradict each other.",
        "Keep one.",
    ),
    Explanation::new(
        "one-template-per-entity",
        "A profile has at most one Entity session template per entity.",
        "With two the product could not know which one opens a record. Documented on Microsoft's page on the app profile manager.",
        "Keep one of the two.",
    ),
    Explanation::new(
        "out-of-range",
        "A number lies within the range of its column.",
        "The server refuses others.",
        "Write a number in the range that `deskstate explain KIND.field` tells.",
    ),
    Explanation::new(
        "overlay",
        "An overlay changes a document of the base; it does not take away required fields, and `environments` belongs in the base.",
        "A slip in a name would otherwise make the change disappear without a word.",
        "Correct the name, or declare the resource in a manifest folder.",
    ),
    Explanation::new(
        "part-name",
        "Every part has a unique name of its own, given or derived.",
        "Derived names keep ASCII letters and digits, and a hash where others are lost, so two headings can come out alike.",
        "Give `name`.",
    ),
    Explanation::new(
        "path-outside",
        "Paths stay inside the folder of the project.",
        "What a commit means is then fixed by the commit. Absolute paths, `..` and links that lead out are refused.",
        "Move the file into the project.",
    ),
    Explanation::new(
        "preferred-value",
        "A contract prefers another value.",
        "The vendor's guide recommends it, and works without.",
        "Take the preferred value unless there is a reason.",
    ),
    Explanation::new(
        "profile-rank",
        "Ranks of profiles are different, and a profile with roles has one.",
        "The lower rank decides which profile somebody with several roles gets. The admin page refuses the same rank twice.",
        "Give each profile a rank of its own, 0 to 100.",
    ),
    Explanation::new(
        "protected-absent",
        "What the project protects is not declared absent.",
        "Nothing ever deletes what is protected, so the document could not be carried out.",
        "Remove the document, or narrow the pattern under `protect`.",
    ),
    Explanation::new(
        "reserved-prefix",
        "Unique names that begin with `msdyn_` cannot be created, and the prefix cannot be owned.",
        "It is Microsoft's.",
        "Choose another prefix. For a row that is there already, write `metadata.state: existing`, or just refer to it.",
    ),
    Explanation::new(
        "secret",
        "Credentials are not kept in manifests.",
        "Manifests are in git, in plans and in reports. What was committed once must be taken for known.",
        "Take the value out and replace the credential where it is valid. If it is none, write `# deskstate: allow-secret` at the end of the line.",
    ),
    Explanation::new(
        "session-type",
        "`entity` belongs to sessions of type Entity; `anchorTab` and `sessionIcon` to Generic ones; the anchor tab is no additional tab.",
        "The form offers each for one type only and cannot be saved without it. Sessions of records hide the communication panel.",
        "Add or remove the field, or change `type`.",
    ),
    Explanation::new(
        "set-members",
        "A set has every member once, nobody both in `members` and in `without`, and `without` only with `mode: atLeast`.",
        "The order of a set means nothing, so a second mention is a slip.",
        "Remove one of the two.",
    ),
    Explanation::new(
        "shared-pane",
        "Two profiles with one productivity pane are unusual.",
        "The admin page makes one pane per profile; a change there may reach both.",
        "Give each profile a pane of its own, unless you mean it.",
    ),
    Explanation::new(
        "slug",
        "A slug is one that the product documents, or one that a channel provider passes.",
        "An unknown slug is shown as it stands, or drops the whole value. `{name}` is for templates, `${name}` for scripts.",
        "Correct the name. Slugs of a channel provider are fine: the warning goes away once one is declared.",
    ),
    Explanation::new(
        "tab-parameters",
        "A tab has the parameters that its page type needs, with values that the product knows.",
        "Documented on Microsoft's page on application tab templates. A view or form is looked up by name in its table, so the table must be known.",
        "Add or correct the parameter.",
    ),
    Explanation::new(
        "text-blanks",
        "A text does not begin or end with blanks or line breaks.",
        "They cannot be seen, and the server may drop them.",
        "Remove them. A text of several lines begins with `|-`, which keeps no line break at the end.",
    ),
    Explanation::new(
        "too-long",
        "A text fits its column, after variables are filled in; JSON as it is stored.",
        "The server refuses longer ones.",
        "Shorten it.",
    ),
    Explanation::new(
        "too-many",
        "A list has no more items than the product takes: a notification at most four fields.",
        "Documented on Microsoft's page on notification templates.",
        "Remove some.",
    ),
    Explanation::new(
        "undocumented-parameter",
        "A tab's parameter is one that Microsoft documents for its page type.",
        "Others may work, and are sent as they stand; a slip looks the same.",
        "Correct the name, or keep it if you know that it works.",
    ),
    Explanation::new(
        "unique-name",
        "A unique name is a prefix of 3 to 8 letters and digits, an underscore and a name, together at most 128 characters.",
        "Microsoft writes the rule for profiles, session and tab templates, channel providers, scripts and their steps; for the other kinds it is likely, so there it is a warning. References and `existing` documents are not held to it.",
        "Choose a name such as `contoso_callSession`. It cannot be changed later.",
    ),
    Explanation::new(
        "unknown-environment",
        "Environments are named as in `deskstate.yaml`.",
        "Another name would make a document disappear without a word.",
        "Correct the name, or add the environment.",
    ),
    Explanation::new(
        "unknown-field",
        "Every key is a field of its kind.",
        "A misspelt key would be ignored, and the value never arrive.",
        "Correct the key. `deskstate explain KIND` lists the fields.",
    ),
    Explanation::new(
        "unknown-kind",
        "`kind` is one of the kinds of the language.",
        "What is declared decides which fields there are.",
        "Correct the word. Contracts are listed under `spec.contracts` and kept outside the manifest folders.",
    ),
    Explanation::new(
        "unknown-reference",
        "A name of another resource is declared in every environment where it is needed, in any state but `absent`; names with the prefix `msdyn_` are looked up in the environment.",
        "An empty environment could not be built otherwise, and a slip would only be found while writing.",
        "Correct the name, declare the resource, or declare it with `metadata.state: existing` and no `spec` if somebody else brings it.",
    ),
    Explanation::new(
        "unknown-value",
        "A choice is one of its words, and other values have the form that is asked for.",
        "The server knows no others.",
        "Write one of the words that the message lists.",
    ),
    Explanation::new(
        "unknown-variable",
        "Every variable has a value in every environment where it is used.",
        "A value must not depend on who runs the tool, so there is no fallback to the process environment.",
        "Add it to `variables` of the project or of the environment.",
    ),
    Explanation::new(
        "unquoted-brace",
        "A text that begins with a brace is quoted.",
        "In YAML `{customer}` is a mapping, not text.",
        "Write `\"{customer}\"`.",
    ),
    Explanation::new(
        "unreadable-file",
        "Every file that the project names can be read.",
        "A file that is missing could hold half of the desktop.",
        "Correct the path or the permissions.",
    ),
    Explanation::new(
        "user-in-two-profiles",
        "A user is assigned to one profile.",
        "An agent has one profile; a third party reports one per app, so across apps it is a warning.",
        "Keep the user in one of the two.",
    ),
    Explanation::new(
        "user-reference",
        "A user is written as user principal name, e-mail address or Entra object id.",
        "Nothing else names one person in every environment.",
        "Write `ada@contoso.com`, or the object id.",
    ),
    Explanation::new(
        "variable-placement",
        "Variables stand in values under `spec` and `metadata.labels` only, and not in the values of other variables.",
        "Names are the same in every environment, and what a variable means can be seen in one place.",
        "Write the value out.",
    ),
    Explanation::new(
        "variable-syntax",
        "A variable is written `${{ vars.name }}`.",
        "There are no functions and no other namespaces. `{slug}` and `${slug}` belong to Dynamics and pass untouched.",
        "Correct it; `$${{` stands for the characters themselves.",
    ),
    Explanation::new(
        "variable-type",
        "Inside a text a variable is text, a number or a flag.",
        "A list or mapping has no form there. As a whole value a variable keeps its type.",
        "Use it as the whole value.",
    ),
    Explanation::new(
        "wrong-type",
        "A value has the type of its field.",
        "`Yes`, `No` and `on` are text in YAML 1.2; flags are `true` and `false`. `12` is a number; where text is needed it is quoted.",
        "Write the value in the type that the message names.",
    ),
    Explanation::new(
        "yaml-key",
        "Keys are text or numbers.",
        "YAML allows lists and mappings as keys; they have no meaning here, and come mostly from a brace without quotes.",
        "Quote the value that holds the brace.",
    ),
    Explanation::new(
        "yaml-limits",
        "Files have at most 16 MiB, projects 512 MiB; nesting has at most 64 levels; aliases stand for at most 10,000 values in a file.",
        "A small file must not be able to take all memory.",
        "Split the file, or write aliases out.",
    ),
    Explanation::new(
        "yaml-number",
        "Numbers are finite and fit 64 bits. A number that is stored as text is written as it is stored.",
        "JSON, in which they are sent, has no others; and `0400` or `1.10` would silently become `400` or `1.1`.",
        "Quote the value to make it text.",
    ),
    Explanation::new(
        "yaml-tag",
        "Tags such as `!!str` are not part of the language.",
        "The type of every field is known.",
        "Remove the tag; quote a value to make it text.",
    ),
    Explanation::new(
        "yaml-text",
        "Texts hold no control characters.",
        "They cannot be seen, and can change what a terminal shows.",
        "Remove them.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_table_is_sorted_without_repetition() {
        assert!(EXPLANATIONS.is_sorted_by(|left, right| left.code < right.code));
        assert_eq!(
            explain_code("locked-value").map(|found| found.code),
            Some("locked-value")
        );
        assert_eq!(explain_code("nothing"), None);
    }

    /// Every word that stands as the first argument of `Diagnostic::error` and `Diagnostic::warning`, or as a code in a table of the sources.
    fn raised(folder: &Path, codes: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("explain") {
                    raised(&path, codes);
                }
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for call in ["Diagnostic::error(", "Diagnostic::warning("] {
                for (at, _) in text.match_indices(call) {
                    let argument = text[at + call.len()..].trim_start();
                    if let Some(code) = argument
                        .strip_prefix('"')
                        .and_then(|rest| rest.split('"').next())
                    {
                        codes.insert(code.to_owned());
                    }
                }
            }
        }
    }

    #[test]
    fn every_code_that_is_raised_is_explained_and_the_other_way_round() {
        let mut codes = BTreeSet::new();
        raised(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut codes,
        );
        // Given by a table in `checks/contracts.rs` and by `FileProblem::code`.
        codes.extend(
            [
                "contract-contains",
                "contract-missing",
                "contract-pattern",
                "contract-set",
                "locked-value",
                "preferred-value",
                "encoding",
                "path-outside",
                "unreadable-file",
                "yaml-limits",
            ]
            .map(str::to_owned),
        );
        let explained: BTreeSet<String> = EXPLANATIONS
            .iter()
            .map(|known| known.code.to_owned())
            .collect();
        assert_eq!(codes, explained);
    }
}
