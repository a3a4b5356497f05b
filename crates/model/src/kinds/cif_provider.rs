//! Channel providers of the first channel integration framework (CIF v1), for single-session apps.

use crate::field::{FieldRule, choice, kind};
use crate::kinds::Status;
use crate::set::{JsonOrText, SetOf, UserRef, WebResource};

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// A channel provider of CIF v1, for single-session apps such as Customer Service Hub.
    ///
    /// Dataverse: `msdyn_ciprovider`. It has no unique name: `metadata.name` is its Name (`msdyn_name`, at most 100 characters).
    CifProvider {
        /// Deactivates the provider without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// Title of the widget.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_Label`.
        "label" label: String = ANY.required().max_length(100);
        /// Channel URL: the page that the widget shows.
        ///
        /// URL of at most 1024 characters, required. Dataverse: `msdyn_LandingUrl`.
        "channelUrl" channel_url: String = ANY.required().max_length(1024);
        /// Whether a click on a telephone number calls it.
        ///
        /// Flag; a new row has `false`. Dataverse: `msdyn_ClickToAct`.
        "enableOutboundCommunication" enable_outbound_communication: bool = ANY;
        /// Channel Order: 0 comes first.
        ///
        /// 0 to 1000, required. Dataverse: `msdyn_SortOrder`.
        "channelOrder" channel_order: i64 = ANY.required().range(0, 1000);
        /// Api Version.
        ///
        /// `"1.0"` or `"2.0"`; a new row has `"1.0"`. Dataverse: `msdyn_ciproviderapiversion`.
        "apiVersion" api_version: CifApiVersion = ANY;
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
        /// Flag; a new row has `false`. Dataverse: `msdyn_EnableAnalytics`.
        "enableAnalytics" enable_analytics: bool = ANY;
        /// What the widget's frame may do: words for the frame's sandbox, separated by commas.
        ///
        /// Text of at most 2000 characters. Dataverse: `msdyn_sandboxconfiguration`.
        "sandboxConfiguration" sandbox_configuration: String = ANY.max_length(2000);
        /// The security roles that see the widget, in a stored form that is not documented: take it from an export.
        ///
        /// Text of at most 4000 characters, required. Dataverse: `msdyn_RoleSelector`.
        "roleSelector" role_selector: String = ANY.required().max_length(4000);
        /// The apps that show the widget, in a stored form that is not documented: take it from an export.
        ///
        /// Text of at most 4000 characters. Dataverse: `msdyn_AppSelector`.
        "appSelector" app_selector: String = ANY.max_length(4000);
        /// Users of the provider; how the product uses the list is not documented.
        ///
        /// Set of users: user principal name, e-mail address or Entra object id. Dataverse: N:N `msdyn_ciprovider_systemuser_membership`.
        "users" users: SetOf<UserRef> = ANY;
        /// Icon of the provider.
        ///
        /// Name of a web resource. Dataverse: `msdyn_channelprovidericon`.
        "channelProviderIcon" channel_provider_icon: WebResource = ANY;
        /// Version of the framework's solution.
        ///
        /// Text of at most 2000 characters. Dataverse: `msdyn_cifsolversion`.
        "cifSolutionVersion" cif_solution_version: String = ANY.max_length(2000);
    }
}

choice! {
    /// Versions of the widget's interface.
    CifApiVersion {
        /// The first one.
        V1 = "1.0",
        /// The second one.
        V2 = "2.0",
    }
}
