//! Security roles of one user, assigned directly or through teams.

use std::collections::BTreeSet;

use deskstate_dataverse::{Answer, Error, Filter, Query, Reader};
use deskstate_model::tables;
use uuid::Uuid;

use crate::who::HeldRoles;

/// Reads the roles in two trips: the user's own roles and teams, then the roles of the teams.
///
/// # Errors
/// If the environment cannot be queried. Refused reads are listed in the result.
pub async fn held_roles(reader: &Reader, user: Uuid) -> Result<HeldRoles, Error> {
    let mut held = HeldRoles::default();
    let own = Query::rows(tables::USER_ROLES)
        .select(["roleid"])
        .filter(Filter::eq("systemuserid", user));
    let teams = Query::rows(tables::TEAM_MEMBERS)
        .select(["teamid"])
        .filter(Filter::eq("systemuserid", user));
    let mut answers = reader.read(&[own, teams]).await?.into_iter();
    let roles = ids(
        answers.next(),
        "roleid",
        "the roles the user holds",
        &mut held.unread,
    );
    held.roles.extend(roles);
    let teams = ids(
        answers.next(),
        "teamid",
        "the teams the user is in",
        &mut held.unread,
    );
    if !teams.is_empty() {
        let query = Query::rows(tables::TEAM_ROLES)
            .select(["roleid"])
            .filter(Filter::any_of("teamid", teams));
        let answer = reader.read(&[query]).await?.into_iter().next();
        let roles = ids(
            answer,
            "roleid",
            "the roles of the user's teams",
            &mut held.unread,
        );
        held.through_teams.extend(roles);
    }
    Ok(held)
}

fn ids(
    answer: Option<Answer>,
    column: &str,
    what: &str,
    unread: &mut Vec<String>,
) -> BTreeSet<Uuid> {
    match answer {
        Some(Ok(rows)) => rows
            .rows
            .iter()
            .filter_map(|row| row.uuid(column))
            .collect(),
        Some(Err(refused)) => {
            unread.push(format!("{what}: {}", refused.message));
            BTreeSet::new()
        }
        None => BTreeSet::new(),
    }
}
