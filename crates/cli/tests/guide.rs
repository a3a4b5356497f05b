//! `guide`: the instructions for manual setup, and the environment after following them exactly.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use super::support::{Project, Run, Server, deskstate, says};
use deskstate_model::{load, spaced};
use serde_json::{Map, Value, json};

/// The guide of the Tenfold example, for a server.
fn tenfold(server: &Server) -> (Project, String) {
    let project = Project::example("tenfold");
    project.add_server(&server.url);
    let guide = project.run(&["guide", "--env", "server"]).ended(0).out;
    (project, guide)
}

/// The lines of a step, by the beginning of its title.
fn step<'a>(guide: &'a str, title: &str) -> &'a str {
    let steps = guide.split("\n### ").skip(1);
    let mut found = steps.filter(|step| {
        step.split_once(". ")
            .is_some_and(|(_, rest)| rest.starts_with(title))
    });
    let step = found
        .next()
        .unwrap_or_else(|| panic!("no step `{title}` in\n{guide}"));
    step.split("\n## ").next().unwrap()
}

/// The rows in the tables of a step: box, value, rule.
fn rows(step: &str) -> Vec<[&str; 3]> {
    let lines = step
        .lines()
        .filter(|line| line.starts_with("| **") || line.starts_with("| `"));
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            cells.try_into().unwrap_or_else(|_| panic!("{line}"))
        })
        .collect()
}

/// The vendor's installation guide, point by point, copied by hand: the box, the value, and the guide's word. If the word is `free` or
/// missing, the value is not binding.
const SESSION_TEMPLATE: [(&str, &str, &str); 6] = [
    ("Name", "Tenfold", "free"),
    ("Unique name", "CTI_createSession", "must not change"),
    ("Type", "Generic", "must not change"),
    ("Title", "{customer}", "must not change"),
    ("Communication panel mode", "Docked", "must not change"),
    ("Anchor tab", "Customer Summary", "required"),
];
const NOTIFICATION_TEMPLATE: [(&str, &str, &str); 10] = [
    ("Name", "CTI: Inbound Call", "free"),
    (
        "Unique name",
        "CTI_inboundCallNotification",
        "must not change",
    ),
    ("Title", "{headerText}", "must not change"),
    ("Show timeout", "Yes", ""),
    ("Timeout (seconds)", "10", "preferred"),
    ("Auto-assign work items", "No", ""),
    ("Accept button", "Accept", ""),
    ("Show reject button", "Yes", ""),
    ("Reject button", "Reject", ""),
    (
        "Show desktop notifications",
        "When app is in background",
        "preferred",
    ),
];
/// Other content of the procedure: the beginning of the step's title, and words that must appear there.
const POINTS: [(&str, &[&str]); 6] = [
    (
        "Create the app profile",
        &[
            "**Name** | `Tenfold`",
            "**Unique name** | `tenfold_appProfile`",
            "**Description** |",
            "**Entity session templates**",
            "`CTI_createSession`",
            "**Third party voice channel providers**",
            "`tenfold_channelProvider`",
            "An agent without a profile gets the default one.",
            "Microsoft's own profiles cannot be changed or deleted.",
            // Microsoft's pages require type Entity, but the vendor attaches a Generic template.
            "`CTI_createSession` is of type **Generic**",
        ],
    ),
    (
        "Assign people to the app profile",
        &[
            "`ada@contoso.com`",
            "only users without a profile",
            "one profile",
        ],
    ),
    (
        "Create the channel provider",
        &[
            "**Channel URL** | `https://widget.tenfold.example/dynamics`",
            "multisession apps",
            "licence of Omnichannel for Customer Service",
            "Controls for CIF v1 keep working in single-session apps such as Customer Service Hub",
        ],
    ),
    (
        "Create the application tab",
        &[
            "**Name** | `Customer Summary`",
            "**Page type** | **Entity record**",
        ],
    ),
    (
        "Create the session template",
        &[
            "You need not fill in the other boxes: **Description**, **Owner**",
            "**Owner**: The form fills in your name.",
            "the form cannot be saved without one",
        ],
    ),
    (
        "Create the notification template",
        &[
            "**Owner**, **Icon**",
            "**Owner**: The form fills in your name.",
        ],
    ),
];

#[test]
fn the_guide_of_the_example_has_every_point_of_the_vendors_procedure() {
    let project = Project::example("tenfold");
    let guide = project.run(&["guide", "--env", "local"]).ended(0).out;
    for (title, points) in [
        ("Create the session template", &SESSION_TEMPLATE[..]),
        (
            "Create the notification template",
            &NOTIFICATION_TEMPLATE[..],
        ),
    ] {
        let rows = rows(step(&guide, title));
        assert_eq!(rows.len(), points.len(), "{title}: {rows:?}");
        for (label, value, word) in points {
            let row = rows.iter().find(|[shown, ..]| {
                shown.contains(&format!("**{label}**"))
                    || shown.contains(&format!("(also called {label})"))
            });
            let [_, shown, rule] = row.unwrap_or_else(|| panic!("{title}: no {label}"));
            let is_shown = [format!("`{value}`"), format!("**{value}**")];
            assert!(
                is_shown.iter().any(|form| shown.starts_with(form.as_str())),
                "{label}: {shown}"
            );
            let expected = match *word {
                "must not change" => "Do not change",
                "required" => "Must have a value",
                "preferred" => "Preferred",
                _ => "Free",
            };
            assert_eq!(*rule, expected, "{title}: {label}");
        }
    }
    for (title, points) in POINTS {
        says(step(&guide, title), points);
    }
    says(
        &guide,
        &[
            "**App Profile Manager Administrator**",
            "a prefix of 3 to 8 letters and digits, one underscore, and a name",
            "The names in this guide need `CTI` and `tenfold`",
            "make a publisher with that prefix",
            "Omnichannel for Customer Service app",
            "The widget `Tenfold` loads",
            "The session `Tenfold` opens with each call",
            "the session panel keeps both customers at once",
        ],
    );
}

#[test]
fn everything_is_made_before_something_refers_to_it() {
    let project = Project::example("tenfold");
    let guide = project.run(&["guide"]).ended(0).out;
    let place = |title: &str| {
        guide
            .find(&format!(". {title}"))
            .unwrap_or_else(|| panic!("{title}"))
    };
    let order = [
        "Create the application tab",
        "Create the session template",
        "Create the app profile",
        "Assign people to the app profile",
    ];
    assert!(order.map(place).is_sorted(), "{guide}");
    assert!(place("Create the channel provider") < place("Create the app profile"));
}

/// A page of the admin center: its rows, and the columns that store its boxes. Written by hand from Microsoft's table reference, so that a
/// wrong label or value in the guide would change another row.
struct Page {
    name: &'static str,
    set: &'static str,
    boxes: &'static [(&'static str, Kept)],
}

#[derive(Clone, Copy)]
enum Kept {
    Text(&'static str),
    Number(&'static str),
    Flag(&'static str),
    Option(&'static str, &'static [(&'static str, i64)]),
    /// Both columns of a session template's type.
    SessionType,
    /// A lookup to a row of this set.
    Lookup(&'static str, &'static str),
    /// A link to a row of this set, found by this column.
    Link(&'static str, &'static str, &'static str),
}

const PAGES: [Page; 5] = [
    Page {
        name: "Application tab templates",
        set: "msdyn_applicationtabtemplates",
        boxes: &[
            ("Name", Kept::Text("msdyn_name")),
            ("Unique name", Kept::Text("msdyn_uniquename")),
            ("Title", Kept::Text("msdyn_title")),
            (
                "Page type",
                Kept::Option(
                    "msdyn_pagetype",
                    &[
                        ("Entity record", 509_180_001),
                        ("Third-party website", 509_180_006),
                    ],
                ),
            ),
        ],
    },
    Page {
        name: "Session templates",
        set: "msdyn_sessiontemplates",
        boxes: &[
            ("Name", Kept::Text("msdyn_name")),
            ("Unique name", Kept::Text("msdyn_uniquename")),
            ("Type", Kept::SessionType),
            ("Title", Kept::Text("msdyn_title")),
            (
                "Communication panel mode",
                Kept::Option(
                    "msdyn_panelstate",
                    &[
                        ("Minimized", 162_450_000),
                        ("Hidden", 162_450_001),
                        ("Docked", 162_450_002),
                    ],
                ),
            ),
            (
                "Anchor tab",
                Kept::Lookup("msdyn_anchortab", "msdyn_applicationtabtemplates"),
            ),
        ],
    },
    Page {
        name: "Notification templates",
        set: "msdyn_notificationtemplates",
        boxes: &[
            ("Name", Kept::Text("msdyn_name")),
            ("Unique name", Kept::Text("msdyn_uniquename")),
            ("Title", Kept::Text("msdyn_title")),
            ("Show timeout", Kept::Flag("msdyn_showtimeout")),
            ("Countdown (seconds)", Kept::Number("msdyn_timeout")),
            (
                "Auto-assign work items",
                Kept::Flag("msdyn_autoacceptnotification"),
            ),
            ("Accept button", Kept::Text("msdyn_acceptbuttontext")),
            ("Show reject button", Kept::Flag("msdyn_showrejectbutton")),
            ("Reject button", Kept::Text("msdyn_rejectbuttontext")),
            (
                "Show desktop notifications",
                Kept::Option(
                    "msdyn_desktopnotificationmode",
                    &[
                        ("Never", 509_180_000),
                        ("When app is in background", 509_180_001),
                        ("Always", 509_180_002),
                    ],
                ),
            ),
        ],
    },
    Page {
        name: "Third party voice channel provider",
        set: "msdyn_channelproviders",
        boxes: &[
            ("Name", Kept::Text("msdyn_name")),
            ("Unique name", Kept::Text("msdyn_uniquename")),
            ("Label", Kept::Text("msdyn_label")),
            ("Channel URL", Kept::Text("msdyn_channelurl")),
            (
                "Enable Outbound Communication",
                Kept::Flag("msdyn_enableoutbound"),
            ),
            ("Channel Order", Kept::Number("msdyn_sortorder")),
            ("Trusted Domain", Kept::Text("msdyn_trusteddomain")),
        ],
    },
    Page {
        name: "Experience profiles",
        set: "msdyn_appconfigurations",
        boxes: &[
            ("Name", Kept::Text("msdyn_name")),
            ("Unique name", Kept::Text("msdyn_uniquename")),
            ("Description", Kept::Text("msdyn_description")),
            (
                "Entity session templates",
                Kept::Link(
                    "msdyn_appconfiguration_sessiontemplate",
                    "msdyn_sessiontemplates",
                    "msdyn_uniquename",
                ),
            ),
            (
                "Third party voice channel providers",
                Kept::Link(
                    "msdyn_appconfig_msdyn_channelprovider",
                    "msdyn_channelproviders",
                    "msdyn_uniquename",
                ),
            ),
            (
                "Users",
                Kept::Link(
                    "msdyn_appconfiguration_systemuser",
                    "systemusers",
                    "domainname",
                ),
            ),
            // These have no box. The column and the relationship are in brackets.
            ("App", Kept::Text("msdyn_appmoduleuniquename")),
            (
                "Extensions",
                Kept::Link(
                    "msdyn_appconfiguration_applicationextension",
                    "msdyn_applicationextensions",
                    "msdyn_uniquename",
                ),
            ),
        ],
    },
];

/// A reader who follows the guide word for word, and does nothing else.
struct Reader<'a> {
    server: &'a Server,
    page: Option<&'static Page>,
    /// The form that is filled in but not saved yet.
    form: Option<Map<String, Value>>,
    /// The row that is open.
    row: Option<String>,
    /// The section of the page.
    section: Option<String>,
}

impl Reader<'_> {
    fn follow(&mut self, guide: &str) {
        let steps = guide.split("\n## Steps\n").nth(1).unwrap();
        let steps = steps.split("\n## ").next().unwrap();
        for step in steps.split("\n### ").skip(1) {
            (self.page, self.form, self.row, self.section) = (None, None, None, None);
            for line in step.lines().skip(1) {
                if let Some((_, action)) = line
                    .split_once(". ")
                    .filter(|(number, _)| number.parse::<u8>().is_ok())
                {
                    self.act(action);
                } else if line.starts_with("| ")
                    && !line.starts_with("| field")
                    && !line.starts_with("| ---")
                {
                    let cells: Vec<&str> =
                        line.trim_matches('|').split('|').map(str::trim).collect();
                    self.fill(cells[0], cells[1]);
                } else {
                    let known = ["", "| field", "| ---", "Note: "];
                    assert!(known.iter().any(|known| line.starts_with(known)), "{line}");
                }
            }
            assert_eq!(self.form, None, "a form was never saved: {step}");
        }
    }

    /// Follows one numbered sentence.
    fn act(&mut self, action: &str) {
        let screen = names(action, "**");
        if action.contains("**Manage**") {
            assert_eq!(
                screen[..3],
                [
                    "Copilot Service admin center",
                    "Workspaces",
                    "Support experience"
                ]
            );
            self.page = PAGES.iter().find(|page| page.name == screen[4]);
            assert!(self.page.is_some(), "{action}");
        } else if action.starts_with("Select **New**") {
            self.form = Some(Map::new());
        } else if action.starts_with("Select **Save**") {
            self.save();
        } else if action.starts_with("In **") {
            self.section = Some(screen[0].to_owned());
        } else if action.starts_with("These fields have no documented place") {
            self.section = Some(String::new());
        } else if action.starts_with("Open `") {
            let name = names(action, "`").pop().unwrap();
            self.row = Some(self.find(self.page.unwrap().set, "msdyn_uniquename", &name));
        } else {
            assert!(
                action.starts_with("You need not fill in"),
                "nobody can do `{action}`"
            );
        }
    }

    fn fill(&mut self, label: &str, value: &str) {
        let page = self.page.unwrap();
        let texts = names(value, "`");
        if self.section.as_deref() == Some("Parameters") {
            self.parameter(&names(label, "`")[0], &texts[0]);
            return;
        }
        let label = names(label, "**").remove(0);
        let kept = page.boxes.iter().find(|(known, _)| *known == label);
        let (_, kept) = *kept.unwrap_or_else(|| panic!("{} has no box {label}", page.name));
        let last = || {
            texts
                .last()
                .cloned()
                .unwrap_or_else(|| panic!("{label}: {value}"))
        };
        let chosen = || names(value, "**").remove(0);
        let columns = match kept {
            Kept::Text(column) => vec![(column.to_owned(), json!(last()))],
            Kept::Number(column) => {
                vec![(column.to_owned(), json!(last().parse::<i64>().unwrap()))]
            }
            Kept::Flag(column) => vec![(column.to_owned(), json!(chosen() == "Yes"))],
            Kept::Option(column, options) => {
                let chosen = chosen();
                let option = options.iter().find(|(name, _)| *name == chosen);
                vec![(
                    column.to_owned(),
                    json!(option.unwrap_or_else(|| panic!("{chosen}")).1),
                )]
            }
            Kept::SessionType => {
                let is_entity = chosen() == "Entity";
                vec![
                    ("msdyn_sessiontype".to_owned(), json!(i64::from(is_entity))),
                    ("msdyn_type".to_owned(), json!(is_entity)),
                ]
            }
            Kept::Lookup(column, set) => {
                let row = self.find(set, "msdyn_uniquename", &last());
                vec![(format!("{column}@odata.bind"), json!(format!("/{row}")))]
            }
            Kept::Link(relationship, set, by) => {
                let other = self.find(set, by, &last());
                self.link(relationship, &other);
                return;
            }
        };
        match &mut self.form {
            Some(form) => form.extend(columns),
            None => {
                let body = Value::Object(columns.into_iter().collect()).to_string();
                self.server.patch(self.row.as_deref().unwrap(), &body);
            }
        }
    }

    fn save(&mut self) {
        let Some(form) = self.form.take() else {
            return;
        };
        let set = self.page.unwrap().set;
        let name = form["msdyn_uniquename"].as_str().unwrap().to_owned();
        let mut form = form;
        if set == "msdyn_appconfigurations" {
            // The dialog has no box for the app, which a profile requires.
            form.insert(
                "msdyn_appmoduleuniquename".to_owned(),
                json!("app-of-the-dialog"),
            );
        }
        self.post(set, &Value::Object(form));
        self.row = Some(self.find(set, "msdyn_uniquename", &name));
    }

    fn post(&self, to: &str, body: &Value) {
        let reply = self.server.request(
            "POST",
            &format!("/api/data/v9.2/{to}"),
            &body.to_string(),
            "",
        );
        assert!(reply.starts_with("HTTP/1.1 204"), "{body}: {reply}");
    }

    fn link(&self, relationship: &str, other: &str) {
        let row = self.row.as_deref().unwrap();
        let id = json!({"@odata.id": format!("{}/api/data/v9.2/{other}", self.server.url)});
        self.post(&format!("{row}/{relationship}/$ref"), &id);
    }

    /// The form shows the parameters of the page type after the tab is saved. A value goes into one of them, or into a new one.
    fn parameter(&self, name: &str, value: &str) {
        let tab = self.row.as_deref().unwrap();
        let id = tab.split(['(', ')']).nth(1).unwrap();
        let filter = format!(
            "_msdyn_applicationtabtemplateid_value%20eq%20{id}%20and%20msdyn_name%20eq%20'{name}'"
        );
        let set = "msdyn_templateparameters";
        let found = self.server.get(&format!(
            "/api/data/v9.2/{set}?$select=msdyn_templateparameterid&$filter={filter}"
        ));
        match found["value"][0]["msdyn_templateparameterid"].as_str() {
            Some(row) => self.server.patch(
                &format!("{set}({row})"),
                &json!({"msdyn_value": value}).to_string(),
            ),
            None => self.post(
                set,
                &json!({
                    "msdyn_name": name,
                    "msdyn_value": value,
                    "msdyn_uniquename": format!("new_tabtemplateparam_{name}"),
                    "msdyn_applicationtabtemplateid@odata.bind": format!("/{tab}"),
                }),
            ),
        }
    }

    fn find(&self, set: &str, column: &str, value: &str) -> String {
        let key = match set {
            "systemusers" => "systemuserid".to_owned(),
            set => format!("{}id", set.trim_end_matches('s')),
        };
        let id = self
            .server
            .found(set, &key, &format!("{column} eq '{value}'"));
        format!("{set}({id})")
    }
}

/// The texts between two marks.
fn names(text: &str, mark: &str) -> Vec<String> {
    text.split(mark)
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Runs a command that the guide shows, in the reader's folder.
fn shown_command(guide: &str, begins: &str, folder: &std::path::Path) -> Run {
    let commands = names(guide.split("\n## Check the result\n").nth(1).unwrap(), "`");
    let command = commands.iter().find(|command| command.starts_with(begins));
    let command = command.unwrap_or_else(|| panic!("no `{begins}` in\n{guide}"));
    let words = command.split(' ').skip(1);
    deskstate(folder).args(words).output().unwrap().into()
}

#[test]
fn who_follows_the_guide_word_for_word_keeps_every_rule() {
    for made in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::with_parameters(folder.path(), made);
        let (project, guide) = tenfold(&server);
        let contracts = folder.path().join("contracts");
        std::fs::create_dir(&contracts).unwrap();
        std::fs::copy(
            project.path().join("contracts/tenfold-cif-v2.yaml"),
            contracts.join("tenfold-cif-v2.yaml"),
        )
        .unwrap();
        // Nothing exists yet.
        shown_command(&guide, "deskstate check --url", folder.path()).ended(2);
        let mut reader = Reader {
            server: &server,
            page: None,
            form: None,
            row: None,
            section: None,
        };
        reader.follow(&guide);
        shown_command(&guide, "deskstate check --url", folder.path()).ended(0);
        shown_command(&guide, "deskstate check --env", project.path()).ended(0);
        // Not only the contract is fulfilled: everything in the manifests exists.
        let drift = project.run(&["drift", "--env", "server"]);
        assert_eq!(drift.code, Some(0), "{}{}", drift.out, drift.err);
    }
}

/// Every text and number that a project declares for an environment.
fn declared(project: &Project, environment: &str) -> Vec<String> {
    fn walk(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) => found.extend(text.lines().map(str::to_owned)),
            Value::Number(number) => found.push(number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
            Value::Object(entries) => {
                for (key, value) in entries {
                    // These state the meaning of a set, in a separate sentence.
                    if !["mode", "moves"].contains(&key.as_str()) {
                        walk(value, found);
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }
    let (manifests, found) = load(project.path(), Some(environment));
    assert!(
        !found.iter().any(deskstate_model::Diagnostic::is_error),
        "{found:?}"
    );
    let mut all = Vec::new();
    for declared in &manifests.resources {
        all.push(declared.key.name.as_written().to_owned());
        if declared.state != deskstate_model::State::Absent {
            walk(&Value::Object(declared.spec.to_spec()), &mut all);
        }
    }
    assert!(!all.is_empty());
    all
}

/// Microsoft labels the only version `2`, and requires a unique name for a parameter that people add to a tab.
#[test]
fn values_and_boxes_are_those_of_the_forms() {
    let project = Project::example("guides/acs-audio-video");
    let guide = project.run(&["guide", "--env", "demo"]).ended(0).out;
    assert!(guide.contains("| **Api Version** | **2** |"), "{guide}");
    let project = Project::example("contoso");
    let guide = project.run(&["guide", "--env", "prod"]).ended(0).out;
    let added = "select `New Template Parameter`, and fill in its name, a unique name such as";
    assert!(guide.replace("**", "`").contains(added), "{guide}");
}

#[test]
fn nothing_that_a_project_declares_is_left_out_of_its_guide() {
    let server = Server::plain();
    let every_kind = Project::desk(
        &server,
        "owns: {prefixes: [contoso]}",
        "",
        include_str!("fixtures/every-kind.yaml"),
    );
    let projects = [
        (Project::example("tenfold"), "prod"),
        (Project::example("contoso"), "prod"),
        (Project::example("contoso"), "dev"),
        (Project::example("guides/twilio-softphone"), "local"),
        (Project::example("guides/case-script"), "lab"),
        (Project::example("guides/acs-audio-video"), "demo"),
        (Project::example("own-kind"), "local"),
        (every_kind, "server"),
    ];
    for (project, environment) in projects {
        let markdown = project.run(&["guide", "--env", environment]).ended(0).out;
        let html = project
            .run(&["guide", "--env", environment, "--format", "html"])
            .ended(0)
            .out;
        let html = html
            .replace("&#39;", "'")
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&")
            .replace("Api Version</strong></th><td><strong>2<", "Api Version\n2<");
        let markdown = markdown.replace("**Api Version** | **2** |", "Api Version\n2 |");
        for text in declared(&project, environment) {
            // Options appear as labeled on the page.
            let label = match text.as_str() {
                "WhenInBackground" => "When app is in background".to_owned(),
                "ThirdPartyWebsite" => "Third-party website".to_owned(),
                "2.0" => "Api Version\n2".to_owned(),
                word => spaced(word),
            };
            // JSON is shown without the author's whitespace.
            let compact = serde_json::from_str::<Value>(&text);
            let compact = compact.map_or_else(|_| text.clone(), |json| json.to_string());
            let forms = [text, compact, label];
            for guide in [&markdown, &html] {
                let is_shown = forms
                    .iter()
                    .any(|form| guide.to_lowercase().contains(&form.to_lowercase()));
                assert!(is_shown, "{environment}: no {forms:?} in\n{guide}");
            }
        }
    }
}

#[test]
fn a_guide_is_the_same_each_time_and_goes_to_a_file_or_a_stream() {
    let project = Project::example("contoso");
    for format in ["markdown", "md", "html"] {
        let guide = |more: &[&str]| {
            let mut arguments = vec!["guide", "--env", "prod", "--format", format];
            arguments.extend(more);
            project.run(&arguments).ended(0)
        };
        let first = guide(&[]);
        assert_eq!(first.out, guide(&[]).out);
        let written = guide(&["--out", "guide.out"]);
        assert_eq!(
            (written.out.as_str(), project.read("guide.out")),
            ("", first.out)
        );
    }
    let refused = project.run(&["guide", "--out", "manifests"]).ended(1);
    says(&refused.err, &["manifests"]);
}

#[test]
fn a_page_is_one_file_with_pictures() {
    let project = Project::example("tenfold");
    let page = project
        .run(&["guide", "--env", "local", "--format", "html"])
        .ended(0)
        .out;
    says(
        &page,
        &[
            "Content-Security-Policy",
            "default-src &#39;none&#39;",
            "What agents see",
            "class=\"toast",
            "class=\"frame\"",
        ],
    );
    for elsewhere in ["<img", "src=", "<link rel=\"stylesheet\"", "href=\"http"] {
        assert!(!page.contains(elsewhere), "{elsewhere}");
    }
}

#[test]
fn a_guide_of_a_selection_says_which_rules_are_about_something_else() {
    let project = Project::example("tenfold");
    let run = project
        .run(&[
            "guide",
            "SessionTemplate/CTI_createSession",
            "--env",
            "local",
        ])
        .ended(0);
    says(
        &run.out,
        &["Create the session template", "Create the application tab"],
    );
    assert!(!run.out.contains("Create the app profile"), "{}", run.out);
    says(
        &run.out,
        &[
            "about resources that this guide does not set up: `tenfold-cif-v2/profile` and `tenfold-cif-v2/inbound-call-notification`",
        ],
    );
}

#[test]
fn what_exists_is_not_made_and_what_is_absent_is_deleted_in_the_end() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "owns: {prefixes: [contoso]}",
        "",
        "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: fabrikam_tab, state: existing}\nspec: {title: Warranty}\n---\n\
         apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: fabrikam_other, state: existing}\n---\n\
         apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_old, state: absent}\n---\n\
         apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_calls}\nspec:\n  displayName: Calls\n  type: Generic\n  anchorTab: fabrikam_tab\n  status: Inactive\n  description: null\n  additionalTabs: {mode: atLeast, members: [fabrikam_other], without: [contoso_old]}\n",
    );
    let guide = project.run(&["guide"]).ended(0).out;
    says(
        &guide,
        &[
            "The application tab `fabrikam_tab` must exist.",
            "The application tab `fabrikam_other` must exist.",
            "1. Adjust the existing application tab `fabrikam_tab`",
            "2. Create the session template `Calls`",
            "3. Delete the application tab `contoso_old`",
            "| **Description** | leave it empty |",
            "**Status**: **Inactive**. **Activate** and **Deactivate** on the command bar change it",
            "| **Additional Tab** | remove `contoso_old` |",
            "run `deskstate drift --env NAME`",
        ],
    );
    assert!(!guide.contains("Create the application tab"), "{guide}");
    // Without a contract, no column shows its requirements.
    assert!(
        !guide.contains("| rule |") && !guide.contains("Do not change"),
        "{guide}"
    );
}

#[test]
fn a_value_breaks_what_the_contract_says_of_it() {
    let project = Project::example("tenfold");
    project.edit(
        "contracts/tenfold-cif-v2.yaml",
        "      breaks: the Tenfold widget does not load for the agents\n",
        "      breaks: the Tenfold widget does not load for the agents\n      breaksByValue:\n        extensions[msdyn_CIFV2Loader]: no panel at all\n",
    );
    let guide = project.run(&["guide", "--env", "local"]).ended(0).out;
    says(
        step(&guide, "Create the app profile"),
        &["Without `extensions[msdyn_CIFV2Loader]`, this breaks: no panel at all."],
    );
}

#[test]
fn an_invalid_project_gives_no_guide() {
    let project = Project::example("tenfold");
    project.edit(
        "manifests/templates.yaml",
        "communicationPanelMode: Docked",
        "communicationPanelMode: Hidden",
    );
    let run = project
        .run(&["guide", "--env", "local", "--out", "guide.md"])
        .ended(3);
    says(&run.err, &["locked-value"]);
    assert!(!project.path().join("guide.md").exists());
}

#[test]
fn a_value_that_cannot_be_shown_as_it_is_is_not_to_be_typed() {
    let project = Project::example("tenfold");
    let warning = "Do not type those: copy the values from the manifests.";
    let guide = |project: &Project| project.run(&["guide", "--env", "local"]).ended(0).out;
    assert!(!guide(&project).contains(warning));
    project.edit(
        "manifests/templates.yaml",
        "acceptButton: Accept",
        "acceptButton: \"::error::Accept\"",
    );
    says(&guide(&project), &[warning, "`\\u{3a}:error::Accept`"]);
}

#[test]
fn a_field_that_several_templates_show_is_made_once() {
    let server = Server::plain();
    let template = |name: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {{name: contoso_{name}}}\nspec: {{displayName: N, title: N, fields: [{{shared: contoso_queue}}]}}\n"
        )
    };
    let field = "apiVersion: deskstate/v1\nkind: NotificationField\nmetadata: {name: contoso_queue}\nspec: {displayName: Queue, header: Queue, value: q}\n";
    let manifests = format!("{field}{}{}", template("a"), template("b"));
    let project = Project::desk(&server, "", "", &manifests);
    let guide = project.run(&["guide"]).ended(0).out;
    assert_eq!(
        guide
            .matches("the existing one with the unique name")
            .count(),
        1,
        "{guide}"
    );
}
