//! Reads as values.

mod write;

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::Filter;

/// A read as a value: what to ask, never how it travels.
///
/// A query names tables and functions that only read; a function with a side effect cannot be expressed.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(crate) source: Source,
    pub(crate) select: Vec<String>,
    pub(crate) filter: Option<Filter>,
    pub(crate) order: Vec<(String, Direction)>,
    pub(crate) top: Option<u32>,
    pub(crate) expand: Vec<Expand>,
    pub(crate) annotations: bool,
}

/// The set of table definitions; its answers are never paged (Query table definitions using the Web API).
pub(crate) const TABLE_DEFINITIONS: &str = "EntityDefinitions";

/// Where the rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Rows {
        set: String,
    },
    UnpublishedRows {
        set: String,
    },
    Record {
        set: String,
        id: Uuid,
    },
    Related {
        set: String,
        id: Uuid,
        navigation: String,
    },
    WhoAmI,
    /// Joins that OData cannot express and `fetchXml` can.
    CallerPrivileges {
        names: Vec<String>,
        through: Through,
    },
    UserPrivilege {
        user: Uuid,
        privilege: String,
    },
    ChangeHistory {
        set: String,
        id: Uuid,
    },
    /// The choice columns of a table.
    Choices {
        table: String,
    },
}

/// How a role came to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Through {
    OwnRoles,
    Teams,
}

/// Ascending or descending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// A navigation property to read along with each row, one level deep.
///
/// Expanded collections are not paged and end at 5,000 rows
/// ([`Row::expanded_may_be_cut`](crate::Row::expanded_may_be_cut)).
#[derive(Debug, Clone, PartialEq)]
pub struct Expand {
    pub(crate) navigation: String,
    pub(crate) select: Vec<String>,
    pub(crate) filter: Option<Filter>,
    pub(crate) only_keys: bool,
}

impl Expand {
    /// All columns of a navigation property, whose name is case sensitive.
    pub fn new(navigation: impl Into<String>) -> Expand {
        Expand {
            navigation: navigation.into(),
            select: Vec::new(),
            filter: None,
            only_keys: false,
        }
    }

    /// Only the primary keys of the related records, which need far less memory than columns
    /// ([`Row::related`](crate::Row::related)).
    pub fn keys(navigation: impl Into<String>, key: impl Into<String>) -> Expand {
        Expand {
            only_keys: true,
            ..Expand::new(navigation).select([key])
        }
    }

    /// Only these columns.
    #[must_use]
    pub fn select<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Expand {
        self.select = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Only related records that meet a condition (collections only).
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Expand {
        self.filter = Some(filter);
        self
    }
}

impl Query {
    fn of(source: Source) -> Query {
        Query {
            source,
            select: Vec::new(),
            filter: None,
            order: Vec::new(),
            top: None,
            expand: Vec::new(),
            annotations: false,
        }
    }

    /// The rows of an entity set.
    pub fn rows(set: impl Into<String>) -> Query {
        Query::of(Source::Rows { set: set.into() })
    }

    /// The choice columns of a table with the options that each has: rows of `LogicalName`, `OptionSet` and `GlobalOptionSet`.
    /// (Query table definitions using the Web API: retrieving attributes.)
    pub fn choices(table: impl Into<String>) -> Query {
        let options = |navigation| Expand::new(navigation).select(["Options"]);
        Query::of(Source::Choices {
            table: table.into(),
        })
        .select(["LogicalName"])
        .expand(options("OptionSet"))
        .expand(options("GlobalOptionSet"))
    }

    /// The rows of an entity set of publishable components, drafts included (`RetrieveUnpublishedMultiple`).
    pub fn unpublished_rows(set: impl Into<String>) -> Query {
        Query::of(Source::UnpublishedRows { set: set.into() })
    }

    /// One record by its id. Its absence is a [`Refused`](crate::Refused) with status 404.
    pub fn record(set: impl Into<String>, id: Uuid) -> Query {
        Query::of(Source::Record {
            set: set.into(),
            id,
        })
    }

    /// The rows of a collection of one record, paged: for collections too long for [`Expand`].
    pub fn related(set: impl Into<String>, id: Uuid, navigation: impl Into<String>) -> Query {
        Query::of(Source::Related {
            set: set.into(),
            id,
            navigation: navigation.into(),
        })
    }

    /// Who is asking: one row with `UserId`, `BusinessUnitId` and `OrganizationId`.
    pub fn who_am_i() -> Query {
        Query::of(Source::WhoAmI)
    }

    /// What the environment has of these tables, by logical name; tables it lacks are left out.
    ///
    /// Rows have `LogicalName`, `EntitySetName`, `PrimaryIdAttribute`, `IsOptimisticConcurrencyEnabled`,
    /// `ChangeTrackingEnabled`, and `Attributes`: a JSON array of objects with `LogicalName` and `AttributeType`
    /// (Query table definitions using the Web API).
    pub fn tables<N: Into<String>>(logical_names: impl IntoIterator<Item = N>) -> Query {
        of_tables(logical_names)
            .select([
                "LogicalName",
                "EntitySetName",
                "PrimaryIdAttribute",
                "IsOptimisticConcurrencyEnabled",
                "ChangeTrackingEnabled",
            ])
            .expand(Expand::new("Attributes").select(["LogicalName", "AttributeType"]))
    }

    /// How these tables are addressed, by logical name; tables that the metadata lacks are left out.
    ///
    /// Rows have `LogicalName`, `EntitySetName`, `PrimaryIdAttribute` and `PrimaryNameAttribute`.
    pub fn table_names<N: Into<String>>(logical_names: impl IntoIterator<Item = N>) -> Query {
        of_tables(logical_names).select([
            "LogicalName",
            "EntitySetName",
            "PrimaryIdAttribute",
            "PrimaryNameAttribute",
        ])
    }

    /// All that the metadata says of these tables, by logical name; tables it lacks are left out.
    ///
    /// Rows have `LogicalName`, `EntitySetName`, `PrimaryIdAttribute`, `PrimaryNameAttribute`, `DisplayName`, `IsSolutionAware`,
    /// `IsActivity`, `DataProviderId` (of virtual and elastic tables), and
    /// as JSON arrays `Attributes` (each with the properties of its own type), `ManyToOneRelationships`, `ManyToManyRelationships`
    /// and `Keys` (Query table definitions using the Web API). [`Query::choices`] has the options.
    pub fn definitions<N: Into<String>>(logical_names: impl IntoIterator<Item = N>) -> Query {
        of_tables(logical_names)
            .select([
                "LogicalName",
                "EntitySetName",
                "PrimaryIdAttribute",
                "PrimaryNameAttribute",
                "DisplayName",
                "IsSolutionAware",
                "IsActivity",
                "DataProviderId",
            ])
            .expand(Expand::new("Attributes"))
            .expand(Expand::new("ManyToOneRelationships").select([
                "ReferencingAttribute",
                "ReferencedEntity",
                "ReferencingEntityNavigationPropertyName",
            ]))
            .expand(Expand::new("ManyToManyRelationships").select([
                "SchemaName",
                "IntersectEntityName",
                "Entity1LogicalName",
                "Entity1IntersectAttribute",
                "Entity2LogicalName",
                "Entity2IntersectAttribute",
            ]))
            .expand(Expand::new("Keys").select([
                "LogicalName",
                "KeyAttributes",
                "EntityKeyIndexStatus",
            ]))
    }

    /// The caller's privileges by name, through own roles and through teams, without knowing the caller's id.
    ///
    /// Two queries, so that a refusal of one leaves the other. Rows have `name` and `depth`, a mask;
    /// [`privilege_depths`](crate::privilege_depths) joins them.
    pub fn caller_privileges<N: Into<String>>(names: impl IntoIterator<Item = N>) -> [Query; 2] {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        [Through::OwnRoles, Through::Teams].map(|through| {
            Query::of(Source::CallerPrivileges {
                names: names.clone(),
                through,
            })
        })
    }

    /// One privilege of a user (`RetrieveUserPrivilegeByPrivilegeName`).
    ///
    /// Rows have `PrivilegeName` and `Depth`, a word; none means the user lacks it.
    pub fn user_privilege(user: Uuid, privilege: impl Into<String>) -> Query {
        Query::of(Source::UserPrivilege {
            user,
            privilege: privilege.into(),
        })
    }

    /// The caller's settings: one row with `systemuserid`, `uilanguageid` and `helplanguageid`.
    pub fn caller_settings() -> Query {
        Query::rows("usersettingscollection")
            .select(["systemuserid", "uilanguageid", "helplanguageid"])
            .filter(Filter::is_caller("systemuserid"))
    }

    /// What auditing recorded about a record, newest first: rows with `AuditRecord`, `OldValue`, `NewValue`
    /// as JSON (`RetrieveRecordChangeHistory`). Needs auditing to be on, and the privilege to read it.
    pub fn change_history(set: impl Into<String>, id: Uuid) -> Query {
        Query::of(Source::ChangeHistory {
            set: set.into(),
            id,
        })
    }

    /// Only these columns. The key and the etag are always included.
    #[must_use]
    pub fn select<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Query {
        self.select = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Only rows that meet a condition.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Query {
        self.filter = Some(filter);
        self
    }

    /// In the order of a column; called again, then by the next.
    #[must_use]
    pub fn order_by(mut self, column: impl Into<String>, direction: Direction) -> Query {
        self.order.push((column.into(), direction));
        self
    }

    /// At most this many rows.
    #[must_use]
    pub fn top(mut self, rows: u32) -> Query {
        self.top = Some(rows);
        self
    }

    /// With a navigation property read along.
    #[must_use]
    pub fn expand(mut self, expand: Expand) -> Query {
        self.expand.push(expand);
        self
    }

    /// With formatted values and lookup tables ([`Row::formatted`](crate::Row::formatted)).
    #[must_use]
    pub fn annotations(mut self) -> Query {
        self.annotations = true;
        self
    }

    /// The same query without some columns, to ask again where an environment lacks them.
    ///
    /// Lookups may be named either way (`ownerid` or `_ownerid_value`). With no selected column left, all that
    /// the environment has are asked for.
    #[must_use]
    pub fn without_columns<C: AsRef<str>>(mut self, columns: &[C]) -> Query {
        let gone = |selected: &String| {
            columns.iter().any(|column| {
                let column = column.as_ref();
                selected == column
                    || selected
                        .strip_prefix('_')
                        .and_then(|rest| rest.strip_suffix("_value"))
                        .is_some_and(|lookup| lookup == column)
            })
        };
        self.select.retain(|selected| !gone(selected));
        self.order.retain(|(column, _)| !gone(column));
        self
    }

    /// The entity set that the query reads, if it reads one.
    pub fn set(&self) -> Option<&str> {
        match &self.source {
            Source::Rows { set }
            | Source::UnpublishedRows { set }
            | Source::Record { set, .. }
            | Source::Related { set, .. }
            | Source::ChangeHistory { set, .. } => Some(set),
            Source::WhoAmI
            | Source::CallerPrivileges { .. }
            | Source::UserPrivilege { .. }
            | Source::Choices { .. } => None,
        }
    }

    /// The columns that it reads.
    pub fn selected(&self) -> &[String] {
        &self.select
    }

    /// The columns that it reads of related records, by navigation property.
    pub fn expanded(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.expand
            .iter()
            .map(|expand| (expand.navigation.as_str(), expand.select.as_slice()))
    }

    /// Navigation properties whose keys only are stored, with their column.
    pub(crate) fn only_keys(&self) -> impl Iterator<Item = (&str, &str)> {
        let expands = self.expand.iter().filter(|expand| expand.only_keys);
        expands.filter_map(|expand| Some((&*expand.navigation, &**expand.select.first()?)))
    }

    /// Without the related records of a navigation property that an environment lacks.
    #[must_use]
    pub fn without_expand(mut self, navigation: &str) -> Query {
        self.expand.retain(|expand| expand.navigation != navigation);
        self
    }

    /// Without columns of the related records that an environment lacks.
    #[must_use]
    pub fn without_expanded_columns(mut self, navigation: &str, columns: &[String]) -> Query {
        for expand in &mut self.expand {
            if expand.navigation == navigation {
                expand.select.retain(|column| !columns.contains(column));
            }
        }
        self
    }

    /// The columns of the table itself that its conditions name.
    pub fn conditions(&self) -> BTreeSet<&str> {
        let mut columns = BTreeSet::new();
        if let Some(filter) = &self.filter {
            filter.columns(&mut columns);
        }
        columns
    }
}

/// The definitions of these tables.
fn of_tables<N: Into<String>>(logical_names: impl IntoIterator<Item = N>) -> Query {
    let names = logical_names.into_iter().map(Into::<String>::into);
    Query::rows(TABLE_DEFINITIONS).filter(Filter::any_of("LogicalName", names))
}
