//! Reads as values.

mod write;

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::Filter;

/// A read, described as a value: what to read, independent of how it is sent.
///
/// A query can only name tables and functions that read; a function with a side effect cannot be expressed.
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

/// The entity set of table definitions. Its answers are never paged (Query table definitions using the Web API).
pub(crate) const TABLE_DEFINITIONS: &str = "EntityDefinitions";

/// The source of the rows.
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
    /// Joins that `fetchXml` can express and OData cannot.
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

/// How the caller got a role.
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

/// A navigation property whose records are read along with each row, one level deep.
///
/// Expanded collections are not paged and are cut off at 5,000 rows ([`Row::expanded_may_be_cut`](crate::Row::expanded_may_be_cut)).
#[derive(Debug, Clone, PartialEq)]
pub struct Expand {
    pub(crate) navigation: String,
    pub(crate) select: Vec<String>,
    pub(crate) filter: Option<Filter>,
    pub(crate) only_keys: bool,
}

impl Expand {
    /// Reads all columns of a navigation property. Its name is case-sensitive.
    pub fn new(navigation: impl Into<String>) -> Expand {
        Expand {
            navigation: navigation.into(),
            select: Vec::new(),
            filter: None,
            only_keys: false,
        }
    }

    /// Reads only the primary keys of the related records, which need far less memory than columns ([`Row::related`](crate::Row::related)).
    pub fn keys(navigation: impl Into<String>, key: impl Into<String>) -> Expand {
        Expand {
            only_keys: true,
            ..Expand::new(navigation).select([key])
        }
    }

    /// Reads only these columns.
    #[must_use]
    pub fn select<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Expand {
        self.select = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Reads only related records that meet a condition (collections only).
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

    /// Reads the rows of an entity set.
    pub fn rows(set: impl Into<String>) -> Query {
        Query::of(Source::Rows { set: set.into() })
    }

    /// Reads the choice columns of a table and their options: rows of `LogicalName`, `OptionSet` and `GlobalOptionSet`. (Query table
    /// definitions using the Web API: retrieving attributes.)
    pub fn choices(table: impl Into<String>) -> Query {
        let options = |navigation| Expand::new(navigation).select(["Options"]);
        Query::of(Source::Choices {
            table: table.into(),
        })
        .select(["LogicalName"])
        .expand(options("OptionSet"))
        .expand(options("GlobalOptionSet"))
    }

    /// Reads the rows of an entity set of publishable components, including drafts (`RetrieveUnpublishedMultiple`).
    pub fn unpublished_rows(set: impl Into<String>) -> Query {
        Query::of(Source::UnpublishedRows { set: set.into() })
    }

    /// Reads one record by its id. If it does not exist, the answer is a [`Refused`](crate::Refused) with status 404.
    pub fn record(set: impl Into<String>, id: Uuid) -> Query {
        Query::of(Source::Record {
            set: set.into(),
            id,
        })
    }

    /// Reads a collection of one record, in pages. Use this for collections that are too long for [`Expand`].
    pub fn related(set: impl Into<String>, id: Uuid, navigation: impl Into<String>) -> Query {
        Query::of(Source::Related {
            set: set.into(),
            id,
            navigation: navigation.into(),
        })
    }

    /// Identifies the caller: one row with `UserId`, `BusinessUnitId` and `OrganizationId`.
    pub fn who_am_i() -> Query {
        Query::of(Source::WhoAmI)
    }

    /// Reads which of these tables and columns the environment has, by logical name. Missing tables are left out.
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

    /// Reads how these tables are addressed, by logical name. Missing tables are left out.
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

    /// Reads the complete metadata of these tables, by logical name. Missing tables are left out.
    ///
    /// Rows have `LogicalName`, `EntitySetName`, `PrimaryIdAttribute`, `PrimaryNameAttribute`, `DisplayName`, `IsSolutionAware`,
    /// `IsActivity`, `DataProviderId` (of virtual and elastic tables), and, as JSON arrays, `Attributes` (each with the properties of its
    /// own type), `ManyToOneRelationships`, `ManyToManyRelationships` and `Keys` (Query table definitions using the Web API). For options,
    /// see [`Query::choices`].
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

    /// Reads the caller's privileges by name, from the caller's own roles and from teams. The caller's id is not needed.
    ///
    /// There are two queries, so that one still answers if the server refuses the other. Rows have `name` and `depth`, a mask;
    /// [`privilege_depths`](crate::privilege_depths) merges them.
    pub fn caller_privileges<N: Into<String>>(names: impl IntoIterator<Item = N>) -> [Query; 2] {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        [Through::OwnRoles, Through::Teams].map(|through| {
            Query::of(Source::CallerPrivileges {
                names: names.clone(),
                through,
            })
        })
    }

    /// Reads one privilege of a user (`RetrieveUserPrivilegeByPrivilegeName`).
    ///
    /// Rows have `PrivilegeName` and `Depth`, the level's name. No row means that the user lacks the privilege.
    pub fn user_privilege(user: Uuid, privilege: impl Into<String>) -> Query {
        Query::of(Source::UserPrivilege {
            user,
            privilege: privilege.into(),
        })
    }

    /// Reads the caller's settings: one row with `systemuserid`, `uilanguageid` and `helplanguageid`.
    pub fn caller_settings() -> Query {
        Query::rows("usersettingscollection")
            .select(["systemuserid", "uilanguageid", "helplanguageid"])
            .filter(Filter::is_caller("systemuserid"))
    }

    /// Reads the audit history of a record, newest first: rows with `AuditRecord`, `OldValue` and `NewValue` as JSON
    /// (`RetrieveRecordChangeHistory`). Auditing must be on, and the caller needs the privilege to read it.
    pub fn change_history(set: impl Into<String>, id: Uuid) -> Query {
        Query::of(Source::ChangeHistory {
            set: set.into(),
            id,
        })
    }

    /// Reads only these columns. The key and the etag are always included.
    #[must_use]
    pub fn select<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Query {
        self.select = columns.into_iter().map(Into::into).collect();
        self
    }

    /// Reads only rows that meet a condition.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Query {
        self.filter = Some(filter);
        self
    }

    /// Sorts by a column. Further calls add further columns.
    #[must_use]
    pub fn order_by(mut self, column: impl Into<String>, direction: Direction) -> Query {
        self.order.push((column.into(), direction));
        self
    }

    /// Reads at most this many rows.
    #[must_use]
    pub fn top(mut self, rows: u32) -> Query {
        self.top = Some(rows);
        self
    }

    /// Also reads the records of a navigation property.
    #[must_use]
    pub fn expand(mut self, expand: Expand) -> Query {
        self.expand.push(expand);
        self
    }

    /// Also reads formatted values and the tables of lookups ([`Row::formatted`](crate::Row::formatted)).
    #[must_use]
    pub fn annotations(mut self) -> Query {
        self.annotations = true;
        self
    }

    /// Removes columns, so that the query can be repeated in an environment that lacks them.
    ///
    /// Lookups may be named in either form (`ownerid` or `_ownerid_value`). If no selected column remains, all columns are read.
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

    /// The entity set that the query reads, if any.
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

    /// The selected columns.
    pub fn selected(&self) -> &[String] {
        &self.select
    }

    /// The selected columns of related records, by navigation property.
    pub fn expanded(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.expand
            .iter()
            .map(|expand| (expand.navigation.as_str(), expand.select.as_slice()))
    }

    /// Navigation properties for which only keys are stored, with the column of the key.
    pub(crate) fn only_keys(&self) -> impl Iterator<Item = (&str, &str)> {
        let expands = self.expand.iter().filter(|expand| expand.only_keys);
        expands.filter_map(|expand| Some((&*expand.navigation, &**expand.select.first()?)))
    }

    /// Removes a navigation property that an environment lacks.
    #[must_use]
    pub fn without_expand(mut self, navigation: &str) -> Query {
        self.expand.retain(|expand| expand.navigation != navigation);
        self
    }

    /// Removes columns of related records that an environment lacks.
    #[must_use]
    pub fn without_expanded_columns(mut self, navigation: &str, columns: &[String]) -> Query {
        for expand in &mut self.expand {
            if expand.navigation == navigation {
                expand.select.retain(|column| !columns.contains(column));
            }
        }
        self
    }

    /// The columns of the queried table that its conditions name.
    pub fn conditions(&self) -> BTreeSet<&str> {
        let mut columns = BTreeSet::new();
        if let Some(filter) = &self.filter {
            filter.columns(&mut columns);
        }
        columns
    }
}

/// Reads the definitions of these tables.
fn of_tables<N: Into<String>>(logical_names: impl IntoIterator<Item = N>) -> Query {
    let names = logical_names.into_iter().map(Into::<String>::into);
    Query::rows(TABLE_DEFINITIONS).filter(Filter::any_of("LogicalName", names))
}
