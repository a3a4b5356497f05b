//! Rows as written by the product, and guides as published by vendors. Every expected value comes from the row or page that the test names,
//! never from this program.

use std::fmt::Write as _;

use super::support::{self, Project, Server, says};
use serde_json::{Value as Json, json};

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: deskstate/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"
    )
}

/// The columns of the first row that a filter finds.
#[track_caller]
fn row(server: &Server, set: &str, filter: &str) -> Json {
    let filter = filter.replace(' ', "%20");
    server.get(&format!("/api/data/v9.2/{set}?$filter={filter}"))["value"][0].clone()
}

#[track_caller]
fn in_sync(project: &Project) {
    let plan = project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    assert!(plan.err.is_empty(), "{}", plan.err);
    project.run(&["drift", "--env", "server"]).ended(0);
}

/// Guides of several vendors put the environment's own address into the channel URL. Microsoft's page on the Web API endpoint gives the
/// form `https://<org>.crm.dynamics.com` for the organization; `WhoAmI` returns `OrganizationId`.
#[test]
fn a_channel_url_and_a_contract_take_the_environments_own_address_and_id() {
    let server = Server::plain();
    let url = "https://cti.example/?base=${{ environment.url }}&host=${{ environment.host }}&org=${{ environment.organizationId }}";
    let project = Project::desk(
        &server,
        "contracts: [contracts/cti.yaml]",
        "",
        &document(
            "ChannelProvider",
            "contoso_cti",
            &format!(
                "{{displayName: CTI, label: CTI, channelUrl: \"{url}\", channelOrder: 1, customParameters: {{org: \"${{{{ environment.organizationId }}}}\"}}}}"
            ),
        ),
    );
    project.write(
        "contracts/cti.yaml",
        &format!(
            "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {{name: cti}}\nspec:\n  rules:\n    - id: url\n      resource: {{kind: ChannelProvider, name: contoso_cti}}\n      required: true\n      locked: {{channelUrl: \"{url}\"}}\n"
        ),
    );
    for command in [&["validate"][..], &["validate", "--env", "server"]] {
        assert_eq!(project.run(command).ended(0).err, "");
    }
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(&plan.out, &["1 request to read"]);
    project.apply();
    let organization = server.get("/api/data/v9.2/WhoAmI")["OrganizationId"].clone();
    let organization = organization.as_str().unwrap();
    let host = server.url.trim_start_matches("http://");
    let provider = row(
        &server,
        "msdyn_channelproviders",
        "msdyn_uniquename eq 'contoso_cti'",
    );
    assert_eq!(
        provider["msdyn_channelurl"],
        json!(format!(
            "https://cti.example/?base={}&host={host}&org={organization}",
            server.url
        ))
    );
    assert_eq!(
        provider["msdyn_customparams"],
        json!(format!("{{\"org\":\"{organization}\"}}"))
    );
    in_sync(&project);
    project.run(&["check", "--env", "server"]).ended(0);
    project
        .run(&[
            "check",
            "--url",
            &server.url,
            "--contract",
            "contracts/cti.yaml",
        ])
        .ended(0);
    server.patch(
        &format!(
            "msdyn_channelproviders({})",
            provider["msdyn_channelproviderid"].as_str().unwrap()
        ),
        "{\"msdyn_channelurl\":\"https://cti.example/?base=https://other.crm.dynamics.com\"}",
    );
    project.run(&["check", "--env", "server"]).ended(2);
    says(
        &project.run(&["drift", "--env", "server"]).ended(2).out,
        &[organization],
    );
}

/// The slugs of Microsoft's channel integration sample for Twilio: `{customer}`, `{number}`, `{searchQ}`.
#[test]
fn slugs_that_a_vendor_supplies_are_declared_and_an_undeclared_one_takes_a_line() {
    let server = Server::plain();
    let session = document(
        "SessionTemplate",
        "contoso_call",
        "{displayName: Call, type: Entity, entity: incident, description: \"-\", title: \"{title} {contoso_case}\"}",
    );
    let tabs: String = ["customer", "number"]
        .iter()
        .map(|slug| {
            document(
                "ApplicationTab",
                &format!("contoso_{slug}"),
                &format!("{{displayName: Tab, title: \"{{{slug}}}\", pageType: ThirdPartyWebsite, parameters: {{url: \"https://a.example/?q={{{slug}}}\"}}}}"),
            )
        })
        .collect();
    let project = Project::desk(&server, "", "", &(session + &tabs));
    let said = project.run(&["validate"]).ended(0).err;
    assert_eq!(said.matches("warning[slug]").count(), 2, "{said}");
    assert_eq!(said.lines().count(), 6, "{said}");
    says(
        &said,
        &[
            "`{customer}` is neither a documented slug nor a declared one, in 2 places: manifests/all.yaml:",
        ],
    );
    let contract = "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: cti}\nspec: {slugs: [customer, number], rules: []}\n";
    project.write("contract.yaml", contract);
    let clean = |project: &Project| assert_eq!(project.run(&["validate"]).ended(0).err, "");
    project.edit(
        "deskstate.yaml",
        "spec:\n",
        "spec:\n  contracts: [contract.yaml]\n",
    );
    clean(&project);
    project.edit(
        "deskstate.yaml",
        "  contracts: [contract.yaml]\n",
        "  slugs: [customer, number]\n",
    );
    clean(&project);
    project.edit(
        "deskstate.yaml",
        "  slugs: [customer, number]\n",
        "  policy: {slug: allow}\n",
    );
    clean(&project);
    project.edit("deskstate.yaml", "  policy: {slug: allow}\n", "");
    let mut manifests = project.read("manifests/all.yaml");
    manifests.push_str("---\napiVersion: deskstate/v1\nkind: ChannelProvider\nmetadata: {name: contoso_cti, slugs: [customer, number]}\nspec: {displayName: CTI, label: CTI, channelUrl: \"https://a.example/\", channelOrder: 1}\n");
    project.write("manifests/all.yaml", &manifests);
    clean(&project);
    project.edit(
        "manifests/all.yaml",
        "slugs: [customer, number]",
        "slugs: [number]",
    );
    let said = project.run(&["validate"]).ended(0).err;
    says(&said, &["`{customer}` is neither"]);
    project.edit(
        "deskstate.yaml",
        "spec:\n",
        "spec:\n  policy: {slug: deny}\n",
    );
    project.run(&["validate"]).ended(3);
}

/// A guide, a sample and exported solutions of Microsoft contain Search tabs and record tabs without their parameters, which `createTab`
/// supplies when it opens them. One of Microsoft's pages writes `True` for `validateRecord`.
#[test]
fn what_the_product_accepts_is_at_most_a_warning_which_the_project_can_turn_off() {
    let server = Server::plain();
    let tab = |name: &str, page: &str, parameters: &str| {
        document(
            "ApplicationTab",
            name,
            &format!("{{displayName: Tab, pageType: {page}, parameters: {parameters}}}"),
        )
    };
    let mut all = String::new();
    for (name, page, parameters) in [
        ("contoso_search", "Search", "{searchType: Relevance}"),
        (
            "contoso_record",
            "EntityRecord",
            "{formId: 00000000-0000-0000-00AA-000010001001}",
        ),
        ("contoso_board", "Dashboard", "{}"),
        (
            "contoso_both",
            "EntityRecord",
            "{entityName: contact, entityId: \"{contactId}\", data: {firstname: Ada}}",
        ),
        (
            "contoso_flag",
            "EntityRecord",
            "{entityName: contact, validateRecord: \"True\"}",
        ),
        ("ab_short", "EntityList", "{entityName: contact}"),
        ("msdyn_contoso_tab", "EntityList", "{entityName: contact}"),
    ] {
        write!(all, "{}", tab(name, page, parameters)).unwrap();
    }
    let project = Project::desk(
        &server,
        "slugs: [contactId]\nowns: {prefixes: [contoso], names: [msdyn_Contoso_Tab]}",
        "",
        &all,
    );
    let said = project.run(&["validate"]).ended(0).err;
    assert_eq!(
        said.matches("warning[missing-parameter]").count(),
        2,
        "{said}"
    );
    assert_eq!(said.matches("warning[tab-parameters]").count(), 1, "{said}");
    assert_eq!(said.matches("warning[unique-name]").count(), 1, "{said}");
    assert!(!said.contains("error"), "{said}");
    project.edit(
        "deskstate.yaml",
        "spec:\n",
        "spec:\n  policy: {missing-parameter: allow, tab-parameters: allow, unique-name: allow}\n",
    );
    assert_eq!(project.run(&["validate"]).ended(0).err, "");
    project.edit("deskstate.yaml", ", names: [msdyn_Contoso_Tab]", "");
    says(
        &project.run(&["validate"]).ended(3).err,
        &["error[reserved-prefix]", "owns.names"],
    );
    project.edit(
        "deskstate.yaml",
        "owns: {prefixes: [contoso]",
        "owns: {prefixes: [contoso, msdyn]",
    );
    says(
        &project.run(&["validate"]).ended(3).err,
        &["`msdyn` is Microsoft's prefix and cannot be owned"],
    );
}

/// Rows of CIF v1 providers contain IDs joined by `;`: security roles, always including System Administrator and System Customizer, and app
/// modules. Every guide for CIF v1 tells readers to "select roles and apps".
#[test]
fn a_cif_v1_provider_names_its_roles_and_apps() {
    let server = Server::plain();
    let provider = |selectors: &str| {
        document(
            "CifProvider",
            "Contoso softphone",
            &format!(
                "{{label: Softphone, channelUrl: \"https://cti.example/\", channelOrder: 1, {selectors}}}"
            ),
        )
    };
    let project = Project::desk(
        &server,
        "",
        "",
        &provider(
            "roles: [Customer Service Representative], apps: [CustomerServiceHub, omniChannelEngagementHub]",
        ),
    );
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(&plan.out, &["1 request to read"]);
    project.apply();
    in_sync(&project);
    let role = |name: &str| {
        server.found(
            "roles",
            "roleid",
            &format!("name eq '{name}' and _parentroleid_value eq null"),
        )
    };
    let app = |name: &str| {
        server.found(
            "appmodules",
            "appmoduleid",
            &format!("uniquename eq '{name}'"),
        )
    };
    let row = row(
        &server,
        "msdyn_ciproviders",
        "msdyn_name eq 'Contoso softphone'",
    );
    let ids = |column: &str| {
        let mut ids: Vec<String> = row[column]
            .as_str()
            .unwrap()
            .split(';')
            .map(str::to_owned)
            .collect();
        ids.sort();
        ids
    };
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(
        ids("msdyn_roleselector"),
        sorted(vec![
            role("System Administrator"),
            role("System Customizer"),
            role("Customer Service Representative"),
        ])
    );
    assert_eq!(
        ids("msdyn_appselector"),
        sorted(vec![
            app("CustomerServiceHub"),
            app("OmniChannelEngagementHub")
        ])
    );
    // The product grants its rights to all roles but the last two.
    let roles = row["msdyn_roleselector"].as_str().unwrap();
    assert!(
        roles.starts_with(&role("Customer Service Representative")),
        "{roles}"
    );
    // Upper case makes no difference, nor does the order of the administrators.
    let path = format!(
        "msdyn_ciproviders({})",
        row["msdyn_ciproviderid"].as_str().unwrap()
    );
    let store = |names: [&str; 3]| {
        let ids = names.map(role).join(";").to_uppercase();
        server.patch(&path, &json!({"msdyn_roleselector": ids}).to_string());
    };
    let (agents, first, last) = (
        "Customer Service Representative",
        "System Administrator",
        "System Customizer",
    );
    store([agents, last, first]);
    in_sync(&project);
    // Among the last two, agents would not see the widget.
    store([first, last, agents]);
    let planned = project.run(&["plan", "--env", "server"]).ended(0);
    says(
        &planned.err,
        &[
            "[role-order]",
            "Customer Service Representative is among the last two",
        ],
    );
    project
        .run(&["export", "--env", "server", "--out", "exported"])
        .ended(0);
    let written = project.read("exported/cif-providers/Contoso-softphone.yaml");
    says(
        &written,
        &[
            "roles: [Customer Service Representative]\n",
            "apps: [CustomerServiceHub, OmniChannelEngagementHub]\n",
        ],
    );
    assert!(!written.contains("Selector"), "{written}");
    // An additional role is drift in the words of the manifest, and can be adopted.
    let more = [agents, "CSR Manager", last, first].map(role).join(";");
    server.patch(&path, &json!({"msdyn_roleselector": more}).to_string());
    let drift = project.run(&["drift", "--env", "server"]).ended(2);
    says(&drift.out, &["roles"]);
    project.run(&["adopt", "--env", "server"]).ended(0);
    says(&project.read("manifests/all.yaml"), &["CSR Manager"]);
    in_sync(&project);
    // An ID without a name stays as stored in the column.
    let opaque = format!("{more};11111111-1111-4111-8111-111111111111");
    server.patch(&path, &json!({"msdyn_roleselector": opaque}).to_string());
    project
        .run(&["export", "--env", "server", "--out", "opaque"])
        .ended(0);
    let written = project.read("opaque/cif-providers/Contoso-softphone.yaml");
    says(&written, &[&format!("roleSelector: {opaque}")]);
    assert!(!written.contains("roles:"), "{written}");
    project.write(
        "manifests/all.yaml",
        &provider(&format!(
            "roleSelector: \"{opaque}\", apps: [CustomerServiceHub, omniChannelEngagementHub]"
        )),
    );
    in_sync(&project);
    // No apps: Dataverse keeps an empty text as none.
    for none in ["[]", "{mode: exact, members: []}"] {
        let with = "roles: [CSR Manager], apps: [CustomerServiceHub]".to_owned();
        let without = format!("roles: [CSR Manager], apps: {none}");
        for fields in [with, without] {
            project.write("manifests/all.yaml", &provider(&fields));
            // Nobody knows how many agents lose the softphone.
            let allow = [
                "empty=CifProvider.apps:1",
                "unlink=CifProvider.apps:1",
                "unlink=CifProvider.roles:2",
            ];
            let allow = allow.map(|one| ["--allow", one]).concat();
            let apply = [&["apply", "--env", "server", "--yes"][..], &allow].concat();
            project.run(&apply).ended(0);
            in_sync(&project);
        }
    }
    project
        .run(&["export", "--env", "server", "--out", "none"])
        .ended(0);
    let written = project.read("none/cif-providers/Contoso-softphone.yaml");
    says(&written, &["apps: []\n"]);
    let guide = project.run(&["guide"]).ended(0).out;
    says(&guide, &["leave it empty"]);
    project.write("manifests/all.yaml", &provider("apps: []"));
    says(
        &project.run(&["validate"]).ended(3).err,
        &["`roles` is missing"],
    );
    project.write(
        "manifests/all.yaml",
        &provider("roles: [], roleSelector: x"),
    );
    says(&project.run(&["validate"]).ended(3).err, &["error[one-of]"]);
}

/// A row of 2023 has `{"data":{"value":"{anchor.title}"},"url":{"value":"https:\/\/www.bing.example\/search?q="}}` in
/// `msdyn_templateparameters`; Microsoft's older sample for Twilio has the container page with `cif_thirdpartyurl`. Both mean the same.
#[test]
fn both_stored_forms_of_a_website_are_in_sync_and_export_alike_and_the_newer_one_is_written() {
    const OLD: &str = r#"{"webresourceName":{"value":"msdyn_CECExternalWebPageContainer.html"},"data":{"value":"cif_thirdpartyurlhttps:\/\/www.bing.example\/search?q%3D{anchor.title}"}}"#;
    const NEW: &str = r#"{"data":{"value":"{anchor.title}"},"url":{"value":"https:\/\/www.bing.example\/search?q="}}"#;
    let server = Server::plain();
    let spec = |url: &str| {
        document(
            "ApplicationTab",
            "contoso_search",
            &format!(
                "{{displayName: Search, pageType: ThirdPartyWebsite, parameters: {{url: \"{url}\", data: \"{{anchor.title}}\"}}}}"
            ),
        )
    };
    let project = Project::desk(&server, "", "", &spec("https://www.bing.example/search?q="));
    project.apply();
    let tab = row(
        &server,
        "msdyn_applicationtabtemplates",
        "msdyn_uniquename eq 'contoso_search'",
    );
    let copy = |row: &Json| -> Json {
        serde_json::from_str(row["msdyn_templateparameters"].as_str().unwrap()).unwrap()
    };
    assert_eq!(copy(&tab), serde_json::from_str::<Json>(NEW).unwrap());
    let path = format!(
        "msdyn_applicationtabtemplates({})",
        tab["msdyn_applicationtabtemplateid"].as_str().unwrap()
    );
    let mut exports = Vec::new();
    for (name, form) in [("old", OLD), ("new", NEW)] {
        server.patch(
            &path,
            &json!({"msdyn_templateparameters": form}).to_string(),
        );
        in_sync(&project);
        project
            .run(&["export", "--env", "server", "--out", name])
            .ended(0);
        exports.push(project.read(&format!("{name}/application-tabs/contoso_search.yaml")));
    }
    assert_eq!(exports[0], exports[1]);
    says(
        &exports[0],
        &[
            "url: https://www.bing.example/search?q=\n",
            "data: \"{anchor.title}\"\n",
        ],
    );
    // A different value is a difference in either form.
    for form in [OLD, NEW] {
        let other = form.replace("search?q", "other?q");
        server.patch(
            &path,
            &json!({"msdyn_templateparameters": other}).to_string(),
        );
        project
            .run(&["plan", "--env", "server", "--detailed-exitcode"])
            .ended(2);
    }
    server.patch(&path, &json!({"msdyn_templateparameters": OLD}).to_string());
    project.write(
        "manifests/all.yaml",
        &spec("https://www.bing.example/images?q="),
    );
    project.apply();
    let tab = server.get(&format!("/api/data/v9.2/{path}"));
    assert_eq!(
        copy(&tab)["url"]["value"],
        json!("https://www.bing.example/images?q=")
    );
}

/// Rows of exported solutions: profiles with a productivity pane are linked to the extension `pp_loader`. The tab of a tool is named
/// `<tool>_<profile>_pane_tab` in the pane `<profile>_pp`, with the orders 10, 20, 30. The tools are `msdyn_smartassist_tool_config`,
/// `msdyn_callscript_tool_config` and `msdyn_knowledgesearch_tool_config`.
#[test]
fn a_pane_has_the_names_and_orders_of_the_product_and_brings_its_loader() {
    let server = Server::plain();
    let profile = |more: &str| {
        document(
            "AppProfile",
            "contoso_agents",
            &format!(
                "{{displayName: Agents, app: CustomerServiceApps, productivityPane: contoso_agents_pp{more}}}"
            ),
        )
    };
    let pane = |tools: &[&str]| {
        let tools: Vec<String> = tools
            .iter()
            .map(|tool| format!("{{tool: {tool}}}"))
            .collect();
        document(
            "ProductivityPane",
            "contoso_agents_pp",
            &format!("{{displayName: Pane, tools: [{}]}}", tools.join(", ")),
        )
    };
    let existing: String = [
        "msdyn_smartassist_tool_config",
        "msdyn_callscript_tool_config",
        "msdyn_knowledgesearch_tool_config",
    ]
    .iter()
    .map(|tool| format!("---\napiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {{name: {tool}, state: existing}}\n"))
    .collect();
    let two = [
        "msdyn_smartassist_tool_config",
        "msdyn_callscript_tool_config",
    ];
    let project = Project::desk(&server, "", "", &(profile("") + &pane(&two) + &existing));
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(&plan.out, &["+ pp_loader  comes with a productivity pane"]);
    project.apply();
    in_sync(&project);
    let tabs = || {
        let rows = server.get("/api/data/v9.2/msdyn_panetabconfigurations?$filter=contains(msdyn_uniquename,'contoso_agents')&$orderby=msdyn_order");
        let rows = rows["value"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| {
                (
                    row["msdyn_uniquename"].as_str().unwrap().to_owned(),
                    row["msdyn_order"].as_i64().unwrap(),
                )
            })
            .collect::<Vec<_>>()
    };
    let tab = |tool: &str, order: i64| (format!("{tool}_contoso_agents_pane_tab"), order);
    assert_eq!(tabs(), [tab(two[0], 10), tab(two[1], 20)]);
    // A third tool at the end does not move the others.
    let three = [two[0], two[1], "msdyn_knowledgesearch_tool_config"];
    project.write(
        "manifests/all.yaml",
        &(profile("") + &pane(&three) + &existing),
    );
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    assert_eq!(plan.out.matches(".order").count(), 1, "{}", plan.out);
    project.apply();
    assert_eq!(
        tabs(),
        [tab(two[0], 10), tab(two[1], 20), tab(three[2], 30)]
    );
    // Removing the loader is a finding; leaving it out deliberately is stated in the manifest, and in an export.
    let without = ", extensions: {mode: atLeast, members: [], without: [pp_loader]}";
    project.write(
        "manifests/all.yaml",
        &(profile(without) + &pane(&three) + &existing),
    );
    says(
        &project.run(&["plan", "--env", "server"]).ended(4).err,
        &[
            "loses `pp_loader`",
            "--allow loader=AppProfile/contoso_agents",
        ],
    );
    project
        .run(&[
            "apply",
            "--env",
            "server",
            "--yes",
            "--allow",
            "loader=AppProfile/contoso_agents:1",
            "--allow",
            "empty=AppProfile.extensions:1",
            "--allow",
            "empty=AppProfile.extensions:1",
        ])
        .ended(0);
    project
        .run(&["export", "--env", "server", "--out", "exported"])
        .ended(0);
    says(
        &project.read("exported/app-profiles/contoso_agents.yaml"),
        &["without: [pp_loader]"],
    );
    in_sync(&project);
}

/// A row created on the product's own page has `msdyn_sessiontype` 1 with `msdyn_type` 0.
#[test]
fn the_first_of_the_two_types_of_a_session_decides() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &support::session("x"));
    project.apply();
    let id = server.found(
        "msdyn_sessiontemplates",
        "msdyn_sessiontemplateid",
        "msdyn_uniquename eq 'contoso_calls'",
    );
    server.patch(
        &format!("msdyn_sessiontemplates({id})"),
        "{\"msdyn_type\":false}",
    );
    in_sync(&project);
    project
        .run(&["export", "--env", "server", "--out", "exported"])
        .ended(0);
    says(
        &project.read("exported/session-templates/contoso_calls.yaml"),
        &["type: Entity"],
    );
}

/// Rows of notification fields in exported solutions have no `msdyn_order`, and the page has no box for it.
#[test]
fn fields_of_a_notification_need_no_order() {
    let server = Server::plain();
    let all = document(
        "NotificationField",
        "contoso_shared",
        "{displayName: Shared, header: Shared, value: \"{caseTitle}\"}",
    ) + &document(
        "NotificationTemplate",
        "contoso_call",
        "{displayName: Call, title: Call, timeoutSeconds: 30, fields: [{header: Caller, value: \"{customerName}\"}, {header: Case, value: \"{caseTitle}\"}]}",
    );
    let project = Project::desk(&server, "", "", &all);
    project.apply();
    in_sync(&project);
    let rows = server.get(
        "/api/data/v9.2/msdyn_notificationfields?$filter=startswith(msdyn_uniquename,'contoso_')",
    );
    for row in rows["value"].as_array().unwrap() {
        let id = row["msdyn_notificationfieldid"].as_str().unwrap();
        server.patch(
            &format!("msdyn_notificationfields({id})"),
            "{\"msdyn_order\":null}",
        );
    }
    in_sync(&project);
    project
        .run(&["export", "--env", "server", "--out", "exported"])
        .ended(0);
    let written = project.read("exported/notification-templates/contoso_call.yaml");
    says(&written, &["header: Caller", "header: Case"]);
    assert!(!written.contains("order"), "{written}");
    // A position given in the manifest is written.
    project.edit(
        "manifests/all.yaml",
        "header: Case,",
        "header: Case, order: 7,",
    );
    project.apply();
    in_sync(&project);
    let row = row(
        &server,
        "msdyn_notificationfields",
        "msdyn_uniquename eq 'contoso_call_case'",
    );
    assert_eq!(row["msdyn_order"], json!(7));

    // A field that somebody adds on the admin page comes last.
    project.edit(
        "manifests/all.yaml",
        "header: Case, order: 7,",
        "header: Case,",
    );
    project.apply();
    let template = server.found(
        "msdyn_notificationtemplates",
        "msdyn_notificationtemplateid",
        "msdyn_uniquename eq 'contoso_call'",
    );
    let added = json!({"msdyn_uniquename": "contoso_added", "msdyn_name": "Added", "msdyn_title": "Added", "msdyn_value": "{caseId}"});
    let added = support::by_hand::make(&server, "msdyn_notificationfields", &added);
    support::by_hand::link(
        &server,
        &format!("msdyn_notificationtemplates({template})"),
        "msdyn_notificationtemplate_notificationfield",
        &format!("msdyn_notificationfields({added})"),
    );
    project.run(&["drift", "--env", "server"]).ended(2);
    project.run(&["adopt", "--env", "server"]).ended(0);
    says(&project.read("manifests/all.yaml"), &["header: Added"]);
    in_sync(&project);
}

/// Steps, parameters, role mappings and pane tabs have a state of their own, which manifests do not have.
#[test]
fn an_inactive_part_is_reported_by_plan_drift_and_export() {
    let server = Server::plain();
    let project = Project::desk(
        &server,
        "",
        "",
        &document(
            "AgentScript",
            "contoso_script",
            "{displayName: Script, language: 1033, steps: [{displayName: Hello, text: Say hello}]}",
        ),
    );
    project.apply();
    in_sync(&project);
    let step = server.found(
        "msdyn_productivityagentscriptsteps",
        "msdyn_productivityagentscriptstepid",
        "msdyn_name eq 'Hello'",
    );
    server.patch(
        &format!("msdyn_productivityagentscriptsteps({step})"),
        r#"{"statecode": 1, "statuscode": 2}"#,
    );
    for command in ["plan", "drift"] {
        let run = project.run(&[command, "--env", "server"]).ended(0);
        let all = run.out.clone() + &run.err;
        says(
            &all,
            &[
                "inactive-row",
                "of AgentScript contoso_script is inactive in the environment",
            ],
        );
    }
    let run = project.run(&["export", "--env", "server", "AgentScript", "contoso_script"]);
    says(
        &run.ended(1).err,
        &[
            "warning: AgentScript contoso_script: `steps`: the row ",
            "is inactive",
        ],
    );
}

/// Exported expressions refer to the script by ID: `"callscriptId":"7d19…"`.
#[test]
fn an_expression_names_scripts_by_name_and_ids_that_no_script_has_are_reported() {
    let server = Server::plain();
    let script = document(
        "AgentScript",
        "contoso_script",
        "{displayName: Script, language: 1033, steps: [{displayName: Hello, text: Say hello}]}",
    );
    let session = |script: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {{name: contoso_calls}}\nspec:\n  displayName: Calls\n  type: Entity\n  entity: incident\n  scripts: [contoso_script]\n  enableBuildExpression: true\n  expressionData:\n    rules:\n      - when: x\n        callscriptId: {script}\n    else:\n      callscriptId: 7d190000-0000-4000-8000-00000000aaaa\n"
        )
    };
    let project = Project::desk(
        &server,
        "",
        "",
        &(script.clone() + &session("{name: contoso_script}")),
    );
    says(
        &project.run(&["validate"]).ended(0).err,
        &[
            "warning[id-in-manifest]: `expressionData` holds the id `7d190000-0000-4000-8000-00000000aaaa` of a script",
        ],
    );
    project.apply();
    let plan = project.run(&["plan", "--env", "server", "--detailed-exitcode"]);
    says(&plan.ended(0).err, &["[id-in-manifest]"]);
    let id = server.found(
        "msdyn_productivityagentscripts",
        "msdyn_productivityagentscriptid",
        "msdyn_uniquename eq 'contoso_script'",
    );
    let row = row(
        &server,
        "msdyn_sessiontemplates",
        "msdyn_uniquename eq 'contoso_calls'",
    );
    assert_eq!(
        row["msdyn_expressiondata"],
        json!(format!(
            r#"{{"rules":[{{"when":"x","callscriptId":"{id}"}}],"else":{{"callscriptId":"7d190000-0000-4000-8000-00000000aaaa"}}}}"#
        ))
    );
    let run = project
        .run(&["export", "--env", "server", "--out", "exported"])
        .ended(1);
    says(
        &run.err,
        &[
            "warning: SessionTemplate contoso_calls: `expressionData`: its AgentScript 7d190000-0000-4000-8000-00000000aaaa cannot be named",
        ],
    );
    let written = project.read("exported/session-templates/contoso_calls.yaml");
    assert!(!written.contains(&id), "{written}");
    says(
        &written,
        &["contoso_script", "7d190000-0000-4000-8000-00000000aaaa"],
    );
    project.write(
        "manifests/all.yaml",
        &(script + &session("{name: contoso_other}")),
    );
    // An undeclared script is found without an environment.
    says(
        &project.run(&["validate"]).ended(3).err,
        &[
            "no manifest declares AgentScript contoso_other",
            "in `expressionData`",
        ],
    );
}

/// Dataverse refuses a unique name whose prefix belongs to no publisher: "must start with a valid customization prefix".
#[test]
fn the_embedded_environment_has_publishers_for_owned_prefixes_and_a_plan_refuses_others_itself() {
    let server = Server::plain();
    let field = document(
        "NotificationField",
        "acme_field",
        "{displayName: F, header: F}",
    );
    let project = Project::desk(&server, "", "", &field);
    project.set_environments("    local: {emulator: {state: .deskstate/local.json}}\n");
    let plan = project.run(&["plan", "--env", "local"]).ended(4);
    says(
        &plan.err,
        &["error[unknown-prefix]", "`acme`", "owns.prefixes"],
    );
    project.edit(
        "deskstate.yaml",
        "spec:\n",
        "spec:\n  owns: {prefixes: [Acme]}\n",
    );
    project.run(&["plan", "--env", "local"]).ended(0);
    project.run(&["apply", "--env", "local", "--yes"]).ended(0);
    project
        .run(&["plan", "--env", "local", "--detailed-exitcode"])
        .ended(0);
}

/// Adds a user to a team.
#[track_caller]
fn joins(server: &Server, team: &str, user: &str) {
    let user = server.found(
        "systemusers",
        "systemuserid",
        &format!("domainname eq '{user}'"),
    );
    let url = &server.url;
    let reply = server.request(
        "POST",
        &format!("/api/data/v9.2/teams({team})/teammembership_association/$ref"),
        &json!({"@odata.id": format!("{url}/api/data/v9.2/systemusers({user})")}).to_string(),
        "",
    );
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
}

/// Microsoft's page on default profiles: a profile belongs to users, and role mapping does not apply through teams. The members of a team
/// are therefore assigned individually.
#[test]
fn the_members_of_a_team_are_shown_as_people_with_the_team_as_their_source() {
    let server = Server::plain();
    let profile = document(
        "AppProfile",
        "contoso_voice",
        "{displayName: Voice, app: CustomerServiceApps, users: {mode: exact, fromTeams: [Voice agents]}}",
    );
    let project = Project::desk(&server, "", "", &profile);
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(
        &plan.out,
        &[
            "+ ada@contoso.com  in team Voice agents",
            "+ lin@contoso.com  in team Voice agents",
        ],
    );
    project.apply();
    in_sync(&project);
    let team = server.found("teams", "teamid", "name eq 'Voice agents'");
    let lin = server.found(
        "systemusers",
        "systemuserid",
        "domainname eq 'lin@contoso.com'",
    );
    let reply = server.request(
        "DELETE",
        &format!("/api/data/v9.2/teams({team})/teammembership_association({lin})/$ref"),
        "",
        "",
    );
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    let plan = project.run(&["plan", "--env", "server"]);
    says(&plan.out, &["lin@contoso.com  not in team Voice agents"]);
    let drift = project.run(&["drift", "--env", "server"]).ended(2);
    says(&drift.out, &["lin@contoso.com", "not in team Voice agents"]);
    // For users who left or joined the team, drift and `who` name the team.
    joins(&server, &team, "nora@contoso.com");
    let drift = project.run(&["drift", "--env", "server"]).ended(2);
    says(&drift.out, &["nora@contoso.com", "in team Voice agents"]);
    let who = |user: &str| project.run(&["who", user, "--env", "server"]).ended(0).out;
    says(
        &who("ada@contoso.com"),
        &["gets  AppProfile contoso_voice  assigned directly, from the team Voice agents"],
    );
    let left = who("lin@contoso.com");
    says(
        &left,
        &["gets  AppProfile contoso_voice  assigned directly\n"],
    );
    let json = project.run(&[
        "who",
        "ada@contoso.com",
        "--env",
        "server",
        "--format",
        "json",
    ]);
    let json: Json = serde_json::from_str(&json.ended(0).out).unwrap();
    assert_eq!(json["candidates"][0]["teams"], json!(["Voice agents"]));
    // Invalid manifests do not prevent the query. The missing information is then reported.
    let manifests = project.read("manifests/all.yaml");
    project.write("manifests/all.yaml", &manifests.replace("users:", "user:"));
    let run = project
        .run(&["who", "ada@contoso.com", "--env", "server"])
        .ended(0);
    says(&run.out, &["assigned directly\n"]);
    says(
        &run.err,
        &["the manifests have 1 error, so no team is named"],
    );
    project.write("manifests/all.yaml", &manifests);
    let explained = project.run(&["explain", "AppProfile.users"]).ended(0);
    says(&explained.out, &["fromTeams", "moves: allow"]);
}

/// Dataverse stores the members of a team for an Entra group (`teamtype` 2) like those of any other team, once they have been in the
/// environment.
#[test]
fn a_team_of_an_entra_group_gives_its_members() {
    let server = Server::plain();
    let unit = server.found(
        "businessunits",
        "businessunitid",
        "name eq 'Contoso Service'",
    );
    let team = json!({
        "name": "Contact center", "teamtype": 2, "azureactivedirectoryobjectid": "7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c99",
        "businessunitid@odata.bind": format!("/businessunits({unit})"),
    });
    let reply = server.request("POST", "/api/data/v9.2/teams", &team.to_string(), "");
    assert!(reply.starts_with("HTTP/1.1 204"), "{reply}");
    let team = server.found("teams", "teamid", "name eq 'Contact center'");
    joins(&server, &team, "nora@contoso.com");
    let profile = document(
        "AppProfile",
        "contoso_voice",
        "{displayName: Voice, app: CustomerServiceApps, users: {mode: exact, fromTeams: [Contact center]}}",
    );
    let project = Project::desk(&server, "", "", &profile);
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(&plan.out, &["+ nora@contoso.com  in team Contact center"]);
    project.apply();
    in_sync(&project);
    let who = project.run(&["who", "nora@contoso.com", "--env", "server"]);
    says(&who.ended(0).out, &["from the team Contact center"]);
}

/// Guides tell readers to "pick an existing tab" and show the names of the admin pages. Microsoft's examples of `createSession` and
/// `createTab` use `case_entity_session_default_template`, `msdyn_chat_session` and `msdyn_entityrecord`.
#[test]
fn a_display_name_in_place_of_a_unique_name_gets_the_unique_name() {
    let server = Server::plain();
    let session = |anchor: &str| {
        document(
            "SessionTemplate",
            "contoso_calls",
            &format!("{{displayName: Calls, type: Generic, title: x, anchorTab: {anchor}}}"),
        )
    };
    let tab = document(
        "ApplicationTab",
        "contoso_orders",
        "{displayName: Open orders, pageType: EntityList, parameters: {entityName: contact}}",
    );
    let profile = |template: &str| {
        document(
            "AppProfile",
            "contoso_agents",
            &format!(
                "{{displayName: Agents, app: CustomerServiceApps, sessionTemplates: [{template}]}}"
            ),
        )
    };
    let project = Project::desk(&server, "", "", "");
    let refused = |manifests: String| {
        project.write("manifests/all.yaml", &manifests);
        project.run(&["validate"]).ended(3).err
    };
    says(
        &refused(session("Open Orders") + &tab),
        &["`Open Orders` is the display name; write the unique name, `contoso_orders`"],
    );
    says(
        &refused(session("Entity record")),
        &["write the unique name, `msdyn_entityrecord`"],
    );
    says(
        &refused(profile("Case entity session - default template")),
        &["write the unique name, `case_entity_session_default_template`"],
    );
    let said = refused(session("Customer Summary"));
    let command = "deskstate explain \"Customer Summary\" --env NAME";
    says(&said, &["whose unique name is not documented", command]);
    // Names that Microsoft documents need no declaration.
    project.write(
        "manifests/all.yaml",
        &(session("msdyn_entityrecord") + &profile("case_entity_session_default_template")),
    );
    project.run(&["plan", "--env", "server"]).ended(0);
    // The environment knows every name.
    let existing = "---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: customer summary, state: existing}\n";
    project.write(
        "manifests/all.yaml",
        &(session("msdyn_entityrecrd") + existing),
    );
    let before = server.stats()["httpRequests"].as_u64().unwrap();
    let plan = project.run(&["plan", "--env", "server"]).ended(1);
    assert_eq!(server.stats()["httpRequests"].as_u64(), Some(before + 1));
    says(
        &plan.err,
        &[
            "did you mean `msdyn_entityrecord`?",
            "`customer summary` is the display name; write the unique name, `msdyn_customersummary`",
        ],
    );
}

#[test]
fn explain_finds_rows_by_what_people_call_them() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", "");
    let explained = |arguments: &[&str]| project.run(&[&["explain"], arguments].concat());
    says(
        &explained(&["case entity session - default template"])
            .ended(0)
            .out,
        &[
            "Microsoft ships this SessionTemplate",
            "`case_entity_session_default_template`",
        ],
    );
    says(
        &explained(&["Customer Summary"]).ended(0).out,
        &["does not document its unique name"],
    );
    let found = explained(&["Customer Summary", "--env", "server"]).ended(0);
    assert_eq!(
        found.out,
        "ApplicationTab msdyn_customersummary  Customer Summary  managed\n"
    );
    assert_eq!(server.stats()["httpRequests"].as_u64(), Some(1));
    says(
        &explained(&["session - default", "--env", "server"])
            .ended(0)
            .out,
        &["SessionTemplate msdyn_chat_session  Chat session - default  managed\n"],
    );
    says(
        &explained(&["no such row", "--env", "server"]).ended(1).err,
        &["server has no row whose display name or unique name contains `no such row`"],
    );
}

/// The program's names of Microsoft's rows match those of the embedded environment, which has a separate list.
#[test]
fn microsofts_rows_are_called_alike_in_the_embedded_environment() {
    let server = Server::plain();
    for kind in deskstate_model::Kind::all() {
        let table = kind.table();
        for row in kind.definition().brings {
            let name = table.name.unwrap_or(table.label);
            let filter = match row.unique_name() {
                Some(unique) => format!("{name} eq '{unique}'"),
                None => format!("{} eq '{}'", table.label, row.label),
            };
            let filter = filter.replace('+', "%2B");
            let found = self::row(&server, table.set, &filter);
            assert!(found[name].is_string(), "{kind} {row:?}");
            assert!(
                row.label.is_empty() || found[table.label] == row.label,
                "{found}"
            );
        }
    }
}

/// Microsoft's page "Configure the Omnichannel dialer in Channel Integration Framework" edits the product's record, according to the values
/// of "Communication panel doesn't load": add Sales Hub to the apps, and one role. Users with System Administrator or System Customizer see
/// the dialer too.
#[test]
fn apps_and_roles_are_added_to_the_products_own_cif_v1_record() {
    let server = Server::plain();
    let provider = |more: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: CifProvider\nmetadata: {{name: Omnichannel, state: existing}}\nspec: {{apps: {{mode: atLeast, members: [msdynce_saleshub]}}, roles: {{mode: atLeast, members: [Customer Service Representative]{more}}}}}\n"
        )
    };
    let project = Project::desk(&server, "", "", &provider(""));
    assert_eq!(project.run(&["validate"]).ended(0).err, "");
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    assert!(!plan.err.contains("warning"), "{}", plan.err);
    says(
        &plan.out,
        &[
            "1 request to read",
            "+ msdynce_saleshub\n",
            "+ Customer Service Representative\n",
        ],
    );
    project.apply();
    in_sync(&project);
    let names = |column: &str, set: &str, key: &str, name: &str| {
        let row = row(&server, "msdyn_ciproviders", "msdyn_name eq 'Omnichannel'");
        let ids = row[column].as_str().unwrap().split(';').map(str::to_owned);
        let mut names: Vec<String> = ids
            .map(|id| {
                let row = self::row(&server, set, &format!("{key} eq {id}"));
                row[name].as_str().unwrap().to_owned()
            })
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names("msdyn_appselector", "appmodules", "appmoduleid", "name"),
        ["Omnichannel for Customer Service", "Sales Hub"]
    );
    let own = [
        "Omnichannel administrator",
        "Omnichannel agent",
        "Omnichannel supervisor",
        "System Administrator",
        "System Customizer",
    ];
    let roles = || names("msdyn_roleselector", "roles", "roleid", "name");
    assert_eq!(
        roles(),
        [&["Customer Service Representative"], &own[..]].concat()
    );
    // A role that must not see it is removed, and nothing else.
    project.write(
        "manifests/all.yaml",
        &provider(", without: [Omnichannel agent]"),
    );
    let allow = ["--allow", "unlink=CifProvider.roles:1"];
    let apply = [&["apply", "--env", "server", "--yes"][..], &allow].concat();
    project.run(&apply).ended(0);
    in_sync(&project);
    assert!(!roles().contains(&"Omnichannel agent".to_owned()));
    assert_eq!(roles().len(), 5);
    // The page shows the name of the app, not its unique name.
    let by_name = provider("").replace("msdynce_saleshub", "Sales hub");
    project.write("manifests/all.yaml", &by_name);
    says(
        &project.run(&["plan", "--env", "server"]).ended(1).err,
        &["`Sales hub` is the display name; write the unique name, `msdynce_saleshub`"],
    );
    // An exact list on a record that belongs to somebody else is probably a mistake.
    project.write(
        "manifests/all.yaml",
        "apiVersion: deskstate/v1\nkind: CifProvider\nmetadata: {name: Omnichannel, state: existing}\nspec: {apps: [msdynce_saleshub]}\n",
    );
    says(
        &project.run(&["validate"]).ended(0).err,
        &["warning[exact-on-existing]"],
    );
}

#[test]
fn names_of_roles_and_apps_are_shown_as_words() {
    let server = Server::plain();
    let provider = |roles: &str| {
        document(
            "CifProvider",
            "Contoso softphone",
            &format!(
                "{{label: Softphone, channelUrl: \"https://cti.example/\", channelOrder: 1, roles: [{roles}]}}"
            ),
        )
    };
    let project = Project::desk(&server, "", "", &provider("CSR Manager, Omnichannel agent"));
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(&plan.out, &["+ CSR Manager\n", "+ Omnichannel agent\n"]);
    project.apply();
    project.write("manifests/all.yaml", &provider("Omnichannel agent"));
    let plan = project.run(&["plan", "--env", "server"]).ended(4);
    says(&plan.out, &["1 request to read", "− CSR Manager\n"]);
    assert!(!plan.out.contains('['), "{}", plan.out);
}

/// Two vendors' guides and one of Microsoft's labs give their own rows names that begin with `msdyn_`.
#[test]
fn pruning_and_export_tell_own_names_from_microsofts() {
    let server = Server::plain();
    let tab = |name: &str| {
        document(
            "ApplicationTab",
            name,
            "{displayName: Tab, pageType: EntityList, parameters: {entityName: contact}}",
        )
    };
    let project = Project::desk(
        &server,
        "prune: owned\nowns: {prefixes: [contoso], names: [msdyn_Contoso_Tab]}",
        "",
        &(tab("msdyn_contoso_tab") + &tab("contoso_tab") + &tab("contoso_old")),
    );
    project.apply();
    in_sync(&project);
    project
        .run(&["export", "--env", "server", "--out", "own"])
        .ended(0);
    let own = project.read("own/application-tabs/msdyn_contoso_tab.yaml");
    assert!(!own.contains("state:"), "{own}");
    says(&own, &["entityName: contact"]);
    project.write("manifests/all.yaml", &own);
    in_sync_with(
        &project,
        &[
            "- ApplicationTab contoso_old",
            "- ApplicationTab contoso_tab",
        ],
    );
    // Neither of the two is declared any more: the one with an owned prefix is deleted, the other one stays, as do all of Microsoft's rows.
    project.write("manifests/all.yaml", &tab("contoso_tab"));
    let plan = project.run(&["plan", "--env", "server"]);
    says(
        &plan.out,
        &[
            "- ApplicationTab contoso_old",
            "0 to create, 0 to update, 1 to delete",
        ],
    );
    // In a project that does not list the name, the row belongs to somebody else.
    project.edit("deskstate.yaml", ", names: [msdyn_Contoso_Tab]", "");
    project
        .run(&["export", "--env", "server", "--out", "foreign"])
        .ended(0);
    says(
        &project.read("foreign/application-tabs/msdyn_contoso_tab.yaml"),
        &["state: existing"],
    );
}

#[track_caller]
fn in_sync_with(project: &Project, deletes: &[&str]) {
    let plan = project.run(&["plan", "--env", "server"]);
    says(&plan.out, deletes);
    says(&plan.out, &["0 to create, 0 to update"]);
}

/// Exported rows contain IDs of views in upper case (`viewId: 00000000-0000-0000-00AA-…`), and one of Microsoft's pages writes `True` for
/// `validateRecord`, where rows contain `true`.
#[test]
fn the_case_of_ids_and_flags_in_parameters_is_no_difference() {
    let server = Server::plain();
    let tabs = |view: &str, flag: &str| {
        document(
            "ApplicationTab",
            "contoso_list",
            &format!(
                "{{displayName: List, pageType: EntityList, parameters: {{entityName: contact, viewId: {view}}}}}"
            ),
        ) + &document(
            "ApplicationTab",
            "contoso_record",
            &format!(
                "{{displayName: Record, pageType: EntityRecord, parameters: {{entityName: contact, validateRecord: \"{flag}\"}}}}"
            ),
        )
    };
    const UPPER: &str = "00000000-0000-0000-00AA-000010001001";
    let project = Project::desk(&server, "", "", &tabs(UPPER, "True"));
    assert_eq!(project.run(&["validate"]).ended(0).err, "");
    project.apply();
    in_sync(&project);
    let parameter = |tab: &str, name: &str| {
        let filter = format!("msdyn_uniquename eq '{tab}_{name}'");
        let row = row(&server, "msdyn_templateparameters", &filter);
        (
            row["msdyn_templateparameterid"]
                .as_str()
                .unwrap()
                .to_owned(),
            row["msdyn_value"].as_str().unwrap().to_owned(),
        )
    };
    assert!(
        parameter("contoso_list", "viewId")
            .1
            .eq_ignore_ascii_case(UPPER)
    );
    assert!(
        parameter("contoso_record", "validateRecord")
            .1
            .eq_ignore_ascii_case("true")
    );
    for (tab, name, value) in [
        ("contoso_list", "viewId", UPPER.to_owned()),
        ("contoso_record", "validateRecord", "True".to_owned()),
    ] {
        let id = parameter(tab, name).0;
        server.patch(
            &format!("msdyn_templateparameters({id})"),
            &json!({"msdyn_value": value}).to_string(),
        );
    }
    in_sync(&project);
    for (view, flag) in [(UPPER.to_lowercase(), "true"), (UPPER.to_owned(), "TRUE")] {
        project.write("manifests/all.yaml", &tabs(&view, flag));
        in_sync(&project);
    }
    project.write("manifests/all.yaml", &tabs(UPPER, "False"));
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(2);
}

/// The rows of the embedded environment that represent manual changes on the product's pages have the forms of exported solutions.
#[test]
fn rows_of_the_products_own_pages_are_exported_as_manifests_that_plan_to_nothing() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", "");
    project
        .run(&[
            "export",
            "--env",
            "server",
            "--prefix",
            "alex",
            "--out",
            "manifests",
        ])
        .ended(0);
    let search = project.read("manifests/application-tabs/alex_search.yaml");
    says(
        &search,
        &[
            "url: https://www.bing.example/search?q=\n",
            "data: \"{anchor.title}\"\n",
        ],
    );
    let case = project.read("manifests/session-templates/alex_case.yaml");
    says(
        &case,
        &["type: Entity\n", "additionalTabs: [alex_search]\n"],
    );
    in_sync(&project);
}

/// `$${{` stands for the literal characters, even before the only value that comes from the environment.
#[test]
fn an_escaped_variable_stays_text_beside_the_id_of_the_organization() {
    let server = Server::plain();
    let provider = |url: &str| {
        document(
            "ChannelProvider",
            "contoso_cti",
            &format!("{{displayName: CTI, label: CTI, channelUrl: \"{url}\", channelOrder: 1}}"),
        )
    };
    let organization = server.get("/api/data/v9.2/WhoAmI")["OrganizationId"].clone();
    let organization = organization.as_str().unwrap();
    let literal = "${{ environment.organizationId }}";
    for (written, stored) in [
        (
            format!("https://cti.example/?org=${literal}"),
            format!("https://cti.example/?org={literal}"),
        ),
        (
            format!("https://cti.example/?org={literal}&as=${literal}"),
            format!("https://cti.example/?org={organization}&as={literal}"),
        ),
    ] {
        let project = Project::desk(&server, "contracts: [cti.yaml]", "", &provider(&written));
        project.write(
            "cti.yaml",
            &format!("apiVersion: deskstate/v1\nkind: Contract\nmetadata: {{name: cti}}\nspec:\n  rules:\n    - id: url\n      resource: {{kind: ChannelProvider, name: contoso_cti}}\n      locked: {{channelUrl: \"{written}\"}}\n"),
        );
        assert_eq!(project.run(&["validate"]).ended(0).err, "");
        project.apply();
        let row = row(
            &server,
            "msdyn_channelproviders",
            "msdyn_uniquename eq 'contoso_cti'",
        );
        assert_eq!(row["msdyn_channelurl"], json!(stored));
        in_sync(&project);
        project.run(&["check", "--env", "server"]).ended(0);
        project
            .run(&[
                "export", "--env", "server", "--prefix", "contoso", "--out", "exported",
            ])
            .ended(0);
        let exported = project.read("exported/channel-providers/contoso_cti.yaml");
        says(&exported, &[&format!("${literal}")]);
        let own = project.read("deskstate.yaml");
        project.edit("deskstate.yaml", "contracts: [cti.yaml]", "prune: never");
        project.write("manifests/all.yaml", &exported);
        in_sync(&project);
        project.write("deskstate.yaml", &own);
        // The project may also specify the ID.
        project.edit(
            "deskstate.yaml",
            "    server:\n",
            &format!("    server:\n      organizationId: {organization}\n"),
        );
        project.write("manifests/all.yaml", &provider(&written));
        in_sync(&project);
        project.run(&["check", "--env", "server"]).ended(0);
    }
}

/// Manually created rows are exported without naming a prefix. Rows of solutions that they use become `existing`; Microsoft's rows need no
/// document.
#[test]
fn an_export_of_what_people_made_leaves_out_microsofts_and_solutions_rows() {
    let server = Server::plain();
    let session = document(
        "SessionTemplate",
        "contoso_calls",
        "{displayName: Calls, type: Generic, title: x, anchorTab: fabrikam_warrantyTab, additionalTabs: [msdyn_customersummary]}",
    ) + "---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: fabrikam_warrantyTab, state: existing}\n";
    let project = Project::desk(&server, "", "", &session);
    project.apply();
    project.write("manifests/all.yaml", "");
    project
        .run(&[
            "export",
            "--env",
            "server",
            "--unmanaged",
            "--out",
            "manifests",
        ])
        .ended(0);
    let mut files = Vec::new();
    for folder in std::fs::read_dir(project.path().join("manifests")).unwrap() {
        let folder = folder.unwrap().path();
        if folder.is_dir() {
            for file in std::fs::read_dir(folder).unwrap() {
                files.push(file.unwrap().file_name().into_string().unwrap());
            }
        }
    }
    files.sort();
    assert_eq!(
        files,
        [
            "alex_case.yaml",
            "alex_inbox.yaml",
            "alex_search.yaml",
            "contoso_calls.yaml",
            "fabrikam_warrantyTab.yaml",
        ]
    );
    says(
        &project.read("manifests/application-tabs/fabrikam_warrantyTab.yaml"),
        &["state: existing"],
    );
    in_sync(&project);
}

/// Dataverse keeps a copy of each security role in every business unit (Microsoft, "Security roles and privileges"), and each copy has its
/// own `roleid`.
#[test]
fn a_mapping_to_the_copy_of_another_business_unit_is_a_difference() {
    let server = Server::plain();
    let unit = "Contoso Service";
    let profile = |roles: &str| {
        let spec =
            format!("{{displayName: Agents, app: CustomerServiceApps, rank: 7, roles: {roles}}}");
        document("AppProfile", "contoso_agents", &spec)
    };
    let project = Project::desk(&server, "", "", &profile("[Omnichannel agent]"));
    let declare = |roles: &str| project.write("manifests/all.yaml", &profile(roles));
    let mapped = || -> Vec<Json> {
        let mappings = server.get("/api/data/v9.2/msdyn_appprofilerolemappings?$filter=msdyn_appprofileid/msdyn_uniquename%20eq%20'contoso_agents'");
        let mut units: Vec<Json> = mappings["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|mapping| {
                let role = mapping["_msdyn_securityroleid_value"].as_str().unwrap();
                let path =
                    format!("/api/data/v9.2/roles({role})?$expand=businessunitid($select=name)");
                server.get(&path)["businessunitid"]["name"].clone()
            })
            .collect();
        units.sort_by_key(Json::to_string);
        units
    };
    project.apply();
    in_sync(&project);
    assert_eq!(mapped(), [json!("Contoso")]);

    declare(&format!(
        "[{{role: Omnichannel agent, businessUnit: {unit}}}]"
    ));
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(
        &plan.out,
        &[
            "− Omnichannel agent\n",
            "+ Omnichannel agent of Contoso Service",
        ],
    );
    project.apply();
    in_sync(&project);
    assert_eq!(mapped(), [json!(unit)]);

    declare(&format!(
        "[Omnichannel agent, {{role: Omnichannel agent, businessUnit: {unit}}}]"
    ));
    project.apply();
    in_sync(&project);
    assert_eq!(mapped(), [json!(unit), json!("Contoso")]);

    project
        .run(&[
            "export", "--env", "server", "--prefix", "contoso_", "--out", "exported",
        ])
        .ended(0);
    let exported = project.read("exported/app-profiles/contoso_agents.yaml");
    says(
        &exported,
        &[
            "    - Omnichannel agent\n",
            "    - role: Omnichannel agent\n      businessUnit: Contoso Service\n",
        ],
    );
    assert!(!exported.contains("name: contoso_agents_"), "{exported}");
    std::fs::rename(
        project
            .path()
            .join("exported/app-profiles/contoso_agents.yaml"),
        project.path().join("manifests/all.yaml"),
    )
    .unwrap();
    in_sync(&project);
}

/// Dataverse empties the lookup of a mapping whose profile is deleted (delete behaviour `RemoveLink`), and keeps the mapping.
#[test]
fn the_mapping_of_a_profile_that_somebody_deleted_is_used_again() {
    let server = Server::plain();
    let spec = "{displayName: A, app: CustomerServiceApps, rank: 7, roles: [CSR Manager]}";
    let all = document("AppProfile", "contoso_agents", spec);
    let project = Project::desk(&server, "", "", &all);
    project.apply();
    let profile = server.found(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "msdyn_uniquename eq 'contoso_agents'",
    );
    let path = format!("/api/data/v9.2/msdyn_appconfigurations({profile})");
    let deleted = server.request("DELETE", &path, "", "");
    assert!(deleted.starts_with("HTTP/1.1 204"), "{deleted}");
    let orphan = row(
        &server,
        "msdyn_appprofilerolemappings",
        "msdyn_uniquename eq 'contoso_agents_csrManager'",
    );
    assert_eq!(orphan["_msdyn_appprofileid_value"], json!(null));
    project.apply();
    in_sync(&project);
}

/// Dataverse refuses a second row with the same unique name where a key demands it.
#[test]
fn a_mapping_keeps_its_name_when_its_role_changes() {
    let server = Server::plain();
    let profile = |roles: &str| {
        let spec = format!("{{displayName: A, app: CustomerServiceApps, rank: 7, roles: {roles}}}");
        document("AppProfile", "contoso_agents", &spec)
    };
    let named = |role: &str| format!("{{role: {role}, name: contoso_agents_x}}");
    let project = Project::desk(
        &server,
        "",
        "",
        &profile(&format!("[{}]", named("CSR Manager"))),
    );
    project.apply();
    for role in [
        "Omnichannel agent",
        "Omnichannel agent, businessUnit: Contoso Service",
    ] {
        project.write(
            "manifests/all.yaml",
            &profile(&format!("[{}]", named(role))),
        );
        // Nobody knows how many agents the first role had.
        let allow = ["--yes", "--allow", "delete=AppProfile.roles:1"];
        let run = |arguments: &[&str]| project.run(&[arguments, &allow].concat()).ended(0);
        let undo = Project::undo_file(&run(&["apply", "--env", "server"]));
        in_sync(&project);
        run(&["undo", "--env", "server", &undo]);
        run(&["apply", "--env", "server"]);
        in_sync(&project);
    }
    let taken = format!(
        "[{{role: Omnichannel agent, businessUnit: Contoso Service}}, {}]",
        named("CSR Manager")
    );
    project.write("manifests/all.yaml", &profile(&taken));
    let refused = project.run(&["plan", "--env", "server"]).ended(1);
    says(
        &refused.err,
        &["error[part-elsewhere]", "this unique name is taken"],
    );
}

#[test]
fn copies_of_a_role_that_no_manifest_names_are_told_apart_and_adopted() {
    let server = Server::plain();
    let spec = "{displayName: A, app: CustomerServiceApps, rank: 7, roles: [Omnichannel agent]}";
    let all = document("AppProfile", "contoso_agents", spec);
    let project = Project::desk(&server, "", "", &all);
    project.apply();
    let profile = server.found(
        "msdyn_appconfigurations",
        "msdyn_appconfigurationid",
        "msdyn_uniquename eq 'contoso_agents'",
    );
    for unit in ["Contoso", "Contoso Service", "Contoso Back Office"] {
        let role = server.found(
            "roles",
            "roleid",
            &format!("name eq 'CSR Manager' and businessunitid/name eq '{unit}'"),
        );
        let mapping = json!({
            "msdyn_name": unit, "msdyn_uniquename": format!("new_{}", unit.replace(' ', "")),
            "msdyn_appprofileid@odata.bind": format!("/msdyn_appconfigurations({profile})"),
            "msdyn_securityroleid@odata.bind": format!("/roles({role})"),
        });
        support::by_hand::make(&server, "msdyn_appprofilerolemappings", &mapping);
    }
    let drift = project.run(&["drift", "--env", "server"]).ended(2);
    for told in [
        "+ CSR Manager\n",
        "+ CSR Manager of Contoso Service\n",
        "+ CSR Manager of Contoso Back Office\n",
    ] {
        assert_eq!(drift.out.matches(told).count(), 1, "{}", drift.out);
    }
    project.run(&["adopt", "--env", "server"]).ended(0);
    in_sync(&project);
}

#[test]
fn a_deleted_row_whose_name_is_taken_since_does_not_come_back() {
    let server = Server::plain();
    let project = Project::desk(&server, "", "", &support::tab("contoso_tab"));
    project.apply();
    let absent = "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {name: contoso_tab, state: absent}\n";
    project.write("manifests/all.yaml", absent);
    let undo = Project::undo_file(&project.apply());
    let made = json!({"msdyn_uniquename": "contoso_Tab", "msdyn_name": "A", "msdyn_title": "A", "msdyn_pagetype": 509_180_000});
    let other = support::by_hand::make(&server, "msdyn_applicationtabtemplates", &made);
    let refused = project
        .run(&["undo", "--env", "server", &undo, "--yes"])
        .ended(4);
    says(
        &refused.err,
        &[
            "error[undo-changed]",
            &format!("another row has its name since, {other}"),
        ],
    );
}

/// A role may be made in any business unit (Microsoft, "Create or edit a security role"); it is then no copy of another one.
#[test]
fn roles_of_one_name_that_are_no_copies_are_told_apart_by_their_business_units() {
    let server = Server::plain();
    for unit in ["Contoso Service", "Contoso Back Office"] {
        let unit = server.found(
            "businessunits",
            "businessunitid",
            &format!("name eq '{unit}'"),
        );
        let role = json!({"name": "Local agent", "businessunitid@odata.bind": format!("/businessunits({unit})")});
        support::by_hand::make(&server, "roles", &role);
    }
    let profile = |role: &str| {
        let spec =
            format!("{{displayName: A, app: CustomerServiceApps, rank: 7, roles: [{role}]}}");
        document("AppProfile", "contoso_agents", &spec)
    };
    let project = Project::desk(&server, "", "", &profile("Local agent"));
    let plan = project.run(&["plan", "--env", "server"]).ended(1);
    says(
        &plan.err,
        &["name its business unit: `{role: Agent, businessUnit: Berlin}`"],
    );
    let named = "{role: Local agent, businessUnit: Contoso Service}";
    project.write("manifests/all.yaml", &profile(named));
    project.apply();
    in_sync(&project);
    let exported = project
        .run(&["export", "--env", "server", "AppProfile", "contoso_agents"])
        .ended(0);
    says(
        &exported.out,
        &["- role: Local agent\n      businessUnit: Contoso Service"],
    );
}

#[test]
fn what_a_set_keeps_out_is_taken_out_and_a_name_that_means_nothing_is_told() {
    let server = Server::plain();
    let profile = |roles: &str, users: &str| {
        let spec = format!(
            "{{displayName: A, app: CustomerServiceApps, rank: 7, roles: {roles}, users: {users}}}"
        );
        document("AppProfile", "contoso_agents", &spec)
    };
    let all = profile("[CSR Manager, Omnichannel agent]", "[ada@contoso.com]");
    let project = Project::desk(&server, "", "", &all);
    project.apply();
    let without = |role: &str, user: &str| {
        profile(
            &format!("{{mode: atLeast, members: [Omnichannel agent], without: [{role}]}}"),
            &format!("{{mode: atLeast, members: [ada@contoso.com], without: [{user}]}}"),
        )
    };
    project.write(
        "manifests/all.yaml",
        &without("CSR Manger", "lim@contoso.com"),
    );
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(
        &plan.err,
        &[
            "`roles` keeps out `CSR Manger`, which the environment does not have",
            "`users` keeps out `lim@contoso.com`",
        ],
    );
    project.write(
        "manifests/all.yaml",
        &without("CSR Manager", "lin@contoso.com"),
    );
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(&plan.out, &["− CSR Manager"]);
    project.apply();
    in_sync(&project);
    let nowhere = "[{role: CSR Manager, businessUnit: Nowhere}]";
    project.write("manifests/all.yaml", &profile(nowhere, "[ada@contoso.com]"));
    let plan = project.run(&["plan", "--env", "server"]).ended(1);
    says(
        &plan.err,
        &["no security role `CSR Manager` in a business unit `Nowhere`"],
    );
}

#[test]
fn two_words_for_one_row_are_refused_before_anything_is_written() {
    let server = Server::plain();
    let profile = |spec: &str| {
        let spec = format!("{{displayName: A, app: CustomerServiceApps, rank: 7, {spec}}}");
        document("AppProfile", "contoso_agents", &spec)
    };
    let project = Project::desk(&server, "", "", "");
    let sofia = "7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11";
    for twice in [
        "roles: [CSR Manager, {role: CSR Manager, businessUnit: Contoso}]".to_owned(),
        format!("users: {{mode: atLeast, members: [sofia.lind@contoso.com], without: [{sofia}]}}"),
        "roles: {mode: atLeast, members: [CSR Manager], without: [{role: CSR Manager, businessUnit: Contoso}]}".to_owned(),
    ] {
        project.write("manifests/all.yaml", &profile(&twice));
        project.run(&["validate"]).ended(0);
        let refused = project.run(&["apply", "--env", "server", "--yes"]).ended(1);
        says(&refused.err, &["error[member-twice]", "in different words"]);
    }
    let mapped = server.get(
        "/api/data/v9.2/msdyn_appconfigurations?$filter=msdyn_uniquename%20eq%20'contoso_agents'",
    );
    assert_eq!(mapped["value"], json!([]));
}

/// The product names the tab of a tool in a pane after the tool and the profile: `msdyn_callscript_tool_config_…_pane_tab`.
#[test]
fn the_tools_of_an_own_pane_belong_to_the_pane_whatever_their_names_begin_with() {
    let server = Server::plain();
    let pane = |tools: &str| {
        document(
            "ProductivityPane",
            "contoso_pp",
            &format!("{{displayName: A, tools: [{tools}]}}"),
        )
    };
    let both = "{tool: msdyn_smartassist_tool_config}, {tool: msdyn_callscript_tool_config}";
    let project = Project::desk(&server, "", "", &pane(both));
    let undo = |applied: &support::Run| {
        let file = Project::undo_file(applied);
        project.run(&["undo", "--env", "server", &file, "--yes"])
    };
    undo(&project.apply()).ended(0);
    project.apply();
    let tabs = server.get("/api/data/v9.2/msdyn_panetabconfigurations?$filter=msdyn_ProductivityPaneId/msdyn_uniquename%20eq%20'contoso_pp'");
    let tabs = tabs["value"].as_array().unwrap();
    assert_eq!(tabs.len(), 2);
    for tab in tabs {
        assert_eq!(tab["ismanaged"], json!(false));
        let name = tab["msdyn_uniquename"].as_str().unwrap();
        assert!(name.starts_with("msdyn_"), "{name}");
    }

    project.write(
        "manifests/all.yaml",
        &pane("{tool: msdyn_callscript_tool_config, tooltip: Scripts}"),
    );
    project.apply();
    in_sync(&project);
    project.write("manifests/all.yaml", &pane(both));
    project.apply();
    in_sync(&project);
    project.write(
        "manifests/all.yaml",
        "apiVersion: deskstate/v1\nkind: ProductivityPane\nmetadata: {name: contoso_pp, state: absent}\n",
    );
    let gone = project.apply();
    undo(&gone).ended(0);
    project.write("manifests/all.yaml", &pane(both));
    in_sync(&project);
}

/// alexander-you/D365-easydo, script 33, adds one tool to the pane of a profile and leaves the others.
#[test]
fn a_tool_is_added_to_the_pane_of_somebody_else_as_suggested() {
    let server = Server::plain();
    let others = "{tool: msdyn_smartassist_tool_config}, {tool: msdyn_callscript_tool_config}";
    let pane = |state: &str, tools: &str| {
        format!(
            "---\napiVersion: deskstate/v1\nkind: ProductivityPane\nmetadata: {{name: cc1_desk_pp, state: {state}}}\nspec: {{tools: [{tools}]}}\n"
        )
    };
    let theirs = pane("present", others).replace("spec: {", "spec: {displayName: A, ");
    Project::desk(&server, "", "", &theirs).apply();
    let own = document(
        "PaneTool",
        "contoso_tool",
        "{displayName: T, controlName: contoso_control}",
    );
    let alone = format!("{own}{}", pane("existing", "{tool: contoso_tool}"));
    let project = Project::desk(&server, "", "", &alone);
    let warned = project.run(&["validate"]).ended(0);
    says(
        &warned.err,
        &[
            "warning[exact-on-existing]",
            "as `deskstate export` writes them, and add yours",
        ],
    );
    let exported = project
        .run(&[
            "export",
            "--env",
            "server",
            "ProductivityPane",
            "cc1_desk_pp",
        ])
        .ended(0);
    for tool in [
        "msdyn_smartassist_tool_config",
        "msdyn_callscript_tool_config",
    ] {
        assert!(
            exported.out.contains(&format!("tool: {tool}")),
            "{}",
            exported.out
        );
    }
    let whole = pane("existing", &format!("{others}, {{tool: contoso_tool}}"));
    project.write("manifests/all.yaml", &format!("{own}{whole}"));
    project.apply();
    project
        .run(&["plan", "--env", "server", "--detailed-exitcode"])
        .ended(0);
    let tabs = server.get("/api/data/v9.2/msdyn_panetabconfigurations?$filter=msdyn_ProductivityPaneId/msdyn_uniquename%20eq%20'cc1_desk_pp'");
    let tabs = tabs["value"].as_array().unwrap();
    assert_eq!(tabs.len(), 3);
    assert!(
        tabs.iter().all(|tab| tab["msdyn_isenabled"] == json!(true)),
        "{tabs:?}"
    );
}

/// Two pages of Microsoft say that a CIF v1 provider without roles is shown to everybody.
#[test]
fn roles_that_leave_a_provider_to_few_people_are_said() {
    let server = Server::plain();
    let provider = |roles: &str| {
        document(
            "CifProvider",
            "Contoso softphone",
            &format!(
                "{{label: Softphone, channelUrl: \"https://cti.example/\", channelOrder: 1, apps: [CustomerServiceHub], roles: {roles}}}"
            ),
        )
    };
    let project = Project::desk(&server, "", "", &provider("[]"));
    let few =
        "only System Administrator and System Customizer will see CifProvider Contoso softphone";
    let plan = project.run(&["plan", "--env", "server"]).ended(0);
    says(&plan.err, &["warning[few-see-it]", few]);
    project.write(
        "manifests/all.yaml",
        &provider("[Customer Service Representative]"),
    );
    let applied = project.apply();
    assert!(!applied.err.contains("few-see-it"), "{}", applied.err);
}
