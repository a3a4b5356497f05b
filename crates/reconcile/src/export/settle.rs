//! Leaves out what an export cannot express: values that `validate` rejects, and fields that a plan of the export would still change. Each
//! is listed with the reason. As a result, an export passes `validate` and plans to no changes, whatever the environment contains.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_model::{
    Diagnostic, Holds, Manifests, PROJECT_FILE, ResourceKey, State, Written, load_texts,
};
use serde_json::{Value as Json, json};

use super::{Document, Export, file_names, write};
use crate::plan::{Plan, Planned};
use crate::raise::{LeftOut, Loss};

/// Rules for rows that may have to be created. `existing` resources need not follow them.
const ABOUT_CREATING: [&str; 2] = ["unique-name", "reserved-prefix"];

/// A place in a document that has to be left out.
struct Cut {
    document: usize,
    /// The field; `None` for the complete document.
    word: Option<String>,
    /// A single member of a set.
    member: Option<String>,
    about_creating: bool,
    why: String,
}

impl Export {
    /// Loads the documents as manifests and returns them with the findings. No file is written.
    pub fn manifests(&self) -> (Manifests, Vec<Diagnostic>) {
        let project = json!({
            "apiVersion": "deskstate/v1", "kind": "Project", "metadata": {"name": "export"},
            "spec": {
                "owns": {"names": self.owned},
                "environments": {"local": {"emulator": {"state": ".deskstate/local.json"}}},
            },
        });
        let mut texts = BTreeMap::from([(PROJECT_FILE.to_owned(), project.to_string())]);
        texts.extend(
            self.paths()
                .into_iter()
                .zip(&self.documents)
                .map(|(path, document)| (path, write(document))),
        );
        load_texts(texts, Some("local"))
    }

    fn paths(&self) -> Vec<String> {
        file_names(self.documents.iter().map(|document| &document.key))
            .into_iter()
            .map(|name| format!("manifests/{name}"))
            .collect()
    }

    /// Leaves out what `validate` rejects until nothing is rejected.
    pub fn leave_out_refused(&mut self) -> Manifests {
        loop {
            let (manifests, findings) = self.manifests();
            let cuts = self.refused(&findings, &manifests, "validate");
            if cuts.is_empty() || !self.carry_out(&cuts) {
                return manifests;
            }
        }
    }

    /// Leaves out what a plan of these manifests would reject or change. Returns whether anything was left out.
    pub fn leave_out_changes(&mut self, manifests: &Manifests, planned: &Planned) -> bool {
        let (plan, findings) = planned;
        let mut cuts = self.refused(findings, manifests, "plan");
        if cuts.is_empty() {
            cuts = self.changed(plan);
        }
        self.carry_out(&cuts)
    }

    /// The places that errors refer to.
    fn refused(&self, findings: &[Diagnostic], manifests: &Manifests, by: &str) -> Vec<Cut> {
        let sources = &manifests.sources;
        let paths = self.paths();
        let documents: BTreeMap<&str, usize> = paths
            .iter()
            .enumerate()
            .map(|(at, path)| (path.as_str(), at))
            .collect();
        findings
            .iter()
            .filter(|finding| finding.is_error())
            .filter_map(|finding| {
                let span = finding.primary.as_ref()?.span;
                let document = *documents.get(sources.path(span.file))?;
                let is_present = self.documents.get(document)?.state == State::Present;
                // An incomplete row of a file is exported as it is; its author has to complete it.
                if self.from_file && is_present && finding.is_about_lacking {
                    return None;
                }
                let member = sources.slice(span).trim_matches(['"', '\'']);
                Some(Cut {
                    document,
                    word: field_at(sources.text(span.file), span.start as usize),
                    member: Some(member.to_owned()),
                    about_creating: ABOUT_CREATING.contains(&finding.code),
                    why: format!(
                        "`{by}` would refuse it ({}): {}",
                        finding.code, finding.message
                    ),
                })
            })
            .collect()
    }

    /// The places that a plan would write.
    fn changed(&self, plan: &Plan) -> Vec<Cut> {
        let documents: BTreeMap<&ResourceKey, usize> = self
            .documents
            .iter()
            .enumerate()
            .map(|(at, document)| (&document.key, at))
            .collect();
        plan.changes
            .iter()
            .filter_map(|change| Some((*documents.get(&change.key)?, change)))
            .flat_map(|(document, change)| {
                change.fields.iter().map(move |field| Cut {
                    document,
                    word: field.path.split('.').next().map(str::to_owned),
                    member: None,
                    about_creating: false,
                    why: "a plan of it would not be empty".to_owned(),
                })
            })
            .collect()
    }

    fn carry_out(&mut self, cuts: &[Cut]) -> bool {
        let mut left_out: Vec<(String, LeftOut)> = Vec::new();
        let mut gone: BTreeSet<usize> = BTreeSet::new();
        let mut touched: BTreeSet<(usize, Option<&str>)> = BTreeSet::new();
        for cut in cuts {
            let Some(document) = self.documents.get_mut(cut.document) else {
                continue;
            };
            let creating = cut.about_creating && document.state == State::Present;
            let word = cut
                .word
                .as_deref()
                .filter(|word| !creating && document.spec.contains_key(*word));
            let again = !touched.insert((cut.document, word.or(cut.word.as_deref())));
            let Some(word) = word else {
                if again {
                    continue;
                }
                if document.state == State::Present {
                    become_existing(document);
                    left_out.push(note(
                        document,
                        "",
                        format!("written as `existing`: {}", cut.why),
                        Loss::None,
                    ));
                } else {
                    gone.insert(cut.document);
                    left_out.push(lost(document, &self.owned, "", cut.why.clone()));
                }
                continue;
            };
            take_out(document, word, cut.member.as_deref());
            left_out.push(lost(document, &self.owned, word, cut.why.clone()));
            if !document.spec.contains_key(word)
                && !self.from_file
                && document.state == State::Present
                && is_needed(document, word)
            {
                become_existing(document);
                left_out.push(note(
                    document,
                    "",
                    format!("written as `existing`: `{word}` has no value that can be written"),
                    Loss::None,
                ));
            }
        }
        let mut at = 0;
        self.documents.retain(|_| {
            at += 1;
            !gone.contains(&(at - 1))
        });
        let changed = !left_out.is_empty();
        self.left_out.extend(left_out);
        changed
    }
}

fn note(document: &Document, path: &str, why: String, loss: Loss) -> (String, LeftOut) {
    let path = path.to_owned();
    (document.key.to_string(), LeftOut { path, why, loss })
}

fn lost(document: &Document, owned: &[String], path: &str, why: String) -> (String, LeftOut) {
    let Document { key, .. } = document;
    let loss = Loss::of(key.kind, key.name.as_written(), owned, path);
    note(document, path, why, loss)
}

/// The field that contains the byte at a position of a document's text.
fn field_at(text: &str, at: usize) -> Option<String> {
    let spec = text.find("\nspec:\n")?;
    let end = text
        .get(at..)?
        .find('\n')
        .map_or(text.len(), |end| at + end);
    if at < spec {
        return None;
    }
    text.get(spec + "\nspec:\n".len()..end)?
        .lines()
        .rev()
        .filter_map(|line| line.strip_prefix("  "))
        .find(|line| line.starts_with(|first: char| first.is_ascii_alphabetic()))
        .and_then(|line| line.split_once(':'))
        .map(|(word, _)| word.to_owned())
}

/// Whether the field is required in a document that creates its row.
fn is_needed(document: &Document, word: &str) -> bool {
    let is_column = document
        .key
        .kind
        .fields()
        .iter()
        .any(|field| field.word == word && field.is_column());
    let infos = document.key.kind.fields();
    is_column
        && infos
            .iter()
            .any(|info| info.word == word && (info.is_needed()))
}

fn sets(document: &Document) -> impl Iterator<Item = &'static str> + use<> {
    document
        .key
        .kind
        .fields()
        .iter()
        .filter(|field| matches!(field.holds, Holds::Set { .. }))
        .map(|field| field.word)
}

/// Whether a field is a set of links, or of parts that are written like one.
fn is_set(document: &Document, word: &str) -> bool {
    let mut fields = document.key.kind.fields().iter();
    fields.any(|field| {
        field.word == word
            && match field.holds {
                Holds::Set { .. } => true,
                Holds::Parts(part) => matches!(part.written, Written::Set),
                _ => false,
            }
    })
}

/// Turns a document into an `existing` one, whose row may have members that are not listed.
fn become_existing(document: &mut Document) {
    document.state = State::Existing;
    for word in sets(document) {
        if let Some(Json::Array(members)) = document.spec.get(word) {
            let members = members.clone();
            write_at_least(document, word, members);
        }
    }
}

fn write_at_least(document: &mut Document, word: &str, members: Vec<Json>) {
    if members.is_empty() {
        document.spec.shift_remove(word);
    } else {
        let set = json!({"mode": "atLeast", "members": members});
        document.spec.insert(word.to_owned(), set);
    }
}

/// Removes a member of a set, or the complete field.
fn take_out(document: &mut Document, word: &str, member: Option<&str>) {
    let members = document
        .spec
        .get(word)
        .filter(|_| is_set(document, word))
        .and_then(|set| set.get("members").unwrap_or(set).as_array());
    let rest: Option<Vec<Json>> = members.and_then(|members| {
        let rest: Vec<Json> = members
            .iter()
            .filter(|one| one.as_str() != member)
            .cloned()
            .collect();
        (rest.len() + 1 == members.len()).then_some(rest)
    });
    match rest {
        Some(rest) => write_at_least(document, word, rest),
        None => {
            document.spec.shift_remove(word);
        }
    }
}
