//! `scripts/packages.py managers`: the manifests for winget, Scoop and Homebrew, generated from local archives.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::Run;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tempfile::TempDir;
use winget_types::{DefaultLocaleManifest, InstallerManifest, VersionManifest};

const WINDOWS: &str = "deskstate-0.1.0-x86_64-pc-windows-gnu.zip";
const LINUX: &str = "deskstate-0.1.0-x86_64-unknown-linux-musl.tar.gz";

fn managers(archives: &[(&str, &str)]) -> (TempDir, Run) {
    let dist = TempDir::new().unwrap();
    for (name, text) in archives {
        std::fs::write(dist.path().join(name), text).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/packages.py");
    let run = Command::new("python3")
        .arg(script)
        .arg("managers")
        .env("DESKSTATE_DIST", dist.path())
        .env("SOURCE_DATE_EPOCH", "1764201600")
        .output()
        .unwrap();
    (dist, run.into())
}

fn made() -> TempDir {
    let (dist, run) = managers(&[(WINDOWS, "windows"), (LINUX, "linux")]);
    run.ended(0);
    dist
}

fn text(dist: &TempDir, name: &str) -> String {
    std::fs::read_to_string(dist.path().join("managers").join(name)).unwrap()
}

fn sum(dist: &TempDir, archive: &str) -> String {
    let path: PathBuf = dist.path().join(archive);
    let output = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

/// Parses a manifest with winget's own types, which ignore unknown keys: writing it back must not lose anything.
#[track_caller]
fn reads_as<T: DeserializeOwned + Serialize>(text: &str) -> Json {
    let ours: Json = serde_yaml::from_str(text).unwrap();
    let read: T = serde_yaml::from_str(text).unwrap();
    let again = serde_json::to_value(&read).unwrap();
    assert_eq!(again, ours);
    ours
}

#[test]
fn winget_reads_every_key_of_its_manifests() {
    let dist = made();
    let file = |ending: &str| text(&dist, &format!("winget/Deskstate.Deskstate{ending}.yaml"));
    let version = reads_as::<VersionManifest>(&file(""));
    let installer = reads_as::<InstallerManifest>(&file(".installer"));
    reads_as::<DefaultLocaleManifest>(&file(".locale.en-US"));
    assert_eq!(version["PackageVersion"], "0.1.0");
    assert_eq!(
        installer["Installers"][0]["InstallerSha256"],
        sum(&dist, WINDOWS).to_uppercase()
    );
    assert_eq!(
        installer["Installers"][0]["InstallerUrl"],
        format!("https://github.com/deskstate/deskstate/releases/download/v0.1.0/{WINDOWS}")
    );
}

#[test]
fn scoop_and_homebrew_get_the_checksums_of_the_archives() {
    let dist = made();
    let scoop: Json = serde_json::from_str(&text(&dist, "scoop/deskstate.json")).unwrap();
    assert_eq!(scoop["architecture"]["64bit"]["hash"], sum(&dist, WINDOWS));
    let formula = text(&dist, "homebrew/deskstate.rb");
    assert!(formula.contains(&format!("sha256 \"{}\"", sum(&dist, LINUX))));
    assert!(!formula.contains("on_macos"), "there is no archive for it");
}

#[test]
fn without_archives_the_error_says_what_to_run() {
    let (_dist, run) = managers(&[(LINUX, "linux")]);
    let run = run.ended(1);
    assert!(run.err.contains("run `just dist` first"), "{}", run.err);
}
