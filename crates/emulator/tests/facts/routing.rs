//! Queues, workstreams, presences and capacity profiles: what the product adds, preserves and protects.

use crate::desk::{Desk, desk, desk_with};
use deskstate_emulator::{LateWrite, Switches};
use serde_json::{Value as Json, json};

async fn one(desk: &Desk, query: &str) -> Json {
    let rows = desk.get(query).await.rows();
    assert_eq!(rows.len(), 1, "{query}");
    rows[0].clone()
}

fn a_queue() -> Json {
    json!({"name": "Contoso orders", "msdyn_queuetype": 192_350_000, "msdyn_isomnichannelqueue": true, "msdyn_priority": 1})
}

#[tokio::test]
async fn a_new_queue_gets_a_contract_of_its_own_and_another_queue_none() {
    let desk = desk().await;
    let id = desk.create("queues", a_queue()).await;
    let queue = desk.get(&format!("queues({id})")).await.json();
    let contract = queue["_msdyn_assignmentinputcontractid_value"].clone();
    let contract = desk
        .get(&format!(
            "msdyn_decisioncontracts({})",
            contract.as_str().expect("a contract")
        ))
        .await
        .json();
    assert_eq!(contract["msdyn_name"], format!("new_{id}"));
    let mail = json!({"name": "Mail", "msdyn_queuetype": 192_350_001, "msdyn_isomnichannelqueue": false, "msdyn_priority": 1});
    let id = desk.create("queues", mail).await;
    let queue = desk.get(&format!("queues({id})")).await.json();
    assert!(
        queue["_msdyn_assignmentinputcontractid_value"].is_null(),
        "{queue}"
    );

    let plain = desk_with(Switches {
        new_rows_completed: false,
        ..Switches::default()
    })
    .await;
    let id = plain.create("queues", a_queue()).await;
    let queue = plain.get(&format!("queues({id})")).await.json();
    assert!(
        queue["_msdyn_assignmentinputcontractid_value"].is_null(),
        "{queue}"
    );
}

#[tokio::test]
async fn a_workstream_from_the_web_api_gets_a_contract_and_template_names_but_no_routing() {
    let desk = desk().await;
    let body = json!({"msdyn_name": "Chat", "msdyn_streamsource": 192_360_000, "msdyn_notificationtemplate_incoming_auth": "contoso_own"});
    let id = desk.create("msdyn_liveworkstreams", body).await;
    let row = desk
        .get(&format!("msdyn_liveworkstreams({id})"))
        .await
        .json();
    assert!(row["_msdyn_routingcontractid_value"].is_string(), "{row}");
    assert_eq!(row["msdyn_sessiontemplate_default"], "msdyn_chat_session");
    assert_eq!(
        row["msdyn_notificationtemplate_incoming_auth"],
        "contoso_own"
    );
    let none = desk.get("msdyn_routingconfigurations").await;
    none.expect(404);
}

#[tokio::test]
async fn what_is_given_once_stays_whether_a_late_write_is_ignored_or_refused() {
    for late_writes in [LateWrite::Ignored, LateWrite::Refused] {
        let desk = desk_with(Switches {
            late_writes,
            ..Switches::default()
        })
        .await;
        let queue = desk.create("queues", a_queue()).await;
        let profile = json!({"msdyn_name": "Chat", "msdyn_uniquename": "contoso_chat", "msdyn_defaultmaxunits": 2, "msdyn_blockassignment": false, "msdyn_resetduration": 192_350_000});
        let profile = desk.create("msdyn_capacityprofiles", profile).await;
        for (row, column, other, first) in [
            (
                format!("queues({queue})"),
                "msdyn_queuetype",
                json!(192_350_002),
                json!(192_350_000),
            ),
            (
                format!("queues({queue})"),
                "msdyn_uniquename",
                json!("contoso_q"),
                Json::Null,
            ),
            (
                format!("msdyn_capacityprofiles({profile})"),
                "msdyn_resetduration",
                json!(192_350_001),
                json!(192_350_000),
            ),
        ] {
            let reply = desk.patch(&row, json!({column: other})).await;
            reply.expect(match late_writes {
                LateWrite::Ignored => 204,
                LateWrite::Refused => 400,
            });
            assert_eq!(desk.get(&row).await.json()[column], first, "{row}.{column}");
            // Writing the same value again is not a change.
            desk.patch(&row, json!({column: first})).await.expect(204);
        }
    }
    let desk = desk().await;
    let attributes = desk
        .get("EntityDefinitions(LogicalName='queue')/Attributes?$select=LogicalName,IsValidForUpdate")
        .await
        .rows();
    let updatable = |name: &str| {
        let found = attributes.iter().find(|row| row["LogicalName"] == name);
        found.expect(name)["IsValidForUpdate"].clone()
    };
    assert_eq!(updatable("msdyn_uniquename"), false);
    assert_eq!(
        updatable("msdyn_queuetype"),
        true,
        "the metadata does not say so"
    );
}

#[tokio::test]
async fn presences_and_default_queues_of_the_product_stay_as_they_are() {
    let desk = desk().await;
    let busy = one(&desk, "msdyn_presences?$filter=msdyn_name eq 'busy'").await;
    let busy = format!(
        "msdyn_presences({})",
        busy["msdyn_presenceid"].as_str().expect("id")
    );
    let default = "queues(5a4b76b0-dab5-4717-9743-9490f2f822c6)";
    desk.patch(&busy, json!({"msdyn_presencestatustext": "Away"}))
        .await
        .expect(400);
    desk.delete(&busy).await.expect(400);
    desk.patch(default, json!({"msdyn_priority": 5}))
        .await
        .expect(400);
    desk.delete(default).await.expect(400);
    // The assignment method of a default queue can be changed.
    desk.patch(default, json!({"msdyn_assignmentstrategy": 192_350_001}))
        .await
        .expect(204);
    let own = json!({"msdyn_name": "Lunch", "msdyn_presencestatustext": "At lunch", "msdyn_basepresencestatus": 192_360_003});
    let own = desk.create("msdyn_presences", own).await;
    desk.delete(&format!("msdyn_presences({own})"))
        .await
        .expect(204);
    let lax = desk_with(Switches {
        product_rows_protected: false,
        ..Switches::default()
    })
    .await;
    lax.patch(default, json!({"msdyn_priority": 5}))
        .await
        .expect(204);
}

#[tokio::test]
async fn the_fallback_queue_of_a_workstream_is_shown_by_expand_alone() {
    for only_expanded in [true, false] {
        let desk = desk_with(Switches {
            lookups_only_expanded: only_expanded,
            ..Switches::default()
        })
        .await;
        let query = "msdyn_liveworkstreams?$select=_msdyn_defaultqueue_value&$expand=msdyn_defaultqueue($select=name)&$filter=msdyn_name eq 'Contoso chat'";
        let row = one(&desk, query).await;
        assert_eq!(row["msdyn_defaultqueue"]["name"], "Default messaging queue");
        assert_eq!(
            row["_msdyn_defaultqueue_value"].is_null(),
            only_expanded,
            "{row}"
        );
    }
}
