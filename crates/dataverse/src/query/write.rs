//! Writes queries as requests, and splits those that would be too long.

use std::collections::BTreeSet;

use super::{Direction, Expand, Query, Source, TABLE_DEFINITIONS, Through};
use crate::limits::{MAX_CONDITIONS, MAX_EXPANDS, MAX_PAGE, VALUES_PER_REQUEST};
use crate::request::{
    API_PATH, Request, TOO_LONG, checked_name, encode, filter_text, joined_names, record,
};
use crate::{Error, Filter, Literal};

impl Query {
    /// Writes this query as requests: usually one, several if an `any_of` has too many values for one, and none if no row can match.
    pub fn requests(&self) -> Result<Vec<Request>, Error> {
        if let Source::CallerPrivileges { names, through } = &self.source {
            return names
                .chunks(VALUES_PER_REQUEST)
                .map(|names| caller_privileges(names, *through))
                .collect();
        }
        let Some(filter) = &self.filter else {
            return Ok(vec![self.request(None)?]);
        };
        let filter = distinct(filter);
        let Some(longest) = longest_any_of(&filter) else {
            return Ok(vec![self.request(Some(&filter))?]);
        };
        if longest == 0 {
            return Ok(Vec::new());
        }
        // The other conditions of the query count as well. At least one value is always sent; if there are too many conditions, the request
        // is refused below.
        let others = conditions(&filter) - longest;
        let mut size = longest
            .min(VALUES_PER_REQUEST)
            .min(MAX_CONDITIONS.saturating_sub(others))
            .max(1);
        loop {
            let written: Result<Vec<Request>, Error> = (0..longest)
                .step_by(size)
                .map(|start| self.request(Some(&slice(&filter, longest, start, size))))
                .collect();
            match written {
                Err(Error::InvalidRequest(reason)) if reason == TOO_LONG && size > 1 => size /= 2,
                Ok(requests) if requests.len() > 1 && self.top.is_some() => {
                    return Err(Error::InvalidRequest(format!(
                        "`top` cannot be kept over the {} requests that the values need",
                        requests.len()
                    )));
                }
                other => return other,
            }
        }
    }

    fn request(&self, filter: Option<&Filter>) -> Result<Request, Error> {
        let expanded = self
            .expand
            .iter()
            .filter_map(|expand| expand.filter.as_ref());
        let conditions: usize = filter.into_iter().chain(expanded).map(conditions).sum();
        if conditions > MAX_CONDITIONS {
            return Err(Error::InvalidRequest(format!(
                "it has {conditions} conditions; {MAX_CONDITIONS} are allowed"
            )));
        }
        if self.expand.len() > MAX_EXPANDS {
            return Err(Error::InvalidRequest(format!(
                "it expands {} navigation properties; {MAX_EXPANDS} are allowed",
                self.expand.len()
            )));
        }
        let resource = self.resource()?;
        let mut options: Vec<String> = Vec::new();
        if !self.select.is_empty() {
            options.push(format!("$select={}", joined_names(&self.select)?));
        }
        if let Some(filter) = filter {
            options.push(format!("$filter={}", encode(&filter_text(filter)?)));
        }
        if !self.order.is_empty() {
            let columns: Result<Vec<String>, Error> = self
                .order
                .iter()
                .map(|(column, direction)| {
                    let word = match direction {
                        Direction::Ascending => "asc",
                        Direction::Descending => "desc",
                    };
                    Ok(format!("{}%20{word}", checked_name("column", column)?))
                })
                .collect();
            options.push(format!("$orderby={}", columns?.join(",")));
        }
        if let Some(top) = self.top {
            options.push(format!("$top={top}"));
        }
        if !self.expand.is_empty() {
            let parts: Result<Vec<String>, Error> =
                self.expand.iter().map(written_expand).collect();
            options.push(format!("$expand={}", parts?.join(",")));
        }
        let separator = if resource.contains('?') { '&' } else { '?' };
        let mut path = format!("{API_PATH}/{resource}");
        if !options.is_empty() {
            path.push(separator);
            path.push_str(&options.join("&"));
        }
        let mut request = Request::get(path)?;
        if !self.expand.is_empty() {
            // otherwise the server caches expanded collections
            request.headers.push(("If-None-Match", "null".to_owned()));
        }
        if let Some(preferences) = self.preferences() {
            request.headers.push(("Prefer", preferences));
        }
        Ok(request)
    }

    /// The `Prefer` values of this read. Follow-up pages must send the same ones (Page results using OData).
    pub(crate) fn preferences(&self) -> Option<String> {
        let mut preferences = Vec::new();
        let paged = match &self.source {
            // `$top` is ignored if a page size is set
            Source::Rows { set } | Source::UnpublishedRows { set } => {
                self.top.is_none() && set != TABLE_DEFINITIONS
            }
            Source::Related { .. } => self.top.is_none(),
            Source::Record { .. }
            | Source::WhoAmI
            | Source::CallerPrivileges { .. }
            | Source::UserPrivilege { .. }
            | Source::Choices { .. }
            | Source::ChangeHistory { .. } => false,
        };
        if paged {
            preferences.push(format!("odata.maxpagesize={MAX_PAGE}"));
        }
        if self.annotations {
            preferences.push(
                "odata.include-annotations=\"OData.Community.Display.V1.FormattedValue,\
                 Microsoft.Dynamics.CRM.lookuplogicalname\""
                    .to_owned(),
            );
        }
        (!preferences.is_empty()).then(|| preferences.join(","))
    }

    /// The part of the URL before the query options.
    fn resource(&self) -> Result<String, Error> {
        match &self.source {
            Source::Rows { set } => Ok(checked_name("set", set)?.to_owned()),
            Source::UnpublishedRows { set } => Ok(format!(
                "{}/Microsoft.Dynamics.CRM.RetrieveUnpublishedMultiple()",
                checked_name("set", set)?
            )),
            Source::Record { set, id } => record(set, *id),
            Source::Related {
                set,
                id,
                navigation,
            } => Ok(format!(
                "{}/{}",
                record(set, *id)?,
                checked_name("navigation property", navigation)?
            )),
            Source::Choices { table } => Ok(format!(
                "{TABLE_DEFINITIONS}(LogicalName='{}')/Attributes/\
                 Microsoft.Dynamics.CRM.PicklistAttributeMetadata",
                checked_name("table", table)?
            )),
            Source::WhoAmI => Ok("WhoAmI".to_owned()),
            Source::UserPrivilege { user, privilege } => Ok(format!(
                "systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeName\
                 (PrivilegeName='{}')",
                checked_name("privilege", privilege)?
            )),
            Source::ChangeHistory { set, id } => {
                let target = format!("{{'@odata.id':'{}'}}", record(set, *id)?);
                let page = r#"{"PageNumber":1,"Count":50,"ReturnTotalRecordCount":true}"#;
                Ok(format!(
                    "RetrieveRecordChangeHistory(Target=@target,PagingInfo=@page)?@target={}&@page={}",
                    encode(&target),
                    encode(page)
                ))
            }
            Source::CallerPrivileges { .. } => Ok("privileges".to_owned()),
        }
    }
}

fn written_expand(expand: &Expand) -> Result<String, Error> {
    let mut text = checked_name("navigation property", &expand.navigation)?.to_owned();
    let mut options = Vec::new();
    if !expand.select.is_empty() {
        options.push(format!("$select={}", joined_names(&expand.select)?));
    }
    if let Some(filter) = &expand.filter {
        // a semicolon would end the expand option
        let filter = encode(&filter_text(filter)?).replace(';', "%3B");
        options.push(format!("$filter={filter}"));
    }
    if !options.is_empty() {
        text.push_str(&format!("({})", options.join(";")));
    }
    Ok(text)
}

/// The number of conditions that the server counts in a filter.
fn conditions(filter: &Filter) -> usize {
    match filter {
        Filter::Compare(..) | Filter::Matches(..) | Filter::IsCaller(_) | Filter::Exists(..) => 1,
        // an empty list is written as two conditions that exclude each other
        Filter::AnyOf(_, values) if values.is_empty() => 2,
        Filter::AnyOf(_, values) => values.len(),
        Filter::All(parts) | Filter::Any(parts) => parts.iter().map(conditions).sum(),
        Filter::Not(part) => conditions(part),
    }
}

/// Removes values that the server considers equal, so that split requests return no row twice.
fn distinct(filter: &Filter) -> Filter {
    match filter {
        Filter::AnyOf(column, values) => {
            let mut seen = BTreeSet::new();
            let values = values
                .iter()
                .filter(|value| {
                    seen.insert(match value {
                        Literal::Text(text) => format!("text {}", text.to_lowercase()),
                        other => format!("{other:?}"),
                    })
                })
                .cloned()
                .collect();
            Filter::AnyOf(column.clone(), values)
        }
        Filter::All(parts) => Filter::All(parts.iter().map(distinct).collect()),
        other => other.clone(),
    }
}

/// The number of values of the longest `any_of` that every row must meet.
fn longest_any_of(filter: &Filter) -> Option<usize> {
    match filter {
        Filter::AnyOf(_, values) => Some(values.len()),
        Filter::All(parts) => {
            let lengths = || parts.iter().filter_map(longest_any_of);
            // an empty `any_of` matches nothing, so it decides
            lengths().find(|length| *length == 0).or(lengths().max())
        }
        _ => None,
    }
}

/// The filter with only a slice of the values of its (first) longest `any_of`.
fn slice(filter: &Filter, longest: usize, start: usize, size: usize) -> Filter {
    fn cut(filter: &Filter, longest: usize, start: usize, size: usize, done: &mut bool) -> Filter {
        match filter {
            Filter::AnyOf(column, values) if values.len() == longest && !*done => {
                *done = true;
                let end = (start + size).min(values.len());
                Filter::AnyOf(column.clone(), values[start..end].to_vec())
            }
            Filter::All(parts) => Filter::All(
                parts
                    .iter()
                    .map(|part| cut(part, longest, start, size, done))
                    .collect(),
            ),
            other => other.clone(),
        }
    }
    cut(filter, longest, start, size, &mut false)
}

/// Uses `fetchXml`, because it can join intersect tables, return the depth of each row, and refer to the caller.
///
/// Privileges belong to root roles, and a user holds copies of these roles in a business unit. The query therefore joins the privilege, the
/// roles that have it with their depth, the copies of these roles, and the caller who holds one, directly or through a team.
fn caller_privileges(names: &[String], through: Through) -> Result<Request, Error> {
    let mut values = String::new();
    for name in names {
        values.push_str("<value>");
        values.push_str(checked_name("privilege", name)?);
        values.push_str("</value>");
    }
    let holder = match through {
        Through::OwnRoles => {
            "<link-entity name='systemuserroles' from='roleid' to='roleid' link-type='inner'>\
             <filter><condition attribute='systemuserid' operator='eq-userid'/></filter></link-entity>"
        }
        Through::Teams => {
            "<link-entity name='teamroles' from='roleid' to='roleid' link-type='inner'>\
             <link-entity name='teammembership' from='teamid' to='teamid' link-type='inner'>\
             <filter><condition attribute='systemuserid' operator='eq-userid'/></filter>\
             </link-entity></link-entity>"
        }
    };
    let fetch = format!(
        "<fetch distinct='true'><entity name='privilege'><attribute name='name'/>\
         <filter><condition attribute='name' operator='in'>{values}</condition></filter>\
         <link-entity name='roleprivileges' from='privilegeid' to='privilegeid' link-type='inner'>\
         <attribute name='privilegedepthmask' alias='depth'/>\
         <link-entity name='role' from='parentrootroleid' to='roleid' link-type='inner'>{holder}</link-entity>\
         </link-entity></entity></fetch>"
    );
    Request::get(format!("{API_PATH}/privileges?fetchXml={}", encode(&fetch)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Direction;
    use uuid::Uuid;

    fn path(query: Query) -> String {
        let mut requests = query.requests().expect("it can be written");
        assert_eq!(requests.len(), 1);
        requests.remove(0).path
    }

    fn check(query: Query, expected: &str) {
        assert_eq!(path(query), format!("{API_PATH}/{expected}"));
    }

    const ID: Uuid = Uuid::from_u128(1);

    #[test]
    fn queries_are_written_as_documented() {
        check(Query::rows("cfg_queues"), "cfg_queues");
        check(
            Query::rows("cfg_queues")
                .select(["cfg_name", "_ownerid_value"])
                .filter(Filter::eq("cfg_name", "A & B"))
                .order_by("cfg_name", Direction::Descending)
                .order_by("createdon", Direction::Ascending)
                .top(3),
            "cfg_queues?$select=cfg_name,_ownerid_value&$filter=cfg_name%20eq%20'A%20%26%20B'\
             &$orderby=cfg_name%20desc,createdon%20asc&$top=3",
        );
        check(
            Query::rows("a").expand(
                Expand::new("cfg_queue_skill")
                    .select(["cfg_skillid"])
                    .filter(Filter::eq("cfg_name", "a;b)")),
            ),
            "a?$expand=cfg_queue_skill($select=cfg_skillid;$filter=cfg_name%20eq%20'a%3Bb)')",
        );
        check(
            Query::record("cfg_queues", ID).select(["cfg_name"]),
            "cfg_queues(00000000-0000-0000-0000-000000000001)?$select=cfg_name",
        );
        check(
            Query::related("cfg_queues", ID, "cfg_queue_skill").select(["cfg_skillid"]),
            "cfg_queues(00000000-0000-0000-0000-000000000001)/cfg_queue_skill?$select=cfg_skillid",
        );
        check(Query::who_am_i(), "WhoAmI");
        check(
            Query::choices("cfg_queue"),
            "EntityDefinitions(LogicalName='cfg_queue')/Attributes/\
             Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName\
             &$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)",
        );
        check(
            Query::unpublished_rows("appmodules").select(["uniquename"]),
            "appmodules/Microsoft.Dynamics.CRM.RetrieveUnpublishedMultiple()?$select=uniquename",
        );
        check(
            Query::user_privilege(ID, "prvReadAuditSummary"),
            "systemusers(00000000-0000-0000-0000-000000000001)/Microsoft.Dynamics.CRM.\
             RetrieveUserPrivilegeByPrivilegeName(PrivilegeName='prvReadAuditSummary')",
        );
        check(
            Query::change_history("cfg_queues", ID),
            "RetrieveRecordChangeHistory(Target=@target,PagingInfo=@page)\
             ?@target=%7B'@odata.id':'cfg_queues(00000000-0000-0000-0000-000000000001)'%7D\
             &@page=%7B%22PageNumber%22:1,%22Count%22:50,%22ReturnTotalRecordCount%22:true%7D",
        );
        check(
            Query::caller_settings(),
            "usersettingscollection?$select=systemuserid,uilanguageid,helplanguageid&$filter=\
             Microsoft.Dynamics.CRM.EqualUserId(PropertyName%3D'systemuserid')",
        );
        check(
            Query::tables(["a", "b"]),
            "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute,\
             IsOptimisticConcurrencyEnabled,ChangeTrackingEnabled&$filter=(LogicalName%20eq%20'a'\
             %20or%20LogicalName%20eq%20'b')&$expand=Attributes($select=LogicalName,AttributeType)",
        );
    }

    #[test]
    fn pages_are_asked_for_where_there_are_some() {
        let preference = |query: Query| query.preferences();
        assert_eq!(
            preference(Query::rows("a")).as_deref(),
            Some("odata.maxpagesize=5000")
        );
        // `$top` is ignored if a page size is set; definitions are never paged
        assert_eq!(preference(Query::rows("a").top(1)), None);
        assert_eq!(preference(Query::tables(["a"])), None);
        assert_eq!(preference(Query::who_am_i()), None);
        let annotated = preference(Query::rows("a").annotations()).unwrap_or_default();
        assert!(annotated.starts_with("odata.maxpagesize=5000,odata.include-annotations=\"OData"));
    }

    #[test]
    fn the_privileges_of_the_caller_need_no_id() {
        let [own, teams] = Query::caller_privileges(["prvReadcfg_x", "prvWritecfg_x"]);
        let own = path(own);
        let teams = path(teams);
        for text in [&own, &teams] {
            assert!(
                text.starts_with(
                    "/api/data/v9.2/privileges?fetchXml=%3Cfetch%20distinct%3D'true'%3E"
                )
            );
            assert!(text.contains("%3Cvalue%3EprvReadcfg_x%3C/value%3E"));
            assert!(text.contains("alias%3D'depth'") && text.contains("operator%3D'eq-userid'"));
        }
        assert!(own.contains("systemuserroles") && !own.contains("teammembership"));
        assert!(teams.contains("teamroles") && teams.contains("teammembership"));
        let none = Query::caller_privileges(Vec::<String>::new());
        assert!(
            none.iter()
                .all(|query| query.requests().is_ok_and(|requests| requests.is_empty()))
        );
    }

    #[test]
    fn many_values_are_split_and_equal_ones_asked_once() {
        let count = |query: &Query| query.requests().map(|requests| requests.len()).ok();
        let query = Query::rows("a")
            .filter(Filter::eq("statecode", 0).and(Filter::any_of("n", (0..301).chain(0..301))));
        assert_eq!(count(&query), Some(3));
        let folded = Query::rows("a").filter(Filter::any_of("n", ["a", "A", "a"]));
        assert_eq!(path(folded), format!("{API_PATH}/a?$filter=(n%20eq%20'a')"));
        let both = Query::rows("a")
            .filter(Filter::any_of("n", 0..10).and(Filter::any_of("m", Vec::<i64>::new())));
        assert_eq!(count(&both), Some(0), "one that nothing meets settles it");
    }

    #[test]
    fn requests_are_split_below_the_longest_url() {
        let long: Vec<String> = (0..100)
            .map(|n| format!("{n}{}", "é".repeat(400)))
            .collect();
        let query = Query::rows("a").filter(Filter::any_of("n", long));
        let requests = query.requests().expect("they can be split");
        assert!(requests.len() > 3);
        assert!(
            requests
                .iter()
                .all(|request| request.path.len() <= crate::limits::MAX_PATH)
        );
        let hopeless = Query::rows("a").filter(Filter::any_of("n", ["é".repeat(20_000)]));
        assert!(matches!(hopeless.requests(), Err(Error::InvalidRequest(_))));
        let unsplittable = Query::rows("a").filter(Filter::eq("n", "é".repeat(20_000)));
        assert!(unsplittable.requests().is_err());
    }

    #[test]
    fn no_request_has_more_conditions_than_the_service_takes() {
        let fixed = |count: i64| Filter::Any((0..count).map(|n| Filter::eq("m", n)).collect());
        let written = |filter| Query::rows("a").filter(filter).requests();
        for others in [1, 349, 350, 351, 499] {
            let many = fixed(others).and(Filter::any_of("n", 0..600));
            let requests = written(many).expect("it can be split");
            let mut values = 0;
            for request in requests {
                let conditions = request.path.matches("%20eq%20").count();
                assert!(conditions <= MAX_CONDITIONS, "{others}: {conditions}");
                values += request.path.matches("n%20eq%20").count();
            }
            assert_eq!(values, 600, "{others}");
        }
        assert!(written(fixed(500)).is_ok());
        assert!(written(fixed(501)).is_err());
        assert!(written(fixed(500).and(Filter::any_of("n", 0..2))).is_err());
        let expanded = Expand::new("b").filter(fixed(300));
        let query = Query::rows("a").filter(fixed(201)).expand(expanded);
        assert!(query.requests().is_err());
    }

    #[test]
    fn top_cannot_be_kept_over_several_requests() {
        let query = Query::rows("a").filter(Filter::any_of("n", 0..400)).top(1);
        assert!(query.requests().is_err());
    }

    #[test]
    fn columns_that_an_environment_lacks_are_left_out() {
        let query = Query::rows("a")
            .select(["b", "_c_value", "d"])
            .order_by("d", Direction::Ascending);
        let without = query.without_columns(&["c", "d"]);
        assert_eq!(path(without), format!("{API_PATH}/a?$select=b"));
    }

    #[test]
    fn names_cannot_smuggle_anything() {
        for query in [
            Query::rows("a/b"),
            Query::rows("a?x"),
            Query::rows("RemoveActiveCustomizations(SolutionComponentName='x')"),
            Query::rows("a").select(["b&$expand=c"]),
            Query::rows("a").expand(Expand::new("b($levels=2)")),
            Query::user_privilege(ID, "x') or ('"),
            Query::related("a", ID, "b/$ref"),
        ] {
            assert!(query.requests().is_err(), "{query:?}");
        }
    }
}
