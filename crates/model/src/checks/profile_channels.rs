//! Channels of a profile: the first-party channel has its own field, and a CIF v2 provider needs the loader extension.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{self, AppProfile, CIF_V2_LOADER};
use crate::load::PROJECT_FILE;
use crate::manifests::State;
use crate::name::{UniqueName, fold};
use crate::project::CifV2Loader;
use crate::set::{Reference, SetMode};
use crate::span::Spanned;

pub(crate) const FIRST_PARTY_CHANNEL: Explanation = Explanation::new(
    "first-party-channel",
    "A set or a plan changes Microsoft's own channel provider as if it were a member of `channelProviders`.",
    "On the admin page it is the toggle All active channels. Without it, agents lose the product's chat and voice. It has a field of its own, so that no list removes it by accident.",
    "Write `allActiveChannels: true` or `false`. To switch it off, a plan needs the `--allow channel=…` that the finding prints.",
);

pub(crate) const LOADER_EXTENSION: Explanation = Explanation::new(
    "loader-extension",
    "A profile with channel providers lacks the extension `msdyn_CIFV2Loader`.",
    "Without it, widgets of CIF v2 do not load. An exact list of extensions without it would remove it. If it is listed under `without`, the finding is only a warning.",
    "Add `msdyn_CIFV2Loader` to `extensions`, or remove the key `extensions`, which is enough with `cifV2Loader: link`, the default.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context
        .resources
        .iter()
        .filter(|declared| declared.state != State::Absent)
    {
        let Some(profile) = AppProfile::of(&declared.spec) else {
            continue;
        };
        first_party(profile, diagnostics);
        loader(profile, declared.key.name.as_written(), diagnostics);
        if context.project.cif_v2_loader == CifV2Loader::Warn && declared.state == State::Present {
            no_loader(profile, declared.key.name.as_written(), diagnostics);
        }
    }
}

/// Warns where the project links no loader and the document names none.
fn no_loader(profile: AppProfile<'_>, name: &str, diagnostics: &mut Vec<Diagnostic>) {
    let providers = profile.channel_providers().spanned();
    let providers = providers.filter(|set| set.value.members().next().is_some());
    let extensions = profile.extensions().value();
    let is_there = extensions.is_some_and(|extensions| {
        let mut names = extensions.members().chain(extensions.without());
        // An exact list without it is reported already.
        names.any(|name| is(&name, CIF_V2_LOADER)) || extensions.set().mode == SetMode::Exact
    });
    if let Some(providers) = providers.filter(|_| !is_there) {
        diagnostics.push(
            Diagnostic::warning(
                LOADER_EXTENSION.code,
                format!("the channel providers of {name} may not load: its document does not name `{CIF_V2_LOADER}`"),
            )
            .at(providers.span, "channel providers of CIF v2")
            .help(format!("add `{CIF_V2_LOADER}` to `extensions`, or write `cifV2Loader: link` in `{PROJECT_FILE}`")),
        );
    }
}

fn first_party(profile: AppProfile<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let Some(set) = profile.channel_providers().value() else {
        return;
    };
    for name in set
        .members()
        .chain(set.without())
        .filter(|name| is(name, kinds::FIRST_PARTY_CHANNEL))
    {
        diagnostics.push(
            Diagnostic::error(
                FIRST_PARTY_CHANNEL.code,
                format!("`{}` is Microsoft's own channel provider", name.value),
            )
            .at(name.span, "not a third-party provider")
            .help("write `allActiveChannels: true` or `false` instead"),
        );
    }
}

fn loader(profile: AppProfile<'_>, name: &str, diagnostics: &mut Vec<Diagnostic>) {
    let providers = profile.channel_providers().spanned();
    let providers = providers.filter(|set| set.value.members().next().is_some());
    let (Some(providers), Some(extensions)) = (providers, profile.extensions().spanned()) else {
        return;
    };
    let is_loader = |name: &Spanned<&Reference>| is(name, CIF_V2_LOADER);
    let left_out = extensions.value.set().mode == SetMode::Exact
        && !extensions.value.members().any(|name| is_loader(&name));
    let refused = extensions.value.without().find(is_loader);
    let message = format!("the channel providers of {name} do not load without `{CIF_V2_LOADER}`");
    // Listing the extension under `without` is a deliberate choice.
    let (diagnostic, place) = match refused {
        Some(refused) => (
            Diagnostic::warning(LOADER_EXTENSION.code, message),
            refused.span,
        ),
        None if left_out => (
            Diagnostic::error(LOADER_EXTENSION.code, message),
            extensions.span,
        ),
        None => return,
    };
    diagnostics.push(
        diagnostic
            .at(place, "removes the loader")
            .also(providers.span, "channel providers of CIF v2")
            .help(format!("add `{CIF_V2_LOADER}`, or remove `extensions`, unless the project turns `cifV2Loader` off")),
    );
}

fn is(name: &Spanned<&Reference>, other: &str) -> bool {
    *name.value.name() == UniqueName::new(&fold(other))
}
