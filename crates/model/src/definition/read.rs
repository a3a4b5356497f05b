//! Reads one definition. The schema has already reported what does not fit; everything else is accepted.

use std::collections::{BTreeMap, BTreeSet};

use super::denied;
use super::{
    AgentsForm, AlsoForm, Constant, DENIED_TABLE, DefaultForm, FieldForm, Form, HoldsForm,
    PartForm, SetForm, error,
};
use crate::diagnostic::Diagnostic;
use crate::document::{check_version, first_line};
use crate::kinds::Kind;
use crate::name::fold;
use crate::offer::Offer;
use crate::shape::{self, Shape};
use crate::shape_codes::UNKNOWN_KIND;
use crate::span::{Span, Spanned};
use crate::table::Choice;
use crate::variables::refuse_all;
use crate::yaml::{Entry, Node};

/// Words that have another meaning under `kind`.
const RESERVED: [&str; 4] = ["Project", "Contract", "KindDefinition", "Package"];

/// Reads a definition; `None` if the document is not a definition or is incomplete.
pub(super) fn definition(node: &Node, diagnostics: &mut Vec<Diagnostic>) -> Option<Form> {
    if crate::document::kind_word(node) != Some("KindDefinition") {
        let place = node
            .get("kind")
            .map_or_else(|| first_line(node), |kind| kind.span);
        diagnostics.push(
            Diagnostic::error(UNKNOWN_KIND.code, "a definition file must contain documents of the kind `KindDefinition`")
                .at(place, "another kind")
                .help("write `kind: KindDefinition`, or remove the file from `spec.kinds` of `deskstate.yaml`"),
        );
        return None;
    }
    let before = diagnostics.len();
    if !shape::check(Shape::Definition, node, first_line(node), diagnostics) {
        check_version(node, diagnostics);
    }
    refuse_all(node, diagnostics);
    if diagnostics.len() > before {
        return None;
    }
    let spec = node.get("spec")?;
    let word = text(node.get("metadata")?.get("name")?)?;
    let table = text(spec.get("table")?)?;
    let identity = spec.get("identity")?;
    let name = text(identity.get("column")?)?;
    let form = Form {
        version: owned(spec, "version")?,
        title: owned(spec, "title").unwrap_or_else(|| word.value.clone()),
        meaning: owned(spec, "description")?,
        evidence: owned(spec, "evidence").unwrap_or_else(|| "unknown".to_owned()),
        set: owned(spec, "entitySet")?,
        key: owned(spec, "primaryKey").unwrap_or_else(|| format!("{}id", table.value)),
        label: owned(spec, "primaryName").unwrap_or_else(|| name.value.clone()),
        name_length: number(identity, "maxLength").and_then(|max| u32::try_from(max).ok()),
        also: entries(identity, "and")
            .map(|entry| (word_of(entry), also(&entry.value)))
            .collect(),
        rows: constants(spec, "rows", diagnostics),
        protected: words(spec, "protected"),
        protected_rows: constants(spec, "protectedRows", diagnostics),
        protected_except: words(spec, "protectedExcept"),
        server_sets: words(spec, "serverSets"),
        creatable: spec.get("creatable").and_then(Node::as_flag) != Some(false),
        deletable: flag(spec, "deletable"),
        undo_deletes: spec.get("undoDeletes").and_then(Node::as_flag),
        component: flag(spec, "solutionComponent"),
        fields: entries(spec, "fields")
            .filter_map(|entry| field(entry, diagnostics))
            .collect(),
        sets: entries(spec, "sets").filter_map(set).collect(),
        parts: entries(spec, "parts")
            .filter_map(|entry| part(entry, diagnostics))
            .collect(),
        agents: spec.get("agents").map(agents),
        digest: spec.to_json().to_string(),
        word,
        table,
        name,
    };
    check(&form, diagnostics);
    (diagnostics.len() == before).then_some(form)
}

fn check(form: &Form, diagnostics: &mut Vec<Diagnostic>) {
    let word = &form.word;
    let taken = word.value.parse::<Kind>().is_ok_and(Kind::is_built_in);
    if taken || RESERVED.contains(&word.value.as_str()) {
        diagnostics.push(
            error(format!("`{}` is the word of another kind", word.value))
                .at(word.span, "taken")
                .help("choose another word"),
        );
    }
    refuse_denied(&form.table, diagnostics);
    for (column, holds) in &form.also {
        if let AlsoForm::Choice(options) = holds {
            check_options(column, options, diagnostics);
            check_words_of_names(column, options, diagnostics);
        }
    }
    let also = form.also.iter().map(|(column, _)| column);
    let constants = form.rows.iter().chain(&form.protected_rows);
    let constants = constants.map(|(column, _)| column).chain(also);
    one_column_each(
        std::iter::once(&form.name).chain(constants),
        &form.fields,
        diagnostics,
    );
    let sets = form.sets.iter().map(|set| &set.word);
    let parts = form.parts.iter().map(|part| &part.word);
    let mut words: BTreeMap<&str, Span> = BTreeMap::new();
    for word in form
        .fields
        .iter()
        .map(|field| &field.word)
        .chain(sets)
        .chain(parts)
    {
        if let Some(first) = words.insert(&word.value, word.span) {
            diagnostics.push(
                error(format!("`{}` is used twice", word.value))
                    .at(word.span, "again")
                    .also(first, "first here")
                    .help("fields, sets and parts have words of their own: rename one of the two"),
            );
        }
    }
    if !form.creatable && (form.deletable || form.undo_deletes == Some(true)) {
        diagnostics.push(
            error(format!(
                "rows of `{}` cannot be deleted, since none can be created again",
                word.value
            ))
            .at(word.span, "`creatable: false`")
            .help("remove `deletable` and `undoDeletes`, or `creatable: false`"),
        );
    }
    for part in &form.parts {
        refuse_denied(&part.table, diagnostics);
        one_column_each(std::iter::once(&part.parent), &part.fields, diagnostics);
        check_identity(part, diagnostics);
    }
}

fn refuse_denied(table: &Spanned<String>, diagnostics: &mut Vec<Diagnostic>) {
    if let Some(why) = denied::why(&table.value) {
        diagnostics.push(
            Diagnostic::error(
                DENIED_TABLE.code,
                format!(
                    "the table `{}` cannot be written: it belongs to {why}",
                    table.value
                ),
            )
            .at(table.span, "never written")
            .help("choose another table; no setting removes this restriction"),
        );
    }
}

/// Checks that parts are identified by one of their own fields, of a type with only one form.
fn check_identity(part: &PartForm, diagnostics: &mut Vec<Diagnostic>) {
    let identity = &part.identity;
    let field = part
        .fields
        .iter()
        .find(|field| field.word.value == identity.value);
    let fits = field.is_some_and(|field| {
        matches!(
            field.holds,
            HoldsForm::Text | HoldsForm::Number | HoldsForm::Lookup { .. } | HoldsForm::Row { .. }
        )
    });
    if !fits {
        diagnostics.push(
            error(format!(
                "`{}` does not distinguish the parts of a row",
                identity.value
            ))
            .at(
                identity.span,
                "no field that is a text, a number or a lookup",
            )
            .help("write the word of one of the fields of the part"),
        );
    }
}

/// Checks that no two fields write the same column, because they would overwrite each other.
fn one_column_each<'f>(
    others: impl Iterator<Item = &'f Spanned<String>>,
    fields: &'f [FieldForm],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut columns: BTreeMap<&str, Span> = BTreeMap::new();
    for column in others.chain(fields.iter().map(|field| &field.column)) {
        if let Some(first) = columns.insert(&column.value, column.span) {
            diagnostics.push(
                error(format!("the column `{}` is named twice", column.value))
                    .at(column.span, "again")
                    .also(first, "first here")
                    .help("keep one: the identity, the parent, a value of `rows`, or a field"),
            );
        }
    }
    for field in fields {
        check_field(field, diagnostics);
    }
}

/// Checks that option words used in names differ in more than case and contain no separators.
fn check_words_of_names(
    column: &Spanned<String>,
    options: &[Choice],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut seen = BTreeSet::new();
    for option in options {
        let why = if option.word.contains('/') || option.word.trim() != option.word {
            "breaks a name apart"
        } else if !seen.insert(fold(option.word)) {
            "is there in another case"
        } else {
            continue;
        };
        diagnostics.push(
            error(format!(
                "the word `{}` of `{}` {why}",
                option.word, column.value
            ))
            .at(column.span, "part of names")
            .help("use words without `/` that differ in more than upper and lower case"),
        );
    }
}

/// Reads a choice, which needs options with distinct numbers.
fn check_options(word: &Spanned<String>, options: &[Choice], diagnostics: &mut Vec<Diagnostic>) {
    if options.is_empty() {
        diagnostics.push(
            error(format!("`{}` is a choice without options", word.value))
                .at(word.span, "no options")
                .help("add `options:` with a word and a number for each"),
        );
    }
    let mut numbers = BTreeMap::new();
    for option in options {
        if let Some(first) = numbers.insert(option.number, option.word) {
            diagnostics.push(
                error(format!(
                    "`{first}` and `{}` of `{}` have the same number",
                    option.word, word.value
                ))
                .at(word.span, format!("{} twice", option.number))
                .help("each option has a number of its own"),
            );
        }
    }
}

fn check_field(field: &FieldForm, diagnostics: &mut Vec<Diagnostic>) {
    let word = &field.word;
    if let HoldsForm::Choice(options) = &field.holds {
        check_options(word, options, diagnostics);
    }
    if let Some((smallest, greatest)) = field.range
        && smallest > greatest
    {
        diagnostics.push(
            error(format!(
                "`minimum` of `{}` is above its `maximum`",
                word.value
            ))
            .at(word.span, format!("{smallest} is more than {greatest}"))
            .help("exchange the two"),
        );
    }
    let fixed = match field.holds {
        HoldsForm::Status => "statecode",
        HoldsForm::Owner => "ownerid",
        _ => return,
    };
    if field.column.value != fixed {
        diagnostics.push(
            error(format!("a field of this type is the column `{fixed}`"))
                .at(field.column.span, "another column")
                .help(format!("write `column: {fixed}`"))
                .offering(Offer::Whole(fixed.to_owned())),
        );
    }
}

fn field(entry: &Entry, diagnostics: &mut Vec<Diagnostic>) -> Option<FieldForm> {
    let node = &entry.value;
    let word = word_of(entry);
    let kind = node.get("type").and_then(Node::as_text)?;
    let column = text(node.get("column")?)?;
    let known: &[&str] = match kind {
        "text" => &["maxLength", "localizable", "names"],
        "flag" => &["default"],
        "json" => &["maxLength"],
        "number" => &["minimum", "maximum"],
        "choice" => &["options", "default"],
        "lookup" => &["to", "navigation", "expanded"],
        _ => &[],
    };
    let always = ["column", "type", "description", "required", "createOnly"];
    for entry in node.entries() {
        if !always.contains(&&*entry.key) && !known.contains(&&*entry.key) {
            diagnostics.push(
                error(format!("`{}` does not apply to a {kind}", entry.key))
                    .at(entry.key_span, "not for this type")
                    .help("remove it, or correct `type`"),
            );
        }
    }
    let holds = match kind {
        "number" => HoldsForm::Number,
        "flag" => HoldsForm::Flag,
        "choice" => HoldsForm::Choice(options(node)),
        "lookup" => {
            let navigation = owned(node, "navigation").unwrap_or_else(|| column.value.clone());
            match node.get("to") {
                Some(to) if to.is_map() => {
                    let table = text(to.get("table")?)?;
                    HoldsForm::Row {
                        set: owned(to, "entitySet")?,
                        key: owned(to, "primaryKey")
                            .unwrap_or_else(|| format!("{}id", table.value)),
                        name: owned(to, "name")?,
                        table,
                        navigation,
                    }
                }
                Some(to) => HoldsForm::Lookup {
                    to: text(to)?,
                    navigation,
                },
                None => {
                    diagnostics.push(
                        error(format!(
                            "`{}` does not say which table it refers to",
                            word.value
                        ))
                        .at(word.span, "no `to`")
                        .help("add `to:` with the word of a kind, `User`, or a table"),
                    );
                    return None;
                }
            }
        }
        "json" => HoldsForm::Json,
        "status" => HoldsForm::Status,
        "owner" => HoldsForm::Owner,
        _ => HoldsForm::Text,
    };
    let range = match (number(node, "minimum"), number(node, "maximum")) {
        (None, None) => None,
        (smallest, greatest) => Some((
            smallest.unwrap_or(i64::from(i32::MIN)),
            greatest.unwrap_or(i64::from(i32::MAX)),
        )),
    };
    Some(FieldForm {
        meaning: owned(node, "description")
            .unwrap_or_else(|| format!("The column `{}`.", column.value)),
        max_length: number(node, "maxLength").and_then(|max| u32::try_from(max).ok()),
        required: flag(node, "required"),
        create_only: flag(node, "createOnly"),
        expanded: flag(node, "expanded"),
        localizable: flag(node, "localizable"),
        names: node.get("names").and_then(text),
        default: default(node, &holds, diagnostics),
        word,
        column,
        holds,
        range,
    })
}

fn also(node: &Node) -> AlsoForm {
    match node.as_text() {
        Some("number") => AlsoForm::Number,
        Some(_) => AlsoForm::Text,
        None => AlsoForm::Choice(choices(node)),
    }
}

fn agents(node: &Node) -> AgentsForm {
    let through = node.get("through").map_or(&[][..], Node::items).iter();
    AgentsForm {
        through: through.filter_map(text).collect(),
        others: owned(node, "others").unwrap_or_default(),
        otherwise: owned(node, "otherwise").unwrap_or_default(),
    }
}

fn options(node: &Node) -> Vec<Choice> {
    node.get("options").map(choices).unwrap_or_default()
}

/// Reads words and their numbers.
fn choices(node: &Node) -> Vec<Choice> {
    node.entries()
        .iter()
        .filter_map(|entry| {
            Some(Choice {
                word: String::leak(entry.key.to_string()),
                number: entry.value.as_int()?,
                meaning: "",
                label: "",
            })
        })
        .collect()
}

fn set(entry: &Entry) -> Option<SetForm> {
    let node = &entry.value;
    let relationship = text(node.get("relationship")?)?;
    Some(SetForm {
        word: word_of(entry),
        meaning: owned(node, "description")
            .unwrap_or_else(|| format!("Links of `{}`.", relationship.value)),
        intersect_set: owned(node, "intersectSet")?,
        to: text(node.get("to")?)?,
        own_column: owned(node, "ownColumn"),
        member_column: owned(node, "memberColumn"),
        relationship,
    })
}

fn part(entry: &Entry, diagnostics: &mut Vec<Diagnostic>) -> Option<PartForm> {
    let node = &entry.value;
    let table = text(node.get("table")?)?;
    let parent = node.get("parent")?;
    let column = text(parent.get("column")?)?;
    Some(PartForm {
        word: word_of(entry),
        meaning: owned(node, "description")
            .unwrap_or_else(|| format!("Rows of `{}`.", table.value)),
        set: owned(node, "entitySet")?,
        key: owned(node, "primaryKey").unwrap_or_else(|| format!("{}id", table.value)),
        label: owned(node, "primaryName")?,
        navigation: owned(parent, "navigation").unwrap_or_else(|| column.value.clone()),
        parent: column,
        identity: text(node.get("identity")?)?,
        deletable: flag(node, "deletable"),
        component: flag(node, "solutionComponent"),
        deleted_with_row: node.get("deletedWithRow").and_then(Node::as_flag) != Some(false),
        supplies_slugs: flag(node, "suppliesSlugs"),
        fields: entries(node, "fields")
            .filter_map(|entry| field(entry, diagnostics))
            .collect(),
        table,
    })
}

/// Reads columns and their values.
fn constants(
    spec: &Node,
    word: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<(Spanned<String>, Constant)> {
    let entries = entries(spec, word);
    entries
        .filter_map(|entry| constant(word, entry, diagnostics))
        .collect()
}

fn constant(
    word: &str,
    entry: &Entry,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(Spanned<String>, Constant)> {
    let value = &entry.value;
    let constant = if let Some(flag) = value.as_flag() {
        Constant::Flag(flag)
    } else if let Some(number) = value.as_int() {
        Constant::Number(number)
    } else if let Some(text) = value.as_text() {
        Constant::Text(text.to_owned())
    } else {
        diagnostics.push(
            error(format!(
                "`{}` of `{word}` is not a text, number or flag",
                entry.key
            ))
            .at(value.span, "cannot be compared")
            .help("write the value that the column has in these rows"),
        );
        return None;
    };
    Some((word_of(entry), constant))
}

fn words(node: &Node, word: &str) -> Vec<String> {
    let items = node.get(word).map_or(&[][..], Node::items).iter();
    items
        .filter_map(|item| item.as_text().map(str::to_owned))
        .collect()
}

/// Reads the default of a flag or choice in a new row.
fn default(
    node: &Node,
    holds: &HoldsForm,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<DefaultForm> {
    let value = node.get("default")?;
    let found = match holds {
        HoldsForm::Flag => value.as_flag().map(DefaultForm::Flag),
        HoldsForm::Choice(options) => text(value)
            .filter(|word| options.iter().any(|option| option.word == word.value))
            .map(DefaultForm::Word),
        _ => None,
    };
    if found.is_none() {
        diagnostics.push(
            error("`default` is not a value of this field".to_owned())
                .at(value.span, "not one of its values")
                .help("write `true` or `false` for a flag, and the word of an option for a choice"),
        );
    }
    found
}

fn word_of(entry: &Entry) -> Spanned<String> {
    Spanned::new(entry.key.to_string(), entry.key_span)
}

fn entries<'n>(node: &'n Node, word: &str) -> impl Iterator<Item = &'n Entry> {
    node.get(word).map_or(&[][..], Node::entries).iter()
}

fn text(node: &Node) -> Option<Spanned<String>> {
    node.as_text()
        .map(|text| Spanned::new(text.to_owned(), node.span))
}

fn owned(node: &Node, word: &str) -> Option<String> {
    node.get(word).and_then(Node::as_text).map(str::to_owned)
}

fn number(node: &Node, word: &str) -> Option<i64> {
    node.get(word).and_then(Node::as_int)
}

fn flag(node: &Node, word: &str) -> bool {
    node.get(word).and_then(Node::as_flag).unwrap_or(false)
}
