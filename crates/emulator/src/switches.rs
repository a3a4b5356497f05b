//! What documents leave open, as switches; loadable from an answer sheet.

use std::collections::BTreeSet;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::age::Age;
use crate::error::{ServiceError, code};

/// An answer sheet: `{"formatVersion":1,"answers":{…}}`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AnswerSheet {
    format_version: u32,
    answers: Map<String, Json>,
    /// How a real environment worded its refusals; nothing here depends on it.
    #[serde(default, rename = "replies")]
    _replies: Map<String, Json>,
    /// How a report came about, and what it leaves open; nothing here depends on it.
    #[serde(default, rename = "about")]
    _about: Map<String, Json>,
}

/// How the single error of a failed changeset is wrapped in a batch response. Each was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangesetFailure {
    /// Inside a `multipart/mixed; boundary=changesetresponse_…` part, with the `Content-ID` and without a request id.
    Nested,
    /// As a bare `application/http` part with a request id.
    Bare,
    /// As the JSON body of the whole reply, in place of a multipart body.
    Json,
}

/// The code of a query that names a column or navigation property that is not there, or an entity set, function or action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum UnknownColumn {
    /// `0x80060888`, as live reports have it.
    BadQuery,
    /// `0x0`, and `0x8006088a` for an entity set, as a support page has it.
    Zero,
}

/// The code of a refusal for want of a privilege.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum MissingPrivilege {
    /// `0x80040220`.
    PrivilegeDenied,
    /// `0x80048306`.
    PrincipalMissing,
}

/// What a filter makes of an id in quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum QuotedIds {
    /// It is text, which no id can be compared with.
    Refused,
    /// It is the id.
    Accepted,
}

/// What writing a tab's own row does to its parameter rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TouchedParameters {
    /// Nothing.
    Nothing,
    /// Their versions move.
    Versions,
    /// They are written again with the values that the tab's JSON column had before, so their versions move too.
    Values,
}

/// The status of a batch response whose processing stopped at a failing item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BatchStatus {
    /// `400`, as documented.
    BadRequest,
    /// The status of the failing item, as one test script saw.
    Inner,
}

/// What the platform does with links that are already there, or not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkAnswer {
    /// An error.
    Refused,
    /// `204`, as if it had been done.
    Accepted,
}

/// What becomes of a new value for a column that keeps the one its row was created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LateWrite {
    /// It is left out without a word.
    Ignored,
    /// The write is refused.
    Refused,
}

/// Every switch. Defaults are the answers that are hardest on a client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Switches {
    /// Which tables, columns and options exist; its sheet sets further switches too.
    pub age: Age,
    /// How a failed changeset is wrapped.
    pub changeset_failure: ChangesetFailure,
    /// Outer status of a batch that stopped at a failing item.
    pub batch_status: BatchStatus,
    /// A changeset part without `Content-ID` is refused with `0x80060888`.
    pub content_id_required: bool,
    /// `404` for an absent row and `412` for a stale etag carry their code; else it is empty.
    pub codes_on_conditional_errors: bool,
    /// A changeset refused with `412` for a stale etag carries its code, or none; if absent, as outside changesets.
    pub code_on_stale_in_changesets: Option<bool>,
    /// A changeset refused with `404` for an absent row carries its code, or none; if absent, as outside changesets.
    pub code_on_absent_in_changesets: Option<bool>,
    /// The code of a query that names an unknown property or entity set.
    pub unknown_column: UnknownColumn,
    /// An id in quotes, compared with a key or a lookup in `$filter`.
    pub quoted_ids: QuotedIds,
    /// The code of a refusal for want of a privilege.
    pub missing_privilege: MissingPrivilege,
    /// Tables (logical names) without optimistic concurrency.
    pub no_optimistic_concurrency: BTreeSet<String>,
    /// A version named by `If-Match` works inside changesets too; else any version will do there.
    pub if_match_in_changesets: bool,
    /// Linking what is already linked.
    pub associate_again: LinkAnswer,
    /// Unlinking what is not linked.
    pub disassociate_missing: LinkAnswer,
    /// Linking and unlinking raise the version of both rows.
    pub links_raise_version: bool,
    /// Emptying a lookup because its target went raises the version of the row.
    pub emptied_lookup_raises_version: bool,
    /// `"nav@odata.bind": null` is accepted; else refused with `400`.
    pub bind_null: bool,
    /// Keys chosen by the client are accepted on create.
    pub own_keys: bool,
    /// Entity sets of intersect tables may be read.
    pub intersect_sets_readable: bool,
    /// `$expand` of a many-to-many relationship shows its rows; else only a link to them.
    pub expanded_links_shown: bool,
    /// Columns of level ApplicationRequired must be given on create, as SystemRequired ones.
    pub application_required_enforced: bool,
    /// A unique name must begin with the prefix of a publisher (`0x800608ad`).
    pub prefix_needs_publisher: bool,
    /// A new row may not carry the prefix of a publisher whose solutions are managed (`0x800608ad`).
    pub foreign_prefixes_refused: bool,
    /// Two rows of a table may not share a unique name.
    pub unique_names_are_unique: bool,
    /// Unique names that differ in case alone are the same.
    pub unique_names_ignore_case: bool,
    /// A unique name cannot be changed after create.
    pub unique_names_are_immutable: bool,
    /// Creating an application tab makes its parameter rows.
    pub tab_makes_parameters: bool,
    /// The JSON column of a tab follows its parameter rows.
    pub tab_json_derived: bool,
    /// What writing a tab's own row does to its parameter rows.
    pub tab_write_touches_parameters: TouchedParameters,
    /// A third-party url with a slug that the product does not know is stored as null.
    pub unknown_slugs_nulled: bool,
    /// A user may be linked to one profile only.
    pub one_profile_per_user: bool,
    /// A profile may be linked to one entity session template per table only.
    pub one_entity_template_per_table: bool,
    /// A notification template may be linked to four fields at most.
    pub four_notification_fields: bool,
    /// Blocking unmanaged customisations covers rows of the profile and template tables.
    pub lockdown_covers_rows: bool,
    /// A solution import is under way: components are not written and nothing is published (`429`, `0x80071151`).
    pub solution_import_running: bool,
    /// Alternate key on `msdyn_uniquename` exists on every table that has the column.
    pub unique_name_keys: bool,
    /// Tables (logical names) that the environment does not have.
    pub missing_tables: BTreeSet<String>,
    /// Columns (`table.column`) that the environment does not have.
    pub missing_columns: BTreeSet<String>,
    /// Options (`table.column=number`) that the environment does not have.
    pub missing_options: BTreeSet<String>,
    /// `$select` on `msdyn_componentlayers` is ignored.
    pub layers_ignore_select: bool,
    /// A new value for a column that keeps the one its row was created with, such as the type of a queue.
    pub late_writes: LateWrite,
    /// Rows that the product needs, such as its presences and default queues, can be neither changed nor deleted.
    pub product_rows_protected: bool,
    /// The product completes new rows, such as a queue with its contract.
    pub new_rows_completed: bool,
    /// The fallback queue of a workstream is empty in `$select` and filled in `$expand`.
    pub lookups_only_expanded: bool,
}

impl Default for Switches {
    fn default() -> Switches {
        Switches {
            age: Age::default(),
            changeset_failure: ChangesetFailure::Nested,
            batch_status: BatchStatus::BadRequest,
            content_id_required: true,
            codes_on_conditional_errors: false,
            code_on_stale_in_changesets: None,
            code_on_absent_in_changesets: None,
            unknown_column: UnknownColumn::BadQuery,
            quoted_ids: QuotedIds::Refused,
            missing_privilege: MissingPrivilege::PrivilegeDenied,
            no_optimistic_concurrency: BTreeSet::new(),
            if_match_in_changesets: true,
            associate_again: LinkAnswer::Refused,
            disassociate_missing: LinkAnswer::Refused,
            links_raise_version: true,
            emptied_lookup_raises_version: true,
            bind_null: false,
            own_keys: true,
            intersect_sets_readable: true,
            expanded_links_shown: true,
            application_required_enforced: true,
            prefix_needs_publisher: true,
            foreign_prefixes_refused: false,
            unique_names_are_unique: true,
            unique_names_ignore_case: true,
            unique_names_are_immutable: true,
            tab_makes_parameters: true,
            tab_json_derived: true,
            tab_write_touches_parameters: TouchedParameters::Nothing,
            unknown_slugs_nulled: false,
            one_profile_per_user: false,
            one_entity_template_per_table: true,
            four_notification_fields: true,
            lockdown_covers_rows: true,
            solution_import_running: false,
            unique_name_keys: false,
            missing_tables: BTreeSet::new(),
            missing_columns: BTreeSet::new(),
            missing_options: BTreeSet::new(),
            layers_ignore_select: true,
            late_writes: LateWrite::Ignored,
            product_rows_protected: true,
            new_rows_completed: true,
            lookups_only_expanded: true,
        }
    }
}

impl Switches {
    /// An error in the words of this environment.
    pub(crate) fn phrase(&self, mut error: ServiceError) -> ServiceError {
        error.code = error.code.map(|number| match number {
            code::UNKNOWN_PROPERTY if self.unknown_column == UnknownColumn::BadQuery => {
                code::BAD_QUERY
            }
            code::UNKNOWN_SEGMENT => match self.unknown_column {
                UnknownColumn::BadQuery => code::BAD_QUERY,
                UnknownColumn::Zero => code::BAD_SEGMENT,
            },
            code::PRIVILEGE_DENIED
                if self.missing_privilege == MissingPrivilege::PrincipalMissing =>
            {
                code::PRINCIPAL_MISSING
            }
            other => other,
        });
        error
    }

    /// What refuses a changeset, which may say less of itself than the same refusal alone.
    pub(crate) fn phrase_in_changeset(&self, error: ServiceError) -> ServiceError {
        let mut error = self.phrase(error);
        let (number, shown) = match error.status {
            StatusCode::PRECONDITION_FAILED => {
                (code::VERSION_MISMATCH, self.code_on_stale_in_changesets)
            }
            StatusCode::NOT_FOUND => (
                code::OBJECT_DOES_NOT_EXIST,
                self.code_on_absent_in_changesets,
            ),
            _ => return error,
        };
        if let Some(shown) = shown
            && error.code.is_none_or(|known| known == number)
        {
            error.code = shown.then_some(number);
        }
        error
    }
}

/// Reads an answer sheet. Where it names no age, that of the emulator's start holds.
pub(crate) fn parse(text: &[u8], started_as: Age) -> Result<Switches, String> {
    let sheet: AnswerSheet = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if sheet.format_version != 1 {
        return Err(format!(
            "format version {} is unknown; this emulator reads 1",
            sheet.format_version
        ));
    }
    let age = match sheet.answers.get("age") {
        None => started_as,
        Some(Json::Number(year)) => {
            serde_json::from_value(year.to_string().into()).map_err(|error| error.to_string())?
        }
        Some(age) => serde_json::from_value(age.clone()).map_err(|error| error.to_string())?,
    };
    age.overridden(sheet.answers)
}
