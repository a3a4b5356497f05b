//! Fields that require or exclude each other in session templates of type Generic and Entity.

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::given::Given;
use crate::kinds::{CommunicationPanelMode, SessionTemplate, SessionType};
use crate::manifests::{Declared, State};
use crate::offer::Offer;

pub(crate) const SESSION_TYPE: Explanation = Explanation::new(
    "session-type",
    "A field does not fit the type of the session template.",
    "`entity` belongs to Entity sessions, `anchorTab` and `sessionIcon` to Generic ones, and the anchor tab is not an additional tab. The admin page offers and requires each for one type only. Entity sessions hide the communication panel.",
    "Add or remove the field, or change `type`.",
);

pub(crate) const TAB_LIMIT: Explanation = Explanation::new(
    "tab-limit",
    "A session template has more tabs than a session can show.",
    "The product opens up to 10 tabs in a session, with the anchor tab or the record. Microsoft: `canCreateTab`.",
    "Remove tabs from `additionalTabs`.",
);

/// Maximum number of tabs in a session, according to Microsoft's page on `canCreateTab`.
const MOST_TABS: usize = 10;

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context.resources {
        let Some(session) = SessionTemplate::of(&declared.spec) else {
            continue;
        };
        anchor_among_tabs(session, diagnostics);
        too_many_tabs(session, diagnostics);
        let Some(kind) = session.r#type().spanned() else {
            continue;
        };
        match kind.value {
            SessionType::Generic => generic(context, declared, session, kind.span, diagnostics),
            SessionType::Entity => entity(context, declared, session, kind.span, diagnostics),
        }
    }
}

fn generic(
    context: &Context<'_>,
    declared: &Declared,
    session: SessionTemplate<'_>,
    kind: crate::span::Span,
    diagnostics: &mut Vec<Diagnostic>,
) {
    if let Given::Value(entity) = session.entity() {
        diagnostics.push(
            Diagnostic::error(
                SESSION_TYPE.code,
                "`entity` belongs to sessions of type Entity",
            )
            .at(entity.span, "not for Generic")
            .also(kind, "this is Generic")
            .help("remove `entity`, or write `type: Entity`"),
        );
    }
    let missing = match session.anchor_tab() {
        Given::Absent => {
            declared.state == State::Present && !context.is_unread(declared, "anchorTab")
        }
        Given::Clear(_) => true,
        Given::Value(_) => false,
    };
    if missing {
        diagnostics.push(
            Diagnostic::error(
                SESSION_TYPE.code,
                "a session of type Generic needs an `anchorTab`",
            )
            .at(
                session.anchor_tab().span().unwrap_or(declared.name_span),
                "no anchor tab",
            )
            .also(kind, "this is Generic")
            .help("add `anchorTab:` with the name of an ApplicationTab")
            .about_lacking(),
        );
    }
}

fn entity(
    context: &Context<'_>,
    declared: &Declared,
    session: SessionTemplate<'_>,
    kind: crate::span::Span,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let missing = match session.entity() {
        Given::Absent => declared.state == State::Present && !context.is_unread(declared, "entity"),
        Given::Clear(_) => true,
        Given::Value(_) => false,
    };
    if missing {
        diagnostics.push(
            Diagnostic::error(
                SESSION_TYPE.code,
                "a session of type Entity needs an `entity`",
            )
            .at(
                session.entity().span().unwrap_or(declared.name_span),
                "no entity",
            )
            .also(kind, "this is Entity")
            .help("add `entity:` with the logical name of a table, such as `incident`")
            .about_lacking(),
        );
    }
    let only_generic = [
        ("anchorTab", value_span(session.anchor_tab())),
        ("sessionIcon", value_span(session.session_icon())),
    ];
    for (field, span) in only_generic {
        if let Some(span) = span {
            diagnostics.push(
                Diagnostic::error(
                    SESSION_TYPE.code,
                    format!("`{field}` belongs to sessions of type Generic"),
                )
                .at(span, "not for Entity")
                .also(kind, "this is Entity")
                .help(format!("remove `{field}`, or write `type: Generic`")),
            );
        }
    }
    if let Given::Value(mode) = session.communication_panel_mode()
        && mode.value != CommunicationPanelMode::Hidden
    {
        diagnostics.push(
            Diagnostic::warning(
                SESSION_TYPE.code,
                "Entity sessions hide the panel, so this setting has no effect",
            )
            .at(mode.span, "probably without effect")
            .also(kind, "this is Entity")
            .help("write `communicationPanelMode: Hidden`")
            .offering(Offer::Whole("Hidden".to_owned())),
        );
    }
}

fn anchor_among_tabs(session: SessionTemplate<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let anchor = session.anchor_tab().spanned();
    let (Some(anchor), Some(tabs)) = (anchor, session.additional_tabs().value()) else {
        return;
    };
    if let Some(tab) = tabs.members().find(|tab| tab.value == anchor.value) {
        diagnostics.push(
            Diagnostic::error(
                SESSION_TYPE.code,
                format!("the anchor tab `{}` is not an additional tab", tab.value),
            )
            .at(tab.span, "opens twice")
            .also(anchor.span, "the anchor tab")
            .help("remove it from `additionalTabs`"),
        );
    }
}

fn too_many_tabs(session: SessionTemplate<'_>, diagnostics: &mut Vec<Diagnostic>) {
    let tabs = session.additional_tabs().value();
    // The first tab is the anchor tab, or the record.
    let Some(tab) = tabs.and_then(|tabs| tabs.members().nth(MOST_TABS - 1)) else {
        return;
    };
    diagnostics.push(
        Diagnostic::warning(
            TAB_LIMIT.code,
            format!("a session shows at most {MOST_TABS} tabs, with its first one"),
        )
        .at(tab.span, "does not open")
        .help("remove it, or another tab"),
    );
}

fn value_span<T>(given: Given<T>) -> Option<crate::span::Span> {
    given.spanned().map(|given| given.span)
}
