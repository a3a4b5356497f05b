//! Channel providers of the first channel integration framework (CIF v1), for single-session apps.
//!
//! The table has no unique name; the name is the identity.

use super::build::{choice, flag, ids, json_or_text, named, number, options, record, set, text};
use super::place::CIF_APP;
use super::{Brought, Definition, Place, STATUS, Status};
use crate::record::{Flag, JsonValue, Named, Number, SetOf, Text};
use crate::table::{Field, Names, NewRow, Referent, Relationship, Table, USER};

/// Channel providers of the first Channel Integration Framework. They have no unique name.
pub static CIF_PROVIDER: Table = Table {
    name: Some("msdyn_name"),
    component: false,
    ..Table::desk(
        "msdyn_ciprovider",
        "msdyn_ciproviders",
        "msdyn_ciproviderid",
        0,
    )
};
/// Users of a CIF v1 provider. The intersect table is named differently from the relationship.
pub static CIF_USERS: Relationship = Relationship {
    component: false,
    ..Relationship::many(
        "msdyn_ciprovider_systemuser_membership",
        "msdyn_ciprovider_systemuserset",
        &CIF_PROVIDER,
        &USER,
    )
};
/// The name of a v1 provider, which also identifies it.
static CIF_NAME: Field = text("name", "msdyn_name")
    .max(100)
    .label("Name")
    .meaning("");

pub(super) static DEFINITION: Definition = Definition {
    word: "CifProvider",
    title: "CIF v1 provider",
    meaning: "A channel provider of CIF v1, for single-session apps such as Customer Service Hub.",
    note: "It has no unique name: `metadata.name` is its Name (`msdyn_name`, at most 100 characters).",
    folder: "cif-providers",
    place: Place::Page {
        app: CIF_APP,
        way: &[],
        role: "System Administrator",
    },
    advice: "Only administrators can read the table msdyn_ciprovider at first: give agents a security role that can read it, or the widget does not load. Of the roles for the channel, only those count that a user has directly, not through a team.",
    table: &CIF_PROVIDER,
    name: &CIF_NAME,
    names: Names::Free,
    fields: CIF_FIELDS,
    supplies_slugs: true,
    // The record that Microsoft's page "Configure the Omnichannel dialer in Channel Integration Framework" edits.
    brings: &[Brought::new("Omnichannel", "Omnichannel")],
    ..Definition::NOTHING
};

record! {
    /// The fields of a CIF v1 channel provider, as declared in a document.
    CifProvider, CIF_FIELDS {
        /// Deactivates the provider without deleting it. By older code of the product, an inactive provider is still loaded: an empty list of
        /// `apps` is what takes it away.
        status: Status = STATUS;
        /// Title of the widget.
        label: Text = text("label", "msdyn_label").max(100).required().stored("`msdyn_Label`").label("Label");
        /// Channel URL: the page that the widget shows.
        channel_url: Text = text("channelUrl", "msdyn_landingurl").max(1024).required().form("URL").stored("`msdyn_LandingUrl`").of_one_environment().label("Channel URL");
        /// Lets agents call a phone number by selecting it (click-to-dial). A widget can change it at run time in the name of its agent
        /// (`setClickToAct`): if yours does, omit the field.
        enable_outbound_communication: Flag = flag("enableOutboundCommunication", "msdyn_clicktoact").new_has(NewRow::Flag(false))
            .stored("`msdyn_ClickToAct`").label("Enable Outbound Communication");
        /// Channel Order: 0 comes first.
        channel_order: Number = number("channelOrder", "msdyn_sortorder").range(0, 1000).required().stored("`msdyn_SortOrder`").label("Channel Order");
        /// Api Version.
        api_version: CifApiVersion = choice("apiVersion", "msdyn_ciproviderapiversion").new_has(NewRow::Word("1.0")).label("API Version");
        /// Another domain that may communicate with the widget.
        trusted_domain: Text = text("trustedDomain", "msdyn_trusteddomain").max(2000).form("https URL").of_one_environment().label("Trusted Domain");
        /// Data passed to the widget; never a secret.
        custom_parameters: JsonValue = json_or_text("customParameters", "msdyn_customparams").max(2000).of_one_environment().label("Custom Parameter");
        /// Whether the widget's events are recorded for reports.
        enable_analytics: Flag = flag("enableAnalytics", "msdyn_enableanalytics").new_has(NewRow::Flag(false)).stored("`msdyn_EnableAnalytics`").label("Enable Analytics")
            .hint("Microsoft does not support it in version 1.0 of the framework.");
        /// Permissions of the widget's frame: sandbox keywords, separated by commas.
        sandbox_configuration: Text = text("sandboxConfiguration", "msdyn_sandboxconfiguration").max(2000).of_one_environment().label("Sandbox Configuration");
        /// The security roles that see the widget, by name. System Administrator and System Customizer always see it and are not listed. By older code of the product, a user must hold a role directly: those of teams do not count.
        roles: SetOf<Text> = ids("roles", "msdyn_roleselector", Referent::Role, &["System Administrator", "System Customizer"])
            .form("List of names of security roles, or `{mode: atLeast, members: [...]}`; required unless `roleSelector` is given").stored("`msdyn_RoleSelector`, as ids with semicolons between them").label("Select the Roles for the Channel");
        /// The apps that show the widget, by unique name, such as `CustomerServiceHub`. If the widget does not load in an app that never had a provider,
        /// save one on the page of providers once: by older code of the product, the page also adds the loading script to the app, which deskstate does not.
        apps: SetOf<Text> = ids("apps", "msdyn_appselector", Referent::Row(&crate::tables::APP), &[])
            .form("List of unique names of apps, or `{mode: atLeast, members: [...]}`").stored("`msdyn_AppSelector`, as ids with semicolons between them").label("Select Unified Interface Apps for the Channel");
        /// The security roles that see the widget, in the column's own format. Use it only if `roles` cannot express them.
        role_selector: Text = text("roleSelector", "msdyn_roleselector").max(4000).never_null().stored("`msdyn_RoleSelector`").of_one_environment().no_box();
        /// The apps that show the widget, in the column's own format. Use it only if `apps` cannot express them.
        app_selector: Text = text("appSelector", "msdyn_appselector").max(4000).stored("`msdyn_AppSelector`").of_one_environment().no_box();
        /// Users of the provider; how the product uses the list is not documented.
        users: SetOf<Text> = set("users", &CIF_USERS, Referent::User).no_box();
        /// Icon of the provider.
        channel_provider_icon: Named = named("channelProviderIcon", "msdyn_channelprovidericon", Referent::WebResource).label("Channel Provider Icon")
            .hint("The icon is shown if `Provider icon configuration` is selected in the Copilot Service admin center, under Operations > Miscellaneous > New and upcoming features. The pane is then either expanded or hidden.");
        /// Version of the framework's solution.
        cif_solution_version: Text = text("cifSolutionVersion", "msdyn_cifsolversion").max(2000).no_box();
    }
}

options! {
    /// Versions of the widget's interface.
    CifApiVersion {
        /// The first one.
        V1 = "1.0", 0;
        /// The second one.
        V2 = "2.0", 1;
    }
}
