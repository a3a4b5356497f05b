//! Differences between the definition of a kind and the environment's metadata.

use deskstate_model::{Field, Holds, Kind, PartTable, Relationship, Table, Unlisted};

use super::{Column, TableMetadata};
use crate::kinds::tables_of;
use crate::kinds::target_table;

/// The consequence of a difference for a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Values would be read, compared or written wrongly, so nothing of the kind is planned.
    Stops,
    /// The server reports an error if a value does not fit.
    Warns,
    /// Something is missing. The plan reports it if a manifest needs it.
    Missing,
}

/// A difference between a definition and the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The field, set or part; empty for the table.
    pub word: String,
    /// The difference, as a sentence.
    pub text: String,
    /// Its consequence for a plan.
    pub weight: Weight,
}

/// Returns every difference between the definition of a kind and the tables that were found.
#[must_use]
pub fn check(kind: Kind, found: &[TableMetadata]) -> Vec<Mismatch> {
    let mut differences = Vec::new();
    for table in tables_of(kind) {
        let part = Kind::part_tables().find(|part| part.table == table);
        let word = part
            .and_then(|part| word_of(kind, part))
            .unwrap_or_default();
        let Some(found) = found.iter().find(|found| found.logical == table.logical) else {
            let text = format!("the environment has no table `{}`", table.logical);
            differences.push(Mismatch {
                word: word.to_owned(),
                text,
                weight: Weight::Missing,
            });
            continue;
        };
        let mut differs = of_table(kind, table, part, found);
        for field in fields(kind, part) {
            differs.extend(of_field(field, found));
        }
        differences.extend(differs.into_iter().map(|(inner, text, weight)| {
            let path = [word, inner].into_iter().filter(|word| !word.is_empty());
            Mismatch {
                word: path.collect::<Vec<_>>().join("."),
                text,
                weight,
            }
        }));
    }
    differences
}

type Found = (&'static str, String, Weight);

/// The field of a kind that contains a part.
fn word_of(kind: Kind, part: &PartTable) -> Option<&'static str> {
    let mut fields = kind.fields().iter();
    let field =
        fields.find(|field| matches!(field.holds, Holds::Parts(own) if own.table == part.table))?;
    Some(field.word)
}

/// The fields of one of a kind's tables.
fn fields(kind: Kind, part: Option<&'static PartTable>) -> Vec<&'static Field> {
    let definition = kind.definition();
    match part {
        Some(part) => part.fields.iter().collect(),
        None => {
            let own = definition.fields.iter().chain([definition.name]);
            let told = definition
                .also
                .iter()
                .chain(definition.rows.iter().map(|row| row.field))
                .chain(definition.protected_rows.iter().map(|row| row.field));
            own.chain(told)
                .filter(|field| !matches!(field.holds, Holds::Parts(_)))
                .collect()
        }
    }
}

fn of_table(
    kind: Kind,
    table: &Table,
    part: Option<&PartTable>,
    found: &TableMetadata,
) -> Vec<Found> {
    let mut differs = Vec::new();
    if let Some(why) = unfit(found) {
        differs.push(("", format!("`{}` is {why}", table.logical), Weight::Stops));
    }
    for (what, ours, theirs) in [
        ("entitySet", table.set, &found.set),
        ("primaryKey", table.key, &found.key),
    ] {
        if ours != theirs {
            differs.push((
                "",
                format!("`{what}` is `{theirs}` here, not `{ours}`"),
                Weight::Stops,
            ));
        }
    }
    if table.component != found.is_component {
        // Unless the managed state is read, rows of managed solutions look like any other rows and would be deleted with them.
        let deletable = match part {
            None => kind.definition().deletable,
            Some(part) => part.unlisted == Unlisted::Delete,
        };
        differs.push((
            "",
            format!(
                "`solutionComponent` is `{}` here, not `{}`",
                found.is_component, table.component
            ),
            match found.is_component && deletable {
                true => Weight::Stops,
                false => Weight::Warns,
            },
        ));
    }
    if let Some(part) = part {
        let ways = found
            .lookups
            .iter()
            .filter(|way| way.column == part.parent_column);
        let navigation = ways
            .filter(|way| way.target == part.parent.logical)
            .map(|way| way.navigation.as_str());
        match navigation.collect::<Vec<_>>().as_slice() {
            [] => differs.push((
                "",
                format!(
                    "`parent`: `{}` does not point to `{}` here",
                    part.parent_column, part.parent.logical
                ),
                Weight::Stops,
            )),
            [navigation, ..] if *navigation != part.parent_navigation => differs.push((
                "",
                format!(
                    "`parent`: `navigation` is `{navigation}` here, not `{}`",
                    part.parent_navigation
                ),
                Weight::Stops,
            )),
            _ => {}
        }
    }
    differs
}

/// Why the rows of a table cannot be resources.
pub(super) fn unfit(found: &TableMetadata) -> Option<&'static str> {
    if found.is_activity {
        Some("an activity, which is data of customers")
    } else if found.is_foreign {
        Some("virtual or elastic: its rows have other keys and no versions")
    } else {
        None
    }
}

fn of_field(field: &'static Field, found: &TableMetadata) -> Vec<Found> {
    let differs = match field.holds {
        Holds::Set { relationship, .. } => of_set(relationship, found),
        _ => {
            let mut columns = found.columns.iter();
            of_column(
                field,
                columns.find(|column| column.logical == field.column),
                found,
            )
        }
    };
    differs
        .into_iter()
        .map(|(text, weight)| (field.word, text, weight))
        .collect()
}

fn of_set(relationship: &Relationship, found: &TableMetadata) -> Vec<(String, Weight)> {
    let mut many = found.many.iter();
    let Some(many) = many.find(|many| many.schema == relationship.schema_name) else {
        let text = format!(
            "the table has no relationship `{}`",
            relationship.schema_name
        );
        return vec![(text, Weight::Missing)];
    };
    let set = many.intersect_set.as_deref();
    let sides = [
        (
            "`intersectSet`",
            relationship.intersect_set,
            set.unwrap_or(relationship.intersect_set),
        ),
        ("`ownColumn`", relationship.owner_column, &many.own_column),
        (
            "`memberColumn`",
            relationship.member_column,
            &many.member_column,
        ),
        (
            "the members' table",
            relationship.member.logical,
            &many.member,
        ),
    ];
    let differ = sides.into_iter().filter(|(_, ours, theirs)| ours != theirs);
    differ
        .map(|(what, ours, theirs)| {
            (
                format!("{what} is `{theirs}` here, not `{ours}`"),
                Weight::Stops,
            )
        })
        .collect()
}

fn of_column(
    field: &Field,
    column: Option<&Column>,
    table: &TableMetadata,
) -> Vec<(String, Weight)> {
    let name = field.column;
    let Some(column) = column else {
        return vec![(format!("the table has no column `{name}`"), Weight::Missing)];
    };
    if !fits(field, &column.kind) {
        let text = format!(
            "`{name}` is of type {} here, not {}",
            column.kind,
            said(field)
        );
        return vec![(text, Weight::Stops)];
    }
    let mut found = Vec::new();
    if column.computed {
        found.push((
            format!("the server computes `{name}`, so nobody can write it"),
            Weight::Stops,
        ));
    } else if !column.creatable && !column.updatable {
        found.push((format!("nobody can write `{name}`"), Weight::Stops));
    } else if !column.updatable && !field.create_only && field.is_written && field.word != "name" {
        let text =
            format!("`{name}` can only be written when the row is created; add `createOnly: true`");
        found.push((text, Weight::Stops));
    }
    if column.secured {
        found.push((
            format!("`{name}` is secured, so an empty value may only be hidden"),
            Weight::Stops,
        ));
    }
    if let (Some(ours), Some(theirs)) = (field.max_length, column.max_length)
        && i64::from(ours) > theirs
    {
        found.push((
            format!("`maxLength` is {theirs} here, not {ours}"),
            Weight::Warns,
        ));
    }
    if let (Some((smallest, greatest)), Some((least, most))) = (field.range, column.range)
        && (smallest < least || greatest > most)
    {
        let text = format!("numbers are {least} to {most} here, not {smallest} to {greatest}");
        found.push((text, Weight::Warns));
    }
    if let (Holds::Choice(options), Some(known)) = (field.holds, table.options.get(name)) {
        let is_unknown = |number: i64| known.iter().all(|(known, _)| *known != number);
        let unknown = options.iter().filter(|option| is_unknown(option.number));
        found.extend(unknown.map(|option| {
            (
                format!(
                    "there is no option {} (`{}`) here",
                    option.number, option.word
                ),
                Weight::Missing,
            )
        }));
    }
    if let Holds::Lookup { navigation, to } = field.holds {
        let ways: Vec<_> = table
            .lookups
            .iter()
            .filter(|lookup| lookup.column == name)
            .collect();
        let target = target_table(to).logical;
        match ways.iter().find(|lookup| lookup.target == target) {
            Some(way) if way.navigation != navigation => {
                let text = format!(
                    "`navigation` is `{}` here, not `{navigation}`",
                    way.navigation
                );
                found.push((text, Weight::Stops));
            }
            None if !ways.is_empty() => {
                let targets: Vec<&str> = ways.iter().map(|way| way.target.as_str()).collect();
                let text = format!(
                    "it points to `{}` here, not `{target}`",
                    targets.join("`, `")
                );
                found.push((text, Weight::Stops));
            }
            _ => {}
        }
    }
    found
}

/// Whether a column with this attribute type can store a field.
fn fits(field: &Field, found: &str) -> bool {
    let expected: &[&str] = match field.holds {
        Holds::Text | Holds::Json => &["String", "Memo", "EntityName"],
        Holds::Number => &["Integer", "BigInt"],
        Holds::Option => &["Picklist", "State", "Status", "Integer", "BigInt"],
        Holds::Flag => &["Boolean"],
        Holds::Choice(_) => &["Picklist", "State", "Status"],
        Holds::Lookup { .. } => &["Lookup", "Customer"],
        Holds::Status(_) => &["State"],
        Holds::Owner => &["Owner"],
        _ => return true,
    };
    expected.contains(&found)
}

/// The type that a definition states, in its own words.
fn said(field: &Field) -> &'static str {
    match field.holds {
        Holds::Number | Holds::Option => "number",
        Holds::Flag => "flag",
        Holds::Choice(_) => "choice",
        Holds::Lookup { .. } => "lookup",
        Holds::Json => "json",
        Holds::Status(_) => "status",
        Holds::Owner => "owner",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Metadata of a built-in table for tests that do not depend on its columns.
    fn found(kind: Kind) -> TableMetadata {
        let table = kind.table();
        TableMetadata {
            logical: table.logical.to_owned(),
            set: table.set.to_owned(),
            key: table.key.to_owned(),
            is_component: table.component,
            ..TableMetadata::default()
        }
    }

    fn stops(kind: Kind, found: TableMetadata) -> Vec<String> {
        let all = check(kind, &[found]).into_iter();
        all.filter(|one| one.weight == Weight::Stops)
            .map(|one| one.text)
            .collect()
    }

    #[test]
    fn activities_and_tables_kept_elsewhere_are_no_resources() {
        let kind = Kind::PANE_TOOL;
        assert_eq!(stops(kind, found(kind)), Vec::<String>::new());
        let activity = TableMetadata {
            is_activity: true,
            ..found(kind)
        };
        assert!(stops(kind, activity)[0].contains("an activity"));
        let foreign = TableMetadata {
            is_foreign: true,
            ..found(kind)
        };
        assert!(stops(kind, foreign)[0].contains("virtual or elastic"));
    }

    #[test]
    fn what_nobody_can_write_or_see_stops_a_kind() {
        let kind = Kind::PANE_TOOL;
        let name = kind.fields()[0].column;
        let column = |change: fn(&mut Column)| {
            let mut column = Column {
                logical: name.to_owned(),
                kind: "String".to_owned(),
                creatable: true,
                updatable: true,
                readable: true,
                ..Column::default()
            };
            change(&mut column);
            TableMetadata {
                columns: vec![column],
                ..found(kind)
            }
        };
        assert_eq!(stops(kind, column(|_| {})), Vec::<String>::new());
        for (change, said) in [
            (
                (|column| column.computed = true) as fn(&mut Column),
                "the server computes",
            ),
            (|column| column.secured = true, "is secured"),
            (|column| column.updatable = false, "createOnly: true"),
            (
                |column| (column.creatable, column.updatable) = (false, false),
                "nobody can write",
            ),
            (
                |column| "Integer".clone_into(&mut column.kind),
                "is of type Integer",
            ),
        ] {
            let stops = stops(kind, column(change));
            assert!(stops[0].contains(said), "{said}: {stops:?}");
        }
    }
}
