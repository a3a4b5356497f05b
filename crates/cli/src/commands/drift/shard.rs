//! The part of a fleet that one job looks at.

use crate::setting;

/// One of N shares of the environments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    number: usize,
    of: usize,
}

pub(super) fn shard(text: &str) -> Result<Shard, String> {
    /// Set by Kubernetes in each pod of an Indexed Job, starting at 0.
    const INDEX: &str = "JOB_COMPLETION_INDEX";
    let index = || {
        let index: usize = setting::of(INDEX)?.parse().ok()?;
        index.checked_add(1)
    };
    let parts = text.split_once('/').and_then(|(number, of)| {
        let number = if number == "job" {
            index()
        } else {
            number.parse().ok()
        };
        Some((number?, of.parse().ok()?))
    });
    match parts {
        Some((number, of)) if (1..=of).contains(&number) => Ok(Shard { number, of }),
        _ => Err(format!(
            "write it as 2/8: a part from 1, and the number of parts; or job/8 where {INDEX} is set"
        )),
    }
}

impl Shard {
    /// Picks every N-th name, so that equal lists are split the same way everywhere.
    pub(super) fn of_names(self, names: Vec<String>) -> Vec<String> {
        let mine = |at: &usize| at % self.of == self.number - 1;
        names
            .into_iter()
            .enumerate()
            .filter(|(at, _)| mine(at))
            .map(|(_, name)| name)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_together_are_everything_and_no_environment_is_in_two() {
        let names: Vec<String> = (0..11).map(|number| format!("env{number}")).collect();
        let mut all: Vec<String> = (1..=4)
            .flat_map(|number| Shard { number, of: 4 }.of_names(names.clone()))
            .collect();
        all.sort_by_key(|name| names.iter().position(|known| known == name));
        assert_eq!(all, names);
        assert!(shard("0/4").is_err() && shard("5/4").is_err() && shard("x").is_err());
        assert_eq!(shard("2/8"), Ok(Shard { number: 2, of: 8 }));
    }
}
