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
