//! Switches for questions that the documentation leaves open. They can be loaded from an answer sheet.

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
    /// The wording of a real environment's refusals; not used here.
    #[serde(default, rename = "replies")]
    _replies: Map<String, Json>,
    /// The origin of a report and what it leaves open; not used here.
    #[serde(default, rename = "about")]
    _about: Map<String, Json>,
}

/// How the single error of a failed changeset is wrapped in a batch response. All variants have been observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ChangesetFailure {
    /// Inside a `multipart/mixed; boundary=changesetresponse_…` part, with the `Content-ID` and without a request id.
    Nested,
    /// As a bare `application/http` part with a request id.
    Bare,
    /// As the JSON body of the complete reply, instead of a multipart body.
    Json,
}

/// The error code for a query that names an unknown column or navigation property, or an unknown entity set, function or action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum UnknownColumn {
    /// `0x80060888`, according to reports from live environments.
    BadQuery,
    /// `0x0`, and `0x8006088a` for an entity set, according to a support page.
    Zero,
}

/// The error code for a missing privilege.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum MissingPrivilege {
    /// `0x80040220`.
    PrivilegeDenied,
    /// `0x80048306`.
    PrincipalMissing,
}

/// How a filter interprets a quoted id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum QuotedIds {
    /// As text, which cannot be compared with an id.
    Refused,
    /// As the id.
    Accepted,
}

/// The effect of writing a tab's own row on its parameter rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TouchedParameters {
    /// No effect.
    Nothing,
    /// Their versions change.
    Versions,
    /// They are written again with the values that the tab's JSON column had before, so their versions change as well.
    Values,
}

/// The status of a batch response when processing stopped at a failing item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BatchStatus {
    /// `400`, as documented.
    BadRequest,
    /// The status of the failing item, as observed in a test script.
    Inner,
}

/// How the platform handles links that already exist, or do not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkAnswer {
    /// It returns an error.
    Refused,
    /// It returns `204`, as on success.
    Accepted,
}

/// How the platform handles a new value for a column that keeps the value its row was created with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LateWrite {
    /// It silently ignores the value.
    Ignored,
    /// It rejects the write.
    Refused,
}

/// All switches. The defaults are the answers that are hardest for a client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Switches {
    /// The age, which determines the existing tables, columns and options. Its sheet also sets other switches.
    pub age: Age,
    /// How a failed changeset is wrapped.
    pub changeset_failure: ChangesetFailure,
    /// Outer status of a batch that stopped at a failing item.
    pub batch_status: BatchStatus,
    /// Whether a changeset part without `Content-ID` is rejected with `0x80060888`.
    pub content_id_required: bool,
    /// Whether `404` for a missing row and `412` for a stale etag include their code. Otherwise the code is empty.
    pub codes_on_conditional_errors: bool,
    /// Whether a changeset rejected with `412` for a stale etag includes the code; if absent, the same as outside changesets.
    pub code_on_stale_in_changesets: Option<bool>,
    /// Whether a changeset rejected with `404` for a missing row includes the code; if absent, the same as outside changesets.
    pub code_on_absent_in_changesets: Option<bool>,
    /// The error code for a query that names an unknown property or entity set.
    pub unknown_column: UnknownColumn,
    /// How `$filter` compares a quoted id with a key or a lookup.
    pub quoted_ids: QuotedIds,
    /// The error code for a missing privilege.
    pub missing_privilege: MissingPrivilege,
    /// Tables (logical names) without optimistic concurrency.
    pub no_optimistic_concurrency: BTreeSet<String>,
    /// Whether `If-Match` is checked inside changesets. Otherwise, any version is accepted there.
    pub if_match_in_changesets: bool,
    /// The answer to adding a link that already exists.
    pub associate_again: LinkAnswer,
    /// The answer to removing a link that does not exist.
    pub disassociate_missing: LinkAnswer,
    /// Whether adding or removing a link changes the version of both rows.
    pub links_raise_version: bool,
    /// Whether clearing a lookup because its target was deleted changes the version of the row.
    pub emptied_lookup_raises_version: bool,
    /// Whether `"nav@odata.bind": null` is accepted. Otherwise, it is rejected with `400`.
    pub bind_null: bool,
    /// Whether clients can choose keys on create.
    pub own_keys: bool,
    /// Whether entity sets of intersect tables can be read.
    pub intersect_sets_readable: bool,
    /// Whether `$expand` of a many-to-many relationship returns its rows. Otherwise, it returns only a link to them.
    pub expanded_links_shown: bool,
    /// Whether columns of level ApplicationRequired must be set on create, like SystemRequired ones.
    pub application_required_enforced: bool,
    /// Whether a unique name must start with the prefix of a publisher (`0x800608ad`).
    pub prefix_needs_publisher: bool,
    /// Whether a new row is rejected if it has the prefix of a publisher with managed solutions (`0x800608ad`).
    pub foreign_prefixes_refused: bool,
    /// Whether unique names must be unique within a table.
    pub unique_names_are_unique: bool,
    /// Whether unique names that differ only in case count as equal.
    pub unique_names_ignore_case: bool,
    /// Whether a unique name is fixed after create.
    pub unique_names_are_immutable: bool,
    /// Whether creating an application tab creates its parameter rows.
    pub tab_makes_parameters: bool,
    /// Whether the JSON column of a tab is derived from its parameter rows.
    pub tab_json_derived: bool,
    /// The effect of writing a tab's own row on its parameter rows.
    pub tab_write_touches_parameters: TouchedParameters,
    /// Whether a third-party URL with an unknown slug is stored as null.
    pub unknown_slugs_nulled: bool,
    /// Whether a user can be linked to only one profile.
    pub one_profile_per_user: bool,
    /// Whether a profile can be linked to only one entity session template per table.
    pub one_entity_template_per_table: bool,
    /// Whether a notification template can be linked to at most four fields.
    pub four_notification_fields: bool,
    /// Whether blocking unmanaged customisations affects rows of the profile and template tables.
    pub lockdown_covers_rows: bool,
    /// Whether a solution is being imported: components cannot be written and nothing can be published (`429`, `0x80071151`).
    pub solution_import_running: bool,
    /// Whether every table with the column `msdyn_uniquename` has an alternate key on it.
    pub unique_name_keys: bool,
    /// Tables (logical names) that the environment lacks.
    pub missing_tables: BTreeSet<String>,
    /// Columns (`table.column`) that the environment lacks.
    pub missing_columns: BTreeSet<String>,
    /// Options (`table.column=number`) that the environment lacks.
    pub missing_options: BTreeSet<String>,
    /// Whether `$select` on `msdyn_componentlayers` is ignored.
    pub layers_ignore_select: bool,
    /// The effect of a new value for a column that keeps the value its row was created with, such as the type of a queue.
    pub late_writes: LateWrite,
    /// Whether rows that the product needs, such as its presences and default queues, can be neither changed nor deleted.
    pub product_rows_protected: bool,
    /// Whether the product completes new rows, such as a queue with its contract.
    pub new_rows_completed: bool,
    /// Whether the fallback queue of a workstream is empty in `$select` but filled in `$expand`.
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
    /// Rephrases an error in the way this environment does.
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

    /// Rephrases an error that rolls back a changeset. It may reveal less than the same error outside a changeset.
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

/// Parses an answer sheet. If it names no age, the emulator's initial age applies.
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
