//! Drafts a definition: everything that the metadata provides, and an open question wherever it provides nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use deskstate_model::inert::escaped;
use deskstate_model::{Kind, denied_table, yaml_scalar};

use super::{Column, Lookup, TableMetadata, TableNames};

/// Columns that every table has and the server maintains.
const KEPT_BY_SERVER: &[&str] = &[
    "importsequencenumber",
    "overriddencreatedon",
    "timezoneruleversionnumber",
    "utcconversiontimezonecode",
];

/// Drafts the definition of a kind for a table, with comments. People have to decide what identifies a row; until then, the definition is
/// rejected. The same metadata always gives the same text.
#[must_use]
pub fn draft(table: &TableMetadata) -> String {
    let mut out = String::new();
    let mut used = BTreeSet::new();
    let mut left_out = Vec::new();
    let mut fields = String::new();
    for column in table.columns.iter().filter(|column| !column.of_another) {
        if column.logical == table.key {
            continue;
        }
        match field(column, table) {
            Ok(lines) => {
                let word = word(&column.schema, &column.logical, &mut used);
                line(&mut fields, 4, &format!("{}:", yaml_scalar(&word)));
                for text in lines {
                    line(&mut fields, 6, &text);
                }
            }
            Err(why) => left_out.push(format!("{}: {why}", column.logical)),
        }
    }
    let mut sets = String::new();
    for many in &table.many {
        let member = kind_of(&many.member);
        match (member, &many.intersect_set) {
            (Some(to), Some(set)) => {
                let word = word(&many.schema, &many.schema, &mut used);
                line(&mut sets, 4, &format!("{}:", yaml_scalar(&word)));
                let values = [
                    ("relationship", many.schema.as_str()),
                    ("intersectSet", set),
                    ("to", to),
                    ("ownColumn", &many.own_column),
                    ("memberColumn", &many.member_column),
                ];
                for (key, value) in values {
                    line(&mut sets, 6, &format!("{key}: {}", yaml_scalar(value)));
                }
            }
            (None, _) => left_out.push(format!(
                "{}: no kind is defined for its members, `{}`",
                many.schema, many.member
            )),
            (_, None) => left_out.push(format!(
                "{}: the environment does not show its entity set",
                many.schema
            )),
        }
    }
    let title = if table.label.is_empty() {
        &table.logical
    } else {
        &table.label
    };
    comment(
        &mut out,
        0,
        &format!(
            "Drafted from the metadata of `{}`. Read it line by line: metadata does not say what the product does.",
            table.logical
        ),
    );
    line(
        &mut out,
        0,
        "apiVersion: deskstate/v1\nkind: KindDefinition",
    );
    line(
        &mut out,
        0,
        &format!("metadata: {{name: {}}}", yaml_scalar(&kind_word(title))),
    );
    line(&mut out, 0, "spec:\n  version: \"1\"");
    line(&mut out, 2, &format!("title: {}", yaml_scalar(title)));
    line(
        &mut out,
        2,
        &format!("description: {}", yaml_scalar(&format!("Rows of {title}."))),
    );
    for (key, value) in [
        ("table", &table.logical),
        ("entitySet", &table.set),
        ("primaryKey", &table.key),
        ("primaryName", &table.name),
    ] {
        if !value.is_empty() {
            line(&mut out, 2, &format!("{key}: {}", yaml_scalar(value)));
        }
    }
    if let Some(why) = super::check::unfit(table) {
        comment(
            &mut out,
            2,
            &format!("This table is {why}. No kind of it can be planned."),
        );
    }
    identity(table, &mut out);
    line(
        &mut out,
        2,
        &format!("solutionComponent: {}", table.is_component),
    );
    comment(&mut out, 2, "No row is ever deleted unless this is true.");
    line(&mut out, 2, "deletable: false");
    line(
        &mut out,
        2,
        if fields.is_empty() {
            "fields: {}"
        } else {
            "fields:"
        },
    );
    out.push_str(&fields);
    if !sets.is_empty() {
        line(&mut out, 2, "sets:");
        out.push_str(&sets);
    }
    if !left_out.is_empty() {
        comment(&mut out, 2, "Left out:");
        for what in left_out {
            comment(&mut out, 2, &format!("- {what}"));
        }
    }
    out
}

/// Candidates for the identity of a row. People have to choose one.
fn identity(table: &TableMetadata, out: &mut String) {
    comment(
        out,
        2,
        "What finds a row in every environment? Metadata cannot tell. Choose a text column whose value is unique, is the same",
    );
    comment(
        out,
        2,
        "everywhere and never changes, and remove it from `fields`. Until `identity` is stated, the definition is refused.",
    );
    for key in &table.keys {
        let state = if key.is_active {
            "active"
        } else {
            "not active"
        };
        comment(
            out,
            2,
            &format!(
                "- alternate key `{}` ({state}): {}",
                key.name,
                key.columns.join(", ")
            ),
        );
    }
    let name = table
        .columns
        .iter()
        .find(|column| column.logical == table.name);
    if let Some(name) = name {
        comment(
            out,
            2,
            &format!(
                "- `{}` is what people see as the name; two rows may share it",
                name.logical
            ),
        );
    }
    let longest = name.and_then(|name| name.max_length).unwrap_or(100);
    let column = if table.name.is_empty() {
        "COLUMN"
    } else {
        &table.name
    };
    comment(
        out,
        2,
        &format!("identity: {{column: {column}, maxLength: {longest}}}"),
    );
}

/// The lines of a field, or why the column cannot be a field.
fn field(column: &Column, table: &TableMetadata) -> Result<Vec<String>, String> {
    let Column {
        logical,
        kind,
        label,
        description,
        ..
    } = column;
    let says = format!("{label} {description}").to_lowercase();
    for hint in [
        "(deprecated)",
        "deprecated",
        "currently unused",
        "dummy field",
    ] {
        if says.contains(hint) {
            return Err(format!("its label or description says \"{hint}\""));
        }
    }
    if !column.readable {
        return Err("it cannot be read".to_owned());
    }
    if column.computed {
        return Err("the server computes it".to_owned());
    }
    if column.secured {
        return Err("it is secured, so an empty value may only be hidden".to_owned());
    }
    if KEPT_BY_SERVER.contains(&logical.as_str()) || (!column.creatable && !column.updatable) {
        return Err("the server keeps it".to_owned());
    }
    let mut lines = vec![format!("column: {}", yaml_scalar(logical))];
    let mut typed = |word: &str| lines.push(format!("type: {word}"));
    match kind.as_str() {
        "String" | "Memo" => {
            typed("text");
            if let Some(max) = column
                .max_length
                .filter(|max| (1..=1_048_576).contains(max))
            {
                lines.push(format!("maxLength: {max}"));
            }
        }
        "Integer" | "BigInt" => {
            typed("number");
            if let Some((smallest, greatest)) = column.range {
                lines.push(format!("minimum: {smallest}"));
                lines.push(format!("maximum: {greatest}"));
            }
        }
        "Boolean" => typed("flag"),
        "Picklist" => {
            let options = table
                .options
                .get(logical)
                .filter(|options| !options.is_empty());
            let options = options.ok_or("its options are not shown")?;
            typed("choice");
            lines.push("options:".to_owned());
            let mut used = BTreeSet::new();
            for (number, label) in options {
                let plain = if label.trim().is_empty() {
                    format!("Option{number}")
                } else {
                    label.trim().to_owned()
                };
                let word = if used.contains(&plain) {
                    format!("{plain} ({number})")
                } else {
                    plain
                };
                lines.push(format!("  {}: {number}", yaml_scalar(&word)));
                used.insert(word);
            }
        }
        "Lookup" | "Customer" => {
            let ways: Vec<_> = table
                .lookups
                .iter()
                .filter(|lookup| lookup.column == *logical)
                .collect();
            let known = ways
                .iter()
                .find_map(|way| Some((yaml_scalar(kind_of(&way.target)?), *way)));
            // The rows of a table without a kind are found by name.
            let named = || match ways.as_slice() {
                [way] => Some((by_name(way)?, *way)),
                _ => None,
            };
            let targets: Vec<&str> = ways.iter().map(|way| way.target.as_str()).collect();
            let (to, way) = known.or_else(named).ok_or_else(|| {
                format!(
                    "no kind is defined for the table that it refers to, `{}`, and its rows cannot be found by name",
                    targets.join("`, `")
                )
            })?;
            typed("lookup");
            lines.push(format!("to: {to}"));
            lines.push(format!("navigation: {}", yaml_scalar(&way.navigation)));
        }
        "State" => typed("status"),
        "Owner" => typed("owner"),
        "Status" => return Err("it follows from `statecode`".to_owned()),
        other => return Err(format!("columns of type {other} cannot be declared")),
    }
    let text = if label.is_empty() { description } else { label };
    if !text.is_empty() && !["State", "Owner"].contains(&kind.as_str()) {
        let text: String = text.chars().take(1000).collect();
        lines.push(format!("description: {}", yaml_scalar(&text)));
    }
    if column.required && column.creatable && !["State", "Owner"].contains(&kind.as_str()) {
        lines.push("required: true".to_owned());
    }
    if !column.updatable {
        lines.push("createOnly: true".to_owned());
    }
    Ok(lines)
}

/// A table whose rows a lookup finds by name. Tables of customer data, access and code are left out.
fn by_name(way: &Lookup) -> Option<String> {
    let TableNames { set, key, name } = way.names.as_ref()?;
    if name.is_empty() || denied_table(&way.target).is_some() {
        return None;
    }
    let values = [&way.target, set, key, name].map(|value| yaml_scalar(value));
    let [table, set, key, name] = values;
    Some(format!(
        "{{table: {table}, entitySet: {set}, primaryKey: {key}, name: {name}}}"
    ))
}

/// The name of the kind whose rows are in a table.
fn kind_of(table: &str) -> Option<&'static str> {
    if table == "systemuser" {
        return Some("User");
    }
    Kind::all()
        .find(|kind| kind.table().logical == table)
        .map(Kind::as_str)
}

/// Converts `contoso_IsDesk` to `isDesk`. If the word is already used, the complete column name is used.
fn word(schema: &str, logical: &str, used: &mut BTreeSet<String>) -> String {
    let own = schema.split_once('_').map_or(schema, |(_, own)| own);
    let mut word = String::new();
    let mut raise = false;
    for character in own.chars() {
        if !character.is_ascii_alphanumeric() {
            raise = !word.is_empty();
        } else if word.is_empty() {
            word.push(character.to_ascii_lowercase());
        } else {
            word.push(if raise {
                character.to_ascii_uppercase()
            } else {
                character
            });
            raise = false;
        }
    }
    word = match logical {
        "statecode" => "status".to_owned(),
        "ownerid" => "owner".to_owned(),
        _ if word.is_empty() => logical.to_owned(),
        _ => word,
    };
    if !used.insert(word.clone()) {
        logical.clone_into(&mut word);
        used.insert(word.clone());
    }
    word
}

/// Converts `Capacity Profile` to `CapacityProfile`.
fn kind_word(title: &str) -> String {
    let words = title.split(|character: char| !character.is_ascii_alphanumeric());
    let joined: String = words
        .filter(|word| !word.is_empty())
        .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
        .collect();
    let fits = joined.starts_with(|first: char| first.is_ascii_uppercase())
        && (2..=50).contains(&joined.len());
    if fits { joined } else { "NewKind".to_owned() }
}

fn line(out: &mut String, indent: usize, text: &str) {
    let _ = writeln!(out, "{:indent$}{text}", "");
}

fn comment(out: &mut String, indent: usize, text: &str) {
    line(out, indent, &format!("# {}", escaped(text)));
}
