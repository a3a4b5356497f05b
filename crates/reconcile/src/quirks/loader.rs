//! A profile with a channel provider of CIF v2 loads the framework's own extension too.

use deskstate_model::{CIF_V2_LOADER, Field, SetMode, State, UniqueName, fold, tables};
use serde_json::{Map, Value as Json};

use crate::lower::lowering::Lowering;
use crate::state::{DeclaredMember, DeclaredSet, RowKey, Universe};

/// Adds the extension to those that the profile declares. Nothing is implied on rows of somebody else.
pub(crate) fn lower(lowering: &mut Lowering<'_>) {
    let providers = |set: &&DeclaredSet| {
        let is_toggle = matches!(set.universe, Universe::Only(_));
        set.relationship == &tables::PROFILE_PROVIDERS && !is_toggle && !set.members.is_empty()
    };
    let Some(span) = lowering.sets.iter().find(providers).map(|set| set.span) else {
        return;
    };
    if !lowering.context.links_loader || lowering.state != State::Present {
        return;
    }
    let implied = DeclaredMember {
        key: RowKey::Named {
            table: &tables::EXTENSION,
            name: UniqueName::new(CIF_V2_LOADER),
        },
        span,
        implied: true,
    };
    let extensions = |set: &&mut DeclaredSet| set.relationship == &tables::PROFILE_EXTENSIONS;
    match lowering.sets.iter_mut().find(extensions) {
        Some(set) => {
            let mut said = set.members.iter().chain(&set.without);
            if said.all(|member| member.key != implied.key) {
                set.members.push(implied);
            }
        }
        None => {
            let mut fields = lowering.kind.fields().iter();
            let field = fields.find(|field| is_extensions(field));
            if let Some(field) = field {
                let set = DeclaredSet::new(field, SetMode::AtLeast, vec![implied], span);
                lowering.sets.extend(set);
            }
        }
    }
}

fn is_extensions(field: &Field) -> bool {
    field.column == tables::PROFILE_EXTENSIONS.schema_name
}

/// A profile that has channel providers and not the extension must say so, or it would get it.
pub(crate) fn left_out(
    field: &Field,
    extensions: &[String],
    spec: &Map<String, Json>,
) -> Option<&'static str> {
    let provided = |spec: &Json| match spec {
        Json::Array(members) => !members.is_empty(),
        Json::Object(set) => set
            .get("members")
            .and_then(Json::as_array)
            .is_some_and(|members| !members.is_empty()),
        _ => false,
    };
    let loader = fold(CIF_V2_LOADER);
    let lacks = is_extensions(field)
        && spec.get("channelProviders").is_some_and(provided)
        && !extensions.iter().any(|name| fold(name) == loader);
    lacks.then_some(CIF_V2_LOADER)
}
