//! The URL of an environment.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::Error;

/// The URL of an environment, such as `https://contoso.crm.dynamics.com`. HTTPS is required, except on loopback.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EnvironmentUrl(Url);

impl EnvironmentUrl {
    /// The origin, without a trailing slash.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The host name or IP address.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The port, even if the URL omits it.
    pub(crate) fn port(&self) -> Option<u16> {
        self.0.port_or_known_default()
    }

    /// Whether the environment is on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    pub(crate) fn join(&self, path: &str) -> Result<Url, Error> {
        self.0
            .join(path)
            .map_err(|error| Error::InvalidRequest(format!("`{path}` is not a path: {error}")))
    }
}

/// The host of a URL, and its port if it is not the usual one.
pub(crate) fn host_of(url: &Url) -> Box<str> {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}").into(),
        None => host.into(),
    }
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost")
                || name
                    .to_ascii_lowercase()
                    .strip_suffix('.')
                    .is_some_and(|name| name == "localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Portals whose addresses people copy by mistake. Each serves many environments.
const PORTALS: [&str; 5] = [
    "powerapps.com",
    "powerautomate.com",
    "powerplatform.microsoft.com",
    "portal.azure.com",
    "globaldisco.crm.dynamics.com",
];

/// Adds a missing scheme: `https`, or `http` for this machine.
fn with_scheme(text: &str) -> String {
    if text.contains("://") {
        return text.to_owned();
    }
    let https = format!("https://{text}");
    match Url::parse(&https) {
        Ok(url) if is_loopback(&url) => format!("http://{text}"),
        _ => https,
    }
}

impl FromStr for EnvironmentUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |reason| Error::InvalidUrl {
            // a URL that contains a password is not repeated
            url: if text.contains('@') {
                "…".to_owned()
            } else {
                text.to_owned()
            },
            reason,
        };
        let written = text.trim();
        let mut url = match Url::parse(&with_scheme(written)) {
            Ok(url) if written.contains([' ', '\\']) => {
                drop(url);
                return Err(invalid("it contains a character that no address has"));
            }
            Ok(url) => url,
            Err(_) => return Err(invalid("it is not an address")),
        };
        if url.host().is_none() {
            return Err(invalid("it has no host"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(invalid("plain http works only for this machine; use https")),
            _ => return Err(invalid("it is neither https nor http")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it must not hold a user name or password"));
        }
        if let Some(host) = url.host_str()
            && PORTALS.iter().any(|portal| {
                host == *portal
                    || host
                        .strip_suffix(portal)
                        .is_some_and(|rest| rest.ends_with('.'))
            })
        {
            return Err(invalid(
                "it is the address of a portal; the environment's own is in its settings, such as https://contoso.crm4.dynamics.com",
            ));
        }
        if written.is_empty()
            || !(url.host_str().is_some_and(|host| host.contains(['.', ':'])) || is_loopback(&url))
        {
            return Err(invalid(
                "its host is not complete; write one such as https://contoso.crm4.dynamics.com",
            ));
        }
        // The part after the host belongs to a page in the browser, not to the environment.
        url.set_path("");
        url.set_query(None);
        url.set_fragment(None);
        Ok(EnvironmentUrl(url))
    }
}

impl fmt::Display for EnvironmentUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_on_this_machine_are_taken() {
        for (text, origin) in [
            (
                "https://contoso.crm.dynamics.com",
                "https://contoso.crm.dynamics.com",
            ),
            (
                " https://Contoso.crm4.dynamics.com/ ",
                "https://contoso.crm4.dynamics.com",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:1/", "http://localhost:1"),
            ("http://[::1]:1/", "http://[::1]:1"),
            (
                "contoso.crm.dynamics.com",
                "https://contoso.crm.dynamics.com",
            ),
            (
                "https://contoso.crm.dynamics.com/main.aspx?appid=1&pagetype=dashboard#x",
                "https://contoso.crm.dynamics.com",
            ),
            (
                "contoso.crm.dynamics.com/api/data/v9.2/",
                "https://contoso.crm.dynamics.com",
            ),
            ("localhost:8080", "http://localhost:8080"),
        ] {
            let url: EnvironmentUrl = text.parse().expect(text);
            assert_eq!(url.to_string(), origin);
        }
    }

    #[test]
    fn other_urls_are_refused_and_passwords_not_repeated() {
        for text in [
            "https://make.powerapps.com/environments/x/home",
            "https://admin.powerplatform.microsoft.com/",
            "contoso",
            "con toso.crm.dynamics.com",
            "http://contoso.crm.dynamics.com",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "ftp://localhost",
            "https://",
            "",
        ] {
            assert!(text.parse::<EnvironmentUrl>().is_err(), "{text}");
        }
        let error = "https://me:hush@contoso.crm.dynamics.com"
            .parse::<EnvironmentUrl>()
            .expect_err("a password")
            .to_string();
        assert!(!error.contains("hush"), "{error}");
    }
}
