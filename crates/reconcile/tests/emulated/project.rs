//! Random projects with every kind and with references between them; the same seed gives the same project.

use deskstate_emulator::Age;
use deskstate_model::Kind;
use serde_json::{Map, Value as Json, json};

/// Pseudorandom numbers (SplitMix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }

    pub(crate) fn yes(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// A random selection of the items.
    fn some<T: Clone>(&mut self, from: &[T], percent: usize) -> Vec<T> {
        from.iter().filter(|_| self.yes(percent)).cloned().collect()
    }

    fn text(&mut self, what: &str) -> String {
        let ends = [
            "",
            " größer",
            " {customer}",
            " & Söhne <b>",
            "\nsecond line",
            " \"quoted\"",
        ];
        format!("{what} {}{}", self.below(3), self.pick(&ends))
    }

    /// Adds a field, sets it to null, or leaves it out.
    fn maybe(&mut self, spec: &mut Map<String, Json>, word: &str, value: Json) {
        match self.below(10) {
            0..=5 => drop(spec.insert(word.to_owned(), value)),
            6 => drop(spec.insert(word.to_owned(), Json::Null)),
            _ => {}
        }
    }

    /// Adds a field or leaves it out.
    fn perhaps(&mut self, spec: &mut Map<String, Json>, word: &str, value: Json) {
        if self.yes(60) {
            spec.insert(word.to_owned(), value);
        }
    }

    fn set(&mut self, members: Vec<String>) -> Json {
        if self.yes(60) {
            json!(members)
        } else {
            json!({"mode": "atLeast", "members": members})
        }
    }
}

const USERS: [&str; 6] = [
    "ada@contoso.com",
    "lin@contoso.com",
    "kim@contoso.com",
    "nora@contoso.com",
    "dana@contoso.com",
    "7d0a3c52-9d4e-4c0f-8f54-2f1b7f7a9c11",
];

fn document(kind: &str, name: &str, spec: Map<String, Json>) -> Json {
    json!({"apiVersion": "deskstate/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn names(chance: &mut Chance, prefix: &str, most: usize) -> Vec<String> {
    let all: Vec<String> = (0..most)
        .map(|number| format!("contoso_{prefix}{number}"))
        .collect();
    chance.some(&all, 75)
}

fn object(value: Json) -> Map<String, Json> {
    value.as_object().unwrap().clone()
}

/// Documents of every kind that an environment of this age accepts.
pub(crate) fn project(age: Age, seed: u64) -> Vec<Json> {
    let mut documents = newest(seed);
    for document in &mut documents {
        let kind = document["kind"].as_str().unwrap().to_owned();
        let came_later: Vec<&str> = came_later(age)
            .iter()
            .filter_map(|(of, word)| (kind == *of).then_some(*word))
            .collect();
        let spec = document["spec"].as_object_mut().unwrap();
        spec.retain(|word, _| !came_later.contains(&word.as_str()));
    }
    documents
}

/// Fields of generated documents for which an environment of this age has no column, table or link, according to its typings and its
/// metadata dump.
fn came_later(age: Age) -> &'static [(&'static str, &'static str)] {
    match age {
        Age::Y2022 => &[
            ("AppProfile", "rank"),
            ("AppProfile", "roles"),
            ("AppProfile", "copilotFeatures"),
            ("AppProfile", "inboxViews"),
            ("PaneTool", "type"),
        ],
        // These ages lack nothing that the documents set.
        Age::Y2024 | Age::Y2026 => &[],
    }
}

/// Documents of every kind.
fn newest(seed: u64) -> Vec<Json> {
    let mut chance = Chance::new(seed);
    let chance = &mut chance;
    let tabs = names(chance, "tab", 4);
    let fields = names(chance, "field", 2);
    let calls = names(chance, "call", 3);
    let scripts = names(chance, "script", 4);
    let sessions = names(chance, "session", 4);
    let providers = names(chance, "provider", 2);
    let extensions = names(chance, "extension", 2);
    let tools = names(chance, "tool", 3);
    let panes = names(chance, "pane", 2);
    let smart = names(chance, "smart", 2);
    let profiles = names(chance, "profile", 3);
    let mut all = Vec::new();
    for name in &tabs {
        all.push(document("ApplicationTab", name, tab(chance)));
    }
    for name in &fields {
        let mut spec = object(
            json!({"displayName": chance.text("Field"), "header": chance.text("Header"), "order": 10 + chance.below(3)}),
        );
        chance.maybe(&mut spec, "value", json!("{number}"));
        all.push(document("NotificationField", name, spec));
    }
    for name in &calls {
        all.push(document(
            "NotificationTemplate",
            name,
            notification(chance, name, &fields),
        ));
    }
    for name in &scripts {
        all.push(document(
            "AgentScript",
            name,
            script(chance, name, &scripts),
        ));
    }
    for name in &sessions {
        all.push(document(
            "SessionTemplate",
            name,
            session(chance, &tabs, &scripts),
        ));
    }
    for (at, name) in providers.iter().enumerate() {
        let mut spec = object(json!({
            "displayName": chance.text("Provider"), "label": "Phone", "channelUrl": format!("https://app{}.voxline.example/panel", chance.below(2)), "channelOrder": at
        }));
        let parameters = json!({"region": "eu", "deep": {"n": chance.below(3)}, "list": [1, 2]});
        chance.maybe(&mut spec, "customParameters", parameters);
        chance.perhaps(&mut spec, "enableAnalytics", json!(chance_flag(seed, at)));
        all.push(document("ChannelProvider", name, spec));
    }
    for name in &extensions {
        let spec = object(
            json!({"displayName": chance.text("Extension"), "webResourceUrl": format!("contoso_/ext{}.js", chance.below(2)), "type": "Custom"}),
        );
        all.push(document("ApplicationExtension", name, spec));
    }
    for name in &tools {
        let mut spec = object(
            json!({"displayName": format!("Tool {}", chance.below(3)), "type": "CustomPage", "controlName": "contoso_page"}),
        );
        chance.maybe(&mut spec, "description", json!(chance_text(seed)));
        chance.maybe(&mut spec, "data", json!({"a": 1}));
        all.push(document("PaneTool", name, spec));
    }
    for name in &panes {
        let entries: Vec<Json> = chance
            .some(&tools, 70)
            .into_iter()
            .map(|tool| json!({"tool": tool, "tooltip": format!("tip {}", chance.below(2))}))
            .collect();
        let mut spec = object(json!({"displayName": chance.text("Pane"), "tools": entries}));
        chance.perhaps(&mut spec, "defaultMode", json!("Collapsed"));
        all.push(document("ProductivityPane", name, spec));
    }
    for name in &smart {
        let mut spec = object(json!({
            "displayName": chance.text("Smart"), "sourceEntity": "incident", "suggestionType": "SimilarCase", "controlConfig": "contoso_caseCard"
        }));
        chance.maybe(&mut spec, "maxSuggestions", json!(chance_number(seed)));
        all.push(document("SmartAssist", name, spec));
    }
    let mut users: Vec<Vec<&str>> = vec![Vec::new(); profiles.len()];
    for user in USERS {
        if !profiles.is_empty() && chance.yes(80) {
            users[chance.below(profiles.len())].push(user);
        }
    }
    for (at, name) in profiles.iter().enumerate() {
        let spec = profile(
            chance,
            name,
            at,
            &users[at],
            [&sessions, &providers, &extensions, &panes, &smart],
        );
        all.push(document("AppProfile", name, spec));
    }
    if chance.yes(50) {
        let spec = object(json!({
            "label": "Phone", "channelOrder": 3, "channelUrl": "https://app.voxline.example/cif", "roleSelector": "{}", "users": ["test.agent1@contoso.com"]
        }));
        all.push(document("CifProvider", "Contoso classic", spec));
    }
    for document in &mut all {
        let kind: Kind = document["kind"].as_str().unwrap().parse().unwrap();
        let has_owner = kind.fields().iter().any(|field| field.word == "owner");
        if has_owner && chance.yes(20) {
            let owners = [
                json!({"team": "Desktop owners"}),
                json!({"user": "ada@contoso.com"}),
            ];
            document["spec"]["owner"] = chance.pick(&owners).clone();
        }
    }
    all
}

fn chance_flag(seed: u64, at: usize) -> bool {
    (seed + at as u64).is_multiple_of(2)
}

fn chance_text(seed: u64) -> String {
    format!("text {}", seed % 3)
}

fn chance_number(seed: u64) -> u64 {
    seed % 4 + 1
}

fn tab(chance: &mut Chance) -> Map<String, Json> {
    let mut spec = object(json!({"displayName": chance.text("Tab")}));
    let (page_type, parameters) = match chance.below(4) {
        0 => (
            "ThirdPartyWebsite",
            json!({"url": format!("https://orders{}.contoso.example/search?q={{customerName}}", chance.below(2))}),
        ),
        1 => (
            "EntityRecord",
            json!({"entityName": "incident", "entityId": "{incidentId}"}),
        ),
        2 => (
            "Search",
            json!({"searchText": "{customerName}", "searchType": if chance.yes(50) { "Relevance" } else { "Categorized" }}),
        ),
        _ => (
            "WebResource",
            json!({"webresourceName": "contoso_/knowledge/index.html", "data": format!("n={}", chance.below(3))}),
        ),
    };
    spec.insert("pageType".to_owned(), json!(page_type));
    spec.insert("parameters".to_owned(), parameters);
    let title = json!(chance.text("Title"));
    chance.maybe(&mut spec, "title", title);
    let close = json!(chance.yes(50));
    chance.perhaps(&mut spec, "canClose", close);
    spec
}

fn notification(chance: &mut Chance, name: &str, shared: &[String]) -> Map<String, Json> {
    let mut spec =
        object(json!({"displayName": chance.text("Call"), "title": "Call from {customer}"}));
    let mut items: Vec<Json> = (0..chance.below(3)).map(|number| json!({"header": format!("Line {number}"), "value": format!("{{slug{}}}", chance.below(3))})).collect();
    items.extend(
        chance
            .some(shared, 40)
            .into_iter()
            .take(1)
            .map(|name| json!({"shared": name})),
    );
    spec.insert("fields".to_owned(), Json::Array(items));
    let seconds = json!(10 + chance.below(3));
    chance.maybe(&mut spec, "timeoutSeconds", seconds);
    let show = json!(chance.yes(50));
    chance.perhaps(&mut spec, "showTimeout", show);
    chance.perhaps(&mut spec, "desktopNotifications", json!("WhenInBackground"));
    chance.maybe(&mut spec, "description", json!(format!("about {name}")));
    if chance.yes(20) {
        spec.insert("status".to_owned(), json!("Inactive"));
    }
    spec
}

fn script(chance: &mut Chance, name: &str, scripts: &[String]) -> Map<String, Json> {
    let mut spec =
        object(json!({"displayName": chance.text("Script").replace('\n', " "), "language": 1033}));
    let steps: Vec<Json> = (0..chance.below(4))
        .map(|number| {
            let heading = format!("Step {}", number + chance.below(2) * 10);
            match chance.below(3) {
                0 => json!({"displayName": heading, "text": format!("say {}", chance.below(3))}),
                1 => json!({"displayName": heading, "macro": "Contoso - create case from call"}),
                _ => {
                    let others: Vec<&String> =
                        scripts.iter().filter(|other| *other != name).collect();
                    match others.is_empty() {
                        true => json!({"displayName": heading, "text": "alone"}),
                        false => json!({"displayName": heading, "script": chance.pick(&others)}),
                    }
                }
            }
        })
        .collect();
    let mut seen = std::collections::BTreeSet::new();
    let steps: Vec<Json> = steps
        .into_iter()
        .filter(|step| seen.insert(step["displayName"].to_string()))
        .collect();
    spec.insert("steps".to_owned(), Json::Array(steps));
    spec
}

fn session(chance: &mut Chance, tabs: &[String], scripts: &[String]) -> Map<String, Json> {
    let mut spec = object(json!({"displayName": chance.text("Session")}));
    let generic = !tabs.is_empty() && chance.yes(50);
    spec.insert(
        "type".to_owned(),
        json!(if generic { "Generic" } else { "Entity" }),
    );
    if !generic {
        spec.insert(
            "entity".to_owned(),
            json!(format!("contoso_table{}", chance.below(100_000))),
        );
    }
    let anchor = generic.then(|| chance.pick(tabs).clone());
    if let Some(anchor) = &anchor {
        spec.insert("anchorTab".to_owned(), json!(anchor));
    }
    let mode = json!(*chance.pick(&["Docked", "Hidden", "Minimized"]));
    chance.perhaps(&mut spec, "communicationPanelMode", mode);
    let title = json!(chance.text("{customer}"));
    chance.maybe(&mut spec, "title", title);
    let mut members = chance.some(tabs, 40);
    members.retain(|tab| Some(tab) != anchor.as_ref());
    let additional = chance.set(members);
    chance.perhaps(&mut spec, "additionalTabs", additional);
    let members = chance.some(scripts, 40);
    let linked = chance.set(members);
    chance.perhaps(&mut spec, "scripts", linked);
    spec
}

fn profile(
    chance: &mut Chance,
    name: &str,
    at: usize,
    users: &[&str],
    members: [&[String]; 5],
) -> Map<String, Json> {
    let [sessions, providers, extensions, panes, smart] = members;
    let mut spec = object(
        json!({"displayName": chance.text("Profile"), "app": "CustomerServiceApps", "rank": 10 + at}),
    );
    spec.insert(
        "users".to_owned(),
        if chance.yes(70) {
            json!({"mode": "exact", "members": users, "moves": "allow"})
        } else {
            json!({"mode": "atLeast", "members": users, "moves": "allow"})
        },
    );
    for (word, from) in [
        ("sessionTemplates", sessions),
        ("channelProviders", providers),
        ("extensions", extensions),
        ("smartAssist", smart),
    ] {
        let mut members = chance.some(from, 50);
        // Without it, the providers would not load, which is an error.
        if word == "extensions" {
            members.push("msdyn_CIFV2Loader".to_owned());
        }
        let set = chance.set(members);
        chance.perhaps(&mut spec, word, set);
    }
    if !panes.is_empty() {
        let pane = json!(chance.pick(panes));
        chance.maybe(&mut spec, "productivityPane", pane);
    }
    let all_channels = json!(chance.yes(50));
    chance.perhaps(&mut spec, "allActiveChannels", all_channels);
    let roles = chance.some(
        &[
            "Customer Service Representative".to_owned(),
            "Omnichannel Agent".to_owned(),
        ],
        50,
    );
    let roles = chance.set(roles);
    chance.perhaps(&mut spec, "roles", roles);
    let features = json!({"caseSummary": chance.yes(50), "writeAnEmail": chance.yes(50)});
    chance.perhaps(&mut spec, "copilotFeatures", features);
    let views = json!([{"name": format!("{name}View"), "displayName": "Mine", "configuration": {"entity": "incident", "n": chance.below(3)}, "visible": chance.yes(50)}]);
    chance.perhaps(&mut spec, "inboxViews", views);
    spec
}
