//! Questions whose changesets must fail, so that nothing is stored.

use deskstate_dataverse::{Error, ErrorCode, Etag, Operation, Place, Query};
use deskstate_model::{Kind, UNIQUE_NAME, tables};

use super::ask::{Found, Link, Probe, Row};
use super::{Answers, CARRIED_OUT};
use crate::kinds;
use crate::live::Live;

/// Questions that need rows with ids that are known in advance.
const NEED_OWN_KEYS: [&str; 8] = [
    "uniqueNamesAreImmutable",
    "ifMatchInChangesets",
    "associateAgain",
    "disassociateMissing",
    "oneProfilePerUser",
    "oneEntityTemplatePerTable",
    "fourNotificationFields",
    "existingKey",
];

/// Questions that only need rows.
const NEED_ROWS: [&str; 5] = [
    "applicationRequiredEnforced",
    "prefixNeedsPublisher",
    "foreignPrefixesRefused",
    "uniqueNamesAreUnique",
    "uniqueNamesIgnoreCase",
];

/// Asks all questions that need no stored rows.
pub(super) async fn ask(
    probe: &mut Probe<'_>,
    live: &Live,
    answers: &mut Answers,
) -> Result<(), Error> {
    if let Found::Taken(error) = probe.ask(Vec::new()).await? {
        shape(&error, answers);
    }
    let links = Query::rows(tables::NOTIFICATION_FIELDS.intersect_set).top(1);
    for answer in probe.session.reader().read(&[links]).await? {
        answers.say("intersectSetsReadable", answer.is_ok());
    }
    if !own_keys(probe, live, answers).await? {
        return Ok(());
    }
    names(probe, answers).await?;
    if !probe.own_keys {
        for word in NEED_OWN_KEYS {
            answers.leave_open(word, "the environment refuses ids that the client chooses");
        }
        return Ok(());
    }
    versions(probe, live, answers).await?;
    links_of_templates(probe, answers).await?;
    profiles(probe, live, answers).await
}

/// Records how a failing changeset is answered.
fn shape(error: &deskstate_dataverse::ServiceError, answers: &mut Answers) {
    answers.say("codesOnConditionalErrors", error.code.is_some());
    answers.say("codeOnAbsentInChangesets", error.code.is_some());
    answers.say(
        "changesetFailure",
        match error.place {
            Place::Changeset => "nested",
            Place::Part => "bare",
            // a single JSON error instead of the multipart body
            Place::Whole => "json",
        },
    );
    if error.place == Place::Whole {
        let why = "a refused changeset is answered without parts";
        answers.leave_open("batchStatus", why);
    } else {
        let bad_request = error.outer_status == 400;
        answers.say(
            "batchStatus",
            if bad_request { "badRequest" } else { "inner" },
        );
    }
    answers.reply("absentRow", error);
}

/// Finds out whether a client may choose keys. Returns `false` if no row can be created, which makes the other questions impossible.
async fn own_keys(
    probe: &mut Probe<'_>,
    live: &Live,
    answers: &mut Answers,
) -> Result<bool, Error> {
    let field = probe.row(Kind::NOTIFICATION_FIELD, "a");
    let without = probe.ask(vec![field.create_without_key()]).await?;
    if live.facts.locked_down == Some(true) {
        answers.flag("lockdownCoversRows", &without);
    }
    let why = match without {
        Found::Taken(_) => {
            // If a key is accepted but not kept, the update finds no row under it.
            let changed = field.update(field.table.label, "Asked", None);
            let found = probe.ask(vec![field.create()]).await?;
            let kept = probe.ask(vec![field.create(), changed]).await?;
            probe.own_keys = matches!(kept, Found::Taken(_));
            answers.say("ownKeys", probe.own_keys);
            if let Found::Refused(error) = found {
                answers.reply("ownKeys", &error);
            }
            return Ok(true);
        }
        Found::Refused(error) | Found::Earlier(error) => error.to_string(),
        Found::Stored => CARRIED_OUT.to_owned(),
    };
    for word in NEED_ROWS.iter().chain(&NEED_OWN_KEYS).chain(&["ownKeys"]) {
        answers.leave_open(word, why.clone());
    }
    Ok(false)
}

/// Finds out which unique names are accepted.
async fn names(probe: &mut Probe<'_>, answers: &mut Answers) -> Result<(), Error> {
    let field = probe.row(Kind::NOTIFICATION_FIELD, "a");
    let bare = field.clone().without("header");
    let found = probe.ask(vec![bare.create()]).await?;
    answers.flag("applicationRequiredEnforced", &found);

    let unknown = field.clone().named(&probe.name("zq7xk9w", "a"));
    let found = probe.ask(vec![unknown.create()]).await?;
    answers.flag("prefixNeedsPublisher", &found);

    let microsoft = kinds::MICROSOFT_PREFIX.trim_end_matches('_');
    let foreign = field.clone().named(&probe.name(microsoft, "a"));
    let found = probe.ask(vec![foreign.create()]).await?;
    answers.flag("foreignPrefixesRefused", &found);

    let twin = |name: &str| probe.row(Kind::NOTIFICATION_FIELD, "b").named(name);
    let (same, other_case) = (
        twin(&field.name),
        twin(&field.name.replace("deskstate", "Deskstate")),
    );
    let found = probe.ask(vec![field.create(), same.create()]).await?;
    answers.flag("uniqueNamesAreUnique", &found);
    if matches!(found, Found::Refused(_)) {
        let found = probe.ask(vec![field.create(), other_case.create()]).await?;
        answers.flag("uniqueNamesIgnoreCase", &found);
    } else {
        let why = "unique names were not found to be unique";
        answers.leave_open("uniqueNamesIgnoreCase", why);
    }
    Ok(())
}

/// Finds out what happens to a row that exists already, and to an update with a wrong version.
async fn versions(probe: &mut Probe<'_>, live: &Live, answers: &mut Answers) -> Result<(), Error> {
    let field = probe.row(Kind::NOTIFICATION_FIELD, "a");
    let twin = probe.row(Kind::NOTIFICATION_FIELD, "b").under(field.id);
    match probe.ask(vec![field.create(), twin.create()]).await? {
        Found::Refused(error) => answers.reply("existingKey", &error),
        Found::Taken(error) | Found::Earlier(error) => {
            answers.leave_open("existingKey", error.to_string());
        }
        Found::Stored => {}
    }

    let renamed = field.update(UNIQUE_NAME.column, &twin.name, None);
    let found = probe.ask(vec![field.create(), renamed]).await?;
    answers.flag("uniqueNamesAreImmutable", &found);

    let versioned = [
        Kind::NOTIFICATION_FIELD,
        Kind::NOTIFICATION_TEMPLATE,
        Kind::APPLICATION_TAB,
    ]
    .into_iter()
    .find(|kind| {
        let seen = live.tables.get(kind.table());
        seen.and_then(|seen| seen.optimistic_concurrency) != Some(false)
    });
    let Some(kind) = versioned else {
        answers.leave_open("ifMatchInChangesets", "no table has versions");
        return Ok(());
    };
    let row = probe.row(kind, "v");
    let stale = row.update(row.table.label, "Asked", Etag::new("W/\"0\""));
    match probe.ask(vec![row.create(), stale]).await? {
        Found::Refused(error) if error.code == Some(ErrorCode::NO_OPTIMISTIC_CONCURRENCY) => {
            answers.leave_open("ifMatchInChangesets", error.to_string());
        }
        found => {
            if let Found::Refused(error) = &found {
                answers.reply("staleVersion", error);
                answers.say("codeOnStaleInChangesets", error.code.is_some());
            } else {
                let why = "no stale version was refused";
                answers.leave_open("codeOnStaleInChangesets", why);
            }
            answers.flag("ifMatchInChangesets", &found);
        }
    }
    Ok(())
}

/// Links that are added twice, links that are removed twice, and too many links.
async fn links_of_templates(probe: &mut Probe<'_>, answers: &mut Answers) -> Result<(), Error> {
    let template = probe.row(Kind::NOTIFICATION_TEMPLATE, "t");
    let fields: Vec<Row> = ["a", "b", "c", "d", "e"]
        .map(|word| probe.row(Kind::NOTIFICATION_FIELD, word))
        .into();
    let link = |field: &Row| Link {
        relationship: &tables::NOTIFICATION_FIELDS,
        owner: template.id,
        member: field.id,
    };
    let rows = vec![template.create(), fields[0].create()];
    let first = link(&fields[0]);

    let twice = [rows.clone(), vec![first.add(), first.add()]].concat();
    let found = probe.ask(twice).await?;
    answers.choice("associateAgain", &found);

    let twice = [rows, vec![first.add(), first.remove(), first.remove()]].concat();
    let found = probe.ask(twice).await?;
    answers.choice("disassociateMissing", &found);

    let mut five: Vec<Operation> = vec![template.create()];
    five.extend(fields.iter().map(Row::create));
    five.extend(fields.iter().map(|field| link(field).add()));
    let found = probe.ask(five).await?;
    answers.flag("fourNotificationFields", &found);
    Ok(())
}

/// Two profiles for one user, and two entity session templates for one table in one profile.
async fn profiles(probe: &mut Probe<'_>, live: &Live, answers: &mut Answers) -> Result<(), Error> {
    let profiles = ["a", "b"].map(|word| probe.row(Kind::APP_PROFILE, word));
    match live.facts.caller {
        None => answers.leave_open("oneProfilePerUser", "the caller is unknown"),
        Some(caller) => {
            let users = &tables::PROFILE_USERS;
            let linked = live.links.get(users);
            let has_one = linked.is_some_and(|links| !links.owners(caller).is_empty());
            // A user who already has a profile is refused the first one.
            let asked = &profiles[usize::from(has_one)..];
            let mut operations: Vec<Operation> = asked.iter().map(Row::create).collect();
            operations.extend(asked.iter().map(|profile| {
                let link = Link {
                    relationship: users,
                    owner: profile.id,
                    member: caller,
                };
                link.add()
            }));
            let found = probe.ask(operations).await?;
            answers.flag("oneProfilePerUser", &found);
        }
    }

    let sessions = ["a", "b"].map(|word| {
        probe
            .row(Kind::SESSION_TEMPLATE, word)
            .with("type", "Entity")
            .with("entity", "incident")
    });
    let mut operations = vec![profiles[0].create()];
    operations.extend(sessions.iter().map(Row::create));
    operations.extend(sessions.iter().map(|session| {
        let link = Link {
            relationship: &tables::PROFILE_SESSIONS,
            owner: profiles[0].id,
            member: session.id,
        };
        link.add()
    }));
    let found = probe.ask(operations).await?;
    answers.flag("oneEntityTemplatePerTable", &found);
    Ok(())
}
