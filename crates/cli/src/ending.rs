//! How an apply or an undo ended, in words: what was applied, what was not, how to undo it, and what to do next.

use std::error::Error as StdError;
use std::fmt::{self, Display};
use std::io;

use deskstate_reconcile::apply::ApplyError;
use thiserror::Error;

use crate::output::count;
use crate::remedy;
use crate::suggest::suggest;

/// Why a run ended early.
#[derive(Debug, Error)]
pub(crate) enum Cause {
    /// The apply itself failed.
    #[error(transparent)]
    Apply(ApplyError),
    /// The plan was executed, but reading it back shows something else, or not everything could be read.
    #[error("{}", mismatched(*.differs))]
    Mismatched {
        transactions: usize,
        /// Whether the server stored something else.
        differs: bool,
    },
    /// The journal could not be written, so no further transaction was sent.
    #[error("the journal could not be written, so transaction {} was not sent", transactions + 1)]
    NoJournal {
        transactions: usize,
        #[source]
        source: io::Error,
    },
}

/// An apply or an undo that ended early.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `apply` or `undo`.
    pub(crate) command: &'static str,
    /// Name of the environment.
    pub(crate) environment: String,
    /// Total number of transactions, as far as known.
    pub(crate) of: usize,
    /// Number of executed writes.
    pub(crate) writes: usize,
    /// Number of changes that were at least partly executed.
    pub(crate) begun: usize,
    /// Total number of changes.
    pub(crate) changes: usize,
    /// The command that reverts it.
    pub(crate) undo: String,
    /// The differences may exist because this environment rewrites parameters when their tab is written, which deskstate was not told.
    pub(crate) along: bool,
    /// Why it ended.
    pub(crate) cause: Cause,
}

impl Display for Ended {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(out)
    }
}

impl StdError for Ended {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.source()
    }
}

impl Ended {
    fn transactions(&self) -> usize {
        match &self.cause {
            Cause::Apply(error) => error.transactions(),
            Cause::Mismatched { transactions, .. } | Cause::NoJournal { transactions, .. } => {
                *transactions
            }
        }
    }

    /// Whether somebody else changed the environment during the run.
    pub(crate) fn is_stale(&self) -> bool {
        matches!(&self.cause, Cause::Apply(error) if error.is_stale())
    }

    /// What was applied, what was not, and how to undo it, as labeled lines.
    pub(crate) fn account(&self) -> Vec<(&'static str, String)> {
        let done = self.transactions();
        let unknown = matches!(self.cause, Cause::Apply(ApplyError::Unknown { .. }));
        let mut lines = Vec::new();
        lines.push((
            "applied",
            if done == 0 {
                "nothing".to_owned()
            } else if done >= self.of {
                let stored = matches!(self.cause, Cause::Mismatched { differs: true, .. });
                format!(
                    "all of it{}, {} in {}",
                    if stored {
                        " by the server's answers, not as it was written"
                    } else {
                        ""
                    },
                    count(self.changes, "change"),
                    count(done, "transaction")
                )
            } else {
                let (of, writes) = (self.of, count(self.writes, "write"));
                format!(
                    "{done} of {of} transactions ({writes}); {} of {} were made, at least in part",
                    self.begun,
                    count(self.changes, "change"),
                )
            },
        ));
        if unknown {
            lines.push((
                "unknown",
                format!("transaction {} of {}", done + 1, self.of),
            ));
        }
        if done < self.of {
            let rest = self.changes - self.begun;
            let first = done + 1 + usize::from(unknown);
            if first <= self.of {
                let which = if first == self.of {
                    format!("transaction {first}")
                } else {
                    format!("transactions {first} to {}", self.of)
                };
                let of = if unknown { "at most" } else { "with" };
                lines.push((
                    "not applied",
                    format!("{which}, {of} {}", rest_in_words(rest)),
                ));
            }
        }
        if done > 0 || unknown {
            lines.push(("to undo", self.undo.clone()));
        }
        if unknown {
            lines.push((
                "caution",
                format!(
                    "the undo takes back transaction {}, too, even if another run or a person made its changes",
                    done + 1
                ),
            ));
        }
        lines
    }

    /// The next step.
    pub(crate) fn next(&self) -> String {
        let plan = suggest("plan", &["--env", &self.environment]);
        let again = match self.command {
            "undo" => "run the same command again: it undoes what is left",
            _ => "run the same command again: it applies what is left",
        };
        if self.along {
            let probe = suggest("doctor", &["--env", &self.environment, "--probe=write"]);
            let then = match self.command {
                "undo" => "apply the manifests as they were before",
                _ => "run the same command again",
            };
            return format!(
                "it seems that this environment writes the parameters of a tab again when the tab is written; {probe} finds out and \
                 configures deskstate for it; then {then}"
            );
        }
        match &self.cause {
            Cause::Apply(error) if error.is_forbidden() => {
                let doctor = suggest("doctor", &["--env", &self.environment]);
                format!(
                    "give the signed-in identity the security role \"deskstate apply\"; {doctor} lists what it lacks; then {again}"
                )
            }
            Cause::Mismatched { differs: true, .. } if self.command == "undo" => {
                format!("{plan} shows what differs from the manifests")
            }
            _ if self.command == "undo" => again.to_owned(),
            Cause::Mismatched { .. } | Cause::Apply(ApplyError::NotVerified { .. }) => {
                format!("{plan} shows any differences")
            }
            Cause::NoJournal { .. } => format!("free some disk space, then {again}"),
            Cause::Apply(ApplyError::NotSent { error, .. }) if error.is_stale() => {
                format!("look at {plan} first; then {again}")
            }
            Cause::Apply(ApplyError::NotSent { error, .. }) => match remedy::of(error) {
                Some(remedy) => format!("{remedy}; then {again}"),
                None => again.to_owned(),
            },
            Cause::Apply(error) => match error {
                ApplyError::NotRead { .. } | ApplyError::Stopped { .. } => again.to_owned(),
                ApplyError::Refused { .. }
                | ApplyError::Unknown { .. }
                | ApplyError::Changed { .. }
                | ApplyError::Moved { .. } => {
                    format!("look at {plan} first; then {again}")
                }
                ApplyError::NotSent { .. } | ApplyError::NotVerified { .. } => {
                    unreachable!("matched above")
                }
            },
        }
    }
}

fn mismatched(differs: bool) -> &'static str {
    if differs {
        "the server did not store everything as it was written"
    } else {
        "everything was written, but not all of it could be read back"
    }
}

fn rest_in_words(rest: usize) -> String {
    match rest {
        0 => "the rest of the partly applied changes".to_owned(),
        1 => "1 change not made at all".to_owned(),
        rest => format!("{rest} changes not made at all"),
    }
}

#[cfg(test)]
mod tests {
    use deskstate_dataverse::Error as DataverseError;
    use deskstate_reconcile::ObserveError;

    use super::*;
    use crate::error::Error;

    fn lost() -> DataverseError {
        DataverseError::Stopped
    }

    fn unreadable() -> Box<ObserveError> {
        Box::new(ObserveError::from(lost()))
    }

    /// Every way to end before the next transaction: its name, cause, message, exit code, and the start of the next step.
    fn causes(done: usize) -> Vec<(Cause, String, u8, &'static str)> {
        let next = done + 1;
        let again = "run the same command again";
        let look = "look at `deskstate plan --env prod` first; then run the same command again";
        vec![
            (
                Cause::Apply(ApplyError::NotSent {
                    transactions_before: done,
                    error: Box::new(lost()),
                }),
                format!("transaction {next} was not executed"),
                1,
                again,
            ),
            (
                Cause::Apply(ApplyError::Unknown {
                    transactions_before: done,
                    states: vec!["create x `y`: done".to_owned()],
                    error: Box::new(lost()),
                }),
                format!("it is unknown whether transaction {next} was applied"),
                1,
                look,
            ),
            (
                Cause::Apply(ApplyError::NotRead {
                    transactions_before: done,
                    error: unreadable(),
                }),
                format!("so transaction {next} was not sent"),
                1,
                again,
            ),
            (
                Cause::Apply(ApplyError::Changed {
                    transactions_before: done,
                    rows: vec!["x `y`".to_owned()],
                }),
                format!("transaction {next} was not sent"),
                4,
                look,
            ),
            (
                Cause::Apply(ApplyError::Moved {
                    transactions_before: done,
                    key: deskstate_model::ResourceKey::new(
                        deskstate_model::Kind::APP_PROFILE,
                        "contoso",
                    ),
                    path: "title".to_owned(),
                }),
                format!("transaction {next} was not sent"),
                4,
                look,
            ),
            (
                Cause::Apply(ApplyError::Stopped {
                    transactions_before: done,
                }),
                format!("stopped before transaction {next} was sent"),
                1,
                again,
            ),
            (
                Cause::NoJournal {
                    transactions: done,
                    source: io::Error::other("full"),
                },
                format!("so transaction {next} was not sent"),
                1,
                "free some disk space, then run the same command again",
            ),
        ]
    }

    fn ended(cause: Cause, done: usize, command: &'static str) -> Error {
        Error::Ended(Box::new(Ended {
            command,
            environment: "prod".to_owned(),
            of: 3,
            writes: done * 10,
            begun: done * 2,
            changes: 6,
            undo: "deskstate undo --env prod .deskstate/undo/prod-1.json".to_owned(),
            along: false,
            cause,
        }))
    }

    fn account(error: &Error) -> Vec<String> {
        let lines = error.account();
        lines
            .into_iter()
            .map(|(word, line)| format!("{word}: {line}"))
            .collect()
    }

    #[test]
    fn every_end_before_any_transaction_says_what_is_applied_what_is_not_how_to_undo_it_and_what_next()
     {
        let to_undo = "to undo: deskstate undo --env prod .deskstate/undo/prod-1.json".to_owned();
        for done in 0..3 {
            for (cause, says, code, next) in causes(done) {
                let unknown = matches!(cause, Cause::Apply(ApplyError::Unknown { .. }));
                let told = format!("{cause:?}");
                let error = ended(cause, done, "apply");
                assert!(error.to_string().contains(&says), "{told}: {error}");
                assert_eq!(error.exit_code().number(), code, "{told}");
                let hint = error.hint().expect("something to do next");
                assert!(hint.starts_with(next), "{told}: {hint}");
                let mut expected = vec![match done {
                    0 => "applied: nothing".to_owned(),
                    _ => format!(
                        "applied: {done} of 3 transactions ({done}0 writes); {} of 6 changes were made, at least in part",
                        done * 2
                    ),
                }];
                let mut from = done + 1;
                if unknown {
                    expected.push(format!("unknown: transaction {from} of 3"));
                    from += 1;
                }
                let with = if unknown { "at most" } else { "with" };
                let rest = format!("{with} {} changes not made at all", 6 - done * 2);
                match from {
                    3 => expected.push(format!("not applied: transaction 3, {rest}")),
                    1 | 2 => {
                        expected.push(format!("not applied: transactions {from} to 3, {rest}"))
                    }
                    _ => {}
                }
                if done > 0 || unknown {
                    expected.push(to_undo.clone());
                }
                if unknown {
                    expected.push(format!(
                        "caution: the undo takes back transaction {}, too, even if another run or a person made its changes",
                        done + 1
                    ));
                }
                assert_eq!(account(&error), expected, "{told}");
            }
        }
    }

    #[test]
    fn every_end_after_the_last_transaction_says_that_all_is_applied_and_how_to_look_at_it() {
        let causes = [
            Cause::Mismatched {
                transactions: 3,
                differs: true,
            },
            Cause::Apply(ApplyError::NotVerified {
                transactions: 3,
                error: unreadable(),
            }),
        ];
        for cause in causes {
            let by_answers = match &cause {
                Cause::Mismatched { .. } => " by the server's answers, not as it was written",
                _ => "",
            };
            let error = ended(cause, 3, "apply");
            assert_eq!(error.exit_code().number(), 1);
            assert_eq!(
                account(&error),
                [
                    &*format!("applied: all of it{by_answers}, 6 changes in 3 transactions"),
                    "to undo: deskstate undo --env prod .deskstate/undo/prod-1.json",
                ]
            );
            let hint = error.hint().expect("something to do next");
            assert_eq!(hint, "`deskstate plan --env prod` shows any differences");
        }
    }

    #[test]
    fn an_undo_that_ended_early_is_run_again() {
        for (cause, ..) in causes(1) {
            let error = ended(cause, 1, "undo");
            assert_eq!(
                error.hint().as_deref(),
                Some("run the same command again: it undoes what is left")
            );
        }
    }
}
