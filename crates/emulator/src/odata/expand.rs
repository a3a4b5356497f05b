//! `$expand`: the supported options, and the rows that are returned (Web API: join tables).

use serde_json::{Map, Value as Json};

use super::eval::related;
use super::options::{Options, encode, from_pairs, split_outside};
use super::read::{Reading, Source};
use crate::error::{Outcome, ServiceError};
use crate::schema::{Navigation, TableId};
use crate::store::Row;
use crate::value::Value;

/// The only property of a `principal`.
const OWNER: &str = "ownerid";

/// Maximum number of expands in a query.
const MOST: usize = 15;

/// One expanded navigation property, resolved against the schema.
#[derive(Debug, Clone)]
pub(crate) struct Expand {
    name: String,
    navigation: Navigation,
    reference: bool,
    options: Options,
    pairs: Vec<(String, String)>,
    nested: Vec<Expand>,
}

/// Parses `$expand` for a table, and rejects whatever the service rejects.
pub(crate) fn parse(reading: &Reading<'_>, table: TableId, text: &str) -> Outcome<Vec<Expand>> {
    let expands = parse_level(reading, table, text)?;
    if count(&expands) > MOST {
        return Err(ServiceError::query(format!(
            "The number of $expand properties exceeds the limit of {MOST}."
        )));
    }
    let nested = expands.iter().any(|expand| !expand.nested.is_empty());
    let many = |expand: &Expand| matches!(expand.navigation, Navigation::Many { .. });
    if expands.iter().any(many) && (nested || !expands.iter().all(many)) {
        return Err(ServiceError::query(
            "Expanding many-to-many relationships together with other relationships is not supported.",
        ));
    }
    if expands
        .iter()
        .any(|expand| any_nested(&expand.nested, &many))
    {
        return Err(ServiceError::query(
            "Nested expand of a many-to-many relationship is not supported.",
        ));
    }
    if nested {
        refuse_order(&expands)?;
    }
    Ok(expands)
}

fn count(expands: &[Expand]) -> usize {
    expands.iter().map(|expand| 1 + count(&expand.nested)).sum()
}

fn any_nested(expands: &[Expand], test: &impl Fn(&Expand) -> bool) -> bool {
    expands
        .iter()
        .any(|expand| test(expand) || any_nested(&expand.nested, test))
}

fn refuse_order(expands: &[Expand]) -> Outcome<()> {
    for expand in expands {
        if expand.options.top.is_some() || expand.options.orderby.is_some() {
            return Err(ServiceError::query(
                "Only $select and $filter clause can be provided while doing $expand on many-to-one relationship or nested one-to-many relationship.",
            ));
        }
        refuse_order(&expand.nested)?;
    }
    Ok(())
}

fn parse_level(reading: &Reading<'_>, table: TableId, text: &str) -> Outcome<Vec<Expand>> {
    let mut expands = Vec::new();
    for item in split_outside(text, ',') {
        let item = item.trim();
        let (name, inner) = match item.find('(') {
            Some(open) if item.ends_with(')') => {
                (item[..open].trim(), &item[open + 1..item.len() - 1])
            }
            _ => (item, ""),
        };
        let (name, reference) = match name.strip_suffix("/$ref") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let schema = &reading.store.schema;
        let navigation = *schema.table(table).navigation.get(name).ok_or_else(|| {
            ServiceError::query(format!(
                "Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{}'.",
                schema.table(table).name
            ))
        })?;
        if reference && !matches!(navigation, Navigation::Lookup { .. }) {
            return Err(ServiceError::query(
                "Expand with $ref is only supported on lookup type navigation property.",
            ));
        }
        let pairs: Vec<(String, String)> = split_outside(inner, ';')
            .into_iter()
            .filter_map(|part| part.trim().split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.to_owned()))
            .collect();
        let options = from_pairs(pairs.iter().cloned())?;
        if options.count || options.skiptoken.is_some() {
            return Err(ServiceError::query(
                "The query option is not supported inside $expand.",
            ));
        }
        if matches!(navigation, Navigation::Lookup { .. })
            && (options.filter.is_some() || options.orderby.is_some() || options.top.is_some())
        {
            return Err(ServiceError::query(
                "Only $select and $filter clause can be provided while doing $expand on many-to-one relationship or nested one-to-many relationship.",
            ));
        }
        if let Navigation::Lookup { target: None, .. } = navigation {
            refuse_of_principal(&options)?;
        }
        let target = target_table(reading, table, navigation);
        let nested = match (&options.expand, target) {
            (Some(text), Some(target)) => parse_level(reading, target, text)?,
            _ => Vec::new(),
        };
        expands.push(Expand {
            name: name.to_owned(),
            navigation,
            reference,
            options,
            pairs,
            nested,
        });
    }
    Ok(expands)
}

/// An owner is a `principal`, whose only property is its id: it does not say whether it is a user or a team.
fn refuse_of_principal(options: &Options) -> Outcome<()> {
    let selected = options.select.as_deref().unwrap_or(OWNER);
    let asked = selected
        .split(',')
        .map(str::trim)
        .chain(options.expand.as_deref());
    match asked.into_iter().find(|name| *name != OWNER) {
        None => Ok(()),
        Some(name) => Err(ServiceError::query(format!(
            "Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.principal'."
        ))),
    }
}

fn target_table(reading: &Reading<'_>, table: TableId, navigation: Navigation) -> Option<TableId> {
    let schema = &reading.store.schema;
    match navigation {
        Navigation::Lookup {
            target: Some(target),
            ..
        } => Some(target),
        Navigation::Lookup {
            column,
            target: None,
        } => schema.table(table).columns[column]
            .targets
            .first()
            .map(|target| target.table),
        Navigation::Children { table, .. } => Some(table),
        Navigation::Many { relation, side } => Some(schema.many_to_many[relation].tables[1 - side]),
    }
}

/// Adds the expanded records to the object of a row.
pub(crate) fn add(
    reading: &Reading<'_>,
    expands: &[Expand],
    table: TableId,
    row: &Row,
    object: &mut Map<String, Json>,
) -> Outcome<()> {
    let deep = expands.iter().any(|expand| !expand.nested.is_empty());
    for expand in expands {
        add_one(reading, expand, table, row, deep, object)?;
    }
    Ok(())
}

fn add_one(
    reading: &Reading<'_>,
    expand: &Expand,
    table: TableId,
    row: &Row,
    deep: bool,
    object: &mut Map<String, Json>,
) -> Outcome<()> {
    if let Navigation::Lookup {
        column,
        target: only,
    } = expand.navigation
    {
        let target = match row.cells[column] {
            Value::Lookup(target, id) if only.is_none_or(|only| only == target) => reading
                .store
                .get(target, id)
                .filter(|found| reading.may_read(target, found))
                .map(|found| (target, found)),
            _ => None,
        };
        let value = match target {
            None => Json::Null,
            Some((target, found)) if expand.reference => {
                let set = &reading.store.schema.table(target).set;
                serde_json::json!({"@odata.id": format!("{}{set}({})", reading.base, found.id)})
            }
            Some((_, found)) if only.is_none() => {
                serde_json::json!({OWNER: found.id.to_string()})
            }
            Some((target, found)) => {
                let select = reading.select(target, expand.options.select.as_deref())?;
                let mut inner = reading.writer().record(target, found, select.as_deref());
                inner.shift_remove("@odata.etag");
                add(reading, &expand.nested, target, found, &mut inner)?;
                inner.into()
            }
        };
        object.insert(expand.name.clone(), value);
        return Ok(());
    }
    let Some(target) = target_table(reading, table, expand.navigation) else {
        return Ok(());
    };
    let hidden = !reading.switches.expanded_links_shown
        && matches!(expand.navigation, Navigation::Many { .. });
    let ids = match hidden {
        true => Vec::new(),
        false => related(reading.store, expand.navigation, row.id),
    };
    let mut options = expand.options.clone();
    options.expand = None;
    let size = if deep {
        reading.page_size()
    } else {
        super::read::LARGEST_PAGE
    };
    let page = reading.rows(target, &Source::Ids(ids), &options, size)?;
    let select = reading.select(target, options.select.as_deref())?;
    let mut values = Vec::with_capacity(page.rows.len());
    for found in &page.rows {
        let mut inner = reading.writer().record(target, found, select.as_deref());
        add(reading, &expand.nested, target, found, &mut inner)?;
        values.push(Json::Object(inner));
    }
    object.insert(expand.name.clone(), values.into());
    let own = reading.store.schema.table(table);
    let link = format!(
        "{}{}({})/{}?{}",
        reading.base,
        own.set,
        row.id,
        expand.name,
        encode_options(&expand.pairs)
    );
    match page.next {
        // In a nested expand, each collection is paged. In a single-level expand, the next link returns the same rows again.
        Some(cookie) if deep => {
            let key = reading.store.schema.table(target).key_name();
            object.insert(
                format!("{}@odata.nextLink", expand.name),
                format!("{link}&$skiptoken={}", cookie.skiptoken(key)).into(),
            );
        }
        None if deep => {}
        _ => {
            object.insert(
                format!("{}@odata.nextLink", expand.name),
                link.trim_end_matches(['&', '?']).into(),
            );
        }
    }
    Ok(())
}

fn encode_options(pairs: &[(String, String)]) -> String {
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}
