//! Names that some file systems reject.

/// Whether Windows reserves a name for a device, with any extension: `con`, `NUL.yaml`, `com1.2`.
#[must_use]
pub fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let stem = stem.to_ascii_lowercase();
    ["con", "prn", "aux", "nul"].contains(&stem.as_str())
        || ["com", "lpt"].iter().any(|port| {
            stem.strip_prefix(port).is_some_and(|rest| {
                rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_digit())
            })
        })
}

/// Why Windows cannot have a file or folder of this name.
#[must_use]
pub fn unfit_for_windows(name: &str) -> Option<&'static str> {
    if name
        .chars()
        .any(|one| one.is_control() || "<>:\"|?*\\".contains(one))
    {
        Some("contains a character that Windows does not take")
    } else if name.ends_with(['.', ' ']) {
        Some("ends with a dot or a space, which Windows drops")
    } else if is_device(name) {
        Some("is the name of a device on Windows")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_known_by_what_is_before_the_first_dot() {
        for name in ["con", "NUL", "aux.yaml", "Com1", "lpt9.tab.yaml", "prn "] {
            assert!(is_device(name), "{name}");
        }
        for name in ["console", "com10", "com", "contoso.con", "_nul", ""] {
            assert!(!is_device(name), "{name}");
        }
    }

    #[test]
    fn windows_has_no_file_of_these_names() {
        for name in ["nul.yaml", "a.", "b ", "what?.yaml", "a:b", "tab\t", "a\\b"] {
            assert!(unfit_for_windows(name).is_some(), "{name}");
        }
        for name in ["a b.yaml", "ä-(1).yaml", ".hidden"] {
            assert_eq!(unfit_for_windows(name), None, "{name}");
        }
    }
}
