//! The address by which the emulator was called. All URLs in its answers use it.

/// Scheme and host of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) scheme: &'static str,
    /// Host and port, as the client wrote them.
    pub(super) host: String,
}

impl Place {
    /// The URL without a trailing slash.
    pub(super) fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }

    /// Whether a resource is this environment, under the name in the request or another name of this machine.
    pub(super) fn is_resource(&self, resource: &str) -> bool {
        let Some(host) = resource
            .trim_end_matches('/')
            .strip_prefix(self.scheme)
            .and_then(|rest| rest.strip_prefix("://"))
        else {
            return false;
        };
        host.eq_ignore_ascii_case(&self.host)
            || (is_local(host) && is_local(&self.host) && port(host) == port(&self.host))
    }
}

fn split(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        // an address without a port may contain colons
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, ""),
    }
}

fn port(host: &str) -> &str {
    split(host).1
}

fn is_local(host: &str) -> bool {
    let name = split(host).0;
    matches!(name, "127.0.0.1" | "[::1]") || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_this_machine_are_one_resource_and_others_are_not() {
        let place = Place {
            scheme: "https",
            host: "localhost:8443".to_owned(),
        };
        for (resource, ours) in [
            ("https://localhost:8443", true),
            ("https://LOCALHOST:8443/", true),
            ("https://127.0.0.1:8443", true),
            ("https://[::1]:8443/", true),
            ("https://127.0.0.1:8444", false),
            ("https://[::1]", false),
            ("http://localhost:8443", false),
            ("https://contoso.crm.dynamics.com", false),
            ("localhost:8443", false),
        ] {
            assert_eq!(place.is_resource(resource), ours, "{resource}");
        }
        let named = Place {
            scheme: "https",
            host: "dataverse.test".to_owned(),
        };
        assert!(named.is_resource("https://dataverse.test/"));
        assert!(!named.is_resource("https://localhost"));
    }
}
