//! Where the definition of a kind is not what the environment's metadata says.

use deskstate_model::{Field, Holds, Kind, Relationship};

use super::{Column, TableMetadata};
use crate::plan::defined::{columns, fits, said};

/// Every difference between the definition of a kind and the tables that are found, as sentences.
#[must_use]
pub fn check(kind: Kind, found: &[TableMetadata]) -> Vec<String> {
    let mut differences = Vec::new();
    let parts = kind.fields().iter().filter_map(|field| match field.holds {
        Holds::Parts(part) => Some((format!("`{}`: ", field.word), part.table)),
        _ => None,
    });
    for (of, table) in std::iter::once((String::new(), kind.table())).chain(parts) {
        let Some(found) = found.iter().find(|found| found.logical == table.logical) else {
            differences.push(format!(
                "{of}the environment has no table `{}`",
                table.logical
            ));
            continue;
        };
        for (what, ours, theirs) in [
            ("entitySet", table.set, &found.set),
            ("primaryKey", table.key, &found.key),
        ] {
            if ours != theirs {
                differences.push(format!("{of}`{what}` is `{theirs}` here, not `{ours}`"));
            }
        }
        if table.component != found.is_component && of.is_empty() {
            differences.push(format!(
                "`solutionComponent` is `{}` here, not `{}`",
                found.is_component, table.component
            ));
        }
        let fields = columns(kind).filter(|(of, _)| *of == table);
        for (_, field) in fields {
            let said = match field.holds {
                Holds::Set { relationship, .. } => set_differs(field, relationship, found),
                _ => {
                    let mut columns = found.columns.iter();
                    let column = columns.find(|column| column.logical == field.column);
                    column_differs(field, column, found)
                }
            };
            differences.extend(said.into_iter().map(|text| format!("{of}{text}")));
        }
    }
    differences
}

fn set_differs(field: &Field, relationship: &Relationship, found: &TableMetadata) -> Vec<String> {
    let word = field.word;
    let mut many = found.many.iter();
    let Some(many) = many.find(|many| many.schema == relationship.schema_name) else {
        return vec![format!(
            "`{word}`: the table has no relationship `{}`",
            relationship.schema_name
        )];
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
        .map(|(what, ours, theirs)| format!("`{word}`: {what} is `{theirs}` here, not `{ours}`"))
        .collect()
}

fn column_differs(field: &Field, column: Option<&Column>, table: &TableMetadata) -> Vec<String> {
    let word = field.word;
    let Some(column) = column else {
        return vec![format!(
            "`{word}`: the table has no column `{}`",
            field.column
        )];
    };
    if !fits(field, &column.kind) {
        return vec![format!(
            "`{word}`: `{}` is of type {} here, not {}",
            field.column,
            column.kind,
            said(field)
        )];
    }
    let mut found = Vec::new();
    if column.computed {
        found.push(format!(
            "`{word}`: the server computes `{}`, so nobody can write it",
            field.column
        ));
    } else if !column.creatable && !column.updatable {
        found.push(format!("`{word}`: nobody can write `{}`", field.column));
    } else if !column.updatable && !field.create_only && field.is_written && word != "name" {
        found.push(format!(
            "`{word}`: `{}` can only be written when the row is created; add `createOnly: true`",
            field.column
        ));
    }
    if column.secured {
        found.push(format!(
            "`{word}`: `{}` is secured, so an empty value may only be hidden",
            field.column
        ));
    }
    if let (Some(ours), Some(theirs)) = (field.max_length, column.max_length)
        && i64::from(ours) > theirs
    {
        found.push(format!(
            "`{word}`: `maxLength` is {theirs} here, not {ours}"
        ));
    }
    if let (Some((smallest, greatest)), Some((least, most))) = (field.range, column.range)
        && (smallest < least || greatest > most)
    {
        found.push(format!(
            "`{word}`: numbers are {least} to {most} here, not {smallest} to {greatest}"
        ));
    }
    if let (Holds::Choice(options), Some(known)) = (field.holds, table.options.get(field.column)) {
        for option in options
            .iter()
            .filter(|option| known.iter().all(|(number, _)| *number != option.number))
        {
            found.push(format!(
                "`{word}`: there is no option {} (`{}`) here",
                option.number, option.word
            ));
        }
    }
    if let Holds::Lookup { navigation, to } = field.holds {
        let ways: Vec<_> = table
            .lookups
            .iter()
            .filter(|lookup| lookup.column == field.column)
            .collect();
        let target = crate::value::target_table(to).logical;
        match ways.iter().find(|lookup| lookup.target == target) {
            Some(way) if way.navigation != navigation => {
                found.push(format!(
                    "`{word}`: `navigation` is `{}` here, not `{navigation}`",
                    way.navigation
                ));
            }
            None if !ways.is_empty() => {
                let targets: Vec<&str> = ways.iter().map(|way| way.target.as_str()).collect();
                found.push(format!(
                    "`{word}`: it points to `{}` here, not `{target}`",
                    targets.join("`, `")
                ));
            }
            _ => {}
        }
    }
    found
}
