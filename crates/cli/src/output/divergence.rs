//! Differences between a plan and the reviewed plans, as text: changes that nobody reviewed, and reviewed changes that are not needed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use deskstate_reconcile::blame::Blame;
use deskstate_reconcile::plan_file::{Divergence, FileChange, FileField, LastWrite};

use serde_json::Value as Json;

use super::count;
use super::drift_report::members_words;
use super::plan_text::named;
use super::sides::{alike, sides};
use super::{plain, shown};
use crate::door::Page;
use crate::door::{BAD, GOOD, STRONG, WARN};
use crate::paths::shown_path;

/// A change that nobody reviewed.
pub(crate) struct Divergent<'a> {
    /// The difference from the reviewed plans.
    pub(crate) divergence: &'a Divergence,
    /// The files of the reviewed plans.
    pub(crate) plans: &'a [PathBuf],
    /// The writers.
    pub(crate) blame: &'a Blame,
}

impl Divergent<'_> {
    /// Renders it as lines.
    pub(crate) fn page(&self) -> Page {
        let mut page = Page::new();
        let out = &mut page;
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
                out.line(format_args!(
                    "{BAD}organization{BAD:#}: {file}reviewed for {}, this environment is {}",
                    id(reviewed),
                    id(now)
                ));
            }
            Divergence::New { change, last_write } => {
                out.line(format_args!(
                    "{GOOD}+{GOOD:#} {STRONG}{}{STRONG:#}: not reviewed: {}{}",
                    name(change),
                    plain(&change.action),
                    self.written(last_write.as_ref())
                ));
                let told = told_apart(&change.fields);
                for field in &change.fields {
                    line(out, "now", field, &told);
                }
            }
            Divergence::Different {
                reviewed_actions,
                now,
                reviewed,
                last_write,
            } => {
                out.line(format_args!(
                    "{WARN}~{WARN:#} {STRONG}{}{STRONG:#}: differs from the reviewed change{}",
                    name(now),
                    self.written(last_write.as_ref())
                ));
                if !reviewed_actions.is_empty() {
                    let actions = plain(&reviewed_actions.join(", "));
                    let now = plain(&now.action);
                    out.line(format_args!("    reviewed: {actions}, now: {now}"));
                }
                let mut paths: Vec<&str> =
                    now.fields.iter().map(|field| field.path.as_str()).collect();
                paths.dedup();
                let told = told_apart(reviewed.iter().chain(&now.fields));
                for path in &paths {
                    for (when, fields) in [("reviewed", reviewed), ("now", &now.fields)] {
                        for field in fields.iter().filter(|field| field.path == *path) {
                            line(out, when, field, &told);
                        }
                    }
                }
                if paths.is_empty() && reviewed_actions.is_empty() {
                    let what = "the fields are the same, but the rows that are linked, referred to or deleted are not";
                    out.line(format_args!("    {what}"));
                }
            }
        }
        page
    }
}

/// Reviewed changes that are not part of the plan.
pub(crate) struct NotNeeded<'a>(pub(crate) &'a [FileChange]);

/// Further changes are only counted.
const LISTED: usize = 10;

impl NotNeeded<'_> {
    /// Renders them as lines; empty if there are none.
    pub(crate) fn page(&self) -> Page {
        let mut out = Page::new();
        if self.0.is_empty() {
            return out;
        }
        out.line(
            "reviewed, but not needed: the environment already has it, or the manifests no longer declare it",
        );
        for change in self.0.iter().take(LISTED) {
            let name = format!("{} {}", change.kind, change.name);
            out.line(format_args!(
                "  = {}: {}",
                plain(&name),
                plain(&change.action)
            ));
            let told = told_apart(&change.fields);
            for field in change.fields.iter().take(LISTED) {
                line(&mut out, "reviewed", field, &told);
            }
            if let Some(more) = change.fields.len().checked_sub(LISTED + 1) {
                out.line(format_args!(
                    "    and {} more",
                    count(more + 1, "difference")
                ));
            }
        }
        if let Some(more) = self.0.len().checked_sub(LISTED + 1) {
            out.line(format_args!("  and {} more", count(more + 1, "change")));
        }
        out
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

/// The texts among these fields that look like another one, in distinguishable form.
fn told_apart<'f>(fields: impl IntoIterator<Item = &'f FileField>) -> BTreeMap<&'f str, String> {
    let texts = fields.into_iter().flat_map(|field| {
        let text = |value: &'f Option<Json>| value.as_ref().and_then(Json::as_str);
        let members = [field.added.as_deref(), field.removed.as_deref()];
        members
            .into_iter()
            .chain([text(&field.before), text(&field.after)])
    });
    alike(texts.flatten())
}

fn line(out: &mut Page, when: &str, field: &FileField, told: &BTreeMap<&str, String>) {
    let path = &field.path;
    let what = match (&field.added, &field.removed, &field.before, &field.after) {
        (Some(member), ..) => format!("+ {}", named(member, told)),
        (_, Some(member), ..) => format!("− {}", named(member, told)),
        (_, _, Some(before), Some(after)) if before.is_string() && after.is_string() => {
            let text = |value: &Json| named(&shown(value), told);
            format!("{} → {}", text(before), text(after))
        }
        (_, _, Some(before), Some(after)) => {
            members_words(before, after, told).unwrap_or_else(|| {
                let (before, after) = sides(before, after);
                format!("{before} → {after}")
            })
        }
        (_, _, before, after) => {
            let value = |value: &Option<Json>| value.as_ref().map_or_else(|| "?".to_owned(), shown);
            format!("{} → {}", value(before), value(after))
        }
    };
    out.line(format_args!("    {when:<9} {path}: {what}"));
}
