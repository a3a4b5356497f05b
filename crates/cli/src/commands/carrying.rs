//! Executes a plan for `apply` and `undo`: writes the undo file and the journal, sends the transactions, and reports how the run ended.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deskstate_dataverse::{Session, Stop};
use deskstate_model::{Diagnostic, Environment};
use deskstate_reconcile::apply::{Applied, ApplyError, Settings, Work, carry_out, written_along};
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Difference, Plan, Planned};
use deskstate_reconcile::secret::{masked_at, masked_pair};
use deskstate_reconcile::{Desired, Scope, observe_owners, plan_file, undo};

use super::live::{Cutting, solution};
use super::progress::{Account, Progress};
use crate::answers::Answers;
use crate::door::{BAD, GOOD};
use crate::ending::{Cause, Ended};
use crate::error::Error;
use crate::exit_code::ExitCode;
use crate::journal::{self, Journal, Unfinished};
use crate::kept;
use crate::output::count;
use crate::output::sides::sides;
use crate::output::{plain, shown};
use crate::paths::from_here;
use crate::project::Loaded;
use crate::suggest::line;
use crate::ui::Ui;
use deskstate_model::Explanation;

pub(crate) const SERVER_REFUSED: Explanation = Explanation::new(
    "server-refused",
    "Dataverse rejected a write; the transaction was rolled back.",
    "A transaction succeeds or fails as a whole. The finding has the message of Dataverse, its status and code, and the id of the request.",
    "Fix the cause in the message, and run apply again. Microsoft's support can find the request by its id.",
);

/// A plan to execute, with its context.
pub(super) struct Carrying<'a> {
    /// `apply` or `undo`.
    pub(super) command: &'static str,
    pub(super) loaded: &'a Loaded,
    pub(super) environment: &'a Environment,
    pub(super) answers: Answers,
    pub(super) cutting: Cutting,
    /// The plan, limited to the changes that the environment accepts.
    pub(super) plan: &'a Plan,
    pub(super) desired: &'a Desired,
    pub(super) scope: &'a Scope,
    /// Replans from a newer snapshot of the live environment.
    pub(super) replan: &'a dyn Fn(&Live) -> Planned,
}

/// The result of an execution that has not been reported yet.
#[must_use = "a result that is not reported is reported by the next run"]
pub(super) struct Carried {
    applied: Result<Applied, ApplyError>,
    account: Account,
    undo: PathBuf,
    journal: Journal,
    /// Whether the undo file could not be limited to what was written.
    undo_needs_journal: bool,
    journal_failed: Option<io::Error>,
}

impl Carrying<'_> {
    /// Writes the undo file, begins the journal, and executes the plan.
    ///
    /// # Errors
    /// If nothing was sent, since one of the two could not be written.
    pub(super) async fn run(
        &self,
        live: &mut Live,
        session: &Session,
        stop: &Stop,
        ui: &mut Ui,
    ) -> Result<Carried, Error> {
        let Self {
            loaded,
            environment,
            plan,
            ..
        } = self;
        observe_owners(session.reader(), plan, live).await?;
        let transactions = self.cutting.count(plan, loaded, &self.answers);
        let undo = write_undo_file(&loaded.root, plan, live, &environment.name)
            .map_err(Error::nothing_changed)?;
        let mut journal = Journal::begin(&undo, &environment.name, self.command, transactions)
            .map_err(Error::nothing_changed)?;
        let settings = Settings {
            max_changeset: self.cutting.most(loaded),
            server_adds_parts: self.answers.tab_makes_parameters,
            server_rewrites_parts: self.answers.rewrites_parameters(),
            heeds_versions: self.answers.if_match_in_changesets,
            server_touches_parts: self.answers.touches_parameters(),
            links_move_versions: self.answers.links_raise_version,
            emptied_lookups_move_versions: self.answers.emptied_lookup_raises_version,
            solution: solution(loaded, environment),
            patience: Duration::from_secs(180),
        };
        let work = Work {
            plan,
            desired: self.desired,
            settings: &settings,
            scope: self.scope,
            live,
            replan: self.replan,
        };
        let mut progress = Progress::new(plan, transactions, ui);
        let mut journal_failed = None;
        // Nothing may be sent that the journal has not recorded; otherwise the journal would be wrong after a kill.
        let unwritten = AtomicBool::new(false);
        let applied = carry_out(
            &work,
            session,
            &|| stop.is_stopped() || unwritten.load(Ordering::Relaxed),
            &mut |event| {
                if let Err(error) = journal.note(&event) {
                    unwritten.store(true, Ordering::Relaxed);
                    journal_failed.get_or_insert(error);
                }
                progress.show(&event);
            },
        )
        .await;
        let account = progress.end();
        let mut undo_needs_journal = false;
        if let Err(error) = &applied {
            show_refused(error, plan, loaded, ui);
            let is_last_unknown = matches!(error, ApplyError::Unknown { .. });
            undo_needs_journal = !journal::keep_only(&journal.made(is_last_unknown), &undo);
        }
        Ok(Carried {
            applied,
            account,
            undo,
            journal,
            undo_needs_journal,
            journal_failed,
        })
    }

    /// Reports how the run ended.
    pub(super) fn tell(&self, carried: Carried, ui: &mut Ui) -> Result<ExitCode, Error> {
        let Carried {
            applied,
            account,
            undo,
            journal,
            undo_needs_journal,
            journal_failed,
        } = carried;
        let Self {
            environment: Environment { name, .. },
            plan,
            command,
            ..
        } = self;
        let undo = line("undo", &["--env", name, &from_here(&undo)]);
        let differing: Vec<_> = match &applied {
            Ok(applied) => (applied.mismatches.iter())
                .map(|(key, field)| (key, field.path.as_str()))
                .collect(),
            Err(ApplyError::Moved { key, path, .. }) => vec![(key, path.as_str())],
            Err(_) => Vec::new(),
        };
        // A row that is not there has another cause.
        let is_row = |(_, path): &(_, &str)| path.is_empty();
        let along = !self.answers.rewrites_parameters()
            && !differing.iter().any(is_row)
            && differing
                .into_iter()
                .any(|(key, path)| written_along(plan, key, path));
        let cause = match applied {
            Ok(applied) if applied.is_verified() => {
                let changes = count(plan.changes.len(), "resource");
                ui.verb(
                    GOOD,
                    "Verified",
                    format_args!("{changes} read back as written"),
                );
                let changes = count(plan.changes.len(), "change");
                let transactions = count(applied.transactions, "transaction");
                let (done, again) = match *command {
                    "undo" => ("reverted in", "redo"),
                    _ => ("applied to", "undo"),
                };
                let result =
                    format!("{changes} {done} {name} in {transactions}; {again} with `{undo}`");
                let printed = ui
                    .line(&result)
                    .and_then(|()| ui.line("agents get this when they next sign in or reload"))
                    .and_then(|()| ui.flush());
                if printed.is_err() {
                    // A closed pipe is silent otherwise, and this must not look like a failed write.
                    ui.say(&result);
                }
                printed?;
                journal.end();
                return Ok(ExitCode::Done);
            }
            Ok(applied) => {
                self.show_mismatches(&applied, ui);
                Cause::Mismatched {
                    transactions: applied.transactions,
                    differs: !(applied.mismatches.is_empty() && applied.left.is_empty()),
                }
            }
            Err(error @ ApplyError::Stopped { .. }) => match journal_failed {
                Some(source) => Cause::NoJournal {
                    transactions: error.transactions(),
                    source,
                },
                None => Cause::Apply(error),
            },
            Err(error) => Cause::Apply(error),
        };
        let ended = Ended {
            command,
            environment: name.clone(),
            of: account.of,
            writes: account.writes,
            begun: account.begun,
            changes: account.changes,
            undo,
            along,
            cause,
        };
        // `main` prints the account afterwards, on stderr.
        if !undo_needs_journal {
            journal.end();
        }
        Err(Error::Ended(Box::new(ended)))
    }

    /// Shows the values that differ from those that were written, or from those before the write.
    fn show_mismatches(&self, applied: &Applied, ui: &mut Ui) {
        for (key, field) in &applied.mismatches {
            let (stored, wanted) = match &field.difference {
                Difference::Value { before, after } => {
                    match masked_pair(&field.path, before, after) {
                        Some((before, after)) => sides(&before, &after),
                        None => sides(before, after),
                    }
                }
                Difference::Copy { after, .. } => {
                    let after = shown(&masked_at(&field.path, after));
                    ("something else".to_owned(), after)
                }
                Difference::Added { member, .. } => ("not linked".to_owned(), plain(member)),
                Difference::Removed { member, .. } => ("still linked".to_owned(), plain(member)),
            };
            let mut changes = self.plan.changes.iter().filter(|change| change.key == *key);
            let written = changes.any(|change| {
                let mut fields = change.fields.iter();
                fields.any(|planned| planned.path == field.path)
            });
            let how = if written || !written_along(self.plan, key, &field.path) {
                format!("wrote {wanted}, the server stored {stored}")
            } else {
                format!("was {wanted}, and is {stored} since its row was written")
            };
            ui.say(format_args!(
                "{BAD}error{BAD:#}: {key} {}: {how}",
                field.path
            ));
        }
        for (key, why) in &applied.left {
            ui.say(format_args!(
                "{BAD}error{BAD:#}: part of {key} was left as it is: {}",
                plain(why)
            ));
        }
        for (key, why) in &applied.unseen {
            ui.say(format_args!(
                "{BAD}error{BAD:#}: {key} could not be read back: {}",
                plain(why)
            ));
        }
    }
}

/// Reports which runs on an environment ended without a record, or are still running.
pub(super) fn tell_unfinished(
    loaded: &Loaded,
    environment: &str,
    ui: &mut Ui,
) -> Result<Vec<Unfinished>, Error> {
    let found = journal::unfinished(&loaded.root, environment)?;
    for run in &found {
        ui.say_page(&journal::told(run));
    }
    Ok(found)
}

/// Shows which resource the server refused, and where it is declared. A missing privilege is no error of a manifest.
fn show_refused(error: &ApplyError, plan: &Plan, loaded: &Loaded, ui: &mut Ui) {
    let ApplyError::Refused { suspects, .. } = error else {
        return;
    };
    if error.is_forbidden() {
        return;
    }
    let mut suspected = plan.changes.iter().filter(|change| {
        let mut operations = change.operations.iter();
        operations.any(|operation| suspects.contains(operation))
    });
    if let (Some(change), None) = (suspected.next(), suspected.next()) {
        let message = format!("the server refused {}", change.key);
        let mut finding = Diagnostic::error(SERVER_REFUSED.code, message);
        if let Some(span) = change.declared_at {
            finding = finding.at(span, "declared here");
        }
        ui.findings(&[finding], &loaded.manifests.sources);
    }
}

/// Writes one file per run: a plan that was started twice has two previous states, and neither file may replace the other.
fn write_undo_file(
    root: &Path,
    plan: &Plan,
    live: &Live,
    environment: &str,
) -> Result<PathBuf, Error> {
    let digest = plan_file::digest(plan, live).to_string();
    let short: String = digest.chars().skip("sha256:".len()).take(12).collect();
    let folder = kept::path(root, &Path::new(kept::FOLDER).join("undo"))?;
    let record = undo::write(&undo::record(plan, live, environment));
    kept::write_new_private(&folder, &format!("{environment}-{short}"), "json", &record)
}
