//! Channel providers: telephony widgets on the second channel integration framework (CIF v2).

use crate::field::{FieldRule, choice, kind};
use crate::kinds::Status;
use crate::set::{JsonOrText, Owner};

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// A channel provider of CIF v2: a telephony widget in the multisession apps.
    ///
    /// Dataverse: `msdyn_channelprovider`.
    ChannelProvider {
        /// Name on the admin pages.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_name`.
        "displayName" display_name: String = ANY.required().max_length(100);
        /// Deactivates the provider without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// Who owns the row.
        ///
        /// `{user: ...}` or `{team: ...}`; a new row belongs to the caller, or to the project's `defaults.owner`. Dataverse: `ownerid`.
        "owner" owner: Owner = ANY;
        /// Title of the widget.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_Label`, localizable.
        "label" label: String = ANY.required().max_length(100);
        /// Channel URL: the page that the widget shows.
        ///
        /// URL of at most 1024 characters, required. Dataverse: `msdyn_channelurl`.
        "channelUrl" channel_url: String = ANY.required().max_length(1024);
        /// Whether a click on a telephone number calls it.
        ///
        /// Flag; a new row has `false`. Dataverse: `msdyn_enableoutbound`.
        "enableOutboundCommunication" enable_outbound_communication: bool = ANY;
        /// Channel Order: 0 comes first.
        ///
        /// 0 to 1000, required. Dataverse: `msdyn_SortOrder`.
        "channelOrder" channel_order: i64 = ANY.required().range(0, 1000);
        /// Api Version.
        ///
        /// `"2.0"`, which a new row has. Dataverse: `msdyn_apiversion`.
        "apiVersion" api_version: ChannelApiVersion = ANY;
        /// A further domain that may talk to the widget.
        ///
        /// https URL of at most 2000 characters. Dataverse: `msdyn_trusteddomain`.
        "trustedDomain" trusted_domain: String = ANY.max_length(2000);
        /// What the widget is given; never a secret.
        ///
        /// A mapping, stored as JSON, or text; at most 2000 characters. Dataverse: `msdyn_customparams`.
        "customParameters" custom_parameters: JsonOrText = ANY.max_length(2000);
        /// Whether the widget's events are recorded for reports.
        ///
        /// Flag; a new row has `false`. Dataverse: `msdyn_enableanalytics`.
        "enableAnalytics" enable_analytics: bool = ANY;
        /// Sandbox Configuration; not on Microsoft's page, and missing in older environments.
        ///
        /// Text of at most 2000 characters. Dataverse: `msdyn_sandboxconfiguration`.
        "sandboxConfiguration" sandbox_configuration: String = ANY.max_length(2000);
    }
}

choice! {
    /// Versions of the widget's interface.
    ChannelApiVersion {
        /// The only one.
        V2 = "2.0",
    }
}
