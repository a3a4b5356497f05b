//! Codes of findings about documents that do not fit the schema of their kind.

use crate::explanation::Explanation;

pub(crate) const ABSENT_WITH_SPEC: Explanation = Explanation::new(
    "absent-with-spec",
    "A document with `metadata.state: absent` also has a `spec`.",
    "deskstate deletes the row if it exists, so there is nothing to set.",
    "Remove `spec`, or remove `state: absent`.",
);

pub(crate) const CURLY_QUOTES: Explanation = Explanation::new(
    "curly-quotes",
    "A text, or a key of a mapping, is between typographic quotation marks, such as `“Case”`, or JSON in a text contains them in place of `\"`.",
    "YAML knows only `\"` and `'`, and JSON only `\"`, so the marks become part of the text. Word and chat programs replace straight quotes with them.",
    "Write `\"` instead. If the marks belong to the text, put it into quotes: `'“Case”'`.",
);

pub(crate) const EMPTY_LIST: Explanation = Explanation::new(
    "empty-list",
    "A list that limits a document is empty.",
    "A document with `environments: []` would silently have no effect.",
    "Remove the list to include everything, or add an entry. To disable a document, remove it.",
);

pub(crate) const EMPTY_TEXT: Explanation = Explanation::new(
    "empty-text",
    "A text is empty.",
    "The server stores an empty text as null, so the two would always differ.",
    "Write `null` to clear the field, or remove the key.",
);

pub(crate) const JSON_TEXT: Explanation = Explanation::new(
    "json-text",
    "A text begins like JSON, but is not valid JSON, or a field that holds JSON has another text.",
    "deskstate sends it unchanged. A widget or page that reads it as JSON would refuse it.",
    "Correct the text, or write a YAML mapping, which is stored as JSON: `customParameters: {mode: live}`. If the text is not meant to be JSON, write `policy: {json-text: allow}` in `deskstate.yaml`.",
);

pub(crate) const MISSING_FIELD: Explanation = Explanation::new(
    "missing-field",
    "A document lacks a required field.",
    "Required fields make it possible to build an empty environment from the manifests. They are optional in overlays and with `metadata.state: existing`.",
    "Add the field. `deskstate explain KIND` lists the required fields.",
);

pub(crate) const NOT_A_MANIFEST: Explanation = Explanation::new(
    "not-a-manifest",
    "A document lacks `apiVersion`, `kind` or `metadata.name`.",
    "They state the version of the language, the kind of the resource, and its name.",
    "Add the missing key: `apiVersion: deskstate/v1`, `kind: SessionTemplate`, `metadata: {name: contoso_callSession}`.",
);

pub(crate) const NOT_CLEARABLE: Explanation = Explanation::new(
    "not-clearable",
    "`null` is not a valid value of this field.",
    "`null` clears texts, numbers and lookups. Choices, required fields, and fields that are `true` or `false` need a value, because the meaning of a missing one depends on the product. An empty set is `[]`.",
    "Write a value or `[]`, or remove the key.",
);

pub(crate) const NOT_SUPPORTED_YET: Explanation = Explanation::new(
    "not-supported-yet",
    "The document uses `localized`, which is reserved.",
    "Texts are in the organization's base language. deskstate does not support other languages yet.",
    "Remove it.",
);

pub(crate) const ONE_OF: Explanation = Explanation::new(
    "one-of",
    "A document sets two keys that exclude each other, or none of them.",
    "Exactly one is needed: `text`, `macro` or `script` of a step; `url` or `emulator` of an environment; `user` or `team` of an owner; a field or its `…File`.",
    "Keep one.",
);

pub(crate) const OUT_OF_RANGE: Explanation = Explanation::new(
    "out-of-range",
    "A number is outside the range of its column.",
    "The server refuses it.",
    "Write a number in the range that `deskstate explain KIND.field` prints.",
);

pub(crate) const TEXT_BLANKS: Explanation = Explanation::new(
    "text-blanks",
    "A text begins or ends with spaces or line breaks.",
    "They are invisible, and the server may remove them.",
    "Remove them. Begin a text of several lines with `|-`, which removes the last line break.",
);

pub(crate) const TOO_MANY: Explanation = Explanation::new(
    "too-many",
    "A list has more items than the product allows: a notification has at most four fields.",
    "See Microsoft's page on notification templates.",
    "Remove some.",
);

pub(crate) const UNKNOWN_FIELD: Explanation = Explanation::new(
    "unknown-field",
    "The kind has no field with this name.",
    "A misspelt key would otherwise be silently ignored.",
    "Correct the key. `deskstate explain KIND` lists the fields.",
);

pub(crate) const UNKNOWN_KIND: Explanation = Explanation::new(
    "unknown-kind",
    "`kind` is not a known kind.",
    "The kind determines the fields of a document.",
    "Correct the word. Contracts are listed under `spec.contracts` and must be outside the manifest folders.",
);

pub(crate) const UNKNOWN_VALUE: Explanation = Explanation::new(
    "unknown-value",
    "A value is not one of the allowed words, or does not have the required form.",
    "The server accepts no other values.",
    "Write one of the words that the message lists.",
);

pub(crate) const UNQUOTED_BRACE: Explanation = Explanation::new(
    "unquoted-brace",
    "A text that begins with a brace is not quoted.",
    "In YAML, `{customer}` is a mapping, not text.",
    "Write `\"{customer}\"`.",
);

pub(crate) const WRONG_TYPE: Explanation = Explanation::new(
    "wrong-type",
    "A value does not have the type of its field.",
    "In YAML 1.2, `Yes`, `No` and `on` are text; only `true` and `false` switch a field on or off. `12` is a number; quote it if text is needed.",
    "Write the value in the type that the message names.",
);
