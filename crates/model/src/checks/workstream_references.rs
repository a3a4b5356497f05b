//! What a workstream may refer to: Generic session templates, a notification of consultations that nobody accepts automatically, and a
//! queue for its channel.

use super::{Context, Index};
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{
    Kind, NotificationTemplate, ReferenceView, ResourceKey, SessionTemplate, SessionType,
};
use crate::manifests::State;
use crate::tables;

pub(crate) const WORKSTREAM_REFERENCE: Explanation = Explanation::new(
    "workstream-reference",
    "A workstream refers to a row that is not made for it: a session template of type Entity, a notification of consultations that assigns work automatically, or a fallback queue for another channel.",
    "Microsoft's pages say that workstreams take Generic templates, that a consultation is not assigned automatically, and that the queues to choose from depend on the channel of the workstream. The server checks none of this.",
    "Refer to a row of the right type.",
);

/// The column with the notification of a consultation.
const CONSULT: &str = "msdyn_notificationtemplate_consult";

pub(super) fn check(context: &Context<'_>, index: &Index<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let Some(kind) = Kind::of_table(&tables::WORKSTREAM) else {
        return;
    };
    let workstreams = context.resources.iter();
    let workstreams = workstreams.filter(|declared| declared.key.kind == kind);
    for workstream in workstreams.filter(|declared| declared.state != State::Absent) {
        for reference in workstream.spec.references() {
            let unfit = unfit_template(index, kind, &reference)
                .or_else(|| other_channel(&workstream.key, &reference));
            diagnostics.extend(unfit);
        }
    }
}

fn unfit_template(
    index: &Index<'_>,
    workstream: Kind,
    reference: &ReferenceView<'_>,
) -> Option<Diagnostic> {
    let target = index.find(&ResourceKey {
        kind: reference.kind,
        name: reference.name.name().clone(),
    })?;
    let name = reference.name;
    if let Some(template) = SessionTemplate::of(&target.spec)
        && template.r#type().value() == Some(SessionType::Entity)
    {
        let message = format!("`{name}` is for records, and workstreams take Generic templates");
        let finding = Diagnostic::warning(WORKSTREAM_REFERENCE.code, message);
        return Some(
            finding
                .at(reference.span, "an Entity template on a workstream")
                .help("name a template with `type: Generic`"),
        );
    }
    let mut fields = workstream.fields().iter();
    let of_consult = fields.any(|field| field.column == CONSULT && field.word == reference.field);
    if of_consult
        && let Some(template) = NotificationTemplate::of(&target.spec)
        && template.auto_assign_work_items().value() == Some(true)
    {
        let message =
            format!("`{name}` assigns work automatically, and a consultation is only offered");
        let finding = Diagnostic::warning(WORKSTREAM_REFERENCE.code, message);
        return Some(
            finding
                .at(reference.span, "the notification of a consultation")
                .help("name a template without `autoAssignWorkItems: true`"),
        );
    }
    None
}

/// A queue whose type does not fit the channel, as far as both are part of their names.
fn other_channel(workstream: &ResourceKey, reference: &ReferenceView<'_>) -> Option<Diagnostic> {
    let channel = type_in_name(workstream.kind, workstream.name.as_written())?;
    let queue = type_in_name(reference.kind, reference.name.as_str())?;
    let needed = match channel {
        "Voice" => "Voice",
        "Record" => "Record",
        "LiveChat" | "SMS" | "WhatsApp" | "Facebook" | "Teams" | "Custom" | "LINE" | "WeChat"
        | "Twitter" | "AppleMessages" | "GoogleMessages" => "Messaging",
        _ => return None,
    };
    let is_known = ["Voice", "Record", "Messaging"].contains(&queue);
    (is_known && queue != needed).then(|| {
        let message = format!(
            "a workstream for {channel} takes queues of type {needed}, and `{}` is of type {queue}",
            reference.name
        );
        Diagnostic::warning(WORKSTREAM_REFERENCE.code, message)
            .at(reference.span, "a queue for another channel")
            .help(format!("name a queue of type {needed}"))
    })
}

/// The second value of a name, such as `Voice` in `Contoso calls / Voice`.
fn type_in_name(kind: Kind, name: &str) -> Option<&str> {
    match kind.values_of(name)?.as_slice() {
        [_, of_type] => Some(*of_type),
        _ => None,
    }
}
