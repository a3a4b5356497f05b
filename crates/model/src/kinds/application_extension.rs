//! Application extensions: scripts that are loaded for an app profile.

use super::build::{OWNER, choice, options, record, text};
use super::{Brought, Definition, Place, STATUS, Status, UNIQUE_NAME};
use crate::record::{OwnerOf, Text};
use crate::table::{Names, NewRow, Table};

/// Application extensions.
pub static EXTENSION: Table = Table::desk(
    "msdyn_applicationextension",
    "msdyn_applicationextensions",
    "msdyn_applicationextensionid",
    0,
);

/// The extension that loads Channel Integration Framework 2 for a profile.
pub const CIF_V2_LOADER: &str = "msdyn_CIFV2Loader";

/// The extension that loads the productivity pane for a profile.
pub const PANE_LOADER: &str = "pp_loader";

pub(super) static DEFINITION: Definition = Definition {
    word: "ApplicationExtension",
    title: "Application extension",
    meaning: "An application extension: a script that is loaded for an app profile. You usually refer to one; you rarely create one.",
    folder: "application-extensions",
    place: Place::Nowhere,
    table: &EXTENSION,
    name: &UNIQUE_NAME,
    names: Names::Ruled,
    fields: EXTENSION_FIELDS,
    brings: &[
        Brought::new("", CIF_V2_LOADER),
        Brought::new("", PANE_LOADER),
    ],
    ..Definition::NOTHING
};

record! {
    /// The fields of an application extension, as declared in a document.
    ApplicationExtension, EXTENSION_FIELDS {
        /// Name on the admin pages.
        display_name: Text = text("displayName", "msdyn_name").max(100).required();
        /// Deactivates the extension without deleting it.
        status: Status = STATUS;
        /// Who owns the row.
        owner: OwnerOf = OWNER;
        /// Who provides the extension.
        r#type: ExtensionType = choice("type", "msdyn_type").new_is("Custom");
        /// Webresource Url: the script.
        web_resource_url: Text = text("webResourceUrl", "msdyn_webresource_url").max(256).required();
        /// Undocumented.
        relationship_name: Text = text("relationshipName", "msdyn_appconfig_relationshipname").max(100);
        /// Undocumented.
        relationship_cardinality: RelationshipCardinality = choice("relationshipCardinality", "msdyn_relationship_cardinality")
            .new_has(NewRow::Word("Many"));
    }
}

options! {
    /// Who provides an extension.
    ExtensionType {
        /// Microsoft.
        System = "System", 387_300_000;
        /// Another provider.
        Custom = "Custom", 387_300_001;
    }
}

options! {
    /// Undocumented.
    RelationshipCardinality {
        /// One.
        One = "One", 387_300_000;
        /// Many.
        Many = "Many", 387_300_001;
    }
}
