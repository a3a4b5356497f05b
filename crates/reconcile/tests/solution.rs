//! Solution files: what Microsoft's samples look like is read, what is built to do harm is refused.

#![expect(clippy::expect_used, reason = "a broken file system is a failed test")]

use std::io::Write;
use std::path::Path;

use deskstate_reconcile::export::{Selection, export, write};
use deskstate_reconcile::raise::Options;
use deskstate_reconcile::solution::{SolutionError, read};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

const SESSION: &str = r#"<msdyn_sessiontemplate msdyn_uniquename="CTI_createSession">
  <iscustomizable>1</iscustomizable>
  <msdyn_anchortab>
    <msdyn_uniquename>tenfold_customerSummary</msdyn_uniquename>
  </msdyn_anchortab>
  <msdyn_name default="Tenfold &amp; friends">
    <label description="Tenfold &amp; friends" languagecode="1033" />
  </msdyn_name>
  <msdyn_panelstate>162450002</msdyn_panelstate>
  <msdyn_sessiontype>0</msdyn_sessiontype>
  <msdyn_title default="{customer}"><label description="{customer}" languagecode="1033" /></msdyn_title>
  <msdyn_type>0</msdyn_type>
  <msdyn_enablebuildexpression>0</msdyn_enablebuildexpression>
  <statecode>0</statecode>
</msdyn_sessiontemplate>"#;
const TAB: &str = r#"<msdyn_applicationtabtemplate msdyn_uniquename="tenfold_customerSummary">
  <msdyn_name default="Customer Summary" />
  <msdyn_pagetype>509180001</msdyn_pagetype>
  <msdyn_pinned>1</msdyn_pinned>
  <msdyn_templateparameters>{"entityName":{"value":"contact"},"entityId":{"value":"{id}"}}</msdyn_templateparameters>
  <statecode>0</statecode>
</msdyn_applicationtabtemplate>"#;

fn parameter(name: &str, value: &str) -> String {
    format!(
        "<msdyn_templateparameter msdyn_uniquename=\"tenfold_customerSummary_{name}\"><msdyn_applicationtabtemplateid><msdyn_uniquename>tenfold_customerSummary</msdyn_uniquename></msdyn_applicationtabtemplateid><msdyn_name>{name}</msdyn_name><msdyn_value>{value}</msdyn_value></msdyn_templateparameter>"
    )
}

fn files() -> Vec<(String, String)> {
    vec![
        ("solution.xml".to_owned(), "<ImportExportXml/>".to_owned()),
        ("msdyn_sessiontemplates/CTI_createSession/msdyn_sessiontemplate.xml".to_owned(), SESSION.to_owned()),
        ("msdyn_applicationtabtemplates/tenfold_customerSummary/msdyn_applicationtabtemplate.xml".to_owned(), TAB.to_owned()),
        ("msdyn_templateparameters/a/msdyn_templateparameter.xml".to_owned(), parameter("entityName", "contact")),
        ("msdyn_templateparameters/b/msdyn_templateparameter.xml".to_owned(), parameter("entityId", "{id}")),
    ]
}

fn zipped(folder: &Path, files: &[(String, String)]) -> std::path::PathBuf {
    let path = folder.join("solution.zip");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).expect("created"));
    for (name, text) in files {
        archive
            .start_file(name.as_str(), SimpleFileOptions::default())
            .expect("started");
        archive.write_all(text.as_bytes()).expect("written");
    }
    archive.finish().expect("finished");
    path
}

#[test]
fn a_solution_is_exported_with_names_in_place_of_ids_zipped_or_unpacked() {
    let folder = TempDir::new().expect("a folder");
    let zip = zipped(folder.path(), &files());
    let unpacked = folder.path().join("unpacked/src");
    for (name, text) in files() {
        let path = unpacked.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        std::fs::write(path, text).expect("written");
    }
    for path in [zip, folder.path().join("unpacked")] {
        let live = read(&path).expect("read");
        let exported = export(
            &live,
            &Selection::default(),
            Options {
                skip_defaults: true,
                ..Options::default()
            },
        );
        let text: String = exported.documents.iter().map(write).collect();
        for line in [
            "name: CTI_createSession",
            "displayName: Tenfold & friends",
            "title: \"{customer}\"",
            "type: Generic",
            "anchorTab: tenfold_customerSummary",
            "pageType: EntityRecord",
            "canClose: false",
            "entityName: contact",
            "entityId: \"{id}\"",
        ] {
            assert!(text.contains(line), "`{line}` is not in\n{text}");
        }
        assert!(
            !text.contains("additionalTabs"),
            "the file says nothing of links:\n{text}"
        );
    }
}

#[test]
fn what_is_built_to_do_harm_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let bomb = (
        "msdyn_sessiontemplates/x_y/msdyn_sessiontemplate.xml".to_owned(),
        " ".repeat(9 * 1024 * 1024),
    );
    let traversal = (
        "../msdyn_sessiontemplates/x_y/msdyn_sessiontemplate.xml".to_owned(),
        SESSION.to_owned(),
    );
    let backslash = (
        "msdyn_sessiontemplates\\..\\x\\a.xml".to_owned(),
        SESSION.to_owned(),
    );
    for bad in [bomb, traversal, backslash] {
        let path = zipped(folder.path(), std::slice::from_ref(&bad));
        assert!(
            matches!(read(&path), Err(SolutionError::Refused(_))),
            "{}",
            bad.0
        );
    }
    let entity = "<!DOCTYPE x [<!ENTITY a \"b\">]><msdyn_sessiontemplate><msdyn_name>&a;</msdyn_name></msdyn_sessiontemplate>";
    let undeclared = "<msdyn_sessiontemplate><msdyn_name>&a;</msdyn_name></msdyn_sessiontemplate>";
    let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
    for bad in [entity, undeclared, &deep, "<a>", "", "not xml"] {
        let name = "msdyn_sessiontemplates/x_y/msdyn_sessiontemplate.xml".to_owned();
        let path = zipped(folder.path(), &[(name, bad.to_owned())]);
        assert!(
            matches!(read(&path), Err(SolutionError::Xml { .. })),
            "{bad}"
        );
    }
    let other = zipped(
        folder.path(),
        &[("solution.xml".to_owned(), "<a/>".to_owned())],
    );
    assert!(matches!(read(&other), Err(SolutionError::Empty)));
    let text = folder.path().join("text.zip");
    std::fs::write(&text, "no archive").expect("written");
    assert!(matches!(read(&text), Err(SolutionError::Zip { .. })));
}

#[test]
fn a_file_whose_name_ends_inside_a_character_is_another_file() {
    let folder = TempDir::new().expect("a folder");
    for name in ["a\u{20ac}xml", "\u{20ac}ml", ".xml"] {
        let other = (
            format!("msdyn_sessiontemplates/a/{name}"),
            SESSION.to_owned(),
        );
        let path = zipped(folder.path(), &[other]);
        assert!(matches!(read(&path), Err(SolutionError::Empty)), "{name}");
    }
}
