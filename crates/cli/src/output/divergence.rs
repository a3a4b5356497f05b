//! In what a plan differs from the reviewed one, as text.

use std::fmt::{self, Display};

use deskstate_reconcile::blame::Blame;
use deskstate_reconcile::plan_file::{Divergence, FileChange, FileField, LastWrite};

use super::{plain, shown};
use crate::ui::{BAD, GOOD, STRONG, WARN};

/// One difference between two plans.
pub(crate) struct Divergent<'a> {
    /// The difference.
    pub(crate) divergence: &'a Divergence,
    /// Who wrote.
    pub(crate) blame: &'a Blame,
}

impl Display for Divergent<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |change: &FileChange| plain(&format!("{} {}", change.kind, change.name));
        match self.divergence {
            Divergence::Organization { reviewed, now } => {
                let id = |id: &Option<uuid::Uuid>| {
                    id.map_or_else(|| "unknown".to_owned(), |id| id.to_string())
                };
                writeln!(
                    out,
                    "{BAD}organisation{BAD:#}: reviewed {}, now {}",
                    id(reviewed),
                    id(now)
                )
            }
            Divergence::Gone { change, last_write } => {
                writeln!(
                    out,
                    "{BAD}-{BAD:#} {STRONG}{}{STRONG:#}: reviewed, not needed any more{}",
                    name(change),
                    self.written(last_write.as_ref())
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
                reviewed,
                now,
                paths,
                last_write,
            } => {
                writeln!(
                    out,
                    "{WARN}~{WARN:#} {STRONG}{}{STRONG:#}: another change than was reviewed{}",
                    name(now),
                    self.written(last_write.as_ref())
                )?;
                if reviewed.action != now.action {
                    writeln!(
                        out,
                        "    reviewed: {}, now: {}",
                        plain(&reviewed.action),
                        plain(&now.action)
                    )?;
                }
                for path in paths {
                    let of = |change: &FileChange| {
                        change
                            .fields
                            .iter()
                            .filter(|field| &field.path == path)
                            .cloned()
                            .collect::<Vec<_>>()
                    };
                    of(reviewed)
                        .iter()
                        .try_for_each(|field| line(out, "reviewed", field))?;
                    of(now)
                        .iter()
                        .try_for_each(|field| line(out, "now", field))?;
                }
                if paths.is_empty() && reviewed.action == now.action {
                    writeln!(out, "    the same fields, but something else is written")?;
                }
                Ok(())
            }
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
