//! What a plan contains for sets: who is added, removed or kept, and which profile a user moves from.

use super::support::{Rows, desired, document, errors, id, live, shown, stated, writes};
use deskstate_model::Diagnostic;
use deskstate_model::tables::{
    EXTENSION, NOTIFICATION, NOTIFICATION_FIELD, NOTIFICATION_FIELDS, PROFILE, PROFILE_EXTENSIONS,
    PROFILE_PROVIDERS, PROFILE_USERS, PROVIDER,
};
use deskstate_reconcile::live::{Access, Live, Team, User};
use deskstate_reconcile::plan::{Operation, Options, Plan};
use serde_json::{Value as Json, json};

fn planned(documents: &[Json], live: &Live) -> (Plan, Vec<Diagnostic>) {
    deskstate_reconcile::plan(&desired(documents), live, &Options::default())
}

/// The plan of documents, all of which can be planned.
fn plan(documents: &[Json], live: &Live) -> Plan {
    let (plan, found) = planned(documents, live);
    assert_eq!(errors(&found), Vec::<String>::new());
    plan
}

const NOBODY: [&str; 0] = [];

fn profile(name: &str, spec: Json) -> Json {
    let mut all = json!({"displayName": name, "app": "Desk"});
    for (word, value) in spec.as_object().into_iter().flatten() {
        all[word] = value.clone();
    }
    document("AppProfile", name, all)
}

fn profile_row(rows: &mut Rows, number: u128, name: &str, app: &str) {
    rows.row(
        &PROFILE,
        json!({"msdyn_appconfigurationid": id(number), "msdyn_uniquename": name, "msdyn_name": name, "msdyn_appmoduleuniquename": app}),
    );
}

/// Profiles `contoso_a` (1) and `contoso_b` (2) of the app Desk and `contoso_c` (3) of the app Phone, each with its users. The users are
/// Lin (23), Max (24) and Nora (25), in addition to Ada (20) and Kim (21), who is disabled.
fn desk(users: &[(u128, &[u128])]) -> Live {
    let mut rows = Rows::default();
    profile_row(&mut rows, 1, "contoso_a", "Desk");
    profile_row(&mut rows, 2, "contoso_b", "Desk");
    profile_row(&mut rows, 3, "contoso_c", "Phone");
    for (owner, members) in users {
        for member in *members {
            rows.link(&PROFILE_USERS, id(*owner), id(*member));
        }
    }
    let mut live = live(&rows);
    for (number, name) in [
        (23, "lin@contoso.com"),
        (24, "max@contoso.com"),
        (25, "nora@contoso.com"),
    ] {
        let user = User {
            id: id(number),
            name: name.to_owned(),
            full_name: String::new(),
            email: String::new(),
            object_id: None,
            disabled: false,
            application: false,
            deleted: false,
        };
        live.found
            .users_by_name
            .insert(name.to_owned(), vec![user.id]);
        live.found.users.insert(user.id, user);
    }
    live
}

fn team(live: &mut Live, name: &str, teams: &[(u128, &[u128], bool)]) {
    let teams = teams.iter().map(|(number, members, cut)| Team {
        id: id(*number),
        members: members.iter().copied().map(id).collect(),
        cut: *cut,
    });
    live.found.teams.insert(name.to_owned(), teams.collect());
}

#[test]
fn a_user_who_gets_a_profile_leaves_the_other_one_of_the_same_app_and_keeps_those_of_other_apps() {
    let live = desk(&[(1, &[20]), (3, &[20, 23])]);
    let documents = [
        profile(
            "contoso_a",
            json!({"users": {"mode": "exact", "members": []}}),
        ),
        profile(
            "contoso_b",
            json!({"users": {"mode": "atLeast", "members": ["ada@contoso.com", "lin@contoso.com"]}}),
        ),
    ];
    let plan = plan(&documents, &live);
    assert_eq!(writes(&plan), ["-1&20", "+2&20", "+2&23"]);
    assert_eq!(
        shown(&plan),
        [
            "users - ada@contoso.com",
            "users + ada@contoso.com (moves from contoso_a)",
            "users + lin@contoso.com"
        ]
    );
}

#[test]
fn a_profile_that_loses_a_user_shows_it_whichever_of_the_two_is_planned_first() {
    let exact = |users: &[&str]| json!({"users": {"mode": "exact", "members": users}});
    for (loses, gained, lost) in [(2, "contoso_a", "contoso_b"), (1, "contoso_b", "contoso_a")] {
        let live = desk(&[(loses, &[20])]);
        let documents = [
            profile(gained, exact(&["ada@contoso.com"])),
            profile(lost, exact(&[])),
        ];
        let plan = plan(&documents, &live);
        let own = |name: &str| {
            let change = plan
                .changes
                .iter()
                .find(|change| change.key.name.as_written() == name);
            let paths = change.unwrap().operations.iter();
            paths
                .filter(|operation| matches!(operation, Operation::Unlink { owner, .. } if *owner == id(loses)))
                .count()
        };
        assert_eq!((own(gained), own(lost)), (0, 1));
        assert_eq!(writes(&plan).len(), 2, "{:?}", writes(&plan));
    }
}

#[test]
fn a_document_without_users_lets_nobody_leave() {
    let live = desk(&[(1, &[20])]);
    let gains = |moves: Json| {
        let mut users = json!({"mode": "atLeast", "members": ["ada@contoso.com"]});
        if !moves.is_null() {
            users["moves"] = moves;
        }
        profile("contoso_b", json!({"users": users}))
    };
    let at_least = json!({"users": {"mode": "atLeast", "members": ["lin@contoso.com"]}});
    for (other, leaves) in [
        (json!({}), false),
        (at_least, true),
        (
            json!({"users": {"mode": "atLeast", "members": [], "without": ["ada@contoso.com"]}}),
            true,
        ),
    ] {
        let documents = [profile("contoso_a", other), gains(Json::Null)];
        let (_, found) = planned(&documents, &live);
        let expected: &[&str] = match leaves {
            true => &[],
            false => &[
                "user-has-profile: `ada@contoso.com` has the profile `contoso_a`, which is declared without `users`",
            ],
        };
        assert_eq!(errors(&found), expected);
    }
    let documents = [profile("contoso_a", json!({})), gains(json!("allow"))];
    assert_eq!(writes(&plan(&documents, &live)), ["-1&20", "+2&20"]);
}

#[test]
fn a_second_profile_that_nobody_takes_away_is_reported() {
    let live = desk(&[(1, &[20]), (2, &[20])]);
    let documents = [profile("contoso_b", json!({"users": ["ada@contoso.com"]}))];
    let (nothing, found) = planned(&documents, &live);
    assert!(nothing.is_empty(), "{:?}", nothing.changes);
    let warnings: Vec<&str> = found.iter().map(|finding| finding.code).collect();
    assert_eq!(warnings, ["user-has-two-profiles"]);
    let documents = [
        documents[0].clone(),
        profile(
            "contoso_a",
            json!({"users": {"mode": "exact", "members": []}}),
        ),
    ];
    let (emptied, found) = planned(&documents, &live);
    assert_eq!(writes(&emptied), ["-1&20"]);
    assert!(
        found
            .iter()
            .all(|finding| finding.code != "user-has-two-profiles")
    );
}

#[test]
fn a_user_who_is_kept_out_is_not_said_to_lack_a_team() {
    let mut live = desk(&[(1, &[23, 24])]);
    team(&mut live, "voice agents", &[(90, &[23, 25], false)]);
    let users = json!({"mode": "atLeast", "members": [], "without": ["lin@contoso.com"], "fromTeams": ["Voice agents"]});
    let plan = plan(&[profile("contoso_a", json!({"users": users}))], &live);
    assert_eq!(
        shown(&plan),
        [
            "users + nora@contoso.com (in team Voice agents)",
            "users - lin@contoso.com (kept out by `without`)",
        ]
    );
}

#[test]
fn a_user_leaves_a_profile_that_is_not_declared_only_where_the_set_says_so() {
    let live = desk(&[(1, &[20])]);
    let users = |moves: Option<&str>| {
        let mut users = json!({"mode": "atLeast", "members": ["ada@contoso.com"]});
        if let Some(moves) = moves {
            users["moves"] = json!(moves);
        }
        [profile("contoso_b", json!({"users": users}))]
    };
    let (nothing, found) = planned(&users(None), &live);
    assert!(nothing.is_empty(), "{:?}", nothing.changes);
    assert_eq!(
        errors(&found),
        [
            "user-has-profile: `ada@contoso.com` has the profile `contoso_a`, which is not declared here"
        ]
    );
    assert_eq!(
        writes(&plan(&users(Some("allow")), &live)),
        ["-1&20", "+2&20"]
    );
}

#[test]
fn a_user_who_moves_between_two_declared_sets_leaves_the_first_once() {
    for (from, to) in [("contoso_a", "contoso_b"), ("contoso_b", "contoso_a")] {
        let live = desk(&[(if from == "contoso_a" { 1 } else { 2 }, &[20])]);
        let documents = [
            profile(from, json!({"users": []})),
            profile(to, json!({"users": ["ada@contoso.com"]})),
        ];
        let mut writes = writes(&plan(&documents, &live));
        writes.sort();
        let moved = if from == "contoso_a" {
            ["+2&20", "-1&20"]
        } else {
            ["+1&20", "-2&20"]
        };
        assert_eq!(writes, moved);
    }
}

#[test]
fn one_user_in_two_profiles_of_one_app_is_an_error_and_of_two_apps_is_none() {
    // A name and a team refer to the same user, which manifests alone do not show.
    let named = json!({"users": {"mode": "atLeast", "members": ["ada@contoso.com"]}});
    let brought = json!({"users": {"mode": "atLeast", "members": [], "fromTeams": ["Voice"]}});
    let mut live = desk(&[]);
    team(&mut live, "voice", &[(60, &[20], false)]);
    let both = [
        profile("contoso_a", named.clone()),
        profile("contoso_b", brought.clone()),
    ];
    let (_, found) = planned(&both, &live);
    assert_eq!(
        errors(&found),
        [
            "user-in-two-profiles: `ada@contoso.com` would get both AppProfile contoso_a and AppProfile contoso_b"
        ]
    );
    let mut phone = profile("contoso_c", brought);
    phone["spec"]["app"] = json!("Phone");
    let apart = [profile("contoso_a", named), phone];
    assert_eq!(writes(&plan(&apart, &live)), ["+1&20", "+3&20"]);
}

#[test]
fn a_new_profile_takes_users_from_others_of_its_app_alone() {
    let live = desk(&[(1, &[20])]);
    for (app, expected) in [
        ("Phone", vec!["+contoso_new", "+&20"]),
        ("desk", vec!["+contoso_new", "-1&20", "+&20"]),
    ] {
        let users = json!({"mode": "exact", "members": ["ada@contoso.com"], "moves": "allow"});
        let mut new = profile("contoso_new", json!({"users": users}));
        new["spec"]["app"] = json!(app);
        let writes = writes(&plan(&[new], &live));
        let without_id: Vec<String> = writes
            .iter()
            .map(|write| match write.split_once('&') {
                Some((owner, member)) if owner.len() > 9 => format!("+&{member}"),
                _ => write.clone(),
            })
            .collect();
        assert_eq!(without_id, expected, "{app}");
    }
}

#[test]
fn two_teams_with_a_member_in_common_bring_everybody_once() {
    let mut live = desk(&[(1, &[23])]);
    team(&mut live, "voice", &[(60, &[20, 23, 21], false)]);
    team(&mut live, "chat", &[(61, &[23, 24, 20], false)]);
    let users =
        json!({"members": ["nora@contoso.com"], "mode": "exact", "fromTeams": ["Voice", "Chat"]});
    let plan = plan(&[profile("contoso_a", json!({"users": users}))], &live);
    assert_eq!(
        shown(&plan),
        [
            "users + nora@contoso.com",
            "users + ada@contoso.com (in team Voice)",
            "users + max@contoso.com (in team Chat)"
        ],
        "Kim is disabled, Lin has the profile"
    );
}

/// A modification of the live environment.
type Change<'a> = &'a dyn Fn(&mut Live);

#[test]
fn a_team_that_cannot_be_told_takes_nobody_out_and_says_why() {
    let refused = |live: &mut Live| {
        live.found.refused.insert("team", "no privilege".to_owned());
    };
    let cases: [(Change<'_>, &str); 5] = [
        (
            &|live| team(live, "voice", &[(60, &[20], true)]),
            "team `Voice` has 5,000 members or more, and the rest is not shown",
        ),
        (
            &|live| team(live, "voice", &[(60, &[20], false), (61, &[24], false)]),
            "several teams are called `Voice`",
        ),
        (&refused, "team `Voice` cannot be read: no privilege"),
        (&|_| {}, "the environment has no team `Voice`"),
        (
            &|live| team(live, "voice", &[(60, &[21], false)]),
            "team `Voice` has no member that the caller can see",
        ),
    ];
    for (change, said) in cases {
        let mut live = desk(&[(1, &[20, 23])]);
        change(&mut live);
        let users =
            json!({"mode": "exact", "members": ["nora@contoso.com"], "fromTeams": ["Voice"]});
        let (plan, found) = planned(&[profile("contoso_a", json!({"users": users}))], &live);
        assert_eq!(writes(&plan), ["+1&25"], "{said}");
        assert_eq!(errors(&found), [format!("team-unreadable: {said}")]);
    }
}

#[test]
fn a_user_who_cannot_sign_in_is_not_linked_and_not_taken_out_by_an_exact_set() {
    let documents = [profile("contoso_a", json!({"users": ["kim@contoso.com"]}))];
    for live in [desk(&[]), desk(&[(1, &[21])])] {
        let (plan, found) = planned(&documents, &live);
        assert!(plan.is_empty(), "{:?}", plan.changes);
        let codes: Vec<_> = found.iter().map(|one| (one.code, one.is_error())).collect();
        assert_eq!(codes, [("user-skipped", false)]);
    }
    let without = json!({"mode": "atLeast", "members": [], "without": ["kim@contoso.com"]});
    let without = [profile("contoso_a", json!({"users": without}))];
    assert_eq!(writes(&plan(&without, &desk(&[(1, &[21])]))), ["-1&21"]);
}

#[test]
fn links_that_are_not_seen_as_a_whole_are_neither_made_nor_taken_away() {
    let documents = [profile("contoso_a", json!({"users": ["ada@contoso.com"]}))];
    for (access, said) in [
        (
            Access::Partial("own rows only".to_owned()),
            "unreadable: it is unknown which `users` AppProfile contoso_a has: own rows only",
        ),
        (
            Access::Refused("no privilege".to_owned()),
            "unreadable: it is unknown which `users` AppProfile contoso_a has: no privilege",
        ),
        (
            Access::Absent,
            "relationship-missing: the environment lacks the relationship `msdyn_appconfiguration_systemuser` between `msdyn_appconfiguration` and `systemuser`, which `users` needs",
        ),
    ] {
        let mut live = desk(&[(1, &[23])]);
        live.links
            .get_mut(&&PROFILE_USERS)
            .expect("every relationship is there")
            .access = access;
        let (plan, found) = planned(&documents, &live);
        assert!(plan.is_empty(), "{:?}", plan.changes);
        assert_eq!(errors(&found), [said]);
    }
}

/// A profile with the first-party channel and a provider of its own.
fn channels() -> Live {
    let mut rows = Rows::default();
    profile_row(&mut rows, 1, "contoso_a", "Desk");
    for (number, name) in [(5, "msdyn_omnichannel"), (6, "contoso_phone")] {
        rows.row(&PROVIDER, json!({"msdyn_channelproviderid": id(number), "msdyn_uniquename": name, "msdyn_name": name}));
        rows.link(&PROFILE_PROVIDERS, id(1), id(number));
    }
    rows.row(&EXTENSION, json!({"msdyn_applicationextensionid": id(7), "msdyn_uniquename": "msdyn_CIFV2Loader", "msdyn_name": "Loader"}));
    live(&rows)
}

#[test]
fn the_toggle_of_the_first_party_channel_and_the_set_of_providers_do_not_speak_of_each_others_links()
 {
    let live = channels();
    let off = plan(
        &[profile("contoso_a", json!({"allActiveChannels": false}))],
        &live,
    );
    assert_eq!(
        (shown(&off), writes(&off)),
        (
            vec!["allActiveChannels true -> false".to_owned()],
            vec!["-1&5".to_owned()]
        )
    );
    assert!(
        plan(
            &[profile("contoso_a", json!({"allActiveChannels": true}))],
            &live
        )
        .is_empty()
    );
    let none = plan(
        &[profile("contoso_a", json!({"channelProviders": []}))],
        &live,
    );
    assert_eq!(
        (shown(&none), writes(&none)),
        (
            vec!["channelProviders - contoso_phone".to_owned()],
            vec!["-1&6".to_owned()]
        )
    );
}

#[test]
fn the_loader_comes_with_a_provider_and_is_said_to() {
    let mut live = channels();
    let provider = stated(
        document("ChannelProvider", "contoso_phone", json!({})),
        "existing",
    );
    let documents = |more: Json| {
        let mut spec = json!({"channelProviders": ["contoso_phone"]});
        for (word, value) in more.as_object().into_iter().flatten() {
            spec[word] = value.clone();
        }
        [provider.clone(), profile("contoso_a", spec)]
    };
    assert_eq!(
        shown(&plan(&documents(json!({})), &live)),
        ["extensions + msdyn_CIFV2Loader (comes with a channel provider)"]
    );
    let links = live.links.get_mut(&&PROFILE_EXTENSIONS).expect("there");
    let pairs = std::iter::once((id(1), id(7))).collect();
    *links = deskstate_reconcile::live::LiveLinks::new(pairs, Access::Whole);
    assert_eq!(shown(&plan(&documents(json!({})), &live)), NOBODY);
}

/// A template with all types of fields: its own (10), a shared one (11), a managed one (12), Microsoft's (13), one that a document declares
/// (14).
fn fields() -> Rows {
    let mut rows = Rows::default();
    for (number, name) in [(1, "contoso_call"), (2, "contoso_chat")] {
        rows.row(
            &NOTIFICATION,
            json!({"msdyn_notificationtemplateid": id(number), "msdyn_uniquename": name, "msdyn_name": name, "msdyn_title": name}),
        );
    }
    for (number, name, managed) in [
        (10, "contoso_own", false),
        (11, "contoso_shared", false),
        (12, "contoso_managed", true),
        (13, "msdyn_field", false),
        (14, "contoso_declared", false),
    ] {
        rows.row(
            &NOTIFICATION_FIELD,
            json!({"msdyn_notificationfieldid": id(number), "msdyn_uniquename": name, "msdyn_name": name, "msdyn_title": name, "msdyn_order": 1, "ismanaged": managed}),
        );
        rows.link(&NOTIFICATION_FIELDS, id(1), id(number));
    }
    rows.link(&NOTIFICATION_FIELDS, id(2), id(11));
    rows
}

fn template(fields: Json) -> Json {
    let spec = json!({"displayName": "contoso_call", "title": "contoso_call", "fields": fields});
    document("NotificationTemplate", "contoso_call", spec)
}

#[test]
fn a_field_that_leaves_its_template_is_deleted_if_it_is_nobody_elses() {
    let declared = document(
        "NotificationField",
        "contoso_declared",
        json!({"displayName": "contoso_declared", "header": "contoso_declared", "order": 1}),
    );
    let documents = [template(json!([])), declared];
    let live = live(&fields());
    let plan = plan(&documents, &live);
    assert_eq!(
        writes(&plan),
        ["-1&10", "-contoso_own", "-1&11", "-1&12", "-1&13", "-1&14"]
    );
    assert_eq!(
        shown(&plan),
        [
            "fields - contoso_declared",
            "fields - contoso_managed",
            "fields - contoso_own (deleted with its link)",
            "fields - contoso_shared",
            "fields - msdyn_field",
        ]
    );
}

#[test]
fn a_field_is_kept_where_fields_are_not_seen_as_a_whole() {
    let mut live = live(&fields());
    live.tables
        .get_mut(&NOTIFICATION_FIELD)
        .expect("there")
        .access = Access::Partial("own rows only".to_owned());
    let (plan, _) = planned(&[template(json!([]))], &live);
    assert!(
        writes(&plan).iter().all(|write| write.contains('&')),
        "{:?}",
        writes(&plan)
    );
}
