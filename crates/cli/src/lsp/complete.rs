//! Completion: keys, words, and the names that the project knows.

use std::collections::BTreeSet;
use std::ops::Range;
use std::str::FromStr as _;

use deskstate_model::{
    DOCUMENTED_SLUGS, Field, Holds, Kind, Links, PROJECT_FILE, PathStep, Referent, Tree, TreeValue,
    yaml_scalar,
};
use lsp_types::{CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, TextEdit};

use super::cursor::{self, Cursor, Typed, value_at};
use super::findings::lines;
use super::place::Units;
use super::project::{Project, State};
use super::schema;

/// A completion to choose.
struct Choice {
    word: String,
    kind: CompletionItemKind,
    detail: String,
    doc: String,
    /// The inserted text, if it differs from the word.
    written: Option<String>,
    /// Whether it is the name of something, which can be any text.
    is_name: bool,
}

impl Choice {
    fn new(word: impl Into<String>, kind: CompletionItemKind, detail: impl Into<String>) -> Self {
        Self {
            word: word.into(),
            kind,
            detail: detail.into(),
            doc: String::new(),
            written: None,
            is_name: false,
        }
    }
}

/// Lists the completions at a byte of a file.
pub(super) fn complete(
    project: &Project,
    state: &State,
    (path, text, byte): (&str, &str, usize),
    units: Units,
) -> Vec<CompletionItem> {
    let (replaced, choices, scalar) = match in_text(state, text, byte) {
        Some((replaced, choices)) => (replaced, choices, None),
        None => match cursor::at(text, byte) {
            Some(cursor) => (
                cursor.replaced.clone(),
                of_place(project, state, path, &cursor),
                cursor.scalar,
            ),
            None => return Vec::new(),
        },
    };
    // A name can be any text: it takes the place of the whole scalar, with quotes where YAML needs them.
    let whole = scalar.map(|scalar| {
        let quote = text[scalar.clone()].chars().next();
        let quote = quote.filter(|first| matches!(first, '"' | '\''));
        (units.range(text, &scalar), quote)
    });
    let range = units.range(text, &replaced);
    let mut seen = BTreeSet::new();
    choices
        .into_iter()
        .filter(|choice| seen.insert(choice.word.clone()))
        .map(|choice| {
            let whole = whole.filter(|_| choice.is_name);
            let new_text = match whole {
                Some(_) => yaml_scalar(&choice.word),
                None => choice.written.unwrap_or_else(|| choice.word.clone()),
            };
            let range = whole.map_or(range, |(range, _)| range);
            // Editors compare it with what the range has.
            let quote = whole.and_then(|(_, quote)| quote);
            CompletionItem {
                filter_text: quote.map(|quote| format!("{quote}{}", choice.word)),
                label: choice.word,
                kind: Some(choice.kind),
                detail: (!choice.detail.is_empty()).then(|| lines(&choice.detail)),
                documentation: (!choice.doc.is_empty())
                    .then(|| Documentation::String(lines(&choice.doc))),
                text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text })),
                ..CompletionItem::default()
            }
        })
        .collect()
}

/// Completes variables after `${{`, and slugs in the braces of a text.
fn in_text(state: &State, text: &str, byte: usize) -> Option<(Range<usize>, Vec<Choice>)> {
    let line = text[..byte].rsplit('\n').next().unwrap_or_default();
    if let Some(open) = line.rfind("${{")
        && !line[open..].contains("}}")
    {
        let typed = line[open + 3..].trim_start();
        let rest = &text[byte..];
        let word = rest
            .find(|one: char| !one.is_alphanumeric() && one != '_')
            .unwrap_or(rest.len());
        let close = if rest[word..].trim_start_matches(' ').starts_with("}}") {
            ""
        } else {
            " }}"
        };
        let facts = ["url", "host", "organizationId"]
            .map(|fact| (format!("environment.{fact}"), String::new()));
        let variables = variables(state)
            .into_iter()
            .map(|(name, values)| (format!("vars.{name}"), values));
        let choices = variables.chain(facts).map(|(word, values)| Choice {
            written: Some(format!("{word}{close}")),
            ..Choice::new(word, CompletionItemKind::VARIABLE, values)
        });
        return Some((byte - typed.len()..byte + word, choices.collect()));
    }
    let open = line.rfind('{')?;
    let typed = &line[open + 1..];
    let is_name = typed.chars().all(|one| one.is_alphanumeric() || one == '_');
    let quotes = line[..open].matches('"').count() % 2 + line[..open].matches('\'').count() % 2;
    let is_text = quotes == 1 || line[..open].ends_with('$');
    if !is_name || !is_text {
        return None;
    }
    let close = if text[byte..].starts_with('}') {
        ""
    } else {
        "}"
    };
    let choices = slugs(state).into_iter().map(|(slug, from)| Choice {
        written: Some(format!("{slug}{close}")),
        ..Choice::new(slug, CompletionItemKind::CONSTANT, from)
    });
    Some((byte - typed.len()..byte, choices.collect()))
}

/// Variables of the project, with their values in each environment.
pub(super) fn variables(state: &State) -> Vec<(String, String)> {
    let Some(spec) = state.project_file().and_then(|file| file.get("spec")) else {
        return Vec::new();
    };
    let own = spec.get("variables").into_iter().map(|map| (None, map));
    let environments = spec
        .get("environments")
        .map_or(&[][..], Tree::entries)
        .iter();
    let of_environments = environments
        .filter_map(|entry| Some((Some(entry.key.as_str()), entry.value.get("variables")?)));
    let mut found: Vec<(String, String)> = Vec::new();
    for (environment, map) in own.chain(of_environments) {
        for entry in map.entries() {
            let value = entry.value.as_text().unwrap_or("…");
            let shown = match environment {
                None => value.to_owned(),
                Some(name) => format!("{value} in {name}"),
            };
            match found.iter_mut().find(|(name, _)| *name == entry.key) {
                Some((_, values)) => values.push_str(&format!(", {shown}")),
                None => found.push((entry.key.clone(), shown)),
            }
        }
    }
    found
}

fn slugs(state: &State) -> Vec<(String, String)> {
    let known = DOCUMENTED_SLUGS
        .iter()
        .map(|slug| ((*slug).to_owned(), "documented by Microsoft".to_owned()));
    let project = state.manifests.project.iter();
    let project = project.flat_map(|project| {
        project
            .slugs
            .iter()
            .map(|slug| (slug.clone(), "the project".to_owned()))
    });
    let contracts = state.manifests.contracts.iter().flat_map(|contract| {
        let from = format!("contract {}", contract.name.value);
        contract
            .slugs
            .iter()
            .map(move |slug| (slug.clone(), from.clone()))
    });
    let resources = state.manifests.resources.iter().flat_map(|declared| {
        let from = declared.key.to_string();
        declared
            .slugs
            .iter()
            .map(move |slug| (slug.clone(), from.clone()))
    });
    known
        .chain(project)
        .chain(contracts)
        .chain(resources)
        .collect()
}

fn of_place(project: &Project, state: &State, path: &str, cursor: &Cursor) -> Vec<Choice> {
    let is_project = path == PROJECT_FILE;
    let allowed = schema::allowed(&cursor.document, is_project, &cursor.path);
    let mut choices = Vec::new();
    if !matches!(cursor.is, Typed::Key { .. }) {
        choices.extend(names(project, state, path, cursor));
        let words = allowed.words.into_iter();
        choices.extend(words.map(|(word, doc)| Choice {
            doc,
            ..Choice::new(word, CompletionItemKind::ENUM_MEMBER, "")
        }));
    }
    if cursor.is == Typed::Value {
        return choices;
    }
    let siblings = value_at(&cursor.document, &cursor.path).map_or(&[][..], Tree::entries);
    let colon = if cursor.is == (Typed::Key { has_colon: true }) {
        ""
    } else {
        ": "
    };
    let keys = allowed.keys.into_iter();
    let free = keys.filter(|(key, _)| !siblings.iter().any(|entry| entry.key == *key));
    choices.extend(free.map(|(key, doc)| Choice {
        written: Some(format!("{key}{colon}")),
        doc,
        ..Choice::new(key, CompletionItemKind::FIELD, "")
    }));
    choices
}

/// The field that a path leads to, in the `spec` of a resource or in a rule of a contract.
pub(super) fn field_at(document: &Tree, path: &[PathStep]) -> Option<(Kind, &'static Field)> {
    let word = document.get("kind")?.as_text()?;
    let (kind, rest) = if word == "Contract" {
        let [_, _, PathStep::Item(at), PathStep::Key(part), rest @ ..] = path else {
            return None;
        };
        let is_fields = ["locked", "preferred", "contains"].contains(&part.as_str());
        let rule = document.get("spec")?.get("rules")?.items().get(*at)?;
        let kind = rule.get("resource")?.get("kind")?.as_text()?;
        (Kind::from_str(kind).ok().filter(|_| is_fields)?, rest)
    } else {
        let [PathStep::Key(spec), rest @ ..] = path else {
            return None;
        };
        (Kind::from_str(word).ok().filter(|_| spec == "spec")?, rest)
    };
    Some((kind, Field::at(kind.fields(), rest)?))
}

/// Names that are valid at a place.
fn names(project: &Project, state: &State, path: &str, cursor: &Cursor) -> Vec<Choice> {
    let keys: Vec<&str> = cursor
        .path
        .iter()
        .map(|step| match step {
            PathStep::Key(key) | PathStep::InKey(key) => key.as_str(),
            PathStep::Item(_) => "*",
        })
        .collect();
    let kind = || Kind::from_str(cursor.document.get("kind")?.as_text()?).ok();
    match keys.as_slice() {
        ["metadata", "environments", "*"]
        | ["spec", "assistants", "*"]
        | ["spec", "allow", "*", "environments", "*"] => {
            let names = state.environment_names().into_iter();
            return names
                .map(|name| Choice::new(name, CompletionItemKind::MODULE, "environment"))
                .collect();
        }
        ["metadata", "name"] if state.is_overlay(path) => {
            return kind().map_or_else(Vec::new, |kind| resources(project, state, kind));
        }
        ["spec", "rules", "*", "resource", "name"] => {
            let resource = value_at(&cursor.document, &cursor.path[..cursor.path.len() - 1]);
            let word = resource.and_then(|resource| resource.get("kind")?.as_text());
            let kind = word.and_then(|word| Kind::from_str(word).ok());
            return kind.map_or_else(Vec::new, |kind| resources(project, state, kind));
        }
        _ => {}
    }
    let Some((_, field)) = field_at(&cursor.document, &cursor.path) else {
        return Vec::new();
    };
    let field = field.bare().unwrap_or(field);
    match field.refers_to() {
        Some(kind) => resources(project, state, kind),
        None => said_elsewhere(state, field),
    }
}

fn resources(project: &Project, state: &State, kind: Kind) -> Vec<Choice> {
    let names = project.names_of(kind).into_iter().map(|key| {
        let declared = state.manifests.find(key);
        let title = declared.and_then(|declared| {
            let spec = declared.spec.to_spec();
            Some(spec.get(kind.definition().caption)?.as_str()?.to_owned())
        });
        Choice {
            doc: title.unwrap_or_default(),
            is_name: true,
            ..Choice::new(
                key.name.as_written(),
                CompletionItemKind::REFERENCE,
                kind.as_str(),
            )
        }
    });
    let brought = kind.definition().brings.iter().filter_map(|row| {
        let name = row.unique_name()?;
        Some(Choice::new(
            name,
            CompletionItemKind::REFERENCE,
            format!("Microsoft's {}", row.label),
        ))
    });
    names.chain(brought).collect()
}

/// Names of security roles, users and other rows that the project does not declare: those used in other documents.
fn said_elsewhere(state: &State, field: &Field) -> Vec<Choice> {
    let Some(to) = referent(field) else {
        return Vec::new();
    };
    let mut found = BTreeSet::new();
    for document in state.files().values().flatten() {
        let kind = document.get("kind").and_then(Tree::as_text);
        let kind = kind.and_then(|word| Kind::from_str(word).ok());
        if let (Some(kind), Some(spec)) = (kind, document.get("spec")) {
            collect(kind.fields(), spec, to, &mut found);
        }
    }
    let names = found.into_iter();
    names
        .map(|name| Choice {
            is_name: true,
            ..Choice::new(name, CompletionItemKind::VALUE, "used elsewhere")
        })
        .collect()
}

fn referent(field: &Field) -> Option<Referent> {
    match field.holds {
        Holds::Lookup { to, .. } | Holds::Ids { to, .. } => Some(to),
        Holds::Set { to, links, .. } if !matches!(links, Links::Only(_) | Links::Items(_)) => {
            Some(to)
        }
        _ => None,
    }
}

fn collect(fields: &'static [Field], spec: &Tree, to: Referent, found: &mut BTreeSet<String>) {
    for entry in spec.entries() {
        if let Some(field) = fields.iter().find(|field| field.word == entry.key) {
            of_field(field, &entry.value, to, found);
        }
    }
}

fn of_field(field: &'static Field, value: &Tree, to: Referent, found: &mut BTreeSet<String>) {
    match &value.value {
        TreeValue::Scalar(text)
            if referent(field.bare().unwrap_or(field)) == Some(to) && !text.contains("${{") =>
        {
            found.insert(text.clone());
        }
        TreeValue::Null | TreeValue::Scalar(_) => {}
        TreeValue::List(items) => items
            .iter()
            .for_each(|item| of_field(field, item, to, found)),
        TreeValue::Map(entries) => {
            for entry in entries {
                let inner = field.items().find(|inner| inner.word == entry.key);
                match inner {
                    Some(inner) => of_field(inner, &entry.value, to, found),
                    None if ["members", "without"].contains(&entry.key.as_str()) => {
                        of_field(field, &entry.value, to, found);
                    }
                    None => {}
                }
            }
        }
    }
}
