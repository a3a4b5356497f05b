//! The kinds of resources. The only place that matches over all of them.

mod agent_script;
mod app_profile;
mod application_extension;
mod application_tab;
mod channel_provider;
mod cif_provider;
mod notification_field;
mod notification_template;
mod pane_tool;
mod productivity_pane;
mod session_template;
mod smart_assist;

use std::fmt;
use std::str::FromStr;

pub use agent_script::{AgentScript, ScriptStep, ScriptSteps, StepAction};
pub use app_profile::{AppProfile, ChtFeature, CopilotFeature, FeatureNames, Features, InboxView};
pub use application_extension::{ApplicationExtension, ExtensionType, RelationshipCardinality};
pub use application_tab::{ApplicationTab, PageType, ParameterValue, Parameters};
pub use channel_provider::{ChannelApiVersion, ChannelProvider};
pub use cif_provider::{CifApiVersion, CifProvider};
pub use notification_field::NotificationField;
pub use notification_template::{
    DesktopNotifications, FieldItem, FieldItems, NotificationTemplate, OwnField, Theme,
};
pub use pane_tool::{PaneTool, ToolCategory, ToolType};
pub use productivity_pane::{PaneEntries, PaneEntry, PaneMode, ProductivityPane};
pub use session_template::{CommunicationPanelMode, SessionTemplate, SessionType};
pub use smart_assist::{ControlType, SmartAssist, SuggestionType};

use serde_json::{Map, Value};

use crate::decode::Decoder;
use crate::field::{FieldInfo, FieldView, choice};
use crate::given::Given;
use crate::name::UniqueName;
use crate::set::{Owner, Reference, SetOf};
use crate::span::{Span, Spanned};
use crate::yaml::Node;

choice! {
    /// Whether a row is in use.
    Status {
        /// In use.
        Active = "Active",
        /// Kept, but not in use.
        Inactive = "Inactive",
    }
}

/// What every kind's struct says about itself.
pub(crate) trait Spec {
    /// The doc comment of the kind.
    const DOC: &'static str;
    /// The fields in the order of the reference.
    const FIELDS: &'static [FieldInfo];

    /// Every field by its word, in the order of [`Spec::FIELDS`].
    fn fields(&self) -> Vec<(&'static str, FieldView<'_>)>;

    /// The fields that are given, in the form of a manifest.
    fn to_spec(&self) -> Map<String, Value>;

    /// Reads a `spec`.
    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Self;
}

/// Declares [`Kind`] and [`Resource`], which have one variant per kind.
macro_rules! kinds {
    ($($name:ident),* $(,)?) => {
        /// The kind of a resource.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(
                #[doc = concat!("See [`", stringify!($name), "`](struct@", stringify!($name), ").")]
                $name,
            )*
        }

        impl Kind {
            /// Every kind, in the order of the reference.
            pub const ALL: &'static [Kind] = &[$(Kind::$name),*];

            /// The word in a manifest.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Kind::$name => stringify!($name),)* }
            }

            /// What the kind is for: the doc comment of its struct.
            #[must_use]
            pub fn doc(self) -> &'static str {
                match self { $(Kind::$name => <$name as Spec>::DOC,)* }
            }

            /// The fields of the kind, in the order of the reference.
            #[must_use]
            pub fn field_infos(self) -> &'static [FieldInfo] {
                match self { $(Kind::$name => <$name as Spec>::FIELDS,)* }
            }
        }

        /// What a document says in its `spec`.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Resource {
            $(
                #[doc = concat!("The fields of the kind `", stringify!($name), "`.")]
                $name(Box<$name>),
            )*
        }

        impl Resource {
            /// A resource of a kind that says nothing.
            #[must_use]
            pub fn empty(kind: Kind) -> Self {
                match kind { $(Kind::$name => Resource::$name(Box::default()),)* }
            }

            /// Reads the `spec` of a document.
            pub(crate) fn decode(kind: Kind, node: &Node, decoder: &mut Decoder<'_>) -> Self {
                match kind { $(Kind::$name => Resource::$name(Box::new(<$name as Spec>::decode(node, decoder))),)* }
            }

            /// The fields that are given, in the form of a manifest and in the order of the reference.
            #[must_use]
            pub fn to_spec(&self) -> Map<String, Value> {
                match self { $(Resource::$name(spec) => spec.to_spec(),)* }
            }

            /// The kind.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self { $(Resource::$name(_) => Kind::$name,)* }
            }

            /// Every field of the struct by its word, in the order of the declaration.
            #[must_use]
            pub fn fields(&self) -> Vec<(&'static str, FieldView<'_>)> {
                match self { $(Resource::$name(spec) => spec.fields(),)* }
            }
        }
    };
}

kinds!(
    AppProfile,
    SessionTemplate,
    ApplicationTab,
    NotificationTemplate,
    NotificationField,
    ChannelProvider,
    CifProvider,
    ApplicationExtension,
    ProductivityPane,
    PaneTool,
    AgentScript,
    SmartAssist,
);

/// A name of another resource, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReferenceView<'a> {
    /// The field that holds it.
    pub field: &'static str,
    /// The kind of what it names.
    pub kind: Kind,
    /// The name.
    pub name: &'a Reference,
    /// Its place.
    pub span: Span,
    /// Whether it says that the other one must not be linked (`without`).
    pub excluded: bool,
}

impl Resource {
    /// Every name of another resource, in the order of the fields.
    #[must_use]
    pub fn references(&self) -> Vec<ReferenceView<'_>> {
        let mut found = References(Vec::new());
        match self {
            Resource::AppProfile(profile) => {
                found.set(
                    "sessionTemplates",
                    Kind::SessionTemplate,
                    &profile.session_templates,
                );
                found.set(
                    "channelProviders",
                    Kind::ChannelProvider,
                    &profile.channel_providers,
                );
                found.set(
                    "extensions",
                    Kind::ApplicationExtension,
                    &profile.extensions,
                );
                found.one(
                    "productivityPane",
                    Kind::ProductivityPane,
                    profile.productivity_pane.spanned(),
                );
                found.set("smartAssist", Kind::SmartAssist, &profile.smart_assist);
            }
            Resource::SessionTemplate(session) => {
                found.one(
                    "anchorTab",
                    Kind::ApplicationTab,
                    session.anchor_tab.spanned(),
                );
                found.set(
                    "additionalTabs",
                    Kind::ApplicationTab,
                    &session.additional_tabs,
                );
                found.set("scripts", Kind::AgentScript, &session.scripts);
            }
            Resource::NotificationTemplate(template) => {
                for item in template.fields.value().map_or(&[][..], |items| &items.0) {
                    if let FieldItem::Shared(name) = &item.value {
                        found.one("fields", Kind::NotificationField, Some(name));
                    }
                }
            }
            Resource::ProductivityPane(pane) => {
                for entry in pane.tools.value().map_or(&[][..], |entries| &entries.0) {
                    found.one("tools", Kind::PaneTool, Some(&entry.value.tool));
                }
            }
            Resource::AgentScript(script) => {
                for step in script.steps.value().map_or(&[][..], |steps| &steps.0) {
                    if let StepAction::Script(name) = &step.value.action.value {
                        found.push(
                            "steps",
                            Kind::AgentScript,
                            name,
                            step.value.action.span,
                            false,
                        );
                    }
                }
            }
            Resource::ApplicationTab(_)
            | Resource::NotificationField(_)
            | Resource::ChannelProvider(_)
            | Resource::CifProvider(_)
            | Resource::ApplicationExtension(_)
            | Resource::PaneTool(_)
            | Resource::SmartAssist(_) => {}
        }
        found.0
    }

    /// The field `owner` of the kinds that have one.
    pub(crate) fn owner_mut(&mut self) -> Option<&mut Given<Owner>> {
        match self {
            Resource::AppProfile(spec) => Some(&mut spec.owner),
            Resource::SessionTemplate(spec) => Some(&mut spec.owner),
            Resource::ApplicationTab(spec) => Some(&mut spec.owner),
            Resource::NotificationTemplate(spec) => Some(&mut spec.owner),
            Resource::NotificationField(spec) => Some(&mut spec.owner),
            Resource::ChannelProvider(spec) => Some(&mut spec.owner),
            Resource::ApplicationExtension(spec) => Some(&mut spec.owner),
            Resource::AgentScript(spec) => Some(&mut spec.owner),
            Resource::CifProvider(_)
            | Resource::ProductivityPane(_)
            | Resource::PaneTool(_)
            | Resource::SmartAssist(_) => None,
        }
    }

    /// The place of a field, if the document gives it.
    #[must_use]
    pub fn span_of(&self, word: &str) -> Option<Span> {
        self.fields()
            .into_iter()
            .find(|(field, _)| *field == word)
            .and_then(|(_, view)| match view {
                FieldView::Absent => None,
                FieldView::Clear(span) | FieldView::Value(_, span) | FieldView::Typed(span) => {
                    Some(span)
                }
            })
    }
}

struct References<'a>(Vec<ReferenceView<'a>>);

impl<'a> References<'a> {
    fn push(
        &mut self,
        field: &'static str,
        kind: Kind,
        name: &'a Reference,
        span: Span,
        excluded: bool,
    ) {
        self.0.push(ReferenceView {
            field,
            kind,
            name,
            span,
            excluded,
        });
    }

    fn one(&mut self, field: &'static str, kind: Kind, name: Option<&'a Spanned<Reference>>) {
        if let Some(name) = name {
            self.push(field, kind, &name.value, name.span, false);
        }
    }

    fn set(&mut self, field: &'static str, kind: Kind, set: &'a Given<SetOf<Reference>>) {
        let Some(set) = set.value() else { return };
        for name in &set.members {
            self.push(field, kind, &name.value, name.span, false);
        }
        for name in &set.without {
            self.push(field, kind, &name.value, name.span, true);
        }
    }
}

impl Kind {
    /// Greatest length of a name: `msdyn_uniquename`, for CifProvider `msdyn_name`.
    #[must_use]
    pub fn max_name_length(self) -> usize {
        match self {
            Kind::CifProvider => 100,
            _ => crate::part::MAX_UNIQUE_NAME,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// No kind has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no kind is called `{0}`")]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Kind::ALL
            .iter()
            .copied()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

/// What identifies a resource in every environment. Shown as `SessionTemplate CTI_createSession`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    /// The kind.
    pub kind: Kind,
    /// The unique name.
    pub name: UniqueName,
}

impl ResourceKey {
    /// Puts kind and name together.
    #[must_use]
    pub fn new(kind: Kind, name: &str) -> Self {
        Self {
            kind,
            name: UniqueName::new(name),
        }
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.kind, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_word() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert_eq!(
            "Sessiontemplate".parse::<Kind>(),
            Err(UnknownKind("Sessiontemplate".into()))
        );
    }

    #[test]
    fn every_field_has_a_meaning_and_a_dataverse_column() {
        for kind in Kind::ALL {
            assert!(kind.doc().contains("Dataverse: `msdyn_"), "{kind}");
            for field in kind.field_infos() {
                assert!(field.doc.contains("Dataverse:"), "{kind}.{}", field.word);
            }
        }
    }
}
