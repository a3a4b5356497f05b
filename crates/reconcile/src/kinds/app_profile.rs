//! App profiles: which desktop a group of agents gets. Dataverse: `msdyn_appconfiguration` and its child tables.

use deskstate_model::{
    AppProfile, FeatureNames, Features, Given, InboxView, PartOf, SetMode, Spanned, UniqueName,
    shortened, unique_name_of_part,
};

use super::Lowering;
use super::tables::{
    CHT, CIF_V2_LOADER, COPILOT, EXTENSION, FIRST_PARTY_CHANNEL, INBOX, PANE, PROFILE,
    PROFILE_EXTENSIONS, PROFILE_PANE, PROFILE_PROVIDERS, PROFILE_SESSIONS, PROFILE_SMART_ASSIST,
    PROFILE_USERS, PROVIDER, ROLE_MAPPING, SESSION, SMART_ASSIST,
};
use crate::field::{
    Field, OWNER, PartIdentity, PartTable, STATUS, Target, Unlisted, flag, json, lookup, number,
    option, parts, set, text,
};
use crate::state::{
    DeclaredColumn, DeclaredMember, DeclaredParts, DeclaredRow, DeclaredSet, Lookup, PartName,
    RowKey, Stored, Universe,
};
use crate::table::Table;

/// The fields of a profile.
pub static FIELDS: &[Field] = &[
    text("displayName", "msdyn_name")
        .localizable()
        .max(100)
        .required(),
    text("description", "msdyn_description")
        .localizable()
        .max(2000),
    STATUS,
    OWNER,
    text("app", "msdyn_appmoduleuniquename").max(100).required(),
    number("rank", "msdyn_profileorder"),
    set("users", &PROFILE_USERS, Target::User),
    parts("roles", &ROLES),
    set(
        "sessionTemplates",
        &PROFILE_SESSIONS,
        Target::Named(&SESSION),
    ),
    // The first-party provider is no member of `channelProviders`: it has this toggle.
    set(
        "allActiveChannels",
        &PROFILE_PROVIDERS,
        Target::Named(&PROVIDER),
    ),
    set(
        "channelProviders",
        &PROFILE_PROVIDERS,
        Target::Named(&PROVIDER),
    ),
    set("extensions", &PROFILE_EXTENSIONS, Target::Named(&EXTENSION)),
    set("productivityPane", &PROFILE_PANE, Target::Named(&PANE)),
    set(
        "smartAssist",
        &PROFILE_SMART_ASSIST,
        Target::Named(&SMART_ASSIST),
    ),
    parts("copilotFeatures", &COPILOT_FEATURES),
    parts("chtFeatures", &CHT_FEATURES),
    parts("inboxViews", &INBOX_VIEWS),
];

/// The lookup of a mapping to its role.
pub static MAPPED_ROLE: Field = lookup("role", "msdyn_securityroleid", Target::Role);

/// Which roles get a profile: one row for each.
pub static ROLES: PartTable = PartTable {
    table: &ROLE_MAPPING,
    parent_column: "msdyn_appprofileid",
    parent_navigation: "msdyn_appprofileid",
    parent: &PROFILE,
    identity: PartIdentity::Lookup("msdyn_securityroleid"),
    fields: &[],
    unlisted: Unlisted::Delete,
    server_adds: false,
    goes_with_parent: false,
};

/// The option column of a copilot feature.
pub static COPILOT_FEATURE: Field = option("feature", "msdyn_copilotfeature");
/// The option column of a CHT feature.
pub static CHT_FEATURE: Field = option("feature", "msdyn_chtfeature");

/// One field: on or off. The product takes a row without a value for on, as it does a feature without a row.
pub static FEATURE_FIELDS: &[Field] = &[flag("", "msdyn_enabled").null_reads_as(true).required()];

/// Copilot features of a profile: owned key by key.
pub static COPILOT_FEATURES: PartTable = features(&COPILOT, "msdyn_copilotfeature");
/// CHT features of a profile: owned key by key.
pub static CHT_FEATURES: PartTable = features(&CHT, "msdyn_chtfeature");

const fn features(table: &'static Table, feature: &'static str) -> PartTable {
    PartTable {
        table,
        parent_column: "msdyn_appconfigurationid",
        parent_navigation: "msdyn_appconfigurationid",
        parent: &PROFILE,
        identity: PartIdentity::Number(feature),
        fields: FEATURE_FIELDS,
        unlisted: Unlisted::Leave,
        server_adds: false,
        goes_with_parent: true,
    }
}

/// The fields of an inbox view.
pub static INBOX_FIELDS: &[Field] = &[
    text("displayName", "msdyn_name")
        .localizable()
        .max(100)
        .required(),
    flag("visible", "msdyn_isvisible"),
    flag("default", "msdyn_isdefault"),
    json("configuration", "msdyn_configuration")
        .max(1_048_576)
        .required(),
    json("defaultSort", "msdyn_defaultsort").max(1_048_576),
    flag("enableCrossPartition", "enablecrosspartition"),
];

/// Inbox views of a profile.
pub static INBOX_VIEWS: PartTable = PartTable {
    table: &INBOX,
    parent_column: "msdyn_appconfigurationid",
    parent_navigation: "msdyn_appconfigurationid",
    parent: &PROFILE,
    identity: PartIdentity::UniqueName,
    fields: INBOX_FIELDS,
    unlisted: Unlisted::Delete,
    server_adds: false,
    goes_with_parent: true,
};

/// The name under which a feature is written.
pub fn feature_name(names: &[(&str, i64)], number: i64) -> String {
    names
        .iter()
        .find(|(_, value)| *value == number)
        .map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}

/// Lowers what the table cannot say: toggles, the pane, roles, features, inbox views, and the loader that a provider needs.
pub(super) fn lower(profile: &AppProfile, lowering: &mut Lowering<'_>) {
    lower_channels(profile, lowering);
    lower_pane(profile, lowering);
    lower_roles(profile, lowering);
    lower_features(
        &profile.copilot_features,
        "copilotFeatures",
        &COPILOT_FEATURES,
        &COPILOT_FEATURE,
        lowering,
    );
    lower_features(
        &profile.cht_features,
        "chtFeatures",
        &CHT_FEATURES,
        &CHT_FEATURE,
        lowering,
    );
    lower_inbox(profile, lowering);
    lower_users(profile, lowering);
}

/// The first-party channel provider.
pub(crate) fn first_party() -> RowKey {
    RowKey::Named {
        table: &PROVIDER,
        name: UniqueName::new(FIRST_PARTY_CHANNEL),
    }
}

fn loader() -> RowKey {
    RowKey::Named {
        table: &EXTENSION,
        name: UniqueName::new(CIF_V2_LOADER),
    }
}

fn lower_channels(profile: &AppProfile, lowering: &mut Lowering<'_>) {
    if let Given::Value(all) = &profile.all_active_channels {
        let member = DeclaredMember {
            key: first_party(),
            span: all.span,
            implied: false,
        };
        lowering.sets.push(DeclaredSet {
            field: super::field(FIELDS, "allActiveChannels"),
            relationship: &PROFILE_PROVIDERS,
            mode: SetMode::Exact,
            universe: Universe::Only(first_party()),
            members: if all.value { vec![member] } else { Vec::new() },
            without: Vec::new(),
            from_teams: Vec::new(),
            moves: false,
            members_are_parts: false,
            span: all.span,
        });
    }
    let mut provider_span = None;
    for set in &mut lowering.sets {
        if set.field.word == "channelProviders" {
            set.universe = Universe::Except(first_party());
            if !set.members.is_empty() {
                provider_span = Some(set.span);
            }
        }
    }
    // A profile with a v2 provider must load the framework's own extension too; nothing is implied on rows of somebody else.
    let Some(span) = provider_span.filter(|_| lowering.links_loader()) else {
        return;
    };
    let implied = DeclaredMember {
        key: loader(),
        span,
        implied: true,
    };
    match lowering
        .sets
        .iter_mut()
        .find(|set| set.field.word == "extensions")
    {
        Some(set)
            if set
                .members
                .iter()
                .chain(&set.without)
                .any(|member| member.key == implied.key) => {}
        Some(set) => set.members.push(implied),
        None => lowering.sets.push(DeclaredSet {
            field: super::field(FIELDS, "extensions"),
            relationship: &PROFILE_EXTENSIONS,
            mode: SetMode::AtLeast,
            universe: Universe::All,
            members: vec![implied],
            without: Vec::new(),
            from_teams: Vec::new(),
            moves: false,
            members_are_parts: false,
            span,
        }),
    }
}

/// Storage is many-to-many, but a profile has at most one pane.
fn lower_pane(profile: &AppProfile, lowering: &mut Lowering<'_>) {
    let (members, span) = match &profile.productivity_pane {
        Given::Absent => return,
        Given::Clear(span) => (Vec::new(), *span),
        Given::Value(pane) => {
            let key = RowKey::Named {
                table: &PANE,
                name: pane.value.name().clone(),
            };
            (
                vec![DeclaredMember {
                    key,
                    span: pane.span,
                    implied: false,
                }],
                pane.span,
            )
        }
    };
    lowering.sets.push(DeclaredSet {
        field: super::field(FIELDS, "productivityPane"),
        relationship: &PROFILE_PANE,
        mode: SetMode::Exact,
        universe: Universe::All,
        members,
        without: Vec::new(),
        from_teams: Vec::new(),
        moves: false,
        members_are_parts: false,
        span,
    });
}

fn lower_users(profile: &AppProfile, lowering: &mut Lowering<'_>) {
    let Given::Value(Spanned { value: users, span }) = &profile.users else {
        return;
    };
    lowering.sets.push(super::user_set(
        super::field(FIELDS, "users"),
        &PROFILE_USERS,
        users,
        *span,
    ));
}

fn lower_roles(profile: &AppProfile, lowering: &mut Lowering<'_>) {
    let Given::Value(Spanned { value: roles, span }) = &profile.roles else {
        return;
    };
    for role in &roles.members {
        let key = RowKey::Found(Lookup::Role {
            name: role.value.name.clone(),
            business_unit: role.value.business_unit.clone(),
        });
        let given = role.value.mapping_name.as_ref();
        let name = given.map_or_else(
            || {
                unique_name_of_part(PartOf::RoleMapping {
                    profile: lowering.name(),
                    role: &role.value.to_string(),
                })
            },
            |name| name.value.clone(),
        );
        lowering.parts.push(DeclaredRow {
            key: RowKey::Part {
                table: &ROLE_MAPPING,
                of: Box::new(lowering.row.key.clone()),
                part: PartName::Row(Box::new(key.clone())),
            },
            columns: Vec::new(),
            when_new: vec![
                (&super::NAME, Stored::Text(shortened(&name, 100))),
                (&super::UNIQUE_NAME, Stored::Text(name)),
                (&MAPPED_ROLE, Stored::Row(key)),
            ],
            path: format!("roles.{}", role.value.name),
            part: Some(&ROLES),
            only_if_there: false,
            span: role.span,
        });
    }
    lowering.part_lists.push(DeclaredParts {
        field: super::field(FIELDS, "roles"),
        part: &ROLES,
        mode: roles.mode,
        span: *span,
    });
}

fn lower_features<F: FeatureNames>(
    given: &Given<Features<F>>,
    word: &str,
    part: &'static PartTable,
    feature: &'static Field,
    lowering: &mut Lowering<'_>,
) {
    let Given::Value(Spanned {
        value: features,
        span,
    }) = given
    else {
        return;
    };
    for (number, enabled) in &features.entries {
        let name = feature_name(F::NAMES, number.value);
        lowering.parts.push(DeclaredRow {
            key: RowKey::Part {
                table: part.table,
                of: Box::new(lowering.row.key.clone()),
                part: PartName::Number(number.value),
            },
            columns: vec![DeclaredColumn {
                field: &FEATURE_FIELDS[0],
                value: Stored::Flag(enabled.value),
                span: enabled.span,
            }],
            when_new: vec![
                (feature, Stored::Number(number.value)),
                (
                    &super::NAME,
                    Stored::Text(shortened(&format!("{}_{name}", lowering.name()), 100)),
                ),
            ],
            path: format!("{word}.{name}"),
            part: Some(part),
            only_if_there: false,
            span: number.span,
        });
    }
    lowering.part_lists.push(DeclaredParts {
        field: super::field(FIELDS, word),
        part,
        mode: SetMode::AtLeast,
        span: *span,
    });
}

fn lower_inbox(profile: &AppProfile, lowering: &mut Lowering<'_>) {
    let Given::Value(Spanned { value: views, span }) = &profile.inbox_views else {
        return;
    };
    for view in &views.members {
        let InboxView {
            name,
            display_name,
            visible,
            default,
            configuration,
            default_sort,
            enable_cross_partition,
        } = &view.value;
        let column = |word: &str, value: Stored, span| DeclaredColumn {
            field: super::field(INBOX_FIELDS, word),
            value,
            span,
        };
        let mut columns = Vec::new();
        if let Given::Value(text) = display_name {
            columns.push(column(
                "displayName",
                Stored::Text(text.value.clone()),
                text.span,
            ));
        }
        for (word, given) in [
            ("visible", visible),
            ("default", default),
            ("enableCrossPartition", enable_cross_partition),
        ] {
            if let Given::Value(flag) = given {
                columns.push(column(word, Stored::Flag(flag.value), flag.span));
            }
        }
        for (word, given) in [
            ("configuration", configuration),
            ("defaultSort", default_sort),
        ] {
            match given {
                Given::Absent => {}
                Given::Clear(span) => columns.push(column(word, Stored::Null, *span)),
                Given::Value(opaque) => {
                    columns.push(column(word, super::opaque(&opaque.value), opaque.span))
                }
            }
        }
        lowering.parts.push(DeclaredRow {
            key: RowKey::Named {
                table: &INBOX,
                name: UniqueName::new(&name.value),
            },
            columns,
            when_new: vec![(&super::UNIQUE_NAME, Stored::Text(name.value.clone()))],
            path: format!("inboxViews.{}", name.value),
            part: Some(&INBOX_VIEWS),
            only_if_there: false,
            span: view.span,
        });
    }
    lowering.part_lists.push(DeclaredParts {
        field: super::field(FIELDS, "inboxViews"),
        part: &INBOX_VIEWS,
        mode: views.mode,
        span: *span,
    });
}
