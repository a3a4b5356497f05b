//! Notification fields that several notification templates share.

use crate::field::{FieldRule, kind};
use crate::kinds::Status;
use crate::set::Owner;

const ANY: FieldRule = FieldRule::ANY;

kind! {
    /// A notification field that several notification templates share.
    ///
    /// Dataverse: `msdyn_notificationfield`. A field of one template alone is written in its `fields`.
    NotificationField {
        /// Name on the admin pages.
        ///
        /// Text of at most 100 characters, required. Dataverse: `msdyn_name`, localizable.
        "displayName" display_name: String = ANY.required().max_length(100);
        /// Deactivates the field without deleting it.
        ///
        /// `Active` or `Inactive`; a new row is `Active`. Dataverse: `statecode` with `statuscode`.
        "status" status: Status = ANY;
        /// Who owns the row.
        ///
        /// `{user: ...}` or `{team: ...}`; a new row belongs to the caller, or to the project's `defaults.owner`. Dataverse: `ownerid`.
        "owner" owner: Owner = ANY;
        /// The header, also the key by which values are replaced.
        ///
        /// Text of at most 200 characters, required. Dataverse: `msdyn_title`, localizable.
        "header" header: String = ANY.required().max_length(200);
        /// What stands beside the header; may hold slugs such as `{priority}`.
        ///
        /// Text of at most 1028 characters. Dataverse: `msdyn_value`, localizable.
        "value" value: String = ANY.max_length(1028);
        /// Its place in every template that shows it: must rise along each template's list.
        ///
        /// 0 to 2147483647, required. Dataverse: `msdyn_order`, one for all templates.
        "order" order: i64 = ANY.required().range(0, 2_147_483_647);
    }
}
