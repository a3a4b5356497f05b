//! Exported files: every published format is read as a folder and as an archive; anything that is not an export is refused with what was
//! expected and what was found; malicious files are refused within bounds.

#![expect(clippy::expect_used, reason = "a broken file system is a failed test")]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use deskstate_reconcile::export::{Export, Selection, export, write};
use deskstate_reconcile::plan::{Action, Options as PlanOptions, SyncState};
use deskstate_reconcile::raise::{Loss, Options};
use deskstate_reconcile::solution::{self, About, Package, SolutionError, read};
use deskstate_reconcile::{lower, plan};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/exports");

fn exported(package: &Package) -> Export {
    let options = Options {
        from_file: true,
        ..Options::default()
    };
    let mut exported = export(&package.live, &Selection::default(), options);
    exported.leave_out_refused();
    exported.left_out.extend(package.left_out.clone());
    exported
}

/// Everything that is shown about an export: its form, the documents, losses and remarks.
fn shown(package: &Package) -> String {
    let exported = exported(package);
    let mut shown = format!("{}\n\n", package.form);
    let documents: Vec<String> = exported.documents.iter().map(write).collect();
    shown.push_str(&documents.join("---\n"));
    for (resource, left_out) in &exported.left_out {
        let mark = if left_out.loss == Loss::Lost {
            "lost"
        } else {
            "remark"
        };
        writeln!(
            shown,
            "{mark}: {resource}: {}: {}",
            left_out.path, left_out.why
        )
        .expect("text");
    }
    let mut notes: Vec<String> = package.told_referred(&exported).collect();
    notes.extend(package.notes.iter().cloned());
    for (mark, texts) in [("note", &notes), ("column", &package.unmodelled)] {
        for text in texts {
            writeln!(shown, "{mark}: {text}").expect("text");
        }
    }
    shown
}

/// Files below a folder, by their paths.
fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(at).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("below").to_string_lossy();
                let bytes = std::fs::read(&path).expect("a file");
                files.push((name.replace('\\', "/"), bytes));
            }
        }
    }
    files.sort();
    files
}

fn zipped(folder: &Path, files: &[(String, Vec<u8>)]) -> PathBuf {
    let path = folder.join("export.zip");
    let mut archive = zip::ZipWriter::new(std::fs::File::create(&path).expect("created"));
    for (name, bytes) in files {
        archive
            .start_file(name.as_str(), SimpleFileOptions::default())
            .expect("started");
        archive.write_all(bytes).expect("written");
    }
    archive.finish().expect("finished");
    path
}

fn texts(files: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    let files = files.iter();
    files
        .map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
        .collect()
}

#[test]
fn every_form_that_published_exports_show_is_read_as_a_folder_and_as_an_archive() {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(FIXTURES)
        .expect("the fixtures")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(folders.len() >= 15, "{folders:?}");
    for folder in folders {
        let name = folder
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let package = read(&folder).expect("an export");
        let shown_of_folder = shown(&package);
        insta::assert_snapshot!(format!("export_{name}"), shown_of_folder);

        let scratch = TempDir::new().expect("a folder");
        let mut files = files_below(&folder);
        let packed = read(&zipped(scratch.path(), &files)).expect("an archive");
        assert_eq!(shown(&packed), shown_of_folder, "{name}");
        // Old Windows tools write `\` between folders.
        for (name, _) in &mut files {
            *name = name.replace('/', "\\");
        }
        let packed = read(&zipped(scratch.path(), &files)).expect("an archive");
        assert_eq!(shown(&packed), shown_of_folder, "{name}");
    }
}

#[test]
fn what_a_form_says_loads_without_an_error_unless_the_file_itself_lacks_something() {
    for entry in std::fs::read_dir(FIXTURES).expect("the fixtures") {
        let folder = entry.expect("an entry").path();
        if !folder.is_dir() {
            continue;
        }
        let exported = exported(&read(&folder).expect("an export"));
        let (_, findings) = exported.manifests();
        let errors: Vec<String> = findings
            .iter()
            .filter(|finding| finding.is_error())
            .map(|finding| format!("{}: {}", finding.code, finding.message))
            .collect();
        if folder.ends_with("incomplete") {
            assert!(
                errors
                    .iter()
                    .all(|error| error.contains("missing") || error.contains("needs")),
                "{errors:?}"
            );
            assert!(!errors.is_empty());
        } else {
            assert!(errors.is_empty(), "{}: {errors:?}", folder.display());
        }
    }
}

#[test]
fn ids_that_the_file_does_not_have_are_in_no_message() {
    for entry in std::fs::read_dir(FIXTURES).expect("the fixtures") {
        let folder = entry.expect("an entry").path();
        if !folder.is_dir() {
            continue;
        }
        let own: String = files_below(&folder)
            .into_iter()
            .map(|(name, bytes)| name + &String::from_utf8_lossy(&bytes))
            .collect::<String>()
            .to_lowercase();
        for word in shown(&read(&folder).expect("an export"))
            .split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-')
        {
            if word.len() == 36 && word.matches('-').count() == 4 {
                assert!(
                    own.contains(&word.to_lowercase()),
                    "{word} in {}",
                    folder.display()
                );
            }
        }
    }
}

const SOLUTION: (&str, &str) = (
    "solution.xml",
    "<ImportExportXml><SolutionManifest><UniqueName>a</UniqueName><Version>1.0</Version><Managed>0</Managed></SolutionManifest></ImportExportXml>",
);
const CUSTOMIZATIONS: (&str, &str) = (
    "customizations.xml",
    "<ImportExportXml><Entities /></ImportExportXml>",
);
const SESSION: (&str, &str) = (
    "msdyn_sessiontemplates/contoso_a/msdyn_sessiontemplate.xml",
    "<msdyn_sessiontemplate msdyn_uniquename=\"contoso_a\"><msdyn_name>A</msdyn_name></msdyn_sessiontemplate>",
);

#[test]
fn what_is_not_an_export_is_refused_with_what_was_expected_and_what_was_found() {
    let session = SESSION.0;
    let data = "<entities><entity name=\"account\"><records/></entity></entities>";
    for (files, expected) in [
        (
            vec![("readme.txt", "a")],
            "not an export: expected a solution (`solution.xml` and `customizations.xml`, or `Other/Solution.xml`) or configuration data (`data.xml` and `data_schema.xml`), found one file, `readme.txt`",
        ),
        (
            vec![("a.txt", "a"), ("b.txt", "b")],
            "found 2 files, such as `a.txt`",
        ),
        (
            vec![("PkgFolder/Desk.zip", "PK")],
            "found an archive inside, `PkgFolder/Desk.zip`; extract it and pass that file",
        ),
        (
            vec![("solutions/desk/solution.yml", "a")],
            "found the YAML layout of Dataverse git integration",
        ),
        (
            vec![
                ("solutions/desk/solution.yml", "a"),
                ("legacy/solution.xml", SOLUTION.1),
                ("legacy/customizations.xml", CUSTOMIZATIONS.1),
            ],
            "`solutions/desk/solution.yml`, which is not read; make a zip",
        ),
        (
            vec![
                ("solutions/a/solution.yml", "a"),
                ("solutions/b/solution.yml", "a"),
                SESSION,
            ],
            "`solutions/a/solution.yml`, which is not read; export the solution as a zip",
        ),
        (
            vec![SOLUTION],
            "the export is incomplete: expected `customizations.xml` next to `solution.xml`, found none",
        ),
        (
            vec![CUSTOMIZATIONS],
            "expected `solution.xml` next to `customizations.xml`, found none",
        ),
        (
            vec![("data.xml", data)],
            "expected `data_schema.xml` next to `data.xml`, found none",
        ),
        (
            vec![("data_schema.xml", data)],
            "expected `data.xml` next to `data_schema.xml`, found none",
        ),
        (
            vec![
                ("data.xml", data),
                (
                    "data_schema.xml",
                    "<entities><entity name=\"contact\"/></entities>",
                ),
            ],
            "expected tables of `data_schema.xml`, found `account`, which it does not have",
        ),
        (
            vec![("data.xml", "<rows/>"), ("data_schema.xml", data)],
            "`data.xml` cannot be read: expected `<entities>`, found `<rows>`",
        ),
        (
            vec![SOLUTION, CUSTOMIZATIONS],
            "the exported solution a 1.0, unmanaged contains no rows and no links of the agent desktop",
        ),
        (
            vec![("solution.xml", "<Project/>"), CUSTOMIZATIONS],
            "`solution.xml` cannot be read: expected `<ImportExportXml>`, found `<Project>`",
        ),
        (
            vec![
                ("a/solution.xml", SOLUTION.1),
                ("b/Other/Solution.xml", SOLUTION.1),
            ],
            "expected one export, found several, in these folders: a, b; pass one of them",
        ),
        (
            vec![
                SOLUTION,
                CUSTOMIZATIONS,
                (session, "<msdyn_sessiontemplate>"),
            ],
            "it ends before its root element does; the file may be truncated",
        ),
        (
            vec![SOLUTION, CUSTOMIZATIONS, (session, "")],
            "expected an XML element, found none",
        ),
        (
            vec![SOLUTION, CUSTOMIZATIONS, (session, "not xml")],
            "expected an XML element, found none",
        ),
        (
            vec![
                SOLUTION,
                CUSTOMIZATIONS,
                (
                    session,
                    "<!DOCTYPE x [<!ENTITY a \"b\">]><msdyn_sessiontemplate>&a;</msdyn_sessiontemplate>",
                ),
            ],
            "found a document type (`<!DOCTYPE`), which is refused",
        ),
        (
            vec![
                SOLUTION,
                ("customizations.xml", "<!DOCTYPE x><ImportExportXml/>"),
                SESSION,
            ],
            "found a document type (`<!DOCTYPE`), which is refused",
        ),
        (
            vec![
                SOLUTION,
                CUSTOMIZATIONS,
                (
                    session,
                    "<msdyn_sessiontemplate><msdyn_name>&a;</msdyn_name></msdyn_sessiontemplate>",
                ),
            ],
            "found the entity `&a;`, which is refused",
        ),
        (
            vec![
                SOLUTION,
                CUSTOMIZATIONS,
                (session, "<msdyn_sessiontemplate a=\"&a;\"/>"),
            ],
            "found the entity `&a;`, which is refused",
        ),
    ] {
        let folder = TempDir::new().expect("a folder");
        let error = read(&zipped(folder.path(), &texts(&files)))
            .expect_err("no export")
            .to_string();
        assert!(
            error.contains(expected),
            "{error}\ndoes not say\n{expected}"
        );
    }
}

#[test]
fn rows_without_the_file_of_their_links_are_read_and_the_file_is_missed() {
    let folder = TempDir::new().expect("a folder");
    let package = read(&zipped(folder.path(), &texts(&[SOLUTION, SESSION]))).expect("rows");
    let (missed, left_out) = package.left_out.first().expect("a loss");
    assert_eq!(missed, "customizations.xml");
    assert!(left_out.loss == Loss::Lost && left_out.why.contains("expected this file, found none"));
    assert!(shown(&package).contains("name: contoso_a"));
}

#[test]
fn what_is_no_archive_and_what_is_cut_off_say_so() {
    let folder = TempDir::new().expect("a folder");
    let text = folder.path().join("text.zip");
    std::fs::write(&text, "no archive").expect("written");
    let error = read(&text).expect_err("no archive").to_string();
    assert!(
        error.contains("expected a file that begins with `PK`, found `no a`"),
        "{error}"
    );

    let whole = zipped(folder.path(), &texts(&[SOLUTION, CUSTOMIZATIONS, SESSION]));
    let bytes = std::fs::read(&whole).expect("a file");
    for length in [10, bytes.len() / 2, bytes.len() - 23] {
        std::fs::write(&whole, &bytes[..length]).expect("written");
        let error = read(&whole).expect_err("cut off").to_string();
        assert!(error.contains("the file may be truncated"), "{error}");
    }
    let inside = folder.path().join("customizations.xml");
    std::fs::write(&inside, CUSTOMIZATIONS.1).expect("written");
    let error = read(&inside).expect_err("no archive").to_string();
    assert!(
        error.contains("found an XML file; pass the folder that holds it"),
        "{error}"
    );
    let mut spoilt = bytes.clone();
    for byte in &mut spoilt[40..60] {
        *byte ^= 0x5a;
    }
    std::fs::write(&whole, &spoilt).expect("written");
    assert!(read(&whole).is_err());
    assert!(matches!(
        read(&folder.path().join("none")),
        Err(SolutionError::Io { .. })
    ));
}

#[test]
fn what_is_built_to_do_harm_is_refused() {
    let folder = TempDir::new().expect("a folder");
    for bad in [
        "../msdyn_sessiontemplates/a/a.xml",
        "a\\..\\..\\b.xml",
        "/etc/passwd",
        "c:/a.xml",
    ] {
        let path = zipped(
            folder.path(),
            &texts(&[SOLUTION, CUSTOMIZATIONS, SESSION, (bad, "")]),
        );
        let error = read(&path).expect_err("refused").to_string();
        assert!(error.contains("which leads out of it"), "{error}");
    }
    let deep = format!("{}{}", "<a>".repeat(300), "</a>".repeat(300));
    let path = zipped(
        folder.path(),
        &texts(&[SOLUTION, ("customizations.xml", &deep), SESSION]),
    );
    let error = read(&path).expect_err("refused").to_string();
    assert!(error.contains("nested more than 200 deep"), "{error}");

    let wide = format!(
        "<msdyn_sessiontemplate>{}</msdyn_sessiontemplate>",
        "<a/>".repeat(30_000)
    );
    let path = zipped(
        folder.path(),
        &texts(&[SOLUTION, CUSTOMIZATIONS, (SESSION.0, &wide)]),
    );
    let error = read(&path).expect_err("refused").to_string();
    assert!(
        error.contains("one row of it has more than 20000 elements"),
        "{error}"
    );

    let long = format!(
        "<msdyn_sessiontemplate a=\"{}\"/>",
        " ".repeat(9 * 1024 * 1024)
    );
    let path = zipped(
        folder.path(),
        &texts(&[SOLUTION, CUSTOMIZATIONS, (SESSION.0, &long)]),
    );
    let error = read(&path).expect_err("refused").to_string();
    assert!(error.contains("is longer than 4 MiB"), "{error}");
}

#[test]
fn a_file_whose_name_ends_inside_a_character_is_another_file() {
    let folder = TempDir::new().expect("a folder");
    for name in ["a\u{20ac}xml", "\u{20ac}ml", ".xml"] {
        let name = format!("msdyn_sessiontemplates/a/{name}");
        let path = zipped(folder.path(), &texts(&[(&name, SESSION.1)]));
        assert!(
            matches!(read(&path), Err(SolutionError::Unknown(_))),
            "{name}"
        );
    }
}

/// Manifests that are written as a solution and read back plan to nothing, except for what is listed as left out.
#[test]
fn a_solution_that_is_written_reads_back_as_its_manifests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let all = [
        ("vendors/desk", "test"),
        ("tenfold", "prod"),
        ("contoso", "prod"),
    ];
    for (project, environment) in all {
        let (manifests, _) = deskstate_model::load(&root.join(project), Some(environment));
        let desired = lower(&manifests);
        let about = About {
            name: "Desk",
            version: "1.0.0.0",
            prefix: "contoso",
        };
        let written = solution::write(&desired, about);
        let folder = TempDir::new().expect("a folder");
        for (path, text) in &written.files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let package = read(folder.path()).expect("a solution");
        let named = ("Desk".to_owned(), "1.0.0.0".to_owned());
        assert_eq!(package.form.solution, Some(named));
        let (plan, _) = plan(&desired, &package.live, &PlanOptions::default());
        if written.left_out.is_empty() {
            assert!(plan.changes.is_empty() && plan.state() == SyncState::InSync);
        }
        assert_eq!(written.left_out.is_empty(), project == "vendors/desk");
        for change in &plan.changes {
            assert!(change.action == Action::Update, "{project}: {change:#?}");
            for field in &change.fields {
                let word = field.path.split('.').next().unwrap_or_default();
                let is_listed = written.left_out.iter().any(|(key, what)| {
                    *key == change.key.to_string() && what.starts_with(&format!("`{word}"))
                });
                assert!(is_listed, "{project}: {} {}", change.key, field.path);
            }
        }
    }
}

const NO_LINKS: (&str, &str) = ("customizations.xml", "<ImportExportXml />");

/// What is shown about a solution with these files.
fn shown_of(files: &[(&str, &str)]) -> String {
    let folder = TempDir::new().expect("a folder");
    let files = [&[SOLUTION][..], files].concat();
    shown(&read(&zipped(folder.path(), &texts(&files))).expect("a solution"))
}

#[track_caller]
fn shows(shown: &str, expected: &[&str]) {
    for line in expected {
        assert!(shown.contains(line), "no `{line}` in\n{shown}");
    }
}

#[track_caller]
fn hides(shown: &str, unexpected: &[&str]) {
    for line in unexpected {
        assert!(!shown.contains(line), "`{line}` in\n{shown}");
    }
}

const TAB: &str = "msdyn_applicationtabtemplates/contoso_t/msdyn_applicationtabtemplate.xml";

/// A tab with columns beyond its name and page type.
fn tab(page: u32, columns: &str) -> String {
    format!(
        "<msdyn_applicationtabtemplate msdyn_uniquename=\"contoso_t\"><msdyn_name>T</msdyn_name><msdyn_pagetype>{page}</msdyn_pagetype>{columns}</msdyn_applicationtabtemplate>"
    )
}

const LIST: u32 = 509_180_000;
const RECORD: u32 = 509_180_001;

#[test]
fn an_id_in_a_value_is_replaced_by_a_name_or_reported() {
    let id = "7d19a2c4-51f0-4b7e-9c1a-0f5e3d2b6a99";
    let session = format!(
        "<msdyn_sessiontemplate msdyn_uniquename=\"contoso_a\"><msdyn_name>A</msdyn_name><msdyn_enablebuildexpression>1</msdyn_enablebuildexpression><msdyn_expressiondata>{{\"actions\":{{\"callscriptId\":\"{id}\"}}}}</msdyn_expressiondata></msdyn_sessiontemplate>"
    );
    let shown = shown_of(&[NO_LINKS, (SESSION.0, &session)]);
    shows(
        &shown,
        &[
            "lost: SessionTemplate contoso_a: expressionData: the file has no name for its AgentScript 7d19a2c4-51f0-4b7e-9c1a-0f5e3d2b6a99",
        ],
    );
    hides(&shown, &["expressionData:\n", "  callscriptId"]);

    // The id of a step of the expression is no row's.
    let session = session.replace("callscriptId", "operationMetadataId");
    let shown = shown_of(&[NO_LINKS, (SESSION.0, &session)]);
    shows(
        &shown,
        &[
            "actions: {operationMetadataId: ",
            "remark: SessionTemplate contoso_a: expressionData: it contains the id 7d19a2c4",
        ],
    );

    for (page, name, mark) in [
        (
            LIST,
            "viewId",
            "lost: ApplicationTab contoso_t: : `parameters.viewId`: it contains the id 7d19a2c4",
        ),
        (
            RECORD,
            "formId",
            "lost: ApplicationTab contoso_t: : `parameters.formId`: it contains",
        ),
        (
            RECORD,
            "entityId",
            "lost: ApplicationTab contoso_t: : `parameters.entityId`: it contains",
        ),
        (
            RECORD,
            "data",
            "remark: ApplicationTab contoso_t: parameters.data: it contains the id 7d19a2c4",
        ),
    ] {
        let copy = format!(
            "<msdyn_templateparameters>{{\"entityName\":{{\"value\":\"contact\"}},\"{name}\":{{\"value\":\"{id}\"}}}}</msdyn_templateparameters>"
        );
        let shown = shown_of(&[NO_LINKS, (TAB, &tab(page, &copy))]);
        shows(&shown, &[mark, &format!("{name}: {id}")]);
    }
    // A view that comes with Dataverse has the same id everywhere.
    let copy = "<msdyn_templateparameters>{\"entityName\":{\"value\":\"contact\"},\"viewId\":{\"value\":\"00000000-0000-0000-00AA-000010001001\"}}</msdyn_templateparameters>";
    let shown = shown_of(&[NO_LINKS, (TAB, &tab(LIST, copy))]);
    shows(
        &shown,
        &["remark: ApplicationTab contoso_t: parameters.viewId: it contains"],
    );
    hides(&shown, &["lost:"]);
}

/// Microsoft documents the second copy of the parameters only as JSON.
#[test]
fn values_in_the_second_copy_of_parameters_are_read_or_reported() {
    let copied = |text: &str| {
        let text = format!("<msdyn_templateparameters>{text}</msdyn_templateparameters>");
        shown_of(&[NO_LINKS, (TAB, &tab(RECORD, &text))])
    };
    let empty =
        copied(r#"{"entityName":{"value":null},"entityId":{},"data":{"value":""},"formId":null}"#);
    hides(&empty, &["parameters", "null"]);
    hides(&copied("null"), &["parameters"]);

    let form = r#"lost: ApplicationTab contoso_t: parameters: the text of the parameters is not JSON of the form {"name": {"value": "…"}}"#;
    for unknown in [
        "entityName=contact",
        r#"[{"name":"entityName","value":"contact"}]"#,
        r#""contact""#,
        r#"{"entityName":{"value":"contact"}"#,
    ] {
        let shown = copied(unknown);
        shows(&shown, &[form]);
        hides(&shown, &["parameters:\n", "parameters: {"]);
    }

    let shown = copied(
        r#"{"entityName":"contact","entityId":{"value":"{customer}"},"x":["a"],"formId":{"id":"a"},"data":{"value":"a","type":"b"}}"#,
    );
    shows(
        &shown,
        &[
            r#"entityId: "{customer}""#,
            r#"lost: ApplicationTab contoso_t: parameters.entityName: expected {"value": "…"} in the text of the parameters, found `"contact"`"#,
            r#"parameters.x: expected {"value": "…"} in the text of the parameters, found `["a"]`"#,
            r#"parameters.formId: expected {"value": "…"} in the text of the parameters, found `{"id":"a"}`"#,
            "parameters.data: expected `value` alone in the text of the parameters",
        ],
    );
    hides(&shown, &["remark: ApplicationTab contoso_t: parameters"]);

    let shown = copied(r#"{"entityName":{"value":"contact"},"entityName":{"value":"account"}}"#);
    shows(
        &shown,
        &[
            "lost: ApplicationTab contoso_t: parameters.entityName: the text of the parameters has it twice, with different values",
        ],
    );
    hides(&shown, &["entityName: contact", "entityName: account"]);
    let shown = copied(r#"{"entityName":{"value":"contact"},"entityName":{"value":"contact"}}"#);
    shows(&shown, &["parameters: {entityName: contact}"]);
    hides(&shown, &["lost:"]);

    // Rows count; what only the copy has is mentioned.
    let row = "<msdyn_templateparameter msdyn_uniquename=\"contoso_p\"><msdyn_name>entityName</msdyn_name><msdyn_value>contact</msdyn_value><msdyn_applicationtabtemplateid><msdyn_uniquename>contoso_t</msdyn_uniquename></msdyn_applicationtabtemplateid></msdyn_templateparameter>";
    let row_file = "msdyn_templateparameters/contoso_p/msdyn_templateparameter.xml";
    let text = tab(
        RECORD,
        r#"<msdyn_templateparameters>{"entityName":{"value":"contact"},"entityId":{"value":"{customer}"}}</msdyn_templateparameters>"#,
    );
    for row in [row.to_owned(), row.replace("contact", "")] {
        let shown = shown_of(&[NO_LINKS, (TAB, &text), (row_file, &row)]);
        shows(
            &shown,
            &[
                "remark: ApplicationTab contoso_t: parameters: the second copy of the parameters on the tab's own row differs and is omitted",
            ],
        );
        hides(&shown, &["entityId:"]);
    }
    let nameless = row.replace("<msdyn_name>entityName</msdyn_name>", "");
    let shown = shown_of(&[NO_LINKS, (TAB, &text), (row_file, &nameless)]);
    shows(
        &shown,
        &[
            "lost: ApplicationTab contoso_t: parameters: a row of a parameter has a value and no name",
        ],
    );
}

#[test]
fn a_link_is_reported_whichever_of_its_rows_the_file_lacks() {
    let provider = "<msdyn_channelprovider msdyn_uniquename=\"contoso_voice\"><msdyn_name>Voice</msdyn_name></msdyn_channelprovider>";
    let provider = (
        "msdyn_channelproviders/contoso_voice/msdyn_channelprovider.xml",
        provider,
    );
    let profile = "<msdyn_appconfiguration msdyn_uniquename=\"contoso_agents\"><msdyn_name>A</msdyn_name></msdyn_appconfiguration>";
    let profile = (
        "msdyn_appconfigurations/contoso_agents/msdyn_appconfiguration.xml",
        profile,
    );
    let (one, two) = (
        "aaaaaaaa-0000-4000-8000-000000000001",
        "bbbbbbbb-0000-4000-8000-000000000001",
    );
    let linked = |owner: &str, member: &str| {
        let link = format!(
            "<ImportExportXml><msdyn_appconfig_msdyn_channelproviderset><msdyn_appconfig_msdyn_channelprovider {owner} {member}/></msdyn_appconfig_msdyn_channelproviderset></ImportExportXml>"
        );
        shown_of(&[("customizations.xml", &link), provider, profile])
    };
    let by_name = |column: &str, name: &str| format!("{column}.msdyn_uniquename=\"{name}\"");
    let by_id = |column: &str, id: &str| format!("{column}=\"{id}\"");
    let (owner, member) = ("msdyn_appconfigurationid", "msdyn_channelproviderid");
    for (shown, lost) in [
        (
            linked(&by_id(owner, one), &by_name(member, "contoso_voice")),
            format!(
                "lost: AppProfile {one}: channelProviders: the AppProfile is not in the file; it is linked to ChannelProvider contoso_voice"
            ),
        ),
        (
            linked(&by_id(owner, one), &by_id(member, two)),
            format!(
                "lost: AppProfile {one}: channelProviders: the AppProfile is not in the file; it is linked to ChannelProvider {two}"
            ),
        ),
        (
            linked(&by_name(owner, "contoso_agents"), &by_id(member, two)),
            format!(
                "lost: AppProfile contoso_agents: channelProviders: its ChannelProvider {two} is not in the file"
            ),
        ),
    ] {
        shows(&shown, &[&lost]);
        assert_eq!(shown.matches("lost:").count(), 1, "{shown}");
    }

    // The same for data of the Configuration Migration tool, in both directions of the relationship.
    let folder = TempDir::new().expect("a folder");
    let schema = "<entities><entity name=\"msdyn_channelprovider\"/><entity name=\"msdyn_appconfiguration\"/></entities>";
    for (table, to, source, target) in [
        ("msdyn_channelprovider", "msdyn_appconfiguration", two, one),
        ("msdyn_appconfiguration", "msdyn_channelprovider", one, two),
    ] {
        let data = format!(
            "<entities><entity name=\"msdyn_channelprovider\"><records><record id=\"{two}\"><field name=\"msdyn_uniquename\" value=\"contoso_voice\"/><field name=\"msdyn_name\" value=\"V\"/></record></records></entity><entity name=\"{table}\"><m2mrelationships><m2mrelationship sourceid=\"{source}\" targetentityname=\"{to}\" m2mrelationshipname=\"msdyn_appconfig_msdyn_channelprovider\"><targetids><targetid>{target}</targetid></targetids></m2mrelationship></m2mrelationships></entity></entities>"
        );
        let files = [("data_schema.xml", schema), ("data.xml", &data)];
        let package = read(&zipped(folder.path(), &texts(&files))).expect("data");
        shows(
            &shown(&package),
            &[&format!(
                "lost: AppProfile {one}: channelProviders: the AppProfile is not in the file; it is linked to ChannelProvider contoso_voice"
            )],
        );
    }
}

/// A script with one step that has these columns.
fn step(columns: &str) -> String {
    let script = "<msdyn_productivityagentscript msdyn_uniquename=\"contoso_s\"><msdyn_name>S</msdyn_name><msdyn_language>1033</msdyn_language></msdyn_productivityagentscript>";
    let step = format!(
        "<msdyn_productivityagentscriptstep msdyn_uniquename=\"contoso_s0\"><msdyn_agentscriptid><msdyn_uniquename>contoso_s</msdyn_uniquename></msdyn_agentscriptid><msdyn_name>Hello</msdyn_name><msdyn_order>1</msdyn_order>{columns}</msdyn_productivityagentscriptstep>"
    );
    shown_of(&[
        NO_LINKS,
        (
            "msdyn_productivityagentscripts/contoso_s/msdyn_productivityagentscript.xml",
            script,
        ),
        (
            "msdyn_productivityagentscriptsteps/contoso_s0/msdyn_productivityagentscriptstep.xml",
            &step,
        ),
    ])
}

/// A text box of several lines keeps the last line break.
#[test]
fn blanks_at_the_ends_of_a_text_cost_neither_the_text_nor_its_list() {
    let shown = step(
        "<msdyn_actiontype>192350000</msdyn_actiontype><msdyn_textinstruction>Guten Tag\n</msdyn_textinstruction><msdyn_description>\u{a0} </msdyn_description>",
    );
    shows(
        &shown,
        &[
            "text: Guten Tag\n",
            "remark: msdyn_productivityagentscriptstep contoso_s0: text: spaces and line breaks at its ends are left out",
            "remark: msdyn_productivityagentscriptstep contoso_s0: description: spaces",
        ],
    );
    hides(&shown, &["lost:", "description: \""]);

    let provider = "<msdyn_channelprovider msdyn_uniquename=\"contoso_v\"><msdyn_name>\u{a0}Voice</msdyn_name><msdyn_customparams>\n{\"a\": 1}\n</msdyn_customparams></msdyn_channelprovider>";
    let file = "msdyn_channelproviders/contoso_v/msdyn_channelprovider.xml";
    let copy = r#"<msdyn_templateparameters>{"entityName":{"value":"contact "},"entityId":{"value":" "}}</msdyn_templateparameters>"#;
    let shown = shown_of(&[NO_LINKS, (file, provider), (TAB, &tab(RECORD, copy))]);
    shows(
        &shown,
        &[
            "displayName: Voice\n",
            "customParameters: {a: 1}",
            "parameters: {entityName: contact}",
            "remark: ApplicationTab contoso_t: parameters.entityName: spaces",
            "remark: ApplicationTab contoso_t: parameters.entityId: spaces",
        ],
    );
    hides(&shown, &["lost:"]);
}

/// The product's own control for scripts looks only at the action of a step.
#[test]
fn a_step_is_what_its_action_says_whatever_it_was_before() {
    let other = "<msdyn_routeactionid><msdyn_uniquename>contoso_other</msdyn_uniquename></msdyn_routeactionid>";
    let text = "<msdyn_textinstruction>old</msdyn_textinstruction>";
    let shown = step(&format!(
        "<msdyn_actiontype>192350002</msdyn_actiontype>{other}{text}"
    ));
    shows(
        &shown,
        &[
            "script: contoso_other\n",
            "remark: AgentScript contoso_s: : contoso_s0 is a step of the action `script`; its value of `text` has no effect and is left out",
        ],
    );
    hides(&shown, &["lost:", "old"]);

    // An old macro without a name is no reason to lose the script.
    let old = "<msdyn_macroactionid>{7d19a2c4-51f0-4b7e-9c1a-0f5e3d2b6a10}</msdyn_macroactionid>";
    let shown = step(&format!(
        "<msdyn_actiontype>192350000</msdyn_actiontype>{old}{text}"
    ));
    shows(
        &shown,
        &["text: old\n", "its value of `macro` has no effect"],
    );
    hides(&shown, &["lost:"]);

    // A script without its own value does not say what it is.
    let shown = step(&format!(
        "<msdyn_actiontype>192350002</msdyn_actiontype>{text}"
    ));
    shows(
        &shown,
        &[
            "lost: AgentScript contoso_s: steps: contoso_s0 does not say which of text, macro, script it is",
        ],
    );
}

#[test]
fn the_older_column_of_a_type_counts_where_it_is_alone() {
    let session = |columns: &str| {
        let session = format!(
            "<msdyn_sessiontemplate msdyn_uniquename=\"contoso_a\"><msdyn_name>A</msdyn_name>{columns}</msdyn_sessiontemplate>"
        );
        shown_of(&[NO_LINKS, (SESSION.0, &session)])
    };
    let entity = "<msdyn_type>1</msdyn_type><msdyn_entity>incident</msdyn_entity>";
    let shown = session(entity);
    shows(&shown, &["  type: Entity\n", "  entity: incident\n"]);
    hides(&shown, &["`type`"]);
    shows(
        &session("<msdyn_type>False</msdyn_type>"),
        &["  type: Generic\n"],
    );
    let both = format!("<msdyn_sessiontype>0</msdyn_sessiontype>{entity}");
    shows(&session(&both), &["  type: Generic\n"]);
}

#[test]
fn a_lookup_may_have_the_columns_of_its_target_as_attributes() {
    let session = "<msdyn_sessiontemplate msdyn_uniquename=\"contoso_a\"><msdyn_name>A</msdyn_name><msdyn_sessiontype>0</msdyn_sessiontype><msdyn_anchortab msdyn_uniquename=\"contoso_t\"/></msdyn_sessiontemplate>";
    let shown = shown_of(&[NO_LINKS, (SESSION.0, session)]);
    shows(&shown, &["  anchorTab: contoso_t\n"]);
}

#[test]
fn namespaces_are_no_columns() {
    let session = SESSION.1.replace(
        "<msdyn_sessiontemplate ",
        "<msdyn_sessiontemplate xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns=\"urn:a\" xml:space=\"preserve\" xsi:type=\"a\" ",
    );
    let session = session.replace(
        "</msdyn_name>",
        "</msdyn_name><msdyn_title xsi:nil=\"true\">a</msdyn_title>",
    );
    let shown = shown_of(&[NO_LINKS, (SESSION.0, &session)]);
    hides(&shown, &["column:", "title"]);
}

#[test]
fn a_part_without_its_row_is_reported_once_and_as_what_it_is() {
    let (tab, part) = (
        "00000004-0000-4000-8000-000000000000",
        "00000006-0000-4000-8000-000000000000",
    );
    let row = |parent: &str| {
        let row = format!(
            "<msdyn_templateparameter msdyn_templateparameterid=\"{part}\">{parent}<msdyn_name>entityName</msdyn_name><msdyn_value>contact</msdyn_value></msdyn_templateparameter>"
        );
        let file = "msdyn_templateparameters/a/msdyn_templateparameter.xml";
        shown_of(&[NO_LINKS, SESSION, (file, &row)])
    };
    for (parent, lost) in [
        (
            format!("<msdyn_applicationtabtemplateid>{tab}</msdyn_applicationtabtemplateid>"),
            format!("the ApplicationTab {tab} that it belongs to is not in the file"),
        ),
        (
            String::new(),
            "it does not say what it belongs to".to_owned(),
        ),
        (
            "<msdyn_applicationtabtemplateid><a/></msdyn_applicationtabtemplateid>".to_owned(),
            "has neither a name nor an id".to_owned(),
        ),
    ] {
        let shown = row(&parent);
        shows(&shown, &[&lost]);
        assert_eq!(shown.matches("lost:").count(), 1, "{shown}");
        hides(&shown, &[&format!("ApplicationTab {part}")]);
    }
}

/// Microsoft's localized packages have one schema and data in each language.
#[test]
fn data_without_a_schema_next_to_it_is_named() {
    let folder = TempDir::new().expect("a folder");
    let schema = "<entities><entity name=\"msdyn_sessiontemplate\"/></entities>";
    let data = "<entities><entity name=\"msdyn_sessiontemplate\"><records><record id=\"00000000-0000-4000-8000-00000000000a\"><field name=\"msdyn_uniquename\" value=\"contoso_a\"/><field name=\"msdyn_name\" value=\"A\"/></record></records></entity></entities>";
    let mut files = vec![
        ("data_1031/data.xml", data),
        ("data_1033/data.xml", data),
        ("data_1033/data_schema.xml", schema),
        ("data_1033/WebResources/data.xml", data),
    ];
    let package = read(&zipped(folder.path(), &texts(&files))).expect("data");
    let lost = "lost: data_1031/data.xml: : not read: expected `data_schema.xml` next to it, found none; copy the schema into its folder and pass that folder";
    shows(&shown(&package), &["name: contoso_a", lost]);
    files.push(("data_1036/data.xml", data));
    let package = read(&zipped(folder.path(), &texts(&files))).expect("data");
    shows(
        &shown(&package),
        &["lost: data_1031/data.xml and 1 more: : not read"],
    );
}

#[test]
fn rows_are_found_wherever_a_file_of_them_is() {
    let provider = "<msdyn_channelprovider msdyn_uniquename=\"contoso_v\"><msdyn_name>V</msdyn_name></msdyn_channelprovider>";
    let second = provider.replace("contoso_v", "contoso_w");
    let nameless = "<msdyn_channelprovider><msdyn_name>V</msdyn_name></msdyn_channelprovider>";
    let link = "<msdyn_appconfig_msdyn_channelprovider msdyn_appconfigurationid.msdyn_uniquename=\"contoso_agents\" msdyn_channelproviderid.msdyn_uniquename=\"contoso_v\"/>";
    let links = format!(
        "<msdyn_appconfig_msdyn_channelproviderset>{link}</msdyn_appconfig_msdyn_channelproviderset>"
    );
    for files in [
        vec![(
            "msdyn_channelproviders.xml",
            format!("<msdyn_channelproviders>{provider}{second}</msdyn_channelproviders>"),
        )],
        vec![
            ("Other/moved/deep/cp.xml", provider.to_owned()),
            ("cw.xml", second.clone()),
        ],
    ] {
        let mut files: Vec<(&str, &str)> = files
            .iter()
            .map(|(path, text)| (*path, text.as_str()))
            .collect();
        files.extend([
            NO_LINKS,
            SESSION,
            ("moved/links.xml", &links),
            ("other.xml", "<a><b></a>"),
            ("broken.xml", "no XML"),
            ("WebResources/contoso_/rows.xml", provider),
        ]);
        let shown = shown_of(&files);
        shows(
            &shown,
            &["name: contoso_v", "name: contoso_w", "members: [contoso_v]"],
        );
        hides(
            &shown,
            &["ChannelProvider contoso_v: written as `existing`", "lost:"],
        );
    }
    // The folder of such a file does not name its row.
    let shown = shown_of(&[NO_LINKS, SESSION, ("moved/cp.xml", nameless)]);
    hides(&shown, &["name: moved"]);
    shows(&shown, &["lost: ", "it has no unique name"]);
}

#[test]
fn files_that_windows_and_macos_tools_wrote_are_read() {
    let session = SESSION.1.replace(">A<", ">Gespräch<");
    let read_bytes = |bytes: Vec<u8>| {
        let folder = TempDir::new().expect("a folder");
        let mut files = texts(&[
            SOLUTION,
            CUSTOMIZATIONS,
            (
                "__MACOSX/msdyn_sessiontemplates/contoso_a/._msdyn_sessiontemplate.xml",
                "\0\x05\x16",
            ),
            (
                "msdyn_sessiontemplates/contoso_a/._msdyn_sessiontemplate.xml",
                "\0\x05\x16",
            ),
            (
                ".git/msdyn_sessiontemplates/contoso_b/msdyn_sessiontemplate.xml",
                SESSION.1,
            ),
        ]);
        files.push((SESSION.0.to_owned(), bytes));
        read(&zipped(folder.path(), &files)).map(|package| shown(&package))
    };
    let utf16 = format!("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n{session}");
    let utf16 = utf16.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let western = |text: &str| text.chars().map(|one| one as u8).collect::<Vec<u8>>();
    let declared = format!("<?xml version=\"1.0\" encoding=\"Windows-1252\"?>\r\n{session}");
    for bytes in [utf16, western(&declared), session.clone().into_bytes()] {
        let shown = read_bytes(bytes).expect("a solution");
        shows(&shown, &["displayName: Gespräch"]);
        hides(&shown, &["contoso_b"]);
    }
    let error = read_bytes(western(&session))
        .expect_err("no encoding")
        .to_string();
    let told = "msdyn_sessiontemplate.xml` cannot be read: line 1 is not UTF-8 (byte 0xE4); save the file as UTF-8";
    assert!(error.contains(told), "{error}");
}

#[test]
fn an_inactive_part_is_reported() {
    let shown = step(
        "<msdyn_actiontype>192350000</msdyn_actiontype><msdyn_textinstruction>a</msdyn_textinstruction><statecode>1</statecode><statuscode>2</statuscode>",
    );
    shows(
        &shown,
        &[
            "text: a\n",
            "lost: AgentScript contoso_s: : `steps`: the row contoso_s0 of msdyn_productivityagentscriptstep is inactive",
        ],
    );
    let active = step(
        "<msdyn_actiontype>192350000</msdyn_actiontype><msdyn_textinstruction>a</msdyn_textinstruction><statecode>0</statecode>",
    );
    hides(&active, &["lost:"]);
    let odd = step(
        "<msdyn_actiontype>192350000</msdyn_actiontype><msdyn_textinstruction>a</msdyn_textinstruction><statecode>Active</statecode>",
    );
    shows(
        &odd,
        &["statecode: expected a whole number, found `Active`"],
    );
}
