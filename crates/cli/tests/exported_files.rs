//! `export --solution` as people run it: its output, its exit code, and the memory that a file can make it use.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::support::{self, deskstate};

const NAMES: &str = "<entities><entity name=\"account\"/><entity name=\"msdyn_applicationtabtemplate\"/><entity name=\"msdyn_sessiontemplate\"/></entities>";

/// A folder as written by the Configuration Migration tool, with records of one table, and a tab.
fn data(folder: &Path, table: &str, number: usize, fields: &str) -> String {
    let path = folder.join("data");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("data_schema.xml"), NAMES).unwrap();
    let file = std::fs::File::create(path.join("data.xml")).unwrap();
    let mut data = std::io::BufWriter::new(file);
    write!(data, "<entities><entity name=\"msdyn_applicationtabtemplate\"><records><record id=\"00000000-0000-4000-8000-00000000000a\"><field name=\"msdyn_uniquename\" value=\"contoso_tab\"/><field name=\"msdyn_name\" value=\"Tab\"/><field name=\"msdyn_pagetype\" value=\"509180003\"/></record></records></entity><entity name=\"{table}\"><records>").unwrap();
    for at in 0..number {
        let fields = fields.replace("{at}", &at.to_string());
        write!(
            data,
            "<record id=\"00000000-0000-4000-9000-{at:012x}\">{fields}</record>"
        )
        .unwrap();
    }
    write!(data, "</records></entity></entities>").unwrap();
    data.flush().unwrap();
    path.to_str().unwrap().to_owned()
}

/// The peak memory of a process, as reported by the system while it runs.
#[cfg(target_os = "linux")]
fn most_memory(child: &mut Child) -> u64 {
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        let told = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = told.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes =
            peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse::<u64>().ok());
        most = most.max(kilobytes.unwrap_or_default());
        std::thread::sleep(Duration::from_millis(5));
    }
    most
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_of_a_hundred_thousand_rows_fits_the_memory_of_a_run() {
    let text = "x".repeat(300);
    let foreign = format!(
        "<field name=\"name\" value=\"Account {{at}}\"/><field name=\"description\" value=\"{text}\"/>"
    );
    let tab = "<field name=\"msdyn_uniquename\" value=\"contoso_t{at}\"/><field name=\"msdyn_name\" value=\"T\"/><field name=\"msdyn_pagetype\" value=\"509180003\"/>";
    let long = format!(
        "<field name=\"msdyn_uniquename\" value=\"contoso_t{{at}}\"/><field name=\"msdyn_name\" value=\"T\"/><field name=\"msdyn_expressiondata\" value=\"{{&quot;a&quot;:&quot;{}y&quot;}}\"/>",
        "y ".repeat(500_000)
    );
    for (table, number, fields, code, told) in [
        (
            "account",
            100_000,
            foreign.as_str(),
            0,
            "rows of other tables (account 100000)",
        ),
        (
            "msdyn_applicationtabtemplate",
            100_000,
            tab,
            1,
            "expected at most 20000 rows of the agent desktop, found more",
        ),
        ("msdyn_sessiontemplate", 15, long.as_str(), 0, "incomplete"),
        (
            "msdyn_sessiontemplate",
            40,
            long.as_str(),
            1,
            "expected at most 16 MiB of rows, links and names, found more",
        ),
    ] {
        let folder = tempfile::TempDir::new().unwrap();
        let path = data(folder.path(), table, number, fields);
        let mut child = deskstate(folder.path())
            .args(["export", "--solution", &path, "--out", "manifests"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let most = most_memory(&mut child);
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{err}");
        assert!(err.contains(told), "{err}");
        assert!(
            most > 0 && most < 200 * 1024,
            "{number} rows of {table} took {most} kB"
        );
    }
}

#[test]
fn a_loss_ends_with_1_and_what_deskstate_does_not_manage_only_where_that_is_asked_for() {
    let folder = tempfile::TempDir::new().unwrap();
    let run = |fields: &str, more: &[&str]| -> support::Run {
        let path = data(folder.path(), "msdyn_applicationtabtemplate", 1, fields);
        let mut arguments = vec!["export", "--solution", &path];
        arguments.extend(more);
        deskstate(folder.path())
            .args(arguments)
            .output()
            .unwrap()
            .into()
    };
    let name = "<field name=\"msdyn_uniquename\" value=\"contoso_t\"/><field name=\"msdyn_name\" value=\"T\"/><field name=\"msdyn_pagetype\" value=\"509180003\"/>";
    let whole = run(name, &["--strict"]).ended(0);
    assert!(
        whole
            .err
            .contains("Read data of the Configuration Migration tool"),
        "{}",
        whole.err
    );

    let lost = run(
        &format!("{name}<field name=\"msdyn_pinned\" value=\"perhaps\"/>"),
        &[],
    )
    .ended(1);
    assert!(
        lost.out.contains("name: contoso_t"),
        "what can be written is written: {}",
        lost.out
    );
    assert!(
        lost.err.contains("warning: ApplicationTab contoso_t: `canClose` left out: expected 1 or 0, found `perhaps`"),
        "{}",
        lost.err
    );

    let column = format!("{name}<field name=\"contoso_color\" value=\"red\"/>");
    let noted = run(&column, &[]).ended(0);
    let told =
        "note: `contoso_color` of msdyn_applicationtabtemplate is not managed by deskstate (1 row)";
    assert!(noted.err.contains(told), "{}", noted.err);
    run(&column, &["--strict"]).ended(1);
}

#[test]
fn notes_are_about_documents_that_are_written() {
    let folder = tempfile::TempDir::new().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "s/msdyn_sessiontemplates/contoso_a/msdyn_sessiontemplate.xml",
        "<msdyn_sessiontemplate msdyn_uniquename=\"contoso_a\"><msdyn_name>A</msdyn_name><msdyn_sessiontype>0</msdyn_sessiontype><msdyn_anchortab><msdyn_uniquename>contoso_t</msdyn_uniquename></msdyn_anchortab></msdyn_sessiontemplate>",
    );
    write(
        "s/msdyn_channelproviders/contoso_v/msdyn_channelprovider.xml",
        "<msdyn_channelprovider msdyn_uniquename=\"contoso_v\"><msdyn_name>V</msdyn_name></msdyn_channelprovider>",
    );
    let run = |arguments: &[&str]| -> support::Run {
        let mut command = deskstate(folder.path());
        let command = command.args(["export", "--solution", "s"]).args(arguments);
        command.output().unwrap().into()
    };
    let note = "ApplicationTab contoso_t: written as `existing`, because the file refers to it";
    assert!(run(&[]).ended(0).err.contains(note));
    let sessions = run(&["--kind", "SessionTemplate"]).ended(0);
    assert!(sessions.err.contains(note), "{}", sessions.err);
    let providers = run(&["--kind", "ChannelProvider"]).ended(0);
    assert!(!providers.err.contains("contoso_t"), "{}", providers.err);

    // A file of which nothing can be written says so.
    let path = data(folder.path(), "msdyn_sessiontemplate", 0, "");
    let text = std::fs::read_to_string(folder.path().join("data/data.xml")).unwrap();
    let text = text.replace("value=\"contoso_tab\"", "value=\"\"");
    std::fs::write(folder.path().join("data/data.xml"), text).unwrap();
    let nothing = deskstate(folder.path())
        .args(["export", "--solution", &path, "--out", "m"])
        .output()
        .unwrap();
    let nothing = support::Run::from(nothing).ended(1);
    let said = "warning: no document was written";
    assert!(nothing.err.contains(said), "{}", nothing.err);
}
