//! `explain`: the reference at hand. Kinds and fields from the model's own texts, project and contract from their schemas, codes from
//! the explanations.

use deskstate_model::{Field, Kind, json_schemas, nearest};
use serde_json::Value;

use crate::door::Page;
use crate::door::{DIM, STRONG};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::explanations;
use crate::ui::Ui;

/// Tells what a kind, a field or the code of a finding means
///
/// `deskstate explain` lists the kinds; `deskstate explain SessionTemplate.anchorTab` tells of one field; `deskstate explain
/// unknown-reference` of a finding.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// KIND, KIND.field, or the code of a finding
    #[arg(value_name = "KIND[.FIELD]|CODE")]
    subject: Option<String>,
}

/// A document that is no resource: its name and the file of its schema.
const OTHER_DOCUMENTS: [(&str, &str); 3] = [
    ("Project", "project.json"),
    ("Contract", "contract.json"),
    ("KindDefinition", "kind-definition.json"),
];

pub(crate) fn run(args: &Args, ui: &mut Ui) -> Result<ExitCode, Error> {
    let page = match &args.subject {
        None => overview(),
        Some(subject) => explain(subject).ok_or_else(|| unknown(subject))?,
    };
    ui.page(&page)?;
    Ok(ExitCode::Done)
}

pub(crate) fn unknown(subject: &str) -> Error {
    let known = "`deskstate explain` lists the kinds, `deskstate explain KIND` its fields; the code of a finding is in brackets behind its severity";
    let hint = match meant(subject) {
        Some(kind) => format!("did you mean `{kind}`? {known}"),
        None => known.to_owned(),
    };
    Error::Failed {
        message: format!("nothing is called `{}`", crate::output::plain(subject)),
        hint: Some(hint),
    }
}

/// The kind with a name near to this one: its word, its title or its list in the admin center.
fn meant(subject: &str) -> Option<Kind> {
    let head = subject.split('.').next().unwrap_or(subject);
    let names = Kind::all().flat_map(|kind| {
        let definition = kind.definition();
        let list = definition.place.named();
        let list = list
            .into_iter()
            .flat_map(|list| std::iter::once(list.name).chain(list.formerly.iter().copied()));
        [definition.word, definition.title].into_iter().chain(list)
    });
    nearest(head, names).and_then(Kind::called)
}

fn overview() -> Page {
    let mut text = Page::of(format_args!("{STRONG}Kinds{STRONG:#}"));
    let width = Kind::all()
        .map(|kind| kind.as_str().len())
        .max()
        .unwrap_or(0);
    for kind in Kind::all() {
        line(&mut text, kind.as_str(), width, first_line(&kind.doc()));
    }
    heading(&mut text, "Other documents");
    for (name, file) in OTHER_DOCUMENTS {
        line(
            &mut text,
            name,
            width,
            schema(file)["description"].as_str().unwrap_or_default(),
        );
    }
    text.blank();
    text.line(format_args!(
        "{DIM}more: deskstate explain KIND, KIND.field, or the code of a finding{DIM:#}"
    ));
    text
}

/// A heading after an empty line.
fn heading(text: &mut Page, words: &str) {
    text.blank();
    text.line(format_args!("{STRONG}{words}{STRONG:#}"));
}

/// A page with its title, and an empty line.
fn titled(title: &str) -> Page {
    let mut text = Page::of(format_args!("{STRONG}{title}{STRONG:#}"));
    text.blank();
    text
}

/// Paragraphs of a doc comment.
fn add_paragraphs(text: &mut Page, doc: &str) {
    for line in paragraphs(doc).lines() {
        text.line(line);
    }
}

fn explain(subject: &str) -> Option<Page> {
    let mut path = subject.split('.');
    let head = path.next().unwrap_or_default();
    let rest: Vec<&str> = path.collect();
    if let Some(kind) = Kind::called(head) {
        return explain_kind(kind, &rest);
    }
    if let Some((name, file)) = OTHER_DOCUMENTS
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(head))
    {
        let schema = schema(file);
        return explain_document(name, &schema["properties"]["spec"], &rest);
    }
    explanations::of_code(subject).map(|known| {
        let mut text = titled(subject);
        for line in known.text().lines() {
            text.line(line);
        }
        text
    })
}

fn explain_kind(kind: Kind, path: &[&str]) -> Option<Page> {
    let Some((first, inner)) = path.split_first() else {
        let mut text = titled(kind.as_str());
        add_paragraphs(&mut text, &kind.doc());
        heading(&mut text, "Fields of spec");
        list(&mut text, &Vec::from_iter(kind.fields()));
        text.blank();
        text.line(format_args!(
            "{DIM}more: deskstate explain {kind}.FIELD{DIM:#}"
        ));
        return Some(text);
    };
    let mut info = Field::called(kind.fields().iter(), first)?;
    let mut title = format!("{kind}.{}", info.word);
    for word in inner {
        info = Field::called(info.items(), word)?;
        title.push_str(&format!(".{}", info.word));
    }
    let mut text = titled(&title);
    add_paragraphs(&mut text, &info.doc());
    text.blank();
    if info.is_clearable() {
        text.line("`null` clears it. If omitted, deskstate ignores this field.");
    } else {
        text.line("If omitted, deskstate ignores this field.");
    }
    if info.from_file {
        text.line(format_args!(
            "`{}File` takes a path, relative to the manifest, in its place.",
            info.word
        ));
    }
    let items: Vec<&Field> = info.items().collect();
    if !items.is_empty() {
        heading(&mut text, "Fields of an item");
        list(&mut text, &items);
    }
    Some(text)
}

fn list(text: &mut Page, infos: &[&Field]) {
    let width = infos.iter().map(|info| info.word.len()).max().unwrap_or(0);
    for info in infos {
        let required = if info.is_needed() { " (required)" } else { "" };
        line(
            text,
            info.word,
            width,
            &format!("{}{required}", first_line(&info.doc())),
        );
    }
}

fn explain_document(name: &str, spec: &Value, path: &[&str]) -> Option<Page> {
    let mut schema = spec;
    for word in path {
        schema = member(schema, word)?;
    }
    let title = std::iter::once(name)
        .chain(path.iter().copied())
        .collect::<Vec<_>>()
        .join(".");
    let mut text = titled(&title);
    for line in schema["description"].as_str().unwrap_or_default().lines() {
        text.line(line);
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("`{}`", word.as_str().unwrap_or_default()))
            .collect();
        text.blank();
        text.line(format_args!("One of {}.", words.join(", ")));
    }
    if let Some(members) = members(schema) {
        heading(&mut text, "Fields");
        let width = members.keys().map(String::len).max().unwrap_or(0);
        for (word, member) in members {
            line(
                &mut text,
                word,
                width,
                member["description"].as_str().unwrap_or_default(),
            );
        }
    }
    Some(text)
}

/// The fields of a mapping, or of the items of a list, or of the values of a mapping with free keys.
fn members(schema: &Value) -> Option<&serde_json::Map<String, Value>> {
    let inside = [&schema["items"], &schema["additionalProperties"]];
    let variants = schema["anyOf"].as_array().into_iter().flatten();
    std::iter::once(schema)
        .chain(inside)
        .chain(variants)
        .find_map(|schema| schema["properties"].as_object())
}

fn member<'a>(schema: &'a Value, word: &str) -> Option<&'a Value> {
    members(schema)?
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(word))
        .map(|(_, member)| member)
}

fn schema(file: &str) -> Value {
    json_schemas()
        .into_iter()
        .find(|(name, _)| name == file)
        .map(|(_, schema)| schema)
        .unwrap_or_default()
}

fn line(text: &mut Page, name: &str, width: usize, what: &str) {
    text.line(format_args!("  {name:width$}  {what}"));
}

/// The first sentence or line of a doc comment.
fn first_line(doc: &str) -> &str {
    let doc = doc.trim();
    doc.split("\n").next().unwrap_or(doc).trim()
}

/// A doc comment with one line for each paragraph.
pub(crate) fn paragraphs(doc: &str) -> String {
    doc.trim()
        .split("\n\n")
        .map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_every_field_is_explained() {
        fn check(path: &str, infos: &[&'static Field]) {
            for info in infos {
                let path = format!("{path}.{}", info.word);
                let text = explain(&path).unwrap_or_else(|| panic!("{path} is not explained"));
                let text = text.to_string();
                assert!(
                    text.contains(first_line(&info.doc())) && !info.doc().trim().is_empty(),
                    "{path}: {text}"
                );
                check(&path, &Vec::from_iter(info.items()));
            }
        }
        for kind in Kind::all() {
            assert!(
                explain(kind.as_str())
                    .is_some_and(|text| text.to_string().contains(kind.fields()[0].word))
            );
            check(kind.as_str(), &Vec::from_iter(kind.fields()));
        }
    }

    #[test]
    fn project_and_contract_are_explained_down_to_their_inner_fields() {
        for path in [
            "Project",
            "project.environments",
            "Project.environments.url",
            "Contract.rules.locked",
            "Project.prune",
        ] {
            let text = explain(path).unwrap_or_else(|| panic!("{path} is not explained"));
            let text = text.to_string();
            assert!(
                text.lines().nth(2).is_some_and(|line| !line.is_empty()),
                "{path}: {text}"
            );
        }
        assert_eq!(explain("Project.nothing"), None);
    }

    #[test]
    fn kinds_and_fields_are_found_without_case() {
        assert!(
            explain("sessiontemplate.ANCHORTAB")
                .is_some_and(|text| text.to_string().contains("first"))
        );
        assert_eq!(explain("SessionTemplate.nothing"), None);
        let by_label = explain("Session templates.anchor tab").map(|text| text.to_string());
        assert!(
            by_label.is_some_and(|text| {
                text.contains("SessionTemplate.anchorTab")
                    && text.contains("In the admin center: Anchor tab.")
            }),
            "the names in the admin center are known, too"
        );
        assert_eq!(explain("no-such-code"), None);
        assert_eq!(meant("sesion templates"), Some(Kind::SESSION_TEMPLATE));
    }
}
