//! Every environment of a project, several side by side.

use std::collections::BTreeSet;
use std::sync::Arc;

use deskstate_dataverse::{Budget, Spent, Stop};
use deskstate_files::Limit;
use deskstate_model::SourceMap;
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use super::Args;
use super::look::{How, applied, look, only};
use crate::error::Error;
use crate::global::Global;
use crate::output::drift_json;
use crate::output::drift_report::{Looked, Seen};
use crate::project::{self, Loaded, load_environment};
use crate::suggest::suggest;
use crate::ui::Ui;

/// Checks every environment, several at a time. Failures become part of the result.
pub(super) async fn all(
    args: &Args,
    global: &Global,
    today: &str,
    stop: &Stop,
    ui: &mut Ui,
) -> Result<Vec<Seen>, Error> {
    if !args.choosing.is_everything() {
        let base = project::load_for_reading(global, None, ui)?;
        args.choosing.keys(&base.manifests, ui)?;
    }
    let fleet = project::fleet(global)?;
    if !fleet.unwatched.is_empty() {
        ui.note(format_args!(
            "not watched: {} (`watched: true` in the project file changes that)",
            fleet.unwatched.join(", ")
        ));
    }
    let watched = fleet.watched.clone();
    let names = fleet.watched;
    if names.is_empty() {
        return Err(Error::failed(
            "the project has no environment that is watched",
        ));
    }
    let names = match args.shard {
        Some(shard) => shard.of_names(names),
        None => names,
    };
    let side_by_side = SideBySide::new(args.concurrency, names.len(), fleet.bytes);
    let whole = Budget::of_process().part(2);
    let budget = whole.part(side_by_side.number.into());
    let turns = Arc::new(Semaphore::new(usize::from(side_by_side.number)));
    let mut running: JoinSet<(String, Result<Looked, Error>)> = JoinSet::new();
    let mut kept = Kept::default();
    for name in names {
        if stop.is_stopped() {
            break;
        }
        // Manifests are loaded only when it is their turn, so that no more of them are in memory than environments are being checked.
        let Ok(mut turn) = Arc::clone(&turns).acquire_owned().await else {
            break;
        };
        // A result takes less memory than a finished task.
        while let Some(done) = running.try_join_next() {
            kept.done(done)?;
        }
        let (applied, loaded) = match ready(args, global, &name, ui) {
            Ok(ready) => ready,
            Err(error) => {
                kept.fail(name, chain(&error));
                continue;
            }
        };
        let only = only(&args.choosing, &loaded, applied.as_ref());
        if only.as_ref().is_some_and(BTreeSet::is_empty) {
            ui.note(format_args!(
                "{name}: nothing of the selection is declared for it, so it was not compared"
            ));
            continue;
        }
        let then = applied.as_ref().map_or(0, |(_, then)| size(then));
        if !side_by_side.fits(size(&loaded).saturating_add(then))
            && let Ok(others) = Arc::clone(&turns)
                .acquire_many_owned(u32::from(side_by_side.number) - 1)
                .await
        {
            turn.merge(others);
        }
        let (access, today, stop) = (
            args.access.of_environment(&name),
            today.to_owned(),
            stop.clone(),
        );
        running.spawn(async move {
            let how = How {
                access: &access,
                today: &today,
                stop: &stop,
                draws: false,
                budget,
            };
            let looked = look(&loaded, applied.as_ref(), only.as_ref(), &how).await;
            drop((loaded, applied));
            drop(turn);
            (name, looked)
        });
    }
    ui.start_bar("Reading", running.len(), "environments");
    while let Some(done) = running.join_next().await {
        ui.advance_bar(1);
        kept.done(done)?;
    }
    // These environments exceeded their share of the memory. Checked one by one, each can use all of it.
    for name in std::mem::take(&mut kept.larger) {
        let how = How {
            access: &args.access.of_environment(&name),
            today,
            stop,
            draws: false,
            budget: whole,
        };
        match ready(args, global, &name, ui) {
            Ok((applied, loaded)) => {
                let only = only(&args.choosing, &loaded, applied.as_ref());
                let looked = look(&loaded, applied.as_ref(), only.as_ref(), &how).await;
                kept.keep(name, looked);
            }
            Err(error) => kept.fail(name, chain(&error)),
        }
    }
    ui.end_bar();
    if stop.is_stopped() {
        return Err(Error::failed(
            "stopped, so not every environment was compared",
        ));
    }
    let mut seen = kept.seen;
    // Another shard may have the environment that declares it.
    let is_somewhere = |name: &String| {
        let ready = ready(args, global, name, ui);
        ready.is_ok_and(|(applied, loaded)| {
            let only = only(&args.choosing, &loaded, applied.as_ref());
            only.is_some_and(|only| !only.is_empty())
        })
    };
    if seen.is_empty() && !args.choosing.is_everything() && !watched.iter().any(is_somewhere) {
        return Err(Error::failed(
            "nothing of the selection is declared for an environment that is watched",
        ));
    }
    seen.sort_by(|left, right| left.environment.cmp(&right.environment));
    Ok(seen)
}

/// The number of environments to check at a time, so that all of them fit into the memory limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SideBySide {
    number: u16,
}

impl SideBySide {
    /// Uses the requested number, unless the project is so large that several copies of its manifests would not fit.
    fn new(wanted: u16, environments: usize, bytes: u64) -> Self {
        let most = u16::try_from(environments).unwrap_or(u16::MAX).max(1);
        let wanted = Self {
            number: wanted.min(most),
        };
        if wanted.fits(bytes) {
            wanted
        } else {
            Self { number: 1 }
        }
    }

    /// Whether this many copies of the manifests fit.
    fn fits(self, bytes: u64) -> bool {
        bytes.saturating_mul(self.number.into()) <= Limit::COPIES.bytes()
    }
}

/// The results of the environments so far.
#[derive(Default)]
pub(super) struct Kept {
    seen: Vec<Seen>,
    /// Environments that need more memory than their share.
    larger: Vec<String>,
    /// The manifests. They are the same for all environments unless a file changed meanwhile.
    sources: Option<SourceMap>,
    bytes: u64,
}

impl Kept {
    fn done(
        &mut self,
        done: Result<(String, Result<Looked, Error>), JoinError>,
    ) -> Result<(), Error> {
        let (name, looked) = done
            .map_err(|error| Error::failed(format!("reading an environment stopped: {error}")))?;
        let spent = looked.as_ref().err().and_then(Error::spent);
        if spent.is_some_and(Spent::is_about_memory) {
            self.larger.push(name);
        } else {
            self.keep(name, looked);
        }
        Ok(())
    }

    fn fail(&mut self, environment: String, why: String) {
        self.seen.push(Seen {
            environment,
            looked: Err(why),
        });
    }

    fn keep(&mut self, environment: String, looked: Result<Looked, Error>) {
        let mut looked = match looked {
            Ok(looked) => looked,
            Err(error) => return self.fail(environment, chain(&error)),
        };
        let sources = self.sources.get_or_insert_with(|| looked.sources.clone());
        if looked.sources == *sources {
            looked.sources = sources.clone();
        } else {
            self.bytes = self.bytes.saturating_add(looked.sources.bytes());
        }
        let seen = Seen {
            environment,
            looked: Ok(looked),
        };
        // The report needs about as much memory as its text.
        let length = drift_json::render(std::slice::from_ref(&seen), None).len();
        let bytes = self.bytes.saturating_add(length as u64);
        if bytes > Limit::REPORTS.bytes() {
            let one = suggest("drift", &["--env", &seen.environment]);
            let why = format!(
                "its report was dropped, because all reports together would exceed {}; {one} shows it alone",
                Limit::REPORTS
            );
            self.fail(seen.environment, why);
        } else {
            self.bytes = bytes;
            self.seen.push(seen);
        }
    }
}

/// Loads the manifests of one environment, and the last applied ones.
pub(super) fn ready(
    args: &Args,
    global: &Global,
    name: &str,
    ui: &mut Ui,
) -> Result<(Option<(String, Loaded)>, Loaded), Error> {
    let loaded = load_environment(global, name, ui)?;
    Ok((applied(args, &loaded, name)?, loaded))
}

pub(super) fn size(loaded: &Loaded) -> u64 {
    loaded.manifests.sources.bytes()
}

/// Formats an error with its causes on one line.
pub(super) fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        let more = source.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_projects_are_looked_at_one_environment_at_a_time() {
        let number = |environments, bytes| SideBySide::new(4, environments, bytes).number;
        assert_eq!(number(40, 100_000), 4);
        assert_eq!(number(2, 100_000), 2);
        assert_eq!(number(40, 10 << 20), 1);
        assert_eq!(number(0, 0), 1);
    }
}
