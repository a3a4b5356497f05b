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
}
