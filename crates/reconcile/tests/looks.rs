//! The class of each difference, and the wording of its evidence.

use std::collections::BTreeMap;

use super::support::{self, Rows, id, live};
use deskstate_model::tables::{SESSION, SESSION_TABS, TAB};
use deskstate_model::{Manifests, load_texts};
use deskstate_reconcile::blame::{Audit, Blame, Nature, Recorded, What, Writer};
use deskstate_reconcile::drift::{Applied, Class, Input, Report, drift};
use deskstate_reconcile::plan::Options;
use deskstate_reconcile::{lower, plan};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use uuid::Uuid;

const PROJECT: &str = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: desk}\nspec:\n  environments:\n    local: {emulator: {state: local.json}}\n";
const SESSION_DOCUMENT: &str = "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_session}\nspec:\n  displayName: Session\n  type: Entity\n  entity: incident\n  title: Declared\n  additionalTabs: [contoso_tab]\n";
const TAB_DOCUMENT: &str = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_tab}\nspec: {displayName: Tab, pageType: Control}\n";

fn manifests(documents: &[&str]) -> Manifests {
    let texts = BTreeMap::from([
        ("deskstate.yaml".to_owned(), PROJECT.to_owned()),
        ("manifests/all.yaml".to_owned(), documents.join("---\n")),
    ]);
    let (manifests, found) = load_texts(texts, Some("local"));
    assert!(found.iter().all(|finding| !finding.is_error()), "{found:?}");
    manifests
}

/// A session with a different title and without its tab, and with these additional columns.
fn edited(more: &Json) -> Rows {
    let mut rows = Rows::default();
    rows.row(&TAB, json!({"msdyn_applicationtabtemplateid": id(1), "msdyn_uniquename": "contoso_tab", "msdyn_name": "Tab", "msdyn_pagetype": 509_180_003}));
    let mut session = json!({
        "msdyn_sessiontemplateid": id(2), "msdyn_uniquename": "contoso_session", "msdyn_name": "Session",
        "msdyn_sessiontype": 1, "msdyn_type": true, "msdyn_entity": "incident", "msdyn_title": "Live",
    });
    let (Json::Object(cells), Json::Object(more)) = (&mut session, more) else {
        panic!("a row is an object");
    };
    cells.extend(more.clone());
    rows.row(&SESSION, session);
    rows
}

fn blame(audit: Audit, nature: Nature, name: &str, history: &[(Uuid, What)]) -> Blame {
    blame_of(audit, nature, name == "ci" || name == "me", name, history)
}

fn blame_of(
    audit: Audit,
    nature: Nature,
    is_caller: bool,
    name: &str,
    history: &[(Uuid, What)],
) -> Blame {
    let by = id(50);
    let mut blame = Blame {
        audit,
        ..Blame::default()
    };
    if nature != Nature::Unknown {
        blame.writers.insert(
            by,
            Writer {
                id: by,
                name: name.to_owned(),
                nature,
                is_caller,
            },
        );
    }
    for (row, what) in history {
        let recorded = Recorded {
            at: "T2".to_owned(),
            by,
            in_the_name_of: None,
            what: what.clone(),
            after: BTreeMap::new(),
        };
        blame.history.entry(*row).or_default().push(recorded);
    }
    blame
}

fn report(now: &Manifests, then: Option<&Manifests>, rows: &Rows, blame: &Blame) -> Report {
    let live = live(rows);
    let desired = lower(now);
    let (planned, _) = plan(&desired, &live, &Options::default());
    let then = then.map(|then| {
        let desired = lower(then);
        let planned = plan(&desired, &live, &Options::default()).0;
        (desired, planned)
    });
    drift(Input {
        only: None,
        manifests: now,
        desired: &desired,
        live: &live,
        plan: &planned,
        applied: then.as_ref().map(|(desired, plan)| Applied {
            revision: "v1",
            desired,
            plan,
        }),
        blame,
        today: "2026-11-23",
    })
}

/// `field: class: evidence [who when]`, for each difference.
fn looks(report: &Report) -> Vec<String> {
    let mut looks = Vec::new();
    for difference in report
        .drifted
        .iter()
        .flat_map(|drifted| &drifted.differences)
    {
        let by = match (&difference.who, &difference.when) {
            (None, None) => String::new(),
            (who, when) => format!(
                " [{} {}]",
                who.as_deref().unwrap_or("-"),
                when.as_deref().unwrap_or("-")
            ),
        };
        looks.push(format!(
            "{}: {}: {}{by}",
            difference.path,
            difference.class.words(),
            difference.evidence
        ));
    }
    looks
}

/// Checks title and tab of the session, given the nature of the last writer (at T1) and the audit history.
fn check(
    audit: Audit,
    nature: Nature,
    name: &str,
    history: &[(Uuid, What)],
    title: &str,
    tabs: &str,
) {
    let written = json!({"_modifiedby_value": id(50), "modifiedon": "T1"});
    let now = manifests(&[SESSION_DOCUMENT, TAB_DOCUMENT]);
    let report = report(
        &now,
        None,
        &edited(&written),
        &blame(audit, nature, name, history),
    );
    assert_eq!(
        looks(&report),
        [format!("title: {title}"), format!("additionalTabs: {tabs}")]
    );
}

fn wrote_title() -> (Uuid, What) {
    wrote_title_over("Other")
}

fn wrote_title_over(before: &str) -> (Uuid, What) {
    let columns = [("msdyn_title".to_owned(), before.into())];
    (id(2), What::Wrote(columns.into()))
}

fn unlinked() -> (Uuid, What) {
    let what = What::Linked {
        relationship: SESSION_TABS.schema_name.to_owned(),
        members: [id(1)].into(),
        made: false,
    };
    (id(2), what)
}

#[test]
fn without_auditing_the_last_writer_of_the_row_is_the_evidence_and_of_a_link_there_is_none() {
    let link = "cause unknown: auditing is off, and nothing else shows who made or removed a link";
    for (nature, name, title) in [
        (
            Nature::Person,
            "ada",
            "edited by hand: ada last wrote the row, though maybe of another field; auditing is off [ada T1]",
        ),
        (
            Nature::Application,
            "ci",
            "not applied yet: the application user ci last wrote the row, the identity that deskstate uses, though maybe of another field; auditing is off [ci T1]",
        ),
        (
            Nature::Person,
            "me",
            "cause unknown: me last wrote the row, the account that deskstate uses: a manual edit or an apply; auditing is off [me T1]",
        ),
        (
            Nature::Platform,
            "SYSTEM",
            "product or solution update: the platform (SYSTEM) last wrote the row; auditing is off [SYSTEM T1]",
        ),
        (
            Nature::Application,
            "flow",
            "cause unknown: the application user flow last wrote the row: an apply, another program or a product update; auditing is off [flow T1]",
        ),
    ] {
        check(Audit::Off, nature, name, &[], title, link);
        let refused = Audit::Refused("no privilege".to_owned());
        let title = title.replace("auditing is off", "audit records cannot be read");
        check(
            refused,
            nature,
            name,
            &[],
            &title,
            "cause unknown: audit records cannot be read, and nothing else shows who made or removed a link",
        );
    }
    let nobody = format!(
        "cause unknown: an unreadable user ({id}) last wrote the row; auditing is off [{id} T1]",
        id = id(50)
    );
    check(Audit::Off, Nature::Unknown, "", &[], &nobody, link);
}

#[test]
fn with_auditing_each_field_and_each_link_has_its_own_author() {
    let link = "auditing recorded that";
    for (nature, name, title, tabs) in [
        (
            Nature::Person,
            "ada",
            "edited by hand: the audit log shows ada",
            format!("edited by hand: {link} ada removed it"),
        ),
        (
            Nature::Application,
            "ci",
            "not applied yet: the audit log shows the application user ci, the identity that deskstate uses, and no record has the declared value",
            format!("cause unknown: {link} the application user ci removed it"),
        ),
        (
            Nature::Person,
            "me",
            "cause unknown: the audit log shows me, the account that deskstate uses: a manual edit or an apply",
            format!(
                "cause unknown: {link} me removed it, the account that deskstate uses: a manual edit or an apply"
            ),
        ),
        (
            Nature::Platform,
            "SYSTEM",
            "product or solution update: the audit log shows the platform (SYSTEM)",
            format!("product or solution update: {link} the platform (SYSTEM) removed it"),
        ),
        (
            Nature::Application,
            "flow",
            "cause unknown: the audit log shows the application user flow: an apply, another program or a product update",
            format!("cause unknown: {link} the application user flow removed it"),
        ),
    ] {
        let by = |look: &str| format!("{look} [{name} T2]");
        let history = [wrote_title(), unlinked()];
        check(Audit::On, nature, name, &history, &by(title), &by(&tabs));
        // Whoever changed it, the declared value was present before.
        let history = [wrote_title_over("Declared"), unlinked()];
        let changed = tabs
            .replace(link, "the declared value was there until")
            .replace("removed it", "changed it");
        check(Audit::On, nature, name, &history, &by(&changed), &by(&tabs));
    }
    let history = [wrote_title(), unlinked()];
    let user = format!("an unreadable user ({id})", id = id(50));
    let nobody = format!(
        "cause unknown: the audit log shows {user} [{id} T2]",
        id = id(50)
    );
    let link = format!(
        "cause unknown: {link} {user} removed it [{id} T2]",
        id = id(50)
    );
    check(Audit::On, Nature::Unknown, "", &history, &nobody, &link);
}

#[test]
fn auditing_that_recorded_something_else_says_nothing_of_this_field() {
    let other = [
        (
            id(2),
            What::Wrote([("msdyn_name".to_owned(), "Old".into())].into()),
        ),
        (
            id(2),
            What::Linked {
                relationship: SESSION_TABS.schema_name.to_owned(),
                members: [id(9)].into(),
                made: false,
            },
        ),
    ];
    check(
        Audit::On,
        Nature::Person,
        "ada",
        &other,
        "edited by hand: ada last wrote the row, though maybe of another field; auditing has no record of the column [ada T1]",
        "cause unknown: auditing has no record of who made or removed a link",
    );
}

/// Microsoft: audit logs can show changes with a delay, because they are not stored in the database any more.
#[test]
fn a_record_that_does_not_explain_the_live_value_accuses_nobody() {
    let mut late = blame(
        Audit::On,
        Nature::Person,
        "ada",
        &[wrote_title_over("Other")],
    );
    for recorded in late.history.values_mut().flatten() {
        recorded.after = BTreeMap::from([("msdyn_title".to_owned(), "Declared".into())]);
    }
    let relinked = What::Linked {
        relationship: SESSION_TABS.schema_name.to_owned(),
        members: [id(1)].into(),
        made: true,
    };
    let mut records = late.history[&id(2)].clone();
    for what in [relinked, unlinked().1] {
        let mut record = records[0].clone();
        record.what = what;
        records.push(record);
    }
    late.history.insert(id(2), records);
    let now = manifests(&[SESSION_DOCUMENT, TAB_DOCUMENT]);
    let live = edited(&json!({"_modifiedby_value": id(50), "modifiedon": "T1"}));
    assert_eq!(
        looks(&report(&now, None, &live, &late)),
        [
            "title: edited by hand: ada last wrote the row, though maybe of another field; auditing has not recorded it yet [ada T1]",
            "additionalTabs: cause unknown: the audit records of this row do not explain the link"
        ]
    );
}

/// Retrieve the history of audited data changes: `CallingUserId` identifies the calling user if impersonation is used.
#[test]
fn who_writes_in_the_name_of_another_is_the_one_who_did_it() {
    let mut named = blame(
        Audit::On,
        Nature::Application,
        "flow",
        &[wrote_title_over("Declared")],
    );
    let lin = Writer {
        id: id(60),
        name: "lin".to_owned(),
        nature: Nature::Person,
        is_caller: false,
    };
    named.writers.insert(lin.id, lin);
    for recorded in named.history.values_mut().flatten() {
        recorded.in_the_name_of = Some(id(60));
    }
    let now = manifests(&[SESSION_DOCUMENT, TAB_DOCUMENT]);
    let live = edited(&json!({"_modifiedby_value": id(60), "modifiedon": "T1"}));
    assert_eq!(
        looks(&report(&now, None, &live, &named))[0],
        "title: cause unknown: the declared value was there until the application user flow (in the name of lin) changed it [flow T2]"
    );
    named.history.clear();
    named.audit = Audit::Off;
    named.on_behalf.insert(id(2), id(50));
    assert_eq!(
        looks(&report(&now, None, &live, &named))[0],
        "title: cause unknown: the application user flow (in the name of lin) last wrote the row: an apply, another program or a product update; auditing is off [flow T1]"
    );
}

#[test]
fn a_managed_row_of_an_unreadable_writer_came_with_an_update_and_a_row_without_a_writer_tells_nothing()
 {
    let now = manifests(&[SESSION_DOCUMENT, TAB_DOCUMENT]);
    let title = |more: &Json| {
        let report = report(&now, None, &edited(more), &Blame::default());
        looks(&report).remove(0)
    };
    assert_eq!(
        title(&json!({"_modifiedby_value": id(50), "modifiedon": "T1", "ismanaged": true})),
        format!(
            "title: product or solution update: the row came with a managed solution, and its last writer is unknown [{} T1]",
            id(50)
        )
    );
    assert_eq!(
        title(&json!({})),
        "title: cause unknown: auditing is off, and nothing else shows the last writer"
    );
}

#[test]
fn the_revision_that_was_applied_last_tells_what_is_not_applied_yet() {
    let now = manifests(&[SESSION_DOCUMENT, TAB_DOCUMENT]);
    let written = json!({"_modifiedby_value": id(50), "modifiedon": "T1"});
    let look = |then: &[&str]| {
        let ada = blame(Audit::Off, Nature::Person, "ada", &[]);
        looks(&report(
            &now,
            Some(&manifests(then)),
            &edited(&written),
            &ada,
        ))
    };
    let by_ada = "title: edited by hand: ada last wrote the row, though maybe of another field; auditing is off [ada T1]";
    let lost = "additionalTabs: cause unknown: auditing is off, and nothing else shows who made or removed a link";
    assert_eq!(look(&[SESSION_DOCUMENT, TAB_DOCUMENT]), [by_ada, lost]);
    let as_live = SESSION_DOCUMENT
        .replace("Declared", "Live")
        .replace("[contoso_tab]", "[]");
    assert_eq!(
        look(&[&as_live, TAB_DOCUMENT]),
        [
            "title: not applied yet: live is as v1 says",
            "additionalTabs: not applied yet: live is as v1 says"
        ]
    );
    let silent = SESSION_DOCUMENT.replace("  title: Declared\n", "");
    assert_eq!(
        look(&[&silent, TAB_DOCUMENT]),
        [
            "title: not applied yet: v1 says nothing about this field",
            lost
        ]
    );
    assert_eq!(
        look(&[TAB_DOCUMENT]),
        [
            "title: not applied yet: v1 does not declare this resource",
            "additionalTabs: not applied yet: v1 does not declare this resource"
        ]
    );
}

#[test]
fn a_row_that_is_gone_or_came_back_has_the_revision_or_the_recorded_deletion_for_evidence() {
    let now = manifests(&[TAB_DOCUMENT]);
    let tab = deskstate_reconcile::plan(&lower(&now), &live(&Rows::default()), &Options::default())
        .0
        .changes[0]
        .id;
    let gone = |then: Option<&[&str]>, history: &[(Uuid, What)]| {
        let audit = if history.is_empty() {
            Audit::Off
        } else {
            Audit::On
        };
        let ada = blame(audit, Nature::Person, "ada", history);
        let then = then.map(manifests);
        looks(&report(&now, then.as_ref(), &Rows::default(), &ada)).remove(0)
    };
    assert_eq!(
        gone(None, &[]),
        ": cause unknown: it was never applied, or somebody deleted it; pass `--at REF` to find out"
    );
    assert_eq!(
        gone(Some(&[TAB_DOCUMENT]), &[]),
        ": edited by hand: v1 declares it, so it was there and was deleted"
    );
    assert_eq!(
        gone(Some(&[]), &[]),
        ": not applied yet: v1 does not declare it"
    );
    assert_eq!(
        gone(None, &[(tab, What::Deleted)]),
        ": edited by hand: auditing recorded the deletion by ada [ada T2]"
    );

    let absent = "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_session, state: absent}\n";
    let back = |then: Option<&[&str]>| {
        let then = then.map(manifests);
        looks(&report(
            &manifests(&[absent]),
            then.as_ref(),
            &edited(&json!({})),
            &Blame::default(),
        ))
        .remove(0)
    };
    assert_eq!(
        back(None),
        ": cause unknown: it was never removed, or it came back; pass `--at REF` to find out"
    );
    assert_eq!(
        back(Some(&[absent])),
        ": edited by hand: v1 declares it absent too, so it came back"
    );
    assert_eq!(
        back(Some(&[])),
        ": not applied yet: v1 does not declare it absent"
    );
}

/// Possible writers in a history: id, name, nature, and whether deskstate runs as this user.
const ACTORS: [(u128, &str, Nature, bool); 5] = [
    (50, "ada", Nature::Person, false),
    (51, "me", Nature::Person, true),
    (52, "ci", Nature::Application, true),
    (53, "flow", Nature::Application, false),
    (54, "SYSTEM", Nature::Platform, false),
];

/// The title's history: its first value, then the writers and the values that they wrote.
fn histories() -> impl Strategy<Value = (&'static str, Vec<(usize, &'static str)>)> {
    let value = || prop::sample::select(vec!["Declared", "A", "B", "C"]);
    (
        value(),
        prop::collection::vec((0..ACTORS.len(), value()), 0..6),
        0..ACTORS.len(),
    )
        .prop_map(|(first, mut writes, last)| {
            writes.push((last, "Live"));
            (first, writes)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// The oracle uses only the sequence of values, not the results of auditing or classification.
    #[test]
    fn drift_claims_no_more_than_the_audit_shows((first, writes) in histories(), lags in any::<bool>()) {
        let mut blame = Blame { audit: Audit::On, ..Blame::default() };
        for (id, name, nature, is_caller) in ACTORS {
            let writer = Writer { id: support::id(id), name: name.to_owned(), nature, is_caller };
            blame.writers.insert(writer.id, writer);
        }
        let mut before = first;
        let mut records = Vec::new();
        for (at, (actor, value)) in writes.iter().enumerate() {
            // Auditing records only columns that a write actually changes.
            if *value != before {
                let columns = [("msdyn_title".to_owned(), before.into())];
                let (at, by) = (format!("T{at}"), support::id(ACTORS[*actor].0));
                let after = BTreeMap::from([("msdyn_title".to_owned(), (*value).into())]);
                records.insert(0, Recorded { at, by, in_the_name_of: None, what: What::Wrote(columns.into()), after });
            }
            before = value;
        }
        let (_, who, nature, is_caller) = ACTORS[writes[writes.len() - 1].0];
        let was_declared = first == "Declared" || writes.iter().any(|(_, value)| *value == "Declared");
        let now = manifests(&[SESSION_DOCUMENT, TAB_DOCUMENT]);
        if lags {
            // The newest record is not there yet, and the row names nobody.
            records.remove(0);
            blame.history.insert(id(2), records);
            let report = report(&now, None, &edited(&json!({})), &blame);
            let title = &report.drifted[0].differences[0];
            prop_assert_eq!((title.class, title.who.as_deref()), (Class::Unknown, None), "{}", title.evidence);
            return Ok(());
        }
        blame.history.insert(id(2), records);
        let report = report(&now, None, &edited(&json!({})), &blame);
        let title = &report.drifted[0].differences[0];
        prop_assert_eq!(title.path.as_str(), "title");
        prop_assert_eq!(title.who.as_deref(), Some(who));
        let supported = match title.class {
            Class::NotApplied => nature == Nature::Application && is_caller && !was_declared,
            Class::EditedByHand => nature == Nature::Person && !is_caller,
            Class::ProductUpdate => nature == Nature::Platform,
            Class::Unknown if nature == Nature::Application => was_declared || !is_caller,
            // Without the revision that was applied last, it may have been an apply of another one.
            Class::Unknown => is_caller,
        };
        prop_assert!(supported, "{:?} by {who}, declared before: {was_declared}: {}", title.class, title.evidence);
        prop_assert_eq!(title.evidence.contains("the declared value was there"), was_declared);
    }
}
