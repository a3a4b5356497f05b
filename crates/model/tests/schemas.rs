//! Checks that the schemas in `schemas/` match those that this crate generates, and that editors accept the examples.
//!
//! `UPDATE_SCHEMAS=1 cargo test -p deskstate-model --test manifests schemas::` regenerates them.

use std::fs;
use std::path::{Path, PathBuf};

use deskstate_model::json_schemas;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_schemas_are_current() {
    let folder = root().join("schemas");
    for (name, schema) in json_schemas() {
        let text = format!("{schema:#}\n");
        let path = folder.join(&name);
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == text,
            "schemas/{name} is not current: run with UPDATE_SCHEMAS=1"
        );
    }
    let known: Vec<String> = json_schemas().into_iter().map(|(name, _)| name).collect();
    for entry in fs::read_dir(&folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // The schemas of plan files and reports belong to the crates that write them.
        let is_written = ["plan.json", "drift.json"].contains(&name.as_str());
        let is_known = known.contains(&name) || is_written;
        assert!(is_known, "schemas/{name} is made by nobody");
    }
}

#[test]
fn every_schema_is_one_of_draft_7() {
    for (name, schema) in json_schemas() {
        assert!(jsonschema::draft7::meta::is_valid(&schema), "{name}");
    }
}

fn yaml_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            yaml_files(&path, files);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            files.push(path);
        }
    }
}

#[test]
fn editors_find_nothing_wrong_with_the_examples() {
    let schemas = json_schemas();
    let validator = |name: &str| {
        let schema = schemas
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, schema)| schema)
            .unwrap();
        jsonschema::draft7::new(schema).unwrap()
    };
    let (manifest, overlay) = (validator("manifest.json"), validator("overlay.json"));
    let definition = validator("kind-definition.json");
    let (project, contract) = (validator("project.json"), validator("contract.json"));
    let package = validator("package.json");
    let mut files = Vec::new();
    yaml_files(&root().join("examples"), &mut files);
    assert!(files.len() > 10);
    for path in files {
        let shown = path.display().to_string().replace('\\', "/");
        // Table files belong to the emulator, and manifests of kinds that a project defines need that project's schemas.
        if shown.contains("/tables/")
            || shown.contains("/own-kind/manifests/")
            || shown.contains("/contact-centre/manifests/")
            || shown.contains("/contact-centre/overlays/")
        {
            continue;
        }
        let checked = if shown.ends_with("deskstate.yaml") {
            &project
        } else if shown.ends_with("deskstate-package.yaml") {
            &package
        } else if shown.contains("/kinds/") && !shown.contains("/examples/kinds/") {
            &definition
        } else if shown.contains("/contracts/") {
            &contract
        } else if shown.contains("/overlays/") {
            &overlay
        } else {
            &manifest
        };
        let text = fs::read_to_string(&path).unwrap();
        for document in serde_yaml::Deserializer::from_str(&text) {
            let value: Value = serde::Deserialize::deserialize(document).unwrap();
            let errors: Vec<String> = checked
                .iter_errors(&value)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{shown}\n{errors:#?}");
        }
    }
}
