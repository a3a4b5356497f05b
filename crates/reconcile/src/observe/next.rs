//! The queries that follow the first answers.

use deskstate_dataverse::{Expand, Filter, Query};
use deskstate_model::tables;

use super::ask::{
    Ask, Scope, USER_COLUMNS, guarded_tables, linked, read_privilege, security_roles, some_rows,
};
use super::narrow::With;
use super::place::Observed;
use crate::lower::Desired;

/// Queries what the answers so far show to be needed. Columns that the environment lacks are left out, and missing names are looked up.
pub(super) fn next_trip(
    observed: &mut Observed,
    desired: &Desired,
    scope: &Scope,
) -> Vec<(Ask, Query)> {
    let mut trip = observed.take_refused_queries();
    // Links are complete once no rows have to be queried again.
    let again = |(ask, _): &(Ask, Query)| {
        matches!(ask, Ask::Narrow(_) | Ask::Pointing(_) | Ask::Column(..))
    };
    if !trip.iter().any(again) {
        trip.extend(observed.follow_links(desired, scope));
    }
    for relationship in observed.take_refused_links() {
        let members = Expand::keys(relationship.schema_name, relationship.member.key);
        let query = Query::rows(relationship.owner.set)
            .select([relationship.owner.key])
            .expand(members);
        trip.push((Ask::ExpandedLinks(relationship), query));
        trip.push(linked(relationship));
    }
    if let Some(caller) = observed.caller_without_privileges() {
        for table in guarded_tables() {
            let name = read_privilege(table);
            trip.push((
                Ask::Privilege(name.clone()),
                Query::user_privilege(caller, name),
            ));
        }
    }
    let (users, labels) = observed.take_nameless(desired, scope);
    if !users.is_empty() {
        let filter = Filter::any_of("systemuserid", users);
        trip.push((
            Ask::Users,
            Query::rows(tables::USER.set)
                .select(USER_COLUMNS)
                .filter(filter),
        ));
    }
    for (table, ids) in labels {
        if table == &tables::ROLE {
            // The name of a copy is not enough.
            trip.extend(security_roles(Some(Filter::any_of(table.key, ids))));
            continue;
        }
        let query = Query::rows(table.set)
            .select([table.key, table.label])
            .filter(Filter::any_of(table.key, ids));
        trip.push((Ask::Labels(table), query));
    }
    for (table, filter) in observed.take_missing_parts(desired) {
        trip.push(some_rows(table, filter, With::Nothing, scope));
    }
    let roles = observed.mapped_roles(desired, scope);
    if observed.asks_anew(&roles) {
        let query = Query::rows(tables::USER_ROLES)
            .select(["systemuserid", "roleid"])
            .filter(Filter::any_of("roleid", roles));
        trip.push((Ask::RoleHolders, query));
    }
    trip
}
