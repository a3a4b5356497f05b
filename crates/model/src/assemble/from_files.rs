//! Values that stand in files of their own.

use std::borrow::Cow;

use crate::checks;
use crate::diagnostic::Diagnostic;
use crate::file_texts::FileTexts;
use crate::kinds::Kind;
use crate::schema::file_word;
use crate::table::Field;
use crate::yaml::{Entry, Node, NodeValue};

/// Whether a document of this kind may take content from files.
pub(super) fn may_name_files(kind: Kind, node: &Node) -> bool {
    node.get("spec")
        .is_some_and(|spec| fields_from_files(kind.fields(), spec).next().is_some())
}

/// Returns the fields of a `spec` that a file may supply, or whose list items have such fields.
fn fields_from_files<'f>(fields: &'f [Field], spec: &Node) -> impl Iterator<Item = &'f Field> {
    fields.iter().filter(|field| {
        let may = field.from_file || field.items().any(|item| item.from_file);
        may && (spec.get(&file_word(field.word)).is_some() || spec.get(field.word).is_some())
    })
}

/// Replaces `<field>File` with the content of the file, in `spec` and in the items of its lists.
pub(super) fn with_files<'n>(
    fields: &[Field],
    node: Cow<'n, Node>,
    texts: &mut FileTexts<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Cow<'n, Node> {
    let relevant: Vec<&Field> = node
        .get("spec")
        .map(|spec| fields_from_files(fields, spec).collect())
        .unwrap_or_default();
    if relevant.is_empty() {
        return node;
    }
    let mut node = node.into_owned();
    if let NodeValue::Map(entries) = &mut node.value
        && let Some(spec) = entries.iter_mut().find(|entry| &*entry.key == "spec")
    {
        for field in relevant {
            if field.from_file {
                take_file(&mut spec.value, field, texts, diagnostics);
            }
            let nested: Vec<&Field> = field.items().filter(|item| item.from_file).collect();
            if let NodeValue::Map(entries) = &mut spec.value.value
                && let Some(list) = entries.iter_mut().find(|entry| &*entry.key == field.word)
            {
                each_item(&mut list.value, &mut |item| {
                    for field in &nested {
                        take_file(item, field, texts, diagnostics);
                    }
                });
            }
        }
    }
    Cow::Owned(node)
}

/// Visits the items of a list, or of the `members` and `without` of a set.
fn each_item(node: &mut Node, change: &mut dyn FnMut(&mut Node)) {
    match &mut node.value {
        NodeValue::List(items) => items.iter_mut().for_each(change),
        NodeValue::Map(entries) => {
            for entry in entries
                .iter_mut()
                .filter(|entry| &*entry.key == "members" || &*entry.key == "without")
            {
                if let NodeValue::List(items) = &mut entry.value.value {
                    items.iter_mut().for_each(&mut *change);
                }
            }
        }
        _ => {}
    }
}

fn take_file(
    node: &mut Node,
    field: &Field,
    texts: &mut FileTexts<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let word = file_word(field.word);
    let NodeValue::Map(entries) = &mut node.value else {
        return;
    };
    let Some(at) = entries.iter().position(|entry| *entry.key == *word) else {
        return;
    };
    let Some(path) = entries[at].value.as_text().map(str::to_owned) else {
        return;
    };
    if let Some(other) = entries.iter().find(|entry| &*entry.key == field.word) {
        diagnostics.push(
            Diagnostic::error(
                "one-of",
                format!("`{}` and `{word}` exclude each other", field.word),
            )
            .at(entries[at].key_span, "one of the two")
            .also(other.key_span, "the other")
            .help("remove one of the two"),
        );
        entries.remove(at);
        return;
    }
    let span = entries[at].value.span;
    let content = texts.content(&texts.beside(span, &path));
    if let Ok(content) = &content {
        checks::secret::check_content(content, span, diagnostics);
    }
    let value = match content {
        Ok(content) => match &*content {
            serde_json::Value::String(text) => NodeValue::Text(text.as_str().into()),
            value => NodeValue::Opaque(Box::new(value.clone())),
        },
        Err(problem) => {
            diagnostics.push(
                Diagnostic::error(
                    problem.code(),
                    format!("`{path}` cannot be read: {problem}"),
                )
                .at(span, "named here")
                .help(problem.help()),
            );
            NodeValue::Unresolved(path.into())
        }
    };
    let key_span = entries[at].key_span;
    entries[at] = Entry {
        key: field.word.into(),
        key_span,
        value: Node { value, span },
    };
}
