//! What the parser's messages mean, in plain sentences.

/// Words for the parser's messages whose cause is always the same; the first part that occurs in a message applies.
const CAUSES: &[(&str, &str, &str)] = &[
    (
        "found unexpected document indicator",
        "the quotation mark is never closed",
        CLOSE_QUOTE,
    ),
    (
        "found unexpected end of stream",
        "the quotation mark is never closed",
        CLOSE_QUOTE,
    ),
    (
        "invalid indentation in quoted scalar",
        "the quotation mark is never closed",
        CLOSE_QUOTE,
    ),
    (
        "found unknown escape character",
        "a backslash inside `\"` is followed by a character that it cannot escape",
        "write `\\\\` for a backslash, or use `'` as quotation mark",
    ),
    (
        "did not find expected hexadecimal number",
        "a backslash inside `\"` is followed by digits that are not hexadecimal",
        "write `\\\\` for a backslash, or use `'` as quotation mark",
    ),
    (
        "found invalid Unicode character escape code",
        "a backslash inside `\"` is followed by a number that is no character",
        "write the character itself, or `\\U` and its eight digits: YAML has no pairs of `\\u`, as JSON has for emojis",
    ),
    (
        "misplaced bracket",
        "this bracket closes nothing",
        "remove it, or put the complete value into quotes",
    ),
    (
        "block sequence entries are not allowed",
        "a list cannot begin here",
        "begin each item on its own line below the key, or quote a text that begins with `- `",
    ),
    (
        "mapping keys are not allowed",
        "a value cannot begin with `? `",
        QUOTE_IT,
    ),
    (
        "unknown anchor",
        "`*` repeats a value with an anchor, and there is no anchor with this name",
        "quote a text that begins with `*`",
    ),
    (
        "scanning an anchor or alias",
        "a text that begins with `*` or `&` is not quoted",
        QUOTE_IT,
    ),
    (
        "invalid indentation for anchor",
        "an anchor is not indented like the value that it names",
        "indent it like the line above",
    ),
    (
        "scanning a tag",
        "a text that begins with `!` is not quoted",
        QUOTE_IT,
    ),
    (
        "parsing a tag",
        "a text that begins with `!` is not quoted",
        QUOTE_IT,
    ),
    (
        "scanning a verbatim tag",
        "a text that begins with `!` is not quoted",
        QUOTE_IT,
    ),
    (
        "scanning TAG",
        "a text that begins with `!` is not quoted",
        QUOTE_IT,
    ),
    (
        "global tag character",
        "a text that begins with `!` is not quoted",
        QUOTE_IT,
    ),
    (
        "the handle wasn't declared",
        "a text that begins with `!` is not quoted",
        QUOTE_IT,
    ),
    (
        "TAG directive",
        "a line begins with `%`, which YAML reserves",
        "remove the line, or quote the text",
    ),
    (
        "directive",
        "a line begins with `%`, which YAML reserves",
        "remove the line, or quote the text",
    ),
    (
        "indentation indicator equal to 0",
        "the number after `|` or `>` must be at least 1",
        "remove the number",
    ),
    (
        "scanning a block scalar, did not find",
        "a text follows `|` or `>` on the same line",
        "begin the text on the next line",
    ),
    (
        "wrongly indented line in block scalar",
        "a line of the text is indented differently from its first line",
        "indent all lines of the text alike",
    ),
    (
        "comment intercepting",
        "a comment interrupts a text of several lines",
        "move the comment above the key, or quote the text",
    ),
    (
        "found unprintable character",
        "the file contains a character that cannot be printed",
        "remove it",
    ),
    (
        "byte order mark",
        "a byte order mark is inside the document",
        "remove the invisible character",
    ),
    (
        "after document end marker",
        "a text follows `...` on the same line",
        "begin it on a new line",
    ),
    (
        "plain scalar cannot start with",
        "a single `-` is inside `[ ]` or `{ }`",
        "put it into quotes, or remove it",
    ),
    (
        "invalid indentation in flow construct",
        "a line inside `[ ]` or `{ }` is indented less than the key",
        "indent it further than the key, or add the closing bracket",
    ),
    (
        "expected node content",
        "a value is missing",
        "add the value, or remove the comma or dash before it",
    ),
    (
        "must be followed by a valid YAML whitespace",
        "a tab follows the colon",
        "use a space",
    ),
    (
        "scanning a plain scalar, found a tab",
        "a text contains a tab",
        "use spaces, or put the text into quotes",
    ),
    (
        "block scalar content cannot start with a tab",
        "a tab is used for indentation",
        "use spaces",
    ),
    ("tab", "a tab is used for indentation", "use spaces"),
    (
        "unexpected end of plain scalar",
        "the file ends inside a value",
        CHECK_THE_LINES,
    ),
    (
        "unexpected eof",
        "the file ends inside a value",
        CHECK_THE_LINES,
    ),
    ("expected whitespace", "a space is missing", CHECK_THE_LINES),
    (
        "document start",
        "the line is indented less than the first line of its document",
        "indent all keys of a document alike",
    ),
    (
        "document-start",
        "the line is indented less than the first line of its document",
        "indent all keys of a document alike",
    ),
    (
        "invalid indentation",
        "the indentation is wrong",
        "indent the line like the others at the same level",
    ),
];

pub(super) const CHECK_THE_LINES: &str =
    "check indentation, quotes and brackets here and on the line before";

pub(super) const QUOTE_IT: &str = "put the complete value into quotes";

pub(super) const CLOSE_QUOTE: &str = "add the quotation mark at the end of the text";

/// Translates a message that always has the same cause; others stay as they are.
pub(super) fn words(said: &str) -> Cause {
    match CAUSES.iter().find(|(part, ..)| said.contains(part)) {
        Some((_, message, help)) => Cause::new(*message, *help),
        None => Cause::new(format!("the YAML cannot be read: {said}"), CHECK_THE_LINES),
    }
}

/// What is wrong with the text, and how to correct it.
pub(super) struct Cause {
    pub(super) message: String,
    /// Where it is, if not where reading stopped.
    pub(super) place: Option<(usize, usize)>,
    pub(super) help: String,
}

impl Cause {
    pub(super) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: None,
            help: help.into(),
        }
    }

    pub(super) fn at(mut self, start: usize, end: usize) -> Self {
        self.place = Some((start, end));
        self
    }
}
