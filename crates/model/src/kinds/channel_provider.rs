//! Channel providers: telephony widgets on the second channel integration framework (CIF v2).

use super::build::{OWNER, choice, flag, json_or_text, number, options, record, text};
use super::place::{SUPPORT_EXPERIENCE, WORKSPACES, now};
use super::{Brought, Definition, Place, STATUS, Status, UNIQUE_NAME};
use crate::record::{Flag, JsonValue, Number, OwnerOf, Text};
use crate::table::{Names, NewRow, Table};

/// Channel providers (CIF v2).
pub static PROVIDER: Table = Table::desk(
    "msdyn_channelprovider",
    "msdyn_channelproviders",
    "msdyn_channelproviderid",
    0,
);

/// The first-party channel provider.
pub const FIRST_PARTY_CHANNEL: &str = "msdyn_omnichannel";

pub(super) static DEFINITION: Definition = Definition {
    word: "ChannelProvider",
    title: "Channel provider",
    meaning: "A channel provider of CIF v2: a telephony widget in the multisession apps.",
    folder: "channel-providers",
    place: Place::list(&[
        SUPPORT_EXPERIENCE,
        WORKSPACES,
        now("Third party voice channel provider"),
    ]),
    advice: "A provider of CIF v2 is for multisession apps and needs the licence of Omnichannel for Customer Service. Controls for CIF v1 keep working in single-session apps such as Customer Service Hub.",
    table: &PROVIDER,
    name: &UNIQUE_NAME,
    names: Names::Ruled,
    fields: PROVIDER_FIELDS,
    supplies_slugs: true,
    brings: &[Brought::new("Omnichannel", FIRST_PARTY_CHANNEL)],
    ..Definition::NOTHING
};

record! {
    /// The fields of a CIF v2 channel provider, as declared in a document.
    ChannelProvider, PROVIDER_FIELDS {
        /// Name on the admin pages.
        display_name: Text = text("displayName", "msdyn_name").max(100).required().label("Name");
        /// Deactivates the provider without deleting it.
        status: Status = STATUS;
        /// Who owns the row.
        owner: OwnerOf = OWNER;
        /// Title of the widget.
        label: Text = text("label", "msdyn_label").max(100).localizable().required().stored("`msdyn_Label`").label("Label");
        /// Channel URL: the page that the widget shows.
        channel_url: Text = text("channelUrl", "msdyn_channelurl").max(1024).required().form("URL").of_one_environment().label("Channel URL");
        /// Lets agents call a phone number by selecting it (click-to-dial).
        enable_outbound_communication: Flag = flag("enableOutboundCommunication", "msdyn_enableoutbound").new_has(NewRow::Flag(false)).label("Enable Outbound Communication");
        /// Channel Order: 0 comes first.
        channel_order: Number = number("channelOrder", "msdyn_sortorder").range(0, 1000).required().stored("`msdyn_SortOrder`").label("Channel Order");
        /// Api Version.
        api_version: ChannelApiVersion = choice("apiVersion", "msdyn_apiversion").new_has(NewRow::Word("2.0")).form("`\"2.0\"`, which a new row has").label("Api Version");
        /// Another domain that may communicate with the widget.
        trusted_domain: Text = text("trustedDomain", "msdyn_trusteddomain").max(2000).form("https URL").of_one_environment().label("Trusted Domain");
        /// Data passed to the widget; never a secret.
        custom_parameters: JsonValue = json_or_text("customParameters", "msdyn_customparams").max(2000).of_one_environment().label("Custom Parameters");
        /// Whether the widget's events are recorded for reports.
        enable_analytics: Flag = flag("enableAnalytics", "msdyn_enableanalytics").new_has(NewRow::Flag(false)).label("Enable Analytics");
        /// Permissions of the widget's frame: sandbox keywords, separated by commas. Missing in older environments.
        sandbox_configuration: Text = text("sandboxConfiguration", "msdyn_sandboxconfiguration").max(2000).of_one_environment().label("Sandbox Configuration");
    }
}

options! {
    /// Versions of the widget's interface.
    ChannelApiVersion {
        /// The only one.
        V2 = "2.0", 162_450_000, "2";
    }
}
