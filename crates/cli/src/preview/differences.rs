//! What an agent will notice: compares two drawings of the same object, in the words of the screen.

use std::collections::BTreeMap;

use super::{Desktop, Session, Tab, Toast, Words};

/// Describes the changes of a desktop, sentence by sentence. `None` means that the desktop did not exist before, or will not exist
/// afterwards.
pub(crate) fn differences(before: Option<&Desktop>, after: Option<&Desktop>) -> Vec<String> {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (None, Some(_)) => return vec!["This desktop is new.".to_owned()],
        (Some(_), None) => return vec!["This desktop is removed.".to_owned()],
        (None, None) => return Vec::new(),
    };
    let mut notes = Vec::new();
    let old: BTreeMap<_, &Session> = before
        .sessions
        .iter()
        .map(|session| (&session.key, session))
        .collect();
    let new: BTreeMap<_, &Session> = after
        .sessions
        .iter()
        .map(|session| (&session.key, session))
        .collect();
    for (key, session) in &new {
        match old.get(key) {
            None => notes.push(format!("Session “{}” can open.", session.name)),
            Some(previous) => session_differences(previous, session, &mut notes),
        }
    }
    for (_, session) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        notes.push(format!("Session “{}” no longer opens.", session.name));
    }
    let labels = |desktop: &Desktop| -> Vec<String> {
        desktop
            .widgets
            .iter()
            .map(|widget| widget.label.clone())
            .collect()
    };
    members("Widget", &labels(before), &labels(after), &mut notes);
    if before.all_active_channels != after.all_active_channels
        && after.all_active_channels.is_some()
    {
        let state = if after.all_active_channels == Some(true) {
            "on"
        } else {
            "off"
        };
        notes.push(format!("Microsoft’s own channels are switched {state}."));
    }
    match (&before.pane, &after.pane) {
        (None, Some(_)) => notes.push("The productivity pane appears.".to_owned()),
        (Some(_), None) => notes.push("The productivity pane is removed.".to_owned()),
        (Some(old), Some(new)) => {
            if old.expanded != new.expanded {
                let word = |expanded| match expanded {
                    Some(true) => "expanded",
                    Some(false) => "collapsed",
                    None => "off",
                };
                notes.push(format!(
                    "The productivity pane starts {}, not {}.",
                    word(new.expanded),
                    word(old.expanded)
                ));
            }
            let tools = |tools: &[(String, String)]| -> Vec<String> {
                tools.iter().map(|(_, label)| label.clone()).collect()
            };
            members("Tool", &tools(&old.tools), &tools(&new.tools), &mut notes);
        }
        (None, None) => {}
    }
    notes
}

fn session_differences(before: &Session, after: &Session, notes: &mut Vec<String>) {
    let name = &after.name;
    if before.title != after.title {
        notes.push(format!(
            "Session “{name}”: title {} → {}.",
            quoted(&before.title),
            quoted(&after.title)
        ));
    }
    if before.panel != after.panel {
        let (old, new) = (before.panel.as_str(), after.panel.as_str());
        notes.push(format!(
            "Session “{name}”: communication panel {old} → {new}."
        ));
    }
    let old: BTreeMap<&str, &Tab> = before
        .tabs
        .iter()
        .map(|tab| (tab.name.as_str(), tab))
        .collect();
    let new: BTreeMap<&str, &Tab> = after
        .tabs
        .iter()
        .map(|tab| (tab.name.as_str(), tab))
        .collect();
    for (key, tab) in &new {
        match old.get(key) {
            None => notes.push(format!(
                "Session “{name}”: tab {} opens too.",
                quoted(&tab.title)
            )),
            Some(previous) => {
                if previous.title != tab.title && !key.is_empty() {
                    let (old, new) = (quoted(&previous.title), quoted(&tab.title));
                    notes.push(format!("Session “{name}”: tab title {old} → {new}."));
                }
                if (&previous.page_type, &previous.parameters) != (&tab.page_type, &tab.parameters)
                {
                    notes.push(format!(
                        "Session “{name}”: tab {} shows something else.",
                        quoted(&tab.title)
                    ));
                }
                if previous.anchor != tab.anchor {
                    let role = if tab.anchor { "is now" } else { "is no longer" };
                    notes.push(format!(
                        "Session “{name}”: tab {} {role} the anchor tab.",
                        quoted(&tab.title)
                    ));
                }
                if previous.can_close != tab.can_close {
                    let can = if tab.can_close {
                        "can now"
                    } else {
                        "can no longer"
                    };
                    notes.push(format!(
                        "Session “{name}”: tab {} {can} be closed.",
                        quoted(&tab.title)
                    ));
                }
            }
        }
    }
    for (_, tab) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
        notes.push(format!(
            "Session “{name}”: tab {} no longer opens.",
            quoted(&tab.title)
        ));
    }
    members(
        &format!("Session “{name}”: script"),
        &before.scripts,
        &after.scripts,
        notes,
    );
}

/// Describes the changes of a toast.
pub(crate) fn toast_differences(before: Option<&Toast>, after: Option<&Toast>) -> Vec<String> {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (None, Some(_)) => return vec!["This notification is new.".to_owned()],
        (Some(_), None) => return vec!["This notification is removed.".to_owned()],
        (None, None) => return Vec::new(),
    };
    let mut notes = Vec::new();
    let mut changed = |what: &str, old: String, new: String| {
        if old != new {
            notes.push(format!("{what} {old} → {new}."));
        }
    };
    let yes_no = |flag: bool| {
        if flag {
            "yes".to_owned()
        } else {
            "no".to_owned()
        }
    };
    let none = || "none".to_owned();
    let fields = |toast: &Toast| -> String {
        let fields: Vec<String> = toast
            .fields
            .iter()
            .map(|(header, value)| format!("{header}: {}", value.written()))
            .collect();
        if fields.is_empty() {
            none()
        } else {
            fields.join(", ")
        }
    };
    changed("Title", quoted(&before.title), quoted(&after.title));
    changed("Fields", fields(before), fields(after));
    changed("Accept button", before.accept.clone(), after.accept.clone());
    changed(
        "Reject button",
        before.reject.clone().unwrap_or_else(none),
        after.reject.clone().unwrap_or_else(none),
    );
    changed(
        "Seconds until it disappears",
        before.timeout_seconds.to_string(),
        after.timeout_seconds.to_string(),
    );
    changed(
        "Countdown is shown",
        yes_no(before.shows_timeout),
        yes_no(after.shows_timeout),
    );
    changed(
        "Work is assigned immediately",
        yes_no(before.auto_assign),
        yes_no(after.auto_assign),
    );
    changed(
        "Desktop notification",
        before.desktop.clone(),
        after.desktop.clone(),
    );
    let theme = |dark: bool| {
        if dark {
            "Dark".to_owned()
        } else {
            "Light".to_owned()
        }
    };
    changed("Theme", theme(before.dark), theme(after.dark));
    notes
}

fn members(noun: &str, before: &[String], after: &[String], notes: &mut Vec<String>) {
    let old: std::collections::BTreeSet<&String> = before.iter().collect();
    let new: std::collections::BTreeSet<&String> = after.iter().collect();
    notes.extend(
        new.difference(&old)
            .map(|member| format!("{noun} “{member}” is added.")),
    );
    notes.extend(
        old.difference(&new)
            .map(|member| format!("{noun} “{member}” is removed.")),
    );
}

fn quoted(words: &Words) -> String {
    format!("“{}”", words.written())
}

#[cfg(test)]
mod tests {
    use deskstate_model::Kind;
    use deskstate_reconcile::plan::Action;
    use serde_json::json;

    use super::super::Preview;
    use super::super::tests::contoso;
    use super::*;
    use crate::specs::{Specs, plan_of};

    /// The changes of the example's desktop and toast if one resource gets other fields.
    fn after(kind: Kind, name: &str, spec: serde_json::Value) -> (Vec<String>, Vec<String>) {
        let before = contoso();
        let words: Vec<&str> = spec
            .as_object()
            .into_iter()
            .flatten()
            .map(|(word, _)| word.as_str())
            .collect();
        let plan = plan_of(Action::Update, kind, name, &words);
        let changed = before.carried_out(&Specs::of_json(&[(kind, name, spec.clone())]), &plan);
        let (before, after) = (Preview::of(&before), Preview::of(&changed));
        (
            differences(before.desktops.first(), after.desktops.first()),
            toast_differences(before.toasts.first(), after.toasts.first()),
        )
    }

    #[test]
    fn nothing_is_said_where_nothing_changes() {
        assert_eq!(
            after(Kind::APP_PROFILE, "contoso_agents", json!({})),
            (vec![], vec![])
        );
    }

    #[test]
    fn changes_are_told_in_the_words_of_the_screen() {
        let (desktop, _) = after(
            Kind::SESSION_TEMPLATE,
            "voxline_callSession",
            json!({"title": "Call: {customer}", "communicationPanelMode": "Hidden", "additionalTabs": [], "scripts": []}),
        );
        insta::assert_snapshot!(desktop.join("\n"), @r"
        Session “Call (Voxline)”: title “{customer}” → “Call: {customer}”.
        Session “Call (Voxline)”: communication panel Docked → Hidden.
        Session “Call (Voxline)”: tab “Orders” no longer opens.
        Session “Call (Voxline)”: script “contoso_greeting” is removed.
        ");
    }

    #[test]
    fn a_profile_tells_of_its_sessions_widgets_and_pane() {
        let (desktop, _) = after(
            Kind::APP_PROFILE,
            "contoso_agents",
            json!({"sessionTemplates": ["contoso_caseSession"], "channelProviders": [], "productivityPane": null, "allActiveChannels": false}),
        );
        insta::assert_snapshot!(desktop.join("\n"), @r"
        Session “msdyn_chat_session” no longer opens.
        Session “Call (Voxline)” no longer opens.
        Widget “Voxline” is removed.
        Microsoft’s own channels are switched off.
        The productivity pane is removed.
        ");
    }

    #[test]
    fn a_toast_tells_of_each_thing_that_an_agent_sees() {
        let (_, toast) = after(
            Kind::NOTIFICATION_TEMPLATE,
            "voxline_incomingCall",
            json!({"title": "Ring", "timeoutSeconds": 30, "showRejectButton": false, "fields": []}),
        );
        insta::assert_snapshot!(toast.join("\n"), @r"
        Title “Call from {customer}” → “Ring”.
        Fields Number: {number}, Priority: {priority} → none.
        Reject button Pass on → none.
        Seconds until it disappears 12 → 30.
        ");
    }
}
