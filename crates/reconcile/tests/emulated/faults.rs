//! Concurrent changes by somebody else: edits are not lost, and only one of two concurrent applies succeeds.

use std::collections::BTreeSet;

use deskstate_emulator::{Age, Config, Switches};
use deskstate_reconcile::apply::Settings;
use deskstate_reconcile::live::Live;
use deskstate_reconcile::plan::{Options, Plan};
use deskstate_reconcile::undo;
use serde_json::{Value as Json, json};

use crate::world::{Declared, World, declare, same, settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_by_somebody_else_at_any_step_is_never_lost() {
    let settings = settings(1000, Some(false));
    let documents = |title: &str| {
        vec![
            json!({"apiVersion": "deskstate/v1", "kind": "SessionTemplate", "metadata": {"name": "contoso_s"},
            "spec": {"displayName": "S", "type": "Entity", "entity": "incident", "title": title}}),
        ]
    };
    for step in 1..=4 {
        let world = World::plain().await;
        let options = Options::default();
        let first = declare(json!({}), &documents("first"));
        world.sync(&first, &options, &settings).await;
        let second = declare(json!({}), &documents("second"));
        let (plan, before) = world.plan(&second, &options).await;
        let id = plan.changes[0].id;
        let edit = json!({"kind": "foreignEdit", "set": "msdyn_sessiontemplates", "id": id, "body": {"msdyn_title": "by hand"}});
        world
            .faults(&json!({"formatVersion": 1, "rules": [{"when": {"nth": step}, "fault": edit}]}))
            .await;
        let replan = |live: &deskstate_reconcile::live::Live| {
            deskstate_reconcile::plan(&second.desired, live, &options)
        };
        let outcome = world
            .carry_out(&plan, &second.desired, &settings, &before, &replan)
            .await;
        let told = world.admin("GET", "faults", "").await;
        world.no_faults().await;
        let live = world.look(&second.desired).await;
        let row = live.row(&deskstate_model::tables::SESSION, id).unwrap();
        match step {
            // Before the write: it is refused, and the edit is kept.
            1 => {
                assert!(outcome.is_err(), "{told}");
                assert_eq!(row.row.text("msdyn_title"), Some("by hand"));
            }
            // After the write: the edit is kept and distinguished from what was written.
            2 => {
                let applied = outcome.unwrap();
                assert_eq!(row.row.text("msdyn_title"), Some("by hand"));
                assert!(!applied.mismatches.is_empty());
            }
            _ => assert_eq!(row.row.text("msdyn_title"), Some("second"), "{outcome:?}"),
        }
    }
}

/// Executes two plans of the same rows concurrently. One succeeds; the other fails as stale and changes nothing.
async fn race(switches: Switches, before: &[Json], plans: [&[Json]; 2], told: &str) {
    let options = Options::default();
    let one_by_one = !switches.if_match_in_changesets;
    let settings = Settings {
        server_touches_parts: None,
        heeds_versions: Some(switches.if_match_in_changesets),
        ..settings(1000, Some(false))
    };
    let world = World::with(Config {
        switches: Switches {
            tab_makes_parameters: false,
            ..switches
        },
        ..Config::default()
    })
    .await;
    world
        .sync(&declare(json!({}), before), &options, &settings)
        .await;
    let mark = world.mark().await;
    let declared = plans.map(|documents| declare(json!({}), documents));
    let mut alone = Vec::new();
    for declared in &declared {
        world.sync(declared, &options, &settings).await;
        alone.push(world.since(&mark).await);
        world.back().await;
    }
    assert_ne!(alone[0], alone[1], "{told}: two results can be told apart");
    let (left, before) = world.plan(&declared[0], &options).await;
    let (right, _) = world.plan(&declared[1], &options).await;
    let carry_out = async |plan: &Plan, declared: &Declared| {
        let replan = |live: &Live| deskstate_reconcile::plan(&declared.desired, live, &options);
        world
            .carry_out(plan, &declared.desired, &settings, &before, &replan)
            .await
    };
    // Each of them writes first once; the third time, the order is open. If versions are not respected, the only protection is a read just
    // before the write, and two concurrent writers are not detected.
    for first in [Some(0), Some(1), None] {
        if first.is_none() && one_by_one {
            continue;
        }
        world.back().await;
        let (ended_left, ended_right) = match first {
            Some(0) => {
                let left = carry_out(&left, &declared[0]).await;
                (left, carry_out(&right, &declared[1]).await)
            }
            Some(_) => {
                let right = carry_out(&right, &declared[1]).await;
                (carry_out(&left, &declared[0]).await, right)
            }
            None => tokio::join!(
                carry_out(&left, &declared[0]),
                carry_out(&right, &declared[1])
            ),
        };
        let told = format!("{told}, {first:?} first: {ended_left:?}, {ended_right:?}");
        let winner = usize::from(ended_left.is_err());
        assert!(first.is_none_or(|first| first == winner), "{told}");
        let loser = [ended_left, ended_right]
            .into_iter()
            .find_map(Result::err)
            .unwrap_or_else(|| panic!("{told}: both went through"));
        assert!(loser.is_stale(), "{told}");
        same(&alone[winner], &world.since(&mark).await, &told);
    }
}

fn document(kind: &str, name: &str, spec: Json) -> Json {
    json!({"apiVersion": "deskstate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn template(title: &str) -> Json {
    let spec = json!({"displayName": "S", "type": "Entity", "entity": "incident", "title": title});
    document("SessionTemplate", "contoso_s", spec)
}

fn field(name: &str, header: &str) -> Json {
    let spec = json!({"displayName": "F", "header": header, "order": 10});
    document("NotificationField", name, spec)
}

fn profile(about: &str, users: &[&str]) -> Json {
    let spec = json!({"displayName": "P", "description": about, "app": "CustomerServiceApps", "users": {"mode": "exact", "members": users, "moves": "allow"}});
    document("AppProfile", "contoso_p", spec)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_applies_at_once_one_wins_and_the_other_changes_nothing() {
    let gone = json!({"apiVersion": "deskstate/v1", "kind": "SessionTemplate", "metadata": {"name": "contoso_s", "state": "absent"}});
    let (ada, lin) = ("ada@contoso.com", "lin@contoso.com");
    for heeded in [true, false] {
        let switches = || Switches {
            if_match_in_changesets: heeded,
            ..Switches::default()
        };
        let before = [template("first")];
        let left = [template("left"), field("contoso_left", "L")];
        let right = [template("right"), field("contoso_right", "R")];
        race(switches(), &before, [&left, &right], "both change a row").await;
        race(
            switches(),
            &before,
            [&left, std::slice::from_ref(&gone)],
            "one deletes",
        )
        .await;
        let left = [field("contoso_f", "left"), field("contoso_left", "L")];
        let right = [field("contoso_f", "right"), field("contoso_right", "R")];
        race(switches(), &[], [&left, &right], "both create a row").await;
        let before = [profile("p", &[ada])];
        let left = [profile("left", &[ada, lin])];
        let right = [profile("p", &[ada, lin]), field("contoso_right", "R")];
        race(switches(), &before, [&left, &right], "both link a user").await;
        let before = [profile("p", &[ada, lin])];
        let left = [profile("p", &[ada]), field("contoso_left", "L")];
        let right = [profile("p", &[ada]), field("contoso_right", "R")];
        race(switches(), &before, [&left, &right], "both unlink a user").await;
    }
}

/// The requests just before which an edit is detected. The edited row is unlinked in one transaction and deleted in the next.
async fn seen_before(links_move_versions: Option<bool>) -> Vec<usize> {
    let switches = Switches {
        tab_makes_parameters: false,
        links_raise_version: false,
        ..Switches::default()
    };
    let world = World::with(Config {
        switches,
        ..Config::default()
    })
    .await;
    let (options, settings) = (
        Options::default(),
        Settings {
            links_move_versions,
            ..settings(1, Some(false))
        },
    );
    let session = |scripts: &[&str]| {
        let spec = json!({"displayName": "S", "type": "Entity", "entity": "incident", "scripts": {"mode": "exact", "members": scripts}});
        document("SessionTemplate", "contoso_s", spec)
    };
    let script = document(
        "AgentScript",
        "contoso_script",
        json!({"displayName": "Script", "language": 1033}),
    );
    let gone = json!({"apiVersion": "deskstate/v1", "kind": "AgentScript", "metadata": {"name": "contoso_script", "state": "absent"}});
    let first = declare(json!({}), &[session(&["contoso_script"]), script]);
    world.sync(&first, &options, &settings).await;
    let second = declare(json!({}), &[session(&[]), gone]);
    world.mark().await;
    let (plan, before) = world.plan(&second, &options).await;
    let id = plan.changes.iter().find_map(|change| {
        let deletes = change.action == deskstate_reconcile::plan::Action::Delete;
        deletes.then_some(change.id)
    });
    let edit = json!({"kind": "foreignEdit", "set": "msdyn_productivityagentscripts", "id": id.unwrap(), "body": {"msdyn_name": "by hand"}});
    let mut seen = Vec::new();
    for nth in 1..=10 {
        world.back().await;
        world
            .faults(&json!({"formatVersion": 1, "rules": [{"when": {"nth": nth}, "fault": edit}]}))
            .await;
        let replan = |live: &Live| deskstate_reconcile::plan(&second.desired, live, &options);
        let outcome = world
            .carry_out(&plan, &second.desired, &settings, &before, &replan)
            .await;
        world.no_faults().await;
        match outcome {
            Ok(_) => {}
            Err(error) => {
                assert!(error.is_stale(), "{error}");
                seen.push(nth);
            }
        }
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_links_move_no_versions_an_edit_between_unlinking_and_deleting_is_seen() {
    let (unknown, known) = (seen_before(None).await, seen_before(Some(false)).await);
    assert!(
        unknown.iter().all(|nth| known.contains(nth)) && known.len() > unknown.len(),
        "{known:?} against {unknown:?}"
    );
}

/// A tab for a website, with or without its `url`.
fn website(name: &str, title: &str, url: bool) -> Json {
    let parameters = if url {
        json!({"url": format!("https://{title}.example/")})
    } else {
        json!({})
    };
    json!({"apiVersion": "deskstate/v1", "kind": "ApplicationTab", "metadata": {"name": name},
        "spec": {"displayName": "Tab", "title": title, "pageType": "ThirdPartyWebsite", "parameters": parameters}})
}

/// The id of the parameter `url` of a tab.
async fn url_of(world: &World, declared: &Declared, tab: &str) -> Option<String> {
    let live = world.look(&declared.desired).await;
    let rows = live.table(&deskstate_model::tables::PARAMETER);
    let mut rows = rows.rows.values();
    let name = format!("{tab}_url");
    let row = rows.find(|row| row.row.text("msdyn_uniquename") == Some(&name))?;
    Some(row.id.to_string())
}

/// Somebody removed the `url` of a tab and changed its title. An apply corrects both, and its undo reverts both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parameter_that_an_apply_made_goes_where_the_undo_of_its_tab_writes_it_again() {
    const REWRITES: u64 = 4;
    for age in Age::ALL {
        let world = World::worded(REWRITES, age, false).await;
        let (options, settings) = (Options::default(), settings(1000, Some(false)));
        let declared = declare(json!({}), &[website("contoso_tab", "orders", true)]);
        world.sync(&declared, &options, &settings).await;
        let (live, url) = (
            world.look(&declared.desired).await,
            url_of(&world, &declared, "contoso_tab").await.unwrap(),
        );
        let tab = live.table(&deskstate_model::tables::TAB);
        let tab = tab
            .rows
            .values()
            .find(|row| row.row.text("msdyn_uniquename") == Some("contoso_tab"));
        let sets = "/api/data/v9.2/msdyn";
        world
            .send("DELETE", &format!("{sets}_templateparameters({url})"), "")
            .await;
        let tab = format!("{sets}_applicationtabtemplates({})", tab.unwrap().id);
        world
            .send("PATCH", &tab, r#"{"msdyn_title":"by hand"}"#)
            .await;
        let mark = world.mark().await;
        let file = world.sync(&declared, &options, &settings).await;
        assert!(url_of(&world, &declared, "contoso_tab").await.is_some());
        world.undo(&declared, &file, &settings).await;
        same(
            &Default::default(),
            &world.since(&mark).await,
            &format!("{age:?}"),
        );
        assert_eq!(url_of(&world, &declared, "contoso_tab").await, None);
    }
}

/// The undo first restores one tab, since the server may add parts to it, and then reads again. Anything that somebody changed by then is
/// left alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undo_that_leaves_something_alone_is_not_called_complete() {
    let world = World::plain().await;
    let settings = settings(1000, None);
    let options = Options {
        prune: BTreeSet::from(["contoso".to_owned()]),
        ..Options::default()
    };
    let first = declare(
        json!({}),
        &[
            website("contoso_gone", "gone", true),
            website("contoso_stays", "stays", false),
        ],
    );
    let second = declare(json!({}), &[website("contoso_stays", "stays", true)]);
    world.sync(&first, &options, &settings).await;
    let file = world.sync(&second, &options, &settings).await;
    let live = world.look(&second.desired).await;
    let (plan, found) = undo::plan(&file, &live);
    assert!(found.is_empty(), "{found:?}");
    let url = url_of(&world, &second, "contoso_stays").await.unwrap();
    let edit = json!({"kind": "foreignEdit", "set": "msdyn_templateparameters", "id": url, "body": {"msdyn_value": "https://theirs.example/"}});
    let rules = json!([{"when": {"nth": 2}, "fault": edit}]);
    world
        .faults(&json!({"formatVersion": 1, "rules": rules}))
        .await;
    let replan = |live: &Live| undo::rest(&file, &plan, live, false);
    let undone = world
        .carry_out(&plan, &second.desired, &settings, &live, &replan)
        .await;
    world.no_faults().await;
    let undone = undone.unwrap();
    assert!(!undone.is_verified());
    let [(key, why)] = undone.left.as_slice() else {
        panic!("{undone:?}");
    };
    assert_eq!(key.to_string(), "ApplicationTab contoso_stays");
    assert_eq!(
        why,
        "msdyn_templateparameter `url` was changed since the apply"
    );
    assert_eq!(url_of(&world, &second, "contoso_stays").await, Some(url));
}

/// Where links do not raise versions, nothing but the links themselves shows that somebody got a profile after the plan.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_that_somebody_got_since_the_plan_is_not_deleted() {
    let switches = Switches {
        tab_makes_parameters: false,
        links_raise_version: false,
        ..Switches::default()
    };
    let world = World::with(Config {
        switches,
        ..Config::default()
    })
    .await;
    let (options, settings) = (Options::default(), settings(1000, Some(false)));
    let profile = |name: &str, users: &[&str]| {
        let spec = json!({"displayName": name, "app": "CustomerServiceApps", "users": users});
        document("AppProfile", name, spec)
    };
    let first = declare(
        json!({}),
        &[
            profile("contoso_a", &["ada@contoso.com"]),
            profile("contoso_old", &["lin@contoso.com"]),
        ],
    );
    world.sync(&first, &options, &settings).await;
    let gone = json!({"apiVersion": "deskstate/v1", "kind": "AppProfile", "metadata": {"name": "contoso_old", "state": "absent"}});
    let second = declare(
        json!({}),
        &[
            profile("contoso_a", &["ada@contoso.com", "lin@contoso.com"]),
            gone,
        ],
    );
    let (plan, before) = world.plan(&second, &options).await;
    let by_hand = declare(
        json!({}),
        &[profile(
            "contoso_old",
            &["lin@contoso.com", "nora@contoso.com"],
        )],
    );
    world.sync(&by_hand, &options, &settings).await;
    let replan = |live: &Live| deskstate_reconcile::plan(&second.desired, live, &options);
    let outcome = world
        .carry_out(&plan, &second.desired, &settings, &before, &replan)
        .await;
    let error = outcome.expect_err("nora would have no profile");
    assert!(error.is_stale(), "{error}");
    assert!(
        error
            .to_string()
            .contains("the users of msdyn_appconfiguration `contoso_old`"),
        "{error}"
    );
    world.in_sync(&by_hand, &options).await;
}
