//! `propose`: returns patches for a person to apply. Writes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use deskstate_dataverse::Stop;
use deskstate_model::{Diagnostic, Project, Span};
use serde_json::{Value as Json, json};

use super::answer::{Answer, Failure, From, inert_text};
use super::asked::{Change, Propose};
use super::declared::{as_items, check_path, checked, refuse_settings};
use super::desk::{Desk, failure, told};
use crate::commands::adopt::{self, Into, WorkedOut};
use crate::commands::choosing::Choosing;
use crate::commands::exporting::People;
use crate::environment::Readable;
use crate::error::Error;
use crate::output::count;
use crate::ui::Ui;

const ADOPT: &str = "ask a person to run `deskstate adopt`, which writes the files";
const EDIT: &str = "ask a person to edit the file";

const APPLY: &str = "show the patch to a person: they save it to a file, apply it with `git apply FILE`, run `deskstate validate` and open a pull request";

pub(super) async fn propose(
    desk: &Desk,
    asked: &Propose,
    stop: &Stop,
    ui: &mut Ui,
) -> Result<Answer, Failure> {
    match asked.change {
        Change::Adopt => adopt(desk, asked, stop, ui).await,
        Change::Fix => fix(desk, asked),
        Change::Manifest => manifest(desk, asked),
    }
}

fn lacks(what: &str) -> Failure {
    Failure::new(
        "invalid-arguments",
        format!("`{what}` is needed for this change"),
    )
}

/// Proposes live values for the manifests.
async fn adopt(desk: &Desk, asked: &Propose, stop: &Stop, ui: &mut Ui) -> Result<Answer, Failure> {
    let name = asked
        .environment
        .as_deref()
        .ok_or_else(|| lacks("environment"))?;
    let loaded = desk.load(name, ui)?;
    let failed = |error: &Error, ui: &mut Ui| failure(error, ui, Some(name));
    let choosing = Choosing::of_words(&asked.what).map_err(|error| failed(&error, ui))?;
    let chosen = adopt::chosen(&choosing, &loaded).map_err(|error| failed(&error, ui))?;
    let environment = loaded.environment().map_err(|error| failed(&error, ui))?;
    let into = if asked.into_base {
        Into::Base
    } else {
        Into::Overlay
    };
    let work = async |opened: Readable| {
        adopt::work_out(&opened.reader, &loaded, chosen, into, People::Upn, ui).await
    };
    let WorkedOut {
        adoption,
        plan,
        new,
    } = match desk.read(environment, stop, work).await {
        Ok(worked_out) => worked_out,
        Err(error) => return Err(failed(&error, ui)),
    };
    let files = adoption.files.iter();
    let mut items: Vec<Json> = files
        .map(|(path, change)| {
            let texts = (change.before.as_deref(), change.after.as_str());
            patch(desk.root(), path, texts, ADOPT)
        })
        .collect::<Result<_, Failure>>()?;
    let patches = items.len();
    items.extend(
        adoption.adopted.iter().map(
            |(key, path)| json!({"type": "adopted", "resource": key.to_string(), "field": path}),
        ),
    );
    items.extend(adoption.refused.iter().map(|refusal| {
        let at = refusal
            .place
            .map(|span| place(&loaded.manifests.sources, span));
        json!({
            "type": "notAdopted",
            "resource": refusal.key.to_string(),
            "field": refusal.path,
            "reason": refusal.why,
            "at": at,
        })
    }));
    let not_compared = crate::output::verdict::unplanned(&plan.resources, &plan.elsewhere);
    items
        .extend(not_compared.map(
            |one| json!({"type": "notCompared", "about": one.about(), "reason": one.words()}),
        ));
    items.extend(new.not_found.iter().map(
        |nothing| json!({"type": "notFound", "text": nothing.to_string(), "help": nothing.help}),
    ));
    items.extend(new.left_out.iter().map(|(resource, left_out)| {
        json!({"type": "leftOut", "resource": resource, "field": left_out.path, "reason": left_out.why})
    }));
    let whole = adoption.refused.is_empty()
        && new.not_found.is_empty()
        && !new.loses()
        && crate::output::verdict::unplanned(&plan.resources, &plan.elsewhere)
            .next()
            .is_none();
    items.extend(told(ui));
    Ok(Answer {
        summary: format!(
            "A patch for {}, with {} of {name}{}. Nothing was written.",
            count(patches, "file"),
            count(adoption.adopted.len(), "value"),
            if whole {
                ""
            } else {
                "; not everything could be adopted"
            }
        ),
        state: match (patches, whole) {
            (_, false) => "incomplete",
            (0, true) => "nothing",
            (_, true) => "patch",
        },
        items,
        next: if patches == 0 {
            Vec::new()
        } else {
            vec![APPLY.to_owned()]
        },
        from: From::Live(vec![name.to_owned()]),
        ..Answer::default()
    })
}

fn place(sources: &deskstate_model::SourceMap, span: Span) -> String {
    let (line, column) = sources.line_column(span);
    format!("{}:{line}:{column}", sources.path(span.file))
}

/// Creates a patch of one file. It is refused if escaping would alter its text, because it would not apply.
fn patch(
    root: &Path,
    path: &str,
    (before, after): (Option<&str>, &str),
    by_hand: &str,
) -> Result<Json, Failure> {
    let text = adopt::patch_in(root, path, before, after);
    if text.len() > deskstate_files::ANSWER_PAGE * 3 / 4 {
        let limit = deskstate_files::ANSWER_PAGE * 3 / 4;
        return Err(Failure::new(
            "too-large",
            format!(
                "the patch of `{path}` has {} bytes, and the limit is {limit}",
                text.len()
            ),
        )
        .next(format!("propose less at once; or {by_hand}")));
    }
    // Line ends of Windows hide nothing.
    let shown = text.replace("\r\n", "\n");
    if inert_text(&shown) != shown {
        return Err(Failure::new(
            "hidden-characters",
            format!("the patch of `{path}` holds characters that cannot be shown as they are"),
        )
        .next(by_hand));
    }
    Ok(json!({"type": "patch", "file": path, "new": before.is_none(), "patch": text}))
}

/// Corrects misspelt words of deskstate's own vocabulary, but only if that removes the finding and causes no new one.
fn fix(desk: &Desk, asked: &Propose) -> Result<Answer, Failure> {
    let (manifests, found) = checked(desk, None, BTreeMap::new());
    let sources = &manifests.sources;
    let is_asked = |finding: &&Diagnostic| {
        let at = finding.primary.as_ref().map(|label| label.span);
        let in_file = |file: &String| at.is_some_and(|span| sources.path(span.file) == *file);
        let on_line = |line: &u32| at.is_some_and(|span| sources.line_column(span).0 == *line);
        asked.code.as_ref().is_none_or(|code| finding.code == code)
            && asked.path.as_ref().is_none_or(in_file)
            && asked.line.as_ref().is_none_or(on_line)
    };
    let mut edits: BTreeMap<String, Vec<(Span, &str)>> = BTreeMap::new();
    let mut left = Vec::new();
    let asked_for: Vec<&Diagnostic> = found.iter().filter(is_asked).collect();
    for finding in &asked_for {
        let (Some(instead), Some(label)) = (&finding.instead, &finding.primary) else {
            left.push((*finding).clone());
            continue;
        };
        let span = label.span;
        let written = sources
            .text(span.file)
            .get(span.start as usize..span.end as usize);
        // A variable has another value in each environment, and settings are not taken from an assistant.
        if written.is_none_or(|written| written.contains("${{"))
            || refuse_settings(desk, sources.path(span.file)).is_err()
        {
            left.push((*finding).clone());
            continue;
        }
        let of_file = edits
            .entry(sources.path(label.span.file).to_owned())
            .or_default();
        if !of_file.iter().any(|(span, _)| *span == label.span) {
            of_file.push((label.span, instead));
        }
    }
    let mut items = Vec::new();
    let mut changed = BTreeMap::new();
    for (path, mut of_file) in edits {
        of_file.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
        let Some((first, _)) = of_file.first() else {
            continue;
        };
        let before = sources.text(first.file);
        let mut after = before.to_owned();
        for (span, instead) in of_file {
            after.replace_range(span.start as usize..span.end as usize, instead);
        }
        items.push(patch(desk.root(), &path, (Some(before), &after), EDIT)?);
        changed.insert(path, after);
    }
    let fixed = asked_for.len() - left.len();
    if !changed.is_empty() {
        let (_, after) = checked(desk, None, changed);
        let same = |one: &Diagnostic, other: &Diagnostic| {
            one.code == other.code && one.message == other.message
        };
        let stays = after.iter().any(|finding| {
            let was_left = left.iter().any(|one| same(one, finding));
            let was_fixed = asked_for
                .iter()
                .any(|one| one.instead.is_some() && same(one, finding) && !was_left);
            was_fixed || (finding.is_error() && !found.iter().any(|one| same(one, finding)))
        });
        if stays {
            return Err(Failure::new(
                "not-certain",
                "with these corrections the project would have other errors",
            )
            .next("correct the manifest by hand and call `validate` with the new text"));
        }
    }
    let patches = items.len();
    items.extend(as_items(&left, sources).into_iter().map(|mut finding| {
        finding["type"] = "notFixed".into();
        finding
    }));
    Ok(Answer {
        summary: match (patches, asked_for.len()) {
            (_, 0) => "No finding matches.".to_owned(),
            (0, _) => "No finding has a certain fix.".to_owned(),
            _ => format!(
                "A patch that fixes {fixed} of {}. Nothing was written.",
                count(asked_for.len(), "finding")
            ),
        },
        state: if patches == 0 { "nothing" } else { "patch" },
        items,
        next: if patches == 0 {
            vec!["`explain` with the code of a finding says what to do by hand".to_owned()]
        } else {
            vec![APPLY.to_owned()]
        },
        from: From::Manifests,
        ..Answer::default()
    })
}

/// Proposes a new manifest, or a new text for an existing one: checked, and as a patch.
fn manifest(desk: &Desk, asked: &Propose) -> Result<Answer, Failure> {
    let path = asked.path.as_deref().ok_or_else(|| lacks("path"))?;
    let text = asked.text.as_deref().ok_or_else(|| lacks("text"))?;
    check_path(path)?;
    refuse_settings(desk, path)?;
    let mut text = text.to_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let (now, before) = checked(desk, None, BTreeMap::new());
    let (then, found) = checked(
        desk,
        None,
        BTreeMap::from([(path.to_owned(), text.clone())]),
    );
    let file_of = |manifests: &deskstate_model::Manifests| {
        let mut files = manifests.sources.files();
        files.find(|file| manifests.sources.path(*file) == path)
    };
    if file_of(&then).is_none() {
        let folder = now.project.as_ref().and_then(Project::folder_for_new_files);
        return Err(Failure::new(
            "not-read",
            format!("no pattern of the project reads `{path}`"),
        )
        .next(format!(
            "choose a path below {}",
            folder
                .as_deref()
                .unwrap_or("a folder of `manifests` in deskstate.yaml")
        )));
    }
    let old = file_of(&now).map(|file| now.sources.text(file));
    let is_new = |finding: &&Diagnostic| {
        finding.is_error()
            && !before
                .iter()
                .any(|known| known.code == finding.code && known.message == finding.message)
    };
    let errors: Vec<Diagnostic> = found.iter().filter(is_new).cloned().collect();
    if !errors.is_empty() {
        let mut failure = Failure::new(
            "invalid-manifests",
            "the project would have errors with this manifest",
        )
        .next("correct the text; `schema` and `explain` say what a kind takes");
        failure.items = as_items(&errors, &then.sources);
        return Err(failure);
    }
    let warnings: Vec<Diagnostic> = found
        .iter()
        .filter(|finding| {
            !before
                .iter()
                .any(|known| known.code == finding.code && known.message == finding.message)
        })
        .cloned()
        .collect();
    let mut items = vec![patch(desk.root(), path, (old, &text), EDIT)?];
    items.extend(as_items(&warnings, &then.sources));
    Ok(Answer {
        summary: format!(
            "A patch for {path}, valid with the rest of the project. Nothing was written."
        ),
        state: "patch",
        items,
        next: vec![APPLY.to_owned()],
        from: From::Manifests,
        ..Answer::default()
    })
}
