//! Sends text from outside through every command, format and stream: the resulting bytes control nothing.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use super::support::{Project, applied, deskstate};
use serde_json::json;

/// Terminal escapes, commands of both build hosts (also indented), forged lines, marks that reorder or hide text, and markup.
const EVIL: &str = "x\u{1b}]0;T\u{7}\u{1b}[2J\u{1b}[95m ##vso[task.setvariable variable=PATH]evil\n::add-mask::s\n   ::stop-commands::q\n\
     ##[group]g\nFORGED 60 changes applied\rFORGED\u{85}FORGED\u{2028}FORGED\u{202e}\u{2066}\u{200b}\u{e0001}\u{fff9}\n\t::set-output::x\n\
     <script>alert(1)</script> @everyone | =cmd() `x` %%{init} \"]; end --> subgraph";

/// The same without control characters, which manifests reject.
fn printable() -> String {
    EVIL.chars()
        .filter(|character| !character.is_control())
        .collect()
}

/// Checks that a stream contains nothing harmful, whatever was sent.
#[track_caller]
fn check(what: &str, bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut uncolored = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        uncolored.push_str(&rest[..at]);
        let sequence = rest[at + 1..]
            .strip_prefix('[')
            .unwrap_or_else(|| panic!("{what} holds another escape than a colour:\n{text:?}"));
        let end = sequence
            .find(|character: char| !(character.is_ascii_digit() || character == ';'))
            .unwrap_or(sequence.len());
        assert!(
            sequence[end..].starts_with('m'),
            "{what} holds another escape than a colour:\n{text:?}"
        );
        assert!(
            !sequence.starts_with("95m"),
            "{what} is coloured by somebody else:\n{text:?}"
        );
        rest = &sequence[end + 1..];
    }
    uncolored.push_str(rest);
    let hidden = uncolored.chars().find(|character| {
        !matches!(character, '\n' | '\t') && deskstate_model::inert::is_hidden(*character)
    });
    assert_eq!(hidden, None, "{what}:\n{text}");
    for line in uncolored.lines() {
        let ours = ["::error ", "::warning ", "##vso[task.logissue "];
        let line = ours
            .iter()
            .find_map(|ours| {
                line.strip_prefix(ours)
                    .filter(|_| what.contains("validate"))
            })
            .unwrap_or(line);
        let start = line.trim_start();
        assert!(
            !start.starts_with("FORGED") && (!start.starts_with("::") || start.starts_with("::: ")),
            "{what} has a line that somebody else wrote:\n{text}"
        );
        assert!(
            !line.contains("##[") && !line.to_ascii_lowercase().contains("##vso["),
            "{what} commands a build:\n{text}"
        );
    }
}

/// Runs a command as at a terminal, on GitHub and on Azure Pipelines, and checks both streams. Returns the output of the first run.
#[track_caller]
fn run(folder: &Path, arguments: &[&str]) -> String {
    let mut said = String::new();
    for (variable, color) in [
        ("GITHUB_ACTIONS", "always"),
        ("TF_BUILD", "never"),
        ("DESKSTATE_TEST", "always"),
    ] {
        let mut command = deskstate(folder);
        let done = command
            .args(["--color", color])
            .args(arguments)
            .env(variable, "true")
            .env("COLUMNS", if color == "never" { "60" } else { "" })
            .output()
            .unwrap();
        let what = format!("`{}` with {variable}", arguments.join(" "));
        check(&format!("stdout of {what}"), &done.stdout);
        check(&format!("stderr of {what}"), &done.stderr);
        if said.is_empty() {
            said.push_str(&String::from_utf8_lossy(&done.stdout));
            said.push_str(&String::from_utf8_lossy(&done.stderr));
        }
    }
    said
}

/// Answers every request with an error that contains [`EVIL`]; on request, separately for each part of a batch.
fn refusing(in_parts: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || drop(refuse(stream, in_parts)));
        }
    });
    url
}

fn refuse(mut stream: TcpStream, in_parts: bool) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            break;
        }
    }
    let request = String::from_utf8_lossy(&request);
    let error = json!({"error": {"code": format!("0x{EVIL}"), "message": EVIL}}).to_string();
    let parts = request.matches("\nGET ").count();
    let (status, kind, body) = if in_parts && parts > 0 {
        let part = format!(
            "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n\r\n{error}\r\n"
        );
        let body = format!("{}--b--\r\n", part.repeat(parts));
        ("200 OK", "multipart/mixed; boundary=b", body)
    } else {
        ("400 Bad Request", "application/json", error)
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn errors_of_a_server_steer_no_stream() {
    check_refusals(false);
}

#[test]
fn errors_in_the_parts_of_a_batch_steer_no_stream() {
    check_refusals(true);
}

fn check_refusals(in_parts: bool) {
    let project = Project::example("tenfold");
    project.add_server(&refusing(in_parts));
    let folder = project.path();
    let commands: &[&[&str]] = &[
        &["plan", "--env", "server"],
        &["plan", "--env", "server", "--format", "json"],
        &["plan", "--env", "server", "--format", "markdown"],
        &["plan", "--env", "server", "--format", "html"],
        &["apply", "--env", "server", "--yes"],
        &["drift", "--env", "server"],
        &["drift", "--all", "--format", "markdown"],
        &["drift", "--all", "--format", "json"],
        &["drift", "--all", "--format", "junit"],
        &["drift", "--all", "--format", "html"],
        &["drift", "--all"],
        &["adopt", "--env", "server", "--check"],
        &["export", "--env", "server"],
        &["who", "ada@contoso.com", "--env", "server"],
        &["doctor", "--env", "server"],
        &["diff", "server", "manifests"],
        &["-v", "plan", "--env", "server"],
        &["-vv", "doctor", "--env", "server"],
    ];
    for command in commands {
        let said = run(folder, command);
        assert!(!said.is_empty(), "{command:?}");
    }
}

#[test]
fn live_text_steers_no_stream() {
    let (project, server) = applied();
    let folder = project.path();
    let (start, rest): (String, String) = (
        EVIL.chars().take(95).collect(),
        EVIL.chars().skip(80).collect(),
    );
    server.patch_session(&json!({"msdyn_name": start, "msdyn_title": rest}).to_string());
    let ada = server.found(
        "systemusers",
        "systemuserid",
        "domainname eq 'ada@contoso.com'",
    );
    server.patch(
        &format!("systemusers({ada})"),
        &json!({"fullname": start}).to_string(),
    );
    let administrator = server.administrator("kim@contoso.com");
    server.patch(
        &format!("systemusers({administrator})"),
        &json!({"fullname": start}).to_string(),
    );
    server.edit_as(&administrator);
    server.makes_notification(
        &administrator,
        "tenfold_own",
        "##vso[x] \\u202e ${{ vars.x }}",
    );
    let commands: &[&[&str]] = &[
        &["plan", "--env", "server"],
        &["plan", "--env", "server", "--explain-wire"],
        &["plan", "--env", "server", "--format", "json"],
        &["plan", "--env", "server", "--format", "markdown"],
        &["plan", "--env", "server", "--format", "html"],
        &[
            "drift",
            "--env",
            "server",
            "--extras",
            "--metrics",
            "m.prom",
        ],
        &["drift", "--env", "server", "--format", "markdown"],
        &["drift", "--env", "server", "--format", "json"],
        &["drift", "--env", "server", "--format", "junit"],
        &["drift", "--env", "server", "--format", "html"],
        &["adopt", "--env", "server", "--check"],
        &["export", "--env", "server"],
        &["who", "ada@contoso.com", "--env", "server"],
        &["who", "ada@contoso.com", "--env", "server", "--json"],
        &["doctor", "--env", "server"],
        &["diff", "server", "manifests"],
        &["diff", "manifests", "server"],
        &["-vv", "plan", "--env", "server"],
    ];
    for command in commands {
        let said = run(folder, command);
        assert!(!said.is_empty(), "{command:?}");
    }
    check("metrics", project.read("m.prom").as_bytes());
    // A contract requires the panel.
    server.patch_session("{\"msdyn_panelstate\":162450002}");
    let adopted = run(folder, &["adopt", "--env", "server"]);
    assert!(
        adopted.contains("SessionTemplate CTI_createSession"),
        "{adopted}"
    );
    for command in [
        &["render", "--env", "server"][..],
        &["validate"],
        &["validate", "--format", "json"],
        &["validate", "--format", "sarif"],
        &["graph"],
        &["graph", "--format", "dot"],
        &["graph", "--format", "svg"],
        &["guide", "--env", "server"],
        &["guide", "--env", "server", "--format", "html"],
    ] {
        run(folder, command);
    }
    let said = run(folder, &["preview", "--no-open", "--out", "p.html"]);
    assert!(folder.join("p.html").exists(), "{said}");
    check("the preview", project.read("p.html").as_bytes());
    let manifests = project.read("manifests/templates.yaml");
    check("what was adopted", manifests.as_bytes());
}

#[test]
fn manifests_and_their_names_steer_no_stream() {
    let project = Project::example("tenfold");
    let folder = project.path();
    let value = serde_json::to_string(&printable()).unwrap();
    let name = if cfg!(windows) {
        "##vso[task.prependpath]evil".to_owned()
    } else {
        EVIL.replace('/', "_").chars().take(60).collect()
    };
    project.write(
        &format!("manifests/{name}.yaml"),
        &format!(
            "# {value}\napiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {{name: contoso_a, labels: {{l: {value}}}}}\nspec: {{displayName: {value}, controlName: {value}}}\n"
        ),
    );
    let commands: &[&[&str]] = &[
        &["validate"],
        &["validate", "--format", "github"],
        &["validate", "--format", "azure"],
        &["validate", "--format", "json"],
        &["validate", "--format", "sarif"],
        &["render", "--env", "local"],
        &["plan", "--env", "local"],
        &["plan", "--env", "local", "--format", "json"],
        &["plan", "--env", "local", "--format", "markdown"],
        &["plan", "--env", "local", "--format", "html"],
        &["plan", "--env", "local", "--out", "saved.json"],
        &["show", "saved.json"],
        &["show", "saved.json", "--format", "json"],
        &["show", "saved.json", "--format", "markdown"],
        &["show", "saved.json", "--format", "html"],
        &["graph"],
        &["graph", "--format", "dot"],
        &["graph", "--format", "svg"],
        &["guide", "--env", "local"],
        &["guide", "--env", "local", "--format", "html"],
        &["preview", "--no-open", "--out", "p.html"],
        &["drift", "--env", "local"],
        &["adopt", "--env", "local", "--check"],
        &["apply", "--env", "local", "--yes"],
    ];
    for command in commands {
        run(folder, command);
    }
    // The same with an invalid manifest.
    project.write(
        &format!("manifests/{name}.yaml"),
        &format!(
            "apiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {{name: {value}}}\nspec: {{displayName: {value}, {value}: \u{202e}##vso[x] \u{200b}}}\n"
        ),
    );
    for command in commands {
        let said = run(folder, command);
        assert!(!said.is_empty(), "{command:?}");
    }
}

#[test]
fn files_and_arguments_steer_no_stream() {
    let (project, _server) = applied();
    let folder = project.path();
    run(folder, &["plan", "--env", "server", "--out", "plan.json"]);
    let plan: serde_json::Value = serde_json::from_str(&project.read("plan.json")).unwrap();
    let variants = |good: &serde_json::Value| -> Vec<String> {
        let mut all = vec![
            json!({EVIL: 1}).to_string(),
            json!({"formatVersion": EVIL}).to_string(),
            format!("[\"{}\"", printable()),
        ];
        for key in good.as_object().unwrap().keys() {
            let mut edited = good.clone();
            edited[key] = EVIL.into();
            all.push(edited.to_string());
        }
        let mut extended = good.clone();
        extended[EVIL] = 1.into();
        all.push(extended.to_string());
        all
    };
    for text in variants(&plan) {
        project.write("evil.json", &text);
        run(
            folder,
            &[
                "apply",
                "--env",
                "server",
                "--yes",
                "--reviewed",
                "evil.json",
            ],
        );
    }
    // The digest does not cover the report.
    let mut reported = plan.clone();
    reported["environment"] = EVIL.into();
    reported["revision"] = EVIL.into();
    let place = json!({"file": EVIL, "line": 4_000_000_000_u32, "label": EVIL});
    let not_planned =
        json!({"about": EVIL, "field": EVIL, "state": "unknown", "code": EVIL, "reason": EVIL});
    reported["report"]["address"] = EVIL.into();
    reported["report"]["elsewhere"] = json!([not_planned]);
    reported["report"]["findings"] =
        json!([{"code": EVIL, "level": EVIL, "message": EVIL, "help": EVIL, "place": place}]);
    for change in reported["changes"].as_array_mut().unwrap() {
        change["declaredAt"] = place.clone();
        change["reach"] = json!({"agents": 3, "basis": EVIL, "uncounted": [EVIL]});
        change["leftToServer"] = json!([EVIL]);
    }
    for text in variants(&plan).into_iter().chain([reported.to_string()]) {
        project.write("evil.json", &text);
        for format in ["text", "json", "markdown", "html"] {
            run(folder, &["show", "evil.json", "--format", format]);
        }
    }
    let undo = std::fs::read_dir(folder.join(".deskstate/undo")).unwrap();
    let undo = undo.flatten().next().unwrap().path();
    let undo: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(undo).unwrap()).unwrap();
    for text in variants(&undo) {
        project.write("evil.json", &text);
        run(folder, &["undo", "evil.json", "--env", "server", "--yes"]);
    }
    for command in [
        &["plan", "--env", EVIL][..],
        &["explain", EVIL],
        &["schema", EVIL],
        &["man", EVIL],
        &[EVIL],
        &["plan", "--format", EVIL, "--env", "server"],
        &["plan", "--env", "server", EVIL],
        &["who", EVIL, "--env", "server"],
        &["diff", EVIL, "server"],
        &["undo", EVIL, "--env", "server"],
        &["drift", "--env", "server", "--at", EVIL],
        &["export", "--solution", EVIL],
        &["--project", EVIL, "validate"],
        &["init", EVIL],
    ] {
        let said = run(folder, command);
        assert!(!said.is_empty(), "{command:?}");
    }
}

#[test]
fn an_archive_steers_no_stream() {
    let project = Project::example("tenfold");
    let text = printable().replace(['<', '>', '&', '"', '`'], "_");
    let whole = format!(
        "<ImportExportXml><msdyn_sessiontemplates><msdyn_sessiontemplate msdyn_uniquename=\"contoso_x\"><msdyn_name>{text}</msdyn_name></msdyn_sessiontemplate></msdyn_sessiontemplates></ImportExportXml>"
    );
    let named = format!("{EVIL}/customizations.xml");
    let cases = [
        ("customizations.xml", whole.as_str()),
        ("customizations.xml", "<ImportExportXml>"),
        (EVIL, whole.as_str()),
        (named.as_str(), "<a>"),
        ("msdyn_sessiontemplates/##vso[x]\nFORGED.xml", "<a>"),
    ];
    for (entry, content) in cases {
        let file = std::fs::File::create(project.path().join("s.zip")).unwrap();
        let mut archive = zip::ZipWriter::new(file);
        let options = zip::write::SimpleFileOptions::default();
        archive.start_file(entry, options).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
        archive.finish().unwrap();
        let said = run(project.path(), &["export", "--solution", "s.zip"]);
        assert!(!said.is_empty());
    }
}

#[test]
fn the_check_fails_for_the_corpus_itself() {
    let seen = std::panic::catch_unwind(|| check("the corpus", EVIL.as_bytes()));
    assert!(seen.is_err());
    for text in [
        "##vso[x]",
        " ::x::",
        "a\rb",
        "\u{202e}",
        "FORGED",
        "\u{1b}]0;T",
    ] {
        assert!(std::panic::catch_unwind(|| check("a piece", text.as_bytes())).is_err());
    }
}
