//! The answer sheet of an environment: its observed behavior where the documentation leaves it open.

use std::path::{Path, PathBuf};

use deskstate_files::{Limit, read_text};
use deskstate_reconcile::probe::Answers as Found;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::kept::{self, write_file};
use crate::paths::shown_path;
use crate::suggest::suggest;

/// The only version of the sheet format so far.
const FORMAT_VERSION: u32 = 1;

/// The answers that affect how a plan is applied. A sheet may hold more; other answers are preserved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Answers {
    /// Creating an application tab also creates its parameter rows.
    pub(crate) tab_makes_parameters: Option<bool>,
    /// The version that a write names is also checked inside a changeset.
    pub(crate) if_match_in_changesets: Option<bool>,
    /// The effect of writing a tab on its parameter rows.
    pub(crate) tab_write_touches_parameters: Option<TouchedParameters>,
    /// Linking raises the versions of both rows.
    pub(crate) links_raise_version: Option<bool>,
    /// A row's version rises when the row it points to is deleted.
    pub(crate) emptied_lookup_raises_version: Option<bool>,
    /// A unique name without a publisher's prefix is refused.
    pub(crate) prefix_needs_publisher: Option<bool>,
}

/// The effect of writing a tab on its parameter rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TouchedParameters {
    /// Nothing.
    Nothing,
    /// Their versions rise.
    Versions,
    /// Their values are rewritten.
    Values,
}

impl Answers {
    /// Whether writing a tab is known to overwrite the values of its parameter rows.
    pub(crate) fn rewrites_parameters(&self) -> bool {
        self.tab_write_touches_parameters == Some(TouchedParameters::Values)
    }

    /// Whether writing a tab touches its parameter rows.
    pub(crate) fn touches_parameters(&self) -> Option<bool> {
        Some(self.tab_write_touches_parameters? != TouchedParameters::Nothing)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sheet {
    format_version: u32,
    answers: Answers,
}

/// The path of an environment's sheet.
pub(crate) fn path(root: &Path, environment: &str) -> Result<PathBuf, Error> {
    let file = format!("{environment}.json");
    kept::path(root, &Path::new(kept::FOLDER).join("answers").join(file))
}

/// Reads the answers of an environment. Without a sheet, nothing is known.
pub(crate) fn read(root: &Path, environment: &str) -> Result<Answers, Error> {
    let path = path(root, environment)?;
    let text = match read_text(&path, Limit::STATE).map_err(std::io::Error::from) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Answers::default()),
        Err(source) => {
            return Err(Error::File {
                what: "could not read",
                path,
                source,
            });
        }
    };
    parse(&text).map_err(|message| Error::Failed {
        message: format!(
            "{} is not an answer file of `doctor --probe`: {message}",
            shown_path(&path)
        ),
        hint: Some(format!(
            "delete it, or write a new one with {}",
            suggest("doctor", &["--env", environment, "--probe"])
        )),
    })
}

/// Writes new answers into the sheet of an environment and keeps the other answers in it.
pub(crate) fn write(root: &Path, environment: &str, found: &Found) -> Result<PathBuf, Error> {
    let path = path(root, environment)?;
    let known: Value = read_text(&path, Limit::STATE)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let with = |word: &str, found: &Map<String, Value>| {
        let mut all = known[word].as_object().cloned().unwrap_or_default();
        all.extend(found.clone());
        all
    };
    let sheet = serde_json::json!({
        "formatVersion": FORMAT_VERSION,
        "answers": with("answers", &found.settled),
        "replies": with("replies", &found.replies),
    });
    let text = serde_json::to_string_pretty(&sheet).map_err(std::io::Error::from)? + "\n";
    write_file(&path, &text)?;
    Ok(path)
}

fn parse(text: &str) -> Result<Answers, String> {
    let sheet: Sheet = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if sheet.format_version == FORMAT_VERSION {
        Ok(sheet.answers)
    } else {
        Err(format!(
            "format version {} is unknown",
            sheet.format_version
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_sheet_may_hold_more_than_is_used() {
        let text = r#"{"formatVersion":1,"answers":{"tabMakesParameters":false,"bindNull":true}}"#;
        assert_eq!(
            parse(text),
            Ok(Answers {
                tab_makes_parameters: Some(false),
                ..Answers::default()
            })
        );
    }

    #[test]
    fn the_page_lists_every_answer_that_configures_the_client() {
        let page = include_str!("../../../docs/evidence.md");
        let (_, section) = page
            .split_once("## What deskstate does with the answers")
            .expect("the section");
        let section = section.split("\n## ").next().unwrap_or_default();
        let rows: Vec<&str> = section
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        for row in &rows {
            let mut words = row.split('`').skip(1).step_by(2);
            let (word, value) = (words.next(), words.next());
            let (word, value) = (word.expect("a word"), value.expect("a value"));
            let sheet = format!(r#"{{"formatVersion":1,"answers":{{"{word}":{value}}}}}"#);
            let answers = parse(&sheet).unwrap_or_else(|error| panic!("{sheet}: {error}"));
            assert_ne!(answers, Answers::default(), "{row}");
        }
        let fields = format!("{:?}", Answers::default()).matches("None").count();
        let words = rows.iter().filter_map(|row| row.split('`').nth(1));
        assert_eq!(words.collect::<BTreeSet<_>>().len(), fields);
    }

    #[test]
    fn a_sheet_of_another_version_is_refused() {
        assert_eq!(
            parse(r#"{"formatVersion":2,"answers":{}}"#),
            Err("format version 2 is unknown".to_owned())
        );
    }
}
