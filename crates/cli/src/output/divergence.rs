//! What a plan does that nobody reviewed, and what was reviewed and is not needed, as text.

use std::fmt::{self, Display};
use std::path::PathBuf;

use deskstate_reconcile::blame::Blame;
use deskstate_reconcile::plan_file::{Divergence, FileChange, FileField, LastWrite};

use super::plan_text::count;
use super::{plain, shown};
use crate::paths::shown_path;
use crate::ui::{BAD, GOOD, STRONG, WARN};

/// Something that nobody reviewed.
pub(crate) struct Divergent<'a> {
    /// What it is.
    pub(crate) divergence: &'a Divergence,
    /// Files of the reviewed plans.
    pub(crate) plans: &'a [PathBuf],
    /// Who wrote.
    pub(crate) blame: &'a Blame,
}

impl Display for Divergent<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |change: &FileChange| plain(&format!("{} {}", change.kind, change.name));
        match self.divergence {
            Divergence::Organization {
                plan,
                reviewed,
                now,
            } => {
                let file = self
                    .plans
                    .get(*plan)
                    .map_or_else(String::new, |path| format!("{}: ", shown_path(path)));
                let id = |id: &Option<uuid::Uuid>| {
                    id.map_or_else(|| "unknown".to_owned(), |id| id.to_string())
                };
                writeln!(
                    out,
                    "{BAD}organisation{BAD:#}: {file}reviewed for {}, this environment is {}",
                    id(reviewed),
                    id(now)
                )
            }
            Divergence::New { change, last_write } => {
                writeln!(
                    out,
                    "{GOOD}+{GOOD:#} {STRONG}{}{STRONG:#}: not reviewed: {}{}",
                    name(change),
                    plain(&change.action),
                    self.written(last_write.as_ref())
                )?;
                change
                    .fields
                    .iter()
                    .try_for_each(|field| line(out, "now", field))
            }
            Divergence::Different {
                reviewed_actions,
                now,
                reviewed,
                last_write,
            } => {
                writeln!(
                    out,
                    "{WARN}~{WARN:#} {STRONG}{}{STRONG:#}: another change than was reviewed{}",
                    name(now),
                    self.written(last_write.as_ref())
                )?;
                if !reviewed_actions.is_empty() {
                    let actions = plain(&reviewed_actions.join(", "));
                    let now = plain(&now.action);
                    writeln!(out, "    reviewed: {actions}, now: {now}")?;
                }
                let mut paths: Vec<&str> =
                    now.fields.iter().map(|field| field.path.as_str()).collect();
                paths.dedup();
                for path in &paths {
                    for (when, fields) in [("reviewed", reviewed), ("now", &now.fields)] {
                        fields
                            .iter()
                            .filter(|field| field.path == *path)
                            .try_for_each(|field| line(out, when, field))?;
                    }
                }
                if paths.is_empty() && reviewed_actions.is_empty() {
                    let what = "the fields are the same, but the rows that are linked, referred to or deleted are not";
                    writeln!(out, "    {what}")?;
                }
                Ok(())
            }
        }
    }
}

/// Changes that were reviewed and are not part of the plan.
pub(crate) struct NotNeeded<'a>(pub(crate) &'a [FileChange]);

/// More are counted.
const LISTED: usize = 10;

impl Display for NotNeeded<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "reviewed, and not needed: live has it already, or the manifests no longer ask for it"
        )?;
        for change in self.0.iter().take(LISTED) {
            let name = format!("{} {}", change.kind, change.name);
            writeln!(out, "  = {}: {}", plain(&name), plain(&change.action))?;
            for field in change.fields.iter().take(LISTED) {
                line(out, "reviewed", field)?;
            }
            if let Some(more) = change.fields.len().checked_sub(LISTED + 1) {
                writeln!(out, "    and {} more", count(more + 1, "difference"))?;
            }
        }
        match self.0.len().checked_sub(LISTED + 1) {
            Some(more) => writeln!(out, "  and {} more", count(more + 1, "change")),
            None => Ok(()),
        }
    }
}

impl Divergent<'_> {
    fn written(&self, last: Option<&LastWrite>) -> String {
        last.map_or_else(String::new, |last| {
            let who = last.by.map_or_else(String::new, |id| {
                format!(" by {}", plain(&self.blame.writer(id).name))
            });
            format!(" (last written {}{who})", plain(&last.when))
        })
    }
}

fn line(out: &mut fmt::Formatter<'_>, when: &str, field: &FileField) -> fmt::Result {
    let path = plain(&field.path);
    match (&field.added, &field.removed, &field.before, &field.after) {
        (Some(member), ..) => writeln!(out, "    {when:<9} {path}: + {}", plain(member)),
        (_, Some(member), ..) => writeln!(out, "    {when:<9} {path}: - {}", plain(member)),
        (_, _, before, after) => {
            let value = |value: &Option<serde_json::Value>| {
                value.as_ref().map_or_else(|| "?".to_owned(), shown)
            };
            writeln!(
                out,
                "    {when:<9} {path}: {} -> {}",
                value(before),
                value(after)
            )
        }
    }
}
