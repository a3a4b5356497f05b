//! Where the definition of a kind is not what the environment's metadata says.

use deskstate_model::{Field, Holds, Kind};

use super::{Column, TableMetadata};
use crate::plan::defined::{fits, said};

/// Every difference between the definition of a kind and its table, as sentences. `None` stands for a table that is not there.
pub fn check(kind: Kind, found: Option<&TableMetadata>) -> Vec<String> {
    let definition = kind.definition();
    let table = definition.table;
    let Some(found) = found else {
        return vec![format!("the environment has no table `{}`", table.logical)];
    };
    let mut said = Vec::new();
    let mut name = |what: &str, ours: &str, theirs: &str| {
        if ours != theirs {
            said.push(format!("`{what}` is `{theirs}` here, not `{ours}`"));
        }
    };
    name("entitySet", table.set, &found.set);
    name("primaryKey", table.key, &found.key);
    if table.component != found.is_component {
        said.push(format!(
            "`solutionComponent` is `{}` here, not `{}`",
            found.is_component, table.component
        ));
    }
    let given = definition.fields.iter().chain([definition.name]);
    for field in given.chain(definition.rows.iter().map(|row| row.field)) {
        match field.holds {
            Holds::Set { relationship, .. } => {
                let many = found
                    .many
                    .iter()
                    .find(|many| many.schema == relationship.schema_name);
                let Some(many) = many else {
                    said.push(format!(
                        "`{}`: the table has no relationship `{}`",
                        field.word, relationship.schema_name
                    ));
                    continue;
                };
                let mut side = |what: &str, ours: &str, theirs: &str| {
                    if ours != theirs {
                        said.push(format!(
                            "`{}`: {what} is `{theirs}` here, not `{ours}`",
                            field.word
                        ));
                    }
                };
                if let Some(set) = &many.intersect_set {
                    side("`intersectSet`", relationship.intersect_set, set);
                }
                side("`ownColumn`", relationship.owner_column, &many.own_column);
                side(
                    "`memberColumn`",
                    relationship.member_column,
                    &many.member_column,
                );
                side(
                    "the members' table",
                    relationship.member.logical,
                    &many.member,
                );
            }
            _ => {
                let column = found
                    .columns
                    .iter()
                    .find(|column| column.logical == field.column);
                said.extend(column_differs(field, column, found));
            }
        }
    }
    said
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
