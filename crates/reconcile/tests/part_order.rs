//! Lists of parts specify an order; the numbers that Dataverse stores for it are up to the product.

use super::support::{Rows, desired, document, id, live};
use deskstate_model::tables::{SCRIPT, STEP};
use deskstate_reconcile::plan;
use deskstate_reconcile::plan::Options;
use serde_json::json;

/// Plans a script with these steps against live steps with these numbers. Returns the paths that change.
fn changes(declared: &[&str], numbered: &[(&str, Option<i64>)]) -> Vec<String> {
    let steps = declared.iter().map(
        |name| json!({"name": format!("contoso_{name}"), "displayName": name, "text": "hello"}),
    );
    let spec = json!({"displayName": "Script", "language": 1033, "steps": Vec::from_iter(steps)});
    let desired = desired(&[document("AgentScript", "contoso_script", spec)]);
    let script = id(1);
    let mut rows = Rows::default();
    rows.row(
        &SCRIPT,
        json!({
            "msdyn_productivityagentscriptid": script,
            "msdyn_uniquename": "contoso_script",
            "msdyn_name": "Script",
            "msdyn_language": 1033,
        }),
    );
    for (at, (name, number)) in numbered.iter().enumerate() {
        rows.row(
            &STEP,
            json!({
                "msdyn_productivityagentscriptstepid": id(10 + at as u128),
                "msdyn_uniquename": format!("contoso_{name}"),
                "msdyn_name": name,
                "msdyn_textinstruction": "hello",
                "msdyn_actiontype": 192_350_000,
                "_msdyn_agentscriptid_value": script,
                "msdyn_order": number,
            }),
        );
    }
    let (plan, diagnostics) = plan(&desired, &live(&rows), &Options::default());
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    plan.changes
        .iter()
        .flat_map(|change| change.fields.iter().map(|field| field.path.clone()))
        .collect()
}

#[test]
fn numbers_that_rise_are_in_order_wherever_they_begin() {
    for numbers in [[1, 2, 3], [0, 1, 2], [10, 20, 35]] {
        let live = [
            ("a", Some(numbers[0])),
            ("b", Some(numbers[1])),
            ("c", Some(numbers[2])),
        ];
        assert_eq!(
            changes(&["a", "b", "c"], &live),
            Vec::<String>::new(),
            "{numbers:?}"
        );
    }
}

#[test]
fn a_step_out_of_place_numbers_all_from_one() {
    let live = [("a", Some(10)), ("b", Some(20)), ("c", Some(3))];
    assert_eq!(
        changes(&["a", "b", "c"], &live),
        ["steps.contoso_a.order", "steps.contoso_b.order"]
    );
}

#[test]
fn a_number_that_is_missing_or_given_twice_is_set() {
    assert_eq!(
        changes(&["a", "b"], &[("a", None), ("b", Some(2))]),
        ["steps.contoso_a.order"]
    );
    assert_eq!(
        changes(&["a", "b"], &[("a", Some(1)), ("b", Some(1))]),
        ["steps.contoso_b.order"]
    );
}
