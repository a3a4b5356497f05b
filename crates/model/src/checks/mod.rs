//! The rules that a schema cannot say. One file per rule; the file, the code of its findings and its page share a name.

mod auto_accept;
pub(crate) mod contract_conflicts;
mod contracts;
mod duplicate_resource;
mod field_order;
mod https_needed;
mod icons;
pub(crate) mod overlays;
mod part_names;
mod profile_channels;
mod profile_rank;
mod profile_templates;
mod protected_absent;
pub(crate) mod secrets;
mod session_type;
mod set_members;
mod shared_pane;
mod slugs;
mod stored_length;
mod tab_parameters;
mod unique_name;
mod unknown_reference;
mod users;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::contract::Contract;
use crate::diagnostic::Diagnostic;
use crate::kinds::ResourceKey;
use crate::manifests::Declared;
use crate::project::Project;
use crate::span::Span;

/// What the rules look at: everything that one environment gets.
pub(crate) struct Context<'a> {
    pub(crate) project: &'a Project,
    pub(crate) resources: &'a [Arc<Declared>],
    pub(crate) contracts: &'a [Contract],
    /// Names that stand in text that could not be read.
    pub(crate) unread: &'a HashSet<String>,
    /// Fields that are written, but not understood, by the name of their document: what they lack must not be reported again.
    pub(crate) unread_fields: &'a HashMap<Span, Vec<String>>,
    /// The resources that some environment has.
    pub(crate) anywhere: &'a HashSet<&'a ResourceKey>,
}

impl Context<'_> {
    /// Whether a field is written, although its value could not be read.
    pub(crate) fn is_unread(&self, declared: &Declared, word: &str) -> bool {
        self.unread_fields
            .get(&declared.name_span)
            .is_some_and(|fields| fields.iter().any(|field| field == word))
    }
}

/// The resources of an environment by key; of two with one key the first.
pub(crate) struct Index<'a>(HashMap<&'a ResourceKey, &'a Declared>);

impl<'a> Index<'a> {
    fn new(context: &Context<'a>) -> Self {
        let mut index = HashMap::with_capacity(context.resources.len());
        for declared in context.resources {
            index.entry(&declared.key).or_insert(&**declared);
        }
        Self(index)
    }

    pub(crate) fn find(&self, key: &ResourceKey) -> Option<&'a Declared> {
        self.0.get(key).copied()
    }
}

/// Runs every rule.
pub(crate) fn run(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let index = Index::new(context);
    duplicate_resource::check(context, diagnostics);
    unique_name::check(context, diagnostics);
    unknown_reference::check(context, &index, diagnostics);
    users::check(context, diagnostics);
    set_members::check(context, diagnostics);
    profile_templates::check(context, &index, diagnostics);
    profile_rank::check(context, diagnostics);
    profile_channels::check(context, diagnostics);
    shared_pane::check(context, diagnostics);
    session_type::check(context, diagnostics);
    tab_parameters::check(context, diagnostics);
    field_order::check(context, &index, diagnostics);
    part_names::check(context, diagnostics);
    auto_accept::check(context, diagnostics);
    https_needed::check(context, diagnostics);
    icons::check(context, diagnostics);
    stored_length::check(context, diagnostics);
    slugs::check(context, diagnostics);
    protected_absent::check(context, diagnostics);
    contracts::check(context, &index, diagnostics);
}
