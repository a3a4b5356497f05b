//! Variables of the process environment, as builds set them.

use std::collections::BTreeSet;
use std::sync::Mutex;

use clap::builder::Resettable;

use crate::door::{self, plain};

/// The value of a variable, without surrounding whitespace. A build sets a variable that it does not know to nothing (GitHub Actions) or to
/// its own reference `$(NAME)` (Azure Pipelines); both count as not set, and the second is said once.
pub(crate) fn of(name: &str) -> Option<String> {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let value = std::env::var(name).ok()?;
    let value = value.trim();
    if is_reference(value) {
        let is_new = SAID
            .lock()
            .is_ok_and(|mut said| said.insert(name.to_owned()));
        if is_new {
            door::aside(format_args!(
                "note: `{name}` is `{}`, a variable that the pipeline does not define; it counts as not set",
                plain(value)
            ));
        }
        return None;
    }
    (!value.is_empty()).then(|| value.to_owned())
}

/// Whether Azure Pipelines left the reference to a variable in place.
fn is_reference(value: &str) -> bool {
    value
        .strip_prefix("$(")
        .and_then(|rest| rest.strip_suffix(')'))
        .is_some_and(|name| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))
        })
}

/// The program whose options do not take values from variables that are not set to anything.
pub(crate) fn without_blanks(program: clap::Command) -> clap::Command {
    program
        .mut_args(|arg| {
            let is_blank = arg
                .get_env()
                .and_then(std::ffi::OsStr::to_str)
                .is_some_and(|name| std::env::var_os(name).is_some() && of(name).is_none());
            match is_blank {
                true => arg.env(Resettable::Reset),
                false => arg,
            }
        })
        .mut_subcommands(without_blanks)
}

#[cfg(test)]
mod tests {
    use super::is_reference;

    #[test]
    fn only_the_whole_reference_to_a_variable_is_one() {
        for value in ["$(AZURE_CLIENT_ID)", "$(Agent.Name)", "$(my-secret)"] {
            assert!(is_reference(value), "{value}");
        }
        for value in [
            "",
            "$()",
            "$(a",
            "x$(a)",
            "$(a)x",
            "$(pass word)",
            "$a",
            "(a)",
        ] {
            assert!(!is_reference(value), "{value}");
        }
    }
}
