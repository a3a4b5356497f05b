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

use crate::field::{FieldInfo, FieldView, choice};
use crate::name::UniqueName;

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
