//! One agent's profile and desktop, for programs. The format is independent of internal types and changes only with `formatVersion`.

use std::collections::BTreeMap;

use deskstate_reconcile::who::{Basis, Candidate, Standing, Who};
use serde::Serialize;
use uuid::Uuid;

const FORMAT_VERSION: u32 = 1;

/// The agent, as the environment knows them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Agent<'a> {
    pub(crate) id: Uuid,
    pub(crate) name: &'a str,
    pub(crate) full_name: &'a str,
    /// Why the agent cannot work with any profile, if so: `disabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unfit: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    format_version: u32,
    environment: &'a str,
    user: &'a Agent<'a>,
    /// The effective profile; `None` if nothing is assigned, if it is unknown, or if the user cannot work. With profiles in several apps, the
    /// one that is listed first.
    profile: Option<&'a str>,
    candidates: Vec<Profile<'a>>,
    desktop: BTreeMap<&'a str, &'a [String]>,
    not_applied: &'a [String],
    not_seen: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile<'a> {
    profile: &'a str,
    id: Uuid,
    app: Option<&'a str>,
    rank: Option<i64>,
    /// Whether the user gets it in its app: `gets`, `tied` or `behind`.
    standing: &'static str,
    /// `direct` or `role`.
    basis: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    /// Teams that a direct assignment comes from, according to the manifests.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    teams: &'a [String],
}

/// Renders the answer as one document.
pub(crate) fn write(
    environment: &str,
    user: &Agent<'_>,
    who: &Who,
) -> Result<String, serde_json::Error> {
    let answer = Answer {
        format_version: FORMAT_VERSION,
        environment,
        user,
        profile: match who.candidates.first() {
            Some(first) if user.unfit.is_none() && !who.is_tied() => Some(&first.profile),
            _ => None,
        },
        candidates: who.candidates.iter().map(|one| profile(who, one)).collect(),
        desktop: who
            .desktop
            .iter()
            .map(|(word, members)| (*word, members.as_slice()))
            .collect(),
        not_applied: &who.not_applied,
        not_seen: &who.unseen,
    };
    serde_json::to_string_pretty(&answer).map(|text| text + "\n")
}

fn profile<'w>(who: &Who, candidate: &'w Candidate) -> Profile<'w> {
    let (basis, role) = match &candidate.basis {
        Basis::Direct => ("direct", None),
        Basis::Role(role) => ("role", Some(role.as_str())),
    };
    Profile {
        profile: &candidate.profile,
        id: candidate.id,
        app: candidate.app.as_deref(),
        rank: candidate.rank,
        standing: match who.standing(candidate) {
            Standing::Gets => "gets",
            Standing::Tied => "tied",
            Standing::BehindDirect | Standing::BehindRank => "behind",
        },
        basis,
        role,
        teams: &candidate.teams,
    }
}
