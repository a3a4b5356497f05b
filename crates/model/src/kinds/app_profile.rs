//! App profiles: the bundle of templates, channels and tools for a group of agents, and who gets it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::decode::Decoder;
use crate::diagnostic::Diagnostic;
use crate::field::{FieldInfo, FieldRule, FieldType, kind, put};
use crate::given::Given;
use crate::kinds::Status;
use crate::schema::{items_schema, with_variable};
use crate::set::{JsonOrText, Member, Owner, Reference, RoleRef, SetOf, UserRef};
use crate::span::{Span, Spanned};
use crate::yaml::{Node, NodeValue};

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// An app profile (agent experience profile): which templates, channels and tools a group of agents gets.
    ///
    /// Dataverse: `msdyn_appconfiguration`. Microsoft's own profiles cannot be changed at all.
    AppProfile {
        /// Name on the admin pages.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_name`, localizable.
        "displayName" display_name: String = ANY.required().max_length(100);
        /// What administrators should know about the profile.
        ///
        /// Text of at most 2000 characters. Dataverse: `msdyn_description`, localizable.
        "description" description: String = ANY.max_length(2000);
        /// Deactivates the profile without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// Who owns the row.
        ///
        /// `{user: ...}` or `{team: ...}`; a new row belongs to the caller, or to the project's `defaults.owner`. Dataverse: `ownerid`.
        "owner" owner: Owner = ANY;
        /// The app module, as text.
        ///
        /// Text of at most 100 characters, required here or as the project's `defaults.app`. Public test code writes
        /// `CustomerServiceApps`; compare with a profile that was made by hand. Dataverse: `msdyn_appmoduleuniquename`.
        "app" app: String = ANY.required_or_default().max_length(100);
        /// Which of several role-mapped profiles an agent gets: the lower number wins.
        ///
        /// 0 to 100, different for every profile. Dataverse: `msdyn_profileorder`.
        "rank" rank: i64 = ANY.range(0, 100);
        /// The agents to whom the profile is assigned directly; an agent has one profile.
        ///
        /// Set of users: user principal name, e-mail address or Entra object id. Dataverse: N:N `msdyn_appconfiguration_systemuser`.
        "users" users: SetOf<UserRef> = ANY;
        /// The security roles whose holders get the profile.
        ///
        /// Set of role names, or `{role: Agent, businessUnit: Berlin}`. Dataverse: rows of `msdyn_appprofilerolemapping`
        /// (`msdyn_appprofileid`, `msdyn_securityroleid`, `msdyn_name`, `msdyn_uniquename`).
        "roles" roles: SetOf<RoleRef> = ANY;
        /// The session templates of the profile: one of type Entity per entity.
        ///
        /// Set of SessionTemplate. Dataverse: N:N `msdyn_appconfiguration_sessiontemplate`.
        "sessionTemplates" session_templates: SetOf<Reference> = ANY;
        /// The toggle All active channels: whether the first-party provider is linked.
        ///
        /// Flag. Dataverse: link to the provider `msdyn_omnichannel` in the N:N `msdyn_appconfig_msdyn_channelprovider`.
        "allActiveChannels" all_active_channels: bool = ANY;
        /// The third-party channel providers; the first-party one is `allActiveChannels`.
        ///
        /// Set of ChannelProvider. Dataverse: N:N `msdyn_appconfig_msdyn_channelprovider`.
        "channelProviders" channel_providers: SetOf<Reference> = ANY;
        /// Scripts that are loaded for the profile. Beside a channel provider `msdyn_CIFV2Loader` is linked too.
        ///
        /// Set of ApplicationExtension. Dataverse: N:N `msdyn_appconfiguration_applicationextension`.
        "extensions" extensions: SetOf<Reference> = ANY;
        /// The productivity pane; `null` is none.
        ///
        /// Name of a ProductivityPane. Dataverse: N:N `msdyn_msdyn_paneconfig_msdyn_appconfig`.
        "productivityPane" productivity_pane: Reference = ANY;
        /// Smart assist configurations.
        ///
        /// Set of SmartAssist. Dataverse: N:N `msdyn_smartassistconfig_msdyn_appconfig`.
        "smartAssist" smart_assist: SetOf<Reference> = ANY;
        /// Copilot features, switched on or off one by one.
        ///
        /// Map of feature to flag; a feature that has no name here yet is written as its option number. In the environment a feature
        /// without a row, or with an empty flag, is on: leaving it out does not switch it off. Dataverse: rows of
        /// `msdyn_appcopilotconfiguration` (`msdyn_appconfigurationid`, `msdyn_copilotfeature`, `msdyn_enabled`, `msdyn_name`).
        "copilotFeatures" copilot_features: Features<CopilotFeature> = ANY;
        /// CHT features: undocumented, and absent from older environments.
        ///
        /// Map of `enableCht` to flag. Dataverse: rows of `msdyn_chtprofileconfiguration` (`msdyn_appconfigurationid`,
        /// `msdyn_chtfeature`, `msdyn_enabled`, `msdyn_name`).
        "chtFeatures" cht_features: Features<ChtFeature> = ANY;
        /// The views of the inbox.
        ///
        /// Set of items. Dataverse: rows of `msdyn_inboxconfiguration` (`msdyn_appconfigurationid`).
        "inboxViews" inbox_views: SetOf<InboxView> = ANY;
    }
}

/// Features and whether each is on, by option number, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features<F> {
    /// The option number of the choice column, and the switch.
    pub entries: Vec<(Spanned<i64>, Spanned<bool>)>,
    names: std::marker::PhantomData<F>,
}

impl<F> Features<F> {
    /// Takes features by option number.
    #[must_use]
    pub fn new(entries: Vec<(Spanned<i64>, Spanned<bool>)>) -> Self {
        Self {
            entries,
            names: std::marker::PhantomData,
        }
    }
}

/// The names of the features of one choice column.
pub trait FeatureNames {
    /// Word in a manifest and option number.
    const NAMES: &'static [(&'static str, i64)];
}

/// The copilot features (`msdyn_copilotfeature`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopilotFeature;

impl FeatureNames for CopilotFeature {
    const NAMES: &'static [(&'static str, i64)] = &[
        ("askAQuestion", 829_050_000),
        ("liveConversationResponse", 829_050_001),
        ("writeAnEmail", 829_050_002),
        ("caseSummary", 829_050_003),
        ("liveConversationSummary", 829_050_004),
        ("caseBasedKnowledgeCreation", 829_050_005),
        ("conversationToCaseAutonomousCreation", 829_050_006),
        ("conversationToCaseManualCreation", 829_050_007),
        ("caseToCaseResolutionManualCreation", 829_050_008),
        ("knowledgeHarvestingFromCase", 829_050_009),
        ("intentBasedSuggestions", 829_050_010),
        ("inboxSuggestedNextActions", 829_050_011),
        ("emailToCase", 829_050_012),
    ];
}

/// The CHT features (`msdyn_chtfeature`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChtFeature;

impl FeatureNames for ChtFeature {
    const NAMES: &'static [(&'static str, i64)] = &[("enableCht", 829_050_013)];
}

/// One view of the inbox.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxView {
    /// Its unique name. Dataverse: `msdyn_uniquename`.
    pub name: Spanned<String>,
    /// Name on the page. Dataverse: `msdyn_name`, localizable.
    pub display_name: Given<String>,
    /// Whether agents see it. Dataverse: `msdyn_isvisible`.
    pub visible: Given<bool>,
    /// Whether it is the one shown first. Dataverse: `msdyn_isdefault`.
    pub default: Given<bool>,
    /// What the view shows; made by the product, its form is not documented. Dataverse: `msdyn_configuration`.
    pub configuration: Given<JsonOrText>,
    /// How it is sorted; made by the product. Dataverse: `msdyn_defaultsort`.
    pub default_sort: Given<JsonOrText>,
    /// Missing in older environments. Dataverse: `enablecrosspartition`.
    pub enable_cross_partition: Given<bool>,
}

impl<F: FeatureNames> FieldType for Features<F> {
    fn decode(node: &Node, _rule: FieldRule, decoder: &mut Decoder<'_>) -> Option<Self> {
        decoder.fits(node.is_map().then_some(()))?;
        let mut entries: Vec<(Spanned<i64>, Spanned<bool>)> = Vec::new();
        let mut seen: BTreeMap<i64, Span> = BTreeMap::new();
        for entry in node.entries() {
            let Some(number) = decoder.fits(feature_number::<F>(&entry.key)) else {
                continue;
            };
            if matches!(entry.value.value, NodeValue::Unresolved(_)) {
                continue;
            }
            let Some(enabled) = decoder.fits(entry.value.as_flag()) else {
                continue;
            };
            if let Some(first) = seen.insert(number, entry.key_span) {
                decoder.report(
                    Diagnostic::error(
                        "duplicate-key",
                        format!("feature {number} is given by name and by number"),
                    )
                    .at(entry.key_span, "again")
                    .also(first, "first here")
                    .help("keep one of the two"),
                );
                continue;
            }
            entries.push((
                Spanned::new(number, entry.key_span),
                Spanned::new(enabled, entry.value.span),
            ));
        }
        Some(Self::new(entries))
    }

    fn to_json(&self) -> Value {
        let word = |number: i64| {
            F::NAMES
                .iter()
                .find(|(_, known)| *known == number)
                .map(|(word, _)| (*word).to_owned())
        };
        let entries = self.entries.iter().map(|(number, enabled)| {
            (
                word(number.value).unwrap_or_else(|| number.value.to_string()),
                Value::from(enabled.value),
            )
        });
        Value::Object(entries.collect())
    }

    fn schema(_rule: FieldRule) -> Value {
        let flag = with_variable(json!({"type": "boolean"}));
        let named: Map<String, Value> = F::NAMES
            .iter()
            .map(|(word, _)| ((*word).to_owned(), flag.clone()))
            .collect();
        json!({
            "type": "object",
            "properties": named,
            "patternProperties": {"^[0-9]{1,18}$": flag},
            "additionalProperties": false,
        })
    }
}

/// The option number of a feature that is written by name or by number.
fn feature_number<F: FeatureNames>(key: &str) -> Option<i64> {
    let named = F::NAMES
        .iter()
        .find(|(word, _)| *word == key)
        .map(|(_, number)| *number);
    let is_number =
        (1..=18).contains(&key.len()) && key.bytes().all(|digit| digit.is_ascii_digit());
    named.or_else(|| key.parse().ok().filter(|_| is_number))
}

impl Member for InboxView {
    const IS_NAME: bool = false;
    const ITEMS: &'static [FieldInfo] = &[
        FieldInfo::of::<String>(
            "name",
            "Its unique name.\n\nText of at most 128 characters, required. Dataverse: `msdyn_uniquename`.",
            ANY.required().max_length(128),
        ),
        FieldInfo::of::<String>(
            "displayName",
            "Name on the page.\n\nText of at most 100 characters, required. Dataverse: `msdyn_name`, localizable.",
            ANY.required().max_length(100),
        ),
        FieldInfo::of::<bool>(
            "visible",
            "Whether agents see it.\n\nFlag; a new row has `false`. Dataverse: `msdyn_isvisible`.",
            ANY,
        ),
        FieldInfo::of::<bool>(
            "default",
            "Whether it is the view shown first.\n\nFlag; a new row has `false`. Dataverse: `msdyn_isdefault`.",
            ANY,
        ),
        FieldInfo::of::<JsonOrText>(
            "configuration",
            "What the view shows. The product makes it and its form is not documented: take it from an export.\n\n\
             JSON of at most 1048576 characters, required here or as `configurationFile`. Dataverse: `msdyn_configuration`.",
            ANY.required().max_length(1_048_576).or_file(),
        ),
        FieldInfo::of::<JsonOrText>(
            "defaultSort",
            "How the view is sorted. The product makes it: take it from an export.\n\n\
             JSON of at most 1048576 characters, here or as `defaultSortFile`. Dataverse: `msdyn_defaultsort`.",
            ANY.max_length(1_048_576).or_file(),
        ),
        FieldInfo::of::<bool>(
            "enableCrossPartition",
            "Missing in older environments.\n\nFlag; a new row has `false`. Dataverse: `enablecrosspartition`.",
            ANY,
        ),
    ];

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let record = decoder.record(node, Self::ITEMS)?;
        let name = record.required("name", decoder);
        let display_name = record.required("displayName", decoder);
        let configuration = record.required("configuration", decoder);
        let visible = record.given("visible", decoder);
        let default = record.given("default", decoder);
        let default_sort = record.given("defaultSort", decoder);
        let enable_cross_partition = record.given("enableCrossPartition", decoder);
        Some(Self {
            name: name?,
            display_name: display_name?.into(),
            visible,
            default,
            configuration: configuration?.into(),
            default_sort,
            enable_cross_partition,
        })
    }

    fn to_json(&self) -> Value {
        let InboxView {
            name,
            display_name,
            visible,
            default,
            configuration,
            default_sort,
            enable_cross_partition,
        } = self;
        let mut view = Map::new();
        view.insert("name".to_owned(), name.value.as_str().into());
        put("displayName", display_name, &mut view);
        put("visible", visible, &mut view);
        put("default", default, &mut view);
        put("configuration", configuration, &mut view);
        put("defaultSort", default_sort, &mut view);
        put("enableCrossPartition", enable_cross_partition, &mut view);
        Value::Object(view)
    }

    fn schema() -> Value {
        items_schema(Self::ITEMS)
    }
}
