//! One file per case in `tests/manifests/`: a manifest, or a small project whose files begin with lines such as `#! deskstate.yaml`.
//!
//! Each invalid case has a snapshot of its findings; valid cases have no findings.

use std::fs;
use std::path::Path;

use super::support;
use deskstate_model::load;

const PROJECT: &str = "\
apiVersion: deskstate/v1
kind: Project
metadata: {name: case}
spec:
  owns: {prefixes: [contoso]}
  defaults: {app: CustomerServiceApps}
  environments:
    local: {emulator: {state: .deskstate/local.json}}
    prod: {url: https://contoso.crm4.dynamics.com}
";

/// Writes the files of a case into a folder.
fn lay_out(case: &str, folder: &Path) {
    fs::write(folder.join("deskstate.yaml"), PROJECT).unwrap();
    let mut path = "manifests/case.yaml".to_owned();
    let mut text = String::new();
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for line in case.split_inclusive('\n') {
        match line.strip_prefix("#! ") {
            Some(next) => {
                if !text.is_empty() {
                    write(&path, &text);
                }
                path = next.trim().to_owned();
                text.clear();
            }
            None => text.push_str(line),
        }
    }
    write(&path, &text);
}

fn findings(case: &Path) -> String {
    let folder = tempfile::tempdir().unwrap();
    lay_out(&fs::read_to_string(case).unwrap(), folder.path());
    let (manifests, diagnostics) = load(folder.path(), None);
    support::render(&diagnostics, &manifests.sources)
}

#[test]
fn invalid_manifests_are_explained() {
    insta::glob!("manifests/invalid/*.yaml", |case| {
        let findings = findings(case);
        assert!(!findings.is_empty(), "{}", case.display());
        insta::with_settings!({prepend_module_to_snapshot => false, snapshot_path => "manifests/invalid"}, {
            insta::assert_snapshot!(findings);
        });
    });
}

#[test]
fn valid_manifests_have_no_findings() {
    insta::glob!("manifests/valid/*.yaml", |case| {
        assert_eq!(findings(case), "", "{}", case.display());
    });
}
