//! A profile with a channel provider of CIF v2 loads the framework's own extension too, and one with a productivity pane that of the pane.

use deskstate_model::{
    CIF_V2_LOADER, FIRST_PARTY_CHANNEL, Field, PANE_LOADER, Relationship, SetMode, State,
    UniqueName, fold, tables,
};
use uuid::Uuid;

use crate::live::Live;
use crate::lookup::Match;
use crate::lower::lowering::Lowering;
use crate::state::{DeclaredMember, DeclaredSet, RowKey, Universe};

/// An extension that comes with links of a profile.
#[derive(Debug)]
pub(crate) struct Loader {
    pub(crate) extension: &'static str,
    /// The links that bring it.
    pub(crate) with: &'static Relationship,
    /// A row whose link does not bring it.
    except: Option<&'static str>,
    /// What the links are of, for people.
    pub(crate) noun: &'static str,
    /// What does not load without it.
    pub(crate) loads: &'static str,
    /// Every environment has it. One that lacks another loader is left without it.
    everywhere: bool,
}

pub(crate) static LOADERS: [Loader; 2] = [
    Loader {
        extension: CIF_V2_LOADER,
        with: &tables::PROFILE_PROVIDERS,
        except: Some(FIRST_PARTY_CHANNEL),
        noun: "a channel provider",
        loads: "its channel providers do",
        everywhere: true,
    },
    // Rows of environments have this link; no page says that the pane needs it.
    Loader {
        extension: PANE_LOADER,
        with: &tables::PROFILE_PANE,
        except: None,
        noun: "a productivity pane",
        loads: "its productivity pane does",
        everywhere: false,
    },
];

impl Loader {
    /// The loader with this name.
    pub(crate) fn named(name: &str) -> Option<&'static Loader> {
        LOADERS
            .iter()
            .find(|loader| fold(loader.extension) == fold(name))
    }

    pub(crate) fn key(&self) -> RowKey {
        RowKey::Named {
            table: &tables::EXTENSION,
            name: UniqueName::new(self.extension),
        }
    }

    /// Whether an environment has no such row and need not have one.
    pub(crate) fn is_done_without(&self, live: &Live) -> bool {
        !self.everywhere && live.find(&self.key()) == Match::None
    }

    /// Whether links to these members bring it.
    pub(crate) fn comes_with(&self, live: &Live, mut members: impl Iterator<Item = Uuid>) -> bool {
        members.any(|member| {
            let name = live.label(self.with.member, member);
            self.except.is_none_or(|except| fold(&name) != fold(except))
        })
    }
}

/// Adds the extensions to those that the profile declares. Nothing is implied on rows of somebody else.
pub(crate) fn lower(lowering: &mut Lowering<'_>) {
    if lowering.state != State::Present {
        return;
    }
    for loader in &LOADERS {
        if loader.extension == CIF_V2_LOADER && !lowering.context.links_loader {
            continue;
        }
        let brings = |set: &&DeclaredSet| {
            let is_toggle = matches!(set.universe, Universe::Only(_));
            set.relationship == loader.with && !is_toggle && !set.members.is_empty()
        };
        if let Some(span) = lowering.sets.iter().find(brings).map(|set| set.span) {
            let implied = DeclaredMember {
                key: loader.key(),
                span,
                implied: true,
                package: None,
            };
            imply(lowering, implied);
        }
    }
}

fn imply(lowering: &mut Lowering<'_>, implied: DeclaredMember) {
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
            if let Some(field) = fields.find(|field| is_extensions(field)) {
                let span = implied.span;
                let set = DeclaredSet::new(field, SetMode::AtLeast, vec![implied], span);
                lowering.sets.extend(set);
            }
        }
    }
}

fn is_extensions(field: &Field) -> bool {
    field.column == tables::PROFILE_EXTENSIONS.schema_name
}

/// A profile that has what an extension comes with, and not the extension, must say so, or it would get it.
pub(crate) fn left_out(
    field: &Field,
    extensions: &[String],
    live: &Live,
    profile: Uuid,
) -> Vec<&'static str> {
    if !is_extensions(field) {
        return Vec::new();
    }
    let lacks = |loader: &&Loader| {
        loader.comes_with(live, live.links(loader.with).members(profile))
            && !loader.is_done_without(live)
            && !extensions
                .iter()
                .any(|name| fold(name) == fold(loader.extension))
    };
    LOADERS
        .iter()
        .filter(lacks)
        .map(|loader| loader.extension)
        .collect()
}
