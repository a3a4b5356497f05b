//! Probes the environment for behavior that is not documented.
//!
//! Most questions are changesets whose last operation changes a row that does not exist. They must fail and take everything before with
//! them, so nothing is stored. The first operation that fails is the answer. (Changesets are atomic: Execute batch operations using the Web
//! API.) Behavior that only stored rows show is tested with two scratch rows, which are deleted afterwards.

mod ask;
mod left;
mod rights;
mod rolled_back;
mod scratch;

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Error, ServiceError, Session};
use deskstate_model::{Holds, Kind};
use serde_json::{Map, Value as Json, json};
use thiserror::Error;

pub use rights::{privilege, privileges_to_write, rights_to_write};

use crate::live::Live;
use ask::{Found, Probe};

/// The word that follows the publisher's prefix in every name that a question uses.
pub const RESERVED: &str = "deskstateProbe";

/// All questions, by the name of the answer in the answers sheet.
pub const QUESTIONS: [&str; 30] = [
    "applicationRequiredEnforced",
    "associateAgain",
    "batchStatus",
    "changesetFailure",
    "codeOnAbsentInChangesets",
    "codeOnStaleInChangesets",
    "codesOnConditionalErrors",
    "disassociateMissing",
    "emptiedLookupRaisesVersion",
    "foreignPrefixesRefused",
    "fourNotificationFields",
    "ifMatchInChangesets",
    "intersectSetsReadable",
    "linksRaiseVersion",
    "lockdownCoversRows",
    "missingColumns",
    "missingOptions",
    "missingTables",
    "noOptimisticConcurrency",
    "oneEntityTemplatePerTable",
    "oneProfilePerUser",
    "ownKeys",
    "prefixNeedsPublisher",
    "tabJsonDerived",
    "tabMakesParameters",
    "tabWriteTouchesParameters",
    "uniqueNamesAreImmutable",
    "uniqueNamesAreUnique",
    "uniqueNamesIgnoreCase",
    "unknownSlugsNulled",
];

const CARRIED_OUT: &str = "a transaction that must fail was executed";

/// How much a probe may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Questions {
    /// Only questions that are rolled back.
    RolledBack,
    /// Also questions that temporarily store scratch rows.
    Stored,
}

/// Why an environment could not be probed.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The environment could not be reached, or its answer was lost.
    #[error(transparent)]
    Dataverse(#[from] Error),
    /// The questions ended early, and some of their rows still exist.
    #[error("the probe left rows in the environment; delete them: {}", .rows.join(", "))]
    Left {
        /// Table and name of each row.
        rows: Vec<String>,
        /// Why the questions ended.
        #[source]
        source: Error,
    },
    /// It is unknown whether rows of the questions still exist.
    #[error(
        "the probe may have left rows in the environment, with `{RESERVED}` in their names; `doctor --probe=write` deletes them"
    )]
    Unseen {
        /// Why the search failed.
        #[source]
        source: Error,
    },
}

/// Answers by name in the answers sheet. A question that could not be settled is listed in `open` instead.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// The answers.
    pub settled: Map<String, Json>,
    /// Status and code of the refusals that provided the answers.
    pub replies: Map<String, Json>,
    /// Questions that could not be settled, and why.
    pub open: BTreeMap<String, String>,
}

/// The result of a probe.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Probed {
    /// The answers.
    pub answers: Answers,
    /// Remaining rows with the reserved word in their names: table and name.
    pub left: Vec<String>,
    /// Tables that could not be searched for such rows, and why.
    pub unseen: Vec<String>,
    /// Whether a changeset was committed although its last operation cannot succeed. Its rows were deleted again.
    pub stored: bool,
}

/// Probes behavior of the environment that is not documented, and checks afterwards whether anything was left behind.
///
/// # Errors
/// If the environment cannot be queried. Rows that the questions stored until then are deleted; rows that could not be deleted are listed.
pub async fn probe(
    session: &Session,
    live: &Live,
    questions: Questions,
) -> Result<Probed, ProbeError> {
    let mut probe = Probe::new(session, live);
    let asked = ask_all(&mut probe, live, questions).await;
    let stored = probe.stored;
    let writes = stored || questions == Questions::Stored;
    let looked = match writes {
        true => left::remove_and_look(session).await,
        false => left::rows(session.reader()).await,
    };
    match (asked, looked) {
        (Ok(answers), Ok((left, unseen))) => Ok(Probed {
            answers,
            left,
            unseen,
            stored,
        }),
        (Err(source), Ok((left, _))) if left.is_empty() => Err(source.into()),
        (Err(source), Ok((rows, _))) => Err(ProbeError::Left { rows, source }),
        (_, Err(source)) if writes => Err(ProbeError::Unseen { source }),
        (Err(source), Err(_)) | (Ok(_), Err(source)) => Err(source.into()),
    }
}

async fn ask_all(
    probe: &mut Probe<'_>,
    live: &Live,
    questions: Questions,
) -> Result<Answers, Error> {
    let mut answers = Answers::of(live);
    rolled_back::ask(probe, live, &mut answers).await?;
    if questions == Questions::Stored {
        scratch::ask(probe, &mut answers).await?;
    }
    Ok(answers)
}

impl Answers {
    /// The answers that reading provides: what the environment lacks.
    pub fn of(live: &Live) -> Self {
        let mut answers = Self::default();
        answers.seen(live);
        answers
    }

    fn say(&mut self, word: &str, answer: impl Into<Json>) {
        debug_assert!(QUESTIONS.contains(&word), "{word}");
        self.settled.insert(word.to_owned(), answer.into());
    }

    fn leave_open(&mut self, word: &str, why: impl Into<String>) {
        self.open.insert(word.to_owned(), why.into());
    }

    fn reply(&mut self, word: &str, error: &ServiceError) {
        let code = error.code.map(|code| code.to_string());
        self.replies.insert(
            word.to_owned(),
            json!({"status": error.status, "code": code.unwrap_or_default()}),
        );
    }

    /// Adds the answers that reading provided.
    fn seen(&mut self, live: &Live) {
        let tables = |keep: fn(&crate::live::LiveTable) -> bool| -> Vec<&str> {
            live.tables
                .iter()
                .filter(|(_, seen)| keep(seen))
                .map(|(table, _)| table.logical)
                .collect()
        };
        self.say(
            "missingTables",
            tables(|seen| seen.access == crate::live::Access::Absent),
        );
        self.say(
            "noOptimisticConcurrency",
            tables(|seen| seen.optimistic_concurrency == Some(false)),
        );
        let columns: Vec<String> = live
            .tables
            .iter()
            .filter(|(_, seen)| seen.access != crate::live::Access::Absent)
            .flat_map(|(table, seen)| {
                seen.missing_columns
                    .iter()
                    .map(|column| format!("{}.{column}", table.logical))
            })
            .collect();
        self.say("missingColumns", columns);
        let options: BTreeSet<String> = Kind::all()
            .filter_map(|kind| Some((kind, live.tables.get(kind.table())?)))
            .flat_map(|(kind, seen)| {
                kind.fields().iter().flat_map(move |field| {
                    let (Holds::Choice(known), Some(there)) =
                        (&field.holds, seen.options.get(field.column))
                    else {
                        return Vec::new();
                    };
                    let absent = known.iter().filter(|known| !there.contains(&known.number));
                    absent
                        .map(|known| {
                            format!("{}.{}={}", kind.table().logical, field.column, known.number)
                        })
                        .collect()
                })
            })
            .collect();
        self.say("missingOptions", Vec::from_iter(options));
    }

    /// Records one answer if the operation in question was refused, and another if it was accepted. A refusal for lack of a privilege is no
    /// answer.
    fn by(&mut self, word: &str, found: &Found, [refused, taken]: [impl Into<Json>; 2]) {
        match found {
            Found::Taken(_) => self.say(word, taken),
            Found::Refused(error) if error.status != 403 => {
                self.reply(word, error);
                self.say(word, refused);
            }
            Found::Refused(error) | Found::Earlier(error) => {
                self.leave_open(word, error.to_string());
            }
            Found::Stored => self.leave_open(word, CARRIED_OUT),
        }
    }

    fn flag(&mut self, word: &str, found: &Found) {
        self.by(word, found, [true, false]);
    }

    fn choice(&mut self, word: &str, found: &Found) {
        self.by(word, found, ["refused", "accepted"]);
    }
}
