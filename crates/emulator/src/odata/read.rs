//! Reads rows of a set or a collection: filter, order, page, count.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::eval::Scope;
use super::expr::{Expr, Path};
use super::filter::{column_path, parse as parse_filter, unknown_property};
use super::json::{Preferences, Writer, write_json};
use super::options::{Options, split_outside};
use super::page::Cookie;
use crate::clock::Moment;
use crate::error::{Outcome, ServiceError};
use crate::schema::TableId;
use crate::security::Caller;
use crate::store::{Row, Store};
use crate::switches::Switches;
use crate::value::Value;

/// The maximum number of rows that the service sends in a page.
pub(crate) const LARGEST_PAGE: usize = 5_000;
/// The maximum value of `$count`.
pub(crate) const LARGEST_COUNT: usize = 5_000;

/// The context of all steps of a read.
pub(crate) struct Reading<'a> {
    pub(crate) store: &'a Store,
    pub(crate) caller: &'a Caller,
    pub(crate) switches: &'a Switches,
    pub(crate) preferences: &'a Preferences,
    /// `http://host/api/data/v9.2/`.
    pub(crate) base: &'a str,
    pub(crate) now: Moment,
}

/// The rows that a read starts from.
pub(crate) enum Source {
    All,
    Ids(Vec<Uuid>),
}

/// A page of rows.
pub(crate) struct Page {
    pub(crate) rows: Vec<Arc<Row>>,
    pub(crate) next: Option<Cookie>,
    pub(crate) count: Option<usize>,
}

struct Order {
    path: Path,
    descending: bool,
}

impl<'a> Reading<'a> {
    pub(crate) fn writer(&self) -> Writer<'a> {
        Writer {
            store: self.store,
            language: self.caller.language,
            preferences: self.preferences,
        }
    }

    pub(crate) fn scope(&self) -> Scope<'a> {
        Scope {
            store: self.store,
            caller: self.caller,
            now: self.now,
        }
    }

    pub(crate) fn may_read(&self, table: TableId, row: &Row) -> bool {
        self.caller
            .access
            .reads(self.store, self.caller, table, row)
    }

    pub(crate) fn page_size(&self) -> usize {
        self.preferences
            .page_size
            .unwrap_or(LARGEST_PAGE)
            .min(LARGEST_PAGE)
    }

    /// The columns of `$select`; `None` for all columns.
    pub(crate) fn select(&self, table: TableId, text: Option<&str>) -> Outcome<Option<Vec<usize>>> {
        let Some(text) = text.filter(|text| !text.trim().is_empty() && text.trim() != "*") else {
            return Ok(None);
        };
        let mut columns = Vec::new();
        let own = self.store.schema.table(table);
        for name in text.split(',').map(str::trim) {
            // The name of a lookup selects its value, too (Web API: query data).
            let lookup = || own.property(&format!("_{name}_value"));
            let column = own
                .property(name)
                .or_else(lookup)
                .ok_or_else(|| unknown_property(&self.store.schema, table, name))?;
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        Ok(Some(columns))
    }

    /// A page of rows that the caller may read and that pass the filter.
    pub(crate) fn rows(
        &self,
        table: TableId,
        source: &Source,
        options: &Options,
        size: usize,
    ) -> Outcome<Page> {
        self.caller.access.check_read(&self.store.schema, table)?;
        let filter = options
            .filter
            .as_deref()
            .map(|text| {
                let quoted_ids = self.switches.quoted_ids;
                parse_filter(
                    &self.store.schema,
                    table,
                    text,
                    &options.aliases,
                    quoted_ids,
                )
            })
            .transpose()?;
        let orders = self.orders(table, options)?;
        let cookie = match &options.skiptoken {
            None => None,
            Some(token) => Some(
                Cookie::parse(token)
                    .ok_or_else(|| ServiceError::query("The paging cookie is malformed."))?,
            ),
        };
        // `$top` is ignored if `maxpagesize` is set.
        let (wanted, pages) = match (options.top, self.preferences.page_size) {
            (Some(top), None) => (top, false),
            _ => (size, true),
        };
        let scope = self.scope();
        let candidates = filter
            .as_ref()
            .and_then(|filter| scope.candidates(table, filter));
        let (found, conditions) = match candidates {
            Some(found) => (Some(found.ids), found.rest),
            None => (None, filter.iter().collect()),
        };
        let ids = match (source, found) {
            (Source::All, found) => found,
            (Source::Ids(ids), None) => Some(ids.clone()),
            (Source::Ids(ids), Some(found)) => Some(
                found
                    .into_iter()
                    .filter(|id| ids.binary_search(id).is_ok())
                    .collect(),
            ),
        };
        let needed = if orders.is_empty() && !options.count {
            wanted.saturating_add(1)
        } else {
            usize::MAX
        };
        let from = if orders.is_empty() && !options.count {
            cookie.as_ref().map(|cookie| cookie.last)
        } else {
            None
        };
        let mut found = self.matching(table, ids, from, &conditions, needed);
        let count = options.count.then_some(found.len().min(LARGEST_COUNT));
        if !orders.is_empty() {
            self.sort(&orders, &mut found);
        }
        if let (Some(cookie), None) = (&cookie, from) {
            let skip = found
                .iter()
                .position(|row| row.id == cookie.last)
                .map_or_else(|| (cookie.page - 1) * wanted, |position| position + 1);
            found.drain(..skip.min(found.len()));
        }
        let more = found.len() > wanted;
        found.truncate(wanted);
        let next = match (more && pages, found.first(), found.last()) {
            (true, Some(first), Some(last)) => Some(Cookie {
                page: cookie.map_or(1, |cookie| cookie.page) + 1,
                last: last.id,
                first: first.id,
            }),
            _ => None,
        };
        Ok(Page {
            rows: found,
            next,
            count,
        })
    }

    fn matching(
        &self,
        table: TableId,
        ids: Option<Vec<Uuid>>,
        from: Option<Uuid>,
        conditions: &[&Expr],
        needed: usize,
    ) -> Vec<Arc<Row>> {
        let scope = self.scope();
        let mut rows = Vec::new();
        let passes = |row: &&'a Arc<Row>| {
            rows.clear();
            rows.push(*row);
            self.may_read(table, row)
                && conditions
                    .iter()
                    .all(|condition| scope.passes(condition, &mut rows))
        };
        match (ids, from) {
            (Some(ids), from) => ids
                .into_iter()
                .filter(|id| from.is_none_or(|from| *id > from))
                .filter_map(|id| self.store.get(table, id))
                .filter(passes)
                .take(needed)
                .cloned()
                .collect(),
            (None, Some(from)) => self
                .store
                .rows_after(table, from)
                .filter(passes)
                .take(needed)
                .cloned()
                .collect(),
            (None, None) => self
                .store
                .rows(table)
                .filter(passes)
                .take(needed)
                .cloned()
                .collect(),
        }
    }

    fn orders(&self, table: TableId, options: &Options) -> Outcome<Vec<Order>> {
        let mut orders = Vec::new();
        for item in options
            .orderby
            .as_deref()
            .map(|text| split_outside(text, ','))
            .unwrap_or_default()
        {
            let mut words = item.split_whitespace();
            let Some(name) = words.next() else { continue };
            let named = name
                .strip_prefix('@')
                .map(|alias| options.aliases.get(alias));
            let name = match named {
                None => name,
                Some(Some(column)) => column.as_str(),
                Some(None) => continue,
            };
            let path = column_path(&self.store.schema, table, name)?;
            let descending = match words.next() {
                None | Some("asc") => false,
                Some("desc") => true,
                Some(other) => {
                    return Err(ServiceError::query(format!(
                        "Syntax error in $orderby near '{other}'."
                    )));
                }
            };
            orders.push(Order { path, descending });
        }
        Ok(orders)
    }

    /// Lookups are sorted by the primary name of the row that they refer to (Web API: order rows).
    fn sort(&self, orders: &[Order], rows: &mut Vec<Arc<Row>>) {
        let scope = self.scope();
        let keys = |row: &Arc<Row>| -> Vec<Value> {
            orders
                .iter()
                .map(|order| scope.name_or_value(scope.column(&order.path, &[row]).into_owned()))
                .collect()
        };
        let mut keyed: Vec<(Vec<Value>, Arc<Row>)> =
            rows.drain(..).map(|row| (keys(&row), row)).collect();
        keyed.sort_by(|(left, a), (right, b)| {
            for ((left, right), order) in left.iter().zip(right).zip(orders) {
                let ordering = left.order(right);
                let ordering = if order.descending {
                    ordering.reverse()
                } else {
                    ordering
                };
                if ordering != Ordering::Equal {
                    return ordering;
                }
            }
            a.id.cmp(&b.id)
        });
        rows.extend(keyed.into_iter().map(|(_, row)| row));
    }

    /// The complete answer to a read of a collection: context, rows, count, next link.
    pub(crate) fn collection(
        &self,
        table: TableId,
        source: &Source,
        options: &Options,
        path: &str,
        query: &str,
    ) -> Outcome<Vec<u8>> {
        let expands = options
            .expand
            .as_deref()
            .map(|text| super::expand::parse(self, table, text))
            .transpose()?
            .unwrap_or_default();
        let select = self.select(table, options.select.as_deref())?;
        let page = self.rows(table, source, options, self.page_size())?;
        let mut body = Map::new();
        let own = self.store.schema.table(table);
        body.insert(
            "@odata.context".into(),
            format!(
                "{}$metadata#{}{}",
                self.base,
                own.set,
                self.projection(table, select.as_deref(), options)
            )
            .into(),
        );
        if let Some(count) = page.count {
            body.insert("@odata.count".into(), count.into());
        }
        if self
            .preferences
            .wants("Microsoft.Dynamics.CRM.totalrecordcount")
        {
            body.insert(
                "@Microsoft.Dynamics.CRM.totalrecordcount".into(),
                page.count
                    .map_or(-1, |count| i64::try_from(count).unwrap_or(-1))
                    .into(),
            );
            body.insert(
                "@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded".into(),
                page.count.is_some_and(|count| count > LARGEST_COUNT).into(),
            );
        }
        if self
            .preferences
            .wants("Microsoft.Dynamics.CRM.globalmetadataversion")
        {
            body.insert(
                "@Microsoft.Dynamics.CRM.globalmetadataversion".into(),
                "700000".into(),
            );
        }
        let mut text = Vec::new();
        write_json(&body, &mut text);
        text.pop();
        text.extend_from_slice(b",\"value\":[");
        self.write_rows(table, &page.rows, &expands, select.as_deref(), &mut text)?;
        text.push(b']');
        if let Some(cookie) = page.next {
            let rest: Vec<&str> = query
                .split('&')
                .filter(|pair| {
                    !pair.is_empty()
                        && !pair.starts_with("$skiptoken")
                        && !pair.starts_with("%24skiptoken")
                })
                .collect();
            let separator = if rest.is_empty() { "" } else { "&" };
            let link = format!(
                "{}{path}?{}{separator}$skiptoken={}",
                self.base,
                rest.join("&"),
                cookie.skiptoken(own.key_name())
            );
            text.extend_from_slice(b",\"@odata.nextLink\":");
            write_json(&link, &mut text);
        }
        text.push(b'}');
        Ok(text)
    }

    /// The objects of rows, separated by commas.
    fn write_rows(
        &self,
        table: TableId,
        rows: &[Arc<Row>],
        expands: &[super::expand::Expand],
        select: Option<&[usize]>,
        text: &mut Vec<u8>,
    ) -> Outcome<()> {
        let writer = self.writer();
        let layout = writer.layout(table, select).filter(|_| expands.is_empty());
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            if let Some(layout) = &layout {
                writer.write(table, row, layout, text);
                continue;
            }
            let mut object = writer.record(table, row, select);
            super::expand::add(self, expands, table, row, &mut object)?;
            write_json(&object, text);
        }
        Ok(())
    }

    /// Answers a request for a single row.
    pub(crate) fn single(
        &self,
        table: TableId,
        row: &Row,
        options: &Options,
    ) -> Outcome<Map<String, Json>> {
        let select = self.select(table, options.select.as_deref())?;
        let expands = options
            .expand
            .as_deref()
            .map(|text| super::expand::parse(self, table, text))
            .transpose()?
            .unwrap_or_default();
        let own = self.store.schema.table(table);
        let mut body = Map::new();
        let columns = self.projection(table, select.as_deref(), options);
        body.insert(
            "@odata.context".into(),
            format!("{}$metadata#{}{columns}/$entity", self.base, own.set).into(),
        );
        body.extend(self.writer().record(table, row, select.as_deref()));
        super::expand::add(self, &expands, table, row, &mut body)?;
        Ok(body)
    }

    fn projection(&self, table: TableId, select: Option<&[usize]>, options: &Options) -> String {
        let own = self.store.schema.table(table);
        let property = |column: &usize| own.columns[*column].property();
        let select = select.map(|columns| columns.iter().map(property).collect());
        super::options::projection(select, options.expand.as_deref())
    }
}
