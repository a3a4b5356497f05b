//! Parses fetchXml queries.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::error::{Outcome, ServiceError, code};

#[derive(Debug, Default)]
pub(crate) struct Fetch {
    pub(crate) top: Option<usize>,
    pub(crate) count: Option<usize>,
    pub(crate) page: usize,
    pub(crate) distinct: bool,
    pub(crate) count_all: bool,
    pub(crate) aggregate: bool,
    pub(crate) entity: Entity,
}

#[derive(Debug, Default)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    pub(crate) alias: Option<String>,
    pub(crate) aggregate: Option<Aggregate>,
    pub(crate) group: Option<DatePart>,
    pub(crate) distinct: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    /// Number of rows.
    Count,
    /// Number of rows with a value.
    CountColumn,
    Sum,
    Average,
    Minimum,
    Maximum,
}

/// How rows are grouped: by the complete value, or by a part of its date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatePart {
    Whole,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

#[derive(Debug, Default)]
pub(crate) struct Entity {
    pub(crate) name: String,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) all_attributes: bool,
    pub(crate) filters: Vec<Filter>,
    pub(crate) orders: Vec<Order>,
    pub(crate) links: Vec<Link>,
}

#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) entity: Entity,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) alias: Option<String>,
    pub(crate) outer: bool,
}

#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) attribute: String,
    /// The alias that an aggregate query sorts by.
    pub(crate) alias: Option<String>,
    pub(crate) descending: bool,
}

#[derive(Debug)]
pub(crate) struct Filter {
    /// `and` if true, otherwise `or`.
    pub(crate) all: bool,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) filters: Vec<Filter>,
}

impl Filter {
    fn conditions(&self) -> usize {
        let inner: usize = self.filters.iter().map(Filter::conditions).sum();
        self.conditions.len() + inner
    }
}

impl Entity {
    /// Number of conditions in the complete query, including linked tables.
    pub(crate) fn conditions(&self) -> usize {
        let own: usize = self.filters.iter().map(Filter::conditions).sum();
        let linked: usize = self.links.iter().map(|link| link.entity.conditions()).sum();
        own + linked
    }
}

#[derive(Debug, Default)]
pub(crate) struct Condition {
    pub(crate) attribute: String,
    pub(crate) operator: String,
    pub(crate) values: Vec<String>,
    /// Alias of the link that the condition refers to.
    pub(crate) entity: Option<String>,
}

/// An element that is not closed yet.
enum Open {
    Fetch(Fetch),
    Entity(Entity),
    Link(Link),
    Filter(Filter),
    Condition(Condition),
    Value(String),
    Leaf,
}

fn wrong(message: impl std::fmt::Display) -> ServiceError {
    ServiceError::query(format!("The fetchXml is not valid: {message}"))
}

pub(crate) fn parse(xml: &str) -> Outcome<Fetch> {
    let mut reader = Reader::from_str(xml);
    let mut open: Vec<Open> = Vec::new();
    loop {
        match reader.read_event().map_err(wrong)? {
            Event::Start(element) => open.push(begin(&element)?),
            Event::Empty(element) => {
                let done = begin(&element)?;
                if let Some(fetch) = close(&mut open, done)? {
                    return Ok(fetch);
                }
            }
            Event::End(_) => {
                let done = open
                    .pop()
                    .ok_or_else(|| wrong("an element is closed twice"))?;
                if let Some(fetch) = close(&mut open, done)? {
                    return Ok(fetch);
                }
            }
            Event::Text(text) => {
                if let Some(Open::Value(value)) = open.last_mut() {
                    value.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                if let Some(Open::Value(value)) = open.last_mut() {
                    let resolved =
                        quick_xml::escape::resolve_predefined_entity(&reference).map(str::to_owned);
                    let character = reference
                        .resolve_char_ref()
                        .map_err(wrong)?
                        .map(String::from);
                    value.push_str(
                        &resolved
                            .or(character)
                            .ok_or_else(|| wrong("an unknown entity"))?,
                    );
                }
            }
            Event::Eof => return Err(wrong("it ends too early")),
            _ => {}
        }
        if open.len() > 64 {
            return Err(wrong("it is nested too deeply"));
        }
    }
}

fn attribute(element: &BytesStart<'_>, name: &str) -> Outcome<Option<String>> {
    match element.try_get_attribute(name).map_err(wrong)? {
        Some(attribute) => Ok(Some(
            quick_xml::escape::unescape(&attribute.value)
                .map_err(wrong)?
                .into_owned(),
        )),
        None => Ok(None),
    }
}

fn needed(element: &BytesStart<'_>, name: &str) -> Outcome<String> {
    attribute(element, name)?
        .ok_or_else(|| wrong(format!("<{}> needs '{name}'", element.name().as_ref())))
}

fn number(element: &BytesStart<'_>, name: &str) -> Outcome<Option<usize>> {
    attribute(element, name)?
        .map(|text| {
            text.parse()
                .map_err(|_| wrong(format!("'{name}' must be a number")))
        })
        .transpose()
}

fn flag(element: &BytesStart<'_>, name: &str) -> Outcome<bool> {
    Ok(matches!(
        attribute(element, name)?.as_deref(),
        Some("true" | "1")
    ))
}

fn aggregate(element: &BytesStart<'_>) -> Outcome<Option<Aggregate>> {
    Ok(Some(match attribute(element, "aggregate")?.as_deref() {
        None => return Ok(None),
        Some("count") => Aggregate::Count,
        Some("countcolumn") => Aggregate::CountColumn,
        Some("sum") => Aggregate::Sum,
        Some("avg") => Aggregate::Average,
        Some("min") => Aggregate::Minimum,
        Some("max") => Aggregate::Maximum,
        Some(other) => return Err(wrong(format!("the aggregate '{other}' is not supported"))),
    }))
}

fn group(element: &BytesStart<'_>) -> Outcome<Option<DatePart>> {
    if !flag(element, "groupby")? {
        return Ok(None);
    }
    Ok(Some(match attribute(element, "dategrouping")?.as_deref() {
        None => DatePart::Whole,
        Some("day") => DatePart::Day,
        Some("week") => DatePart::Week,
        Some("month") => DatePart::Month,
        Some("quarter") => DatePart::Quarter,
        Some("year") => DatePart::Year,
        Some(known @ ("fiscal-period" | "fiscal-year")) => {
            return Err(ServiceError::not_emulated(format_args!(
                "the date grouping '{known}' of fetchXml"
            )));
        }
        Some(other) => return Err(wrong(format!("there is no date grouping '{other}'"))),
    }))
}

fn begin(element: &BytesStart<'_>) -> Outcome<Open> {
    Ok(match element.name().as_ref() {
        "fetch" => {
            if number(element, "top")?.is_some() {
                for paging in ["page", "count", "returntotalrecordcount"] {
                    if attribute(element, paging)?.is_some() {
                        return Err(ServiceError::bad(
                            code::INVALID_ARGUMENT,
                            format!(
                                "The top attribute can't be specified with paging attribute {paging}"
                            ),
                        ));
                    }
                }
            }
            Open::Fetch(Fetch {
                top: number(element, "top")?,
                count: number(element, "count")?,
                page: number(element, "page")?.unwrap_or(1).max(1),
                distinct: flag(element, "distinct")?,
                count_all: flag(element, "returntotalrecordcount")?,
                aggregate: flag(element, "aggregate")?,
                entity: Entity::default(),
            })
        }
        "entity" => Open::Entity(Entity {
            name: needed(element, "name")?,
            ..Entity::default()
        }),
        "link-entity" => {
            let kind = attribute(element, "link-type")?;
            let outer = match kind.as_deref() {
                None | Some("inner") => false,
                Some("outer") => true,
                Some(
                    known @ ("any"
                    | "not any"
                    | "all"
                    | "not all"
                    | "exists"
                    | "in"
                    | "natural"
                    | "matchfirstrowusingcrossapply"),
                ) => {
                    return Err(ServiceError::not_emulated(format_args!(
                        "the link type '{known}' of fetchXml"
                    )));
                }
                Some(other) => return Err(wrong(format!("there is no link type '{other}'"))),
            };
            Open::Link(Link {
                entity: Entity {
                    name: needed(element, "name")?,
                    ..Entity::default()
                },
                from: needed(element, "from")?,
                to: needed(element, "to")?,
                alias: attribute(element, "alias")?,
                outer,
            })
        }
        "attribute" => Open::Entity(Entity {
            attributes: vec![Attribute {
                name: needed(element, "name")?,
                alias: attribute(element, "alias")?,
                aggregate: aggregate(element)?,
                group: group(element)?,
                distinct: flag(element, "distinct")?,
            }],
            ..Entity::default()
        }),
        "all-attributes" => Open::Entity(Entity {
            all_attributes: true,
            ..Entity::default()
        }),
        "order" => Open::Entity(Entity {
            orders: vec![Order {
                attribute: attribute(element, "attribute")?.unwrap_or_default(),
                alias: attribute(element, "alias")?,
                descending: flag(element, "descending")?,
            }],
            ..Entity::default()
        }),
        "filter" => {
            let all = attribute(element, "type")?.is_none_or(|kind| kind == "and");
            Open::Filter(Filter {
                all,
                conditions: Vec::new(),
                filters: Vec::new(),
            })
        }
        "condition" => Open::Condition(Condition {
            attribute: needed(element, "attribute")?,
            operator: needed(element, "operator")?,
            values: attribute(element, "value")?.into_iter().collect(),
            entity: attribute(element, "entityname")?,
        }),
        "value" => Open::Value(String::new()),
        "no-attrs" => Open::Leaf,
        other => return Err(wrong(format!("unexpected element <{other}>"))),
    })
}

/// Adds a closed element to its parent.
fn close(open: &mut [Open], done: Open) -> Outcome<Option<Fetch>> {
    match (open.last_mut(), done) {
        (None, Open::Fetch(fetch)) => {
            if fetch.entity.name.is_empty() {
                return Err(wrong("<fetch> needs an <entity>"));
            }
            return Ok(Some(fetch));
        }
        (Some(Open::Fetch(fetch)), Open::Entity(entity)) => fetch.entity = entity,
        (
            Some(Open::Entity(outer) | Open::Link(Link { entity: outer, .. })),
            Open::Entity(part),
        ) => {
            outer.attributes.extend(part.attributes);
            outer.orders.extend(part.orders);
            outer.all_attributes |= part.all_attributes;
        }
        (Some(Open::Entity(outer) | Open::Link(Link { entity: outer, .. })), Open::Link(link)) => {
            outer.links.push(link)
        }
        (
            Some(Open::Entity(outer) | Open::Link(Link { entity: outer, .. })),
            Open::Filter(filter),
        ) => outer.filters.push(filter),
        (Some(Open::Filter(outer)), Open::Filter(filter)) => outer.filters.push(filter),
        (Some(Open::Filter(outer)), Open::Condition(condition)) => outer.conditions.push(condition),
        (Some(Open::Condition(condition)), Open::Value(value)) => {
            condition.values.push(value.trim().to_owned())
        }
        (Some(_), Open::Leaf) => {}
        _ => return Err(wrong("an element is not allowed here")),
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_links_filters_and_values_are_read() {
        let fetch = parse(
            "<fetch distinct='true' page='2' count='10'><entity name='privilege'><attribute name='name'/><filter><condition attribute='name' operator='in'><value>prvA &amp; b</value><value>c</value></condition></filter><link-entity name='roleprivileges' from='privilegeid' to='privilegeid' alias='rp'><attribute name='privilegedepthmask'/><link-entity name='role' from='parentrootroleid' to='roleid' link-type='outer'/></link-entity></entity></fetch>",
        )
        .expect("a query");
        assert_eq!(fetch.page, 2);
        assert_eq!(
            fetch.entity.filters[0].conditions[0].values,
            ["prvA & b", "c"]
        );
        assert!(fetch.entity.links[0].entity.links[0].outer);
    }

    #[test]
    fn broken_texts_are_refused_without_a_panic() {
        for text in [
            "",
            "<fetch",
            "<fetch/>",
            "<entity name='a'/>",
            "<fetch><b/></fetch>",
            "</fetch>",
            "<fetch><entity/></fetch>",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in "(<(/?(fetch|entity|filter|condition|link-entity|value|order)( (name|from|to|attribute|operator|value)='[a-z&;]{0,5}')*/?)>|[a-z&;<]{0,4}){0,12}") {
            let _ = parse(&text);
        }
    }
}
