//! Kinds that a project defines as data: reads and registers their definitions.
//!
//! The definitions of a project are read before its manifests. Each becomes a table like those in `kinds/`, so no other code knows where a
//! kind comes from.

mod build;
mod denied;
mod read;

pub use denied::why as denied_table;

use std::collections::{BTreeMap, HashSet};

use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::Kind;
use crate::span::{Span, Spanned};
use crate::table::Choice;
use crate::yaml::Node;

pub(crate) const KIND_DEFINITION: Explanation = Explanation::new(
    "kind-definition",
    "The definition of a kind is incomplete or contradicts itself.",
    "deskstate uses it to decide what it reads, compares and writes, and what it never touches.",
    "Correct the definition. `deskstate explain KindDefinition` describes the fields.",
);

pub(crate) const DENIED_TABLE: Explanation = Explanation::new(
    "denied-table",
    "A kind is defined for a table that deskstate never writes: users, roles and privileges, processes and plug-ins, solutions and metadata, \
     secrets, activities, data of customers such as contacts, cases and orders, and the tables of built-in kinds.",
    "A mistake there could lock people out, run code or change customers' data, and a review of manifests would not show it.",
    "Define a kind for another table. No setting removes this restriction.",
);

/// A definition as written in its file.
#[derive(Debug, Clone)]
struct Form {
    word: Spanned<String>,
    version: String,
    title: String,
    meaning: String,
    evidence: String,
    table: Spanned<String>,
    set: String,
    key: String,
    label: String,
    name: Spanned<String>,
    name_length: Option<u32>,
    /// Further columns of the identity.
    also: Vec<(Spanned<String>, AlsoForm)>,
    rows: Vec<(Spanned<String>, Constant)>,
    protected: Vec<String>,
    protected_rows: Vec<(Spanned<String>, Constant)>,
    protected_except: Vec<String>,
    server_sets: Vec<String>,
    creatable: bool,
    deletable: bool,
    /// Whether an undo deletes what its apply created; defaults to `deletable`.
    undo_deletes: Option<bool>,
    component: bool,
    fields: Vec<FieldForm>,
    sets: Vec<SetForm>,
    parts: Vec<PartForm>,
    agents: Option<AgentsForm>,
    /// Digest of the complete definition, to recognize a different definition of the same word.
    digest: String,
}

/// A value that is the same in every row of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Constant {
    Text(String),
    Number(i64),
    Flag(bool),
}

#[derive(Debug, Clone)]
struct FieldForm {
    word: Spanned<String>,
    column: Spanned<String>,
    meaning: String,
    holds: HoldsForm,
    names: Option<Spanned<String>>,
    default: Option<DefaultForm>,
    max_length: Option<u32>,
    range: Option<(i64, i64)>,
    required: bool,
    create_only: bool,
    expanded: bool,
    localizable: bool,
}

/// The content of a further identity column.
#[derive(Debug, Clone)]
enum AlsoForm {
    Text,
    Number,
    Choice(Vec<Choice>),
}

/// The agents that a change of a row affects.
#[derive(Debug, Clone)]
struct AgentsForm {
    through: Vec<Spanned<String>>,
    others: String,
    otherwise: String,
}

/// The value of a field in a new row.
#[derive(Debug, Clone)]
enum DefaultForm {
    Flag(bool),
    Word(Spanned<String>),
}

#[derive(Debug, Clone)]
enum HoldsForm {
    Text,
    Number,
    Flag,
    Choice(Vec<Choice>),
    Lookup {
        to: Spanned<String>,
        navigation: String,
    },
    /// A lookup to rows of a table that has no kind.
    Row {
        table: Spanned<String>,
        set: String,
        key: String,
        name: String,
        navigation: String,
    },
    Json,
    Status,
    Owner,
}

#[derive(Debug, Clone)]
struct SetForm {
    word: Spanned<String>,
    meaning: String,
    relationship: Spanned<String>,
    intersect_set: String,
    to: Spanned<String>,
    own_column: Option<String>,
    member_column: Option<String>,
}

#[derive(Debug, Clone)]
struct PartForm {
    word: Spanned<String>,
    meaning: String,
    table: Spanned<String>,
    set: String,
    key: String,
    label: String,
    parent: Spanned<String>,
    navigation: String,
    identity: Spanned<String>,
    deletable: bool,
    component: bool,
    deleted_with_row: bool,
    supplies_slugs: bool,
    fields: Vec<FieldForm>,
}

/// Definitions that ship with the program, by name.
const PACKS: [(&str, &str); 1] = [(
    "contact-centre",
    include_str!("../packs/contact-centre.yaml"),
)];

/// Returns the text of a pack.
pub(crate) fn pack(name: &str) -> Option<&'static str> {
    let pack = PACKS.iter().find(|(known, _)| *known == name);
    pack.map(|(_, text)| *text)
}

/// Returns the names of the packs that ship with the program.
pub(crate) fn packs() -> impl Iterator<Item = &'static str> {
    PACKS.iter().map(|(name, _)| *name)
}

/// Returns the pack that defines a kind, and the kind's word there.
pub(crate) fn pack_of(word: &str) -> Option<(&'static str, &'static str)> {
    PACKS.iter().find_map(|(pack, text)| {
        let mut names = text
            .lines()
            .filter_map(|line| line.strip_prefix("metadata: {name: ")?.strip_suffix('}'));
        Some((*pack, names.find(|name| name.eq_ignore_ascii_case(word))?))
    })
}

/// Reads the definitions in these documents and registers their kinds. An invalid definition is reported and the others are registered.
/// Returns the words of the invalid ones.
pub(crate) fn register(documents: &[Node], diagnostics: &mut Vec<Diagnostic>) -> HashSet<String> {
    let mut forms: Vec<Form> = Vec::new();
    let mut words: BTreeMap<String, Span> = BTreeMap::new();
    for document in documents {
        let Some(form) = read::definition(document, diagnostics) else {
            continue;
        };
        match words.get(&form.word.value) {
            Some(first) => diagnostics.push(
                error(format!("two definitions are called `{}`", form.word.value))
                    .at(form.word.span, "again")
                    .also(*first, "first here")
                    .help("remove one of the two, or rename it"),
            ),
            None => {
                words.insert(form.word.value.clone(), form.word.span);
                forms.push(form);
            }
        }
    }
    build::build(forms, diagnostics);
    let names = documents
        .iter()
        .filter_map(|document| document.get("metadata")?.get("name")?.as_text());
    let lost = names.filter(|word| word.parse::<Kind>().is_err());
    lost.map(str::to_owned).collect()
}

fn error(message: String) -> Diagnostic {
    Diagnostic::error(KIND_DEFINITION.code, message)
}
