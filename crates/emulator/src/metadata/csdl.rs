//! `$metadata`: the schema as CSDL.

use std::fmt::Write;

use crate::schema::{Column, Kind, Navigation, Schema, Table};

/// The complete document. `annotated` adds annotations for read-only columns.
pub(crate) fn document(schema: &Schema, annotated: bool) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\">\n<edmx:DataServices>\n<Schema Namespace=\"Microsoft.Dynamics.CRM\" Alias=\"mscrm\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">\n<EntityType Name=\"crmbaseentity\" Abstract=\"true\" />\n<ComplexType Name=\"BooleanManagedProperty\">\n<Property Name=\"Value\" Type=\"Edm.Boolean\" Nullable=\"false\" />\n<Property Name=\"CanBeChanged\" Type=\"Edm.Boolean\" Nullable=\"false\" />\n<Property Name=\"ManagedPropertyLogicalName\" Type=\"Edm.String\" Unicode=\"false\" />\n</ComplexType>\n",
    );
    text.push_str(OPERATIONS);
    let tables: Vec<&Table> = schema.visible().collect();
    for table in &tables {
        entity_type(&mut text, schema, table, annotated);
    }
    text.push_str("<EntityContainer Name=\"System\">\n");
    for table in &tables {
        entity_set(&mut text, schema, table);
    }
    for (line, kind) in OPERATIONS.lines().filter_map(unbound) {
        let _ = writeln!(
            text,
            "<{kind}Import Name=\"{line}\" {kind}=\"Microsoft.Dynamics.CRM.{line}\" />"
        );
    }
    text.push_str("</EntityContainer>\n</Schema>\n</edmx:DataServices>\n</edmx:Edmx>\n");
    text
}

/// The functions, actions and types that the emulator has besides its tables.
const OPERATIONS: &str = include_str!("../../metadata/operations.xml");

/// The name and kind of an operation that is bound to no table, if its definition begins in this line.
fn unbound(line: &'static str) -> Option<(&'static str, &'static str)> {
    let kind = ["Function", "Action"]
        .into_iter()
        .find(|kind| line.starts_with(&format!("<{kind} ")))?;
    let (name, _) = line.split_once("Name=\"")?.1.split_once('"')?;
    (!line.contains("IsBound")).then_some((name, kind))
}

fn edm(column: &Column) -> &'static str {
    match column.kind {
        Kind::Text | Kind::Memo | Kind::EntityName => "Edm.String",
        Kind::Integer | Kind::Choice | Kind::State | Kind::Status => "Edm.Int32",
        Kind::BigInteger => "Edm.Int64",
        Kind::Decimal => "Edm.Decimal",
        Kind::Double => "Edm.Double",
        Kind::Flag => "Edm.Boolean",
        Kind::DateTime if column.date_only => "Edm.Date",
        Kind::DateTime => "Edm.DateTimeOffset",
        Kind::Id | Kind::Lookup | Kind::Owner => "Edm.Guid",
        Kind::Managed => "mscrm.BooleanManagedProperty",
    }
}

fn target_name(schema: &Schema, navigation: Navigation) -> Option<&str> {
    match navigation {
        Navigation::Lookup {
            target: Some(target),
            ..
        } => Some(schema.table(target).name.as_str()),
        Navigation::Lookup { target: None, .. } => Some("principal"),
        Navigation::Children { table, .. } => Some(schema.table(table).name.as_str()),
        Navigation::Many { relation, side } => Some(
            schema
                .table(schema.many_to_many[relation].tables[1 - side])
                .name
                .as_str(),
        ),
    }
}

/// The navigation property of the other table for the same relationship.
fn partner<'s>(
    schema: &'s Schema,
    table: &'s Table,
    name: &str,
    navigation: Navigation,
) -> Option<&'s str> {
    match navigation {
        Navigation::Lookup { column, .. } => {
            let mut targets = table.columns[column].targets.iter();
            let target = targets.find(|target| target.navigation == name)?;
            let known = &schema.table(target.table).navigation;
            known
                .contains_key(&target.collection)
                .then_some(target.collection.as_str())
        }
        Navigation::Children {
            table: child,
            column,
        } => {
            let mut targets = schema.table(child).columns[column].targets.iter();
            let target = targets.find(|target| target.collection == name)?;
            Some(target.navigation.as_str())
        }
        Navigation::Many { .. } => None,
    }
}

// Writing to a `String` cannot fail, so the results of `write!` are ignored.
fn entity_type(text: &mut String, schema: &Schema, table: &Table, annotated: bool) {
    let _ = writeln!(
        text,
        "<EntityType Name=\"{}\" BaseType=\"mscrm.{}\">",
        table.name,
        match table.principal {
            None => "crmbaseentity",
            Some(_) => "principal",
        }
    );
    if table.principal.is_none() {
        let _ = writeln!(
            text,
            "<Key>\n<PropertyRef Name=\"{}\" />\n</Key>",
            table.key_name()
        );
    }
    let is_own = |column: &&Column| !column.hidden && !column.inherited;
    for column in table.columns.iter().filter(is_own) {
        let (property, kind) = (column.property(), edm(column));
        let computed = column.read_only || column.kind.is_lookup();
        if annotated && computed {
            let _ = writeln!(
                text,
                "<Property Name=\"{property}\" Type=\"{kind}\">\n<Annotation Term=\"Org.OData.Core.V1.Computed\" Bool=\"true\" />\n</Property>"
            );
        } else {
            let _ = writeln!(text, "<Property Name=\"{property}\" Type=\"{kind}\" />");
        }
    }
    for (name, navigation) in &table.navigation {
        let Some(target) = target_name(schema, *navigation) else {
            continue;
        };
        let partner = partner(schema, table, name, *navigation);
        let partner = partner.map_or(String::new(), |partner| format!(" Partner=\"{partner}\""));
        if let Navigation::Lookup { column, .. } = navigation {
            let key = match target {
                "principal" => Some("ownerid"),
                target => schema.named(target).map(|id| schema.table(id).key_name()),
            };
            let _ = writeln!(
                text,
                "<NavigationProperty Name=\"{name}\" Type=\"mscrm.{target}\" Nullable=\"false\"{partner}>\n<ReferentialConstraint Property=\"{}\" ReferencedProperty=\"{}\" />\n</NavigationProperty>",
                table.columns[*column].property(),
                key.unwrap_or_default()
            );
        } else {
            let _ = writeln!(
                text,
                "<NavigationProperty Name=\"{name}\" Type=\"Collection(mscrm.{target})\"{partner} />"
            );
        }
    }
    text.push_str("</EntityType>\n");
}

fn entity_set(text: &mut String, schema: &Schema, table: &Table) {
    let _ = writeln!(
        text,
        "<EntitySet Name=\"{}\" EntityType=\"Microsoft.Dynamics.CRM.{}\">",
        table.set, table.name
    );
    for (name, navigation) in &table.navigation {
        let Some(target) = target_name(schema, *navigation).and_then(|name| schema.named(name))
        else {
            continue;
        };
        let _ = writeln!(
            text,
            "<NavigationPropertyBinding Path=\"{name}\" Target=\"{}\" />",
            schema.table(target).set
        );
    }
    text.push_str("</EntitySet>\n");
}
