//! Overrides: `unlink=AppProfile.users:12`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Lets a check pass: the type of finding, its subject, and the maximum number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Allow {
    /// `address`, `channel`, `contract`, `deactivate`, `delete`, `empty`, `loader`, `managed`, `prune`, `reference`, `unlink`.
    pub what: String,
    /// A kind, a kind and a field, or a kind and a name: `AppProfile.users`, `SessionTemplate/CTI_createSession`.
    pub subject: String,
    /// Maximum number.
    pub count: usize,
}

/// A text that is not an override.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not an override; {help}", help = Self::HELP)]
pub struct UnknownAllow(String);

impl UnknownAllow {
    pub(crate) const HELP: &str =
        "copy the one that the plan prints, such as `unlink=AppProfile.users:12`";
}

/// Types of findings that can be allowed.
const WHATS: [&str; 11] = [
    "address",
    "channel",
    "contract",
    "deactivate",
    "delete",
    "empty",
    "loader",
    "managed",
    "prune",
    "reference",
    "unlink",
];

impl Allow {
    /// The override for a number of things about a subject.
    #[must_use]
    pub fn new(what: &'static str, subject: impl Into<String>, count: usize) -> Self {
        Self {
            what: what.to_owned(),
            subject: subject.into(),
            count,
        }
    }

    /// Whether this override covers the needed one.
    #[must_use]
    pub fn covers(&self, needed: &Allow) -> bool {
        self.what == needed.what
            && self.subject.eq_ignore_ascii_case(&needed.subject)
            && self.count >= needed.count
    }
}

impl fmt::Display for Allow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}={}:{}", self.what, self.subject, self.count)
    }
}

impl FromStr for Allow {
    type Err = UnknownAllow;

    fn from_str(text: &str) -> Result<Self, UnknownAllow> {
        let unknown = || UnknownAllow(text.to_owned());
        let (what, rest) = text.split_once('=').ok_or_else(unknown)?;
        let (subject, count) = rest.rsplit_once(':').ok_or_else(unknown)?;
        let count = count.parse().map_err(|_| unknown())?;
        if !WHATS.contains(&what) || subject.is_empty() {
            return Err(unknown());
        }
        Ok(Self {
            what: what.to_owned(),
            subject: subject.to_owned(),
            count,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_is_written_as_it_is_read() {
        for text in [
            "unlink=AppProfile.users:12",
            "delete=ApplicationTab:3",
            "reference=SessionTemplate/a:b:1",
        ] {
            assert_eq!(
                text.parse::<Allow>()
                    .map(|allow| allow.to_string())
                    .as_deref(),
                Ok(text)
            );
        }
    }

    #[test]
    fn what_is_no_override_is_refused() {
        for text in [
            "",
            "unlink",
            "unlink=AppProfile.users",
            "unlink=:1",
            "drop=AppProfile:1",
            "unlink=AppProfile.users:all",
        ] {
            assert!(text.parse::<Allow>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_override_covers_no_more_than_its_number() {
        let needed = Allow::new("unlink", "AppProfile.users", 12);
        assert!(
            "unlink=AppProfile.users:12"
                .parse::<Allow>()
                .is_ok_and(|allow| allow.covers(&needed))
        );
        assert!(
            "unlink=AppProfile.users:11"
                .parse::<Allow>()
                .is_ok_and(|allow| !allow.covers(&needed))
        );
        assert!(
            "unlink=AppProfile.roles:12"
                .parse::<Allow>()
                .is_ok_and(|allow| !allow.covers(&needed))
        );
    }
}
