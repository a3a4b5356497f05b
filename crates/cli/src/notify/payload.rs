//! The payloads: an adaptive card, a message of blocks, or CloudEvents. In each of them, text from outside is plain text: it can neither
//! mention anybody nor link anywhere.

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::{Channel, Message, News};
use crate::comment::path_part;
use crate::output::count;

/// The body of one request.
pub(crate) struct Body {
    pub(crate) content_type: &'static str,
    pub(crate) text: String,
}

/// Teams accepts 28 KB, including what it adds itself (Create incoming webhooks with Workflows for Microsoft Teams).
const TEAMS_BYTES: usize = 20_000;
/// Slack accepts 50 blocks (Block Kit), and each environment takes up to two.
const SLACK_ENVIRONMENTS: usize = 20;
/// Slack accepts 3,000 characters in the text of a section (Block Kit).
const SLACK_TEXT: usize = 2_900;

/// The bodies for a channel. For programs, each environment is a separate event; people get one message.
pub(crate) fn bodies(channel: Channel, message: &Message<'_>) -> Vec<Body> {
    match channel {
        Channel::Teams => vec![as_json(teams(message))],
        Channel::Slack => vec![as_json(slack(message))],
        Channel::Webhook => message
            .news
            .iter()
            .map(|news| Body {
                content_type: "application/cloudevents+json; charset=utf-8",
                text: event(news, message).to_string(),
            })
            .collect(),
    }
}

fn as_json(json: Json) -> Body {
    Body {
        content_type: "application/json; charset=utf-8",
        text: json.to_string(),
    }
}

/// As many environments as fit, and a remark about those that do not.
fn fitting(news: &[News], fits: impl Fn(&[News]) -> bool) -> (&[News], Option<String>) {
    let mut number = news.len();
    while number > 1 && !fits(&news[..number]) {
        number = number * 9 / 10;
    }
    let left = news.len() - number;
    let more = (left > 0).then(|| format!("and {} more", count(left, "environment")));
    (&news[..number], more)
}

/// An adaptive card of version 1.4, in the form that a workflow posts.
fn teams(message: &Message<'_>) -> Json {
    let (news, more) = fitting(message.news, |news| {
        card(message, news, None).to_string().len() <= TEAMS_BYTES
    });
    let card = card(message, news, more.as_deref());
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

fn card(message: &Message<'_>, news: &[News], more: Option<&str>) -> Json {
    // A text block would interpret Markdown; a text run does not.
    let text = |text: &str, weight: &str, is_subtle: bool| {
        json!({
            "type": "RichTextBlock",
            "inlines": [{"type": "TextRun", "text": text, "weight": weight, "isSubtle": is_subtle}],
        })
    };
    let mut body = vec![text(&message.title(), "bolder", false)];
    for one in news {
        if message.news.len() > 1 {
            body.push(text(&one.headline(), "bolder", false));
        }
        body.extend(one.lines.iter().map(|line| text(line, "default", false)));
        body.push(text(&one.next, "default", true));
    }
    body.extend(more.map(|more| text(more, "default", true)));
    let actions: Vec<Json> = message
        .about
        .run
        .iter()
        .map(|run| json!({"type": "Action.OpenUrl", "title": "Open the run", "url": run}))
        .collect();
    json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": actions,
    })
}

/// A message of blocks. Every text is `plain_text`, which can neither mention nor link; the fallback is escaped.
fn slack(message: &Message<'_>) -> Json {
    let (news, more) = fitting(message.news, |news| news.len() <= SLACK_ENVIRONMENTS);
    let section = |text: &str| {
        let text: String = text.chars().take(SLACK_TEXT).collect();
        json!({"type": "section", "text": {"type": "plain_text", "text": text, "emoji": false}})
    };
    let mut blocks = Vec::new();
    for one in news {
        let mut text = one.headline();
        for line in &one.lines {
            text.push_str("\n• ");
            text.push_str(line);
        }
        blocks.push(section(&text));
        blocks.push(json!({
            "type": "context",
            "elements": [{"type": "plain_text", "text": one.next, "emoji": false}],
        }));
    }
    blocks.extend(more.map(|more| section(&more)));
    if let Some(run) = message.about.run {
        blocks.push(json!({
            "type": "actions",
            "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Open the run"}, "url": run}],
        }));
    }
    let fallback = message.title();
    let fallback = fallback
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    json!({"text": fallback, "blocks": blocks})
}

/// A CloudEvent of version 1.0, in structured mode. The same news at the same time has the same ID.
fn event(news: &News, message: &Message<'_>) -> Json {
    let facts = [
        &news.environment,
        news.turn.code(),
        &news.digest,
        message.about.time,
    ]
    .join("\n");
    let id: String = Sha256::digest(facts.as_bytes())
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    json!({
        "specversion": "1.0",
        "id": id,
        "source": format!("/deskstate/{}", path_part(message.about.project)),
        "type": format!("com.github.deskstate.drift.{}", news.turn.code()),
        "subject": news.environment,
        "time": message.about.time,
        "datacontenttype": "application/json",
        "data": {
            "formatVersion": 1,
            "environment": news.environment,
            "state": news.outcome.code(),
            "drifted": news.drifted,
            "lines": news.lines,
            "next": news.next,
            "run": message.about.run,
        },
    })
}
