//! The lines of a notification: rows of their own that are parts of one template, and go with it.

use super::support::{Project, Server, says};

const SETTINGS: &str = "owns: {prefixes: [contoso]}\nprune: owned";
const PLAN: [&str; 4] = ["plan", "--env", "server", "--detailed-exitcode"];

fn template(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {{name: contoso_{name}{rest}\n---\n"
    )
}

fn with_lines(name: &str) -> String {
    template(
        name,
        "}\nspec:\n  displayName: N\n  title: T\n  fields: [{header: Number, value: n}, {header: Queue, value: q}]",
    )
}

fn lines(server: &Server) -> usize {
    let reply = server.request(
        "GET",
        "/api/data/v9.2/msdyn_notificationfields?$select=msdyn_uniquename&$filter=startswith(msdyn_uniquename,'contoso')",
        "",
        "",
    );
    reply.matches("contoso_").count()
}

#[test]
fn lines_go_with_their_template_and_come_back_with_it() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "",
        "",
        &format!("{}{}", with_lines("a"), with_lines("b")),
    );
    project.apply();
    assert_eq!(lines(&server), 4);
    project.write(
        "manifests/all.yaml",
        &format!("{}{}", template("a", ", state: absent}"), with_lines("b")),
    );
    let deleted = project.apply();
    assert_eq!(lines(&server), 2);
    let undo = Project::undo_file(&deleted);
    project
        .run(&["undo", "--env", "server", "--yes", &undo])
        .ended(0);
    assert_eq!(lines(&server), 4);
    project.write(
        "manifests/all.yaml",
        &format!("{}{}", with_lines("a"), with_lines("b")),
    );
    project.run(&PLAN).ended(0);
}

#[test]
fn pruning_a_template_takes_its_lines_along_and_needs_no_override_for_them() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        SETTINGS,
        "",
        &format!("{}{}", with_lines("a"), with_lines("b")),
    );
    project.apply();
    project.write("manifests/all.yaml", &with_lines("b"));
    let plan = project.run(&PLAN).ended(2);
    assert!(!plan.out.contains("- NotificationField"), "{}", plan.out);
    project.apply();
    assert_eq!(lines(&server), 2);
    project.run(&PLAN).ended(0);
}

#[test]
fn lines_that_a_project_leaves_alone_are_not_undeclared_rows() {
    let server = Server::plain();
    let environment = "overlay: overlays/server";
    let project = Project::desk(
        &server,
        &format!("{SETTINGS}\ndrift: {{undeclared: fail}}"),
        environment,
        &with_lines("a"),
    );
    project.write("overlays/server/empty.yaml", "# none\n");
    project.apply();
    project.write(
        "overlays/server/all.yaml",
        "apiVersion: deskstate/v1\nkind: NotificationTemplate\nmetadata: {name: contoso_a, unmanaged: [fields]}\n",
    );
    let plan = project.run(&PLAN).ended(0);
    assert!(!plan.err.contains("kept-in-use"), "{}", plan.err);
    let drift = project.run(&["drift", "--env", "server"]).ended(0);
    says(&drift.out, &["matches the manifests"]);
}
