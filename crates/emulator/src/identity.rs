//! Determines the user of a request from its headers. Sign-in plugs in here.

use http::StatusCode;
use uuid::Uuid;

use crate::call::Call;
use crate::error::{Outcome, ServiceError, code};
use crate::security::Caller;
use crate::security::{self};
use crate::store::Store;

/// The user of anonymous requests: the system administrator of the seed.
pub(crate) const ADMINISTRATOR: Uuid = Uuid::from_u128(0x0c0f_0000_0000_4000_8000_0000_0000_0a01);

/// The error for a token whose user does not exist in the environment.
pub(crate) fn not_a_member(user: Uuid) -> ServiceError {
    ServiceError::new(
        StatusCode::FORBIDDEN,
        0x8007_2560,
        format!("The user is not a member of the organization. ({user})"),
    )
}

/// Applies `CallerObjectId` and `MSCRMCallerID` (Web API: impersonate another user).
pub(crate) fn impersonated(store: &Store, call: &Call, real: Caller) -> Outcome<Caller> {
    let by_object = call
        .header("callerobjectid")
        .map(|text| ("azureactivedirectoryobjectid", text));
    let by_user = call
        .header("mscrmcallerid")
        .map(|text| ("systemuserid", text));
    let Some((column, text)) = by_object.or(by_user) else {
        return Ok(real);
    };
    let id = Uuid::try_parse(text).map_err(|_| {
        ServiceError::bad(
            code::INVALID_ARGUMENT,
            format!("'{text}' is not a valid id of a caller."),
        )
    })?;
    if real.access.depth("prvActOnBehalfOfAnotherUser").is_none() {
        return Err(ServiceError::new(
            StatusCode::FORBIDDEN,
            code::PRIVILEGE_DENIED,
            "Principal user is missing prvActOnBehalfOfAnotherUser privilege.",
        ));
    }
    let user = find_user(store, column, id).ok_or_else(|| not_a_member(id))?;
    let mut caller =
        security::resolve(store, user, Some(real.user)).ok_or_else(|| not_a_member(id))?;
    caller.access = caller.access.within(&real.access);
    Ok(caller)
}

fn find_user(store: &Store, column: &str, id: Uuid) -> Option<Uuid> {
    let table = store.schema.named("systemuser")?;
    let position = store.schema.table(table).position(column)?;
    store
        .rows(table)
        .find(|row| row.cells[position].id() == Some(id))
        .map(|row| row.id)
}
