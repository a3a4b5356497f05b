//! Turns table files into a schema: resolves names to positions, and adds navigation properties for lookups and links.

use std::collections::{BTreeMap, HashMap};

use super::TablesError;
use super::file::*;
use crate::schema::{
    AlternateKey, Column, CompletedBy, Completion, Kind, LookupTarget, ManyToMany, Navigation,
    OnDelete, Ownership, Protected, Required, Schema, Table, TableId,
};
use crate::value::Value;

pub(super) fn resolve(
    files: Vec<TableFile>,
    groups: &BTreeMap<String, Vec<ColumnFile>>,
    relationships: Vec<RelationshipFile>,
) -> Result<Schema, TablesError> {
    let mut by_name = HashMap::new();
    for (position, file) in files.iter().enumerate() {
        by_name.insert(
            file.table.clone(),
            TableId(u16::try_from(position).unwrap_or(u16::MAX)),
        );
    }
    let mut tables = Vec::with_capacity(files.len());
    for file in files {
        tables.push(resolve_table(file, groups, &by_name)?);
    }
    let by_set = tables
        .iter()
        .map(|table: &Table| (table.set.clone(), table.id))
        .collect();
    let mut schema = Schema {
        tables,
        many_to_many: Vec::new(),
        by_name,
        by_set,
    };
    link_lookups(&mut schema);
    link_many_to_many(&mut schema, relationships)?;
    Ok(schema)
}

pub(super) fn unknown(table: &str, what: &'static str, name: &str) -> TablesError {
    TablesError::Unknown {
        table: table.to_owned(),
        what,
        name: name.to_owned(),
    }
}

pub(super) fn resolve_table(
    file: TableFile,
    groups: &BTreeMap<String, Vec<ColumnFile>>,
    by_name: &HashMap<String, TableId>,
) -> Result<Table, TablesError> {
    let mut columns = Vec::new();
    for column in file.columns {
        columns.push(resolve_column(&file.table, column, by_name)?);
    }
    for group in &file.with {
        let members = groups
            .get(group)
            .ok_or_else(|| unknown(&file.table, "group", group))?;
        for column in members {
            columns.push(resolve_column(&file.table, column.clone(), by_name)?);
        }
    }
    let column_by_name: HashMap<String, usize> = columns
        .iter()
        .enumerate()
        .map(|(position, column)| (column.name.clone(), position))
        .collect();
    let find = |name: &str| {
        column_by_name
            .get(name)
            .copied()
            .ok_or_else(|| unknown(&file.table, "column", name))
    };
    let id = by_name[&file.table];
    let mut alternate_keys = Vec::new();
    for (name, members) in &file.keys {
        let columns = members
            .iter()
            .map(|member| find(member))
            .collect::<Result<_, _>>()?;
        alternate_keys.push(AlternateKey {
            name: name.clone(),
            columns,
        });
    }
    let protected = match file.protected {
        None => None,
        Some(protected) => Some(Protected {
            column: find(&protected.column)?,
            values: protected.values,
            except: protected
                .except
                .iter()
                .map(|name| find(name))
                .collect::<Result<_, _>>()?,
        }),
    };
    let mut completes = Vec::new();
    for completion in file.completes {
        let when = completion.when.into_iter();
        completes.push(Completion {
            column: find(&completion.column)?,
            when: when
                .map(|(name, value)| Ok((find(&name)?, value)))
                .collect::<Result<_, TablesError>>()?,
            by: match completion.creates {
                None => CompletedBy::Text(completion.value.unwrap_or_default()),
                Some(table) => CompletedBy::NewRow(
                    *by_name
                        .get(&table)
                        .ok_or_else(|| unknown(&file.table, "table", &table))?,
                    completion.with,
                ),
            },
        });
    }
    Ok(Table {
        id,
        protected,
        completes,
        schema_name: file.schema.unwrap_or_else(|| file.table.clone()),
        privilege: file.privilege.unwrap_or_else(|| file.table.clone()),
        set: file.set,
        label: file.label,
        plural: file.plural,
        ownership: match file.ownership {
            OwnershipWord::User => Ownership::User,
            OwnershipWord::Business => Ownership::Business,
            OwnershipWord::Organization => Ownership::Organization,
            OwnershipWord::None => Ownership::None,
        },
        key: find(&file.key)?,
        principal: columns.iter().position(|column| column.inherited),
        primary_name: file.name.as_deref().map(find).transpose()?,
        component: file.component,
        navigation: BTreeMap::new(),
        alternate_keys,
        intersect: None,
        referenced_by: Vec::new(),
        object_type_code: file.object_type_code.unwrap_or(10_000 + i64::from(id.0)),
        absent: false,
        name: file.table,
        columns,
        column_by_name,
    })
}

pub(super) fn resolve_column(
    table: &str,
    file: ColumnFile,
    by_name: &HashMap<String, TableId>,
) -> Result<Column, TablesError> {
    let mut targets = Vec::new();
    for target in &file.to {
        let relation = file.relation.as_ref();
        let relationship = relation.map_or_else(
            || format!("{target}_{table}_{}", file.name),
            |relation| {
                let named = relation.collections.get(target);
                named.unwrap_or(&relation.schema).replace("{table}", table)
            },
        );
        targets.push(LookupTarget {
            table: *by_name
                .get(target)
                .ok_or_else(|| unknown(table, "target", target))?,
            navigation: file
                .navs
                .get(target)
                .or(file.nav.as_ref())
                .unwrap_or(&file.name)
                .clone(),
            collection: relation
                .and_then(|relation| {
                    relation
                        .collections
                        .get(target)
                        .or(relation.collection.as_ref())
                })
                .unwrap_or(&relationship)
                .clone(),
            relationship,
            on_delete: match relation.map(|relation| relation.delete).unwrap_or_default() {
                DeleteWord::Cascade => OnDelete::Cascade,
                DeleteWord::Restrict => OnDelete::Restrict,
                DeleteWord::Keep => OnDelete::Keep,
                DeleteWord::Empty => OnDelete::Empty,
            },
        });
    }
    let mut options = BTreeMap::new();
    let mut flag_labels = ("No".to_owned(), "Yes".to_owned());
    for (key, label) in file.options {
        match key {
            OptionKey::Number(number) => {
                options.insert(number, label);
            }
            OptionKey::Flag(false) => flag_labels.0 = label,
            OptionKey::Flag(true) => flag_labels.1 = label,
        }
    }
    let kind = Kind::from(file.kind);
    Ok(Column {
        schema_name: file.schema.unwrap_or_else(|| file.name.clone()),
        label: file.label.unwrap_or_else(|| file.name.clone()),
        kind,
        required: match file.required {
            RequiredWord::None => Required::None,
            RequiredWord::Recommended => Required::Recommended,
            RequiredWord::Application => Required::Application,
            RequiredWord::System => Required::System,
        },
        read_only: file.read_only,
        create_only: file.create_only,
        fixed: file.fixed,
        only_expanded: file.only_expanded,
        localizable: file.localizable,
        date_only: file.date_only,
        hidden: file.hidden,
        inherited: file.inherited,
        length: file.length,
        min: file.min,
        max: file.max,
        options,
        flag_labels,
        default: file.default.map(|word| match word {
            DefaultWord::Flag(flag) => Value::Flag(flag),
            DefaultWord::Number(number) => Value::Int(number),
        }),
        global_choice: file.global_choice,
        states: file.states,
        indexed: file.indexed || kind.is_lookup() || file.name.ends_with("uniquename"),
        targets,
        name: file.name,
    })
}

/// Adds the navigation properties of lookups at both ends, and records which lookups refer to which table.
pub(super) fn link_lookups(schema: &mut Schema) {
    let mut found = Vec::new();
    for table in &schema.tables {
        for (position, column) in table.columns.iter().enumerate() {
            let shared = column.targets.len() > 1
                && column
                    .targets
                    .iter()
                    .all(|target| target.navigation == column.targets[0].navigation);
            for target in &column.targets {
                found.push((
                    table.id,
                    position,
                    target.table,
                    target.navigation.clone(),
                    target.collection.clone(),
                    target.on_delete,
                    shared,
                    // Every table has these columns; their collections would only hide the useful ones.
                    column.read_only || column.kind == Kind::Owner,
                ));
            }
        }
    }
    for (table, column, target, navigation, collection, on_delete, shared, quiet) in found {
        let lookup = Navigation::Lookup {
            column,
            target: (!shared).then_some(target),
        };
        schema.tables[usize::from(table.0)]
            .navigation
            .insert(navigation, lookup);
        let target = &mut schema.tables[usize::from(target.0)];
        let on_delete = if quiet { OnDelete::Keep } else { on_delete };
        target.referenced_by.push((table, column, on_delete));
        if !quiet {
            target
                .navigation
                .insert(collection, Navigation::Children { table, column });
        }
    }
}

pub(super) fn link_many_to_many(
    schema: &mut Schema,
    relationships: Vec<RelationshipFile>,
) -> Result<(), TablesError> {
    for file in relationships {
        let find = |name: &str| {
            schema
                .named(name)
                .ok_or_else(|| unknown(&file.schema, "table", name))
        };
        let tables = [find(&file.tables[0])?, find(&file.tables[1])?];
        let intersect = find(&file.intersect)?;
        let column = |name: &str| {
            schema
                .table(intersect)
                .position(name)
                .ok_or_else(|| unknown(&file.intersect, "column", name))
        };
        let columns = [column(&file.columns[0])?, column(&file.columns[1])?];
        let relation = schema.many_to_many.len();
        for (side, (table, navigation)) in tables.iter().zip(&file.navs).enumerate() {
            schema.tables[usize::from(table.0)]
                .navigation
                .insert(navigation.clone(), Navigation::Many { relation, side });
        }
        let table = &mut schema.tables[usize::from(intersect.0)];
        table.intersect = Some(relation);
        for position in columns {
            table.columns[position].indexed = true;
        }
        schema.many_to_many.push(ManyToMany {
            schema_name: file.schema,
            tables,
            navigation: file.navs,
            intersect,
            columns,
            component: file.component,
        });
    }
    Ok(())
}
