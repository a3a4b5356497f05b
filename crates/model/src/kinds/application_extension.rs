//! Application extensions: scripts that are loaded for an app profile.

use crate::field::{FieldRule, choice, kind};
use crate::kinds::Status;
use crate::set::Owner;

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// An application extension: a script that is loaded for an app profile. Mostly referenced, rarely written.
    ///
    /// Dataverse: `msdyn_applicationextension`.
    ApplicationExtension {
        /// Name on the admin pages.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_name`.
        "displayName" display_name: String = ANY.required().max_length(100);
        /// Deactivates the extension without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// Who owns the row.
        ///
        /// `{user: ...}` or `{team: ...}`; a new row belongs to the caller, or to the project's `defaults.owner`. Dataverse: `ownerid`.
        "owner" owner: Owner = ANY;
        /// Who brings the extension.
        ///
        /// `System` or `Custom`; a new row is `Custom`. Dataverse: `msdyn_type`.
        "type" r#type: ExtensionType = ANY;
        /// Webresource Url: the script.
        ///
        /// Text of at most 256 characters, required. Dataverse: `msdyn_webresource_url`.
        "webResourceUrl" web_resource_url: String = ANY.required().max_length(256);
        /// Undocumented.
        ///
        /// Text of at most 100 characters. Dataverse: `msdyn_appconfig_relationshipname`.
        "relationshipName" relationship_name: String = ANY.max_length(100);
        /// Undocumented.
        ///
        /// `One` or `Many`; a new row has `Many`. Dataverse: `msdyn_relationship_cardinality`.
        "relationshipCardinality" relationship_cardinality: RelationshipCardinality = ANY;
    }
}

choice! {
    /// Who brings an extension.
    ExtensionType {
        /// Microsoft.
        System = "System",
        /// Somebody else.
        Custom = "Custom",
    }
}

choice! {
    /// Undocumented.
    RelationshipCardinality {
        /// One.
        One = "One",
        /// Many.
        Many = "Many",
    }
}
