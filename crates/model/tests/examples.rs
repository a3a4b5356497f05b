//! The projects in `examples/` load without a finding that would stop anybody.

mod support;

use std::path::{Path, PathBuf};

use deskstate_model::{Severity, load};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name)
}

#[test]
fn every_example_is_valid_in_every_environment() {
    for name in ["tenfold", "contoso", "acv", "twilio-like"] {
        let (manifests, diagnostics) = load(&example(name), None);
        let errors: Vec<_> = diagnostics
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .cloned()
            .collect();
        assert!(
            errors.is_empty(),
            "{name}\n{}",
            support::render(&errors, &manifests.sources)
        );
        assert!(!manifests.resources.is_empty(), "{name}");
    }
}

#[test]
fn the_tenfold_example_has_no_findings_at_all() {
    let (manifests, diagnostics) = load(&example("tenfold"), None);
    assert_eq!(support::render(&diagnostics, &manifests.sources), "");
    let keys: Vec<String> = manifests
        .resources
        .iter()
        .map(|declared| declared.key.to_string())
        .collect();
    assert_eq!(
        keys,
        [
            "AppProfile tenfold_appProfile",
            "SessionTemplate CTI_createSession",
            "ApplicationTab tenfold_customerSummary",
            "NotificationTemplate CTI_inboundCallNotification",
            "ChannelProvider tenfold_channelProvider",
        ]
    );
}
