//! Rules that a schema cannot express: one file per rule, with the codes that it raises.

pub(crate) mod auto_accept;
pub(crate) mod contract_conflict;
pub(crate) mod contracts;
pub(crate) mod defined_kind;
pub(crate) mod duplicate_resource;
pub(crate) mod field_order;
pub(crate) mod https_needed;
pub(crate) mod icon;
pub(crate) mod logical_name;
pub(crate) mod overlay;
pub(crate) mod part_name;
pub(crate) mod placeholder;
pub(crate) mod profile_channels;
pub(crate) mod profile_rank;
pub(crate) mod profile_templates;
pub(crate) mod protected_absent;
pub(crate) mod provider_overlap;
pub(crate) mod sandbox;
pub(crate) mod secret;
pub(crate) mod selectors;
pub(crate) mod session_type;
pub(crate) mod set_members;
pub(crate) mod shared_pane;
pub(crate) mod slug;
pub(crate) mod tab_parameters;
pub(crate) mod too_long;
pub(crate) mod unique_name;
pub(crate) mod unknown_reference;
pub(crate) mod users;
pub(crate) mod workstream_references;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::contract::Contract;
use crate::diagnostic::Diagnostic;
use crate::kinds::ResourceKey;
use crate::manifests::Declared;
use crate::project::Project;
use crate::span::Span;

/// Input of the rules: everything that one environment gets.
pub(crate) struct Context<'a> {
    pub(crate) project: &'a Project,
    pub(crate) resources: &'a [Arc<Declared>],
    pub(crate) contracts: &'a [Contract],
    /// Names that occur in text that could not be read.
    pub(crate) unread: &'a HashSet<String>,
    /// Paths that are present but could not be read, by the place of their document's name. Values missing there must not be reported
    /// again.
    pub(crate) unread_fields: &'a HashMap<Span, Vec<String>>,
    /// The resources that exist in at least one environment.
    pub(crate) anywhere: &'a HashSet<&'a ResourceKey>,
}

impl Context<'_> {
    /// Whether a value is present but could not be read, completely or in part.
    pub(crate) fn is_unread(&self, declared: &Declared, path: &str) -> bool {
        let within = |inner: &str, outer: &str| {
            inner
                .strip_prefix(outer)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.unread_fields
            .get(&declared.name_span)
            .is_some_and(|unread| {
                unread
                    .iter()
                    .any(|unread| within(unread, path) || within(path, unread))
            })
    }
}

/// The resources of an environment by key. Of two resources with the same key, the first one wins.
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

pub(crate) fn run(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let index = Index::new(context);
    duplicate_resource::check(context, diagnostics);
    unique_name::check(context, diagnostics);
    unknown_reference::check(context, &index, diagnostics);
    users::check(context, diagnostics);
    set_members::check(context, diagnostics);
    profile_templates::check(context, &index, diagnostics);
    workstream_references::check(context, &index, diagnostics);
    profile_rank::check(context, diagnostics);
    profile_channels::check(context, diagnostics);
    provider_overlap::check(context, &index, diagnostics);
    shared_pane::check(context, diagnostics);
    selectors::check(context, diagnostics);
    session_type::check(context, diagnostics);
    tab_parameters::check(context, diagnostics);
    logical_name::check(context, diagnostics);
    field_order::check(context, &index, diagnostics);
    part_name::check(context, diagnostics);
    auto_accept::check(context, diagnostics);
    https_needed::check(context, diagnostics);
    placeholder::check(context, diagnostics);
    icon::check(context, diagnostics);
    sandbox::check(context, diagnostics);
    too_long::check(context, diagnostics);
    slug::check(context, diagnostics);
    protected_absent::check(context, diagnostics);
    defined_kind::check(context, diagnostics);
    contracts::check(context, &index, diagnostics);
}
