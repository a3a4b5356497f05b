//! Addresses from which code is loaded into agents' browsers.

use super::{Allow, Case, Finding};
use crate::plan::{Action, Difference};
use deskstate_model::{Explanation, Kind};

pub(crate) const ADDRESS_CHANGED: Explanation = Explanation::new(
    "address-changed",
    "A plan changes the address of a channel provider, its trusted domain, or the script of an extension.",
    "Code from that address runs in the agents' browsers, with their sessions.",
    "Check who owns the address. `policy: {address-changed: deny}` refuses such plans, also those that bring a declared address back, unless they have the `--allow address=…` that the finding prints. `allow` turns the finding off.",
);

/// Fields that determine which code runs, and which sites it is trusted for.
const ADDRESSES: &[(Kind, &str)] = &[
    (Kind::CHANNEL_PROVIDER, "channelUrl"),
    (Kind::CHANNEL_PROVIDER, "trustedDomain"),
    (Kind::CIF_PROVIDER, "channelUrl"),
    (Kind::CIF_PROVIDER, "trustedDomain"),
    (Kind::APPLICATION_EXTENSION, "webResourceUrl"),
];

pub(super) fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    for (index, change) in case.plan.changes.iter().enumerate() {
        if change.action != Action::Update {
            continue;
        }
        for field in &change.fields {
            let watched = ADDRESSES
                .iter()
                .any(|(kind, word)| *kind == change.key.kind && *word == field.path);
            if let Difference::Value { before, after } = &field.difference
                && watched
            {
                let show = |value: &serde_json::Value| {
                    value.as_str().map_or_else(
                        || "nothing".to_owned(),
                        |text| format!("`{}`", crate::secret::masked_text(text)),
                    )
                };
                let message = format!(
                    "`{}` of {} becomes {} (was {})",
                    field.path,
                    change.key,
                    show(after),
                    show(before)
                );
                found.push(
                    Finding::new(ADDRESS_CHANGED.code, Some(index), message)
                        .at(field.span)
                        .help(
                            "code of this address runs in the agents' browser, with their session",
                        )
                        .unless(Allow::new(
                            "address",
                            format!("{}/{}", change.key.kind, change.key.name.as_written()),
                            1,
                        )),
                );
            }
        }
    }
}
