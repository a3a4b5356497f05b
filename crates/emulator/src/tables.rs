//! Reads the table files: the built-in ones and those of `--tables DIR`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;

use crate::schema::{
    AlternateKey, Column, Kind, LookupTarget, ManyToMany, Navigation, OnDelete, Ownership,
    Required, Schema, Table, TableId,
};
use crate::value::Value;

const BUILT_IN: &[&str] = &[
    include_str!("../tables/account.yaml"),
    include_str!("../tables/appmodule.yaml"),
    include_str!("../tables/audit.yaml"),
    include_str!("../tables/businessunit.yaml"),
    include_str!("../tables/canvasapp.yaml"),
    include_str!("../tables/contact.yaml"),
    include_str!("../tables/incident.yaml"),
    include_str!("../tables/msdyn_appconfiguration.yaml"),
    include_str!("../tables/msdyn_appcopilotconfiguration.yaml"),
    include_str!("../tables/msdyn_applicationextension.yaml"),
    include_str!("../tables/msdyn_applicationtabtemplate.yaml"),
    include_str!("../tables/msdyn_appprofilerolemapping.yaml"),
    include_str!("../tables/msdyn_channelprovider.yaml"),
    include_str!("../tables/msdyn_chtprofileconfiguration.yaml"),
    include_str!("../tables/msdyn_ciprovider.yaml"),
    include_str!("../tables/msdyn_componentlayer.yaml"),
    include_str!("../tables/msdyn_inboxconfiguration.yaml"),
    include_str!("../tables/msdyn_liveworkstream.yaml"),
    include_str!("../tables/msdyn_notificationfield.yaml"),
    include_str!("../tables/msdyn_notificationtemplate.yaml"),
    include_str!("../tables/msdyn_paneconfiguration.yaml"),
    include_str!("../tables/msdyn_panetabconfiguration.yaml"),
    include_str!("../tables/msdyn_panetoolconfiguration.yaml"),
    include_str!("../tables/msdyn_productivityagentscript.yaml"),
    include_str!("../tables/msdyn_productivityagentscriptstep.yaml"),
    include_str!("../tables/msdyn_sessiontemplate.yaml"),
    include_str!("../tables/msdyn_smartassistconfig.yaml"),
    include_str!("../tables/msdyn_templateparameter.yaml"),
    include_str!("../tables/msdyn_templatetags.yaml"),
    include_str!("../tables/organization.yaml"),
    include_str!("../tables/privilege.yaml"),
    include_str!("../tables/publisher.yaml"),
    include_str!("../tables/role.yaml"),
    include_str!("../tables/roleprivileges.yaml"),
    include_str!("../tables/savedquery.yaml"),
    include_str!("../tables/solution.yaml"),
    include_str!("../tables/solutioncomponent.yaml"),
    include_str!("../tables/systemform.yaml"),
    include_str!("../tables/systemuser.yaml"),
    include_str!("../tables/systemuserroles.yaml"),
    include_str!("../tables/team.yaml"),
    include_str!("../tables/teammembership.yaml"),
    include_str!("../tables/teamroles.yaml"),
    include_str!("../tables/usersettings.yaml"),
    include_str!("../tables/webresource.yaml"),
    include_str!("../tables/workflow.yaml"),
];
const GROUPS: &str = include_str!("../tables/_groups.yaml");
const RELATIONSHIPS: &str = include_str!("../tables/_relationships.yaml");

/// What is wrong with a table file.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// A file could not be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file or folder.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not a table file.
    #[error("`{path}` is not a table file: {source}")]
    Parse {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: serde_yaml::Error,
    },
    /// A file names something that no file defines.
    #[error("table `{table}` names {what} `{name}`, which no table file defines")]
    Unknown {
        /// Where it is named.
        table: String,
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    table: String,
    set: String,
    label: String,
    plural: String,
    #[serde(default)]
    ownership: OwnershipWord,
    key: String,
    name: Option<String>,
    #[serde(default)]
    component: bool,
    schema: Option<String>,
    privilege: Option<String>,
    #[serde(default)]
    with: Vec<String>,
    #[serde(default)]
    keys: BTreeMap<String, Vec<String>>,
    columns: Vec<ColumnFile>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum OwnershipWord {
    User,
    Business,
    Organization,
    #[default]
    None,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct ColumnFile {
    name: String,
    #[serde(rename = "type")]
    kind: KindWord,
    schema: Option<String>,
    label: Option<String>,
    #[serde(default)]
    required: RequiredWord,
    #[serde(default)]
    read_only: bool,
    #[serde(default)]
    localizable: bool,
    #[serde(default)]
    date_only: bool,
    #[serde(default)]
    indexed: bool,
    /// Kept, but never shown to a client.
    #[serde(default)]
    hidden: bool,
    length: Option<usize>,
    min: Option<f64>,
    max: Option<f64>,
    #[serde(default)]
    options: BTreeMap<OptionKey, String>,
    #[serde(default)]
    states: BTreeMap<i64, i64>,
    default: Option<DefaultWord>,
    global_choice: Option<String>,
    #[serde(default)]
    to: Vec<String>,
    nav: Option<String>,
    #[serde(default)]
    navs: BTreeMap<String, String>,
    relation: Option<RelationFile>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum OptionKey {
    Number(i64),
    Flag(bool),
}

impl<'de> Deserialize<'de> for OptionKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = OptionKey;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an option number, `true` or `false`")
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<OptionKey, E> {
                Ok(OptionKey::Number(number))
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<OptionKey, E> {
                i64::try_from(number)
                    .map(OptionKey::Number)
                    .map_err(E::custom)
            }
            fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<OptionKey, E> {
                Ok(OptionKey::Flag(flag))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<OptionKey, E> {
                match text {
                    "true" => Ok(OptionKey::Flag(true)),
                    "false" => Ok(OptionKey::Flag(false)),
                    other => other.parse().map(OptionKey::Number).map_err(E::custom),
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[derive(Clone)]
enum DefaultWord {
    Flag(bool),
    Number(i64),
}

impl<'de> Deserialize<'de> for DefaultWord {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match OptionKey::deserialize(deserializer)? {
            OptionKey::Number(number) => Ok(DefaultWord::Number(number)),
            OptionKey::Flag(flag) => Ok(DefaultWord::Flag(flag)),
        }
    }
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum KindWord {
    String,
    Memo,
    Integer,
    Bigint,
    Decimal,
    Double,
    Boolean,
    Choice,
    State,
    Status,
    Lookup,
    Owner,
    Datetime,
    Id,
    Managed,
    Entityname,
}

impl From<KindWord> for Kind {
    fn from(word: KindWord) -> Kind {
        match word {
            KindWord::String => Kind::Text,
            KindWord::Memo => Kind::Memo,
            KindWord::Integer => Kind::Integer,
            KindWord::Bigint => Kind::BigInteger,
            KindWord::Decimal => Kind::Decimal,
            KindWord::Double => Kind::Double,
            KindWord::Boolean => Kind::Flag,
            KindWord::Choice => Kind::Choice,
            KindWord::State => Kind::State,
            KindWord::Status => Kind::Status,
            KindWord::Lookup => Kind::Lookup,
            KindWord::Owner => Kind::Owner,
            KindWord::Datetime => Kind::DateTime,
            KindWord::Id => Kind::Id,
            KindWord::Managed => Kind::Managed,
            KindWord::Entityname => Kind::EntityName,
        }
    }
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
enum RequiredWord {
    #[default]
    None,
    Recommended,
    Application,
    System,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct RelationFile {
    schema: String,
    collection: Option<String>,
    #[serde(default)]
    collections: BTreeMap<String, String>,
    #[serde(default)]
    delete: DeleteWord,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "lowercase")]
enum DeleteWord {
    Cascade,
    Restrict,
    Keep,
    #[default]
    Empty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RelationshipFile {
    schema: String,
    tables: [String; 2],
    navs: [String; 2],
    intersect: String,
    /// Entity set and key of an intersect table that has no file of its own.
    set: Option<String>,
    key: Option<String>,
    columns: [String; 2],
    #[serde(default)]
    component: bool,
}

/// The built-in tables together with those of `folder`: one table per file, `_relationships.yaml` for links.
pub(crate) fn load(folder: Option<&Path>) -> Result<Schema, TablesError> {
    let groups: BTreeMap<String, Vec<ColumnFile>> = parse("_groups.yaml", GROUPS)?;
    let mut relationships: Vec<RelationshipFile> = parse("_relationships.yaml", RELATIONSHIPS)?;
    let mut files = Vec::new();
    for text in BUILT_IN {
        files.push(parse::<TableFile>("built-in table", text)?);
    }
    if let Some(folder) = folder {
        for (path, text) in read_folder(folder)? {
            if path.ends_with("_relationships.yaml") {
                relationships.extend(parse::<Vec<RelationshipFile>>(&path, &text)?);
            } else {
                let file: TableFile = parse(&path, &text)?;
                files.retain(|known| known.table != file.table);
                files.push(file);
            }
        }
    }
    for relationship in &relationships {
        if !files
            .iter()
            .any(|file| file.table == relationship.intersect)
        {
            files.push(intersect_file(relationship));
        }
    }
    files.sort_by(|a, b| a.table.cmp(&b.table));
    resolve(files, &groups, relationships)
}

fn parse<T: serde::de::DeserializeOwned>(path: &str, text: &str) -> Result<T, TablesError> {
    serde_yaml::from_str(text).map_err(|source| TablesError::Parse {
        path: path.to_owned(),
        source,
    })
}

fn read_folder(folder: &Path) -> Result<Vec<(String, String)>, TablesError> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |source| TablesError::Read { path, source }
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed(folder))? {
        let path = entry.map_err(failed(folder))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            paths.push(path);
        }
    }
    paths.sort();
    paths
        .iter()
        .map(|path| {
            Ok((
                path.display().to_string(),
                std::fs::read_to_string(path).map_err(failed(path))?,
            ))
        })
        .collect()
}

fn intersect_file(relationship: &RelationshipFile) -> TableFile {
    let id = |name: &str, indexed: bool| ColumnFile {
        indexed,
        ..plain_column(name, KindWord::Id)
    };
    let key = relationship
        .key
        .clone()
        .unwrap_or_else(|| format!("{}id", relationship.intersect));
    TableFile {
        table: relationship.intersect.clone(),
        set: relationship
            .set
            .clone()
            .unwrap_or_else(|| format!("{}set", relationship.intersect)),
        label: relationship.schema.clone(),
        plural: relationship.schema.clone(),
        ownership: OwnershipWord::None,
        columns: vec![
            id(&key, false),
            id(&relationship.columns[0], true),
            id(&relationship.columns[1], true),
            ColumnFile {
                read_only: true,
                ..plain_column("versionnumber", KindWord::Bigint)
            },
        ],
        key,
        name: None,
        component: relationship.component,
        schema: None,
        privilege: Some(String::new()),
        with: Vec::new(),
        keys: BTreeMap::new(),
    }
}

fn plain_column(name: &str, kind: KindWord) -> ColumnFile {
    ColumnFile {
        name: name.to_owned(),
        kind,
        schema: None,
        label: None,
        required: RequiredWord::None,
        read_only: false,
        localizable: false,
        date_only: false,
        indexed: false,
        hidden: false,
        length: None,
        min: None,
        max: None,
        options: BTreeMap::new(),
        states: BTreeMap::new(),
        default: None,
        global_choice: None,
        to: Vec::new(),
        nav: None,
        navs: BTreeMap::new(),
        relation: None,
    }
}

fn resolve(
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

fn unknown(table: &str, what: &'static str, name: &str) -> TablesError {
    TablesError::Unknown {
        table: table.to_owned(),
        what,
        name: name.to_owned(),
    }
}

fn resolve_table(
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
    Ok(Table {
        id,
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
        primary_name: file.name.as_deref().map(find).transpose()?,
        component: file.component,
        navigation: BTreeMap::new(),
        alternate_keys,
        intersect: None,
        referenced_by: Vec::new(),
        object_type_code: 10_000 + i64::from(id.0),
        name: file.table,
        columns,
        column_by_name,
    })
}

fn resolve_column(
    table: &str,
    file: ColumnFile,
    by_name: &HashMap<String, TableId>,
) -> Result<Column, TablesError> {
    let mut targets = Vec::new();
    for target in &file.to {
        let relation = file.relation.as_ref();
        let relationship = relation.map_or_else(
            || format!("{target}_{table}_{}", file.name),
            |relation| relation.schema.clone(),
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
        localizable: file.localizable,
        date_only: file.date_only,
        hidden: file.hidden,
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

/// Navigation properties of lookups, on both ends, and who points at whom.
fn link_lookups(schema: &mut Schema) {
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
                    // Every table has these; their collections would only drown the useful ones.
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

fn link_many_to_many(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_table_loads_and_its_links_resolve() {
        let schema = load(None).expect("built-in tables load");
        let session = schema.table(
            schema
                .named("msdyn_sessiontemplate")
                .expect("session templates"),
        );
        assert!(matches!(
            session.navigation["msdyn_anchortab"],
            Navigation::Lookup { .. }
        ));
        assert!(matches!(
            session.navigation["msdyn_sessiontemplate_applicationtab"],
            Navigation::Many { side: 0, .. }
        ));
        let pane_tab = schema.table(
            schema
                .named("msdyn_panetabconfiguration")
                .expect("pane tabs"),
        );
        assert!(
            pane_tab.navigation.contains_key("msdyn_ToolId"),
            "capitals as documented"
        );
        assert_eq!(
            schema
                .with_set("msdyn_msdyn_prod_agentscript_msdyn_sessiontemplset")
                .map(|id| schema.table(id).intersect.is_some()),
            Some(true)
        );
        assert_eq!(
            schema.with_set("systemuserrolescollection"),
            schema.named("systemuserroles")
        );
    }

    #[test]
    fn a_table_file_that_names_an_unknown_target_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(
            folder.path().join("x.yaml"),
            "table: x\nset: xs\nlabel: X\nplural: Xs\nkey: xid\ncolumns:\n- {name: xid, type: id}\n- {name: y, type: lookup, to: [nowhere]}\n",
        )
        .expect("written");
        let error = load(Some(folder.path())).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "table `x` names target `nowhere`, which no table file defines"
        );
    }
}
