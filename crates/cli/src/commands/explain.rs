//! `explain`: the built-in reference. Kinds and fields come from the model's own texts, project and contract from their schemas, codes from
//! the explanations.

use deskstate_dataverse::Reader;
use deskstate_model::{Environment, Field, Kind, json_schemas, nearest};
use deskstate_reconcile::called::{Called, called};
use deskstate_reconcile::{Desired, Scope};
use serde_json::Value;

use super::live::{read, stop_on_interrupt};
use crate::door::Page;
use crate::door::{DIM, STRONG};
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::explanations;
use crate::global::Global;
use crate::output::plain;
use crate::project::{Need, load_project_file};
use crate::suggest;
use crate::ui::Ui;

/// Explains a kind, a field or the code of a finding, or finds the unique name of a row
///
/// `deskstate explain` lists the kinds; `deskstate explain SessionTemplate.anchorTab` explains a field; `deskstate explain
/// unknown-reference` explains a finding; `deskstate explain "Customer Summary" --env prod` finds the rows with this display name.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// KIND, KIND.field, the code of a finding, or the display name of one of Microsoft's rows
    #[arg(value_name = "KIND[.FIELD]|CODE|NAME")]
    subject: Option<String>,
    /// Look for rows with this display name or unique name in the environment. Read-only
    #[arg(long, short, value_name = "NAME", requires = "subject")]
    env: Option<String>,
    #[command(flatten)]
    access: Access,
}

/// Documents that are not resources: their names and schema files.
const OTHER_DOCUMENTS: [(&str, &str); 4] = [
    ("Project", "project.json"),
    ("Contract", "contract.json"),
    ("KindDefinition", "kind-definition.json"),
    ("Package", "package.json"),
];

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let page = match (&args.subject, &args.env) {
        (None, _) => overview(),
        (Some(name), Some(environment)) => {
            return find(name, environment, &args.access, global, ui).await;
        }
        (Some(subject), None) => explain(subject).ok_or_else(|| unknown(subject))?,
    };
    ui.page(&page)?;
    Ok(ExitCode::Done)
}

/// Maximum number of rows to list; more would not help.
const MOST_ROWS: usize = 50;

/// Finds the rows of an environment with this name, and the kinds whose rows could not all be read.
pub(super) async fn rows_called(
    reader: &Reader,
    environment: &Environment,
    name: &str,
    ui: &mut Ui,
) -> Result<(Vec<Called>, Vec<&'static str>), Error> {
    let scope = Scope {
        organization: environment.organization_id,
        ..Scope::default()
    };
    let live = read(reader, &Desired::default(), &scope, &environment.name, ui).await?;
    let unseen = Kind::all()
        .filter(|kind| !live.table(kind.table()).access.is_whole())
        .map(Kind::as_str);
    Ok((called(&live, name), unseen.collect()))
}

/// Lists the rows of an environment with this name.
async fn find(
    name: &str,
    environment: &str,
    access: &Access,
    global: &Global,
    ui: &mut Ui,
) -> Result<ExitCode, Error> {
    let loaded = load_project_file(global, environment, Need::ProjectFile, ui)?;
    let environment = loaded.environment()?;
    let stop = stop_on_interrupt();
    environment::with(&loaded.root, environment, access, &stop, async |opened| {
        let reader = Reader::open(&opened.connection)?;
        let (rows, unseen) = rows_called(&reader, environment, name, ui).await?;
        if rows.is_empty() && unseen.is_empty() {
            return Err(Error::Failed {
                message: format!(
                    "{} has no row whose display name or unique name contains `{}`",
                    plain(&environment.name),
                    plain(name)
                ),
                hint: Some("shorten the name: part of it is enough".to_owned()),
            });
        }
        let mut page = Page::new();
        for row in rows.iter().take(MOST_ROWS) {
            let managed = if row.managed { "  managed" } else { "" };
            page.line(format_args!(
                "{STRONG}{}{STRONG:#}  {}{DIM}{managed}{DIM:#}",
                plain(&row.key.to_string()),
                plain(&row.label)
            ));
        }
        if rows.len() > MOST_ROWS {
            page.line(format_args!(
                "{DIM}and {} more{DIM:#}",
                rows.len() - MOST_ROWS
            ));
        }
        ui.page(&page)?;
        if unseen.is_empty() {
            return Ok(ExitCode::Done);
        }
        Err(Error::failed(format!(
            "rows of {} could not all be read, so there may be others",
            unseen.join(", ")
        )))
    })
    .await
}

pub(crate) fn unknown(subject: &str) -> Error {
    let hint = match meant(subject) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            "`deskstate explain` lists the kinds, and `--env NAME` finds a row by its display name"
                .to_owned()
        }
    };
    Error::Failed {
        message: format!(
            "unknown kind, field or code `{}`",
            crate::output::plain(subject)
        ),
        hint: Some(hint),
    }
}

/// Finds the kind, field or code that is closest to this name. A kind is also found by its title or list in the admin center.
fn meant(subject: &str) -> Option<String> {
    let mut path = subject.split('.');
    let head = path.next().unwrap_or(subject);
    let names = Kind::all().flat_map(|kind| {
        let definition = kind.definition();
        let list = definition.place.named();
        let list = list
            .into_iter()
            .flat_map(|list| std::iter::once(list.name).chain(list.formerly.iter().copied()));
        [definition.word, definition.title].into_iter().chain(list)
    });
    let kind = Kind::called(head).or_else(|| nearest(head, names).and_then(Kind::called));
    let documents = || OTHER_DOCUMENTS.iter();
    let document = || {
        let exact = documents().find(|(name, _)| name.eq_ignore_ascii_case(head));
        let near = || nearest(head, documents().map(|(name, _)| *name));
        exact.or_else(|| documents().find(|(name, _)| Some(*name) == near()))
    };
    let mut found = match kind {
        Some(kind) => kind.as_str().to_owned(),
        None => match document() {
            Some((name, _)) => (*name).to_owned(),
            None => {
                let code = nearest(subject, explanations::all().map(|known| known.code));
                return code.map(str::to_owned);
            }
        },
    };
    for word in path {
        let Some(near) = field_called(&found, word) else {
            break;
        };
        found = format!("{found}.{near}");
    }
    Some(found)
}

/// The field below a path that has this name, or is closest to it.
fn field_called(path: &str, word: &str) -> Option<String> {
    let mut inner = path.split('.');
    let head = inner.next()?;
    let words: Vec<String> = match Kind::called(head) {
        Some(kind) => {
            let mut fields: Vec<&Field> = kind.fields().iter().collect();
            for word in inner {
                let field = fields.into_iter().find(|field| field.word == word)?;
                fields = field.items().collect();
            }
            fields.iter().map(|field| field.word.to_owned()).collect()
        }
        None => {
            let (_, file) = OTHER_DOCUMENTS.iter().find(|(name, _)| *name == head)?;
            let schema = schema(file);
            let mut at = &schema["properties"]["spec"];
            for word in inner {
                at = member(at, word)?;
            }
            members(at)?.keys().cloned().collect()
        }
    };
    let exact = words.iter().find(|known| known.eq_ignore_ascii_case(word));
    let known = || words.iter().map(String::as_str);
    exact
        .cloned()
        .or_else(|| nearest(word, known()).map(str::to_owned))
}

pub(super) fn overview() -> Page {
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

/// Adds an empty line and a heading.
fn heading(text: &mut Page, words: &str) {
    text.blank();
    text.line(format_args!("{STRONG}{words}{STRONG:#}"));
}

/// Starts a page with a title and an empty line.
fn titled(title: &str) -> Page {
    let mut text = Page::of(format_args!("{STRONG}{title}{STRONG:#}"));
    text.blank();
    text
}

/// Adds the paragraphs of a doc comment.
fn add_paragraphs(text: &mut Page, doc: &str) {
    for line in paragraphs(doc).lines() {
        text.line(line);
    }
}

pub(super) fn explain(subject: &str) -> Option<Page> {
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
    if let Some(known) = explanations::of_code(subject) {
        let mut text = titled(subject);
        for line in known.text().lines() {
            text.line(line);
        }
        return Some(text);
    }
    explain_brought(subject)
}

/// Explains a row that Microsoft ships, by its display name or its unique name.
fn explain_brought(subject: &str) -> Option<Page> {
    let mut text = None;
    for kind in Kind::all() {
        let mut rows = kind.definition().brings.iter();
        let Some(row) = rows.find(|row| row.is_called(subject)) else {
            continue;
        };
        let title = if row.label.is_empty() {
            row.name
        } else {
            row.label
        };
        let text = text.get_or_insert_with(|| titled(title));
        match row.unique_name() {
            Some(name) => text.line(format_args!(
                "Microsoft ships this {kind}. Its unique name is `{name}`; manifests may refer to it without declaring it."
            )),
            None => text.line(format_args!(
                "Microsoft ships this {kind} and does not document its unique name. Look it up with {}.",
                suggest::line("explain", &[title, "--env", "NAME"])
            )),
        }
    }
    text
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
        text.line(match (info.is_required(), info.is_needed()) {
            (true, _) => "Documents that can create the row need it.",
            (_, true) => "Documents that can create the row need it, unless `defaults` of `deskstate.yaml` has it.",
            _ => "If omitted, deskstate ignores this field.",
        });
    }
    if info.from_file {
        text.line(format_args!(
            "`{}File` takes a path instead, relative to the manifest.",
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

/// The fields of a mapping, of the items of a list, or of the values of a mapping with free keys.
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

/// Joins each paragraph of a doc comment into one line.
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
    fn a_misspelt_subject_is_suggested_as_a_whole() {
        for (written, near) in [
            (
                "SessionTemplate.additionaltab",
                Some("SessionTemplate.additionalTabs"),
            ),
            ("SessionTemplate.Titel", Some("SessionTemplate.title")),
            ("SesionTemplate.Titel", Some("SessionTemplate.title")),
            ("Session template.nothing like it", Some("SessionTemplate")),
            ("Project.enviroments", Some("Project.environments")),
            ("Contract.rules.resorce", Some("Contract.rules.resource")),
            ("unknown-refrence", Some("unknown-reference")),
            ("nothing", None),
        ] {
            assert_eq!(meant(written).as_deref(), near, "{written}");
        }
    }

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
        assert_eq!(
            meant("sesion templates").as_deref(),
            Some("SessionTemplate")
        );
    }
}
