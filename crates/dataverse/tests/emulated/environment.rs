//! An emulator in this process, and changesets for it.

use std::time::Duration;

use deskstate_dataverse::{
    Budget, Changeset, Connection, Etag, Operation, Query, Reader, Rows, SignIn, Timeouts, Value,
};
use deskstate_emulator::{Config, Emulator};
use uuid::Uuid;

pub(crate) const TEMPLATES: &str = "msdyn_notificationtemplates";
pub(crate) const FIELDS: &str = "msdyn_notificationfields";
pub(crate) const FIELDS_OF_TEMPLATE: &str = "msdyn_notificationtemplate_notificationfield";

/// Starts an emulator.
pub(crate) async fn start(config: Config) -> Emulator {
    Emulator::start(config).await.expect("the emulator starts")
}

/// A connection with minimal waits between attempts and short timeouts.
pub(crate) fn connection(url: &str) -> Connection {
    let url = url.parse().expect("loopback may be http");
    Connection::new(url, SignIn::Anonymous)
        .budget(Budget {
            attempts: 4,
            time: Duration::from_secs(30),
            first_delay: Duration::from_millis(1),
            longest_delay: Duration::from_millis(2),
            ..Budget::default()
        })
        .timeouts(Timeouts {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(10),
            write: Duration::from_secs(10),
            ..Timeouts::default()
        })
}

/// Reads the rows of one query from the emulator directly.
pub(crate) async fn rows(reader: &Reader, query: Query) -> Rows {
    let mut answers = reader.read(&[query]).await.expect("the emulator answers");
    answers.remove(0).expect("the query is right")
}

/// Creates a template and a field with these keys, and links them: three operations that succeed or fail together.
pub(crate) fn three_writes(template: Uuid, field: Uuid) -> Changeset {
    let text = |name: &str, value: String| (name.to_owned(), Value::from(value));
    let create = |set: &str, key: &str, id: Uuid| Operation::Create {
        set: set.to_owned(),
        key_column: key.to_owned(),
        id,
        body: vec![
            text("msdyn_uniquename", format!("contoso_{}", id.simple())),
            text("msdyn_name", "made by a test".to_owned()),
            text(
                "msdyn_title",
                "it's \"quoted\" --batch_ {slug}\r\n\u{1F600}".to_owned(),
            ),
        ],
    };
    Changeset {
        operations: vec![
            create(TEMPLATES, "msdyn_notificationtemplateid", template),
            create(FIELDS, "msdyn_notificationfieldid", field),
            Operation::Link {
                set: TEMPLATES.to_owned(),
                id: template,
                navigation: FIELDS_OF_TEMPLATE.to_owned(),
                target_set: FIELDS.to_owned(),
                target: field,
            },
        ],
        solution: None,
    }
}

/// An update that has to fail, because the row has another version.
pub(crate) fn stale_update(template: Uuid) -> Operation {
    Operation::Update {
        set: TEMPLATES.to_owned(),
        id: template,
        if_match: Etag::new("W/\"1\""),
        body: vec![("msdyn_name".to_owned(), Value::from("too late"))],
    }
}

/// The number of the three that exist: the template, the field and the link.
pub(crate) async fn stored(reader: &Reader, template: Uuid, field: Uuid) -> usize {
    let answers = reader
        .read(&[
            Query::record(TEMPLATES, template).select(["msdyn_name"]),
            Query::record(FIELDS, field).select(["msdyn_name"]),
        ])
        .await
        .expect("the emulator answers");
    let rows = answers.iter().filter(|answer| answer.is_ok()).count();
    let linked = Query::related(TEMPLATES, template, FIELDS_OF_TEMPLATE)
        .select(["msdyn_notificationfieldid"]);
    let answers = reader.read(&[linked]).await.expect("the emulator answers");
    let links = answers
        .into_iter()
        .flatten()
        .flat_map(|rows| rows.rows)
        .filter(|row| row.uuid("msdyn_notificationfieldid") == Some(field))
        .count();
    rows + links
}
