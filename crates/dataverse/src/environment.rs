//! The URL of an environment.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::Error;

/// The URL of an environment, such as `https://contoso.crm.dynamics.com`: https, or http on loopback.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EnvironmentUrl(Url);

impl EnvironmentUrl {
    /// The origin, without a trailing slash.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The host name or address.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
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

impl FromStr for EnvironmentUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |reason| Error::InvalidUrl {
            // an URL with a password in it is not repeated
            url: if text.contains('@') {
                "…".to_owned()
            } else {
                text.to_owned()
            },
            reason,
        };
        let url = Url::parse(text.trim()).map_err(|_| invalid("not an absolute URL"))?;
        if url.host().is_none() {
            return Err(invalid("it has no host"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(invalid("plain http is for this machine alone; use https")),
            _ => return Err(invalid("it is neither https nor http")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it must not hold a user name or password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("it must not hold a query or a fragment"));
        }
        if !matches!(url.path(), "" | "/") {
            return Err(invalid(
                "it must not hold a path; the part up to the host is enough",
            ));
        }
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
        ] {
            let url: EnvironmentUrl = text.parse().expect(text);
            assert_eq!(url.to_string(), origin);
        }
    }

    #[test]
    fn other_urls_are_refused_and_passwords_not_repeated() {
        for text in [
            "contoso.crm.dynamics.com",
            "http://contoso.crm.dynamics.com",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "ftp://localhost",
            "https://contoso.crm.dynamics.com/main.aspx",
            "https://contoso.crm.dynamics.com?x=1",
            "https://contoso.crm.dynamics.com#x",
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
