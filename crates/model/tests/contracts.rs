//! Rules evaluated on resources read from live rows: the same evaluation as offline.

use std::collections::BTreeMap;

use deskstate_model::{
    Contract, Finding, Kind, Problem, ResourceKey, Rule, Subject, evaluate, load,
};
use serde_json::{Value, json};

/// The rules of a contract, given as YAML items of `rules`.
fn rules(items: &str) -> Vec<Rule> {
    let folder = tempfile::tempdir().unwrap();
    let project = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: a}\nspec: {contracts: [contract.yaml]}\n";
    let contract = format!(
        "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {{name: vendor}}\nspec:\n  rules:\n{items}"
    );
    std::fs::write(folder.path().join("deskstate.yaml"), project).unwrap();
    std::fs::write(folder.path().join("contract.yaml"), contract).unwrap();
    let (manifests, diagnostics) = load(folder.path(), None);
    let about_contract: Vec<_> = diagnostics
        .iter()
        .filter(|finding| finding.code.starts_with("unknown") || finding.code == "wrong-type")
        .collect();
    assert!(about_contract.is_empty(), "{about_contract:?}");
    let [Contract { rules, .. }] = <[Contract; 1]>::try_from(manifests.contracts).unwrap();
    rules
}

fn subject(kind: Kind, name: &str, spec: Value) -> Subject {
    let Value::Object(spec) = spec else {
        panic!("a spec is an object")
    };
    Subject {
        key: ResourceKey::new(kind, name),
        spec,
        off: BTreeMap::new(),
    }
}

fn problems(findings: &[Finding]) -> Vec<(String, &Problem)> {
    findings
        .iter()
        .map(|finding| (finding.path.join("."), &finding.problem))
        .collect()
}

#[test]
fn what_is_switched_off_fulfils_nothing() {
    let rules = rules(
        "    - id: a\n      resource: {kind: AppProfile, name: contoso_a}\n      contains: {channelProviders: [contoso_p]}\n      set: [channelProviders, sessionTemplates]\n      locked: {productivityPane: contoso_pane}\n",
    );
    let with_off = |off: &[(&str, &str)]| {
        let mut subject = subject(
            Kind::APP_PROFILE,
            "contoso_a",
            json!({"channelProviders": ["contoso_P"], "sessionTemplates": ["contoso_s", "contoso_t"], "productivityPane": "contoso_pane"}),
        );
        for (field, name) in off {
            let names = subject.off.entry((*field).to_owned()).or_default();
            names.insert((*name).to_owned(), (*name).to_owned());
        }
        let findings = evaluate(&rules[0], &[subject]);
        findings.iter().map(Finding::words).collect::<Vec<_>>()
    };
    assert_eq!(with_off(&[]), <[&str; 0]>::default());
    assert_eq!(
        with_off(&[
            ("channelProviders", "contoso_p"),
            ("sessionTemplates", "contoso_s"),
            ("productivityPane", "contoso_pane"),
        ]),
        [
            "`contoso_pane` in `productivityPane` is switched off",
            "`contoso_p` in `channelProviders` is switched off",
        ]
    );
    assert_eq!(
        with_off(&[
            ("sessionTemplates", "contoso_s"),
            ("sessionTemplates", "contoso_t")
        ]),
        ["`contoso_s` in `sessionTemplates` is switched off"]
    );
}

#[test]
fn names_have_no_case_sets_no_order_and_line_ends_do_not_count() {
    let rules = rules(
        "    - id: a\n      resource: {kind: SessionTemplate, name: cti_CREATEsession}\n      locked: {anchorTab: Contoso_Tab, scripts: [contoso_b, contoso_a], description: \"a\\nb\"}\n",
    );
    let fits = subject(
        Kind::SESSION_TEMPLATE,
        "CTI_createSession",
        json!({"anchorTab": "contoso_tab", "scripts": ["contoso_A", "contoso_B"], "description": "a\r\nb"}),
    );
    assert_eq!(evaluate(&rules[0], &[fits]), []);
    let other = subject(
        Kind::SESSION_TEMPLATE,
        "CTI_createSession",
        json!({"anchorTab": null, "scripts": ["contoso_a"]}),
    );
    let findings = evaluate(&rules[0], &[other]);
    let expected = Problem::NotLocked {
        expected: json!("Contoso_Tab"),
        actual: Some(Value::Null),
    };
    assert_eq!(problems(&findings)[0], ("anchorTab".to_owned(), &expected));
    assert_eq!(findings.len(), 3);
}

#[test]
fn a_lock_reaches_into_json_and_leaves_the_rest_alone() {
    let rules = rules(
        "    - id: a\n      resource: {kind: ChannelProvider}\n      locked: {customParameters: {screenPop: true, hosts: [a, b]}}\n",
    );
    let provider = |parameters: Value| {
        subject(
            Kind::CHANNEL_PROVIDER,
            "contoso_a",
            json!({"customParameters": parameters}),
        )
    };
    assert_eq!(
        evaluate(
            &rules[0],
            &[provider(
                json!({"screenPop": true, "hosts": ["a", "b"], "more": 1})
            )]
        ),
        []
    );
    assert_eq!(
        evaluate(
            &rules[0],
            &[provider(json!({"screenPop": "true", "hosts": ["b", "a"]}))]
        )
        .len(),
        2
    );
    assert_eq!(
        evaluate(&rules[0], &[provider(json!("screenPop=true"))]).len(),
        2
    );
}

#[test]
fn some_needs_one_that_passes_and_tells_of_the_nearest() {
    let rules = rules(
        "    - id: a\n      resource: {kind: AppProfile}\n      match: some\n      contains: {channelProviders: [contoso_a, contoso_b], sessionTemplates: [contoso_c]}\n",
    );
    let far = subject(
        Kind::APP_PROFILE,
        "contoso_far",
        json!({"channelProviders": []}),
    );
    let near = subject(
        Kind::APP_PROFILE,
        "contoso_near",
        json!({"channelProviders": {"mode": "atLeast", "members": ["CONTOSO_A", "contoso_b"]}}),
    );
    let findings = evaluate(&rules[0], &[far.clone(), near]);
    let [
        Finding {
            key: None,
            problem: Problem::NonePasses { nearest },
            ..
        },
    ] = findings.as_slice()
    else {
        panic!("{findings:?}")
    };
    assert_eq!(nearest.len(), 1);
    assert_eq!(
        nearest[0].problem,
        Problem::NotContained {
            member: "contoso_c".to_owned()
        }
    );
    let passes = subject(
        Kind::APP_PROFILE,
        "x",
        json!({"channelProviders": ["contoso_a", "contoso_b"], "sessionTemplates": ["contoso_c"]}),
    );
    assert_eq!(evaluate(&rules[0], &[far, passes]), []);
    assert!(matches!(
        evaluate(&rules[0], &[])[0].problem,
        Problem::NonePasses { .. }
    ));
}

#[test]
fn resources_are_found_by_content_since_customers_choose_names() {
    let rules = rules(
        "    - id: a\n      resource: {kind: ChannelProvider, where: {channelUrl: \"https://*.vendor.example/*\"}}\n      set: [trustedDomain]\n      matches: {label: Phone*}\n      preferred: {channelOrder: 0}\n",
    );
    let provider = |url: &str| {
        subject(
            Kind::CHANNEL_PROVIDER,
            "any_name",
            json!({"channelUrl": url, "channelOrder": 3, "label": "Phone 2"}),
        )
    };
    let findings = evaluate(
        &rules[0],
        &[
            provider("https://eu.vendor.example/panel"),
            provider("https://other.example/x"),
        ],
    );
    assert_eq!(
        problems(&findings),
        [
            (
                "channelOrder".to_owned(),
                &Problem::NotPreferred {
                    expected: json!(0),
                    actual: json!(3)
                }
            ),
            ("trustedDomain".to_owned(), &Problem::NotSet),
        ]
    );
    assert!(!findings[0].problem.is_error() && findings[1].problem.is_error());
}

#[test]
fn a_required_name_is_missed_and_one_that_is_not_required_is_not() {
    let rules = rules(
        "    - {id: a, resource: {kind: SessionTemplate, name: CTI_a}, required: true}\n    - {id: b, resource: {kind: SessionTemplate, name: CTI_a}, set: [anchorTab]}\n",
    );
    assert_eq!(evaluate(&rules[0], &[])[0].problem, Problem::Missing);
    assert_eq!(evaluate(&rules[1], &[]), []);
    let of_other_kind = subject(Kind::APP_PROFILE, "CTI_a", json!({}));
    assert_eq!(evaluate(&rules[0], &[of_other_kind]).len(), 1);
}

#[test]
fn a_locked_list_compares_its_items_as_the_product_does() {
    let locked = |kind: &str, name: &str, field: &str, wanted: &Value| {
        rules(&format!(
            "    - {{id: a, resource: {{kind: {kind}, name: {name}}}, locked: {{{field}: {wanted}}}}}\n"
        ))
    };
    let pane = json!([{"tool": "contoso_t", "tooltip": "T"}]);
    let script = json!([{"displayName": "Ask", "script": "contoso_other"}]);
    let views = json!([{"name": "contoso_one", "displayName": "A", "configuration": {}}, {"name": "contoso_two", "displayName": "B", "configuration": {}}]);
    let json_list = json!([{"url": "https://a.example"}]);
    let lines = json!([{"header": "Call", "displayName": "Call", "order": 1}]);
    for (kind, field, actual, wanted, is_kept) in [
        // Only what the rule gives counts.
        (
            "ProductivityPane",
            "tools",
            pane.clone(),
            json!([{"tool": "contoso_T"}]),
            true,
        ),
        (
            "ProductivityPane",
            "tools",
            pane.clone(),
            json!([{"tool": "contoso_t", "tooltip": "other"}]),
            false,
        ),
        // A field that is missing has no value, but it is not known to be empty.
        (
            "ProductivityPane",
            "tools",
            pane.clone(),
            json!([{"tool": "contoso_t", "iconPath": null}]),
            false,
        ),
        (
            "ProductivityPane",
            "tools",
            json!([{"tool": "contoso_t", "iconPath": null}]),
            json!([{"tool": "contoso_t", "iconPath": null}]),
            true,
        ),
        // What is on is not written, and what is off is like what nobody lists.
        (
            "ProductivityPane",
            "tools",
            pane.clone(),
            json!([{"tool": "contoso_t", "enabled": true}]),
            true,
        ),
        (
            "ProductivityPane",
            "tools",
            pane.clone(),
            json!([{"tool": "contoso_t"}, {"tool": "contoso_u", "enabled": false}]),
            true,
        ),
        (
            "ProductivityPane",
            "tools",
            json!([{"tool": "contoso_t"}, {"tool": "contoso_u", "enabled": false}]),
            json!([{"tool": "contoso_t"}]),
            true,
        ),
        (
            "ProductivityPane",
            "tools",
            json!([{"tool": "contoso_t"}, {"tool": "contoso_u"}]),
            json!([{"tool": "contoso_t"}, {"tool": "contoso_u", "enabled": false}]),
            false,
        ),
        // The name of an entry can be derived.
        (
            "ProductivityPane",
            "tools",
            pane,
            json!([{"tool": "contoso_t", "name": "contoso_t_contoso_x_pane_tab"}]),
            true,
        ),
        // A reference is a value, whatever the item is called.
        ("AgentScript", "steps", script.clone(), script.clone(), true),
        (
            "AgentScript",
            "steps",
            json!([{"displayName": "Ask", "name": "contoso_other", "text": "x"}]),
            script,
            false,
        ),
        // The order of a set has no meaning, but its texts are texts.
        (
            "AppProfile",
            "inboxViews",
            json!([views[1], views[0]]),
            views.clone(),
            true,
        ),
        (
            "AppProfile",
            "inboxViews",
            json!([{"name": "contoso_one", "displayName": "a", "configuration": {}}, views[1]]),
            views,
            false,
        ),
        // JSON is compared as a whole.
        (
            "ChannelProvider",
            "customParameters",
            json!([{"url": "https://a.example", "evil": true}]),
            json_list.clone(),
            false,
        ),
        (
            "ChannelProvider",
            "customParameters",
            json_list.clone(),
            json_list,
            true,
        ),
        ("NotificationTemplate", "fields", lines.clone(), lines, true),
    ] {
        let rules = locked(kind, "contoso_x", field, &wanted);
        assert_eq!(rules[0].locked.len(), 1, "{wanted}");
        let kind: Kind = kind.parse().unwrap();
        let found = evaluate(
            &rules[0],
            &[subject(kind, "contoso_x", json!({field: actual}))],
        );
        assert_eq!(found.is_empty(), is_kept, "{actual} {wanted}");
    }
}

#[test]
fn a_locked_step_that_is_switched_off_is_found_whatever_its_name() {
    let rules = rules(
        "    - {id: a, resource: {kind: AgentScript, name: contoso_x}, locked: {steps: [{displayName: Ask, text: x}]}}\n",
    );
    let mut script = subject(
        Kind::AGENT_SCRIPT,
        "contoso_x",
        json!({"steps": [{"displayName": "Ask", "name": "contoso_given", "text": "x"}]}),
    );
    assert_eq!(evaluate(&rules[0], std::slice::from_ref(&script)), []);
    let name = "contoso_given".to_owned();
    script
        .off
        .insert("steps".to_owned(), BTreeMap::from([(name.clone(), name)]));
    assert_eq!(evaluate(&rules[0], &[script]).len(), 1);
}
