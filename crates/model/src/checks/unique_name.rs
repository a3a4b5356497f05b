//! Format of unique names of rows that may have to be created.
//!
//! Microsoft documents the rule for the forms of profiles, session and tab templates, channel providers, scripts and their steps; for the
//! other kinds it is likely. Rows created in other ways may break it, so it is a warning for all kinds.

use unicode_normalization::{UnicodeNormalization, is_nfc};
use unicode_security::GeneralSecurityProfile;
use unicode_security::confusable_detection::skeleton;
use unicode_security::restriction_level::{RestrictionLevel, RestrictionLevelDetection};

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::explanation::Explanation;
use crate::given::Given;
use crate::manifests::State;
use crate::name::UniqueName;
use crate::offer::Offer;
use crate::record::{Record, Value};
use crate::span::Span;
use crate::table::{Field, Holds, Links, Names};

pub(crate) const LOOK_ALIKE: Explanation = Explanation::new(
    "look-alike",
    "A unique name contains invisible characters, or characters that look like others.",
    "An invisible character, or a Cyrillic letter in a Latin word, makes a different name that looks the same, so the existing row is not found. The rules are those of Unicode for identifiers (UTS #39). A word that looks entirely Latin is only a warning.",
    "Type the name again. For an existing row with such a name, write `metadata.state: existing`.",
);

pub(crate) const RESERVED_PREFIX: Explanation = Explanation::new(
    "reserved-prefix",
    "A unique name begins with Microsoft's prefix `msdyn_`, or the project claims the prefix.",
    "Some guides of vendors, and an example of Microsoft's, use such names anyway, so the project can list single names.",
    "Choose another prefix, or list the name under `owns.names` in `deskstate.yaml`. For an existing row, write `metadata.state: existing`, or refer to it without declaring it.",
);

pub(crate) const UNIQUE_NAME: Explanation = Explanation::new(
    "unique-name",
    "A unique name is not a prefix of 3 to 8 letters and digits, an underscore and a name, with at most 128 characters together.",
    "Microsoft documents the rule for the forms of profiles, session and tab templates, channel providers, scripts and their steps; for other kinds it is likely. It does not apply to references and `existing` documents. `policy: {unique-name: deny}` makes it an error, `allow` turns it off.",
    "Choose a name such as `contoso_callSession`. You cannot change it later.",
);

pub(super) fn check(context: &Context<'_>, diagnostics: &mut Vec<Diagnostic>) {
    for declared in context
        .resources
        .iter()
        .filter(|declared| declared.state == State::Present)
    {
        if is_ruled(declared.key.kind.definition().names) {
            let name = declared.key.name.as_written();
            one(context, name, declared.name_span, diagnostics);
        } else {
            let name = declared.key.name.as_written();
            diagnostics.extend(unseen(name, declared.name_span));
        }
        for (field, given) in declared.spec.record().fields() {
            let Given::Value(value) = given else { continue };
            if !is_ruled(names_of_parts(field)) {
                continue;
            }
            match value.value {
                Value::Items(items) => {
                    for item in items {
                        part(context, &item.value, diagnostics);
                    }
                }
                Value::Set(set) => {
                    for member in &set.members {
                        if let Value::Item(record) = &member.value {
                            part(context, record, diagnostics);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn is_ruled(names: Names) -> bool {
    match names {
        Names::Ruled => true,
        Names::Free => false,
    }
}

fn names_of_parts(field: &Field) -> Names {
    match field.holds {
        Holds::Parts(part) => part.names,
        Holds::Set {
            links: Links::Items(items),
            ..
        } => items.names,
        _ => Names::Free,
    }
}

/// Checks the unique names that items set themselves.
fn part(context: &Context<'_>, item: &Record, diagnostics: &mut Vec<Diagnostic>) {
    for (field, given) in item.fields() {
        if let (Holds::UniqueName, Given::Value(name)) = (field.holds, given)
            && let Some(text) = name.value.as_text()
        {
            one(context, text, name.span, diagnostics);
        }
    }
}

fn one(context: &Context<'_>, name: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) {
    if UniqueName::new(name).prefix() == Some("msdyn")
        && !context.project.owns_name(&UniqueName::new(name))
    {
        diagnostics.push(
            Diagnostic::error(RESERVED_PREFIX.code, format!("`{name}` begins with Microsoft's prefix"))
                .at(span, "`msdyn_` is Microsoft's")
                .help("choose another prefix; list a name that is yours, such as one from a vendor's guide, under `owns.names` in `deskstate.yaml`; for an existing row, write `metadata.state: existing`"),
        );
        return;
    }
    characters(name, span, diagnostics);
    let Some(problem) = problem(name) else { return };
    diagnostics.push(
        Diagnostic::warning(UNIQUE_NAME.code, format!("`{name}` is not a valid unique name on Microsoft's forms"))
            .at(span, problem)
            .help("write a prefix of 3 to 8 letters and digits, an underscore and a name: `contoso_callSession`"),
    );
}

/// Reports what nobody sees in a name that may have any characters: another row would be made beside the one that looks the same.
fn unseen(name: &str, span: Span) -> Option<Diagnostic> {
    let is_unseen = |character: &char| {
        matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
    };
    if let Some(character) = name.chars().find(is_unseen) {
        return Some(
            Diagnostic::error(
                LOOK_ALIKE.code,
                format!(
                    "the name contains the invisible character U+{:04X}",
                    u32::from(character)
                ),
            )
            .at(span, "looks like a name without it")
            .help("type the name again"),
        );
    }
    (!is_nfc(name)).then(|| not_composed(name, span))
}

fn not_composed(name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        LOOK_ALIKE.code,
        format!("`{name}` is not in Unicode normal form C"),
    )
    .at(span, "a letter and its mark are two characters")
    .help(format!("write `{}`", name.nfc().collect::<String>()))
    .offering(Offer::Whole(name.nfc().collect()))
}

/// Reports characters of a name that are invisible or easily confused with others, according to Unicode's rules for identifiers (UTS #39).
fn characters(name: &str, span: Span, diagnostics: &mut Vec<Diagnostic>) {
    let name = name.trim();
    if name.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return;
    }
    let unfit = name.chars().find(|character| {
        !(' '..='~').contains(character) && !GeneralSecurityProfile::identifier_allowed(*character)
    });
    let finding = if let Some(character) = unfit {
        Diagnostic::error(
            LOOK_ALIKE.code,
            format!(
                "`{name}` contains the character U+{:04X}, which does not belong in a name",
                u32::from(character)
            ),
        )
        .at(span, "a character that is hard to see or to type")
        .help("type the name again with letters, digits and underscores")
    } else if !is_nfc(name) {
        not_composed(name, span)
    } else if let Some(word) = words(name).find(|word| is_mixed(word)) {
        Diagnostic::error(
            LOOK_ALIKE.code,
            format!(
                "`{word}` mixes letters of different scripts: {}",
                foreign(word)
            ),
        )
        .at(span, "looks like another name")
        .help("type it again in one script")
    } else if let Some(word) = words(name).find(|word| looks_latin(word)) {
        Diagnostic::warning(
            LOOK_ALIKE.code,
            format!(
                "`{word}` looks like Latin letters, but is not: {}",
                foreign(word)
            ),
        )
        .at(span, "looks like another name")
        .help("to use Latin letters, type it again")
    } else {
        return;
    };
    diagnostics.push(finding);
}

/// Splits a name into words, because the prefix, which is always Latin, may precede a word in any script.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split(|character: char| character.is_ascii() && !character.is_ascii_alphabetic())
        .filter(|word| !word.is_ascii())
}

/// Whether a word mixes scripts in a way that no language does. Latin may be combined with the scripts of Chinese, Japanese and Korean.
fn is_mixed(word: &str) -> bool {
    !word.check_restriction_level(RestrictionLevel::HighlyRestrictive)
}

fn looks_latin(word: &str) -> bool {
    skeleton(word).all(|character| character.is_ascii_alphabetic())
}

/// Lists the first non-ASCII characters of a word with their code points.
fn foreign(word: &str) -> String {
    let code = |character: char| format!("`{character}` is U+{:04X}", u32::from(character));
    let codes: Vec<String> = word
        .chars()
        .filter(|character| !character.is_ascii())
        .take(3)
        .map(code)
        .collect();
    codes.join(", ")
}

/// `^[A-Za-z0-9]{3,8}_.+$`
fn problem(name: &str) -> Option<String> {
    let name = name.trim();
    let Some((prefix, rest)) = name.split_once('_') else {
        return Some("no prefix with an underscore".to_owned());
    };
    if let Some(other) = prefix
        .chars()
        .find(|character| !character.is_ascii_alphanumeric())
    {
        return Some(format!("`{other}` in the prefix"));
    }
    match prefix.len() {
        0..=2 => Some("the prefix is shorter than 3 characters".to_owned()),
        3..=8 if rest.is_empty() => Some("nothing after the underscore".to_owned()),
        3..=8 => None,
        _ => Some("the prefix is longer than 8 characters".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Severity;
    use crate::span::SourceMap;

    #[test]
    fn characters_that_cannot_be_seen_or_look_like_others_are_found() {
        let found = |name: &str| {
            let mut diagnostics = Vec::new();
            let file = SourceMap::default().add("a.yaml", "");
            let (start, end) = (0, 0);
            let span = Span { file, start, end };
            characters(name, span, &mut diagnostics);
            diagnostics.first().map(|finding| finding.severity)
        };
        for name in [
            "contoso_call\u{200B}",
            "contoso_ca\u{AD}ll",
            "contoso_call\u{202E}",
            "contoso_call\u{A0}a",
            "contoso_\u{FF21}gent",
            "contoso_c\u{430}ll",
            "contoso_cafe\u{301}",
            "contoso_call\u{FE0F}",
            "contoso_call\u{7}",
        ] {
            assert_eq!(found(name), Some(Severity::Error), "{name:?}");
        }
        assert_eq!(
            found("contoso_\u{441}\u{430}\u{441}"),
            Some(Severity::Warning)
        );
        for name in [
            "contoso_a b-c.d",
            "contoso_café",
            "contoso_営業担当",
            "contoso_продажи",
            "contoso_営業A",
            "contoso_größe",
            "contoso_고객",
            "contoso_مبيعات",
            "contoso_πωλήσεις",
        ] {
            assert_eq!(found(name), None, "{name}");
        }
    }

    #[test]
    fn the_rule_of_the_form_is_followed() {
        for name in ["CTI_createSession", "contoso_a", "abc_a_b", "a1b2c3d4_x y"] {
            assert_eq!(problem(name), None, "{name}");
        }
        for name in [
            "",
            "createSession",
            "ab_x",
            "abcdefghi_x",
            "con-toso_x",
            "contoso_",
            "_x",
        ] {
            assert!(problem(name).is_some(), "{name}");
        }
    }
}
