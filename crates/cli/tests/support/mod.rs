//! Support for the scenarios: a project in its own folder, the built binary, and an emulator in its own process.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

#[cfg(target_os = "linux")]
pub(crate) mod builds;
pub(crate) mod by_hand;
pub(crate) mod transcript;

/// The built binary, without anything in the caller's environment that could change its behavior.
pub(crate) fn deskstate(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskstate"));
    command
        .current_dir(folder)
        .env_clear()
        .env("NO_COLOR", "1")
        .envs(line_counts())
        .stdin(Stdio::null());
    for name in ["PATH", "TMPDIR", "SystemRoot", "TEMP"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// The variable with the path for line counts, under `just coverage`.
pub(crate) fn line_counts() -> Option<(&'static str, OsString)> {
    let name = "LLVM_PROFILE_FILE";
    Some((name, std::env::var_os(name)?))
}

/// The age of emulators unless a test chooses one: the year of the module that contains the test, such as `y2022`, or of
/// `DESKSTATE_TEST_AGE`. `None` is the newest.
pub(crate) fn age() -> Option<String> {
    let of_module = module_path!()
        .split("::")
        .find_map(|module| module.strip_prefix('y').filter(|year| year.len() == 4));
    of_module
        .map(str::to_owned)
        .or_else(|| std::env::var("DESKSTATE_TEST_AGE").ok())
}

/// Manifests of every kind, without the fields that are newer than the emulators' age.
pub(crate) fn every_kind() -> String {
    let later: &[&str] = match age().as_deref() {
        Some("2022") => &["  type: CustomPage", "  global: ", "  rank: ", "  roles: "],
        _ => &[],
    };
    let lines = include_str!("../fixtures/every-kind.yaml").lines();
    lines
        .filter(|line| !later.iter().any(|field| line.starts_with(field)))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn of_age(arguments: &[&str]) -> Vec<String> {
    match age() {
        Some(year) if !arguments.contains(&"--age") => vec!["--age".to_owned(), year],
        _ => Vec::new(),
    }
}

/// A Tenfold project that is applied to its own server.
pub(crate) fn applied() -> (Project, Server) {
    let project = Project::example("tenfold");
    let server = Server::with_parameters(project.path(), false);
    project.add_server(&server.url);
    project.answer(false);
    project.run(&["apply", "--env", "server", "--yes"]).ended(0);
    (project, server)
}

/// A manifest of the session template `contoso_calls`.
pub(crate) fn session(title: &str) -> String {
    format!(
        "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {{name: contoso_calls}}\nspec: {{displayName: Calls, type: Entity, entity: incident, title: {title}}}\n"
    )
}

/// A manifest of a tab for a website, to follow another document.
pub(crate) fn tab(name: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: {name}}}\nspec: {{displayName: Tab, pageType: ThirdPartyWebsite, parameters: {{url: \"https://a.example/\"}}}}\n"
    )
}

/// The output and exit code of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// Fails with the complete output, unless the run exited with this code.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.out,
            self.err
        );
        self
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A project in a temporary folder.
pub(crate) struct Project {
    folder: TempDir,
}

impl Project {
    /// A copy of one of the examples.
    pub(crate) fn example(name: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let example = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../examples")
            .join(name);
        copy(&example, folder.path());
        Self { folder }
    }

    /// A project with the environment `server`. `spec` and `environment` are lines of YAML.
    pub(crate) fn desk(server: &Server, spec: &str, environment: &str, manifests: &str) -> Self {
        let project = Self {
            folder: TempDir::new().unwrap(),
        };
        let indented = |text: &str, by: &str| -> String {
            text.lines().map(|line| format!("{by}{line}\n")).collect()
        };
        project.write(
            "deskstate.yaml",
            &format!(
                "apiVersion: deskstate/v1\nkind: Project\nmetadata: {{name: desk}}\nspec:\n{}  environments:\n    server:\n      url: \"{}\"\n{}",
                indented(spec, "  "),
                server.url,
                indented(environment, "      ")
            ),
        );
        project.write("manifests/all.yaml", manifests);
        project.answer(false);
        project
    }

    /// Reverts drift from the revision that was marked as applied.
    pub(crate) fn revert_drift(&self) -> Run {
        self.run(&[
            "apply",
            "--env",
            "server",
            "--yes",
            "--only-drift",
            "--at",
            "deskstate/{env}",
        ])
    }

    /// Applies the manifests, which must succeed.
    #[track_caller]
    pub(crate) fn apply(&self) -> Run {
        self.run(&["apply", "--env", "server", "--yes"]).ended(0)
    }

    /// The undo file that an apply printed, relative to the project.
    #[track_caller]
    pub(crate) fn undo_file(applied: &Run) -> String {
        let named = applied
            .out
            .split("deskstate undo --env server ")
            .nth(1)
            .unwrap();
        named.split('`').next().unwrap().to_owned()
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command in the project.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        deskstate(self.path())
            .args(arguments)
            .output()
            .unwrap()
            .into()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.path().join(file))
            .unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Replaces a text that must exist.
    #[track_caller]
    pub(crate) fn edit(&self, file: &str, old: &str, new: &str) {
        let text = self.read(file);
        assert!(text.contains(old), "{file} has no `{old}`");
        self.write(file, &text.replace(old, new));
    }

    /// Runs git in the project with a neutral identity. It must succeed.
    #[track_caller]
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let done = git(self.path(), arguments);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Commits everything, marked as last applied to the environment `server`.
    pub(crate) fn commit_applied(&self) {
        self.git(&["init", "--quiet"]);
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "-m", "applied"]);
        self.git(&["tag", "deskstate/server"]);
    }

    /// Replaces the environments with these lines.
    pub(crate) fn set_environments(&self, environments: &str) {
        let text = self.read("deskstate.yaml");
        let at = text.find("  environments:\n").unwrap();
        let project = &text[..at];
        self.write(
            "deskstate.yaml",
            &format!("{project}  environments:\n{environments}"),
        );
    }

    /// Adds an environment `server` behind a URL, with the variables of `local`.
    pub(crate) fn add_server(&self, url: &str) {
        self.edit("deskstate.yaml", "  environments:\n", &format!("  environments:\n    server:\n      url: \"{url}\"\n      variables: {{widgetOrigin: \"https://widget.tenfold.example\"}}\n"));
    }

    /// Records in the answer sheet of the environment `server` whether it makes parameter rows.
    pub(crate) fn answer(&self, tab_makes_parameters: bool) {
        self.write(
            ".deskstate/answers/server.json",
            &answers(tab_makes_parameters),
        );
    }
}

/// Runs git in a folder with a neutral identity.
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> Output {
    Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap()
}

/// An answer sheet with only this answer.
pub(crate) fn answers(tab_makes_parameters: bool) -> String {
    format!(r#"{{"formatVersion":1,"answers":{{"tabMakesParameters":{tab_makes_parameters}}}}}"#)
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() == ".deskstate" {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// `deskstate emulator` in its own process, which ends with the test.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = deskstate(&std::env::temp_dir())
            .args(["emulator", "--listen", "127.0.0.1:0"])
            .args(of_age(arguments))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http"))
            .expect("a ready line with the URL");
        let url = url.trim_end_matches('/').to_owned();
        Self { child, url }
    }

    /// Starts an emulator that makes parameter rows, or does not.
    pub(crate) fn with_parameters(folder: &Path, made: bool) -> Self {
        let sheet: PathBuf = folder.join("answers.json");
        std::fs::write(&sheet, answers(made)).unwrap();
        Self::start(&["--answers", sheet.to_str().unwrap()])
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: &str, headers: &str) -> String {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }

    /// Reads a JSON document of the emulator itself or of the Web API.
    pub(crate) fn get(&self, path: &str) -> serde_json::Value {
        let reply = self.request("GET", path, "", "");
        let start = reply
            .find(['{', '['])
            .unwrap_or_else(|| panic!("no JSON in {reply}"));
        let end = reply.rfind(['}', ']']).unwrap();
        serde_json::from_str(&reply[start..=end]).unwrap_or_else(|error| panic!("{error}: {reply}"))
    }

    /// Changes one row, as a person would in the admin pages.
    #[track_caller]
    pub(crate) fn patch(&self, row: &str, body: &str) {
        let reply = self.request(
            "PATCH",
            &format!("/api/data/v9.2/{row}"),
            body,
            "If-Match: *\r\n",
        );
        assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    }

    /// Starts an emulator that does not make parameter rows.
    pub(crate) fn plain() -> Self {
        let folder = TempDir::new().unwrap();
        Self::with_parameters(folder.path(), false)
    }

    /// The ID of the first row that a filter finds.
    #[track_caller]
    pub(crate) fn found(&self, set: &str, key: &str, filter: &str) -> String {
        let filter = filter.replace(' ', "%20");
        let rows = self.get(&format!(
            "/api/data/v9.2/{set}?$select={key}&$filter={filter}"
        ));
        rows["value"][0][key]
            .as_str()
            .unwrap_or_else(|| panic!("nothing in {set} with {filter}"))
            .to_owned()
    }

    /// Gives a user the rights of an administrator, and returns their ID.
    #[track_caller]
    pub(crate) fn administrator(&self, name: &str) -> String {
        let user = self.found(
            "systemusers",
            "systemuserid",
            &format!("domainname eq '{name}'"),
        );
        let role = self.found(
            "roles",
            "roleid",
            "name eq 'System Administrator' and _parentroleid_value eq null",
        );
        let link = format!(
            "{{\"@odata.id\":\"{}/api/data/v9.2/roles({role})\"}}",
            self.url
        );
        let reply = self.request(
            "POST",
            &format!("/api/data/v9.2/systemusers({user})/systemuserroles_association/$ref"),
            &link,
            "",
        );
        assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
        user
    }

    /// Changes one row as this user.
    #[track_caller]
    pub(crate) fn patch_as(&self, user: &str, row: &str, body: &str) {
        let reply = self.request(
            "PATCH",
            &format!("/api/data/v9.2/{row}"),
            body,
            &format!("If-Match: *\r\nEmulator-User: {user}\r\n"),
        );
        assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    }

    /// Changes the session template of calls, as a person would in the admin pages.
    #[track_caller]
    pub(crate) fn patch_session(&self, body: &str) {
        self.patch(&self.session(), body);
    }

    fn session(&self) -> String {
        let id = self.id(
            "msdyn_sessiontemplates",
            "msdyn_sessiontemplateid",
            "CTI_createSession",
        );
        format!("msdyn_sessiontemplates({id})")
    }

    /// Lets this user hide the communication panel and remove Lin from the profile.
    #[track_caller]
    pub(crate) fn edit_as(&self, user: &str) {
        self.patch_as(user, &self.session(), r#"{"msdyn_panelstate":162450001}"#);
        let profile = self.id(
            "msdyn_appconfigurations",
            "msdyn_appconfigurationid",
            "tenfold_appProfile",
        );
        let lin = self.found(
            "systemusers",
            "systemuserid",
            "domainname eq 'lin@contoso.com'",
        );
        let reply = self.request(
            "DELETE",
            &format!(
                "/api/data/v9.2/msdyn_appconfigurations({profile})/msdyn_appconfiguration_systemuser({lin})/$ref"
            ),
            "",
            &format!("Emulator-User: {user}\r\n"),
        );
        assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    }

    /// Lets this user create a notification template.
    #[track_caller]
    pub(crate) fn makes_notification(&self, user: &str, name: &str, title: &str) {
        let reply = self.request(
            "POST",
            "/api/data/v9.2/msdyn_notificationtemplates",
            &format!(r#"{{"msdyn_uniquename":"{name}","msdyn_name":"{name}","msdyn_title":"{title}","msdyn_showtimeout":false}}"#),
            &format!("Emulator-User: {user}\r\n"),
        );
        assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    }

    /// Deletes a row, as a person would in the admin pages.
    #[track_caller]
    pub(crate) fn delete(&self, row: &str) {
        let reply = self.request("DELETE", &format!("/api/data/v9.2/{row}"), "", "");
        assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    }

    /// Switches auditing on or off for everything.
    pub(crate) fn auditing(&self, on: bool) {
        self.patch_organization(&format!("{{\"isauditenabled\":{on}}}"));
    }

    /// Changes a column of the organization.
    #[track_caller]
    pub(crate) fn patch_organization(&self, body: &str) {
        let id = self.found("organizations", "organizationid", "languagecode gt 0");
        self.patch(&format!("organizations({id})"), body);
    }

    /// The stored data, as dumped by the emulator.
    pub(crate) fn dump(&self) -> serde_json::Value {
        self.get("/__emulator/dump")
    }

    /// The ID of the row with this unique name.
    #[track_caller]
    pub(crate) fn id(&self, set: &str, key: &str, unique_name: &str) -> String {
        let rows = self.get(&format!(
            "/api/data/v9.2/{set}?$select={key}&$filter=msdyn_uniquename%20eq%20'{unique_name}'"
        ));
        rows["value"][0][key]
            .as_str()
            .unwrap_or_else(|| panic!("no {unique_name} in {set}"))
            .to_owned()
    }

    /// Sends a signal and waits for the process to end.
    pub(crate) fn signal(&mut self, signal: &str) -> std::process::ExitStatus {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &id])
                .status()
                .unwrap()
                .success()
        );
        self.child.wait().unwrap()
    }

    pub(crate) fn stats(&self) -> serde_json::Value {
        self.get("/__emulator/stats")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Fails unless a text contains all of these lines or parts of lines.
#[track_caller]
pub(crate) fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}
