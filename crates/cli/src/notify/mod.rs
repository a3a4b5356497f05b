//! Notifies people or a program when drift appears, changes, ends, or can no longer be determined.

mod payload;
mod send;

use clap::ValueEnum;
use deskstate_reconcile::drift::{Class, Drifted};

use crate::output::drift_next::{self, is_pending};
use crate::output::drift_report::{Outcome, Seen};
use crate::output::{count, plain};
use crate::suggest::suggest;

pub(crate) use payload::bodies;
pub(crate) use send::{NotifyError, Sender};

/// Where to send a message, and in which format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Channel {
    /// A Teams workflow that takes webhook requests; its address is in DESKSTATE_TEAMS_URL.
    Teams,
    /// An incoming webhook of Slack; its address is in DESKSTATE_SLACK_URL.
    Slack,
    /// Anything that takes CloudEvents, one for each environment; its address is in DESKSTATE_WEBHOOK_URL.
    Webhook,
}

impl Channel {
    /// The name in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Teams => "Teams",
            Self::Slack => "Slack",
            Self::Webhook => "the webhook",
        }
    }

    /// The name in file names.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Teams => "teams",
            Self::Slack => "slack",
            Self::Webhook => "webhook",
        }
    }

    /// The environment variable with the address. The address is a secret: whoever has it can post.
    pub(crate) fn variable(self) -> &'static str {
        match self {
            Self::Teams => "DESKSTATE_TEAMS_URL",
            Self::Slack => "DESKSTATE_SLACK_URL",
            Self::Webhook => "DESKSTATE_WEBHOOK_URL",
        }
    }
}

/// What has changed in an environment since the last notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// There is drift, and there was none before.
    Appeared,
    /// The drift has changed.
    Changed,
    /// Everything was compared and nothing differs. Before, something differed or the state was unknown.
    Ended,
    /// Not everything could be compared.
    Unknown,
}

impl Turn {
    /// The text for people.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Appeared => "drift appeared",
            Self::Changed => "drift changed",
            Self::Ended => "in sync again",
            Self::Unknown => "drift cannot be determined",
        }
    }

    /// The code for programs.
    fn code(self) -> &'static str {
        match self {
            Self::Appeared => "appeared",
            Self::Changed => "changed",
            Self::Ended => "ended",
            Self::Unknown => "unknown",
        }
    }
}

/// Maximum number of resources that a message names.
const MOST_NAMED: usize = 10;
/// Maximum length of a line of a message, in characters.
const LONGEST_LINE: usize = 300;

/// The news about one environment.
#[derive(Debug, Clone)]
pub(crate) struct News {
    pub(crate) environment: String,
    pub(crate) turn: Turn,
    outcome: Outcome,
    /// Number of resources that differ.
    drifted: usize,
    /// One line for each of the first resources that differ, or the reason why something could not be compared. Text from outside, without
    /// line breaks.
    lines: Vec<String>,
    /// The next step.
    next: String,
    /// Digest of the differences. Equal drift has equal digests.
    digest: String,
}

/// The part that all messages of a run have in common.
pub(crate) struct About<'a> {
    /// The page of the build that runs the check.
    pub(crate) run: Option<&'a str>,
    pub(crate) project: &'a str,
    /// `YYYY-MM-DDTHH:MM:SSZ`.
    pub(crate) time: &'a str,
}

/// A message.
pub(crate) struct Message<'a> {
    pub(crate) news: &'a [News],
    pub(crate) about: &'a About<'a>,
}

impl News {
    pub(crate) fn of(seen: &Seen, turn: Turn, digest: &str) -> Self {
        let name = &seen.environment;
        let (drifted, lines) = match &seen.looked {
            Ok(looked) => {
                let report = &looked.report;
                let unknown = looked
                    .unplanned()
                    .map(|one| format!("{}: {}", one.about(), one.obstacle.reason));
                let unplannable = looked.findings.iter().filter(|finding| finding.is_error());
                let unplannable = unplannable.map(|finding| finding.message.clone());
                let (pending, drifted): (Vec<&Drifted>, Vec<&Drifted>) = report
                    .drifted
                    .iter()
                    .partition(|drifted| is_pending(drifted));
                let pending = pending.into_iter();
                let pending = pending.map(|drifted| format!("{}: not applied yet", drifted.key));
                let number = drifted.len();
                let resources = drifted.into_iter().map(of_resource).chain(pending);
                let extras = report.extras.iter().filter(|_| report.drifted.is_empty());
                let extras = extras.map(|row| format!("{}: not declared", row.extra.key));
                let of_turn: Vec<String> = match turn {
                    Turn::Unknown => unplannable.chain(unknown).chain(resources).collect(),
                    Turn::Appeared | Turn::Changed => resources.chain(extras).collect(),
                    Turn::Ended => Vec::new(),
                };
                (number, of_turn)
            }
            Err(why) => (0, vec![why.clone()]),
        };
        let more = lines.len().saturating_sub(MOST_NAMED);
        let mut lines: Vec<String> = lines
            .iter()
            .take(MOST_NAMED)
            .map(|line| short(line))
            .collect();
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        let next = match turn {
            Turn::Appeared | Turn::Changed => {
                let all = suggest("drift", &["--env", name]);
                let looked = seen.looked.as_ref().ok();
                match looked.and_then(|looked| drift_next::next(name, looked)) {
                    Some(next) => format!("{all} shows all of it; {next}"),
                    None => format!("{all} shows all of it"),
                }
            }
            Turn::Unknown if seen.looked.is_ok() => format!(
                "{} says what cannot be compared, and why",
                suggest("drift", &["--env", name])
            ),
            Turn::Unknown => format!(
                "{} says what is missing",
                suggest("doctor", &["--env", name])
            ),
            Turn::Ended => "There is nothing to do".to_owned(),
        };
        Self {
            environment: name.clone(),
            turn,
            outcome: seen.outcome(),
            drifted,
            lines,
            next: next.replace('`', ""),
            digest: digest.to_owned(),
        }
    }

    /// `prod: drift appeared (3 resources differ)`.
    fn headline(&self) -> String {
        let differ = match self.drifted {
            0 => String::new(),
            1 => " (1 resource differs)".to_owned(),
            number => format!(" ({} differ)", count(number, "resource")),
        };
        format!(
            "{}: {}{differ}",
            plain(&self.environment),
            self.turn.words()
        )
    }
}

impl Message<'_> {
    /// The complete news in one line.
    fn title(&self) -> String {
        match self.news {
            [one] => one.headline(),
            several => format!("Drift: {} have news", count(several.len(), "environment")),
        }
    }
}

/// A resource and the names of its fields. The values stay in the report.
fn of_resource(drifted: &Drifted) -> String {
    let mut fields: Vec<&str> = drifted
        .differences
        .iter()
        .filter(|difference| difference.class != Class::NotApplied)
        .map(|difference| difference.path.as_str())
        .filter(|path| !path.is_empty())
        .collect();
    fields.dedup();
    let what = match drifted.state {
        deskstate_reconcile::drift::DriftState::Changed => fields.join(", "),
        deskstate_reconcile::drift::DriftState::Missing => "is missing".to_owned(),
        deskstate_reconcile::drift::DriftState::Unwanted => {
            "exists, although it is declared absent".to_owned()
        }
    };
    let mut people: Vec<&str> = drifted
        .differences
        .iter()
        .filter(|difference| difference.class != Class::NotApplied)
        .filter_map(|difference| difference.who.as_deref())
        .collect();
    people.dedup();
    let by = match people.as_slice() {
        [] => String::new(),
        people => format!(" ({})", people.join(", ")),
    };
    format!("{}: {what}{by}", drifted.key)
}

/// Makes a line inert and limits its length.
fn short(line: &str) -> String {
    let line = plain(line);
    if line.chars().count() <= LONGEST_LINE {
        return line;
    }
    let kept: String = line.chars().take(LONGEST_LINE - 1).collect();
    format!("{kept}…")
}

/// The page of the build, from the build's variables.
pub(crate) fn run_of_build(variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let url = if let Some(run) = variable("GITHUB_RUN_ID") {
        let (server, repository) = (
            variable("GITHUB_SERVER_URL")?,
            variable("GITHUB_REPOSITORY")?,
        );
        format!("{server}/{repository}/actions/runs/{run}")
    } else {
        let (build, project) = (variable("BUILD_BUILDID")?, variable("SYSTEM_TEAMPROJECT")?);
        let collection = variable("SYSTEM_COLLECTIONURI")?;
        format!(
            "{}/{project}/_build/results?buildId={build}",
            collection.trim_end_matches('/')
        )
    };
    let url = reqwest::Url::parse(&url).ok()?;
    (url.scheme() == "https" || url.scheme() == "http").then(|| url.to_string())
}
