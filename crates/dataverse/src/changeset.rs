//! Writes as values: the operations of one transaction.

use serde_json::Map;
use uuid::Uuid;

use crate::request::{API_PATH, Request, checked_name, record};
use crate::{Cell, Error, Etag, MAX_OPERATIONS};

/// Operations that are executed together or not at all, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changeset {
    /// At most [`MAX_OPERATIONS`], executed in this order.
    pub operations: Vec<Operation>,
    /// The unmanaged solution that new and changed components are added to (`MSCRM.SolutionUniqueName`).
    pub solution: Option<String>,
}

/// A value to write to a column or a navigation property.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A column's value; null clears it.
    Cell(Cell),
    /// Sets the lookup behind a single-valued navigation property, whose case-sensitive name is the key.
    Bind {
        /// The entity set of the target.
        set: String,
        /// The id of the target.
        id: Uuid,
    },
    /// Clears the lookup behind a single-valued navigation property (written as a plain null, the form that works).
    Unbind,
}

impl<C: Into<Cell>> From<C> for Value {
    fn from(cell: C) -> Self {
        Value::Cell(cell.into())
    }
}

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Inserts a row under a key that the client chooses. Fails if the key exists.
    Create {
        /// The entity set.
        set: String,
        /// The column of the primary key.
        key_column: String,
        /// The primary key.
        id: Uuid,
        /// Columns and navigation properties, without the key.
        body: Vec<(String, Value)>,
    },
    /// Changes the given columns of an existing row. Never creates a row.
    Update {
        /// The entity set.
        set: String,
        /// The primary key of the row.
        id: Uuid,
        /// Update only if the row still has this version; `None` for any version.
        if_match: Option<Etag>,
        /// Columns and navigation properties to change.
        body: Vec<(String, Value)>,
    },
    /// Deletes a row.
    Delete {
        /// The entity set.
        set: String,
        /// The primary key of the row.
        id: Uuid,
        /// Delete only if the row still has this version; `None` for any version.
        if_match: Option<Etag>,
    },
    /// Adds a row to a collection of another row.
    Link {
        /// The entity set of the row that owns the collection.
        set: String,
        /// The row that owns the collection.
        id: Uuid,
        /// The collection-valued navigation property. Case-sensitive.
        navigation: String,
        /// The entity set of the row to add.
        target_set: String,
        /// The row to add.
        target: Uuid,
    },
    /// Removes a row from a collection of another row.
    Unlink {
        /// The entity set of the row that owns the collection.
        set: String,
        /// The row that owns the collection.
        id: Uuid,
        /// The collection-valued navigation property. Case-sensitive.
        navigation: String,
        /// The row to remove.
        target: Uuid,
    },
}

impl Changeset {
    /// Writes the operations as requests to an environment at this origin, in order.
    pub fn requests(&self, origin: &str) -> Result<Vec<Request>, Error> {
        if self.operations.is_empty() {
            return Err(Error::InvalidRequest("a changeset is empty".to_owned()));
        }
        if self.operations.len() > MAX_OPERATIONS {
            return Err(Error::InvalidRequest(format!(
                "a changeset has {} operations; {MAX_OPERATIONS} are allowed",
                self.operations.len()
            )));
        }
        let solution = match &self.solution {
            Some(name) => Some(checked_name("solution", name)?),
            None => None,
        };
        self.operations
            .iter()
            .map(|operation| operation.request(origin, solution))
            .collect()
    }
}

impl Operation {
    fn request(&self, origin: &str, solution: Option<&str>) -> Result<Request, Error> {
        let mut headers = Vec::new();
        let mut in_solution = || {
            if let Some(name) = solution {
                headers.push(("MSCRM.SolutionUniqueName", name.to_owned()));
            }
        };
        let (method, resource, body) = match self {
            Operation::Create {
                set,
                key_column,
                id,
                body,
            } => {
                in_solution();
                let mut fields = Map::new();
                fields.insert(
                    checked_name("column", key_column)?.to_owned(),
                    id.to_string().into(),
                );
                write_fields(&mut fields, body)?;
                ("POST", checked_name("set", set)?.to_owned(), Some(fields))
            }
            Operation::Update {
                set,
                id,
                if_match,
                body,
            } => {
                in_solution();
                // without a version, `*` keeps the update from creating the row
                let version = if_match.as_ref().map_or("*", Etag::as_str);
                headers.push(("If-Match", version.to_owned()));
                let mut fields = Map::new();
                write_fields(&mut fields, body)?;
                ("PATCH", record(set, *id)?, Some(fields))
            }
            Operation::Delete { set, id, if_match } => {
                in_solution();
                if let Some(version) = if_match {
                    headers.push(("If-Match", version.as_str().to_owned()));
                }
                ("DELETE", record(set, *id)?, None)
            }
            Operation::Link {
                set,
                id,
                navigation,
                target_set,
                target,
            } => {
                let mut fields = Map::new();
                let address = format!("{origin}{API_PATH}/{}", record(target_set, *target)?);
                fields.insert("@odata.id".to_owned(), address.into());
                let navigation = checked_name("navigation property", navigation)?;
                (
                    "POST",
                    format!("{}/{navigation}/$ref", record(set, *id)?),
                    Some(fields),
                )
            }
            Operation::Unlink {
                set,
                id,
                navigation,
                target,
            } => {
                let navigation = checked_name("navigation property", navigation)?;
                (
                    "DELETE",
                    format!("{}/{navigation}({target})/$ref", record(set, *id)?),
                    None,
                )
            }
        };
        Ok(Request {
            method,
            path: format!("{API_PATH}/{resource}"),
            headers,
            body: body.map(|fields| serde_json::Value::Object(fields).to_string()),
        })
    }
}

fn write_fields(
    fields: &mut Map<String, serde_json::Value>,
    body: &[(String, Value)],
) -> Result<(), Error> {
    for (name, value) in body {
        let name = checked_name("column", name)?;
        let (key, json) = match value {
            Value::Cell(Cell::Decimal(number)) if !number.is_finite() => {
                return Err(Error::InvalidRequest(format!(
                    "`{name}` is to be {number}, which JSON cannot hold"
                )));
            }
            Value::Cell(cell) => (name.to_owned(), cell.to_json()),
            Value::Bind { set, id } => (
                format!("{name}@odata.bind"),
                format!("/{}", record(set, *id)?).into(),
            ),
            Value::Unbind => (name.to_owned(), serde_json::Value::Null),
        };
        if fields.insert(key, json).is_some() {
            return Err(Error::InvalidRequest(format!("`{name}` is given twice")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn requests(operation: Operation) -> Result<Vec<Request>, Error> {
        Changeset {
            operations: vec![operation],
            solution: Some("ContosoDesk".to_owned()),
        }
        .requests("https://x")
    }

    fn request(operation: Operation) -> Request {
        requests(operation).expect("it can be written").remove(0)
    }

    #[test]
    fn each_operation_is_written_as_documented() {
        // Create, Update and delete, Associate and disassociate table rows using the Web API
        let created = request(Operation::Create {
            set: "cfg_queues".to_owned(),
            key_column: "cfg_queueid".to_owned(),
            id: ID,
            body: vec![
                ("cfg_name".to_owned(), "Gold".into()),
                (
                    "cfg_Parent".to_owned(),
                    Value::Bind {
                        set: "cfg_queues".to_owned(),
                        id: OTHER,
                    },
                ),
            ],
        });
        assert_eq!(
            (created.method, created.path.as_str()),
            ("POST", "/api/data/v9.2/cfg_queues")
        );
        assert_eq!(
            created.body,
            Some(format!(
                "{{\"cfg_queueid\":\"{ID}\",\"cfg_name\":\"Gold\",\"cfg_Parent@odata.bind\":\"/cfg_queues({OTHER})\"}}"
            ))
        );
        assert_eq!(
            created.headers,
            [("MSCRM.SolutionUniqueName", "ContosoDesk".to_owned())]
        );

        let updated = request(Operation::Update {
            set: "cfg_queues".to_owned(),
            id: ID,
            if_match: None,
            body: vec![
                ("cfg_Parent".to_owned(), Value::Unbind),
                ("cfg_name".to_owned(), Cell::Null.into()),
            ],
        });
        assert_eq!(updated.path, format!("/api/data/v9.2/cfg_queues({ID})"));
        assert!(
            updated.headers.contains(&("If-Match", "*".to_owned())),
            "an update never creates"
        );
        assert_eq!(
            updated.body.as_deref(),
            Some("{\"cfg_Parent\":null,\"cfg_name\":null}")
        );

        let deleted = request(Operation::Delete {
            set: "cfg_queues".to_owned(),
            id: ID,
            if_match: Etag::new("W/\"7\""),
        });
        assert_eq!(deleted.method, "DELETE");
        assert!(
            deleted
                .headers
                .contains(&("If-Match", "W/\"7\"".to_owned()))
        );

        let linked = request(Operation::Link {
            set: "cfg_queues".to_owned(),
            id: ID,
            navigation: "cfg_queue_skill".to_owned(),
            target_set: "cfg_skills".to_owned(),
            target: OTHER,
        });
        assert_eq!(
            linked.path,
            format!("/api/data/v9.2/cfg_queues({ID})/cfg_queue_skill/$ref")
        );
        assert_eq!(
            linked.body,
            Some(format!(
                "{{\"@odata.id\":\"https://x/api/data/v9.2/cfg_skills({OTHER})\"}}"
            ))
        );
        assert!(linked.headers.is_empty(), "links take no solution");

        let unlinked = request(Operation::Unlink {
            set: "cfg_queues".to_owned(),
            id: ID,
            navigation: "cfg_queue_skill".to_owned(),
            target: OTHER,
        });
        assert_eq!(
            (unlinked.method, unlinked.path),
            (
                "DELETE",
                format!("/api/data/v9.2/cfg_queues({ID})/cfg_queue_skill({OTHER})/$ref")
            )
        );
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let update = |name: &str, value: Value| Operation::Update {
            set: "a".to_owned(),
            id: ID,
            if_match: None,
            body: vec![(name.to_owned(), value)],
        };
        assert!(requests(update("a", Cell::Decimal(f64::NAN).into())).is_err());
        assert!(requests(update("a@odata.bind", Cell::Null.into())).is_err());
        let twice = Operation::Create {
            set: "a".to_owned(),
            key_column: "aid".to_owned(),
            id: ID,
            body: vec![("aid".to_owned(), "x".into())],
        };
        assert!(requests(twice).is_err());
        let many = Changeset {
            operations: vec![update("a", Cell::Null.into()); MAX_OPERATIONS + 1],
            solution: None,
        };
        assert!(many.requests("https://x").is_err());
        let solution = Changeset {
            operations: vec![update("a", Cell::Null.into())],
            solution: Some("x\r\nX: y".to_owned()),
        };
        assert!(solution.requests("https://x").is_err());
    }

    #[test]
    fn an_etag_cannot_smuggle_a_header() {
        assert_eq!(Etag::new("W/\"1\"\r\nX: y"), None);
        assert_eq!(Etag::new(""), None);
    }
}
