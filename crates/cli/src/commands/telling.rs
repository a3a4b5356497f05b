//! Notifies the channels that `drift --notify` names.
//!
//! The last notification of each channel is kept in the project, so a run with the same result sends nothing. It is recorded only after a
//! message was accepted, so a lost message is sent again by the next run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use deskstate_files::{Limit, read_text};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::door::GOOD;
use crate::error::Error;
use crate::kept;
use crate::notify::{
    About, Channel, Message, News, NotifyError, Sender, Turn, bodies, run_of_build,
};
use crate::output::drift_report::{Outcome, Seen};
use crate::output::{drift_json, plain};
use crate::setting;
use crate::today;
use crate::ui::Ui;

/// The name under which a run of all environments fails that cannot read the project.
pub(crate) const ALL: &str = "(all)";

/// Notifies each channel of changes since its last notification. Failed notifications are shown; the next run sends them again.
pub(crate) async fn tell(
    channels: &[Channel],
    root: &Path,
    project: &str,
    seen: &[Seen],
    ui: &mut Ui,
) {
    let run = run_of_build(&setting::of);
    let about = About {
        run: run.as_deref(),
        project,
        time: &today::moment(),
    };
    for &channel in channels {
        let address = setting::of(channel.variable());
        if let Err(error) = tell_one(channel, address.as_deref(), root, seen, &about, ui).await {
            ui.failure(&error);
        }
    }
}

/// Checks that each channel has a usable address, so that a run does not end without its notifications.
pub(crate) fn check(channels: &[Channel], ui: &mut Ui) -> Result<(), Error> {
    if !channels.is_empty() {
        crate::proxy::check()?;
    }
    let unusable = |channel: &Channel| {
        let sender = match setting::of(channel.variable()) {
            None => Err(NotifyError::Missing(channel.variable())),
            Some(address) => Sender::new(*channel, &address, Duration::from_secs(2)),
        };
        sender.err().map(Error::from)
    };
    let mut failures: Vec<Error> = channels.iter().filter_map(unusable).collect();
    let last = failures.pop();
    for failure in &failures {
        ui.failure(failure);
    }
    last.map_or(Ok(()), Err)
}

async fn tell_one(
    channel: Channel,
    address: Option<&str>,
    root: &Path,
    seen: &[Seen],
    about: &About<'_>,
    ui: &mut Ui,
) -> Result<(), Error> {
    let address = address.ok_or(NotifyError::Missing(channel.variable()))?;
    let sender = Sender::new(channel, address, Duration::from_secs(2))?;
    let mut news = Vec::new();
    let mut after = Vec::new();
    for one in seen {
        let before = read(root, channel, &one.environment)?;
        let now = Told::of(one);
        if let Some(turn) = turn(before.as_ref(), &now, one.outcome()) {
            news.push(News::of(one, turn, &now.digest));
        }
        after.push((&one.environment, now));
    }
    if !news.is_empty() {
        for body in bodies(channel, &Message { news: &news, about }) {
            sender.send(&body).await?;
        }
        ui.verb(
            GOOD,
            "Notified",
            format_args!(
                "{}: {}",
                channel.name(),
                news.iter()
                    .map(|news| format!("{} in {}", news.turn.words(), plain(&news.environment)))
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        );
    }
    for (environment, now) in after {
        write(root, channel, environment, &now)?;
    }
    // The project could be read, so the next time that it cannot is news.
    if seen.iter().all(|one| one.environment != ALL) {
        drop(std::fs::remove_file(file(root, channel, ALL)?));
    }
    Ok(())
}

/// Decides which event to report, if any.
fn turn(before: Option<&Told>, now: &Told, outcome: Outcome) -> Option<Turn> {
    let was = before.map(|before| before.state);
    match outcome {
        Outcome::Drift if was != Some(State::Drift) => Some(Turn::Appeared),
        Outcome::Drift => {
            (before.map(|before| &before.digest) != Some(&now.digest)).then_some(Turn::Changed)
        }
        Outcome::InSync => was.filter(|was| *was != State::InSync).map(|_| Turn::Ended),
        // What could be compared may differ in another way than before.
        Outcome::Incomplete => {
            let is_new = before.is_none_or(|before| *before != *now);
            is_new.then_some(Turn::Unknown)
        }
        Outcome::Failed => (was != Some(State::Unknown)).then_some(Turn::Unknown),
    }
}

/// The state of an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum State {
    InSync,
    Drift,
    Unknown,
}

/// The last notification of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    format_version: u32,
    state: State,
    /// Digest of the differences.
    digest: String,
}

impl Told {
    fn of(seen: &Seen) -> Self {
        let state = match seen.outcome() {
            Outcome::InSync => State::InSync,
            Outcome::Drift => State::Drift,
            Outcome::Incomplete | Outcome::Failed => State::Unknown,
        };
        let facts = drift_json::facts(seen).to_string();
        let digest = Sha256::digest(facts.as_bytes());
        Self {
            format_version: 1,
            state,
            digest: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

fn file(root: &Path, channel: Channel, environment: &str) -> Result<PathBuf, Error> {
    let name = format!("{}.{environment}.json", channel.word());
    kept::path(root, &Path::new(kept::FOLDER).join("told").join(name))
}

/// Reads the last notification; `None` if there is none, or if it is unreadable. Drift is then reported again, which is better than never.
fn read(root: &Path, channel: Channel, environment: &str) -> Result<Option<Told>, Error> {
    let path = file(root, channel, environment)?;
    let text = read_text(&path, Limit::MANIFEST).ok();
    let told = text.and_then(|text| serde_json::from_str::<Told>(&text).ok());
    Ok(told.filter(|told| told.format_version == 1))
}

fn write(root: &Path, channel: Channel, environment: &str, told: &Told) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(told).map_err(std::io::Error::from)?;
    kept::write_file(&file(root, channel, environment)?, &(text + "\n"))
}
