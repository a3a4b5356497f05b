//! Providers between which the product cannot tell: CIF v1 supports one at a time, and CIF v2 tells them apart by their hosts.

use std::collections::{BTreeSet, HashMap};

use super::{Context, Index};
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::kinds::{AppProfile, ChannelProvider, CifProvider, Kind, ResourceKey, Status};
use crate::manifests::{Declared, State};
use crate::name::fold;

pub(crate) const PROVIDER_OVERLAP: Explanation = Explanation::new(
    "provider-overlap",
    "The same people get two CIF v1 providers in one app, or a profile has two CIF v2 providers on one host.",
    "Microsoft's page on the versions of the framework says that version 1.0 supports one channel provider at any time. In version 2.0, by public copies of the product's script, a message belongs to the first provider with the host of its sender.",
    "Give the providers of CIF v1 different apps or roles, or take all apps from one. Give those of CIF v2 different hosts, or different profiles.",
);

pub(super) fn check(context: &Context<'_>, index: &Index<'_>, diagnostics: &mut Vec<Diagnostic>) {
    of_version_1(context, diagnostics);
    for declared in declared(context) {
        let Some(profile) = AppProfile::of(&declared.spec) else {
            continue;
        };
        let providers = profile.channel_providers().value();
        let mut hosts = HashMap::new();
        for member in providers.into_iter().flat_map(|set| set.members()) {
            let key = ResourceKey::new(Kind::CHANNEL_PROVIDER, member.value.name().as_written());
            let provider = index
                .find(&key)
                .and_then(|found| ChannelProvider::of(&found.spec));
            let Some(host) = provider
                .filter(|provider| provider.status().value() != Some(Status::Inactive))
                .and_then(|provider| host(provider.channel_url().value()?))
            else {
                continue;
            };
            if let Some((first, place)) = hosts.insert(host.clone(), (member.value, member.span)) {
                diagnostics.push(
                    Diagnostic::warning(
                        PROVIDER_OVERLAP.code,
                        format!("`{first}` and `{}` have the same host `{host}`", member.value),
                    )
                    .at(member.span, "the same host")
                    .also(place, "first here")
                    .help("give them different hosts or different profiles: messages from a host belong to the first provider"),
                );
            }
        }
    }
}

fn of_version_1(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let mut people = HashMap::new();
    let mut reported = BTreeSet::new();
    for declared in declared(context) {
        let Some(provider) = CifProvider::of(&declared.spec) else {
            continue;
        };
        if provider.status().value() == Some(Status::Inactive) {
            continue;
        }
        let (Some(apps), Some(roles)) = (provider.apps().spanned(), provider.roles().value())
        else {
            continue;
        };
        for app in apps.value.members() {
            for role in roles.members() {
                let group = (fold(app.value), fold(role.value));
                let Some((first, place)) = people.insert(group, (&declared.key.name, apps.span))
                else {
                    continue;
                };
                if first != &declared.key.name && reported.insert((first, &declared.key.name)) {
                    diagnostics.push(
                        Diagnostic::warning(
                            PROVIDER_OVERLAP.code,
                            format!("people with the role {} get two providers in {}: {first} and {}", role.value, app.value, declared.key.name),
                        )
                        .at(apps.span, "the same app")
                        .also(place, "first here")
                        .help("CIF v1 supports one channel provider at a time: give the two different apps or roles, or take all apps from one"),
                    );
                }
            }
        }
    }
}

fn declared<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a Declared> {
    let resources = context.resources.iter().map(|declared| &**declared);
    resources.filter(|declared| declared.state != State::Absent)
}

/// The host of an address, without its port.
fn host(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#', ':']).next()?;
    (!host.is_empty() && !host.contains('{')).then(|| fold(host))
}
