//! What documents leave open, the environment is asked.
//!
//! Each question is a changeset whose last operation deletes a row that does not exist, so it must fail, and with it everything before:
//! nothing is stored. Which operation fails first is the answer. (Changesets are atomic: Execute batch operations using the Web API.)
//!
//! What can only be seen in rows that are stored, such as whether creating a tab makes its parameter rows, cannot be asked in this way.

use std::collections::BTreeMap;

use deskstate_dataverse::{
    Cell, Changeset, Depth, Error, Operation, Outcome, Place, Query, Reader, ServiceError, Session,
    Value, privilege_depths,
};
use deskstate_model::Kind;
use serde_json::{Map, Value as Json};
use thiserror::Error;
use uuid::Uuid;

use crate::kinds::{self, tables};
use crate::live::Live;
use crate::table::{Relationship, Table};

/// Why an environment could not be asked.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The environment could not be reached, or its answer was lost. Nothing is stored: the changeset must fail whenever it is carried out.
    #[error(transparent)]
    Dataverse(#[from] Error),
    /// A changeset was carried out although its last operation cannot succeed.
    #[error(
        "the environment carried out a changeset that must fail: look for rows whose name begins with `{prefix}` and delete them"
    )]
    Stored {
        /// How the names of its rows begin.
        prefix: String,
    },
}

/// Answers by the word of the answer sheet; a question that could not be settled is left out and named.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answers {
    /// What was found out.
    pub settled: Map<String, Json>,
    /// What could not be, and why.
    pub open: BTreeMap<String, String>,
}

/// The rights that apply needs on the tables of the kinds.
pub const WRITE_RIGHTS: [&str; 5] = ["Create", "Write", "Delete", "Append", "AppendTo"];

/// The name of a privilege: `prv`, the right, and the table's schema name, which for these tables is their logical name.
#[must_use]
pub fn privilege(right: &str, table: &Table) -> String {
    format!("prv{right}{}", table.logical)
}

/// How far the caller may create, write, delete, append and append to in the tables of the kinds; `None` if that may not be read.
///
/// # Errors
/// If the environment cannot be asked.
pub async fn privileges_to_write(
    reader: &Reader,
) -> Result<Option<BTreeMap<String, Depth>>, Error> {
    let names = kinds::all()
        .iter()
        .flat_map(|kind| WRITE_RIGHTS.map(|right| privilege(right, kind.table)));
    let answers = reader.read(&Query::caller_privileges(names)).await?;
    let rows: Vec<_> = answers.into_iter().filter_map(Result::ok).collect();
    Ok((!rows.is_empty()).then(|| privilege_depths(&rows)))
}

/// Asks what the environment does where documents do not say. Nothing is stored.
///
/// # Errors
/// If the environment cannot be asked, or if it stores what it must not.
pub async fn probe(session: &Session, live: &Live) -> Result<Answers, ProbeError> {
    let probe = Probe::new(live);
    let mut answers = Answers::default();
    let [field, other] = [
        probe.row(Kind::NotificationField, "a"),
        probe.row(Kind::NotificationField, "b"),
    ];
    let template = probe.row(Kind::NotificationTemplate, "t");
    let link = Link {
        relationship: &tables::NOTIFICATION_FIELDS,
        owner: template.id,
        member: field.id,
    };

    let mut create = field.create();
    let found = probe
        .ask(
            session,
            vec![create.clone(), field.update("header", "Probe")],
        )
        .await?;
    if let Found::Refused { at: 0, why } = &found {
        // Without a row to begin with, nothing else can be asked.
        for word in [
            "ownKeys",
            "prefixNeedsPublisher",
            "uniqueNamesAreUnique",
            "uniqueNamesAreImmutable",
            "associateAgain",
            "disassociateMissing",
        ] {
            answers.open.insert(word.to_owned(), why.clone());
        }
        return Ok(answers);
    }
    answers.flag("ownKeys", &found, 1, false);
    if let Found::Passed(error) = &found {
        answers.say("codesOnConditionalErrors", error.code.is_some());
        answers.say(
            "changesetFailure",
            if error.place == Place::Changeset {
                "nested"
            } else {
                "bare"
            },
        );
        answers.say(
            "batchStatus",
            if error.outer_status == 400 {
                "badRequest"
            } else {
                "inner"
            },
        );
    }

    if let Operation::Create { body, .. } = &mut create {
        rename(body, field.table, "zq7xk9w_deskstateProbe");
    }
    let found = probe.ask(session, vec![create]).await?;
    answers.flag("prefixNeedsPublisher", &found, 0, true);

    let mut twin = other.create();
    if let Operation::Create { body, .. } = &mut twin {
        rename(body, other.table, &field.name);
    }
    let found = probe.ask(session, vec![field.create(), twin]).await?;
    answers.flag("uniqueNamesAreUnique", &found, 1, true);

    let mut changed = Vec::new();
    rename(&mut changed, field.table, &other.name);
    let renamed = Operation::Update {
        set: field.table.set.to_owned(),
        id: field.id,
        if_match: None,
        body: changed,
    };
    let found = probe.ask(session, vec![field.create(), renamed]).await?;
    answers.flag("uniqueNamesAreImmutable", &found, 1, true);

    let rows = [field.create(), template.create()];
    let found = probe
        .ask(
            session,
            rows.iter()
                .cloned()
                .chain([link.add(), link.add()])
                .collect(),
        )
        .await?;
    answers.choice("associateAgain", &found, 3);
    let found = probe
        .ask(session, rows.into_iter().chain([link.remove()]).collect())
        .await?;
    answers.choice("disassociateMissing", &found, 2);
    Ok(answers)
}

impl Answers {
    fn say(&mut self, word: &str, answer: impl Into<Json>) {
        self.settled.insert(word.to_owned(), answer.into());
    }

    /// `when_refused` if the operation in question is refused, its opposite if all were taken.
    fn flag(&mut self, word: &str, found: &Found, question: usize, when_refused: bool) {
        match found {
            Found::Passed(_) => self.say(word, !when_refused),
            Found::Refused { at, .. } if *at == question => self.say(word, when_refused),
            Found::Refused { why, .. } | Found::Unclear(why) => {
                drop(self.open.insert(word.to_owned(), why.clone()))
            }
        }
    }

    fn choice(&mut self, word: &str, found: &Found, question: usize) {
        match found {
            Found::Passed(_) => self.say(word, "accepted"),
            Found::Refused { at, .. } if *at == question => self.say(word, "refused"),
            Found::Refused { why, .. } | Found::Unclear(why) => {
                drop(self.open.insert(word.to_owned(), why.clone()))
            }
        }
    }
}

/// How a changeset that must fail did fail.
enum Found {
    /// At its last operation: the ones before were taken.
    Passed(Box<ServiceError>),
    /// At an earlier one.
    Refused { at: usize, why: String },
    /// The server does not say at which.
    Unclear(String),
}

struct Probe {
    prefix: String,
    run: String,
}

impl Probe {
    /// Names begin with a publisher's prefix, if one is known, and are new with every run.
    fn new(live: &Live) -> Self {
        let prefixes = live.facts.prefixes.iter().flatten();
        let prefix = prefixes.into_iter().find(|prefix| {
            (3..=8).contains(&prefix.len())
                && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && *prefix != "msdyn"
        });
        Self {
            prefix: prefix.cloned().unwrap_or_else(|| "contoso".to_owned()),
            run: Uuid::new_v4().simple().to_string(),
        }
    }

    fn row(&self, kind: Kind, word: &str) -> Row {
        Row {
            kind,
            table: kinds::of(kind).table,
            id: Uuid::new_v4(),
            name: format!("{}_deskstateProbe{word}{}", self.prefix, self.run),
        }
    }

    /// Sends the operations and one that must fail.
    async fn ask(
        &self,
        session: &Session,
        mut operations: Vec<Operation>,
    ) -> Result<Found, ProbeError> {
        let last = operations.len();
        let nowhere = Uuid::new_v4();
        operations.push(Operation::Delete {
            set: tables::NOTIFICATION_FIELD.set.to_owned(),
            id: nowhere,
            if_match: None,
        });
        match session
            .commit(&Changeset {
                operations,
                solution: None,
            })
            .await
        {
            Outcome::Committed => Err(ProbeError::Stored {
                prefix: format!("{}_deskstateProbe", self.prefix),
            }),
            Outcome::NotAttempted { cause } | Outcome::Unknown { cause } => Err(cause.into()),
            Outcome::Refused { operation, error } => {
                let is_last = operation == Some(last)
                    || error.path.contains(&nowhere.to_string())
                    || error.message.contains(&nowhere.to_string());
                Ok(match operation {
                    _ if is_last => Found::Passed(error),
                    Some(at) => Found::Refused {
                        at,
                        why: error.to_string(),
                    },
                    None => Found::Unclear(error.to_string()),
                })
            }
        }
    }
}

/// A row that is never stored.
struct Row {
    kind: Kind,
    table: &'static Table,
    id: Uuid,
    name: String,
}

impl Row {
    fn create(&self) -> Operation {
        let mut body = Vec::new();
        rename(&mut body, self.table, &self.name);
        let required = kinds::of(self.kind)
            .fields
            .iter()
            .filter(|field| matches!(field.word, "displayName" | "title" | "header" | "value"));
        body.extend(required.map(|field| (field.column.to_owned(), text("Probe"))));
        Operation::Create {
            set: self.table.set.to_owned(),
            key_column: self.table.key.to_owned(),
            id: self.id,
            body,
        }
    }

    fn update(&self, word: &str, to: &str) -> Operation {
        let column = kinds::field(kinds::of(self.kind).fields, word).column;
        Operation::Update {
            set: self.table.set.to_owned(),
            id: self.id,
            if_match: None,
            body: vec![(column.to_owned(), text(to))],
        }
    }
}

fn text(text: &str) -> Value {
    Value::Cell(Cell::Text(text.into()))
}

/// Sets the unique name in a body.
fn rename(body: &mut Vec<(String, Value)>, table: &Table, name: &str) {
    let Some(column) = table.name else { return };
    body.retain(|(known, _)| known != column);
    body.push((column.to_owned(), text(name)));
}

struct Link {
    relationship: &'static Relationship,
    owner: Uuid,
    member: Uuid,
}

impl Link {
    fn add(&self) -> Operation {
        Operation::Link {
            set: self.relationship.owner.set.to_owned(),
            id: self.owner,
            navigation: self.relationship.schema_name.to_owned(),
            target_set: self.relationship.member.set.to_owned(),
            target: self.member,
        }
    }

    fn remove(&self) -> Operation {
        Operation::Unlink {
            set: self.relationship.owner.set.to_owned(),
            id: self.owner,
            navigation: self.relationship.schema_name.to_owned(),
            target: self.member,
        }
    }
}
