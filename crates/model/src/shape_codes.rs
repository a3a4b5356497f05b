//! Codes of documents that do not fit the schema of their kind.

use crate::explanation::Explanation;

pub(crate) const ABSENT_WITH_SPEC: Explanation = Explanation::new(
    "absent-with-spec",
    "A document with `metadata.state: absent` has no `spec`.",
    "The row is deleted if it is there, so there is nothing to set on it.",
    "Remove `spec`, or remove `state: absent`.",
);

pub(crate) const EMPTY_LIST: Explanation = Explanation::new(
    "empty-list",
    "A list that limits something names at least one thing.",
    "A document with `environments: []` would count nowhere, and nobody would be told.",
    "Leave the list out for all, or name some; remove the document if it is to count nowhere.",
);

pub(crate) const EMPTY_TEXT: Explanation = Explanation::new(
    "empty-text",
    "An empty text is no value.",
    "The server stores an empty text as null, so the two would never be equal.",
    "Write `null` to clear the field, or leave it out.",
);

pub(crate) const MISSING_FIELD: Explanation = Explanation::new(
    "missing-field",
    "A document that may have to create its row gives every required field.",
    "An empty environment can then be built from the manifests. Documents with `metadata.state: existing` and overlays give what they want.",
    "Add the field. `deskstate explain KIND` lists the required ones.",
);

pub(crate) const NOT_A_MANIFEST: Explanation = Explanation::new(
    "not-a-manifest",
    "Every document has `apiVersion`, `kind` and `metadata.name`.",
    "They say in which language it is, what it declares, and under which name.",
    "Add what is missing: `apiVersion: deskstate/v1`, `kind: SessionTemplate`, `metadata: {name: contoso_callSession}`.",
);

pub(crate) const NOT_CLEARABLE: Explanation = Explanation::new(
    "not-clearable",
    "`null` clears texts, numbers and lookups. Flags, choices, sets and required fields have a value or are left out.",
    "A flag without a value means what the product makes of it; for a set, none is written `[]`.",
    "Write a value, write `[]`, or leave the key out.",
);

pub(crate) const NOT_SUPPORTED_YET: Explanation = Explanation::new(
    "not-supported-yet",
    "`localized` is reserved.",
    "Texts are those of the organisation's base language; other languages cannot be declared yet.",
    "Remove it.",
);

pub(crate) const ONE_OF: Explanation = Explanation::new(
    "one-of",
    "Of some keys exactly one is given: `text`, `macro` and `script` of a step; `url` and `emulator` of an environment; `user` and `team` of an owner; a field and its `…File`.",
    "Two would contradict each other.",
    "Keep one.",
);

pub(crate) const OUT_OF_RANGE: Explanation = Explanation::new(
    "out-of-range",
    "A number lies within the range of its column.",
    "The server refuses others.",
    "Write a number in the range that `deskstate explain KIND.field` tells.",
);

pub(crate) const TEXT_BLANKS: Explanation = Explanation::new(
    "text-blanks",
    "A text does not begin or end with blanks or line breaks.",
    "They cannot be seen, and the server may drop them.",
    "Remove them. A text of several lines begins with `|-`, which keeps no line break at the end.",
);

pub(crate) const TOO_MANY: Explanation = Explanation::new(
    "too-many",
    "A list has no more items than the product takes: a notification at most four fields.",
    "Documented on Microsoft's page on notification templates.",
    "Remove some.",
);

pub(crate) const UNKNOWN_FIELD: Explanation = Explanation::new(
    "unknown-field",
    "Every key is a field of its kind.",
    "A misspelt key would be ignored, and the value never arrive.",
    "Correct the key. `deskstate explain KIND` lists the fields.",
);

pub(crate) const UNKNOWN_KIND: Explanation = Explanation::new(
    "unknown-kind",
    "`kind` is one of the kinds of the language.",
    "What is declared decides which fields there are.",
    "Correct the word. Contracts are listed under `spec.contracts` and kept outside the manifest folders.",
);

pub(crate) const UNKNOWN_VALUE: Explanation = Explanation::new(
    "unknown-value",
    "A choice is one of its words, and other values have the form that is asked for.",
    "The server knows no others.",
    "Write one of the words that the message lists.",
);

pub(crate) const UNQUOTED_BRACE: Explanation = Explanation::new(
    "unquoted-brace",
    "A text that begins with a brace is quoted.",
    "In YAML `{customer}` is a mapping, not text.",
    "Write `\"{customer}\"`.",
);

pub(crate) const WRONG_TYPE: Explanation = Explanation::new(
    "wrong-type",
    "A value has the type of its field.",
    "`Yes`, `No` and `on` are text in YAML 1.2; flags are `true` and `false`. `12` is a number; where text is needed it is quoted.",
    "Write the value in the type that the message names.",
);
