//! Parts: rows that have no life of their own. Where a manifest gives them no name, one is derived.

use uuid::Uuid;

/// Greatest length of a unique name (`msdyn_uniquename`), in characters.
pub const MAX_UNIQUE_NAME: usize = 128;

/// A part, by what it belongs to and what makes it different from its siblings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartOf<'a> {
    /// A parameter of an application tab.
    Parameter {
        /// Unique name of the tab.
        tab: &'a str,
        /// The parameter.
        parameter: &'a str,
    },
    /// A notification field that belongs to one template.
    NotificationField {
        /// Unique name of the template.
        template: &'a str,
        /// The field's header.
        header: &'a str,
    },
    /// A step of a script.
    ScriptStep {
        /// Unique name of the script.
        script: &'a str,
        /// The step's heading.
        display_name: &'a str,
    },
    /// A tool of a pane.
    PaneEntry {
        /// Unique name of the pane.
        pane: &'a str,
        /// Unique name of the tool.
        tool: &'a str,
    },
    /// A role of a profile.
    RoleMapping {
        /// Unique name of the profile.
        profile: &'a str,
        /// The role as [`RoleRef`](crate::RoleRef) shows it: its name, with the business unit where one is given.
        role: &'a str,
    },
}

/// The unique name of a new part; `None` where nothing of its own name can stand in one.
///
/// ASCII letters and digits are kept, in camelCase: `Customer name` gives `customerName`. A name of more than 128 characters is cut and
/// ends in an underscore and eight hexadecimal digits of a hash of the whole.
#[must_use]
pub fn unique_name_of_part(part: PartOf<'_>) -> Option<String> {
    let name = match part {
        PartOf::Parameter { tab, parameter } => format!("{tab}_{}", camel_case(parameter)?),
        PartOf::NotificationField { template, header } => {
            format!("{template}_{}", camel_case(header)?)
        }
        PartOf::ScriptStep {
            script,
            display_name,
        } => format!("{script}_{}", camel_case(display_name)?),
        PartOf::PaneEntry { pane, tool } => format!("{tool}_config_{pane}_pane_tab"),
        PartOf::RoleMapping { profile, role } => format!("{profile}_{}", camel_case(role)?),
    };
    Some(shortened(name))
}

/// `None` where no ASCII letter or digit is left.
fn camel_case(text: &str) -> Option<String> {
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
    (!name.is_empty()).then_some(name)
}

fn shortened(name: String) -> String {
    if name.chars().count() <= MAX_UNIQUE_NAME {
        return name;
    }
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
        .simple()
        .to_string();
    let kept: String = name.chars().take(MAX_UNIQUE_NAME - 9).collect();
    format!("{kept}_{}", &hash[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_becomes_camel_case_behind_the_name_of_its_template() {
        let name = |header| {
            unique_name_of_part(PartOf::NotificationField {
                template: "contoso_call",
                header,
            })
        };
        assert_eq!(
            name("Customer name").as_deref(),
            Some("contoso_call_customerName")
        );
        assert_eq!(
            name("entityName").as_deref(),
            Some("contoso_call_entityName")
        );
        assert_eq!(name("URL (new)").as_deref(), Some("contoso_call_urlNew"));
        assert_eq!(name("Größe"), Some("contoso_call_grE".into()));
        assert_eq!(name("名前"), None);
    }

    #[test]
    fn a_pane_entry_is_named_after_tool_and_pane() {
        let name = unique_name_of_part(PartOf::PaneEntry {
            pane: "contoso_pane",
            tool: "contoso_tool",
        });
        assert_eq!(
            name.as_deref(),
            Some("contoso_tool_config_contoso_pane_pane_tab")
        );
    }

    #[test]
    fn a_long_name_is_cut_to_128_characters_and_stays_different_from_its_neighbour() {
        let name = |role: &str| {
            unique_name_of_part(PartOf::RoleMapping {
                profile: "contoso_p",
                role,
            })
            .unwrap()
        };
        let (left, right) = (
            name(&"a".repeat(200)),
            name(&format!("{}b", "a".repeat(200))),
        );
        assert_eq!(left.len(), MAX_UNIQUE_NAME);
        assert_ne!(left, right);
        assert_eq!(left, name(&"a".repeat(200)));
    }
}
