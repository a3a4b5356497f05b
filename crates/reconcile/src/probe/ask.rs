//! One question: rows and links that are never stored, and the way in which the changeset that contains them fails.

use deskstate_dataverse::{
    Cell, Changeset, Error, Etag, Operation, Outcome, ServiceError, Session, Value,
};
use deskstate_model::{Choice, Field, Holds, Kind, Relationship, Table, UNIQUE_NAME, tables};
use uuid::Uuid;

use super::RESERVED;
use crate::kinds;
use crate::live::Live;

/// The result of a changeset whose last operation is the question.
pub(super) enum Found {
    /// All operations were accepted; the changeset failed as intended.
    Taken(Box<ServiceError>),
    /// The operation in question was refused.
    Refused(Box<ServiceError>),
    /// An earlier operation was refused, so the answer is unknown.
    Earlier(Box<ServiceError>),
    /// The changeset was committed, which must not happen.
    Stored,
}

/// The operation that failed.
enum Failed {
    AsItMust(Box<ServiceError>),
    At(usize, Box<ServiceError>),
    Somewhere(Box<ServiceError>),
    NotAtAll,
}

/// The session and the names that questions use.
pub(super) struct Probe<'s> {
    pub(super) session: &'s Session,
    prefix: String,
    run: String,
    /// Whether the environment accepts keys that a client chose. If not, rows are created without one.
    pub(super) own_keys: bool,
    /// Whether a changeset that had to fail was committed.
    pub(super) stored: bool,
}

impl<'s> Probe<'s> {
    /// Creates a probe. Names begin with a publisher's prefix, if one is known, and are different in each run.
    pub(super) fn new(session: &'s Session, live: &Live) -> Self {
        let mut prefixes = live.facts.prefixes.iter().flatten();
        let prefix = prefixes.find(|prefix| {
            (3..=8).contains(&prefix.len())
                && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && format!("{prefix}_") != kinds::MICROSOFT_PREFIX
        });
        Self {
            session,
            prefix: prefix.cloned().unwrap_or_else(|| "contoso".to_owned()),
            run: Uuid::new_v4().simple().to_string(),
            own_keys: true,
            stored: false,
        }
    }

    pub(super) fn name(&self, prefix: &str, word: &str) -> String {
        format!("{prefix}_{RESERVED}{word}{}", self.run)
    }

    /// A row with everything that its kind requires.
    pub(super) fn row(&self, kind: Kind, word: &str) -> Row {
        let known = kind.definition();
        let name = self.name(&self.prefix, word);
        let mut body = vec![(known.name.column.to_owned(), text(&name))];
        for field in known.fields.iter().filter(|field| field.is_needed()) {
            set(&mut body, field, "Probe", 0);
        }
        Row {
            kind,
            table: known.table,
            id: Uuid::new_v4(),
            name,
            body,
            own_key: self.own_keys,
        }
    }

    /// Finds out whether the last of the operations is accepted. Nothing is stored.
    pub(super) async fn ask(&mut self, operations: Vec<Operation>) -> Result<Found, Error> {
        let question = operations.len().saturating_sub(1);
        Ok(match self.send(&operations).await? {
            Failed::AsItMust(error) => Found::Taken(error),
            Failed::At(at, error) if at == question => Found::Refused(error),
            Failed::At(_, error) => Found::Earlier(error),
            // The server does not state which operation failed. If the earlier ones are accepted without the last one, it was the last one.
            Failed::Somewhere(error) => match self.send(&operations[..question]).await? {
                Failed::AsItMust(_) => Found::Refused(error),
                Failed::At(..) | Failed::Somewhere(_) => Found::Earlier(error),
                Failed::NotAtAll => Found::Stored,
            },
            Failed::NotAtAll => Found::Stored,
        })
    }

    /// Sends the operations, followed by one that must fail.
    async fn send(&mut self, operations: &[Operation]) -> Result<Failed, Error> {
        let nowhere = Uuid::new_v4();
        let mut changeset = Changeset {
            operations: operations.to_vec(),
            solution: None,
        };
        changeset.operations.push(Operation::Update {
            set: tables::NOTIFICATION_FIELD.set.to_owned(),
            id: nowhere,
            if_match: None,
            body: vec![(tables::NOTIFICATION_FIELD.label.to_owned(), text("Probe"))],
        });
        match self.session.commit(&changeset).await {
            Outcome::Committed => {
                self.stored = true;
                Ok(Failed::NotAtAll)
            }
            Outcome::NotAttempted { cause } | Outcome::Unknown { cause } => Err(cause),
            Outcome::Refused { operation, error } => {
                let as_it_must = operations.is_empty()
                    || operation == Some(operations.len())
                    || error.path.contains(&nowhere.to_string())
                    || error.message.contains(&nowhere.to_string());
                Ok(match operation {
                    _ if as_it_must => Failed::AsItMust(error),
                    Some(at) => Failed::At(at, error),
                    None => Failed::Somewhere(error),
                })
            }
        }
    }
}

/// A row that a question uses.
#[derive(Clone)]
pub(super) struct Row {
    kind: Kind,
    pub(super) table: &'static Table,
    pub(super) id: Uuid,
    pub(super) name: String,
    body: Vec<(String, Value)>,
    own_key: bool,
}

impl Row {
    fn field(&self, word: &str) -> &'static Field {
        kinds::field(self.kind.fields(), word)
    }

    /// Changes the unique name.
    pub(super) fn named(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        put(&mut self.body, UNIQUE_NAME.column, text(name));
        self
    }

    /// Changes the key.
    pub(super) fn under(mut self, id: Uuid) -> Self {
        self.id = id;
        self
    }

    /// Sets a field to a text or, for a choice, to one of its options.
    pub(super) fn with(mut self, word: &str, value: &str) -> Self {
        let field = self.field(word);
        let option = match field.holds {
            Holds::Choice(options) => options.iter().position(|known| known.word == value),
            _ => None,
        };
        set(&mut self.body, field, value, option.unwrap_or_default());
        self
    }

    /// Removes a field.
    pub(super) fn without(mut self, word: &str) -> Self {
        let column = self.field(word).column;
        self.body.retain(|(known, _)| known != column);
        self
    }

    /// Sets a lookup to another row.
    pub(super) fn pointing(mut self, word: &str, to: &Row) -> Self {
        if let Holds::Lookup { navigation, .. } = self.field(word).holds {
            let bind = Value::Bind {
                set: to.table.set.to_owned(),
                id: to.id,
            };
            put(&mut self.body, navigation, bind);
        }
        self
    }

    /// Creates the row with its own key. If the environment refuses such keys, the id is written to a harmless column.
    pub(super) fn create(&self) -> Operation {
        let mut body = self.body.clone();
        let key_column = if self.own_key {
            self.table.key
        } else {
            body.retain(|(column, _)| column != self.table.label);
            self.table.label
        };
        Operation::Create {
            set: self.table.set.to_owned(),
            key_column: key_column.to_owned(),
            id: self.id,
            body,
        }
    }

    /// Creates the row without choosing a key, whatever the environment accepts.
    pub(super) fn create_without_key(&self) -> Operation {
        let row = Row {
            own_key: false,
            ..self.clone()
        };
        row.create()
    }

    pub(super) fn update(&self, column: &str, to: &str, if_match: Option<Etag>) -> Operation {
        Operation::Update {
            set: self.table.set.to_owned(),
            id: self.id,
            if_match,
            body: vec![(column.to_owned(), text(to))],
        }
    }

    pub(super) fn delete(&self) -> Operation {
        Operation::Delete {
            set: self.table.set.to_owned(),
            id: self.id,
            if_match: None,
        }
    }
}

pub(super) fn text(text: &str) -> Value {
    Value::Cell(Cell::Text(text.into()))
}

fn put(body: &mut Vec<(String, Value)>, column: &str, value: Value) {
    body.retain(|(known, _)| known != column);
    body.push((column.to_owned(), value));
}

/// Sets a field to a text or, for a choice, to the option at a position, including the column that mirrors it.
fn set(body: &mut Vec<(String, Value)>, field: &Field, value: &str, option: usize) {
    let options = match field.holds {
        Holds::Choice(options) => options,
        Holds::Number => return put(body, field.column, Value::Cell(Cell::Int(1))),
        _ => return put(body, field.column, text(value)),
    };
    let Some(Choice { number, .. }) = options.get(option) else {
        return;
    };
    put(body, field.column, Value::Cell(Cell::Int(*number)));
    if let Some(mirror) = &field.mirror
        && let Some((_, flag)) = mirror.flags.iter().find(|(known, _)| known == number)
    {
        put(body, mirror.column, Value::Cell(Cell::Flag(*flag)));
    }
}

/// A link that a question uses.
pub(super) struct Link {
    pub(super) relationship: &'static Relationship,
    pub(super) owner: Uuid,
    pub(super) member: Uuid,
}

impl Link {
    pub(super) fn add(&self) -> Operation {
        Operation::Link {
            set: self.relationship.owner.set.to_owned(),
            id: self.owner,
            navigation: self.relationship.schema_name.to_owned(),
            target_set: self.relationship.member.set.to_owned(),
            target: self.member,
        }
    }

    pub(super) fn remove(&self) -> Operation {
        Operation::Unlink {
            set: self.relationship.owner.set.to_owned(),
            id: self.owner,
            navigation: self.relationship.schema_name.to_owned(),
            target: self.member,
        }
    }
}
