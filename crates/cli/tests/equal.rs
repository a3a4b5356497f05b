//! `diff` says "equal" only of what it compared, and in both directions.

use serde_json::json;

use super::support::by_hand::link;
use super::support::{Project, Server, says};

const EQUAL: i32 = 0;
const DIFFERENT: i32 = 2;

/// One project applied to two environments.
fn both(manifests: &str) -> (Project, Server, Server) {
    let (first, second) = (Server::plain(), Server::plain());
    let project = Project::desk(&first, "", "", manifests);
    project.set_environments(&format!(
        "    a: {{url: \"{}\"}}\n    b: {{url: \"{}\"}}\n",
        first.url, second.url
    ));
    for environment in ["a", "b"] {
        project
            .run(&["apply", "--env", environment, "--yes"])
            .ended(0);
    }
    (project, first, second)
}

fn differ(project: &Project, more: &[&str], code: i32) -> String {
    let mut said = String::new();
    for (from, to) in [("a", "b"), ("b", "a")] {
        let mut arguments = vec!["diff", "--from", from, "--to", to];
        arguments.extend(more);
        let run = project.run(&arguments);
        assert_eq!(run.code, Some(code), "{from} {to}: {}{}", run.out, run.err);
        said += &run.out;
    }
    said
}

const DESK: &str = "apiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {name: contoso_case}\nspec:\n  displayName: Case\n  title: Case\n  type: Entity\n  entity: incident\n---\napiVersion: deskstate/v1\nkind: AppProfile\nmetadata: {name: contoso_p}\nspec:\n  displayName: P\n  app: CustomerServiceApps\n  copilotFeatures: {askAQuestion: true, caseSummary: false}\n";

#[test]
fn what_only_one_of_two_environments_has_is_a_difference_in_both_directions() {
    let (project, _first, second) = both(DESK);
    differ(&project, &[], EQUAL);
    let id = |set: &str, key: &str, name: &str| second.id(set, key, name);
    // A column that no manifest can empty.
    let case = id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "contoso_case",
    );
    second.patch(
        &format!("msdyn_sessiontemplates({case})"),
        "{\"msdyn_entity\":null}",
    );
    let said = differ(&project, &["SessionTemplate"], DIFFERENT);
    says(&said, &["entity"]);
    // A row of a mapping whose keys are owned one by one: `diff` compares what only one side has, too.
    let set = "msdyn_appcopilotconfigurations";
    let feature = second.found(
        set,
        "msdyn_appcopilotconfigurationid",
        "msdyn_enabled eq false",
    );
    second.delete(&format!("{set}({feature})"));
    let said = differ(&project, &["AppProfile/contoso_p"], DIFFERENT);
    says(&said, &["copilotFeatures.caseSummary"]);
    // A member of a row of Microsoft's.
    differ(
        &project,
        &["AppProfile/msdyn_workspace_defaultprofile"],
        EQUAL,
    );
    let theirs = id(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "msdyn_workspace_defaultprofile",
    );
    link(
        &second,
        &format!("msdyn_appconfigurations({theirs})"),
        "msdyn_appconfiguration_sessiontemplate",
        &format!("msdyn_sessiontemplates({case})"),
    );
    let said = differ(
        &project,
        &["AppProfile/msdyn_workspace_defaultprofile"],
        DIFFERENT,
    );
    says(&said, &["− contoso_case", "+ contoso_case"]);
    // An export without what solutions brought loses the member, and says so.
    let export = project.run(&["export", "--env", "b", "--unmanaged", "--out", "exported"]);
    says(
        &export.err,
        &[
            "AppProfile msdyn_workspace_defaultprofile",
            "SessionTemplate contoso_case was added to it",
        ],
    );
}

#[test]
fn a_prefix_that_no_row_has_is_an_error() {
    let (project, first, _second) = both(DESK);
    let case = first.id(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "contoso_case",
    );
    first.patch(
        &format!("msdyn_sessiontemplates({case})"),
        &json!({"msdyn_title": "Other"}).to_string(),
    );
    for prefix in ["contoso", "contoso_"] {
        differ(&project, &["--prefix", prefix], DIFFERENT);
    }
    for prefix in ["contos", "contoso_case", ""] {
        let run = project.run(&["diff", "--from", "a", "--to", "b", "--prefix", prefix]);
        assert_eq!(run.code, Some(1), "{}", run.out);
        says(&run.err, &["has a row with the prefix"]);
    }
}

#[test]
fn rows_without_a_prefix_that_a_folder_lacks_are_differences() {
    let provider = |name: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: CifProvider\nmetadata: {{name: {name}}}\nspec:\n  label: Softphone\n  channelUrl: https://softphone.example\n  channelOrder: 1\n  apps: [CustomerServiceHub]\n  roles: [Basic User]\n  customParameters: {{mode: live, account: '42'}}\n"
        )
    };
    let (project, _first, _second) = both(&format!(
        "{}---\n{}",
        provider("Softphone"),
        provider("Second phone")
    ));
    project.write("folder/one.yaml", &provider("Softphone"));
    for (from, to, word) in [
        ("folder", "a", "+ CifProvider Second phone"),
        ("a", "folder", "only in a"),
    ] {
        for what in [&[][..], &["CifProvider"]] {
            let mut arguments = vec!["diff", "--from", from, "--to", to];
            arguments.extend(what);
            let run = project.run(&arguments).ended(DIFFERENT);
            says(&run.out, &[word, "Second phone"]);
            if from == "folder" {
                // A key of a value is not the mode of a set.
                says(
                    &run.out,
                    &["customParameters.mode", "customParameters.account"],
                );
            }
        }
    }
}

#[test]
fn an_undo_restores_texts_that_are_equal_only_as_json() {
    let server = Server::plain();
    let manifests = |number: &str, data: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {{name: contoso_n}}\nspec:\n  displayName: N\n  title: N\n  fields: [{{header: Level, value: \"{number}\"}}]\n---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: contoso_t}}\nspec:\n  displayName: T\n  title: T\n  pageType: ThirdPartyWebsite\n  parameters: {{url: \"https://a.example/\", data: '{data}'}}\n"
        )
    };
    let before = manifests("1", "{\"a\": 1}");
    let project = Project::desk(&server, "", "", &before);
    project.apply();
    project.write("manifests/all.yaml", &manifests("1.0", "{\"a\":1}"));
    let undo = Project::undo_file(&project.apply());
    let run = project
        .run(&["undo", "--env", "server", "--yes", &undo])
        .ended(0);
    says(&run.out, &["1.0 → 1"]);
    project.write("manifests/all.yaml", &before);
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(&plan.out, &["server matches the manifests"]);
}

#[test]
fn rows_with_prefixes_that_a_folder_lacks_are_counted_and_can_be_compared() {
    let server = Server::plain();
    let tab = |name: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: {name}}}\nspec: {{displayName: T, pageType: Search}}\n"
        )
    };
    let project = Project::desk(&server, "", "", &(tab("contoso_a") + &tab("fabrikam_b")));
    project.apply();
    project.write("folder/a.yaml", &tab("contoso_a"));
    let diff = ["diff", "--from", "server", "--to", "folder"];
    let run = project.run(&diff).ended(0);
    says(
        &run.err,
        &[
            "with other prefixes (",
            "fabrikam",
            "`--prefix` includes them",
        ],
    );
    let run = project
        .run(&[&diff[..], &["--prefix", "fabrikam"]].concat())
        .ended(DIFFERENT);
    says(&run.out, &["only in server: ApplicationTab fabrikam_b"]);
}
