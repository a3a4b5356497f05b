//! The projects in `examples/` load without findings that would stop anybody.

use std::path::{Path, PathBuf};

use super::support;
use deskstate_model::{Diagnostic, Kind, Manifests, ResourceKey, Severity, load, to_yaml};

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../examples")
        .join(name)
}

#[test]
fn every_example_is_valid_in_every_environment() {
    let guides = example("guides").read_dir().unwrap().map(Result::unwrap);
    let guides = guides
        .filter(|entry| entry.path().is_dir())
        .map(|entry| format!("guides/{}", entry.file_name().into_string().unwrap()));
    let others = ["tenfold", "contoso", "every-kind"].map(str::to_owned);
    for name in guides.chain(others) {
        let (manifests, diagnostics) = load(&example(&name), None);
        let errors: Vec<_> = diagnostics
            .iter()
            .filter(|finding| finding.severity == Severity::Error)
            .cloned()
            .collect();
        assert!(
            errors.is_empty(),
            "{name}\n{}",
            support::render(&errors, &manifests.sources)
        );
        assert!(!manifests.resources.is_empty(), "{name}");
    }
}

#[test]
fn the_tenfold_example_has_no_findings_at_all() {
    let (manifests, diagnostics) = load(&example("tenfold"), None);
    assert_eq!(support::render(&diagnostics, &manifests.sources), "");
    let keys: Vec<String> = manifests
        .resources
        .iter()
        .map(|declared| declared.key.to_string())
        .collect();
    assert_eq!(
        keys,
        [
            "AppProfile tenfold_appProfile",
            "SessionTemplate CTI_createSession",
            "ApplicationTab tenfold_customerSummary",
            "NotificationTemplate CTI_inboundCallNotification",
            "ChannelProvider tenfold_channelProvider",
        ]
    );
}

/// A project with one contract file and the manifests that its rules need.
fn with_contract(contract: &str, manifests: &str) -> (Manifests, Vec<Diagnostic>) {
    let folder = tempfile::tempdir().unwrap();
    let project = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: a}\nspec: {contracts: [contract.yaml], defaults: {app: a}}\n";
    std::fs::create_dir(folder.path().join("manifests")).unwrap();
    for (path, text) in [
        ("deskstate.yaml", project),
        ("contract.yaml", contract),
        ("manifests/a.yaml", manifests),
    ] {
        std::fs::write(folder.path().join(path), text).unwrap();
    }
    load(folder.path(), None)
}

#[test]
fn the_contract_template_is_a_contract_that_can_be_kept() {
    let template =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/manifests/contract-template.yaml");
    let manifests = "\
apiVersion: deskstate/v1
kind: SessionTemplate
metadata: {name: vendor_callSession}
spec: {displayName: A, type: Generic, title: \"{customer}\", communicationPanelMode: Docked, anchorTab: msdyn_entityrecord}
---
apiVersion: deskstate/v1
kind: ChannelProvider
metadata: {name: vendor_widget}
spec:
  displayName: A
  label: A
  channelUrl: https://eu.vendor.example/panel
  trustedDomain: https://eu.vendor.example
  channelOrder: 0
  enableOutboundCommunication: true
---
apiVersion: deskstate/v1
kind: AppProfile
metadata: {name: contoso_agents}
spec: {displayName: A, sessionTemplates: [vendor_callSession], channelProviders: [vendor_widget]}
";
    let (manifests, diagnostics) =
        with_contract(&std::fs::read_to_string(template).unwrap(), manifests);
    assert_eq!(support::render(&diagnostics, &manifests.sources), "");
    assert_eq!(manifests.contracts[0].rules.len(), 3);
}

#[test]
fn json_is_the_same_for_a_contract_as_text_and_as_a_mapping() {
    let found = |locked: &str, given: &str| {
        let contract = format!(
            "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {{name: vendor}}\nspec:\n  rules:\n    - id: widget\n      resource: {{kind: ChannelProvider, name: vendor_widget}}\n      locked: {{customParameters: {locked}}}\n"
        );
        let manifest = format!(
            "apiVersion: deskstate/v1\nkind: ChannelProvider\nmetadata: {{name: vendor_widget}}\nspec: {{displayName: A, label: A, channelUrl: \"https://vendor.example\", channelOrder: 0, customParameters: {given}}}\n"
        );
        let (_, diagnostics) = with_contract(&contract, &manifest);
        diagnostics
            .iter()
            .map(|finding| finding.code)
            .collect::<Vec<_>>()
    };
    let (text, mapping) = (r#"'{ "mode": "live" }'"#, "{mode: live}");
    for given in [text, mapping, r#"'{"mode":"live"}'"#] {
        assert_eq!(found(text, given), [""; 0], "text, {given}");
        assert_eq!(found(mapping, given), [""; 0], "mapping, {given}");
    }
    // A mapping locks its members, a text locks the complete value.
    for given in [r#"'{"mode":"live","call":"1"}'"#, "{mode: live, call: 1}"] {
        assert_eq!(found(text, given), ["locked-value"], "text, {given}");
        assert_eq!(found(mapping, given), [""; 0], "mapping, {given}");
    }
    for given in [r#"'{"mode":"mock"}'"#, "{mode: mock}", "live"] {
        assert_eq!(found(text, given), ["locked-value"], "text, {given}");
        assert_eq!(found(mapping, given), ["locked-value"], "mapping, {given}");
    }
}

#[test]
fn overlays_and_variables_make_the_effective_profile_of_an_environment() {
    let effective = |environment: &str| {
        let (manifests, _) = load(&example("contoso"), Some(environment));
        manifests
            .find(&ResourceKey::new(Kind::APP_PROFILE, "contoso_agents"))
            .map(to_yaml)
            .unwrap()
    };
    // Its own exact users, a different list of providers in the mode of the base, and two fields left alone.
    insta::assert_snapshot!(effective("dev"), @r#"
    apiVersion: deskstate/v1
    kind: AppProfile
    metadata:
      name: contoso_agents
      labels: {team: voice}
    spec:
      displayName: Contoso agents
      description: First line, voice and chat
      owner: {team: Desktop owners}
      app: CustomerServiceApps
      rank: 20
      users: [dev.agent1@contoso.com, dev.agent2@contoso.com]
      roles: [Customer Service Representative, Omnichannel agent]
      sessionTemplates: [contoso_caseSession, voxline_callSession, ringway_callSession]
      allActiveChannels: true
      channelProviders:
        mode: atLeast
        members: [voxline_provider, ringway_provider, contoso_testPhone]
      productivityPane: contoso_agentPane
    "#);
    // Members, excluded members, and a single changed flag.
    insta::assert_snapshot!(effective("prod"), @r#"
    apiVersion: deskstate/v1
    kind: AppProfile
    metadata:
      name: contoso_agents
      labels: {team: voice}
    spec:
      displayName: Contoso agents
      description: First line, voice and chat
      owner: {team: Desktop owners}
      app: CustomerServiceApps
      rank: 20
      users:
        mode: atLeast
        members: [pilot.nora@contoso.com]
        without: [kim@contoso.com]
        moves: allow
      roles: [Customer Service Representative, Omnichannel agent]
      sessionTemplates: [contoso_caseSession, voxline_callSession, ringway_callSession]
      allActiveChannels: true
      channelProviders:
        mode: atLeast
        members: [voxline_provider, ringway_provider]
      productivityPane: contoso_agentPane
      copilotFeatures:
        askAQuestion: false
        writeAnEmail: true
        caseSummary: true
        liveConversationSummary: true
        conversationToCaseAutonomousCreation: false
      inboxViews:
        - name: contoso_inboxCases
          displayName: My cases
          visible: true
          default: true
          configuration: {}
        - name: contoso_inboxCalls
          displayName: My calls
          visible: true
          configuration: {}
    "#);
}

#[test]
fn a_document_of_some_environments_is_there_and_nowhere_else() {
    let has_test_phone = |environment: &str| {
        let (manifests, _) = load(&example("contoso"), Some(environment));
        manifests
            .find(&ResourceKey::new(
                Kind::CHANNEL_PROVIDER,
                "contoso_testPhone",
            ))
            .is_some()
    };
    assert!(has_test_phone("dev") && has_test_phone("local"));
    assert!(!has_test_phone("test") && !has_test_phone("prod"));
}
