//! Words of the admin center that people copy from guides in place of those of manifests.

use std::iter;

use super::{Found, Shape};
use crate::kinds::Kind;
use crate::table::{Field, Shown, spaced};

/// A word of manifests that a label probably stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meant<'w> {
    /// The label is exactly that of the word.
    Exactly(&'w str),
    /// The label is the same except for case, spaces and punctuation.
    Surely(&'w str),
    /// The label has more or fewer words.
    Perhaps(&'w str),
}

/// Returns the fields that a mapping may contain: those of a kind, or those of its items.
pub(super) fn fields_of(found: &Found<'_>, shape: Shape) -> Vec<&'static Field> {
    let (Shape::Document(kind) | Shape::Partial(kind)) = shape else {
        return Vec::new();
    };
    match found.word {
        Some("spec") | None => kind.fields().iter().collect(),
        Some(word) => items(kind, word),
    }
}

fn items(kind: Kind, word: &str) -> Vec<&'static Field> {
    let mut fields = kind.fields().iter();
    let field = fields.find(|field| field.word == word);
    field.into_iter().flat_map(Field::items).collect()
}

/// Returns the field with a label.
pub(super) fn field<'f>(written: &str, fields: &[&'f Field]) -> Option<Meant<'f>> {
    let labels = fields.iter().filter(|field| field.is_written);
    let labels = labels.flat_map(|field| {
        let (label, others) = match field.shown {
            Shown::Labelled(screen) => (screen.label.to_owned(), screen.formerly),
            Shown::Unsaid | Shown::Nowhere { .. } => (spaced(field.word), &[][..]),
        };
        let others = others.iter().map(|label| (*label).to_owned());
        let labels = iter::once(label).chain(others);
        labels.map(|label| (label, field.word))
    });
    meant(written, labels)
}

/// Returns the option with a label, of the field with this word.
pub(super) fn option(written: &str, word: &str, shape: Shape) -> Option<Meant<'static>> {
    let (Shape::Document(kind) | Shape::Partial(kind)) = shape else {
        return None;
    };
    let fields = kind.fields().iter();
    let fields = fields.flat_map(|field| iter::once(field).chain(field.items()));
    let options = fields
        .filter(|field| field.word == word)
        .flat_map(|field| field.options());
    meant(written, options.map(|option| (option.label(), option.word)))
}

/// Whether the admin center shows the name of a row of the kind under this label.
pub(super) fn is_name(written: &str, kind: Kind) -> bool {
    let written = folded(written);
    written == "uniquename" || written == folded(&kind.definition().name.label())
}

/// Whether a key of `metadata` can only stand for the name: it is the label of some kind's name, or `name` in another case.
pub(crate) fn is_any_name(key: &str) -> bool {
    ["name", "uniquename"].contains(&folded(key).as_str())
}

fn meant<'w>(written: &str, labels: impl Iterator<Item = (String, &'w str)>) -> Option<Meant<'w>> {
    let whole = folded(written);
    let mut perhaps = Vec::new();
    let mut surely = None;
    for (label, word) in labels {
        if label == written {
            return Some(Meant::Exactly(word));
        }
        let other = folded(&label);
        if other == whole {
            surely = surely.or(Some(word));
        } else if (is_edge(&whole, &label) || is_edge(&other, written)) && !perhaps.contains(&word)
        {
            perhaps.push(word);
        }
    }
    match (surely, perhaps.as_slice()) {
        (Some(word), _) => Some(Meant::Surely(word)),
        (None, [only]) => Some(Meant::Perhaps(only)),
        _ => None,
    }
}

/// Removes case, spaces and punctuation.
fn folded(text: &str) -> String {
    let letters = text.chars().filter(|letter| letter.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether these letters are the first or the last words of a text.
fn is_edge(letters: &str, text: &str) -> bool {
    const SHORTEST: usize = 4;
    let mut whole = String::with_capacity(text.len());
    let mut starts = Vec::new();
    for word in text.split(|letter: char| !letter.is_alphanumeric()) {
        starts.push(whole.len());
        whole.push_str(&folded(word));
    }
    let begins_word = |at: usize| 0 < at && at < whole.len() && starts.binary_search(&at).is_ok();
    letters.len() >= SHORTEST
        && (whole.starts_with(letters) && begins_word(letters.len())
            || whole.ends_with(letters) && begins_word(whole.len() - letters.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Kind;

    #[test]
    fn labels_of_the_admin_center_and_of_guides_lead_to_fields() {
        let of = |kind: Kind, written: &str| {
            let fields: Vec<&Field> = kind.fields().iter().collect();
            field(written, &fields)
        };
        for (kind, written, word) in [
            (Kind::APPLICATION_TAB, "Name", Meant::Exactly("displayName")),
            (
                Kind::NOTIFICATION_TEMPLATE,
                "Countdown (seconds)",
                Meant::Exactly("timeoutSeconds"),
            ),
            (
                Kind::NOTIFICATION_TEMPLATE,
                "Countdown seconds:",
                Meant::Surely("timeoutSeconds"),
            ),
            (
                Kind::NOTIFICATION_TEMPLATE,
                "show countdown",
                Meant::Surely("showTimeout"),
            ),
            (
                Kind::NOTIFICATION_TEMPLATE,
                "Autoaccept voice/chat calls",
                Meant::Exactly("autoAcceptCalls"),
            ),
            (
                Kind::NOTIFICATION_TEMPLATE,
                "Notification fields",
                Meant::Surely("fields"),
            ),
            (
                Kind::CHANNEL_PROVIDER,
                "Enable Out Bound",
                Meant::Perhaps("enableOutboundCommunication"),
            ),
            (
                Kind::CHANNEL_PROVIDER,
                "Channel URL (required)",
                Meant::Perhaps("channelUrl"),
            ),
            (
                Kind::CIF_PROVIDER,
                "Select the Roles for the Channel",
                Meant::Exactly("roles"),
            ),
        ] {
            assert_eq!(of(kind, written), Some(word), "{written}");
        }
        for unclear in ["Select", "Channel", "Owned", "Colour", ""] {
            assert_eq!(of(Kind::CIF_PROVIDER, unclear), None, "{unclear}");
        }
        let items = items(Kind::NOTIFICATION_TEMPLATE, "fields");
        assert_eq!(field("Name", &items), Some(Meant::Exactly("displayName")));
        assert_eq!(field("Unique Name", &items), Some(Meant::Surely("name")));
        let items = super::items(Kind::AGENT_SCRIPT, "steps");
        assert_eq!(
            field("Text instruction", &items),
            Some(Meant::Exactly("text"))
        );
        // What the form asks for and a manifest derives is no field.
        assert_eq!(field("Order", &items), None);
    }

    #[test]
    fn labels_of_options_lead_to_their_words() {
        let shape = Shape::Document(Kind::NOTIFICATION_TEMPLATE);
        let of = |written: &str| option(written, "desktopNotifications", shape);
        let background = "WhenInBackground";
        assert_eq!(
            of("When app is in background"),
            Some(Meant::Exactly(background))
        );
        assert_eq!(
            of("When app is in Background."),
            Some(Meant::Surely(background))
        );
        assert_eq!(of("Sometimes"), None);
        assert!(is_name("Unique Name", Kind::SESSION_TEMPLATE));
        assert!(is_name("Name", Kind::CIF_PROVIDER) && !is_name("Name", Kind::SESSION_TEMPLATE));
    }
}
