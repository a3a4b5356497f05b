//! The variables that name a proxy.

use reqwest::Url;

use crate::door::plain;
use crate::error::Error;
use crate::setting;

const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Whether a variable has a value that counts as not set, and none names a proxy: the HTTP client would take the value for an address.
pub(crate) fn is_none() -> bool {
    let mut is_written = false;
    for name in VARIABLES {
        if setting::of(name).is_some() {
            return false;
        }
        is_written |= std::env::var_os(name).is_some_and(|value| !value.is_empty());
    }
    is_written
}

/// Checks the variables that name a proxy. The HTTP client ignores those that it cannot use, and then connects without them.
pub(crate) fn check() -> Result<(), Error> {
    for name in VARIABLES {
        let Some(value) = setting::of(name) else {
            continue;
        };
        if let Some(reason) = unusable(&value) {
            return Err(Error::Failed {
                message: format!("`{name}` is not the address of a proxy: {reason}"),
                hint: Some(format!(
                    "set `{name}` to an address such as `http://proxy.example.com:8080`"
                )),
            });
        }
    }
    Ok(())
}

/// Why a proxy with this address cannot be used. The address may contain a password, so the answer does not repeat it.
fn unusable(value: &str) -> Option<String> {
    let url = match value.contains("://") {
        true => Url::parse(value),
        false => Url::parse(&format!("http://{value}")),
    };
    match url {
        Err(error) => Some(error.to_string()),
        Ok(url) if matches!(url.scheme(), "http" | "https") => None,
        Ok(url) => Some(format!(
            "deskstate speaks to proxies over http and https, not over {}",
            plain(url.scheme())
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::unusable;

    #[test]
    fn a_proxy_that_the_client_would_ignore_is_named_without_its_password() {
        for value in [
            "proxy:3128",
            "http://proxy:3128/",
            "https://ada:secret@proxy.example.com",
            "10.0.0.1",
        ] {
            assert_eq!(unusable(value), None, "{value}");
        }
        for value in [
            "socks5://ada:secret@proxy:1080",
            "http://",
            "http://ada:secret@proxy:port",
            "my proxy:3128",
        ] {
            let reason = unusable(value).expect(value);
            assert!(!reason.contains("secret"), "{reason}");
        }
    }
}
