//! The queries of each trip.

use std::collections::{BTreeMap, BTreeSet};

use deskstate_dataverse::{Expand, Filter, Query};
use deskstate_model::{
    Field, Holds, Kind, PartIdentity, Referent, Relationship, RowValueIs, State, Table,
    UNIQUE_NAME, lookup_read_name, tables,
};
use uuid::Uuid;

use super::narrow::{Narrow, With, growing_links, links_with};
use crate::kinds::{self, part_of};
use crate::lower::Desired;
use crate::state::Lookup;

/// How much to read in addition to what the manifests need.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Whether to read the names of all linked users, roles and looked-up rows, for export and for reports on people.
    pub names: bool,
    /// The expected organization.
    pub organization: Option<Uuid>,
    /// Additional users to look up.
    pub users: Vec<String>,
    /// Additional rows whose names will be shown, whether or not a live row refers to them.
    pub shown: BTreeMap<&'static Table, BTreeSet<Uuid>>,
    /// Whether to read the name of each row's last writer, in the same request.
    pub writers: bool,
    /// The solution that new and changed components are added to.
    pub solution: Option<String>,
    /// The required rows of the tables that grow with an environment; `None` reads all of their rows.
    pub narrow: Option<Narrow>,
}

/// The subject of a query, which determines where its answer goes.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    Table(&'static Table),
    /// Some rows of a table, with their links.
    Narrow(&'static Table),
    /// The keys of rows that refer to declared rows.
    Pointing(&'static Table),
    Links(&'static Relationship),
    ExpandedLinks(&'static Relationship),
    /// One row that has links, with those links.
    Linked(&'static Relationship),
    Caller,
    CallerSettings,
    Organization,
    Publishers,
    Solution,
    Definitions,
    /// The metadata of the tables of kinds that the project defines.
    Metadata,
    Options(&'static Table),
    /// Whether an entity set has a column.
    Column(String, String),
    Privileges(usize),
    Privilege(String),
    Users,
    Teams,
    /// The requested teams that have members.
    MannedTeams,
    Roles,
    BusinessUnits,
    Rows(&'static str),
    Labels(&'static Table),
    /// Rows with the ids of declared rows, whatever kind they are of.
    WithDeclaredIds(&'static Table),
    RoleHolders,
    Workstreams,
}

/// Security roles, with the business units of their copies.
pub(super) fn security_roles(filter: Option<Filter>) -> [(Ask, Query); 2] {
    let mut roles = Query::rows(tables::ROLE.set).select([
        "roleid",
        "name",
        "_businessunitid_value",
        "_parentrootroleid_value",
    ]);
    if let Some(filter) = filter {
        roles = roles.filter(filter);
    }
    let units = Query::rows(tables::BUSINESS_UNIT.set).select([
        "businessunitid",
        "name",
        "_parentbusinessunitid_value",
    ]);
    [(Ask::Roles, roles), (Ask::BusinessUnits, units)]
}

/// All columns of a table that deskstate reads.
pub(super) fn columns(table: &'static Table) -> Vec<String> {
    let mut columns = BTreeSet::new();
    for field in kinds::row_fields(table).filter(|field| field.is_column()) {
        columns.insert(field.read_name().into_owned());
        if let Some(mirror) = &field.mirror {
            columns.insert(mirror.column.to_owned());
        }
    }
    // Manifests have no status of parts, but an inactive part is reported.
    if kinds::part_of(table).is_some() {
        columns.insert(tables::STATUS.column.to_owned());
    }
    columns.insert(table.label.to_owned());
    columns.extend(structural_columns(table));
    columns.extend(["modifiedon", "_modifiedby_value"].map(str::to_owned));
    if table.component {
        columns.extend(["ismanaged", "iscustomizable"].map(str::to_owned));
    }
    columns.into_iter().collect()
}

/// Lookups of a table that are read with `$expand`: field, navigation property, and the key of the target table.
pub(crate) fn expanded(
    table: &'static Table,
) -> impl Iterator<Item = (&'static Field, &'static str, &'static str)> {
    kinds::row_fields(table).filter_map(|field| match field.holds {
        Holds::Lookup { navigation, to } if field.expanded => {
            Some((field, navigation, kinds::target_table(to).key))
        }
        _ => None,
    })
}

/// The columns that identify rows. If one of them is missing, rows cannot be recognised.
pub(super) fn structural_columns(table: &'static Table) -> Vec<String> {
    let mut columns = vec![table.key.to_owned()];
    match part_of(table) {
        None => {
            columns.extend(table.name.map(str::to_owned));
            if let Some(kind) = Kind::of_table(table).map(Kind::definition) {
                let rows = kind.rows.iter().map(|row| row.field);
                let told = kind.also.iter().chain(rows);
                columns.extend(told.map(|field| field.column.to_owned()));
            }
        }
        Some(part) => {
            columns.push(lookup_read_name(part.parent_column));
            columns.push(match part.identity {
                PartIdentity::Text(column) | PartIdentity::Number(column) => column.to_owned(),
                PartIdentity::Lookup(column) => lookup_read_name(column),
                PartIdentity::UniqueName => UNIQUE_NAME.column.to_owned(),
            });
        }
    }
    columns
}

/// All tables whose rows deskstate writes.
pub(super) fn written_tables() -> Vec<&'static Table> {
    Kind::all()
        .map(|kind| kind.table())
        .chain(Kind::part_tables().map(|part| part.table))
        .collect()
}

/// The privilege for reading a table: `prvRead` and the table's schema name, which for these tables is their logical name.
pub(super) fn read_privilege(table: &Table) -> String {
    match table.logical {
        "systemuser" => "prvReadUser".to_owned(),
        "role" => "prvReadRole".to_owned(),
        "team" => "prvReadTeam".to_owned(),
        logical => format!("prvRead{logical}"),
    }
}

pub(super) fn guarded_tables() -> Vec<&'static Table> {
    let mut all = written_tables();
    all.push(&tables::USER);
    // Workstreams that the caller cannot see may name templates.
    if !all.contains(&&tables::WORKSTREAM) {
        all.push(&tables::WORKSTREAM);
    }
    all
}

pub(super) fn first_trip(
    desired: &Desired,
    scope: &Scope,
    narrow: Option<&Narrow>,
) -> Vec<(Ask, Query)> {
    let mut trip = Vec::new();
    for table in written_tables() {
        if let Some(filters) = narrow.and_then(|narrow| narrow.rows(table)) {
            let asks = filters.into_iter();
            trip.extend(asks.map(|(filter, with)| some_rows(table, filter, with, scope)));
            let pointing = narrow.into_iter().flat_map(|narrow| narrow.pointing(table));
            trip.extend(pointing.map(|filter| {
                let query = Query::rows(table.set).select([table.key]).filter(filter);
                (Ask::Pointing(table), query)
            }));
            continue;
        }
        let mut query = Query::rows(table.set).select(columns(table));
        if let Some(filter) = of_the_kind(table) {
            query = query.filter(filter);
        }
        for (_, navigation, key) in expanded(table) {
            query = query.expand(Expand::new(navigation).select([key]));
        }
        if scope.writers {
            query = query.annotations();
        }
        trip.push((Ask::Table(table), query));
    }
    trip.extend(with_declared_ids(desired));
    let with_rows: Vec<&Relationship> = growing_links().filter(|_| narrow.is_some()).collect();
    trip.extend(with_rows.iter().map(|links| linked(links)));
    for relationship in Kind::relationships().filter(|links| !with_rows.contains(links)) {
        let query = Query::rows(relationship.intersect_set)
            .select([relationship.owner_column, relationship.member_column]);
        trip.push((Ask::Links(relationship), query));
    }
    trip.push((
        Ask::Definitions,
        Query::tables(written_tables().iter().map(|table| table.logical)),
    ));
    let defined: Vec<&str> = Kind::all()
        .filter(|kind| !kind.is_built_in())
        .flat_map(kinds::tables_of)
        .map(|table| table.logical)
        .collect();
    if !defined.is_empty() {
        trip.push((Ask::Metadata, Query::definitions(defined)));
    }
    for table in desired.tables_with_choices() {
        trip.push((Ask::Options(table), Query::choices(table.logical)));
    }
    trip.push((Ask::Caller, Query::who_am_i()));
    trip.push((Ask::CallerSettings, Query::caller_settings()));
    trip.push((
        Ask::Organization,
        Query::rows("organizations").select([
            "organizationid",
            "languagecode",
            "isauditenabled",
            "orgdborgsettings",
        ]),
    ));
    trip.push((
        Ask::Publishers,
        Query::rows("publishers").select(["customizationprefix"]),
    ));
    trip.extend(scope.solution.iter().map(|name| {
        let query = Query::rows("solutions")
            .select(["uniquename", "ismanaged"])
            .filter(Filter::any_of("uniquename", [name.clone()]));
        (Ask::Solution, query)
    }));
    let privileges = Query::caller_privileges(guarded_tables().into_iter().map(read_privilege));
    trip.extend(
        privileges
            .into_iter()
            .enumerate()
            .map(|(index, query)| (Ask::Privileges(index), query)),
    );
    let mut workstream_columns = vec![tables::WORKSTREAM.label];
    workstream_columns.extend(tables::WORKSTREAM_SESSION_COLUMNS);
    workstream_columns.extend(tables::WORKSTREAM_NOTIFICATION_COLUMNS);
    trip.push((
        Ask::Workstreams,
        Query::rows(tables::WORKSTREAM.set).select(workstream_columns),
    ));
    trip.extend(lookups(desired, scope));
    trip
}

/// The rows that have the ids of declared rows, in tables that have rows of other kinds, too: such a row may be of another kind now.
fn with_declared_ids(desired: &Desired) -> Vec<(Ask, Query)> {
    let mut ids: BTreeMap<&'static Table, Vec<Uuid>> = BTreeMap::new();
    let resources = desired.resources.values();
    for resource in resources.filter(|resource| resource.state == State::Present) {
        if !resource.key.kind.definition().rows.is_empty() {
            let table = resource.key.kind.table();
            ids.entry(table)
                .or_default()
                .push(resource.row.key.derived_id());
        }
    }
    let asks = ids.into_iter().map(|(table, ids)| {
        let query = Query::rows(table.set)
            .select([table.key, table.label])
            .filter(Filter::any_of(table.key, ids));
        (Ask::WithDeclaredIds(table), query)
    });
    asks.collect()
}

/// Tests whether links are returned with rows: a row that has links must show them.
pub(super) fn linked(relationship: &'static Relationship) -> (Ask, Query) {
    let (name, member) = (relationship.schema_name, relationship.member.key);
    let query = Query::rows(relationship.owner.set)
        .select([relationship.owner.key])
        .filter(Filter::exists(name, member))
        .expand(Expand::keys(name, member))
        .top(1);
    (Ask::Linked(relationship), query)
}

/// Reads some rows of a table that grows, with the relevant links.
pub(super) fn some_rows(
    table: &'static Table,
    filter: Filter,
    with: With,
    scope: &Scope,
) -> (Ask, Query) {
    let mut query = Query::rows(table.set).select(columns(table)).filter(filter);
    for links in links_with(table, with) {
        query = query.expand(links);
    }
    if scope.writers {
        query = query.annotations();
    }
    (Ask::Narrow(table), query)
}

/// The condition that distinguishes the rows of a kind from other rows of their table.
fn of_the_kind(table: &Table) -> Option<Filter> {
    let conditions = kinds::row_values(table).iter().map(|row| {
        let column = row.field.column;
        match row.is {
            RowValueIs::Text(text) => Filter::eq(column, text),
            RowValueIs::Number(number) => Filter::eq(column, number),
            RowValueIs::Flag(flag) => Filter::eq(column, flag),
        }
    });
    conditions.reduce(Filter::and)
}

/// Looked-up rows, by the names in the manifests.
fn lookups(desired: &Desired, scope: &Scope) -> Vec<(Ask, Query)> {
    let mut users: Vec<String> = scope.users.clone();
    let (mut teams, mut roles, mut resources, mut macros, mut views, mut forms) = (
        Vec::new(),
        Vec::new(),
        Vec::new(),
        Vec::new(),
        Vec::new(),
        Vec::new(),
    );
    let mut others: BTreeMap<&'static Table, Vec<String>> = BTreeMap::new();
    for lookup in desired.lookups() {
        let name = lookup.name().trim().to_owned();
        match lookup {
            Lookup::User(_) => users.push(name),
            Lookup::Team(_) => teams.push(name),
            Lookup::Role { .. } => roles.push(name),
            Lookup::WebResource(_) => resources.push(name),
            Lookup::Macro(_) => macros.push(name),
            Lookup::View { .. } => views.push(name),
            Lookup::Form { .. } | Lookup::Dashboard(_) => forms.push(name),
            Lookup::Row { table, .. } => others.entry(table).or_default().push(name),
            // Every trip queries `WhoAmI`, which returns it.
            Lookup::Organization => {}
        }
    }
    let mut trip = Vec::new();
    trip.extend(
        users_by_name(&users)
            .into_iter()
            .map(|query| (Ask::Users, query)),
    );
    if !teams.is_empty() {
        let members = Expand::new(tables::TEAM_MEMBERSHIP).select(USER_COLUMNS);
        let manned = Filter::exists(tables::TEAM_MEMBERSHIP, tables::USER.key);
        trip.push((
            Ask::MannedTeams,
            Query::rows(tables::TEAM.set)
                .select(["teamid"])
                .filter(Filter::any_of("name", teams.clone()).and(manned)),
        ));
        trip.push((
            Ask::Teams,
            Query::rows(tables::TEAM.set)
                .select(["teamid", "name"])
                .filter(Filter::any_of("name", teams))
                .expand(members),
        ));
    }
    if scope.names || !roles.is_empty() {
        let filter = (!scope.names).then(|| Filter::any_of("name", roles));
        trip.extend(security_roles(filter));
    }
    let mut named = |noun, table: &Table, names: Vec<String>, columns: &[&str]| {
        if !names.is_empty() {
            let select = [table.key, table.label]
                .iter()
                .chain(columns)
                .copied()
                .collect::<Vec<_>>();
            trip.push((
                Ask::Rows(noun),
                Query::rows(table.set)
                    .select(select)
                    .filter(Filter::any_of(table.label, names)),
            ));
        }
    };
    named("web resource", &tables::WEB_RESOURCE, resources, &[]);
    named("macro", &tables::MACRO, macros, &["category", "type"]);
    named(
        "view",
        &tables::VIEW,
        views,
        &["returnedtypecode", "querytype"],
    );
    named("form", &tables::FORM, forms, &["objecttypecode", "type"]);
    for (table, names) in others {
        named(table.logical, table, names, &[]);
    }
    for table in listed_by_id(desired) {
        let columns = [table.key, table.label].into_iter().chain(table.shown);
        let mut query = Query::rows(table.set).select(columns);
        if table == &tables::ROLE {
            // Each role has a copy in every business unit; the columns contain the ids of the originals.
            query = query.filter(Filter::is_null("_parentroleid_value"));
        }
        trip.push((Ask::Labels(table), query));
    }
    trip
}

/// Tables whose rows a declared column lists by id. Additional ids in the column are also shown by name.
fn listed_by_id(desired: &Desired) -> BTreeSet<&'static Table> {
    let columns = desired.resources.values().flat_map(|resource| {
        let lists = |field: &Field| matches!(field.holds, Holds::Ids { .. });
        let has_lists = resource.key.kind.fields().iter().any(lists);
        let columns = resource.row.columns.iter().filter(move |_| has_lists);
        columns.map(|column| column.field)
    });
    let tables = columns.filter_map(|field| match field.holds {
        Holds::Ids { to, .. } => Some(kinds::target_table(to)),
        _ => None,
    });
    tables.collect()
}

/// The columns of a user that are read.
pub(super) const USER_COLUMNS: [&str; 8] = [
    "systemuserid",
    "domainname",
    "fullname",
    "internalemailaddress",
    "azureactivedirectoryobjectid",
    "isdisabled",
    "applicationid",
    "deletedstate",
];

/// Queries users by object id, principal name and e-mail, with one query for each.
pub(super) fn users_by_name(names: &[String]) -> Vec<Query> {
    let (ids, texts): (Vec<_>, Vec<_>) =
        names.iter().partition(|name| Uuid::parse_str(name).is_ok());
    let query = |filter| {
        Query::rows(tables::USER.set)
            .select(USER_COLUMNS)
            .filter(filter)
    };
    let mut queries = Vec::new();
    if !ids.is_empty() {
        let ids = ids.iter().filter_map(|id| Uuid::parse_str(id).ok());
        queries.push(query(Filter::any_of("azureactivedirectoryobjectid", ids)));
    }
    if !texts.is_empty() {
        queries.push(query(Filter::any_of(
            "domainname",
            texts.iter().map(|text| text.as_str()),
        )));
        queries.push(query(Filter::any_of(
            "internalemailaddress",
            texts.iter().map(|text| text.as_str()),
        )));
    }
    queries
}

/// The target table of a lookup to rows that are never written. Their labels may have to be read.
pub(super) fn looked_up_table(field: &Field) -> Option<&'static Table> {
    match field.holds {
        Holds::Lookup {
            to: Referent::WebResource,
            ..
        } => Some(&tables::WEB_RESOURCE),
        Holds::Lookup {
            to: Referent::Macro,
            ..
        } => Some(&tables::MACRO),
        Holds::Lookup {
            to: Referent::Role, ..
        } => Some(&tables::ROLE),
        Holds::Lookup {
            to: Referent::Row(table),
            ..
        } => Some(table),
        _ => None,
    }
}
