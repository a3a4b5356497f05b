//! Extensions that a profile needs implicitly: with a channel provider of CIF v2, the loader of the framework; with a productivity pane,
//! the loader of the pane.

use deskstate_model::{
    CIF_V2_LOADER, FIRST_PARTY_CHANNEL, Field, PANE_LOADER, Relationship, SetMode, State,
    UniqueName, fold, tables,
};
use uuid::Uuid;

use crate::live::Live;
use crate::lookup::Match;
use crate::lower::lowering::Lowering;
use crate::state::{DeclaredMember, DeclaredSet, RowKey, Universe};

/// An extension that links of a profile require.
#[derive(Debug)]
pub(crate) struct Loader {
    pub(crate) extension: &'static str,
    /// The links that require it.
    pub(crate) with: &'static Relationship,
    /// A row that does not require it when linked.
    except: Option<&'static str>,
    /// What is linked, for people.
    pub(crate) noun: &'static str,
    /// What does not load without the extension, for people.
    pub(crate) loads: &'static str,
    /// Whether every environment has it. A loader that is not everywhere is left out if the environment lacks it.
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
    // Existing environments have this link, but no page states that the pane needs it.
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
    /// Finds the loader with this name.
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

    /// Whether the environment has no row for it and does not need one.
    pub(crate) fn is_done_without(&self, live: &Live) -> bool {
        !self.everywhere && live.find(&self.key()) == Match::None
    }

    /// Whether links to these members require it.
    pub(crate) fn comes_with(&self, live: &Live, mut members: impl Iterator<Item = Uuid>) -> bool {
        members.any(|member| {
            let name = live.label(self.with.member, member);
            self.except.is_none_or(|except| fold(&name) != fold(except))
        })
    }
}

/// Adds the required extensions to those that the profile declares. Nothing is added to rows of somebody else.
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

/// The required extensions that a profile lacks. Its manifest has to exclude them, because they would be added otherwise.
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
