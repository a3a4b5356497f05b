//! The 401 challenge: which issuer a server wants a token from, and whether that issuer may receive our secret.

use http::HeaderMap;
use http::header::{ACCEPT, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use url::Url;
use uuid::Uuid;

use super::SignInError;
use crate::environment::is_loopback;
use crate::exchanged::Outgoing;
use crate::request::API_PATH;
use crate::transport::{CLIENT_REQUEST_ID, Network, header_value};
use crate::{EnvironmentUrl, Error, Exchange};

/// Issuers of Microsoft's clouds. A secret is sent to other issuers only if the user named them.
const KNOWN_ISSUERS: &[&str] = &[
    "login.microsoftonline.com",
    "login.microsoftonline.us",
    "login.chinacloudapi.cn",
    "login.partner.microsoftonline.cn",
    "login.microsoftonline.eaglex.ic.gov",
    "login.microsoftonline.microsoft.scloud",
    "login.windows.net",
];

/// What a server's challenge states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Challenge {
    /// `authorization_uri`, unmodified.
    authorization_uri: String,
    /// `resource_id`, unmodified.
    resource: Option<String>,
}

/// The issuer of tokens for an environment, and the resource they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Issuer {
    /// The origin of the authority, without a trailing slash.
    pub(super) authority: String,
    /// The tenant's id or domain.
    pub(super) tenant: String,
    /// The resource that tokens are for, without a trailing slash.
    pub(super) resource: String,
}

impl Issuer {
    /// The scope for applications (OAuth with Dataverse: confidential clients).
    pub(super) fn default_scope(&self) -> String {
        format!("{}/.default", self.resource)
    }

    /// The scope for people (OAuth with Dataverse: public clients), including a refresh token.
    pub(super) fn user_scope(&self) -> String {
        format!("{}/user_impersonation offline_access", self.resource)
    }

    /// An endpoint of version 2.0 of the protocol.
    pub(super) fn endpoint(&self, name: &str) -> String {
        format!("{}/{}/oauth2/v2.0/{name}", self.authority, self.tenant)
    }
}

/// Sends a request without a token. Returns `None` if the server answers it.
pub(super) async fn ask(
    network: &Network,
    url: &EnvironmentUrl,
) -> Result<Option<Challenge>, Error> {
    let path = format!("{API_PATH}/WhoAmI");
    let mut headers = HeaderMap::new();
    let client_request_id = Uuid::new_v4();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(
        HeaderName::from_static(CLIENT_REQUEST_ID),
        header_value(&client_request_id.to_string())?,
    );
    let outgoing = Outgoing {
        url: url.join(&path)?,
        exchange: Exchange {
            method: "GET",
            path,
            client_request_id,
        },
        headers,
        body: None,
        limit: std::time::Duration::from_secs(30),
    };
    let reply = network.send(&outgoing, None).await?;
    match reply.status {
        401 => {
            let challenges = reply
                .headers
                .get_all(WWW_AUTHENTICATE)
                .iter()
                .filter_map(|value| value.to_str().ok());
            match parse(challenges) {
                Some(challenge) => Ok(Some(challenge)),
                None => Err(Error::from(SignInError::Challenge {
                    reason:
                        "its 401 names no `authorization_uri`; is this the URL of an environment?"
                            .to_owned(),
                })),
            }
        }
        200..=299 => Ok(None),
        status => {
            let reason = format!("it answered {} with status {status}", outgoing.exchange);
            Err(Error::from(match status {
                408 | 429 | 500.. => SignInError::Busy { reason },
                _ => SignInError::Challenge {
                    reason: format!("{reason}; is this the URL of an environment?"),
                },
            }))
        }
    }
}

/// The challenge's description of what is wrong with the token of the request.
pub(crate) fn described(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(|header| {
            let parameters = parameters_of(header.split_once(char::is_whitespace)?.1);
            let value = |wanted: &str| {
                parameters
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                    .map(|(_, value)| *value)
            };
            match value("error") {
                Some("insufficient_claims") => Some(
                    "conditional access asks for more than this method can show \
                     (insufficient_claims)"
                        .to_owned(),
                ),
                error => value("error_description").or(error).map(str::to_owned),
            }
        })
}

/// An error and its causes, on one line.
pub(super) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Parses the first bearer challenge with an `authorization_uri`. Values may be quoted or not, and names are case-insensitive.
fn parse<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    headers.filter_map(parse_one).next()
}

fn parse_one(header: &str) -> Option<Challenge> {
    let header = header.trim();
    let (scheme, parameters) = header.split_once(char::is_whitespace)?;
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return None;
    }
    let value = |wanted: &str| {
        parameters_of(parameters)
            .into_iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.to_owned())
    };
    Some(Challenge {
        authorization_uri: value("authorization_uri").or_else(|| value("authorization"))?,
        resource: value("resource_id"),
    })
}

/// The endpoint that would receive a secret under these challenges, and the resource that the token would be for.
#[cfg(any(test, fuzzing))]
pub(crate) fn token_endpoint(headers: &[&str], url: &EnvironmentUrl) -> Option<(String, String)> {
    let issuer = parse(headers.iter().copied())?
        .issuer(url, None, None)
        .ok()?;
    Some((issuer.endpoint("token"), issuer.resource))
}

/// Splits `name=value` pairs that are separated by commas.
fn parameters_of(mut text: &str) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    while let Some((name, rest)) = text.split_once('=') {
        let rest = rest.trim_start();
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        pairs.push((name.trim_matches([' ', ',', '\t']), value.trim()));
        text = after;
    }
    pairs
}

impl Challenge {
    /// Returns the issuer to sign in to, if it can be trusted: a server must not be able to send our secret to a host of its choice, or to
    /// use us to get a token for something else.
    pub(super) fn issuer(
        &self,
        url: &EnvironmentUrl,
        tenant: Option<&str>,
        authority_host: Option<&str>,
    ) -> Result<Issuer, SignInError> {
        let refused = |reason: String| SignInError::Challenge { reason };
        let uri = Url::parse(&self.authorization_uri).map_err(|_| {
            refused(format!(
                "`{}` is not a URL",
                self.authorization_uri.escape_debug()
            ))
        })?;
        let authority = match authority_host {
            Some(named) => Url::parse(named)
                .ok()
                .filter(|named| named.scheme() == "https" && named.host().is_some())
                .ok_or_else(|| refused(format!("the authority `{named}` is not an https URL")))?,
            None => {
                // compares the complete origin, since another port of the host may be another server
                let known = uri.port().is_none()
                    && uri
                        .host_str()
                        .is_some_and(|host| KNOWN_ISSUERS.contains(&host));
                let local = is_loopback(&uri) && url.is_loopback();
                if uri.scheme() != "https" || !(known || local) {
                    return Err(refused(format!(
                        "`{}` is not an issuer of a Microsoft cloud; if it is yours, set AZURE_AUTHORITY_HOST",
                        uri.origin().ascii_serialization()
                    )));
                }
                uri.clone()
            }
        };
        let named = uri
            .path_segments()
            .and_then(|mut segments| segments.next())
            .filter(|segment| !segment.is_empty());
        let tenant = tenant
            .or(named)
            .ok_or_else(|| refused("it names no tenant; set AZURE_TENANT_ID".to_owned()))?;
        let fits = tenant
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        if !fits {
            return Err(refused(format!(
                "`{}` is not a tenant",
                tenant.escape_debug()
            )));
        }
        Ok(Issuer {
            authority: authority.origin().ascii_serialization(),
            tenant: tenant.to_owned(),
            resource: self.resource(url)?,
        })
    }

    fn resource(&self, url: &EnvironmentUrl) -> Result<String, SignInError> {
        let Some(resource) = &self.resource else {
            return Ok(url.origin());
        };
        let parsed = Url::parse(resource)
            .ok()
            .filter(|parsed| match parsed.scheme() {
                "https" => true,
                scheme => scheme == "http" && url.is_loopback(),
            });
        let host = parsed.as_ref().and_then(Url::host_str).unwrap_or_default();
        // `org.crm…` and `org.api.crm…` are the same environment
        let same = host == url.host()
            || host.replacen(".api.", ".", 1) == url.host().replacen(".api.", ".", 1);
        let same_port = parsed.as_ref().and_then(Url::port_or_known_default) == url.port();
        if let Some(parsed) = parsed.filter(|_| same && same_port) {
            // anything after the origin would become part of the scope, or a scope of its own
            Ok(parsed.origin().ascii_serialization())
        } else {
            Err(SignInError::Challenge {
                reason: format!(
                    "it wants a token for `{}`, which is another host than {url}",
                    resource.escape_debug()
                ),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TENANT: &str = "0c0f0000-0000-4000-8000-00000000000a";

    fn contoso() -> EnvironmentUrl {
        "https://contoso.crm.dynamics.com"
            .parse()
            .expect("a good URL")
    }

    fn issuer(header: &str) -> Result<Issuer, SignInError> {
        parse([header].into_iter())
            .expect("a challenge")
            .issuer(&contoso(), None, None)
    }

    #[test]
    fn a_challenge_is_read_quoted_or_not_and_in_any_case() {
        // the formats that Dataverse and other Microsoft services use
        for header in [
            format!(
                "Bearer authorization_uri=https://login.microsoftonline.com/{TENANT}/oauth2/authorize, resource_id=https://contoso.crm.dynamics.com/"
            ),
            format!(
                "bearer realm=\"\", Authorization_Uri=\"https://login.microsoftonline.com/{TENANT}/oauth2/authorize\",Resource_Id=\"https://contoso.crm.dynamics.com/\""
            ),
            format!(
                "Bearer resource_id=https://contoso.api.crm.dynamics.com/,authorization_uri=https://login.microsoftonline.com/{TENANT}"
            ),
        ] {
            let issuer = issuer(&header).expect(&header);
            assert_eq!(issuer.authority, "https://login.microsoftonline.com");
            assert_eq!(issuer.tenant, TENANT);
            assert!(
                issuer
                    .default_scope()
                    .ends_with("crm.dynamics.com/.default")
            );
        }
    }

    #[test]
    fn sovereign_clouds_are_known() {
        for host in ["login.microsoftonline.us", "login.chinacloudapi.cn"] {
            let header =
                format!("Bearer authorization_uri=https://{host}/{TENANT}/oauth2/authorize");
            let issuer = issuer(&header).expect(host);
            assert_eq!(issuer.authority, format!("https://{host}"));
            assert_eq!(issuer.resource, "https://contoso.crm.dynamics.com");
        }
    }

    #[test]
    fn a_server_cannot_choose_who_gets_the_secret_or_what_the_token_is_for() {
        for header in [
            "Bearer authorization_uri=https://login.example/t/oauth2/authorize",
            "Bearer authorization_uri=http://login.microsoftonline.com/t/oauth2/authorize",
            "Bearer authorization_uri=https://login.microsoftonline.com:444/t/oauth2/authorize",
            "Bearer authorization_uri=https://login.microsoftonline.com:80/t/oauth2/authorize",
            "Bearer authorization_uri=https://login.microsoftonline.com/t, resource_id=https://contoso.crm.dynamics.com:444/",
            "Bearer authorization_uri=https://127.0.0.1:9/t/oauth2/authorize",
            "Bearer authorization_uri=https://login.microsoftonline.com.example/t",
            "Bearer authorization_uri=https://login.microsoftonline.com@example/t",
            "Bearer authorization_uri=https://login.microsoftonline.com/",
            "Bearer authorization_uri=https://login.microsoftonline.com/a%2Fb/oauth2",
            "Bearer authorization_uri=https://login.microsoftonline.com/t, resource_id=https://management.azure.com/",
            "Bearer authorization_uri=https://login.microsoftonline.com/t, resource_id=ttps://contoso.crm.dynamics.com/",
            "Bearer authorization_uri=nonsense",
        ] {
            assert!(
                matches!(issuer(header), Err(SignInError::Challenge { .. })),
                "{header}"
            );
        }
    }

    #[test]
    fn a_server_cannot_put_another_scope_beside_its_own() {
        for resource in [
            "https://contoso.crm.dynamics.com/x https://management.azure.com",
            "https://contoso.crm.dynamics.com?https://management.azure.com",
            "https://me@contoso.crm.dynamics.com/#x",
        ] {
            let header = format!(
                "Bearer authorization_uri=https://login.microsoftonline.com/t, resource_id={resource}"
            );
            assert_eq!(
                issuer(&header).expect(resource).user_scope(),
                "https://contoso.crm.dynamics.com/user_impersonation offline_access"
            );
        }
    }

    #[test]
    fn a_named_authority_and_tenant_win() {
        let challenge = parse(["Bearer authorization_uri=https://login.example/t"].into_iter())
            .expect("a challenge");
        let issuer = challenge
            .issuer(
                &contoso(),
                Some("other"),
                Some("https://login.contoso.example/"),
            )
            .expect("named by the user");
        assert_eq!(
            issuer.endpoint("token"),
            "https://login.contoso.example/other/oauth2/v2.0/token"
        );
    }

    #[test]
    fn what_a_challenge_says_about_a_token_is_repeated() {
        let text = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(value));
            described(&headers)
        };
        assert_eq!(
            text("Bearer error=\"invalid_token\", error_description=\"it, too, has ended\"")
                .as_deref(),
            Some("it, too, has ended")
        );
        assert_eq!(
            text("Bearer error=invalid_token").as_deref(),
            Some("invalid_token")
        );
        let claims =
            text("Bearer error=\"insufficient_claims\", claims=\"eyJ9\"").unwrap_or_default();
        assert!(claims.contains("conditional access") && !claims.contains("eyJ9"));
        assert_eq!(text("Bearer authorization_uri=https://x"), None);
    }

    proptest! {
        #[test]
        fn any_header_ends_in_an_answer(header in "(Bearer |[a-z_=\", :/]|authorization_uri=|é){0,40}") {
            if let Some(challenge) = parse([header.as_str()].into_iter()) {
                let _ = challenge.issuer(&contoso(), None, None);
            }
        }
    }
}
