//! Section 7 (403) and privileges: rows that the caller may not read are silently dropped.

use crate::desk::{Answer, Desk, desk, field, send};
use reqwest::Method;
use serde_json::json;

struct As<'d> {
    desk: &'d Desk,
    user: String,
}

impl As<'_> {
    async fn send(&self, method: Method, path: &str, body: &str) -> Answer {
        let request = self
            .desk
            .request(method, path)
            .header("MSCRMCallerID", &self.user);
        send(
            request
                .header("Content-Type", "application/json")
                .body(body.to_owned()),
        )
        .await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }
}

async fn id_of(desk: &Desk, set: &str, filter: &str, key: &str) -> String {
    desk.get(&format!("{set}?$filter={filter}")).await.rows()[0][key]
        .as_str()
        .expect("id")
        .to_owned()
}

async fn user(desk: &Desk, name: &str) -> String {
    id_of(
        desk,
        "systemusers",
        &format!("domainname eq '{name}'"),
        "systemuserid",
    )
    .await
}

/// Gives a privilege with a depth to a role.
async fn grant(desk: &Desk, role: &str, privilege: &str, depth: &str) {
    let root = id_of(
        desk,
        "roles",
        &format!("name eq '{role}' and parentroleid eq null")
            .replace("parentroleid", "_parentroleid_value"),
        "roleid",
    )
    .await;
    let privilege = id_of(
        desk,
        "privileges",
        &format!("name eq '{privilege}'"),
        "privilegeid",
    )
    .await;
    let action = format!("roles({root})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
    desk.post(
        &action,
        json!({"Privileges": [{"PrivilegeId": privilege, "Depth": depth}]}),
    )
    .await
    .expect(204);
}

#[tokio::test]
async fn section_7_a_caller_without_the_privilege_is_denied_by_name() {
    let desk = desk().await;
    let nora = As {
        user: user(&desk, "nora@contoso.com").await,
        desk: &desk,
    };
    let answer = nora.get("msdyn_notificationfields").await.expect(403);
    assert_eq!(answer.code(), "0x80040220");
    assert!(
        answer.message().contains("prvReadmsdyn_notificationfield"),
        "{}",
        answer.message()
    );
    let body = field("contoso_a").to_string();
    let answer = nora
        .send(Method::POST, "msdyn_notificationfields", &body)
        .await
        .expect(403);
    assert!(
        answer
            .message()
            .contains("prvCreatemsdyn_notificationfield")
    );
}

#[tokio::test]
async fn section_3_rows_beyond_the_depth_of_a_read_privilege_are_dropped_silently() {
    let desk = desk().await;
    let (nora, admin_row) = (
        user(&desk, "nora@contoso.com").await,
        desk.field("contoso_admin").await,
    );
    let (own, colleague) = (
        desk.field("contoso_own").await,
        desk.field("contoso_colleague").await,
    );
    let ada = user(&desk, "ada@contoso.com").await;
    for (row, owner) in [(&own, &nora), (&colleague, &ada)] {
        desk.patch(
            &format!("msdyn_notificationfields({row})"),
            json!({"ownerid@odata.bind": format!("/systemusers({owner})")}),
        )
        .await
        .expect(204);
    }
    let caller = As {
        user: nora,
        desk: &desk,
    };
    for (depth, expected) in [("Basic", 1), ("Local", 2), ("Deep", 2), ("Global", 3)] {
        grant(
            &desk,
            "Customer Service Representative",
            "prvReadmsdyn_notificationfield",
            depth,
        )
        .await;
        assert_eq!(
            caller.get("msdyn_notificationfields").await.rows().len(),
            expected,
            "depth {depth}"
        );
        let one = caller
            .get(&format!("msdyn_notificationfields({admin_row})"))
            .await;
        assert_eq!(one.status, if depth == "Global" { 200 } else { 403 });
    }
}

#[tokio::test]
async fn roles_held_through_a_team_count() {
    let desk = desk().await;
    grant(
        &desk,
        "Customer Service Representative",
        "prvReadmsdyn_notificationfield",
        "Global",
    )
    .await;
    // Ada holds the role only as a member of the team Voice agents.
    let ada = As {
        user: user(&desk, "ada@contoso.com").await,
        desk: &desk,
    };
    ada.get("msdyn_notificationfields").await.expect(200);
    let fetch = "<fetch><entity name='privilege'><attribute name='name'/><filter><condition attribute='name' operator='eq' value='prvReadmsdyn_notificationfield'/></filter><link-entity name='roleprivileges' from='privilegeid' to='privilegeid'><link-entity name='role' from='parentrootroleid' to='roleid'><link-entity name='teamroles' from='roleid' to='roleid'><link-entity name='teammembership' from='teamid' to='teamid'><filter><condition attribute='systemuserid' operator='eq-userid'/></filter></link-entity></link-entity></link-entity></link-entity></entity></fetch>";
    grant(
        &desk,
        "Customer Service Representative",
        "prvReadRole",
        "Global",
    )
    .await;
    let encoded: String = fetch.bytes().map(|byte| format!("%{byte:02X}")).collect();
    assert_eq!(
        ada.get(&format!("privileges?fetchXml={encoded}"))
            .await
            .rows()
            .len(),
        1
    );
}

#[tokio::test]
async fn section_9_impersonation_needs_its_privilege_and_a_known_user() {
    let desk = desk().await;
    let unknown = As {
        user: "0c0f0000-0000-4000-8000-00000000ffff".into(),
        desk: &desk,
    };
    assert_eq!(unknown.get("WhoAmI").await.expect(403).code(), "0x80072560");
    let object_id = desk
        .get("systemusers?$filter=domainname eq 'sofia.lind@contoso.com'")
        .await
        .rows()[0]["azureactivedirectoryobjectid"]
        .clone();
    assert_eq!(object_id, "7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11");
    let answer = send(
        desk.request(Method::GET, "WhoAmI")
            .header("CallerObjectId", object_id.as_str().expect("id")),
    )
    .await
    .expect(200);
    assert_eq!(
        answer.json()["UserId"],
        json!(user(&desk, "sofia.lind@contoso.com").await)
    );
}

#[tokio::test]
async fn linking_needs_append_and_append_to() {
    let desk = desk().await;
    let pipeline = As {
        user: user(&desk, "pipeline@contoso.com").await,
        desk: &desk,
    };
    let profile = id_of(
        &desk,
        "msdyn_appconfigurations",
        "msdyn_uniquename eq 'alex_inbox'",
        "msdyn_appconfigurationid",
    )
    .await;
    let ada = user(&desk, "ada@contoso.com").await;
    let link = format!("msdyn_appconfigurations({profile})/msdyn_appconfiguration_systemuser/$ref");
    let body = json!({"@odata.id": format!("systemusers({ada})")}).to_string();
    let answer = pipeline.send(Method::POST, &link, &body).await.expect(403);
    assert!(
        answer.message().contains("prvAppendToUser"),
        "{}",
        answer.message()
    );
    grant(
        &desk,
        "App Profile Manager Administrator",
        "prvAppendToUser",
        "Global",
    )
    .await;
    pipeline.send(Method::POST, &link, &body).await.expect(204);
}

#[tokio::test]
async fn section_3_links_show_to_those_who_see_both_rows() {
    let desk = desk().await;
    let nora = As {
        user: user(&desk, "nora@contoso.com").await,
        desk: &desk,
    };
    let links = "msdyn_appconfiguration_systemuserset";
    assert!(!desk.get(links).await.rows().is_empty());
    assert!(nora.get(links).await.rows().is_empty());
    grant(
        &desk,
        "Customer Service Representative",
        "prvReadUser",
        "Global",
    )
    .await;
    grant(
        &desk,
        "Customer Service Representative",
        "prvReadmsdyn_appconfiguration",
        "Global",
    )
    .await;
    assert!(!nora.get(links).await.rows().is_empty());
    let refused = desk.post(links, json!({})).await.expect(400);
    assert_eq!(refused.code(), "0x80040800");
}
