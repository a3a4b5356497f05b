//! The findings of `doctor` about an environment: pure functions of the data that was read.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::Depth;
use deskstate_model::{Kind, Table, Writes};
use deskstate_reconcile::live::{Access as TableAccess, Live, SolutionState};
use deskstate_reconcile::metadata::{Weight, check};
use deskstate_reconcile::probe::{Probed, privilege, rights_to_write};

use crate::output::count;
use crate::output::plain;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::commands) enum State {
    Good,
    /// Works with restrictions.
    Worth,
    /// Blocks a plan or an apply.
    Bad,
}

/// The result of one check.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) struct Finding {
    pub(in crate::commands) state: State,
    pub(in crate::commands) what: String,
    /// The remedy, if any.
    pub(in crate::commands) help: Option<String>,
}

impl State {
    /// The label in front of a finding.
    pub(in crate::commands) fn mark(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Worth => "note",
            Self::Bad => "bad",
        }
    }
}

impl Finding {
    pub(super) fn good(what: impl Into<String>) -> Self {
        Self {
            state: State::Good,
            what: what.into(),
            help: None,
        }
    }

    pub(super) fn worth(what: impl Into<String>, help: &str) -> Self {
        Self {
            state: State::Worth,
            what: what.into(),
            help: Some(help.to_owned()),
        }
    }

    fn bad(what: impl Into<String>, help: &str) -> Self {
        Self {
            state: State::Bad,
            what: what.into(),
            help: Some(help.to_owned()),
        }
    }
}

/// All findings about the data that was read. `needed` are the tables that a plan depends on, if they are known.
pub(in crate::commands) fn of_live(
    live: &Live,
    needed: Option<&BTreeSet<&'static Table>>,
    privileges: Option<&BTreeMap<String, Depth>>,
    writes: Writes,
) -> Vec<Finding> {
    let mut findings = of_environment(live, writes);
    findings.extend(of_tables(live, needed));
    findings.extend(of_definitions(live));
    findings.extend(of_privileges(live, privileges));
    findings
}

pub(in crate::commands) fn of_environment(live: &Live, writes: Writes) -> Vec<Finding> {
    let facts = &live.facts;
    let mut findings = Vec::new();
    match (facts.organization, facts.caller) {
        (Some(organization), Some(caller)) => findings.push(Finding::good(format!(
            "organization {organization}, user {caller}"
        ))),
        _ => findings.push(Finding::bad(
            "the environment does not report who is signed in",
            "is the application user enabled, and does it have a role?",
        )),
    }
    findings.push(match (facts.base_language, facts.caller_language) {
        _ if facts.reads_base_language() => Finding::good("texts are in the organization's base language"),
        (Some(base), Some(caller)) => Finding::bad(
            format!("the organization's base language is {base}, the caller's is {caller}: texts are neither compared nor written, so no plan is complete"),
            "set the language in the personal settings of the signed-in user",
        ),
        _ => Finding::bad("the language of texts is unknown, so they are neither compared nor written", "let the caller read Organization and User Settings"),
    });
    findings.push(match facts.locked_down {
        Some(true) if writes != Writes::All => Finding::good("unmanaged customizations are blocked, and `writes` of the environment is narrower"),
        Some(true) => Finding::bad(
            "unmanaged customizations are blocked, so apply is refused",
            "this environment accepts managed solutions only; with `writes: assignments`, deskstate only assigns users",
        ),
        Some(false) => Finding::good("unmanaged customizations are not blocked"),
        None => Finding::worth(
            "it could not be read whether unmanaged customizations are blocked",
            "let the caller read Organization",
        ),
    });
    let needs = "every component that deskstate writes is added to it, so apply is refused";
    let help = "create the solution, or correct `solution` in `deskstate.yaml`";
    match facts.solution.filter(|_| writes == Writes::All) {
        Some(SolutionState::Missing) => findings.push(Finding::bad(
            format!("the environment does not have the solution of the project: {needs}"),
            help,
        )),
        Some(SolutionState::Managed) => findings.push(Finding::bad(
            format!("the solution of the project is managed here: {needs}"),
            help,
        )),
        Some(SolutionState::Open) => {
            findings.push(Finding::good(
                "the solution of the project takes components",
            ));
        }
        None => {}
    }
    findings.push(match facts.auditing {
        Some(true) => Finding::good("auditing is on for the environment: of tables and columns that are audited, drift can say who changed what, and when"),
        Some(false) => Finding::worth(
            "auditing is off: drift knows only the last writer",
            "Power Platform admin center, Settings, Audit settings",
        ),
        None => Finding::worth(
            "it could not be read whether auditing is on: drift knows only the last writer",
            "let the caller read Organization",
        ),
    });
    findings.push(match &facts.prefixes {
        Some(prefixes) => Finding::good(format!(
            "publishers with the prefixes {}",
            list(prefixes.iter().map(|prefix| plain(prefix)))
        )),
        None => Finding::worth(
            "publishers cannot be read: prefixes of unique names are not checked",
            "let the caller read Publisher",
        ),
    });
    if let Some(why) = &live.mentions_unread {
        findings.push(Finding::worth(
            format!("workstreams cannot be read ({}): deskstate cannot tell whether one still names a template", plain(why)),
            "let the caller read Work Stream",
        ));
    }
    findings
}

pub(in crate::commands) fn of_definitions(live: &Live) -> Vec<Finding> {
    const CHECK: &str = "`deskstate kind check` lists what to correct in the definitions";
    let found = match &live.metadata {
        None => return Vec::new(),
        Some(Ok(found)) => found,
        Some(Err(why)) => {
            let what = format!(
                "the metadata cannot be read, so no definition of a kind can be checked: {}",
                plain(why)
            );
            return vec![Finding::bad(
                what,
                "give the caller a role such as Basic User",
            )];
        }
    };
    let mut findings = Vec::new();
    for kind in Kind::all().filter(|kind| !kind.is_built_in()) {
        let differ = check(kind, found);
        let of = |weight| differ.iter().filter(|one| one.weight == weight).count();
        let (stops, others) = (of(Weight::Stops), of(Weight::Warns) + of(Weight::Missing));
        findings.push(match (stops, others) {
            (0, 0) => Finding::good(format!("the definition of {kind} fits the environment")),
            (0, others) => Finding::worth(
                format!(
                    "the definition of {kind} differs in {} that may matter",
                    count(others, "place")
                ),
                CHECK,
            ),
            (stops, _) => Finding::bad(
                format!(
                    "the definition of {kind} differs in {}, so it cannot be planned",
                    count(stops, "place")
                ),
                CHECK,
            ),
        });
    }
    findings
}

pub(in crate::commands) fn of_tables(
    live: &Live,
    needed: Option<&BTreeSet<&'static Table>>,
) -> Vec<Finding> {
    let mut whole = 0;
    let mut findings = Vec::new();
    for (table, seen) in &live.tables {
        match &seen.access {
            TableAccess::Whole => whole += 1,
            TableAccess::Absent => {
                findings.push(Finding::worth(
                    format!("there is no table `{}`", table.logical),
                    "you cannot declare fields and kinds that need it here; a newer version of the app has it",
                ));
            }
            TableAccess::Partial(why) => findings.push(Finding::worth(
                format!(
                    "`{}` can be read only in part ({}): nothing is created or deleted in it",
                    table.logical,
                    plain(why)
                ),
                "give the caller read access to the whole organization",
            )),
            TableAccess::Refused(why) => {
                let what = format!("`{}` cannot be read: {}", table.logical, plain(why));
                findings.push(if needed.is_none_or(|needed| needed.contains(table)) {
                    Finding::bad(what, "give the caller read access to it")
                } else {
                    Finding::worth(
                        what,
                        "the manifests of this project do not need it; an export does, and manifests of its kind",
                    )
                });
            }
        }
        if !seen.missing_columns.is_empty() {
            findings.push(Finding::worth(
                format!(
                    "`{}` has no {}",
                    table.logical,
                    list(
                        seen.missing_columns
                            .iter()
                            .map(|column| format!("`{column}`"))
                    )
                ),
                "you cannot declare fields that need them here",
            ));
        }
        if seen.optimistic_concurrency == Some(false) {
            findings.push(Finding::worth(
                format!(
                    "`{}` has no versions: only the read just before an update protects it",
                    table.logical
                ),
                "nothing can be done about it",
            ));
        }
    }
    findings.insert(
        0,
        Finding::good(format!("{} readable completely", count(whole, "table"))),
    );
    let hidden = live
        .links
        .iter()
        .filter(|(_, links)| !links.access.is_whole());
    findings.extend(hidden.map(|(relationship, _)| {
        Finding::worth(
            format!(
                "links `{}` can be read only in part, so none is added or removed",
                relationship.schema_name
            ),
            "give the caller read access to both sides",
        )
    }));
    findings
}

/// Checks the privileges that apply needs on the tables of every kind: create, write, delete, append, append to.
pub(super) fn of_privileges(
    live: &Live,
    privileges: Option<&BTreeMap<String, Depth>>,
) -> Vec<Finding> {
    let Some(privileges) = privileges else {
        return vec![Finding::worth(
            "the caller's privileges cannot be read",
            "the server refuses a transaction if one is missing",
        )];
    };
    let held: BTreeMap<String, Depth> = privileges
        .iter()
        .map(|(name, depth)| (name.to_ascii_lowercase(), *depth))
        .collect();
    let mut lacking: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (right, table) in rights_to_write() {
        let is_there = live
            .tables
            .get(table)
            .is_none_or(|seen| seen.access != TableAccess::Absent);
        if is_there
            && held.get(&privilege(right, table).to_ascii_lowercase()) != Some(&Depth::Global)
        {
            lacking.entry(right).or_default().push(table.logical);
        }
    }
    if lacking.is_empty() {
        return vec![Finding::good(
            "can create, write, delete and link all kinds: enough for apply",
        )];
    }
    let findings = lacking.into_iter().map(|(right, tables)| {
        let tables = list(tables.iter().map(|table| format!("`{table}`")));
        let lacks = match live.facts.more_privileges {
            true => "the privileges that could be read do not include",
            false => "lacks",
        };
        Finding::worth(
            format!("{lacks} {right} at organization level on {tables}"),
            "plan and drift do not need it; apply does, for the kinds of the project",
        )
    });
    findings.collect()
}

/// Reports whether the probe left rows behind.
pub(super) fn what_is_left(probed: &Probed) -> Vec<Finding> {
    let mut findings = Vec::new();
    if probed.stored {
        findings.push(Finding::worth(
            "the environment executed a transaction whose last operation must fail",
            "changesets are documented to be all or nothing: do not apply here until this is explained",
        ));
    }
    if !probed.left.is_empty() {
        let rows = list(probed.left.iter().map(|row| plain(row)));
        findings.push(Finding::bad(
            format!("the probe left rows behind: {rows}"),
            "delete them, or run `doctor --probe=write`, which tries to",
        ));
    } else if probed.unseen.is_empty() {
        findings.push(Finding::good("the probe left nothing behind"));
    }
    if !probed.unseen.is_empty() {
        let tables = list(probed.unseen.iter().map(|table| plain(table)));
        findings.push(Finding::worth(
            format!("deskstate cannot tell whether the probe left anything in {tables}"),
            "let the caller read it",
        ));
    }
    findings
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use deskstate_model::tables::{CHT, NOTIFICATION, PROFILE_USERS, SESSION, TAB};
    use deskstate_reconcile::live::{Facts, Found, LiveLinks, LiveTable};

    /// An environment from which nothing has been read.
    pub(crate) fn nothing() -> Live {
        Live {
            tables: BTreeMap::new(),
            links: BTreeMap::new(),
            found: Found::default(),
            facts: Facts::default(),
            mentions: BTreeMap::new(),
            mentions_unread: None,
            metadata: None,
            requests: 0,
        }
    }

    fn said(findings: &[Finding]) -> Vec<(State, &str)> {
        findings
            .iter()
            .map(|finding| (finding.state, finding.what.as_str()))
            .collect()
    }

    #[test]
    fn what_an_environment_does_not_tell_is_said_with_what_would_help() {
        let mut live = nothing();
        live.facts.locked_down = Some(true);
        live.mentions_unread = Some("403".to_owned());
        let findings = of_environment(&live, Writes::All);
        assert_eq!(
            said(&findings),
            [
                (
                    State::Bad,
                    "the environment does not report who is signed in"
                ),
                (
                    State::Bad,
                    "the language of texts is unknown, so they are neither compared nor written"
                ),
                (
                    State::Bad,
                    "unmanaged customizations are blocked, so apply is refused"
                ),
                (
                    State::Worth,
                    "it could not be read whether auditing is on: drift knows only the last writer"
                ),
                (
                    State::Worth,
                    "publishers cannot be read: prefixes of unique names are not checked"
                ),
                (
                    State::Worth,
                    "workstreams cannot be read (403): deskstate cannot tell whether one still names a template"
                ),
            ]
        );
        assert!(findings.iter().all(|finding| finding.help.is_some()));

        live.facts.base_language = Some(1033);
        live.facts.caller_language = Some(1031);
        assert_eq!(
            of_environment(&live, Writes::All)[1].what,
            "the organization's base language is 1033, the caller's is 1031: texts are neither compared nor written, so no plan is complete"
        );
    }

    #[test]
    fn tables_and_links_that_are_not_seen_whole_are_named() {
        let mut live = nothing();
        let mut whole = LiveTable::empty(TableAccess::Whole);
        whole.missing_columns.insert("msdyn_theme");
        whole.optimistic_concurrency = Some(false);
        live.tables.insert(&NOTIFICATION, whole);
        for (table, access) in [
            (&CHT, TableAccess::Absent),
            (
                &SESSION,
                TableAccess::Partial("own business unit".to_owned()),
            ),
            (&TAB, TableAccess::Refused("\u{1b}[31mno".to_owned())),
        ] {
            live.tables.insert(table, LiveTable::empty(access));
        }
        let hidden = TableAccess::Partial("own business unit".to_owned());
        live.links
            .insert(&PROFILE_USERS, LiveLinks::new(Default::default(), hidden));
        let findings = of_tables(&live, None);
        let mut said = said(&findings);
        assert_eq!(said.remove(0), (State::Good, "1 table readable completely"));
        said.sort_by_key(|(_, what)| *what);
        let tab = format!(
            "`{}` cannot be read: {}",
            TAB.logical,
            plain("\u{1b}[31mno")
        );
        assert_eq!(
            said,
            [
                (State::Bad, tab.as_str()),
                (
                    State::Worth,
                    "`msdyn_notificationtemplate` has no `msdyn_theme`"
                ),
                (
                    State::Worth,
                    "`msdyn_notificationtemplate` has no versions: only the read just before an update protects it"
                ),
                (
                    State::Worth,
                    "`msdyn_sessiontemplate` can be read only in part (own business unit): nothing is created or deleted in it"
                ),
                (
                    State::Worth,
                    "links `msdyn_appconfiguration_systemuser` can be read only in part, so none is added or removed"
                ),
                (
                    State::Worth,
                    "there is no table `msdyn_chtprofileconfiguration`"
                ),
            ]
        );
        assert!(!tab.contains('\u{1b}'), "{tab}");
        // A table that no plan of the project needs is no obstacle.
        for (needed, state) in [(&TAB, State::Bad), (&SESSION, State::Worth)] {
            let findings = of_tables(&live, Some(&BTreeSet::from([needed])));
            let found = findings.iter().find(|finding| finding.what == tab);
            assert_eq!(found.map(|finding| finding.state), Some(state));
        }
    }

    #[test]
    fn a_right_that_reaches_less_than_the_organization_is_lacking() {
        let live = nothing();
        assert_eq!(
            said(&of_privileges(&live, None)),
            [(State::Worth, "the caller's privileges cannot be read")]
        );
        let mut held: BTreeMap<String, Depth> = rights_to_write()
            .map(|(right, table)| (privilege(right, table), Depth::Global))
            .collect();
        assert_eq!(
            said(&of_privileges(&live, Some(&held))),
            [(
                State::Good,
                "can create, write, delete and link all kinds: enough for apply"
            )]
        );
        held.insert(privilege("Delete", &TAB), Depth::Local);
        held.remove(&privilege("Delete", &SESSION));
        let findings = of_privileges(&live, Some(&held));
        assert_eq!(
            said(&findings),
            [(
                State::Worth,
                "lacks Delete at organization level on `msdyn_sessiontemplate`, `msdyn_applicationtabtemplate`"
            )]
        );
    }

    #[test]
    fn what_questions_leave_behind_is_named_and_never_taken_for_nothing() {
        let clean = Probed::default();
        assert_eq!(
            said(&what_is_left(&clean)),
            [(State::Good, "the probe left nothing behind")]
        );
        let unseen = Probed {
            unseen: vec!["msdyn_sessiontemplate: 403".to_owned()],
            ..Probed::default()
        };
        assert_eq!(
            said(&what_is_left(&unseen)),
            [(
                State::Worth,
                "deskstate cannot tell whether the probe left anything in msdyn_sessiontemplate: 403"
            )]
        );
        let left = Probed {
            left: vec!["msdyn_sessiontemplate x_deskstateProbe1".to_owned()],
            stored: true,
            ..Probed::default()
        };
        assert_eq!(
            said(&what_is_left(&left)),
            [
                (
                    State::Worth,
                    "the environment executed a transaction whose last operation must fail"
                ),
                (
                    State::Bad,
                    "the probe left rows behind: msdyn_sessiontemplate x_deskstateProbe1"
                ),
            ]
        );
    }
}
