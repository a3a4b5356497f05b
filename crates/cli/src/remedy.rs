//! What to do if an environment cannot be reached, or rejects the identity that signs in.

use deskstate_dataverse::{Error, SignInError};

/// Suggests the next step.
pub(crate) fn of(error: &Error) -> Option<String> {
    let from_env = crate::suggest::is_given("from_env");
    let remedy = remedy(error, from_env || crate::suggest::is_given("url"))?;
    Some(if from_env {
        remedy.replace("`--url`", "`--from-env`")
    } else {
        remedy
    })
}

/// `by_url` states that the address comes from the command line, not from a project.
fn remedy(error: &Error, by_url: bool) -> Option<String> {
    let remedy = match error {
        Error::UnknownHost { source, .. } | Error::Unreachable { source, .. }
            if is_about_proxy(&**source) =>
        {
            "the proxy that `HTTPS_PROXY` names did not let the request through: correct the variable, or add the host to `NO_PROXY`"
        }
        Error::UnknownHost { .. } if by_url => {
            "correct the address after `--url`; behind a proxy, set `HTTPS_PROXY`"
        }
        Error::UnknownHost { .. } => {
            "correct `url` of the environment in deskstate.yaml; behind a proxy, set `HTTPS_PROXY`"
        }
        Error::Unreachable { .. } | Error::TimedOut { .. } if by_url => {
            "check the network and the address after `--url`; behind a proxy, set `HTTPS_PROXY`"
        }
        Error::Unreachable { .. } | Error::TimedOut { .. } => {
            "check the network and `url` in deskstate.yaml; behind a proxy, set `HTTPS_PROXY`"
        }
        Error::Untrusted { .. } => {
            "`--ca-file FILE` trusts another certificate authority, such as that of your company's proxy"
        }
        Error::Redirected { .. } | Error::Malformed { .. } if by_url => {
            "check that the address after `--url` is that of the environment itself, not of a portal or a proxy"
        }
        Error::Redirected { .. } | Error::Malformed { .. } => {
            "check that `url` in deskstate.yaml is the address of the environment itself, not of a portal or a proxy"
        }
        Error::SignIn(error) => of_sign_in(error),
        _ => return None,
    };
    Some(remedy.to_owned())
}

fn of_sign_in(error: &SignInError) -> &'static str {
    match error {
        SignInError::Required => {
            "choose how to sign in with `--sign-in`: `--sign-in browser` and `--sign-in device-code` sign a person in, and need `AZURE_CLIENT_ID` of an app registration that allows public client flows; an application needs the `AZURE_*` variables of its method"
        }
        SignInError::Missing { .. } => {
            "set what is missing, or choose another method with `--sign-in`"
        }
        SignInError::NotAccepted { .. } => {
            "add the identity to the environment as an application user with a security role, in the Power Platform admin center"
        }
        SignInError::Failed { method, .. } if *method == "browser" => {
            "run the command again and accept on the page; if the organization does not allow that, use `--sign-in device-code`, or run `az login` and use `--sign-in azure-cli`"
        }
        SignInError::Failed { method, .. } if *method == "device-code" => {
            "run the command again and enter the new code; if the organization does not allow device codes, use `--sign-in browser`, or run `az login` and use `--sign-in azure-cli`"
        }
        SignInError::Failed { method, .. } if *method == "azure-cli" => {
            "run `az login`, then the command again; `--sign-in browser` works without the Azure CLI"
        }
        SignInError::Failed { .. } => {
            "check tenant, client id and credential, and whether the identity may get a token from this machine"
        }
        SignInError::Busy { .. } => "run the command again in some minutes",
        _ => "the book's page about signing in lists what each method needs",
    }
}

/// Whether a proxy caused the error. The HTTP client reports this only in the text of its messages.
fn is_about_proxy(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if text.contains("tunnel") || text.contains("proxy") {
            return true;
        }
        next = cause.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use deskstate_dataverse::Exchange;
    use uuid::Uuid;

    use super::*;

    fn unreachable(cause: &str) -> Error {
        Error::Unreachable {
            exchange: Exchange {
                method: "GET",
                path: "/".to_owned(),
                client_request_id: Uuid::nil(),
            },
            source: cause.into(),
        }
    }

    #[test]
    fn an_error_of_a_proxy_is_not_blamed_on_the_address() {
        let proxy = of(&unreachable(
            "tunnel error: failed to create underlying connection",
        ));
        assert!(proxy.is_some_and(|help| help.contains("NO_PROXY") && !help.contains("`url`")));
        for (by_url, address) in [(false, "`url` in deskstate.yaml"), (true, "after `--url`")] {
            let other = remedy(&unreachable("tcp connect error"), by_url);
            assert!(other.is_some_and(|help| help.contains(address)));
        }
    }

    #[test]
    fn every_failed_sign_in_has_a_next_step() {
        let missing = SignInError::Missing {
            method: "client-secret",
            missing: "AZURE_TENANT_ID".to_owned(),
        };
        for error in [SignInError::Required, SignInError::InvalidToken, missing] {
            assert!(of(&Error::SignIn(error)).is_some());
        }
    }
}
