//! The person or role that a name refers to: users have several names, and roles have copies.

use super::support::{Rows, id, live};
use deskstate_model::tables::TAB;
use deskstate_reconcile::live::{Live, Role, User};
use deskstate_reconcile::lookup::Match;
use deskstate_reconcile::state::Lookup;
use serde_json::json;
use uuid::Uuid;

const OBJECT: &str = "7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11";

/// Adds a user with this principal name who can be found by these names.
fn user(live: &mut Live, number: u128, name: &str, names: &[&str], change: impl Fn(&mut User)) {
    let mut user = User {
        id: id(number),
        name: name.to_owned(),
        full_name: String::new(),
        email: String::new(),
        object_id: None,
        disabled: false,
        application: false,
        deleted: false,
    };
    change(&mut user);
    for name in names {
        let known = live.found.users_by_name.entry((*name).to_owned());
        known.or_default().push(user.id);
    }
    live.found.users.insert(user.id, user);
}

fn found(live: &Live, name: &str) -> Match {
    live.look_up(&Lookup::User(name.to_owned()))
}

#[test]
fn an_object_id_goes_before_a_principal_name_and_that_before_an_address() {
    let mut live = live(&Rows::default());
    let nothing = |_: &mut User| {};
    user(
        &mut live,
        50,
        "desk@contoso.com",
        &["desk@contoso.com"],
        nothing,
    );
    let shared = ["desk@contoso.com", "office@contoso.com"];
    user(&mut live, 51, "lin@contoso.com", &shared, nothing);
    user(&mut live, 52, "sofia@contoso.com", &[OBJECT], |user| {
        user.object_id = Uuid::parse_str(OBJECT).ok();
    });
    user(&mut live, 53, OBJECT, &[OBJECT], nothing);
    assert_eq!(found(&live, " Desk@Contoso.com"), Match::One(id(50)));
    assert_eq!(found(&live, "office@contoso.com"), Match::One(id(51)));
    assert_eq!(found(&live, &OBJECT.to_uppercase()), Match::One(id(52)));
    assert_eq!(found(&live, "nobody@contoso.com"), Match::None);
}

#[test]
fn of_two_who_share_an_address_the_one_who_can_sign_in_is_meant_and_of_two_who_can_nobody() {
    let mut live = live(&Rows::default());
    let office = ["office@contoso.com"];
    user(&mut live, 50, "ada@old.com", &office, |user| {
        user.disabled = true
    });
    assert_eq!(found(&live, office[0]), Match::Unfit(id(50), "disabled"));
    user(&mut live, 51, "ada@new.com", &office, |_| {});
    assert_eq!(found(&live, office[0]), Match::One(id(51)));
    user(&mut live, 52, "bot@new.com", &office, |user| {
        user.application = true
    });
    user(&mut live, 53, "max@new.com", &office, |_| {});
    assert_eq!(
        found(&live, office[0]),
        Match::Several(vec![id(51), id(53)])
    );
}

#[test]
fn a_bare_role_is_the_one_of_the_root_and_a_named_business_unit_has_its_copy() {
    let mut live = live(&Rows::default());
    for (number, unit) in [(70, "Berlin"), (71, "Paris")] {
        live.found
            .business_units
            .insert(id(number), (unit.to_owned(), false));
        live.found.roles.insert(Role {
            id: id(number + 10),
            name: "Agent".to_owned(),
            business_unit: Some(id(number)),
            root: id(40),
        });
    }
    let role = |unit: Option<&str>| {
        live.look_up(&Lookup::Role {
            name: "agent".to_owned(),
            business_unit: unit.map(str::to_owned),
        })
    };
    assert_eq!(role(None), Match::One(id(40)));
    assert_eq!(role(Some("berlin ")), Match::One(id(80)));
    assert_eq!(role(Some("Rome")), Match::None);
}

#[test]
fn names_stand_in_one_order_whatever_their_case() {
    let team = |name: &str| Lookup::Team(name.to_owned());
    assert!(team("desk") < team("Office"));
    assert!(team("Desk") < team("office"));
    assert_eq!(team("Desk "), team("desk"));
}

#[test]
fn whoever_wrote_a_row_last_is_read_with_it() {
    let mut rows = Rows::default();
    rows.row(
        &TAB,
        json!({"msdyn_applicationtabtemplateid": id(1), "_modifiedby_value": id(20)}),
    );
    rows.row(&TAB, json!({"msdyn_applicationtabtemplateid": id(2)}));
    let live = live(&rows);
    let writer = |number| live.row(&TAB, id(number)).map(|row| row.modified_by());
    assert_eq!(writer(1), Some(Some(id(20))));
    assert_eq!(writer(2), Some(None));
}
