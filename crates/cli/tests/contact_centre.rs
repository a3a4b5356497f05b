//! The pack for the contact centre: all of its kinds on an emulator that behaves as documented by Microsoft, and the problems that
//! Microsoft warns about.

use std::collections::BTreeMap;

use super::support::by_hand::make;
use super::support::{Project, Run, Server, says};
use serde_json::{Value as Json, json};

const QUEUES: &str = "manifests/queues.yaml";
const WORKSTREAMS: &str = "manifests/workstreams.yaml";
const REPLIES: &str = "manifests/quick-replies.yaml";
const CHAT: &str = "metadata: {name: Contoso chat / LiveChat, state: existing}";
const ORDERS: &str = "metadata: {name: Contoso orders / Messaging}";

/// The example, and an emulator as its environment `server`, with the people of `dev`.
fn started() -> (Project, Server) {
    with_answers(json!({}))
}

fn with_answers(mut answers: Json) -> (Project, Server) {
    let project = Project::example("contact-centre");
    answers["tabMakesParameters"] = false.into();
    let sheet = json!({"formatVersion": 1, "answers": answers}).to_string();
    project.write("answers.json", &sheet);
    let path = project.path().join("answers.json");
    let server = Server::start(&["--answers", path.to_str().unwrap()]);
    project.set_environments(&format!(
        "    server:\n      url: \"{}\"\n      overlay: overlays/dev\n",
        server.url
    ));
    project.answer(false);
    (project, server)
}

/// Rows by ID, without the times of their writes.
fn rows(server: &Server, table: &str) -> BTreeMap<String, Json> {
    let dump = server.dump();
    let rows = dump["rows"][table].as_object();
    let stripped = rows.into_iter().flatten().map(|(id, row)| {
        let mut cells = row["c"].clone();
        for moved in ["createdon", "modifiedon", "modifiedby", "versionnumber"] {
            cells.as_object_mut().unwrap().remove(moved);
        }
        (id.clone(), cells)
    });
    stripped.collect()
}

/// The only row with this value.
#[track_caller]
fn row(server: &Server, table: &str, column: &str, value: &str) -> (String, Json) {
    let rows = rows(server, table);
    let mut found = rows.into_iter().filter(|(_, row)| row[column] == value);
    let one = found
        .next()
        .unwrap_or_else(|| panic!("no {value} in {table}"));
    assert!(found.next().is_none(), "two {value} in {table}");
    one
}

/// Names of the users who are members of the queue.
fn members(server: &Server, queue: &str) -> Vec<String> {
    let (id, _) = row(server, "queue", "name", queue);
    let users = rows(server, "systemuser");
    let mut names: Vec<String> = rows(server, "queuemembership")
        .values()
        .filter(|link| link["queueid"] == id.as_str())
        .map(|link| {
            let user = &users[link["systemuserid"].as_str().unwrap()];
            user["domainname"].as_str().unwrap().to_owned()
        })
        .collect();
    names.sort();
    names
}

/// Everything that the pack writes.
fn state(server: &Server) -> Vec<BTreeMap<String, Json>> {
    let tables = [
        "characteristic",
        "ratingmodel",
        "ratingvalue",
        "msdyn_capacityprofile",
        "msdyn_presence",
        "msdyn_octag",
        "msdyn_cannedmessage",
        "queue",
        "msdyn_liveworkstream",
        "msdyn_liveworkstreamcapacityprofile",
        "msdyn_ocliveworkstreamcontextvariable",
        "msdyn_sessiontemplate",
        "msdyn_notificationtemplate",
    ];
    let mut state: Vec<_> = tables.map(|table| rows(server, table)).into();
    // The IDs of links have no meaning.
    for links in [
        "queuemembership",
        "msdyn_msdyn_cannedmessage_liveworkstream",
        "msdyn_msdyn_cannedmessage_msdyn_octag",
    ] {
        let key = format!("{links}id");
        let pairs = rows(server, links).into_values().map(|mut pair| {
            pair.as_object_mut().unwrap().remove(&key);
            (pair.to_string(), Json::Null)
        });
        state.push(pairs.collect());
    }
    state
}

#[track_caller]
fn finds(project: &Project, arguments: &[&str], code: i32, said: &[&str]) -> Run {
    let run = project.run(arguments).ended(code);
    for said in said {
        let found = run.err.contains(said) || run.out.contains(said);
        assert!(found, "no `{said}`:\n{}\n{}", run.out, run.err);
    }
    run
}

/// Undoes the first apply, which empties what the apply filled.
#[track_caller]
fn undone(project: &Project, undo: &str) {
    let allow = [
        "--allow",
        "empty=Workstream.contextVariables:1",
        "--allow",
        "empty=Workstream.capacityProfiles:1",
    ];
    let undo = ["undo", "--env", "server", undo, "--yes"];
    project.run(&[&undo[..], &allow].concat()).ended(0);
}

fn plans_to_nothing(project: &Project) {
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
}

#[test]
fn all_kinds_apply_in_one_transaction_and_an_undo_restores_everything() {
    let (project, server) = started();
    // The other workstream names templates that this environment does not have.
    let (calls, _) = row(
        &server,
        "msdyn_liveworkstream",
        "msdyn_name",
        "Contoso calls",
    );
    let names = json!({"msdyn_sessiontemplate_default": null, "msdyn_notificationtemplate_incoming_auth": null, "msdyn_notificationtemplate_incoming_unauth": null});
    server.patch(
        &format!("msdyn_liveworkstreams({calls})"),
        &names.to_string(),
    );
    let before = state(&server);
    project.run(&["kind", "check", "--env", "server"]).ended(0);
    finds(
        &project,
        &["plan", "--env", "server"],
        0,
        &[
            "10 to create, 1 to update, 0 to delete",
            "1 request to read, 1 transaction to write",
            "+ Queue Contoso orders / Messaging",
            "operatingHours          Contoso office hours",
            "members                 + dev.agent1@contoso.com",
            "~ Workstream Contoso chat / LiveChat",
            "fallbackQueue           Default messaging queue / Messaging → Contoso orders / Messaging",
            "sessionTemplate         msdyn_chat_session → contoso_chatSession",
            "capacityProfiles        + contoso_chat",
            // The product adds a contract to each new queue.
            "msdyn_assignmentinputcontractid",
        ],
    );
    let undo = Project::undo_file(&project.apply());
    plans_to_nothing(&project);
    project.run(&["drift", "--env", "server"]).ended(0);
    let (_, queue) = row(&server, "queue", "name", "Contoso orders");
    assert_eq!(queue["msdyn_isomnichannelqueue"], true);
    assert!(
        queue["msdyn_assignmentinputcontractid"].is_string(),
        "{queue}"
    );
    let both = ["dev.agent1@contoso.com", "dev.agent2@contoso.com"];
    assert_eq!(members(&server, "Contoso orders"), both);
    let (_, link) = row(
        &server,
        "msdyn_liveworkstreamcapacityprofile",
        "msdyn_name",
        "contoso_chat",
    );
    assert!(link["msdyn_capacityprofile_id"].is_string(), "{link}");

    // The exported manifests plan to no changes.
    let kinds = ["Queue", "Workstream", "QuickReply", "RatingModel"];
    let kinds = kinds.iter().flat_map(|kind| ["--kind", kind]);
    let export: Vec<&str> = ["export", "--env", "server"]
        .into_iter()
        .chain(kinds)
        .collect();
    let exported = project.run(&export).ended(0);
    for said in [
        "name: Contoso orders / Messaging\n",
        "name: Contoso chat / LiveChat\n  state: existing\n",
        "contoso_chat",
        "name: orderNumber",
    ] {
        assert!(
            exported.out.contains(said),
            "no `{said}`:\n{}",
            exported.out
        );
    }
    let manifests = [
        "queues",
        "workstreams",
        "quick-replies",
        "desktop",
        "routing",
    ];
    for file in manifests.map(|name| format!("manifests/{name}.yaml")) {
        project.write(&file, "");
    }
    project.write("overlays/dev/queues.yaml", "");
    project.write("manifests/exported.yaml", &exported.out);
    plans_to_nothing(&project);

    undone(&project, &undo);
    assert_eq!(state(&server), before);
}

#[test]
fn the_example_works_wherever_no_source_settles_what_the_product_does() {
    for answers in [
        json!({"lateWrites": "refused", "productRowsProtected": false}),
        json!({"newRowsCompleted": false}),
        json!({"lookupsOnlyExpanded": false}),
        json!({"missingColumns": ["msdyn_liveworkstream.msdyn_blockcapacityforwrapup", "msdyn_liveworkstream.msdyn_defaultqueue"]}),
    ] {
        let (project, server) = with_answers(answers.clone());
        if answers["missingColumns"].is_array() {
            let lacking = finds(
                &project,
                &["plan", "--env", "server"],
                1,
                &["wrapUpMinutes", "fallbackQueue"],
            );
            assert!(!lacking.err.contains("[unreadable]"), "{}", lacking.err);
            project.edit(
                WORKSTREAMS,
                "  fallbackQueue: Contoso orders / Messaging\n",
                "",
            );
            project.edit(WORKSTREAMS, "  wrapUpMinutes: 5\n", "");
        }
        let undo = Project::undo_file(&project.apply());
        plans_to_nothing(&project);
        undone(&project, &undo);
        assert!(
            rows(&server, "msdyn_capacityprofile").is_empty(),
            "{answers}"
        );
    }
}

/// A deleted capacity profile leaves the rows that link it to workstreams, without the profile.
#[test]
fn a_capacity_profile_that_goes_and_comes_back_has_its_workstreams_again() {
    let (project, server) = started();
    project.apply();
    let [routing, workstreams] =
        ["manifests/routing.yaml", WORKSTREAMS].map(|file| project.read(file));
    let profile = "metadata: {name: contoso_chat}\nspec:\n  displayName: Chat\n  limit: 3\n  resetFrequency: Immediate\n";
    let delete = || {
        project.edit(
            "manifests/routing.yaml",
            profile,
            "metadata: {name: contoso_chat, state: absent}\n",
        );
        project.edit(WORKSTREAMS, "  capacityProfiles: [contoso_chat]\n", "");
        let apply = [
            "apply",
            "--env",
            "server",
            "--yes",
            "--allow",
            "delete=CapacityProfile:1",
        ];
        let undo = Project::undo_file(&project.run(&apply).ended(0));
        let links = rows(&server, "msdyn_liveworkstreamcapacityprofile");
        assert!(
            links
                .values()
                .all(|link| link["msdyn_capacityprofile_id"].is_null()),
            "{links:?}"
        );
        project.write("manifests/routing.yaml", &routing);
        project.write(WORKSTREAMS, &workstreams);
        undo
    };
    let undo = delete();
    project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    plans_to_nothing(&project);
    delete();
    project.apply();
    plans_to_nothing(&project);
    assert_eq!(
        rows(&server, "msdyn_liveworkstreamcapacityprofile").len(),
        1
    );
}

/// `statecode` is a column of each of these tables (Microsoft's entity reference; Microsoft's migration schemas move it for quick replies).
#[test]
fn an_inactive_row_of_a_kind_without_a_status_in_its_manifest_is_reported() {
    let (project, server) = started();
    project.apply();
    let (id, _) = row(&server, "characteristic", "name", "German");
    server.patch(
        &format!("characteristics({id})"),
        &json!({"statecode": 1}).to_string(),
    );
    finds(
        &project,
        &["plan", "--env", "server"],
        0,
        &["warning[inactive-row]: Skill German / Skill is inactive"],
    );
    // A part, for which manifests have no status.
    let (id, _) = row(
        &server,
        "msdyn_ocliveworkstreamcontextvariable",
        "msdyn_name",
        "orderNumber",
    );
    server.patch(
        &format!("msdyn_ocliveworkstreamcontextvariables({id})"),
        &json!({"statecode": 1}).to_string(),
    );
    let warning = ["warning[inactive-row]", "orderNumber"];
    finds(&project, &["drift", "--env", "server"], 0, &warning);
    let exported = project
        .run(&["export", "--env", "server", "Skill", "German / Skill"])
        .ended(0);
    assert!(
        exported.out.contains("status: Inactive"),
        "{}",
        exported.out
    );
}

#[test]
fn a_workstream_is_changed_and_never_made_or_deleted() {
    let (project, server) = started();
    project.edit(
        WORKSTREAMS,
        CHAT,
        "metadata: {name: Contoso chat / LiveChat}",
    );
    finds(
        &project,
        &["validate"],
        3,
        &["[not-creatable]", "state: existing"],
    );
    project.edit(
        WORKSTREAMS,
        "metadata: {name: Contoso chat / LiveChat}",
        "metadata: {name: Contoso chat / LiveChat, state: absent}",
    );
    project.run(&["validate"]).ended(3);
    project.edit(WORKSTREAMS, "state: absent}", "state: existing}");
    project.edit(
        WORKSTREAMS,
        "Contoso chat / LiveChat",
        "Contoso mail / LiveChat",
    );
    finds(
        &project,
        &["plan", "--env", "server"],
        1,
        &["[existing-missing]"],
    );
    project.edit(
        WORKSTREAMS,
        "Contoso mail / LiveChat",
        "Contoso chat / Chat",
    );
    finds(
        &project,
        &["validate"],
        3,
        &[
            "[name-values]",
            "`Chat` in `Contoso chat / Chat` is no option of `msdyn_streamsource`",
            "LiveChat|Voice|SMS",
        ],
    );
    // The number of an option that has a word, and of one that has none.
    project.edit(
        WORKSTREAMS,
        "Contoso chat / Chat",
        "Contoso chat / 192360000",
    );
    finds(&project, &["validate"], 3, &["write `LiveChat`"]);
    project.edit(
        WORKSTREAMS,
        "Contoso chat / 192360000",
        "Contoso chat / 192399999",
    );
    project.run(&["validate"]).ended(0);
    finds(
        &project,
        &["plan", "--env", "server"],
        1,
        &["[existing-missing]"],
    );
    project.edit(
        WORKSTREAMS,
        "Contoso chat / 192399999",
        "Contoso chat / Chat",
    );
    project.edit(
        WORKSTREAMS,
        "Contoso chat / Chat",
        "Contoso chat / LiveChat",
    );

    // A workstream can be referenced without being declared. A missing one is found before anything is sent.
    let whole = project.read(WORKSTREAMS);
    project.write(WORKSTREAMS, "");
    project.run(&["validate"]).ended(0);
    let replies = project.read(REPLIES);
    project.write(
        REPLIES,
        &replies.replace("Contoso chat / LiveChat", "Contoso chat / LiveChatt"),
    );
    finds(
        &project,
        &["validate"],
        3,
        &["[name-values]", "write `LiveChat`"],
    );
    project.write(REPLIES, &replies);
    project.edit(
        "manifests/quick-replies.yaml",
        "[Contoso chat / LiveChat]\n---",
        "[Contoso letters / LiveChat]\n---",
    );
    finds(
        &project,
        &["plan", "--env", "server"],
        1,
        &["[lookup-missing]", "Contoso letters / LiveChat"],
    );
    project.edit(
        "manifests/quick-replies.yaml",
        "[Contoso letters / LiveChat]",
        "[Contoso chat / LiveChat]",
    );
    project.write(WORKSTREAMS, &whole);
    project.apply();

    // Two workstreams with the same name and channel are ambiguous. One with another channel is a different workstream.
    let made = |channel: i64| {
        let body = json!({"msdyn_name": "Contoso chat", "msdyn_streamsource": channel}).to_string();
        server.request("POST", "/api/data/v9.2/msdyn_liveworkstreams", &body, "");
    };
    made(192_340_000);
    plans_to_nothing(&project);
    made(192_360_000);
    finds(
        &project,
        &["plan", "--env", "server"],
        1,
        &["[ambiguous-row]"],
    );
}

#[test]
fn a_row_that_somebody_made_a_row_of_another_kind_is_not_created_again() {
    let (project, server) = started();
    project.apply();
    let queue = |flag: bool| {
        let (id, _) = row(&server, "queue", "name", "Contoso orders");
        let body = json!({"msdyn_isomnichannelqueue": flag}).to_string();
        server.request("PATCH", &format!("/api/data/v9.2/queues({id})"), &body, "");
    };
    queue(false);
    for (command, code) in [("plan", 1), ("drift", 2)] {
        finds(
            &project,
            &[command, "--env", "server"],
            code,
            &[
                "[id-taken]",
                "`Contoso orders` of another kind: a Queue has `msdyn_isomnichannelqueue` `true`",
            ],
        );
    }
    queue(true);
    plans_to_nothing(&project);
}

/// Microsoft's pages name no way to delete such rows that keeps what depends on them.
#[test]
fn pruning_keeps_rows_that_their_kind_does_not_let_it_delete_and_the_rest_is_applied() {
    let (project, _server) = started();
    project.edit(
        "deskstate.yaml",
        "  removals:",
        "  prune: owned\n  removals:",
    );
    project.write(
        "manifests/tags.yaml",
        "apiVersion: deskstate/v1\nkind: QuickReplyTag\nmetadata: {name: contoso_tag}\n",
    );
    project.apply();
    project.write("manifests/tags.yaml", "# none\n");
    let said = "QuickReplyTag contoso_tag is not declared, but is not deleted: the definition of its kind does not allow deleting a QuickReplyTag";
    finds(
        &project,
        &["plan", "--env", "server"],
        0,
        &["warning[not-deletable]", said],
    );
    project.edit(
        "deskstate.yaml",
        "prune: owned",
        "prune: owned\n  protect: [\"QuickReplyTag/contoso_tag\"]",
    );
    let run = finds(&project, &["plan", "--env", "server"], 0, &[]);
    assert!(!run.err.contains("not-deletable"), "{}", run.err);
}

#[test]
fn values_of_a_name_have_no_blanks_around_them() {
    let (project, _server) = started();
    project.edit(
        QUEUES,
        "Contoso orders / Messaging",
        "Contoso orders  / Messaging",
    );
    finds(
        &project,
        &["validate"],
        3,
        &["error[name-values]", "write `Contoso orders / Messaging`"],
    );
}

#[test]
fn a_managed_workstream_is_left_to_its_solution() {
    let (project, server) = started();
    let (id, _) = row(
        &server,
        "msdyn_liveworkstream",
        "msdyn_name",
        "Contoso chat",
    );
    let mut dump = server.dump();
    dump["rows"]["msdyn_liveworkstream"][&id]["c"]["ismanaged"] = true.into();
    server.request("PUT", "/__emulator/load", &dump.to_string(), "");
    let plan = project.run(&["plan", "--env", "server"]);
    assert!(
        plan.err.contains("[managed-row]"),
        "{}\n{}",
        plan.out,
        plan.err
    );
}

#[test]
fn variables_and_capacity_profiles_of_a_workstream_come_and_go() {
    let (project, server) = started();
    project.apply();
    let variables = || -> Vec<String> {
        let rows = rows(&server, "msdyn_ocliveworkstreamcontextvariable");
        let mut names: Vec<String> = rows
            .values()
            .map(|row| row["msdyn_name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    let (id, _) = row(
        &server,
        "msdyn_liveworkstream",
        "msdyn_name",
        "Contoso chat",
    );
    // A pre-chat question creates a variable too. A list ignores it.
    let body = json!({"msdyn_name": "asked", "msdyn_datatype": 192_350_000, "msdyn_liveworkstreamid@odata.bind": format!("/msdyn_liveworkstreams({id})")});
    server.request(
        "POST",
        "/api/data/v9.2/msdyn_ocliveworkstreamcontextvariables",
        &body.to_string(),
        "",
    );
    plans_to_nothing(&project);
    assert_eq!(variables(), ["asked", "orderNumber", "orderValue"]);

    let list = "  contextVariables:\n    - {name: orderNumber, displayName: Order number, type: Text}\n    - {name: orderValue, displayName: Order value, type: Number}\n";
    project.edit(
        WORKSTREAMS,
        list,
        "  contextVariables: {mode: atLeast, without: [orderValue, {name: neverThere}]}\n",
    );
    project.edit(
        WORKSTREAMS,
        "capacityProfiles: [contoso_chat]",
        "capacityProfiles: {mode: atLeast, without: [contoso_chat]}",
    );
    let allow = "empty=Workstream.capacityProfiles:1";
    finds(
        &project,
        &["apply", "--env", "server", "--yes"],
        4,
        &[
            "contextVariables        − orderValue",
            "capacityProfiles        − contoso_chat",
            allow,
        ],
    );
    let apply = ["apply", "--env", "server", "--yes", "--allow", allow];
    let undo = Project::undo_file(&project.run(&apply).ended(0));
    assert_eq!(variables(), ["asked", "orderNumber"]);
    assert!(rows(&server, "msdyn_liveworkstreamcapacityprofile").is_empty());
    plans_to_nothing(&project);
    project.edit(
        WORKSTREAMS,
        "{mode: atLeast, without: [orderValue, {name: neverThere}]}",
        "{mode: exact, members: [{name: orderNumber, type: Text}]}",
    );
    finds(
        &project,
        &["plan", "--env", "server"],
        0,
        &["[exact-on-existing]", "− asked"],
    );
    project.apply();
    assert_eq!(variables(), ["orderNumber"]);
    project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    assert_eq!(variables(), ["orderNumber", "orderValue"]);
    assert_eq!(
        rows(&server, "msdyn_liveworkstreamcapacityprofile").len(),
        1
    );
}

#[test]
fn members_of_a_queue_are_people_who_are_counted_apart() {
    let (project, server) = started();
    // One of the members also has a profile.
    project.write(
        "manifests/profile.yaml",
        "apiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_chat}\nspec:\n  displayName: Chat\n  app: CustomerServiceApps\n  sessionTemplates: [contoso_chatSession]\n  users: {mode: atLeast, members: [dev.agent1@contoso.com]}\n",
    );
    project.apply();
    project.edit(
        "manifests/desktop.yaml",
        "displayName: Chat\n",
        "displayName: Chats\n",
    );
    project.edit("manifests/routing.yaml", "limit: 3", "limit: 4");
    project.edit("manifests/routing.yaml", "At lunch", "Having lunch");
    finds(
        &project,
        &["plan", "--env", "server"],
        0,
        &[
            "reaches at least 1 agent and 2 members",
            "assigned directly to contoso_chat; members of Queue Contoso orders / Messaging; not counted: agents of queues that its routing rules choose (Contoso chat / LiveChat)",
            "agents who have the profile (contoso_chat)",
            "not counted: everybody who signs in (Lunch)",
        ],
    );
    let saved = project
        .run(&["plan", "--env", "server", "--format", "json"])
        .ended(0);
    let saved: Json = serde_json::from_str(&saved.out).unwrap();
    let session = saved["changes"].as_array().unwrap().iter();
    let session = session
        .clone()
        .find(|change| change["kind"] == "SessionTemplate")
        .unwrap();
    assert_eq!(session["reach"]["agents"], 1);
    assert_eq!(session["reach"]["members"], 2);
    let drift = project.run(&["drift", "--env", "server"]).ended(2);
    assert!(drift.out.contains("2 members"), "{}", drift.out);
    project.apply();

    // A member added by hand stays until a document states otherwise.
    let (queue, _) = row(&server, "queue", "name", "Contoso orders");
    let (ada, _) = row(&server, "systemuser", "domainname", "ada@contoso.com");
    let link = json!({"@odata.id": format!("{}/api/data/v9.2/systemusers({ada})", server.url)});
    server.request(
        "POST",
        &format!("/api/data/v9.2/queues({queue})/queuemembership_association/$ref"),
        &link.to_string(),
        "",
    );
    plans_to_nothing(&project);
    project.write("overlays/dev/queues.yaml", &format!("apiVersion: deskstate/v1\nkind: Queue\n{ORDERS}\nspec:\n  members: {{mode: atLeast, members: [dev.agent1@contoso.com, test.agent1@contoso.com, gone@contoso.com], without: [ada@contoso.com]}}\n"));
    finds(
        &project,
        &["plan", "--env", "server"],
        0,
        &[
            "reaches 2 members",
            "members who come or go",
            "[user-skipped]",
        ],
    );
    let undo = Project::undo_file(&project.apply());
    let now = [
        "dev.agent1@contoso.com",
        "dev.agent2@contoso.com",
        "test.agent1@contoso.com",
    ];
    assert_eq!(members(&server, "Contoso orders"), now);
    project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    let again = [
        "ada@contoso.com",
        "dev.agent1@contoso.com",
        "dev.agent2@contoso.com",
    ];
    assert_eq!(members(&server, "Contoso orders"), again);

    // Removing many members must be allowed, and a name that belongs to nobody is refused.
    project.write("overlays/dev/queues.yaml", &format!("apiVersion: deskstate/v1\nkind: Queue\n{ORDERS}\nspec:\n  members: {{mode: exact, members: []}}\n"));
    project.edit("deskstate.yaml", "maxAgents: 5", "maxAgents: 2");
    finds(
        &project,
        &["apply", "--env", "server", "--yes"],
        4,
        &["unlink=Queue.members:3"],
    );
    project.write(
        "overlays/dev/queues.yaml",
        &format!("apiVersion: deskstate/v1\nkind: Queue\n{ORDERS}\nspec:\n  members: [Ada]\n"),
    );
    finds(&project, &["validate"], 3, &["[user-reference]"]);
    project.write("overlays/dev/queues.yaml", &format!("apiVersion: deskstate/v1\nkind: Queue\n{ORDERS}\nspec:\n  members: {{mode: atLeast, members: [], moves: allow}}\n"));
    finds(&project, &["validate"], 3, &["[set-members]"]);
}

#[test]
fn templates_that_a_workstream_names_are_references() {
    let (project, server) = started();
    let whole = project.read(WORKSTREAMS);
    project.edit(
        WORKSTREAMS,
        "sessionTemplate: contoso_chatSession",
        "sessionTemplate: contoso_chatSesion",
    );
    finds(
        &project,
        &["validate"],
        3,
        &["[unknown-reference]", "did you mean `contoso_chatSession`"],
    );
    // A name of a Microsoft row is looked up in the environment.
    project.edit(
        WORKSTREAMS,
        "sessionTemplate: contoso_chatSesion",
        "sessionTemplate: msdyn_chat_sesion",
    );
    project.run(&["validate"]).ended(0);
    finds(
        &project,
        &["plan", "--env", "server"],
        1,
        &["[lookup-missing]", "msdyn_chat_sesion"],
    );
    project.write(WORKSTREAMS, &whole);
    let graph = project.run(&["graph"]).ended(0);
    assert!(
        graph.out.contains("sessionTemplate") && graph.out.contains("incomingAuthenticated"),
        "{}",
        graph.out
    );
    // Selecting a single resource also includes the resources it refers to.
    finds(
        &project,
        &["plan", "--env", "server", "Workstream"],
        0,
        &[
            "+ SessionTemplate contoso_chatSession",
            "+ NotificationTemplate contoso_chatIncoming",
        ],
    );
    project.apply();

    // Deleting a template that a workstream refers to by name is reported, whether or not the workstream is declared.
    let desktop = project.read("manifests/desktop.yaml");
    project.write("manifests/desktop.yaml", &desktop.replace("metadata: {name: contoso_chatSession}\nspec:\n  displayName: Chat\n  type: Generic\n  anchorTab: msdyn_active_conversation\n  title: \"{customerName}\"\n", "metadata: {name: contoso_chatSession, state: absent}\n"));
    finds(
        &project,
        &["validate"],
        3,
        &["[unknown-reference]", "declared absent"],
    );
    project.write(WORKSTREAMS, "");
    finds(
        &project,
        &["apply", "--env", "server", "--yes"],
        4,
        &["Workstream Contoso chat / LiveChat (sessionTemplate)"],
    );
    project.write("manifests/desktop.yaml", &desktop);
    project.write(WORKSTREAMS, &whole);

    // A contract requires another template: the manifest is corrected, and an apply changes the workstream.
    project.write(
        "contracts/chat.yaml",
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: chat}\nspec:\n  rules:\n    - id: session\n      resource: {kind: Workstream, name: Contoso chat / LiveChat}\n      required: true\n      locked: {sessionTemplate: contoso_vendorSession}\n      breaks: The vendor's panel does not open.\n",
    );
    project.edit(
        "deskstate.yaml",
        "  packs:",
        "  contracts: [contracts/chat.yaml]\n  packs:",
    );
    finds(&project, &["validate"], 3, &["[locked-value]"]);
    let check = [
        "check",
        "--env",
        "server",
        "--contract",
        "contracts/chat.yaml",
    ];
    finds(&project, &check, 2, &["The vendor's panel does not open."]);
    project.write(
        "manifests/desktop.yaml",
        &(desktop.clone()
            + "---\n"
            + &desktop
                .split("---\n")
                .next()
                .unwrap()
                .replace("contoso_chatSession", "contoso_vendorSession")),
    );
    project.edit(
        WORKSTREAMS,
        "sessionTemplate: contoso_chatSession",
        "sessionTemplate: contoso_vendorSession",
    );
    finds(
        &project,
        &["plan", "--env", "server"],
        0,
        &["sessionTemplate         contoso_chatSession → contoso_vendorSession"],
    );
    project.apply();
    project.run(&check).ended(0);
    let (_, workstream) = row(
        &server,
        "msdyn_liveworkstream",
        "msdyn_name",
        "Contoso chat",
    );
    assert_eq!(
        workstream["msdyn_sessiontemplate_default"],
        "contoso_vendorSession"
    );
}

/// Microsoft: never create and update queues in the same import, and remove the type from the file for an update.
#[test]
fn queues_are_created_and_updated_in_one_apply_and_their_type_is_written_once() {
    let (project, server) = started();
    project.apply();
    project.edit(
        QUEUES,
        "priority: ${{ vars.queuePriority }}",
        "priority: 20",
    );
    let whole = project.read(QUEUES);
    project.write(QUEUES, &(whole + "---\napiVersion: deskstate/v1\nkind: Queue\nmetadata: {name: Contoso returns / Messaging}\nspec: {priority: 30, visibility: Private}\n"));
    finds(
        &project,
        &["plan", "--env", "server"],
        0,
        &["1 to create, 1 to update", "1 transaction to write"],
    );
    project.apply();
    plans_to_nothing(&project);
    // Another type is another queue, and the visibility of a queue cannot change.
    project.edit(
        QUEUES,
        "Contoso returns / Messaging",
        "Contoso returns / Voice",
    );
    finds(
        &project,
        &["plan", "--env", "server"],
        0,
        &[
            "+ Queue Contoso returns / Voice",
            "1 to create, 0 to update",
        ],
    );
    project.edit(
        QUEUES,
        "spec: {priority: 30, visibility: Private}",
        "spec: {priority: 30, visibility: Public}",
    );
    project.apply();
    project.edit(QUEUES, "visibility: Public", "visibility: Private");
    finds(
        &project,
        &["plan", "--env", "server"],
        1,
        &["[create-only]"],
    );
    let (_, queue) = row(&server, "queue", "name", "Contoso orders");
    assert_eq!(queue["msdyn_queuetype"], 192_350_000);
}

/// Microsoft: replace the IDs of contracts with those of the target, find rows by name at your own risk, and never touch the product's own
/// rows.
#[test]
fn ids_of_one_environment_are_nowhere_and_rows_of_the_product_stay_as_they_are() {
    let (project, server) = started();
    project.apply();
    project.edit(
        WORKSTREAMS,
        "fallbackQueue: Contoso orders / Messaging",
        "fallbackQueue: 5a4b76b0-dab5-4717-9743-9490f2f822c6",
    );
    finds(&project, &["validate"], 3, &["[id-in-manifest]"]);
    project.edit(
        WORKSTREAMS,
        "fallbackQueue: 5a4b76b0-dab5-4717-9743-9490f2f822c6",
        "fallbackQueue: Default messaging queue / Messaging",
    );
    // The product's own rows need no document.
    project.apply();
    let whole = project.read(QUEUES);
    let default = |spec: &str| {
        format!(
            "{whole}---\napiVersion: deskstate/v1\nkind: Queue\nmetadata: {{name: Default messaging queue / Messaging, state: existing}}\n{spec}"
        )
    };
    project.write(QUEUES, &default("spec: {priority: 1}\n"));
    finds(&project, &["validate"], 3, &["[kept-row]"]);
    project.write(QUEUES, &default(""));
    project.apply();
    plans_to_nothing(&project);
    // Missing operating hours are found before anything is sent, and e-mail queues are ignored.
    project.edit(
        QUEUES,
        "operatingHours: Contoso office hours",
        "operatingHours: Contoso night hours",
    );
    finds(
        &project,
        &["plan", "--env", "server"],
        1,
        &["[lookup-missing]", "Contoso night hours"],
    );
    project.edit(
        QUEUES,
        "operatingHours: Contoso night hours",
        "operatingHours: Contoso office hours",
    );
    let body = json!({"name": "Contoso orders", "msdyn_queuetype": 192_350_000, "msdyn_isomnichannelqueue": false, "msdyn_priority": 1});
    server.request("POST", "/api/data/v9.2/queues", &body.to_string(), "");
    plans_to_nothing(&project);
    let body = json!({"name": "contoso ORDERS", "msdyn_queuetype": 192_350_000, "msdyn_isomnichannelqueue": true, "msdyn_priority": 1});
    server.request("POST", "/api/data/v9.2/queues", &body.to_string(), "");
    finds(
        &project,
        &["plan", "--env", "server"],
        1,
        &["[ambiguous-row]"],
    );
}

#[test]
fn one_set_of_manifests_goes_from_one_environment_to_the_next() {
    let project = Project::example("contact-centre");
    let servers: Vec<Server> = (0..3).map(|_| Server::plain()).collect();
    for (name, server) in ["-dev", "-test", ""].iter().zip(&servers) {
        let url = format!("https://contoso{name}.crm4.dynamics.com");
        project.edit("deskstate.yaml", &url, &server.url);
    }
    for (environment, server) in ["dev", "test", "prod"].iter().zip(&servers) {
        project
            .run(&["apply", "--env", environment, "--yes"])
            .ended(0);
        project
            .run(&["plan", "--env", environment, "--detailed-exitcode"])
            .ended(0);
        let (_, queue) = row(server, "queue", "name", "Contoso orders");
        let priority = if *environment == "prod" { 1 } else { 10 };
        assert_eq!(queue["msdyn_priority"], priority);
        let (id, _) = row(
            server,
            "msdyn_capacityprofile",
            "msdyn_uniquename",
            "contoso_chat",
        );
        let (first, _) = row(
            &servers[0],
            "msdyn_capacityprofile",
            "msdyn_uniquename",
            "contoso_chat",
        );
        assert_eq!(id, first, "new rows have one id everywhere");
    }
    let people = servers
        .iter()
        .map(|server| members(server, "Contoso orders"));
    let people: Vec<String> = people.map(|names| names.join(" ")).collect();
    assert_eq!(
        people,
        [
            "dev.agent1@contoso.com dev.agent2@contoso.com",
            "test.agent1@contoso.com test.agent2@contoso.com",
            "ada@contoso.com lin@contoso.com"
        ]
    );
    let drift = project.run(&["drift", "--all"]).ended(0);
    assert!(drift.out.contains("prod"), "{}", drift.out);
}

/// The product names capacity profiles `new_<id>` (boilerplate solution of `microsoft/Dynamics365-Apps-Samples`).
#[test]
fn a_unique_name_that_contains_an_id_is_a_name() {
    let (project, _server) = started();
    let name = "new_3518dc8a-0571-3ba6-179f-d087097274f3";
    project.edit(
        "manifests/routing.yaml",
        "metadata: {name: contoso_chat}\nspec:\n  displayName: Chat\n",
        &format!("metadata: {{name: {name}}}\nspec: {{displayName: Calls, limit: 1, resetFrequency: Immediate}}\n---\napiVersion: deskstate/v1\nkind: CapacityProfile\nmetadata: {{name: contoso_chat}}\nspec:\n  displayName: Chat\n"),
    );
    let both = format!("capacityProfiles: [contoso_chat, {name}]");
    project.edit(WORKSTREAMS, "capacityProfiles: [contoso_chat]", &both);
    project.run(&["validate"]).ended(0);
    project.apply();
    plans_to_nothing(&project);
    let export = ["export", "--env", "server", "--kind", "Workstream"];
    // The other workstream names templates that this environment does not have.
    let exported = project.run(&[&export[..], &["--out", "exported"]].concat());
    exported.ended(1);
    let file = project.read("exported/workstreams/Contoso-chat---LiveChat.yaml");
    let members = format!("members: [contoso_chat, {name}]");
    assert!(file.contains(&members), "{file}");
    // An id alone still refers to a row of one environment.
    let id = "3518dc8a-0571-3ba6-179f-d087097274f3";
    project.edit(WORKSTREAMS, name, id);
    finds(
        &project,
        &["validate"],
        3,
        &["[id-in-manifest]", "write the unique name of the row"],
    );
}

#[test]
fn the_pack_is_listed_and_explained() {
    let project = Project::example("contact-centre");
    let list = project.run(&["kind", "list"]).ended(0);
    for kind in [
        "Skill",
        "RatingModel",
        "CapacityProfile",
        "Presence",
        "QuickReplyTag",
        "QuickReply",
        "OperatingHours",
        "Queue",
        "Workstream",
    ] {
        let line = list
            .out
            .lines()
            .find(|line| line.starts_with(&format!("{kind} ")));
        assert!(
            line.is_some_and(|line| line.contains("documented")),
            "{kind}:\n{}",
            list.out
        );
    }
    finds(
        &project,
        &["explain", "Queue.members"],
        0,
        &[
            "Agents who get work from the queue.",
            "`mode: exact` removes them",
        ],
    );
    // The product's own rows are protected.
    project.edit("manifests/routing.yaml", "name: Lunch", "name: busy");
    finds(&project, &["validate"], 3, &["[kept-row]"]);
    project.edit("deskstate.yaml", "[contact-centre]", "[contact-center]");
    finds(
        &project,
        &["validate"],
        3,
        &[
            "[kind-definition]",
            "`contact-centre`",
            "deskstate.yaml:6:11",
        ],
    );
}

#[test]
fn operating_hours_are_named_and_changed_and_never_made() {
    let (project, server) = started();
    project.apply();
    let document = |state: &str, name: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: OperatingHours\nmetadata: {{name: {name}{state}}}\nspec: {{description: Weekdays}}\n"
        )
    };
    let hours = "manifests/hours.yaml";
    project.write(hours, &document("", "Contoso office hours"));
    finds(&project, &["validate"], 3, &["[not-creatable]"]);
    project.write(hours, &document(", state: existing", "Contoso night hours"));
    finds(
        &project,
        &["plan", "--env", "server"],
        1,
        &["[existing-missing]"],
    );
    project.write(
        hours,
        &document(", state: existing", "Contoso office hours"),
    );
    finds(
        &project,
        &["plan", "--env", "server"],
        0,
        &[
            "~ OperatingHours Contoso office hours",
            "reaches 2 members",
            "description             (none) → Weekdays",
        ],
    );
    project.apply();
    plans_to_nothing(&project);
    let (_, row) = row(
        &server,
        "msdyn_operatinghour",
        "msdyn_name",
        "Contoso office hours",
    );
    assert_eq!(row["msdyn_description"], "Weekdays");
    let graph = project.run(&["graph"]).ended(0);
    assert!(graph.out.contains("operatingHours"), "{}", graph.out);
}

/// Errors in a definition are reported at their location, before an environment is contacted.
#[test]
fn words_of_definitions_that_contradict_each_other_are_refused() {
    let project = Project::example("own-kind");
    let desk = "kinds/desk.yaml";
    let whole = project.read(desk);
    project.run(&["validate"]).ended(0);
    for (old, new, said) in [
        (
            "true}\n  deletable: true\n",
            "true}\n  deletable: true\n  creatable: false\n",
            "cannot be deleted, since none can be created again",
        ),
        (
            "true}\n  deletable: true\n",
            "true}\n  deletable: true\n  agents: {through: [seats]}\n",
            "`seats` does not lead to agents",
        ),
        (
            "true}\n  deletable: true\n",
            "true}\n  deletable: true\n  agents: {through: [nothing]}\n",
            "`nothing` does not lead to agents",
        ),
        (
            "type: flag}",
            "type: flag, expanded: true}",
            "`expanded` does not apply to a flag",
        ),
        (
            "maxLength: 100}\n  rows",
            "maxLength: 100, and: {contoso_kind: {A / B: 1}}}\n  rows",
            "breaks a name apart",
        ),
        (
            "maxLength: 100}\n  rows",
            "maxLength: 100, and: {contoso_kind: {Call: 1, call: 2}}}\n  rows",
            "is there in another case",
        ),
        (
            "maxLength: 100}\n  rows",
            "maxLength: 100, and: {contoso_kind: {Call: 1, Chat: 1}}}\n  rows",
            "have the same number",
        ),
    ] {
        project.edit(desk, old, new);
        finds(
            &project,
            &["validate"],
            3,
            &["[kind-definition]", "kinds/desk.yaml:", said],
        );
        project.write(desk, &whole);
    }
}

/// Undo restores a deleted row as a row of its kind.
#[test]
fn a_row_that_comes_back_has_the_values_that_make_it_one_of_its_kind() {
    let project = Project::example("own-kind");
    let tables = project.path().join("tables");
    let server = Server::start(&["--tables", tables.to_str().unwrap()]);
    project.set_environments(&format!("    server:\n      url: \"{}\"\n", server.url));
    project.apply();
    let before = rows(&server, "contoso_desk");
    let whole = project.read("manifests/all.yaml");
    let (_, others) = whole.split_once("---").unwrap();
    let gone =
        "apiVersion: deskstate/v1\nkind: Desk\nmetadata: {name: Front desk, state: absent}\n---";
    project.write("manifests/all.yaml", &format!("{gone}{others}"));
    let undo = Project::undo_file(&project.apply());
    assert!(rows(&server, "contoso_desk").is_empty());
    project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(0);
    assert_eq!(rows(&server, "contoso_desk"), before);
}

/// Rows of Microsoft's ALM sample (microsoft/Dynamics365-Apps-Samples), without columns that no kind has.
#[test]
fn templates_that_a_workstream_of_a_solution_names_are_kept() {
    let (project, _server) = started();
    project.write(
        "shipped/Other/Solution.xml",
        "<ImportExportXml><SolutionManifest><UniqueName>boilerplate</UniqueName><Version>1.0.0.0</Version><Managed>2</Managed>\
         <Publisher><UniqueName>microsoftdynamics</UniqueName><CustomizationPrefix>msdyn</CustomizationPrefix></Publisher>\
         <RootComponents /></SolutionManifest></ImportExportXml>",
    );
    project.write(
        "shipped/msdyn_liveworkstreams/2edf72a6-dd2a-2abd-cdd5-96a718e31c46/msdyn_liveworkstream.xml",
        "<msdyn_liveworkstream msdyn_liveworkstreamid=\"2edf72a6-dd2a-2abd-cdd5-96a718e31c46\">\
         <msdyn_name>ALM Test Chat Workstream</msdyn_name><msdyn_streamsource>192360000</msdyn_streamsource>\
         <msdyn_notificationtemplate_consult>msdyn_chat_consult</msdyn_notificationtemplate_consult>\
         <msdyn_sessiontemplate_default>new_almtestchatsessiontemplate</msdyn_sessiontemplate_default>\
         <statecode>0</statecode></msdyn_liveworkstream>",
    );
    let run = project
        .run(&["export", "--solution", "shipped", "--out", "got"])
        .ended(0);
    let said = "SessionTemplate new_almtestchatsessiontemplate: written as `existing`, because the file refers to it and does not contain it";
    assert!(run.err.contains(said), "{}", run.err);
    let written = project.read("got/workstreams/ALM-Test-Chat-Workstream---LiveChat.yaml");
    for line in [
        "consult: msdyn_chat_consult",
        "sessionTemplate: new_almtestchatsessiontemplate",
    ] {
        assert!(written.contains(line), "{written}");
    }
    let template = project.read("got/session-templates/new_almtestchatsessiontemplate.yaml");
    assert!(template.contains("state: existing"), "{template}");
}

/// Rows as in `CMTSkillsConfig.xml` and `CMTQueuesConfig.xml` of Microsoft's ALM sample, which export complete tables.
#[test]
fn rows_of_a_file_that_are_not_of_the_kind_do_not_become_rows_of_it() {
    let project = Project::example("contact-centre");
    let export = |data: &str| {
        let tables = [
            "characteristic",
            "queue",
            "msdyn_liveworkstream",
            "systemuser",
        ];
        let schema: String = tables
            .iter()
            .map(|table| format!("<entity name=\"{table}\"/>"))
            .collect();
        project.write(
            "data/data_schema.xml",
            &format!("<entities>{schema}</entities>"),
        );
        project.write("data/data.xml", &format!("<entities>{data}</entities>"));
        project.run(&["export", "--solution", "data"])
    };
    let record = |id: u32, fields: &[(&str, &str)]| {
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!("<field name=\"{name}\" value=\"{value}\"/>"))
            .collect();
        format!("<record id=\"00000000-0000-4000-8000-{id:012}\">{fields}</record>")
    };
    let skill = |id, name, of| record(id, &[("name", name), ("characteristictype", of)]);
    let skills = [
        skill(1, "Swedish", "1"),
        skill(2, "First aid", "2"),
        // A certification may have the name of a skill.
        skill(3, "Swedish", "2"),
    ];
    let queues = [
        record(
            11,
            &[
                ("name", "Orders"),
                ("msdyn_isomnichannelqueue", "True"),
                ("msdyn_queuetype", "192350000"),
                ("msdyn_priority", "1"),
                ("queueviewtype", "0"),
            ],
        ),
        record(
            12,
            &[
                ("name", "Back office"),
                ("msdyn_isomnichannelqueue", "False"),
                ("msdyn_queuetype", "192350000"),
            ],
        ),
        record(
            13,
            &[
                ("name", "&lt;Ada&gt;"),
                ("msdyn_isomnichannelqueue", "False"),
            ],
        ),
    ];
    let members = "<m2mrelationships><m2mrelationship sourceid=\"00000000-0000-4000-8000-000000000013\" targetentityname=\"systemuser\" m2mrelationshipname=\"queuemembership_association\"><targetids><targetid>00000000-0000-4000-8000-000000000021</targetid></targetids></m2mrelationship></m2mrelationships>";
    let data = format!(
        "<entity name=\"characteristic\"><records>{}</records></entity><entity name=\"queue\"><records>{}</records>{members}</entity>",
        skills.concat(),
        queues.concat()
    );
    let run = export(&data).ended(0);
    for name in [
        "Swedish / Skill",
        "First aid / Certification",
        "Swedish / Certification",
        "Orders / Messaging",
    ] {
        assert!(run.out.contains(&format!("name: {name}")), "{}", run.out);
    }
    assert_eq!(run.out.matches("\nkind: ").count(), 4, "{}", run.out);
    for note in [
        "note: not managed by deskstate: 2 rows of queue; a Queue has `msdyn_isomnichannelqueue` `true`",
        "note: not managed by deskstate: parts and links of such rows (queuemembership_association 1)",
    ] {
        assert!(run.err.contains(note), "{note}\n{}", run.err);
    }
    assert!(!run.err.contains("warning"), "{}", run.err);

    // A reference to such a row is lost.
    let stream = "<entity name=\"msdyn_liveworkstream\"><records><record id=\"00000000-0000-4000-8000-000000000031\"><field name=\"msdyn_name\" value=\"Chat\"/><field name=\"msdyn_streamsource\" value=\"192360000\"/><field name=\"msdyn_defaultqueue\" value=\"00000000-0000-4000-8000-000000000012\" lookupentity=\"queue\"/></record></records></entity>";
    let run = export(&format!("{data}{stream}")).ended(1);
    let lost = "warning: Workstream Chat: `fallbackQueue` left out: `Back office` is not a Queue";
    assert!(run.err.contains(lost), "{}", run.err);

    // A file may not say what its rows are.
    let run = export("<entity name=\"queue\"><records><record id=\"00000000-0000-4000-8000-000000000001\"><field name=\"name\" value=\"Orders\"/><field name=\"msdyn_queuetype\" value=\"192350000\"/></record></records></entity>").ended(1);
    let lost = "warning: Queue Orders: left out: whether it is a Queue is in the column `msdyn_isomnichannelqueue`, which the file does not have; export the column too";
    assert!(run.err.contains(lost), "{}", run.err);
    assert!(!run.out.contains("kind: Queue"), "{}", run.out);
}

/// "To add Spanish as a skill, you need a skill type called Language" (Microsoft Learn, Set up skills and assign agents).
#[test]
fn a_skill_of_a_type_that_the_organization_added_is_named_by_its_number() {
    let tables = tempfile::TempDir::new().unwrap();
    let table = include_str!("../../emulator/tables/characteristic.yaml");
    let own = table.replace(
        "2: Certification}",
        "2: Certification, 192350000: Language}",
    );
    assert_ne!(own, table);
    std::fs::write(tables.path().join("characteristic.yaml"), own).unwrap();
    let server = Server::start(&["--tables", tables.path().to_str().unwrap()]);
    server.request(
        "POST",
        "/api/data/v9.2/characteristics",
        r#"{"name": "Spanish", "characteristictype": 192350000}"#,
        "",
    );
    let skill = "apiVersion: deskstate/v1\nkind: Skill\nmetadata: {name: Spanish / 192350000}\nspec: {description: Speaks Spanish}\n";
    let project = Project::desk(&server, "packs: [contact-centre]", "", skill);
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    assert!(
        plan.out.contains("~ Skill Spanish / 192350000"),
        "{}",
        plan.out
    );
    project.apply();
    assert_eq!(rows(&server, "characteristic").len(), 1);
    let exported = project
        .run(&["export", "--env", "server", "--kind", "Skill"])
        .ended(0);
    assert!(
        exported.out.contains("name: Spanish / 192350000"),
        "{}",
        exported.out
    );
}

/// "You can update the assignment method only for the default queues" (Microsoft Learn, Create and manage queues).
#[test]
fn of_a_default_queue_the_assignment_method_alone_can_be_declared() {
    let server = Server::plain();
    let queue = |spec: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: Queue\nmetadata: {{name: Default messaging queue / Messaging, state: existing}}\nspec: {{{spec}}}\n"
        )
    };
    let spec = "packs: [contact-centre]";
    let project = Project::desk(
        &server,
        spec,
        "",
        &queue("assignmentMethod: AdvancedRoundRobin"),
    );
    project.apply();
    plans_to_nothing(&project);
    let exported = project
        .run(&["export", "--env", "server", "--kind", "Queue"])
        .ended(0);
    says(
        &exported.out,
        &[
            "name: Default messaging queue / Messaging",
            "assignmentMethod: AdvancedRoundRobin",
        ],
    );
    project.write("manifests/all.yaml", &queue("priority: 1"));
    finds(
        &project,
        &["validate"],
        3,
        &["[kept-row]", "in `spec` at most `assignmentMethod`"],
    );
}

/// Names of default queues follow the language of the environment. `msdyn_isdefaultqueue` tells them, as in the data of Microsoft's
/// pipeline for records (Dynamics365-Apps-Samples, `alm-template-pipeline`).
#[test]
fn a_default_queue_with_a_translated_name_is_protected() {
    const NAME: &str = "Standardwarteschlange für Nachrichten / Messaging";
    let server = Server::plain();
    let translated = json!({
        "name": "Standardwarteschlange für Nachrichten", "queueviewtype": 1, "msdyn_queuetype": 192_350_000,
        "msdyn_isomnichannelqueue": true, "msdyn_isdefaultqueue": true, "msdyn_priority": 7,
        "msdyn_assignmentstrategy": 192_350_000,
    });
    make(&server, "queues", &translated);
    let document = |state: &str, spec: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: Queue\nmetadata: {{name: {NAME}{state}}}\nspec: {{{spec}}}\n"
        )
    };
    let project = Project::desk(&server, "packs: [contact-centre]", "", "");
    let exported = project
        .run(&["export", "--env", "server", "--kind", "Queue"])
        .ended(0);
    let (_, after) = exported.out.split_once(&format!("name: {NAME}")).unwrap();
    let own = after.split("---").next().unwrap();
    assert!(own.contains("state: existing"), "{own}");
    assert!(!own.contains("priority"), "{own}");

    let existing = ", state: existing";
    for (given, spec, word) in [
        (existing, "priority: 5", "priority"),
        ("", "priority: 5, visibility: Private", "priority"),
        (existing, "members: [ada@contoso.com]", "members"),
    ] {
        project.write("manifests/all.yaml", &document(given, spec));
        let before = state(&server);
        let refused = finds(
            &project,
            &["apply", "--env", "server", "--yes"],
            4,
            &["[protected-row]", "at most `assignmentMethod`"],
        );
        assert!(refused.err.contains(word) || refused.out.contains(word));
        assert_eq!(state(&server), before);
    }
    project.write(
        "manifests/all.yaml",
        &document(existing, "assignmentMethod: AdvancedRoundRobin"),
    );
    project.apply();
    plans_to_nothing(&project);
}

/// Columns of Microsoft's entity reference that name a notification template.
#[test]
fn a_template_for_outbound_calls_of_a_workstream_is_not_deleted() {
    let columns = ["agent_dial", "agent_reservation", "pre_dial"];
    let own = "kinds: [kinds/stream.yaml]";
    let with = |spec| columns.map(|column| (column, spec));
    // Without any kind for workstreams, with the product's, and with one that does not have these columns.
    for (column, spec) in ["", "packs: [contact-centre]", own]
        .into_iter()
        .flat_map(with)
    {
        let server = Server::plain();
        let template = |state: &str, spec: &str| {
            format!(
                "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {{name: contoso_dial{state}}}\n{spec}"
            )
        };
        let present = template("", "spec: {displayName: Dial, title: Dial}\n");
        let project = Project::desk(&server, "", "", &present);
        if !spec.is_empty() {
            project.write(
                "kinds/stream.yaml",
                "apiVersion: deskstate/v1\nkind: KindDefinition\nmetadata: {name: Stream}\nspec:\n  version: \"1\"\n  description: A workstream.\n  table: msdyn_liveworkstream\n  entitySet: msdyn_liveworkstreams\n  identity: {column: msdyn_name, maxLength: 100}\n  creatable: false\n  fields:\n    capacity: {column: msdyn_capacityrequired, type: number, minimum: 0, maximum: 100, description: Units.}\n",
            );
            project.edit(
                "deskstate.yaml",
                "  environments:\n",
                &format!("  {spec}\n  environments:\n"),
            );
        }
        project.apply();
        let (id, _) = row(
            &server,
            "msdyn_liveworkstream",
            "msdyn_name",
            "Contoso calls",
        );
        server.patch(
            &format!("msdyn_liveworkstreams({id})"),
            &json!({format!("msdyn_notificationtemplate_{column}"): "contoso_dial"}).to_string(),
        );
        project.write("manifests/all.yaml", &template(", state: absent", ""));
        let plan = project.run(&["plan", "--env", "server"]);
        assert!(
            plan.err.contains("error[workstream-names]"),
            "{spec} {column}: {}{}",
            plan.out,
            plan.err
        );
        assert_ne!(
            project.run(&["apply", "--env", "server", "--yes"]).code,
            Some(0)
        );
        server.found(
            "msdyn_notificationtemplates",
            "msdyn_uniquename",
            "msdyn_uniquename eq 'contoso_dial'",
        );
    }
}

/// The form of a lookup in `data.xml` of Microsoft's migration schema for queues, which does not contain operating hours.
#[test]
fn what_a_file_refers_to_by_its_name_need_not_be_in_the_file() {
    let project = Project::example("contact-centre");
    project.write(
        "data/data_schema.xml",
        "<entities><entity name=\"queue\"/></entities>",
    );
    project.write("data/data.xml", "<entities><entity name=\"queue\"><records><record id=\"00000000-0000-4000-8000-000000000011\"><field name=\"name\" value=\"Returns\"/><field name=\"msdyn_isomnichannelqueue\" value=\"True\"/><field name=\"msdyn_queuetype\" value=\"192350000\"/><field name=\"msdyn_priority\" value=\"1\"/><field name=\"queueviewtype\" value=\"0\"/><field name=\"msdyn_operatinghourid\" value=\"5e7a4ced-901f-f011-998a-6045bd09e9ce\" lookupentity=\"msdyn_operatinghour\" lookupentityname=\"Weekdays\"/></record></records></entity></entities>");
    let run = project.run(&["export", "--solution", "data"]).ended(0);
    says(
        &run.out,
        &[
            "operatingHours: Weekdays",
            "kind: OperatingHours\nmetadata:\n  name: Weekdays\n  state: existing",
        ],
    );
}

/// Microsoft fills slugs from the context variables of a conversation.
#[test]
fn a_context_variable_of_a_workstream_is_a_slug() {
    let project = Project::example("contact-centre");
    project.edit(WORKSTREAMS, "name: orderNumber,", "name: va_CustomerName,");
    project.write(
        "manifests/callpop.yaml",
        "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {name: contoso_callpop}\nspec: {displayName: N, title: \"Call of {va_CustomerName}, {va_Custom}\"}\n",
    );
    let run = project.run(&["validate"]).ended(0);
    assert!(!run.err.contains("`{va_CustomerName}` is"), "{}", run.err);
    says(&run.err, &["warning[slug]: `{va_Custom}`"]);
}

/// Pages of Microsoft say what a workstream takes; the server checks none of it.
#[test]
fn a_workstream_takes_no_row_that_is_made_for_something_else() {
    let (project, _server) = started();
    let text = "---\napiVersion: deskstate/v1\nkind: Workstream\nmetadata: {name: Contoso calls / Voice, state: existing}\nspec: {fallbackQueue: Contoso quick / Messaging, sessionTemplate: contoso_case, consult: contoso_consult}\n\
        ---\napiVersion: deskstate/v1\nkind: Queue\nmetadata: {name: Contoso quick / Messaging}\nspec: {priority: 1, visibility: Private}\n\
        ---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_case}\nspec: {displayName: c, type: Entity, entity: incident, title: x}\n\
        ---\napiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {name: contoso_consult}\nspec: {displayName: c, title: Consult, autoAssignWorkItems: true}\n";
    project.write("manifests/unfit.yaml", text);
    let valid = project.run(&["validate"]).ended(0);
    says(
        &valid.err,
        &[
            "[workstream-reference]: `contoso_case` is for records",
            "[workstream-reference]: `contoso_consult` assigns work automatically",
            "[workstream-reference]: a workstream for Voice takes queues of type Voice",
        ],
    );
    let fit = text
        .replace(
            "type: Entity, entity: incident, title: x",
            "type: Generic, anchorTab: contoso_orderTab, title: x",
        )
        .replace(", autoAssignWorkItems: true", "")
        .replace("calls / Voice", "chats / LiveChat");
    project.write("manifests/unfit.yaml", &fit);
    let valid = project.run(&["validate"]);
    assert!(!valid.err.contains("workstream-reference"), "{}", valid.err);
}

/// Kinds of packs refer to each other in more steps than the kinds of a desk.
#[test]
fn the_pages_draw_kinds_of_packs_and_of_circles() {
    let (project, _server) = started();
    for command in [
        &["preview", "--no-open", "--out", "page.html"][..],
        &["graph", "--format", "svg"],
        &["plan", "--env", "server", "--format", "html"],
    ] {
        project.run(command).ended(0);
    }
    let own = Project::example("own-kind");
    own.edit(
        "kinds/desk.yaml",
        "    status: {column: statecode, type: status}\n---\n",
        "    status: {column: statecode, type: status}\n  sets:\n    desks: {relationship: contoso_area_desk, intersectSet: contoso_area_deskset, to: Desk}\n---\n",
    );
    own.run(&["validate"]).ended(0);
    own.run(&["graph", "--format", "svg"]).ended(0);
}

#[test]
fn a_page_that_ci_expects_is_made_of_a_project_that_agents_do_not_see() {
    let server = Server::plain();
    let tab = "kind: ApplicationTab\napiVersion: deskstate/v1\nmetadata: {name: contoso_t}\nspec: {displayName: T, pageType: Search}\n";
    let project = Project::desk(&server, "", "", tab);
    project
        .run(&["preview", "--no-open", "--out", "page.html"])
        .ended(0);
    assert!(
        project
            .read("page.html")
            .contains("agents see nothing of this")
    );
    project.run(&["preview", "--no-open"]).ended(1);
}

#[test]
fn the_first_value_of_a_name_fits_its_column() {
    let (project, _server) = started();
    let reply = |length: usize| {
        let title = "x".repeat(length);
        format!(
            "apiVersion: deskstate/v1\nkind: QuickReply\nmetadata: {{name: {title} / en-US}}\nspec: {{message: Hello}}\n"
        )
    };
    project.write("manifests/long.yaml", &reply(100));
    project.run(&["validate"]).ended(0);
    project.write("manifests/long.yaml", &reply(101));
    let refused = project.run(&["validate"]).ended(3);
    says(&refused.err, &["[too-long]", "at most 100 characters"]);
}
