//! Parts: rows that belong to another row. If a manifest does not name a part, its name is derived.

use uuid::Uuid;

use crate::decoder::{shortened, stored_length};
use crate::table::NameOf;

/// Maximum length of a unique name (`msdyn_uniquename`), in characters as Dataverse counts them.
pub const MAX_UNIQUE_NAME: usize = 128;

/// Returns the unique name of a new part of `parent`, derived from a text or name that identifies it; `None` if its document sets the name.
///
/// ASCII letters and digits are kept, in camelCase: `Customer name` becomes `customerName`. If none are left, or letters that are not Latin
/// are lost, eight hexadecimal digits of a hash of the text are used. A name of more than 128 characters is truncated and ends in an
/// underscore and eight such digits of a hash of the complete name.
#[must_use]
pub fn unique_name_of_part(name: NameOf, parent: &str, part: &str) -> Option<String> {
    match name {
        NameOf::Behind(_) => Some(cut(format!("{parent}_{}", camel_case(part)))),
        // The product names the pane of a profile `<profile>_pp`, and names its tabs after the profile.
        NameOf::PaneTab(_) => {
            let profile = parent.strip_suffix("_pp").unwrap_or(parent);
            Some(cut(format!("{part}_{profile}_pane_tab")))
        }
        NameOf::Given => None,
    }
}

fn camel_case(text: &str) -> String {
    // Accented Latin letters are dropped without a hash: the rest still distinguishes headings and is readable.
    let is_lost = |character: char| character.is_alphanumeric() && character > '\u{24F}';
    let mut name = String::new();
    for word in text
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        let (first, rest) = word.split_at(1);
        if !name.is_empty() {
            name.push_str(&first.to_ascii_uppercase());
            name.push_str(rest);
        } else if word.bytes().any(|byte| byte.is_ascii_lowercase()) {
            name.push_str(&first.to_ascii_lowercase());
            name.push_str(rest);
        } else {
            name.push_str(&word.to_ascii_lowercase());
        }
    }
    if name.is_empty() || text.contains(is_lost) {
        name.push_str(&hash(text));
    }
    name
}

/// Truncates a name to the length of its column.
fn cut(name: String) -> String {
    if stored_length(&name) <= MAX_UNIQUE_NAME {
        return name;
    }
    let kept = shortened(&name, MAX_UNIQUE_NAME - 9);
    format!("{kept}_{}", hash(&name))
}

fn hash(text: &str) -> String {
    let mut hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes())
        .simple()
        .to_string();
    hash.truncate(8);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_becomes_camel_case_behind_the_name_of_its_template() {
        let name =
            |header| unique_name_of_part(NameOf::Behind("header"), "contoso_call", header).unwrap();
        assert_eq!(name("Customer name"), "contoso_call_customerName");
        assert_eq!(name("entityName"), "contoso_call_entityName");
        assert_eq!(name("URL (new)"), "contoso_call_urlNew");
        assert_eq!(name("Größe"), "contoso_call_grE");
        assert_eq!(name("名前"), format!("contoso_call_{}", hash("名前")));
        assert_eq!(name("営業A"), format!("contoso_call_a{}", hash("営業A")));
        assert_ne!(name("営業A"), name("販売A"));
        assert_eq!(name("?!"), format!("contoso_call_{}", hash("?!")));
    }

    #[test]
    fn a_pane_entry_is_named_after_tool_and_profile() {
        // Exported solutions have tabs named `<tool>_<profile>_pane_tab` in panes named `<profile>_pp`.
        let tool = "msdyn_smartassist_tool_config";
        let name = |pane| unique_name_of_part(NameOf::PaneTab("tool"), pane, tool);
        assert_eq!(
            name("contoso_agents_pp").as_deref(),
            Some("msdyn_smartassist_tool_config_contoso_agents_pane_tab")
        );
        assert_eq!(
            name("contoso_pane").as_deref(),
            Some("msdyn_smartassist_tool_config_contoso_pane_pane_tab")
        );
    }

    #[test]
    fn a_long_name_is_cut_to_128_characters_and_stays_different_from_its_neighbour() {
        let name =
            |role: &str| unique_name_of_part(NameOf::Behind("role"), "contoso_p", role).unwrap();
        let (left, right) = (
            name(&"a".repeat(200)),
            name(&format!("{}b", "a".repeat(200))),
        );
        assert_eq!(left.len(), MAX_UNIQUE_NAME);
        assert_ne!(left, right);
        assert_eq!(left, name(&"a".repeat(200)));
    }
}
