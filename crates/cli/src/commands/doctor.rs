//! `doctor`: what stands between an environment and a plan: sign-in, rights, language, tables. Reads only, unless it is told to ask.

use std::collections::BTreeMap;

use deskstate_dataverse::{Depth, Reader, Session};
use deskstate_model::{Environment, Writes};
use deskstate_reconcile::live::{Access as TableAccess, Live};
use deskstate_reconcile::probe::{
    Answers, Probed, Questions, WRITE_RIGHTS, privilege, privileges_to_write, probe,
};
use deskstate_reconcile::{Scope, kinds, lower};

use super::live::{read, stop_on_interrupt};
use crate::args::Global;
use crate::environment::{self, Access};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::output::plain;
use crate::output::plan_text::count;
use crate::project::load_environment;
use crate::ui::{BAD, GOOD, STRONG, Ui, WARN};

/// Looks at what stands between an environment and a plan: sign-in, rights, language, tables. Reads only
///
/// Exit codes: 0 all is well, 1 something is in the way.
///
/// `--probe` also asks what documents leave open. It sends transactions whose last operation must fail, so nothing is stored, and
/// writes the answers to `.deskstate/answers/<environment>.json`, which `deskstate emulator --answers` reads too. The answers name
/// nobody and no environment. `--probe=write` asks what shows in stored rows alone too: with two scratch rows, whose names hold
/// `deskstateProbe` and which it deletes again. Both look afterwards whether anything is left, and say so.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The environment
    #[arg(long, short, value_name = "NAME")]
    env: String,
    /// Ask the environment what documents leave open; nothing is stored, or with `=write` two scratch rows for a moment
    #[arg(long, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "rollback")]
    probe: Option<How>,
    /// Do not ask before `--probe=write`
    #[arg(long, short, requires = "probe")]
    yes: bool,
    #[command(flatten)]
    access: Access,
}

/// How an environment is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum How {
    /// By transactions that must fail: nothing is stored
    Rollback,
    /// Also by two scratch rows, which are deleted again
    Write,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Good,
    /// Works, with less.
    Worth,
    /// In the way.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    state: State,
    what: String,
    /// What to do.
    help: Option<String>,
}

impl Finding {
    fn good(what: impl Into<String>) -> Self {
        Self {
            state: State::Good,
            what: what.into(),
            help: None,
        }
    }

    fn worth(what: impl Into<String>, help: &str) -> Self {
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

pub(crate) async fn run(args: &Args, global: &Global, ui: &mut Ui) -> Result<ExitCode, Error> {
    let loaded = load_environment(global, &args.env, ui)?;
    let environment = loaded.environment()?;
    if let Some(how) = args.probe {
        allowed(environment, how)?;
        if how == How::Write && !args.yes && !agreed(&environment.name, ui)? {
            return Err(Error::Refused {
                message: "nothing was asked".to_owned(),
                hint: Some("`--yes` asks the environment without asking you".to_owned()),
            });
        }
    }
    let stop = stop_on_interrupt();
    let opened = environment::open(&loaded.root, environment, &args.access, &stop).await?;
    let reader = Reader::open(&opened.connection)?;
    let desired = lower(&loaded.manifests);
    let scope = Scope {
        organization: environment.organization_id,
        ..Scope::default()
    };
    let live = read(&reader, &desired, &scope, &environment.name, ui).await?;
    let privileges = privileges_to_write(&reader).await?;
    let probed = match args.probe {
        Some(how) => {
            let questions = match how {
                How::Rollback => Questions::RolledBack,
                How::Write => Questions::Stored,
            };
            let session = Session::open(&opened.connection)?;
            Some(probe(&session, &live, questions).await?)
        }
        None => None,
    };
    let address = opened.address.clone();
    opened.close().await?;
    let mut findings = vec![Finding::good(format!(
        "signed in, and {address} answers: {} read everything",
        requests(live.requests)
    ))];
    findings.extend(environment_findings(&live));
    findings.extend(table_findings(&live));
    findings.extend(privilege_findings(&live, privileges.as_ref()));
    findings.extend(probed.iter().flat_map(what_is_left));
    ui.page(format_args!(
        "{STRONG}{}{STRONG:#} ({address}), deskstate {}\n",
        environment.name,
        env!("CARGO_PKG_VERSION")
    ))?;
    for finding in &findings {
        let (style, mark) = match finding.state {
            State::Good => (GOOD, "ok"),
            State::Worth => (WARN, "note"),
            State::Bad => (BAD, "bad"),
        };
        ui.page(format_args!(
            "{style}{mark:>6}{style:#}  {}\n",
            finding.what
        ))?;
        if let Some(help) = &finding.help {
            ui.page(format_args!("        {help}\n"))?;
        }
    }
    if let Some(probed) = probed {
        keep(&loaded.root, &environment.name, &probed.answers, ui)?;
    }
    let worst = findings
        .iter()
        .map(|finding| finding.state)
        .max()
        .unwrap_or(State::Good);
    Ok(if worst == State::Bad {
        ExitCode::Failed
    } else {
        ExitCode::Done
    })
}

/// An environment that is not to be written to is not asked by writing.
fn allowed(environment: &Environment, how: How) -> Result<(), Error> {
    let writes = match (environment.writes, how) {
        (Writes::None, _) => "none",
        (Writes::Assignments, How::Write) => "assignments",
        (Writes::Assignments, How::Rollback) | (Writes::All, _) => return Ok(()),
    };
    Err(Error::Refused {
        message: format!(
            "{} has `writes: {writes}`, so it is not asked by writing",
            environment.name
        ),
        hint: Some(
            "ask an environment of the same version that may be written to, such as a sandbox"
                .to_owned(),
        ),
    })
}

fn agreed(environment: &str, ui: &mut Ui) -> Result<bool, Error> {
    if !ui.is_interactive() {
        return Ok(false);
    }
    ui.confirm(&format!(
        "Store two scratch rows in {environment} and delete them again?"
    ))
}

/// Whether the questions left rows behind.
fn what_is_left(probed: &Probed) -> Vec<Finding> {
    let mut findings = Vec::new();
    if probed.stored {
        findings.push(Finding::worth(
            "the environment carried out a transaction whose last operation cannot succeed",
            "changesets are documented to be all or nothing: do not apply here before that is understood",
        ));
    }
    if !probed.left.is_empty() {
        let rows = list(probed.left.iter().map(|row| plain(row)));
        findings.push(Finding::bad(
            format!("questions left rows behind: {rows}"),
            "delete them; `doctor --probe=write` tries to",
        ));
    } else if probed.unseen.is_empty() {
        findings.push(Finding::good("nothing is left of the questions"));
    }
    if !probed.unseen.is_empty() {
        let tables = list(probed.unseen.iter().map(|table| plain(table)));
        findings.push(Finding::worth(
            format!("nobody can say whether the questions left anything in {tables}"),
            "let the caller read it",
        ));
    }
    findings
}

/// Writes the answers beside those that are there, and says them.
fn keep(
    root: &std::path::Path,
    environment: &str,
    answers: &Answers,
    ui: &mut Ui,
) -> Result<(), Error> {
    ui.page(format_args!("{STRONG}asked{STRONG:#}\n"))?;
    for (word, answer) in &answers.settled {
        ui.page(format_args!(
            "{GOOD}{:>6}{GOOD:#}  {word}: {}\n",
            "ok",
            crate::output::shown(answer)
        ))?;
    }
    for (word, why) in &answers.open {
        ui.page(format_args!(
            "{WARN}{:>6}{WARN:#}  {word} is not settled: {}\n",
            "note",
            plain(why)
        ))?;
    }
    let path = crate::answers::write(root, environment, answers)?;
    ui.note(format_args!("answers in {}", path.display()));
    Ok(())
}

fn requests(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "request")
}

fn environment_findings(live: &Live) -> Vec<Finding> {
    let facts = &live.facts;
    let mut findings = Vec::new();
    match (facts.organization, facts.caller) {
        (Some(organization), Some(caller)) => findings.push(Finding::good(format!(
            "organisation {organization}, user {caller}"
        ))),
        _ => findings.push(Finding::bad(
            "the environment does not say who is signed in",
            "is the application user enabled, and does it have a role?",
        )),
    }
    findings.push(match (facts.base_language, facts.caller_language) {
        _ if facts.reads_base_language() => Finding::good("texts are read in the organisation's base language"),
        (Some(base), Some(caller)) => Finding::worth(
            format!("the organisation's base language is {base}, the caller's is {caller}: texts are neither compared nor written"),
            "set the language in the personal settings of the user that signs in",
        ),
        _ => Finding::worth("nobody can say in which language texts are read: they are neither compared nor written", "let the caller read Organization and User Settings"),
    });
    findings.push(if facts.locked_down {
        Finding::bad(
            "unmanaged customisations are blocked: apply is refused",
            "this environment takes managed solutions only; `writes: assignments` leaves components to them",
        )
    } else {
        Finding::good("unmanaged customisations are not blocked")
    });
    findings.push(if facts.auditing {
        Finding::good("auditing is on: drift can say who changed what, and when")
    } else {
        Finding::worth(
            "auditing is off: drift knows the last writer only",
            "Power Platform admin center, Settings, Audit settings",
        )
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
            format!("workstreams cannot be read ({}): nobody can say whether one still names a template", plain(why)),
            "let the caller read Work Stream",
        ));
    }
    findings
}

fn table_findings(live: &Live) -> Vec<Finding> {
    let mut whole = 0;
    let mut findings = Vec::new();
    for (table, seen) in &live.tables {
        match &seen.access {
            TableAccess::Whole => whole += 1,
            TableAccess::Absent => {
                findings.push(Finding::worth(
                    format!("there is no table `{}`", table.logical),
                    "its kind cannot be declared here; a newer version has it",
                ));
            }
            TableAccess::Partial(why) => findings.push(Finding::worth(
                format!(
                    "`{}` is seen in part ({}): nothing is created or deleted there",
                    table.logical,
                    plain(why)
                ),
                "give the caller read access to the whole organisation",
            )),
            TableAccess::Refused(why) => {
                findings.push(Finding::bad(
                    format!("`{}` cannot be read: {}", table.logical, plain(why)),
                    "give the caller read access to it",
                ));
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
                "fields that need them cannot be declared here",
            ));
        }
        if seen.optimistic_concurrency == Some(false) {
            findings.push(Finding::worth(
                format!(
                    "`{}` has no versions: updates are guarded by the read just before them only",
                    table.logical
                ),
                "nothing can be done about it",
            ));
        }
    }
    findings.insert(
        0,
        Finding::good(format!("{} seen whole", count(whole, "table"))),
    );
    let hidden = live
        .links
        .iter()
        .filter(|(_, links)| !links.access.is_whole());
    findings.extend(hidden.map(|(relationship, _)| {
        Finding::worth(
            format!(
                "links `{}` are not seen whole: none is added or taken away",
                relationship.schema_name
            ),
            "give the caller read access to both sides",
        )
    }));
    findings
}

/// What apply needs, for the tables of every kind: create, write, delete, append, append to.
fn privilege_findings(live: &Live, privileges: Option<&BTreeMap<String, Depth>>) -> Vec<Finding> {
    let Some(privileges) = privileges else {
        return vec![Finding::worth(
            "the caller's privileges cannot be read",
            "an apply that lacks one is refused by the server, as a whole",
        )];
    };
    let held: BTreeMap<String, Depth> = privileges
        .iter()
        .map(|(name, depth)| (name.to_ascii_lowercase(), *depth))
        .collect();
    let mut lacking: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for table in kinds::all().iter().map(|kind| kind.table) {
        let is_there = live
            .tables
            .get(table)
            .is_none_or(|seen| seen.access != TableAccess::Absent);
        for right in WRITE_RIGHTS {
            if is_there
                && held.get(&privilege(right, table).to_ascii_lowercase()) != Some(&Depth::Global)
            {
                lacking.entry(right).or_default().push(table.logical);
            }
        }
    }
    if lacking.is_empty() {
        return vec![Finding::good(
            "may create, write, delete and link every kind: enough for apply",
        )];
    }
    let findings = lacking.into_iter().map(|(right, tables)| {
        let tables = list(tables.iter().map(|table| format!("`{table}`")));
        Finding::worth(
            format!("lacks {right} at organisation level on {tables}"),
            "fine for plan and drift; apply needs it for the kinds of the project",
        )
    });
    findings.collect()
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
mod tests {
    use super::*;
    use deskstate_reconcile::kinds::tables::{CHT, NOTIFICATION, PROFILE_USERS, SESSION, TAB};
    use deskstate_reconcile::live::{Facts, Found, LiveLinks, LiveTable};

    /// An environment of which nothing is read.
    fn nothing() -> Live {
        Live {
            tables: BTreeMap::new(),
            links: BTreeMap::new(),
            found: Found::default(),
            facts: Facts::default(),
            mentions: BTreeMap::new(),
            mentions_unread: None,
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
    fn an_environment_that_tells_little_is_said_to_with_what_would_help() {
        let mut live = nothing();
        live.facts.locked_down = true;
        live.mentions_unread = Some("403".to_owned());
        let findings = environment_findings(&live);
        assert_eq!(
            said(&findings),
            [
                (State::Bad, "the environment does not say who is signed in"),
                (
                    State::Worth,
                    "nobody can say in which language texts are read: they are neither compared nor written"
                ),
                (
                    State::Bad,
                    "unmanaged customisations are blocked: apply is refused"
                ),
                (
                    State::Worth,
                    "auditing is off: drift knows the last writer only"
                ),
                (
                    State::Worth,
                    "publishers cannot be read: prefixes of unique names are not checked"
                ),
                (
                    State::Worth,
                    "workstreams cannot be read (403): nobody can say whether one still names a template"
                ),
            ]
        );
        assert!(findings.iter().all(|finding| finding.help.is_some()));

        live.facts.base_language = Some(1033);
        live.facts.caller_language = Some(1031);
        assert_eq!(
            environment_findings(&live)[1].what,
            "the organisation's base language is 1033, the caller's is 1031: texts are neither compared nor written"
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
        let findings = table_findings(&live);
        let mut said = said(&findings);
        assert_eq!(said.remove(0), (State::Good, "1 table seen whole"));
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
                    "`msdyn_notificationtemplate` has no versions: updates are guarded by the read just before them only"
                ),
                (
                    State::Worth,
                    "`msdyn_sessiontemplate` is seen in part (own business unit): nothing is created or deleted there"
                ),
                (
                    State::Worth,
                    "links `msdyn_appconfiguration_systemuser` are not seen whole: none is added or taken away"
                ),
                (
                    State::Worth,
                    "there is no table `msdyn_chtprofileconfiguration`"
                ),
            ]
        );
        assert!(!tab.contains('\u{1b}'), "{tab}");
    }

    #[test]
    fn a_right_that_reaches_less_than_the_organisation_is_lacking() {
        let live = nothing();
        assert_eq!(
            said(&privilege_findings(&live, None)),
            [(State::Worth, "the caller's privileges cannot be read")]
        );
        let mut held: BTreeMap<String, Depth> = kinds::all()
            .iter()
            .flat_map(|kind| WRITE_RIGHTS.map(|right| privilege(right, kind.table)))
            .map(|name| (name, Depth::Global))
            .collect();
        assert_eq!(
            said(&privilege_findings(&live, Some(&held))),
            [(
                State::Good,
                "may create, write, delete and link every kind: enough for apply"
            )]
        );
        held.insert(privilege("Delete", &TAB), Depth::Local);
        held.remove(&privilege("Delete", &SESSION));
        let findings = privilege_findings(&live, Some(&held));
        assert_eq!(
            said(&findings),
            [(
                State::Worth,
                "lacks Delete at organisation level on `msdyn_sessiontemplate`, `msdyn_applicationtabtemplate`"
            )]
        );
    }

    #[test]
    fn what_questions_leave_behind_is_named_and_never_taken_for_nothing() {
        let clean = Probed::default();
        assert_eq!(
            said(&what_is_left(&clean)),
            [(State::Good, "nothing is left of the questions")]
        );
        let unseen = Probed {
            unseen: vec!["msdyn_sessiontemplate: 403".to_owned()],
            ..Probed::default()
        };
        assert_eq!(
            said(&what_is_left(&unseen)),
            [(
                State::Worth,
                "nobody can say whether the questions left anything in msdyn_sessiontemplate: 403"
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
                    "the environment carried out a transaction whose last operation cannot succeed"
                ),
                (
                    State::Bad,
                    "questions left rows behind: msdyn_sessiontemplate x_deskstateProbe1"
                ),
            ]
        );
    }
}
