//! Questions that only stored rows can answer. They use a scratch tab and a scratch session template that opens with it.

use std::collections::BTreeMap;

use deskstate_dataverse::{
    Answer, Changeset, Error, Etag, Filter, Operation, Outcome, Query, Refused, ServiceError,
};
use deskstate_model::{Kind, UNIQUE_NAME, lookup_read_name, tables};
use uuid::Uuid;

use super::Answers;
use super::ask::{Link, Probe, Row, text};
use crate::kinds;

/// The questions that are settled here.
const WORDS: [&str; 6] = [
    "tabMakesParameters",
    "tabJsonDerived",
    "tabWriteTouchesParameters",
    "unknownSlugsNulled",
    "linksRaiseVersion",
    "emptiedLookupRaisesVersion",
];
/// A slug that does not exist.
const SLUG: &str = "https://example.invalid/?q={deskstateProbeSlug}";
/// A text without slugs, to search for in the copy.
const PLAIN: &str = "&probe";

/// Why the questions ended.
enum End {
    Refused(String),
    Failed(Error),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        End::Failed(error)
    }
}

impl From<Box<ServiceError>> for End {
    fn from(error: Box<ServiceError>) -> Self {
        End::Refused(error.to_string())
    }
}

impl From<Refused> for End {
    fn from(refused: Refused) -> Self {
        End::Refused(refused.to_string())
    }
}

/// Asks questions with stored rows. The caller deletes the rows.
pub(super) async fn ask(probe: &Probe<'_>, answers: &mut Answers) -> Result<(), Error> {
    let ended = if probe.own_keys {
        ask_rows(probe, answers).await
    } else {
        let why = "the environment refuses ids that the client chooses";
        Err(End::Refused(why.to_owned()))
    };
    let why = match ended {
        Ok(()) => return Ok(()),
        Err(End::Failed(error)) => return Err(error),
        Err(End::Refused(why)) => why,
    };
    for word in WORDS {
        if !answers.settled.contains_key(word) {
            answers.leave_open(word, why.clone());
        }
    }
    Ok(())
}

async fn ask_rows(probe: &Probe<'_>, answers: &mut Answers) -> Result<(), End> {
    let tab = probe
        .row(Kind::APPLICATION_TAB, "Tab")
        .with("pageType", "ThirdPartyWebsite");
    let session = probe
        .row(Kind::SESSION_TEMPLATE, "Session")
        .pointing("anchorTab", &tab);
    commit(probe, vec![tab.create(), session.create()]).await?;

    let made = parameters(probe, &tab).await?;
    answers.say("tabMakesParameters", !made.is_empty());
    let value = kinds::parameter_value().column;
    let written = [("url", SLUG), ("data", PLAIN)].map(|(name, text)| {
        let there = made.iter().find(|parameter| parameter.name == name);
        write(&tab, there.map(|parameter| parameter.id), name, value, text)
    });
    commit(probe, written.into()).await?;
    let now = parameters(probe, &tab).await?;
    let url = now.iter().find(|parameter| parameter.name == "url");
    answers.say(
        "unknownSlugsNulled",
        url.is_some_and(|parameter| parameter.value.is_none()),
    );
    let copy = tables::PARAMETERS_COPY[0].column;
    let row = one(probe, Query::record(tab.table.set, tab.id).select([copy])).await?;
    let derived = row.text(copy).is_some_and(|text| text.contains(PLAIN));
    answers.say("tabJsonDerived", derived);

    let before = parameters(probe, &tab).await?;
    // A server that rewrites parameters from the copy empties them at the second write.
    for (column, content) in [(copy, "{}"), (tab.table.label, "Asked")] {
        commit(probe, vec![tab.update(column, content, None)]).await?;
    }
    let after = parameters(probe, &tab).await?;
    let touched = if before == after {
        "nothing"
    } else if values(&before) == values(&after) {
        "versions"
    } else {
        "values"
    };
    answers.say("tabWriteTouchesParameters", touched);

    let before = version(probe, &session).await?;
    let link = Link {
        relationship: &tables::SESSION_TABS,
        owner: session.id,
        member: tab.id,
    };
    commit(probe, vec![link.add()]).await?;
    let linked = version(probe, &session).await?;
    answers.say("linksRaiseVersion", before != linked);
    commit(probe, vec![link.remove()]).await?;

    let before = version(probe, &session).await?;
    commit(probe, vec![tab.delete()]).await?;
    let emptied = version(probe, &session).await?;
    answers.say("emptiedLookupRaisesVersion", before != emptied);
    Ok(())
}

/// Updates an existing parameter, otherwise creates it.
fn write(tab: &Row, there: Option<Uuid>, name: &str, value: &str, content: &str) -> Operation {
    let table = tables::PARAMETERS.table;
    let mut body = vec![(value.to_owned(), text(content))];
    if let Some(id) = there {
        return Operation::Update {
            set: table.set.to_owned(),
            id,
            if_match: None,
            body,
        };
    }
    body.extend([
        (kinds::parameter_name().column.to_owned(), text(name)),
        (
            UNIQUE_NAME.column.to_owned(),
            text(&format!("{}_{name}", tab.name)),
        ),
        (
            tables::PARAMETERS.parent_navigation.to_owned(),
            deskstate_dataverse::Value::Bind {
                set: tab.table.set.to_owned(),
                id: tab.id,
            },
        ),
    ]);
    Operation::Create {
        set: table.set.to_owned(),
        key_column: table.key.to_owned(),
        id: Uuid::new_v4(),
        body,
    }
}

#[derive(PartialEq)]
struct Parameter {
    id: Uuid,
    name: String,
    value: Option<String>,
    version: Option<Etag>,
}

/// The values of parameters, disregarding versions.
fn values(parameters: &[Parameter]) -> BTreeMap<Uuid, Option<&str>> {
    let values = parameters.iter();
    values
        .map(|parameter| (parameter.id, parameter.value.as_deref()))
        .collect()
}

async fn parameters(probe: &Probe<'_>, tab: &Row) -> Result<Vec<Parameter>, End> {
    let table = tables::PARAMETERS.table;
    let value = kinds::parameter_value().column;
    let query = Query::rows(table.set)
        .select([table.key, kinds::parameter_name().column, value])
        .filter(Filter::eq(
            lookup_read_name(tables::PARAMETERS.parent_column),
            tab.id,
        ));
    let rows = read(probe, query).await??;
    let parameters = rows.rows.iter().filter_map(|row| {
        Some(Parameter {
            id: row.uuid(table.key)?,
            name: row.text(kinds::parameter_name().column)?.to_owned(),
            value: row.text(value).map(str::to_owned),
            version: row.etag().cloned(),
        })
    });
    let mut parameters: Vec<Parameter> = parameters.collect();
    parameters.sort_by_key(|parameter| parameter.id);
    Ok(parameters)
}

async fn version(probe: &Probe<'_>, row: &Row) -> Result<Option<Etag>, End> {
    let query = Query::record(row.table.set, row.id).select([row.table.key]);
    Ok(one(probe, query).await?.etag().cloned())
}

async fn one(probe: &Probe<'_>, query: Query) -> Result<deskstate_dataverse::Row, End> {
    let rows = read(probe, query).await??;
    let first = rows.rows.into_iter().next();
    first.ok_or_else(|| End::Refused("a row that was just written is not there".to_owned()))
}

async fn read(probe: &Probe<'_>, query: Query) -> Result<Answer, Error> {
    let answers = probe.session.reader().read(&[query]).await?;
    let first = answers.into_iter().next();
    Ok(first.unwrap_or_else(|| Ok(deskstate_dataverse::Rows::default())))
}

async fn commit(probe: &Probe<'_>, operations: Vec<Operation>) -> Result<(), End> {
    let changeset = Changeset {
        operations,
        solution: None,
    };
    match probe.session.commit(&changeset).await {
        Outcome::Committed => Ok(()),
        Outcome::Refused { error, .. } => Err(error.into()),
        Outcome::NotAttempted { cause } | Outcome::Unknown { cause } => Err(cause.into()),
    }
}
