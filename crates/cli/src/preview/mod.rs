//! The agent's screen, drawn from resources in the form of manifests. A pure model, which renderers turn into a page.
//!
//! If a resource omits a field, the product's behavior is taken from Microsoft's documentation and marked as assumed.

mod differences;
mod toast;
mod words;

use std::collections::BTreeSet;

use deskstate_model::{Kind, ResourceKey, SessionType};
use serde_json::Value as Json;

pub(crate) use differences::{differences, toast_differences};
pub(crate) use toast::Toast;
pub(crate) use words::{Piece, Words, sample};

use crate::specs::{self, Spec, Specs};

/// Everything that agents see of a set of resources.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Preview {
    /// One for each profile, and one for session templates without a profile.
    pub(crate) desktops: Vec<Desktop>,
    /// One for each notification template.
    pub(crate) toasts: Vec<Toast>,
}

/// The desktop of one profile.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Desktop {
    /// The profile; `None` for session templates without a profile.
    pub(crate) profile: Option<ResourceKey>,
    /// Its display name.
    pub(crate) name: String,
    /// The sessions that can open, one for each session template.
    pub(crate) sessions: Vec<Session>,
    /// Third-party widgets, in their order on the screen.
    pub(crate) widgets: Vec<Widget>,
    /// Whether Microsoft's own channels are on; `None` if unknown.
    pub(crate) all_active_channels: Option<bool>,
    /// The productivity pane at the side.
    pub(crate) pane: Option<Pane>,
}

/// A session right after it opens.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Session {
    /// Its template.
    pub(crate) key: ResourceKey,
    /// Whether its appearance is known.
    pub(crate) known: bool,
    /// Its name for administrators.
    pub(crate) name: String,
    /// The table whose records it opens, for a session of type Entity.
    pub(crate) entity: Option<String>,
    /// The title in the session panel.
    pub(crate) title: Words,
    /// The mode of the communication panel.
    pub(crate) panel: PanelMode,
    /// The tabs, the anchor tab first.
    pub(crate) tabs: Vec<Tab>,
    /// Names of the agent scripts.
    pub(crate) scripts: Vec<String>,
    /// Fields without a given value, drawn with the product's defaults.
    pub(crate) assumed: Vec<&'static str>,
}

/// Position of the communication panel when the session opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PanelMode {
    /// Open at the side.
    Docked,
    /// Reduced to a bar.
    Minimized,
    /// Not shown.
    Hidden,
}

impl PanelMode {
    /// The word in a manifest.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Docked => "Docked",
            Self::Minimized => "Minimized",
            Self::Hidden => "Hidden",
        }
    }
}

/// A tab of a session.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tab {
    /// Its unique name; empty for the record of an Entity session.
    pub(crate) name: String,
    /// The title on the tab.
    pub(crate) title: Words,
    /// The type of its page, such as `EntityRecord`; `None` if unknown.
    pub(crate) page_type: Option<String>,
    /// Its parameters.
    pub(crate) parameters: Vec<(String, Words)>,
    /// Whether it opens first and stays.
    pub(crate) anchor: bool,
    /// Whether agents can close it.
    pub(crate) can_close: bool,
}

/// A third-party widget in the communication panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Widget {
    /// Its provider.
    pub(crate) name: String,
    /// Its title.
    pub(crate) label: String,
    /// The host that it is loaded from.
    pub(crate) host: Option<String>,
    order: i64,
}

/// The productivity pane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pane {
    /// Its unique name.
    pub(crate) name: String,
    /// Whether it is open when a session starts; `None` if the pane is switched off.
    pub(crate) expanded: Option<bool>,
    /// The enabled tools: unique name and label.
    pub(crate) tools: Vec<(String, String)>,
}

impl Preview {
    /// Draws all resources.
    pub(crate) fn of(specs: &Specs) -> Self {
        let mut desktops: Vec<Desktop> = specs
            .of(Kind::APP_PROFILE)
            .map(|(key, spec)| desktop(specs, key, spec))
            .collect();
        let carried: BTreeSet<&ResourceKey> = desktops
            .iter()
            .flat_map(|desktop| &desktop.sessions)
            .map(|session| &session.key)
            .collect();
        let alone: Vec<Session> = specs
            .of(Kind::SESSION_TEMPLATE)
            .filter(|(key, _)| !carried.contains(key))
            .map(|(key, spec)| session(specs, key, spec))
            .collect();
        if !alone.is_empty() {
            desktops.push(Desktop {
                profile: None,
                name: "No profile here".to_owned(),
                sessions: alone,
                widgets: Vec::new(),
                all_active_channels: None,
                pane: None,
            });
        }
        let toasts = specs
            .of(Kind::NOTIFICATION_TEMPLATE)
            .map(|(key, spec)| Toast::of(specs, key, spec))
            .collect();
        Self { desktops, toasts }
    }

    /// Keeps only what is related to these resources.
    pub(crate) fn about(mut self, keys: &BTreeSet<ResourceKey>) -> Self {
        self.desktops.retain(|desktop| match &desktop.profile {
            Some(profile) => keys.contains(profile) || desktop.uses(keys),
            None => desktop.uses(keys),
        });
        self.toasts.retain(|toast| {
            keys.contains(&toast.key) || toast.shared.iter().any(|field| keys.contains(field))
        });
        self
    }

    /// Every slug once, in order of appearance.
    pub(crate) fn slugs<'a>(previews: impl IntoIterator<Item = &'a Preview>) -> Vec<&'a str> {
        let mut seen = BTreeSet::new();
        let mut slugs = Vec::new();
        for preview in previews {
            let sessions = preview
                .desktops
                .iter()
                .flat_map(|desktop| &desktop.sessions);
            let in_sessions = sessions.flat_map(|session| {
                let tabs = session.tabs.iter().flat_map(|tab| {
                    std::iter::once(&tab.title).chain(tab.parameters.iter().map(|(_, value)| value))
                });
                std::iter::once(&session.title).chain(tabs)
            });
            let in_toasts = preview.toasts.iter().flat_map(|toast| {
                std::iter::once(&toast.title).chain(toast.fields.iter().map(|(_, value)| value))
            });
            for slug in in_toasts.chain(in_sessions).flat_map(Words::slugs) {
                if seen.insert(slug) {
                    slugs.push(slug);
                }
            }
        }
        slugs
    }
}

impl Desktop {
    fn uses(&self, keys: &BTreeSet<ResourceKey>) -> bool {
        let named = |kind, name: &str| keys.contains(&ResourceKey::new(kind, name));
        let in_session = |session: &Session| {
            keys.contains(&session.key)
                || session
                    .tabs
                    .iter()
                    .any(|tab| named(Kind::APPLICATION_TAB, &tab.name))
                || session
                    .scripts
                    .iter()
                    .any(|script| named(Kind::AGENT_SCRIPT, script))
        };
        self.sessions.iter().any(in_session)
            || self
                .widgets
                .iter()
                .any(|widget| named(Kind::CHANNEL_PROVIDER, &widget.name))
            || self.pane.as_ref().is_some_and(|pane| {
                named(Kind::PRODUCTIVITY_PANE, &pane.name)
                    || pane
                        .tools
                        .iter()
                        .any(|(tool, _)| named(Kind::PANE_TOOL, tool))
            })
    }
}

fn desktop(specs: &Specs, key: &ResourceKey, spec: &Spec) -> Desktop {
    let mut sessions: Vec<Session> = specs::members(spec, "sessionTemplates")
        .iter()
        .map(|name| {
            let key = ResourceKey::new(Kind::SESSION_TEMPLATE, name);
            match specs.get(&key) {
                Some(spec) => session(specs, &key, spec),
                None => unknown_session(key),
            }
        })
        .collect();
    sessions.sort_by(|left, right| left.key.cmp(&right.key));
    let mut widgets: Vec<Widget> = specs::members(spec, "channelProviders")
        .iter()
        .map(|name| widget(specs, name))
        .collect();
    widgets.sort_by(|left, right| (left.order, &left.name).cmp(&(right.order, &right.name)));
    Desktop {
        profile: Some(key.clone()),
        name: display_name(key, Some(spec)),
        sessions,
        widgets,
        all_active_channels: specs::flag(spec, "allActiveChannels"),
        pane: specs::text(spec, "productivityPane").map(|name| pane(specs, name)),
    }
}

fn session(specs: &Specs, key: &ResourceKey, spec: &Spec) -> Session {
    let mut assumed = Vec::new();
    let hides_panel = [SessionType::Generic, SessionType::Entity]
        .into_iter()
        .any(|kind| {
            specs::text(spec, "type") == Some(kind.as_str()) && kind.hides_communication_panel()
        });
    let panel = match specs::text(spec, "communicationPanelMode") {
        _ if hides_panel => PanelMode::Hidden,
        Some("Minimized") => PanelMode::Minimized,
        Some("Hidden") => PanelMode::Hidden,
        Some(_) => PanelMode::Docked,
        None => {
            assumed.push("communicationPanelMode");
            PanelMode::Docked
        }
    };
    let entity = (specs::text(spec, "type") == Some("Entity"))
        .then(|| specs::text(spec, "entity").unwrap_or("record").to_owned());
    let name = display_name(key, Some(spec));
    let title = specs::text(spec, "title")
        .map(Words::parse)
        .unwrap_or_else(|| {
            assumed.push("title");
            Words(vec![Piece::Plain(name.clone())])
        });
    let mut tabs = Vec::new();
    if let Some(entity) = &entity {
        tabs.push(Tab {
            name: String::new(),
            title: title.clone(),
            page_type: Some("EntityRecord".to_owned()),
            parameters: vec![(
                "entityName".to_owned(),
                Words(vec![Piece::Plain(entity.clone())]),
            )],
            anchor: true,
            can_close: false,
        });
    } else if let Some(anchor) = specs::text(spec, "anchorTab") {
        let mut tab = tab(specs, anchor, true);
        if specs::flag(spec, "applySessionTitleToAnchorTab") == Some(true) {
            tab.title = title.clone();
        }
        tabs.push(tab);
    }
    let mut additional = specs::members(spec, "additionalTabs");
    additional.sort_by_key(|name| deskstate_model::fold(name));
    tabs.extend(additional.iter().map(|name| tab(specs, name, false)));
    let mut scripts = specs::members(spec, "scripts");
    scripts.sort_by_key(|name| deskstate_model::fold(name));
    Session {
        key: key.clone(),
        known: true,
        name,
        entity,
        title,
        panel,
        tabs,
        scripts,
        assumed,
    }
}

/// A session template that is not declared here.
fn unknown_session(key: ResourceKey) -> Session {
    let name = key.name.as_written().to_owned();
    Session {
        title: Words(vec![Piece::Plain(name.clone())]),
        known: false,
        name,
        entity: None,
        panel: PanelMode::Docked,
        tabs: Vec::new(),
        scripts: Vec::new(),
        assumed: vec!["communicationPanelMode"],
        key,
    }
}

fn tab(specs: &Specs, name: &str, anchor: bool) -> Tab {
    let key = ResourceKey::new(Kind::APPLICATION_TAB, name);
    let spec = specs.get(&key);
    let given = |word| spec.and_then(|spec| specs::text(spec, word));
    let parameters = spec
        .and_then(|spec| spec.get("parameters"))
        .and_then(Json::as_object);
    let parameters = parameters.into_iter().flatten();
    Tab {
        name: name.to_owned(),
        title: Words::parse(given("title").unwrap_or(&display_name(&key, spec))),
        page_type: given("pageType").map(str::to_owned),
        parameters: parameters
            .map(|(name, value)| (name.clone(), Words::parse(&shown(value))))
            .collect(),
        anchor,
        // Agents cannot close the anchor tab, regardless of the tab's own setting (Manage session templates).
        can_close: !anchor
            && spec
                .and_then(|spec| specs::flag(spec, "canClose"))
                .unwrap_or(true),
    }
}

/// A parameter as text.
fn shown(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Object(looked_up) if looked_up.keys().all(|key| key == "name" || key == "table") => {
            looked_up
                .get("name")
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned()
        }
        other => other.to_string(),
    }
}

fn widget(specs: &Specs, name: &str) -> Widget {
    let spec = specs.get(&ResourceKey::new(Kind::CHANNEL_PROVIDER, name));
    let given = |word| spec.and_then(|spec| specs::text(spec, word));
    Widget {
        name: name.to_owned(),
        label: given("label").unwrap_or(name).to_owned(),
        host: given("channelUrl").and_then(host).map(str::to_owned),
        order: spec
            .and_then(|spec| specs::number(spec, "channelOrder"))
            .unwrap_or(i64::MAX),
    }
}

/// The host of an address, without anything before or after it.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit('@').next().filter(|host| !host.is_empty())
}

fn pane(specs: &Specs, name: &str) -> Pane {
    let spec = specs.get(&ResourceKey::new(Kind::PRODUCTIVITY_PANE, name));
    let enabled = spec.and_then(|spec| specs::flag(spec, "enabled")) != Some(false);
    let expanded = spec.and_then(|spec| specs::text(spec, "defaultMode")) != Some("Collapsed");
    let entries = spec.map_or(&[][..], |spec| specs::items(spec, "tools"));
    let tools = entries
        .iter()
        .filter(|entry| entry.get("enabled").and_then(Json::as_bool) != Some(false))
        .filter_map(|entry| {
            let tool = entry.get("tool").and_then(Json::as_str)?;
            let key = ResourceKey::new(Kind::PANE_TOOL, tool);
            let own = entry
                .get("displayName")
                .and_then(Json::as_str)
                .map(str::to_owned);
            Some((
                tool.to_owned(),
                own.unwrap_or_else(|| display_name(&key, specs.get(&key))),
            ))
        })
        .collect();
    Pane {
        name: name.to_owned(),
        expanded: enabled.then_some(expanded),
        tools,
    }
}

/// The display name of a resource.
fn display_name(key: &ResourceKey, spec: Option<&Spec>) -> String {
    spec.and_then(|spec| specs::text(spec, "displayName"))
        .unwrap_or(key.name.as_written())
        .to_owned()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A profile with two sessions, a widget, a pane and a toast.
    pub(crate) fn contoso() -> Specs {
        Specs::of_json(&[
            (
                Kind::APP_PROFILE,
                "contoso_agents",
                json!({
                    "displayName": "Contoso agents",
                    "sessionTemplates": ["voxline_callSession", "contoso_caseSession", "msdyn_chat_session"],
                    "allActiveChannels": true,
                    "channelProviders": {"mode": "atLeast", "members": ["voxline_provider"]},
                    "productivityPane": "contoso_agentPane",
                    "users": {"mode": "atLeast", "members": ["ada@contoso.com", "lin@contoso.com"]},
                    "roles": ["Omnichannel agent"],
                }),
            ),
            (
                Kind::SESSION_TEMPLATE,
                "voxline_callSession",
                json!({
                    "displayName": "Call (Voxline)", "type": "Generic", "title": "{customer}",
                    "communicationPanelMode": "Docked", "anchorTab": "contoso_customerTab",
                    "additionalTabs": ["contoso_orderTab"], "scripts": ["contoso_greeting"],
                }),
            ),
            (
                Kind::SESSION_TEMPLATE,
                "contoso_caseSession",
                json!({"displayName": "Case", "type": "Entity", "entity": "incident", "title": "{anchor.title}", "communicationPanelMode": "Hidden"}),
            ),
            (
                Kind::APPLICATION_TAB,
                "contoso_customerTab",
                json!({"displayName": "Customer", "title": "{customer}", "pageType": "EntityRecord", "canClose": true,
                    "parameters": {"entityName": "contact", "entityId": "{customerRecordId}", "validateRecord": true}}),
            ),
            (
                Kind::APPLICATION_TAB,
                "contoso_orderTab",
                json!({"displayName": "Orders", "title": "Orders", "pageType": "ThirdPartyWebsite",
                    "parameters": {"url": "https://orders.contoso.example/embed"}}),
            ),
            (
                Kind::CHANNEL_PROVIDER,
                "voxline_provider",
                json!({"label": "Voxline", "channelUrl": "https://user@app.voxline.example:8443/cif?x=1", "channelOrder": 1}),
            ),
            (
                Kind::PRODUCTIVITY_PANE,
                "contoso_agentPane",
                json!({"displayName": "Pane", "defaultMode": "Collapsed",
                    "tools": [{"tool": "contoso_orderTool", "tooltip": "Orders"}, {"tool": "contoso_offTool", "enabled": false}]}),
            ),
            (
                Kind::PANE_TOOL,
                "contoso_orderTool",
                json!({"displayName": "Orders"}),
            ),
            (
                Kind::AGENT_SCRIPT,
                "contoso_greeting",
                json!({"displayName": "Greeting", "steps": [{"displayName": "Complains", "script": "contoso_complaint"}]}),
            ),
            (
                Kind::AGENT_SCRIPT,
                "contoso_complaint",
                json!({"displayName": "Complaint", "steps": [{"displayName": "Back", "script": "contoso_greeting"}]}),
            ),
            (
                Kind::NOTIFICATION_TEMPLATE,
                "voxline_incomingCall",
                json!({"displayName": "Incoming call", "title": "Call from {customer}", "timeoutSeconds": 12,
                    "acceptButton": "Answer", "rejectButton": "Pass on", "desktopNotifications": "WhenInBackground",
                    "fields": [{"header": "Number", "value": "{number}"}, {"shared": "contoso_priorityField"}]}),
            ),
            (
                Kind::NOTIFICATION_FIELD,
                "contoso_priorityField",
                json!({"displayName": "Priority", "header": "Priority", "value": "{priority}", "order": 10}),
            ),
        ])
    }

    fn agents() -> Desktop {
        Preview::of(&contoso()).desktops.remove(0)
    }

    #[test]
    fn an_anchor_tab_cannot_be_closed_and_stands_first() {
        let agents = agents();
        let call = agents
            .sessions
            .iter()
            .find(|session| session.name == "Call (Voxline)")
            .expect("the session is drawn");
        let tabs: Vec<_> = call
            .tabs
            .iter()
            .map(|tab| (tab.name.as_str(), tab.anchor, tab.can_close))
            .collect();
        assert_eq!(
            tabs,
            [
                ("contoso_customerTab", true, false),
                ("contoso_orderTab", false, true)
            ]
        );
    }

    #[test]
    fn an_entity_session_opens_its_record() {
        let agents = agents();
        let case = agents
            .sessions
            .iter()
            .find(|session| session.name == "Case")
            .expect("the session is drawn");
        assert_eq!(
            (case.entity.as_deref(), case.panel),
            (Some("incident"), PanelMode::Hidden)
        );
        assert_eq!(case.tabs[0].title.written(), "{anchor.title}");
    }

    #[test]
    fn a_session_that_somebody_else_brings_is_named_and_not_invented() {
        let agents = agents();
        let chat = agents
            .sessions
            .iter()
            .find(|session| !session.known)
            .expect("the session is named");
        assert_eq!(
            (chat.name.as_str(), chat.tabs.len()),
            ("msdyn_chat_session", 0)
        );
    }

    #[test]
    fn a_widget_shows_its_host_and_nothing_else_of_its_address() {
        assert_eq!(
            agents().widgets[0].host.as_deref(),
            Some("app.voxline.example:8443")
        );
    }

    #[test]
    fn a_tool_that_is_switched_off_is_not_in_the_pane() {
        let pane = agents().pane.expect("the profile has a pane");
        assert_eq!(
            pane.tools,
            [("contoso_orderTool".to_owned(), "Orders".to_owned())]
        );
        assert_eq!(pane.expanded, Some(false));
    }

    #[test]
    fn a_session_template_without_a_profile_is_drawn_all_the_same() {
        let specs = Specs::of_json(&[(
            Kind::SESSION_TEMPLATE,
            "CTI_createSession",
            json!({"type": "Generic"}),
        )]);
        let preview = Preview::of(&specs);
        assert_eq!(preview.desktops[0].profile, None);
        assert_eq!(
            preview.desktops[0].sessions[0].assumed,
            ["communicationPanelMode", "title"]
        );
    }

    #[test]
    fn a_tab_leads_to_the_desktops_that_open_it() {
        let about = |kind, name| {
            let keys = BTreeSet::from([ResourceKey::new(kind, name)]);
            let preview = Preview::of(&contoso()).about(&keys);
            (preview.desktops.len(), preview.toasts.len())
        };
        assert_eq!(about(Kind::APPLICATION_TAB, "contoso_orderTab"), (1, 0));
        assert_eq!(
            about(Kind::NOTIFICATION_FIELD, "contoso_priorityField"),
            (0, 1)
        );
        assert_eq!(about(Kind::APPLICATION_TAB, "contoso_none"), (0, 0));
    }

    #[test]
    fn slugs_come_once_and_those_of_the_toasts_first() {
        assert_eq!(
            Preview::slugs([&Preview::of(&contoso())]),
            [
                "customer",
                "number",
                "priority",
                "anchor.title",
                "customerRecordId"
            ]
        );
    }
}
