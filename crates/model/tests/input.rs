//! Bad input: whatever the files contain, loading ends with findings, without a panic and within limits.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use deskstate_model::{Diagnostic, Manifests, load, load_texts, render};
use proptest::prelude::*;
use tempfile::TempDir;

const PROJECT: &str = "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: input}\nspec: {variables: {a: b, n: 1, l: [x]}}\n";
const TOOL: &str = "apiVersion: deskstate/v1\nkind: PaneTool\nmetadata: {name: contoso_a}\nspec: {displayName: A, controlName: a}\n";

fn project(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("deskstate.yaml"), PROJECT).unwrap();
    for (path, bytes) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn loaded(files: &[(&str, &[u8])]) -> (Manifests, Vec<Diagnostic>) {
    load(project(files).path(), None)
}

fn codes(diagnostics: &[Diagnostic]) -> Vec<&'static str> {
    diagnostics.iter().map(|finding| finding.code).collect()
}

#[test]
fn no_project_is_one_finding_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let (manifests, diagnostics) = load(folder.path(), None);
    assert_eq!(codes(&diagnostics), ["no-project"]);
    assert!(
        diagnostics[0]
            .help
            .as_deref()
            .unwrap()
            .contains("deskstate init")
    );
    assert!(manifests.project.is_none());
    assert_eq!(
        codes(&load(&folder.path().join("nowhere"), None).1),
        ["no-project"]
    );
}

#[test]
fn an_unknown_environment_is_named() {
    let folder = project(&[("manifests/a.yaml", TOOL.as_bytes())]);
    let (_, diagnostics) = load(folder.path(), Some("prod"));
    assert_eq!(codes(&diagnostics), ["unknown-environment"]);
}

#[test]
fn a_value_that_could_not_be_read_is_one_finding_and_lacks_nothing() {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    let texts = |url: &str, anchor: &str, more: &str| {
        BTreeMap::from([
            file(
                "deskstate.yaml",
                "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: input}\nspec: {contracts: [contract.yaml]}\n",
            ),
            file(
                "contract.yaml",
                "apiVersion: deskstate/v1\nkind: Contract\nmetadata: {name: c}\nspec:\n  rules:\n    - id: session\n      resource: {kind: SessionTemplate}\n      contains: {additionalTabs: [contoso_more]}\n      locked: {anchorTab: contoso_tab}\n    - id: site\n      resource: {kind: ApplicationTab}\n      match: some\n      set: [parameters.url]\n",
            ),
            file(
                "manifests/a.yaml",
                &format!(
                    "apiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: contoso_tab}}\nspec: {{displayName: A, title: A, pageType: ThirdPartyWebsite, parameters: {{url: {url}}}}}\n---\napiVersion: deskstate/v1\nkind: ApplicationTab\nmetadata: {{name: contoso_more}}\nspec: {{displayName: A, title: A, pageType: Search, parameters: {{searchText: a}}}}\n---\napiVersion: deskstate/v1\nkind: SessionTemplate\nmetadata: {{name: contoso_s}}\nspec: {{displayName: A, title: A, type: Generic, communicationPanelMode: Docked, anchorTab: {anchor}, additionalTabs: [{more}]}}\n"
                ),
            ),
        ])
    };
    let found = |url: &str, anchor: &str, more: &str| load_texts(texts(url, anchor, more), None).1;
    let whole = found("https://app.example", "contoso_tab", "contoso_more");
    assert_eq!(codes(&whole), [""; 0], "{whole:#?}");
    let unknown = found(
        "'${{ vars.nope }}'",
        "'${{ vars.nope }}'",
        "'${{ vars.nope }}'",
    );
    assert_eq!(codes(&unknown), ["unknown-variable"; 3], "{unknown:#?}");
    let within = found(
        "'https://${{ vars.nope }}/x'",
        "contoso_tab",
        "contoso_more",
    );
    assert_eq!(codes(&within), ["unknown-variable"], "{within:#?}");
    let list = found("[a]", "contoso_tab", "contoso_more");
    assert_eq!(codes(&list), ["wrong-type"], "{list:#?}");
    // Values that are really missing are still reported.
    let other = found(
        "https://app.example, searchText: '${{ vars.nope }}'",
        "contoso_more",
        "contoso_tab",
    );
    assert!(codes(&other).contains(&"locked-value"), "{other:#?}");
    assert!(codes(&other).contains(&"contract-contains"), "{other:#?}");
}

#[test]
fn an_address_is_taken_whatever_the_case_of_its_scheme() {
    let found = |url: &str| {
        let project = format!(
            "apiVersion: deskstate/v1\nkind: Project\nmetadata: {{name: input}}\nspec: {{manifests: [], environments: {{prod: {{url: \"{url}\"}}}}}}\n"
        );
        load_texts(
            BTreeMap::from([("deskstate.yaml".to_owned(), project)]),
            None,
        )
        .1
    };
    for url in [
        "HTTPS://Contoso.CRM4.dynamics.com",
        "Http://LocalHost:8080",
        "https://contoso.crm4.dynamics.com",
    ] {
        assert_eq!(codes(&found(url)), [""; 0], "{url}");
    }
    for url in ["HTTP://contoso.crm4.dynamics.com", "FTP://localhost"] {
        assert_eq!(codes(&found(url)), ["https-needed"], "{url}");
    }
}

#[test]
fn of_kinds_whose_definitions_cannot_be_read_only_the_definitions_are_reported() {
    let definition = |word: &str, table: &str, fields: &str| {
        format!(
            "apiVersion: deskstate/v1\nkind: KindDefinition\nmetadata: {{name: {word}}}\nspec:\n  version: \"1\"\n  description: A {word}\n  table: {table}\n  entitySet: {table}s\n  identity: {{column: contoso_name, maxLength: 100}}\n  fields: {{{fields}}}\n"
        )
    };
    let found = |definitions: &str| {
        let texts = BTreeMap::from([
            (
                "deskstate.yaml".to_owned(),
                "apiVersion: deskstate/v1\nkind: Project\nmetadata: {name: input}\nspec:\n  kinds: [kinds.yaml]\n  ignore: [{kind: Shelf, name: x, reason: y, until: 2099-01-01}]\n".to_owned(),
            ),
            ("kinds.yaml".to_owned(), definitions.to_owned()),
            (
                "manifests/a.yaml".to_owned(),
                "apiVersion: deskstate/v1\nkind: Shelf\nmetadata: {name: a}\nspec: {}\n---\napiVersion: deskstate/v1\nkind: ShelfRow\nmetadata: {name: a}\nspec: {}\n".to_owned(),
            ),
        ]);
        load_texts(texts, None).1
    };
    let row = definition(
        "ShelfRow",
        "contoso_shelfrow",
        "shelf: {column: contoso_shelf, type: lookup, to: Shelf}",
    );
    let broken = definition(
        "Shelf",
        "contoso_shelf",
        "size: {column: contoso_size, type: nonsense}",
    );
    let both = found(&format!("{broken}---\n{row}"));
    assert_eq!(codes(&both), ["unknown-value"], "{both:#?}");
    let unread = found("{");
    assert!(!codes(&unread).contains(&"unknown-kind"), "{unread:#?}");
    assert!(!unread.is_empty());
    // A readable definition of a different word than the manifests use is still a finding.
    let other = found(&definition("Rack", "contoso_rack", ""));
    assert_eq!(codes(&other), ["unknown-kind"; 3], "{other:#?}");
}

#[test]
fn a_byte_order_mark_and_crlf_are_read_like_other_files() {
    let text = format!("\u{feff}{}", TOOL.replace('\n', "\r\n"));
    let (manifests, diagnostics) = loaded(&[("manifests/a.yaml", text.as_bytes())]);
    assert_eq!(support::render(&diagnostics, &manifests.sources), "");
    assert_eq!(manifests.resources.len(), 1);
}

#[test]
fn other_encodings_are_refused_by_name() {
    let utf16: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(TOOL.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let without_mark: Vec<u8> = TOOL.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for bytes in [utf16, without_mark] {
        let (_, diagnostics) = loaded(&[("manifests/a.yaml", &bytes)]);
        assert_eq!(codes(&diagnostics), ["encoding"]);
        assert!(
            diagnostics[0].message.contains("UTF-16"),
            "{}",
            diagnostics[0].message
        );
    }
    let (_, diagnostics) = loaded(&[("manifests/a.yaml", b"a: b\ndisplayName: Gr\xf6\xdfe\n")]);
    assert_eq!(codes(&diagnostics), ["encoding"]);
    assert!(
        diagnostics[0].message.contains("line 2"),
        "{}",
        diagnostics[0].message
    );
}

#[cfg(unix)]
#[test]
fn links_may_go_round_in_circles_and_may_not_leave_the_project() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("b.yaml"), TOOL).unwrap();
    let folder = project(&[("manifests/a.yaml", TOOL.as_bytes())]);
    let manifests = folder.path().join("manifests");
    symlink(&manifests, manifests.join("again")).unwrap();
    symlink("nowhere.yaml", manifests.join("broken.yaml")).unwrap();
    symlink("self.yaml", manifests.join("self.yaml")).unwrap();
    symlink(outside.path(), manifests.join("out")).unwrap();
    symlink(outside.path().join("b.yaml"), manifests.join("b.yaml")).unwrap();
    let (loaded, diagnostics) = load(folder.path(), None);
    assert_eq!(loaded.resources.len(), 1);
    let mut found = codes(&diagnostics);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "path-outside",
            "path-outside",
            "unreadable-file",
            "unreadable-file"
        ]
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_file() {
    let folder = project(&[("manifests/a.yaml", TOOL.as_bytes())]);
    let pipe = folder.path().join("manifests/pipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if made.is_ok_and(|status| status.success()) {
        let (_, diagnostics) = load(folder.path(), None);
        assert_eq!(codes(&diagnostics), ["unreadable-file"]);
    }
}

#[test]
fn ten_thousand_documents_in_one_file_are_read() {
    let mut text = String::new();
    for number in 0..10_000 {
        text.push_str(&TOOL.replace("contoso_a", &format!("contoso_a{number}")));
        text.push_str("---\n");
    }
    let (manifests, diagnostics) = loaded(&[("manifests/a.yaml", text.as_bytes())]);
    assert!(diagnostics.is_empty());
    assert_eq!(manifests.resources.len(), 10_000);
}

#[test]
fn a_thousand_broken_documents_take_no_longer_than_reading_them() {
    let text = "---\na: [\nb: 1\n".repeat(1_000) + &"- x\n".repeat(200_000);
    let start = Instant::now();
    let (_, diagnostics) = loaded(&[("manifests/a.yaml", text.as_bytes())]);
    assert_eq!(diagnostics.len(), 20);
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn fields_without_end_that_do_not_exist_are_listed_until_they_take_too_much_memory() {
    let (head, _) = TOOL.split_once("{displayName").unwrap();
    let unknown = |count: usize| {
        let fields: String = (0..count)
            .map(|number| format!("  a{number}: 1\n"))
            .collect();
        let text = format!("{head}\n{fields}");
        let start = Instant::now();
        let (_, diagnostics) = loaded(&[("manifests/a.yaml", text.as_bytes())]);
        let took = start.elapsed();
        let of = |code| codes(&diagnostics).iter().filter(|&&it| it == code).count();
        (of("unknown-field"), of("yaml-limits"), took)
    };
    let (listed, stopped, few) = unknown(10_000);
    assert_eq!((listed, stopped), (10_000, 0));
    let (listed, stopped, many) = unknown(60_000);
    assert!(listed > 5_000 && listed < 60_000, "{listed}");
    assert_eq!(stopped, 1);
    // On a busy machine both runs are slower. Six times the input takes about six times as long; quadratic time would be 36 times.
    assert!(
        many < Duration::from_secs(20) || many < few * 30,
        "{few:?} and {many:?}"
    );
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let text = format!("{TOOL}#{}\n", "x".repeat(17 << 20));
    let (manifests, diagnostics) = loaded(&[("manifests/a.yaml", text.as_bytes())]);
    assert_eq!(codes(&diagnostics), ["yaml-limits"]);
    assert!(manifests.resources.is_empty());
}

#[test]
fn a_base_document_that_is_in_no_environment_of_another_is_checked_where_it_counts() {
    let text = format!("{TOOL}---\n{TOOL}");
    let (_, diagnostics) = loaded(&[("manifests/a.yaml", text.as_bytes())]);
    assert_eq!(codes(&diagnostics), ["duplicate-resource"]);
}

/// Bytes that resemble YAML, manifests or nothing in particular.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "apiVersion: deskstate/v1\n",
            "kind: ",
            "AppProfile\n",
            "SessionTemplate\n",
            "ApplicationTab\n",
            "AgentScript\n",
            "NotificationTemplate\n",
            "ChannelProvider\n",
            "metadata: {name: contoso_a}\n",
            "metadata:\n  name: ",
            "spec:\n",
            "spec: {",
            "}",
            "[",
            "]",
            "---\n",
            "...\n",
            "  ",
            "- ",
            ": ",
            "\n",
            "&a ",
            "*a ",
            "!!str ",
            "<<: ",
            "\"",
            "'",
            "|-\n",
            ">\n",
            "#",
            "\t",
            "${{ vars.a }}",
            "${{ vars.n }}",
            "${{ vars.l }}",
            "$${{",
            "${{",
            "{customer}",
            "null",
            "true",
            "1e3",
            "0x1",
            ".nan",
            "users: ",
            "mode: exact\n",
            "members: ",
            "steps: ",
            "text: ",
            "fields: ",
            "parameters: ",
            "pageType: EntityRecord\n",
            "displayName: ",
            "inboxViews: ",
            "configurationFile: a.yaml\n",
            "\u{feff}",
            "\u{2028}",
            "é",
            "𝄞",
            "\0",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn places_fit(manifests: &Manifests, diagnostics: &[Diagnostic]) -> bool {
    diagnostics
        .iter()
        .flat_map(|finding| finding.primary.iter().chain(&finding.secondary))
        .all(|label| {
            let text = manifests.sources.text(label.span.file);
            text.get(label.span.start as usize..label.span.end as usize)
                .is_some()
        })
}

fn check(path: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
    let folder = project(&[("manifests/z.yaml", TOOL.as_bytes()), (path, bytes)]);
    let (manifests, diagnostics) = load(folder.path(), None);
    prop_assert!(places_fit(&manifests, &diagnostics), "{diagnostics:?}");
    let again = load(folder.path(), None).1;
    prop_assert_eq!(diagnostics, again);
    let (rendered, again) = (render(&manifests), render(&manifests));
    prop_assert_eq!(rendered, again);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_bytes_load_without_a_panic_and_places_lie_in_their_files(bytes in text()) {
        check("manifests/a.yaml", &bytes)?;
    }

    #[test]
    fn any_bytes_for_a_project_file_load_without_a_panic(bytes in text()) {
        check("deskstate.yaml", &bytes)?;
    }
}

/// The output of `render` is read back as the same manifests.
#[test]
fn rendered_manifests_are_manifests_again() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for (name, environment) in [
        ("tenfold", "prod"),
        ("contoso", "prod"),
        ("contoso", "dev"),
        ("guides/twilio-softphone", "local"),
        ("guides/case-script", "lab"),
        ("guides/acs-audio-video", "demo"),
    ] {
        let (manifests, _) = load(&examples.join(name), Some(environment));
        let text = render(&manifests);
        let folder = project(&[("manifests/a.yaml", text.as_bytes())]);
        let (again, diagnostics) = load(folder.path(), None);
        let errors: Vec<_> = diagnostics
            .into_iter()
            .filter(Diagnostic::is_error)
            .collect();
        assert_eq!(
            support::render(&errors, &again.sources),
            "",
            "{name}\n{text}"
        );
        assert_eq!(render(&again), text, "{name}");
    }
}

const DESCRIBED: &str = "apiVersion: deskstate/v1\nkind: PaneTool\nmetadata:\n  name: contoso_b\n  labels: {team: LABEL}\nspec: {displayName: TEXT, controlName: a}\n";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// For any text, the rendered output is read as the same project, and rendering it again gives the same bytes.
    #[test]
    fn rendering_is_a_fixed_point_for_any_text(pieces in prop::collection::vec(
        prop::sample::select(&[
            "$", "$$", "${{", "$${{", "${{ vars.x }}", "}}", "{slug}", "${slug}", "a", " ", "##[group]", "::x", "\u{202e}", "\u{200b}",
            "\u{e0001}", "\"", "'", "\\", "#", ":", "-", "[", "é", "漢",
        ][..]),
        1..6,
    )) {
        let text = format!("x{}x", pieces.concat());
        let json = serde_json::to_string(&text.replace("${{", "$${{")).unwrap();
        let manifest = DESCRIBED.replace("TEXT", &json).replace("LABEL", &json);
        let folder = project(&[("manifests/a.yaml", manifest.as_bytes())]);
        let (manifests, _) = load(folder.path(), None);
        let spec = manifests.resources[0].spec.to_spec();
        prop_assert_eq!(spec["displayName"].as_str(), Some(text.as_str()));
        let rendered = render(&manifests);
        let folder = project(&[("manifests/a.yaml", rendered.as_bytes())]);
        let (again, _) = load(folder.path(), None);
        prop_assert_eq!(again.resources[0].spec.to_spec(), spec);
        prop_assert_eq!(&again.resources[0].labels["team"], &text);
        prop_assert_eq!(render(&again), rendered);
    }
}
