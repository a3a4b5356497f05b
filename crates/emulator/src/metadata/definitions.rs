//! Tables, columns, option sets, keys and relationships as metadata items.

use std::sync::OnceLock;

use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::query::Shape;
use crate::schema::{Column, Kind, OnDelete, Ownership, Required, Schema, Table};
use crate::switches::Switches;

/// Namespace for the ids of metadata items.
pub(super) const IDS: Uuid = Uuid::from_u128(0x51c7_05d4_7a0f_4c0e_9d6b_2b1f_6a3e_8c11);

pub(super) fn metadata_id(of: &str) -> String {
    Uuid::new_v5(&IDS, of.as_bytes()).to_string()
}

pub(super) fn touches(item: &Json, table: &Table) -> bool {
    item["Entity1LogicalName"] == table.name.as_str()
        || item["Entity2LogicalName"] == table.name.as_str()
}

/// Which properties of an item are built.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    All,
    /// Those that a request reads; option sets are visible only through a cast.
    Of(&'a Shape),
}

impl Wanted<'_> {
    fn has(self, name: &str) -> bool {
        match self {
            Wanted::All => true,
            Wanted::Of(shape) => {
                shape.reads(name) && !matches!(name, "OptionSet" | "GlobalOptionSet")
            }
        }
    }
}

/// An item, as far as it is wanted.
struct Item<'a> {
    wanted: Wanted<'a>,
    properties: Map<String, Json>,
}

impl<'a> Item<'a> {
    /// Starts with the recorded properties of a kind of metadata.
    fn of(template: Template, wanted: Wanted<'a>) -> Item<'a> {
        let recorded = recorded(template).iter();
        let properties = recorded
            .filter(|(name, _)| wanted.has(name))
            .map(|(name, value)| (name.clone(), value.clone()));
        Item {
            wanted,
            properties: properties.collect(),
        }
    }

    /// Starts with the type.
    fn typed(kind: &str, template: Template, wanted: Wanted<'a>) -> Item<'a> {
        let mut item = Item {
            wanted,
            properties: Map::new(),
        };
        item.set("@odata.type", || {
            format!("#Microsoft.Dynamics.CRM.{kind}").into()
        });
        item.properties
            .extend(Item::of(template, wanted).properties);
        item
    }

    fn set(&mut self, name: &str, value: impl FnOnce() -> Json) {
        if self.wanted.has(name) {
            self.properties.insert(name.to_owned(), value());
        }
    }

    /// Sets properties that take no time to build.
    fn with(mut self, own: Json) -> Item<'a> {
        if let Json::Object(own) = own {
            let wanted = self.wanted;
            self.properties
                .extend(own.into_iter().filter(|(name, _)| wanted.has(name)));
        }
        self
    }

    fn done(self) -> Json {
        self.properties.into()
    }
}

/// Option sets are visible only through a cast.
pub(super) fn strip_casts(mut item: Json, cast: bool) -> Json {
    if let (false, Some(object)) = (cast, item.as_object_mut()) {
        object.shift_remove("OptionSet");
        object.shift_remove("GlobalOptionSet");
    }
    item
}

pub(super) fn label(text: &str) -> Json {
    let own = json!({"Label": text, "LanguageCode": 1033, "IsManaged": true, "MetadataId": metadata_id(text), "HasChanged": null});
    json!({"LocalizedLabels": [own], "UserLocalizedLabel": own})
}

/// A table without its expandable properties.
pub(super) fn entity(table: &Table, switches: &Switches, wanted: Wanted<'_>) -> Json {
    let ownership = match table.ownership {
        Ownership::User => "UserOwned",
        Ownership::Business => "BusinessOwned",
        Ownership::Organization => "OrganizationOwned",
        Ownership::None => "None",
    };
    let privileges = || {
        let rights = crate::security::Right::ALL.into_iter();
        let named = rights.filter_map(|right| {
            crate::security::privilege_name(table, right).map(|name| (right, name))
        });
        named
            .map(|(right, name)| json!({
                "CanBeBasic": true, "CanBeDeep": true, "CanBeGlobal": true, "CanBeLocal": true, "CanBeEntityReference": false,
                "CanBeParentEntityReference": false, "Name": name, "PrivilegeId": crate::seed::id_of("privilege", &name), "PrivilegeType": right.word(),
            }))
            .collect::<Vec<_>>()
            .into()
    };
    let mut item = Item::of(Template::Entity, wanted);
    item.set("MetadataId", || metadata_id(&table.name).into());
    item.set("LogicalName", || table.name.as_str().into());
    item.set("SchemaName", || table.schema_name.as_str().into());
    item.set("EntitySetName", || table.set.as_str().into());
    item.set("LogicalCollectionName", || table.set.as_str().into());
    item.set("CollectionSchemaName", || table.plural.as_str().into());
    item.set("ReportViewName", || {
        format!("Filtered{}", table.schema_name).into()
    });
    item.set("DisplayName", || label(&table.label));
    item.set("DisplayCollectionName", || label(&table.plural));
    item.set("Description", || label(""));
    item.set("PrimaryIdAttribute", || table.key_name().into());
    item.set("PrimaryNameAttribute", || {
        json!(table.primary_name.map(|column| &table.columns[column].name))
    });
    item.set("Privileges", privileges);
    item.with(json!({
        "ObjectTypeCode": table.object_type_code,
        "OwnershipType": ownership,
        "IsIntersect": table.intersect.is_some(),
        "IsCustomEntity": table.name.contains('_'),
        "IsSolutionAware": table.component,
        "IsStateModelAware": table.position("statecode").is_some(),
        "IsOptimisticConcurrencyEnabled": table.intersect.is_none() && !switches.no_optimistic_concurrency.contains(&table.name),
    }))
    .done()
}

/// The property names and default values of a kind of metadata, from `metadata/*.yaml`.
#[derive(Clone, Copy)]
enum Template {
    Entity,
    Attribute,
    OneToMany,
    ManyToMany,
}

fn recorded(of: Template) -> &'static Map<String, Json> {
    static READ: OnceLock<[Map<String, Json>; 4]> = OnceLock::new();
    let read = READ.get_or_init(|| {
        [
            include_str!("../../metadata/entity.yaml"),
            include_str!("../../metadata/attribute.yaml"),
            include_str!("../../metadata/one_to_many.yaml"),
            include_str!("../../metadata/many_to_many.yaml"),
        ]
        .map(|text| serde_yaml::from_str(text).expect("the built-in templates are objects"))
    });
    &read[of as usize]
}

/// Returns one expandable property of a table.
pub(super) fn expansion(
    schema: &Schema,
    switches: &Switches,
    table: &Table,
    name: &str,
    shape: Option<&Shape>,
) -> Option<Vec<Json>> {
    let wanted = shape.map_or(Wanted::All, Wanted::Of);
    Some(match name {
        "Attributes" => attributes(schema, table, wanted)
            .into_iter()
            .map(|item| strip_casts(item, false))
            .collect(),
        "Keys" => keys(table, switches),
        "ManyToManyRelationships" => relationships(schema, Some("ManyToManyRelationshipMetadata"))
            .into_iter()
            .filter(|item| touches(item, table))
            .collect(),
        "OneToManyRelationships" => one_to_many(schema, |_, referenced| {
            referenced.is_some_and(|referenced| referenced.name == table.name)
        }),
        "ManyToOneRelationships" => {
            one_to_many(schema, |referencing, _| referencing.name == table.name)
        }
        _ => return None,
    })
}

pub(super) fn type_names(column: &Column) -> (&'static str, &'static str) {
    match column.kind {
        Kind::Text => ("StringAttributeMetadata", "String"),
        Kind::Memo => ("MemoAttributeMetadata", "Memo"),
        Kind::Integer => ("IntegerAttributeMetadata", "Integer"),
        Kind::BigInteger => ("BigIntAttributeMetadata", "BigInt"),
        Kind::Decimal => ("DecimalAttributeMetadata", "Decimal"),
        Kind::Double => ("DoubleAttributeMetadata", "Double"),
        Kind::Flag => ("BooleanAttributeMetadata", "Boolean"),
        Kind::Choice => ("PicklistAttributeMetadata", "Picklist"),
        Kind::State => ("StateAttributeMetadata", "State"),
        Kind::Status => ("StatusAttributeMetadata", "Status"),
        Kind::Lookup => ("LookupAttributeMetadata", "Lookup"),
        Kind::Owner => ("LookupAttributeMetadata", "Owner"),
        Kind::DateTime => ("DateTimeAttributeMetadata", "DateTime"),
        Kind::Id => ("UniqueIdentifierAttributeMetadata", "Uniqueidentifier"),
        Kind::Managed => ("ManagedPropertyAttributeMetadata", "ManagedProperty"),
        Kind::EntityName => ("EntityNameAttributeMetadata", "EntityName"),
    }
}

pub(super) fn attributes(schema: &Schema, table: &Table, wanted: Wanted<'_>) -> Vec<Json> {
    table
        .columns
        .iter()
        .filter(|column| !column.hidden && !column.inherited)
        .map(|column| attribute(schema, table, column, wanted))
        .collect()
}

fn attribute(schema: &Schema, table: &Table, column: &Column, wanted: Wanted<'_>) -> Json {
    let (kind, word) = type_names(column);
    let level = match column.required {
        Required::None => "None",
        Required::Recommended => "Recommended",
        Required::Application => "ApplicationRequired",
        Required::System => "SystemRequired",
    };
    let is_key = column.name == table.key_name();
    let is_text = matches!(column.kind, Kind::Text | Kind::Memo);
    let mut item = Item::typed(kind, Template::Attribute, wanted);
    item.set("MetadataId", || {
        metadata_id(&format!("{}.{}", table.name, column.name)).into()
    });
    item.set("ColumnNumber", || json!(table.position(&column.name)));
    item.set("LogicalName", || column.name.as_str().into());
    item.set("SchemaName", || column.schema_name.as_str().into());
    item.set("EntityLogicalName", || table.name.as_str().into());
    item.set("AttributeType", || word.into());
    item.set(
        "AttributeTypeName",
        || json!({"Value": format!("{word}Type")}),
    );
    item.set("DisplayName", || label(&column.label));
    item.set("RequiredLevel", || json!({"Value": level, "CanBeChanged": true, "ManagedPropertyLogicalName": "canmodifyrequirementlevelsettings"}));
    item.set("IsPrimaryId", || is_key.into());
    item.set("IsPrimaryName", || {
        let primary = table.primary_name.map(|at| &table.columns[at].name);
        (primary == Some(&column.name)).into()
    });
    item.set("IsValidForCreate", || (!column.read_only).into());
    item.set("IsValidForUpdate", || {
        (!column.read_only && !column.create_only && !is_key).into()
    });
    item.set("IsCustomAttribute", || column.name.contains('_').into());
    item.set("IsFilterable", || true.into());
    item.set("IsSearchable", || is_text.into());
    if is_text {
        item.set("IsLocalizable", || column.localizable.into());
    }
    let mut item = item.with(own_properties(column));
    if let (Some(min), Some(max)) = (column.min, column.max) {
        item.set("MinValue", || json!(min));
        item.set("MaxValue", || json!(max));
    }
    if column.kind.is_lookup() {
        item.set("Targets", || {
            let targets = column.targets.iter();
            let names = targets.map(|target| schema.table(target.table).name.as_str());
            names.collect::<Vec<_>>().into()
        });
    }
    if column.kind.is_choice() || column.kind == Kind::Flag {
        item.set("DefaultFormValue", || {
            let default = column.default.as_ref();
            default.map_or(json!(-1), |value| value.json(""))
        });
        item.set("GlobalOptionSet", || {
            let is_global = column.global_choice.is_some();
            is_global.then(|| option_set(table, column)).into()
        });
        item.set("OptionSet", || option_set(table, column));
    }
    item.done()
}

/// The properties that only attributes of this type have, apart from options and targets.
fn own_properties(column: &Column) -> Json {
    let length = column.length.map_or(Json::Null, Json::from);
    match column.kind {
        Kind::Text => json!({
            "Format": "Text", "FormatName": {"Value": "Text"}, "ImeMode": "Auto", "MaxLength": length, "YomiOf": null,
            "DatabaseLength": column.length.map(|length| length * 2), "FormulaDefinition": "", "SourceTypeMask": 0,
        }),
        Kind::Memo => {
            json!({"Format": "TextArea", "FormatName": {"Value": "TextArea"}, "ImeMode": "Auto", "MaxLength": length})
        }
        Kind::Integer => json!({"Format": "None", "FormulaDefinition": "", "SourceTypeMask": 0}),
        Kind::Flag => json!({
            "DefaultValue": column.default.as_ref().map_or(json!(false), |value| value.json("")), "FormulaDefinition": "", "SourceTypeMask": 0,
        }),
        Kind::DateTime => json!({
            "Format": if column.date_only { "DateOnly" } else { "DateAndTime" }, "ImeMode": "Inactive",
            "DateTimeBehavior": {"Value": if column.date_only { "DateOnly" } else { "UserLocal" }},
            "CanChangeDateTimeBehavior": {"Value": false, "CanBeChanged": false, "ManagedPropertyLogicalName": "canchangedatetimebehavior"},
            "FormulaDefinition": "", "SourceTypeMask": 0,
            "MinSupportedValue": "1753-01-01T00:00:00Z", "MaxSupportedValue": "9999-12-30T23:59:59Z",
        }),
        Kind::Lookup | Kind::Owner => json!({"Format": "None"}),
        _ => json!({}),
    }
}

pub(super) fn option(value: i64, text: &str, state: Option<i64>) -> Json {
    let mut option =
        json!({"Value": value, "Label": label(text), "Color": null, "IsManaged": true});
    if let (Some(state), Some(object)) = (state, option.as_object_mut()) {
        object.insert("State".into(), state.into());
    }
    option
}

pub(super) fn option_set(table: &Table, column: &Column) -> Json {
    let name = column
        .global_choice
        .clone()
        .unwrap_or_else(|| format!("{}_{}", table.name, column.name));
    let id = metadata_id(&format!("optionset {name}"));
    if column.kind == Kind::Flag {
        return json!({
            "MetadataId": id, "Name": name, "IsGlobal": column.global_choice.is_some(), "OptionSetType": "Boolean",
            "FalseOption": option(0, &column.flag_labels.0, None), "TrueOption": option(1, &column.flag_labels.1, None),
        });
    }
    let options: Vec<Json> = column
        .options
        .iter()
        .map(|(value, text)| option(*value, text, column.states.get(value).copied()))
        .collect();
    let kind = match column.kind {
        Kind::State => "State",
        Kind::Status => "Status",
        _ => "Picklist",
    };
    json!({"MetadataId": id, "Name": name, "IsGlobal": column.global_choice.is_some(), "OptionSetType": kind, "Options": options})
}

pub(super) fn global_option_sets(schema: &Schema) -> Vec<Json> {
    let mut sets = std::collections::BTreeMap::new();
    for table in schema.visible() {
        for column in table
            .columns
            .iter()
            .filter(|column| column.global_choice.is_some() && !column.hidden)
        {
            sets.entry(column.global_choice.clone())
                .or_insert_with(|| option_set(table, column));
        }
    }
    sets.into_values().collect()
}

pub(super) fn keys(table: &Table, switches: &Switches) -> Vec<Json> {
    let mut keys: Vec<(String, Vec<String>)> = table
        .alternate_keys
        .iter()
        .map(|key| {
            (
                key.name.clone(),
                key.columns
                    .iter()
                    .map(|column| table.columns[*column].name.clone())
                    .collect(),
            )
        })
        .collect();
    if switches.unique_name_keys && table.position("msdyn_uniquename").is_some() {
        keys.push((
            format!("{}_uniquename_key", table.name),
            vec!["msdyn_uniquename".to_owned()],
        ));
    }
    keys.into_iter()
        .map(|(name, columns)| {
            json!({
                "MetadataId": metadata_id(&format!("key {name}")), "LogicalName": name, "SchemaName": name, "EntityLogicalName": table.name,
                "KeyAttributes": columns, "EntityKeyIndexStatus": "Active", "DisplayName": label(&name),
            })
        })
        .collect()
}

pub(super) fn relationships(schema: &Schema, cast: Option<&str>) -> Vec<Json> {
    let mut items = Vec::new();
    if cast.is_none_or(|cast| cast == "ManyToManyRelationshipMetadata") {
        for many in &schema.many_to_many {
            let [one, two] = many.tables.map(|table| schema.table(table));
            let intersect = schema.table(many.intersect);
            if intersect.absent {
                continue;
            }
            items.push(typed(
                "ManyToManyRelationshipMetadata",
                Template::ManyToMany,
                json!({
                    "MetadataId": metadata_id(&many.schema_name),
                    "SchemaName": many.schema_name,
                    "IntersectEntityName": intersect.name,
                    "Entity1LogicalName": one.name,
                    "Entity1IntersectAttribute": intersect.columns[many.columns[0]].name,
                    "Entity1NavigationPropertyName": many.navigation[0],
                    "Entity2LogicalName": two.name,
                    "Entity2IntersectAttribute": intersect.columns[many.columns[1]].name,
                    "Entity2NavigationPropertyName": many.navigation[1],
                    "IsCustomRelationship": many.schema_name.contains("msdyn_"),
                }),
            ));
        }
    }
    if cast.is_none_or(|cast| cast == "OneToManyRelationshipMetadata") {
        items.extend(one_to_many(schema, |_, _| true));
    }
    items
}

fn typed(kind: &str, of: Template, own: Json) -> Json {
    Item::typed(kind, of, Wanted::All).with(own).done()
}

/// The relationship of an owner, which refers to no table of its own.
fn owner(table: &Table, column: &Column) -> Json {
    let name = format!("owner_{}", table.name);
    typed(
        "OneToManyRelationshipMetadata",
        Template::OneToMany,
        json!({
            "MetadataId": metadata_id(&name),
            "SchemaName": name,
            "ReferencedEntity": "owner",
            "ReferencedAttribute": "ownerid",
            "ReferencedEntityNavigationPropertyName": name,
            "ReferencingEntity": table.name,
            "ReferencingAttribute": column.name,
            "ReferencingEntityNavigationPropertyName": column.name,
            "IsCustomRelationship": false,
            "SecurityTypes": "Append",
        }),
    )
}

/// The relationships of lookups, those that `only` takes by the referencing and the referenced table. An owner refers to no table.
fn one_to_many(schema: &Schema, only: impl Fn(&Table, Option<&Table>) -> bool) -> Vec<Json> {
    let mut items = Vec::new();
    for table in schema.visible() {
        for column in table
            .columns
            .iter()
            .filter(|column| !column.hidden && column.kind.is_lookup())
        {
            if column.kind == Kind::Owner {
                if only(table, None) {
                    items.push(owner(table, column));
                }
                continue;
            }
            for target in &column.targets {
                let referenced = schema.table(target.table);
                if !only(table, Some(referenced)) {
                    continue;
                }
                let delete = match target.on_delete {
                    _ if column.read_only => "NoCascade",
                    OnDelete::Cascade => "Cascade",
                    OnDelete::Empty => "RemoveLink",
                    OnDelete::Restrict => "Restrict",
                    OnDelete::Keep => "NoCascade",
                };
                let is_custom = table.name.contains('_') || column.name.contains('_');
                let mut item = typed(
                    "OneToManyRelationshipMetadata",
                    Template::OneToMany,
                    json!({
                        "MetadataId": metadata_id(&format!("{} {}", target.relationship, referenced.name)),
                        "SchemaName": target.relationship,
                            "ReferencedEntity": referenced.name,
                        "ReferencedAttribute": referenced.key_name(),
                        "ReferencedEntityNavigationPropertyName": target.collection,
                        "ReferencingEntity": table.name,
                        "ReferencingAttribute": column.name,
                        "ReferencingEntityNavigationPropertyName": target.navigation,
                        "IsCustomRelationship": is_custom,
                        "SecurityTypes": if is_custom { "None" } else { "Append" },
                        "IsHierarchical": referenced.name == table.name,
                    }),
                );
                item["CascadeConfiguration"]["Delete"] = delete.into();
                items.push(item);
            }
        }
    }
    items
}
