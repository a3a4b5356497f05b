//! What to do if an environment cannot be reached, or rejects the identity that signs in.

use deskstate_dataverse::{Error, ErrorCode, Method, SignInError};

use crate::door::plain;

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
        _ if is_of_another(error, 407) => {
            "the proxy wants a user name and a password: `HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT`"
        }
        _ if is_of_another(error, 429) => {
            "something in front of the environment limits requests: wait a while"
        }
        _ if leads_elsewhere(error) && by_url => {
            "check that the address after `--url` is that of the environment itself, not of a portal or a proxy"
        }
        _ if leads_elsewhere(error) => {
            "check that `url` in deskstate.yaml is the address of the environment itself, not of a portal or a proxy"
        }
        _ if is_of_another(error, 403) => {
            "something in front of the environment refused the request: its IP firewall may allow other networks only (Power Platform admin center, the environment, Settings, Privacy + Security)"
        }
        Error::SignIn(error) => {
            let chosen = crate::suggest::is_given("sign_in");
            return Some(of_sign_in(error, chosen, &crate::setting::of));
        }
        Error::Service(error) if error.code == Some(ErrorCode::NOT_A_MEMBER) => NOT_A_MEMBER,
        Error::Service(error) if error.status == 429 => {
            "the environment limits how much is asked of it in five minutes: wait that long, and ask for less at the same time"
        }
        Error::Service(error) if !error.is_own => {
            "something between here and the environment answered, such as a proxy or a firewall: its administrators know why"
        }
        _ => return None,
    };
    Some(remedy.to_owned())
}

/// Whether the address is probably not that of an environment.
fn leads_elsewhere(error: &Error) -> bool {
    matches!(error, Error::Redirected { .. } | Error::Malformed { .. }) || is_of_another(error, 404)
}

/// Whether something other than the service answered with this status.
fn is_of_another(error: &Error, status: u16) -> bool {
    matches!(error, Error::Service(error) if !error.is_own && error.status == status)
}

const NOT_A_MEMBER: &str = "add the application to the environment as an application user with a security role: Power Platform admin center, the environment, Settings, Users + permissions, Application users (a person: Users)";

/// `chosen` says that the command line names the method.
fn of_sign_in(
    error: &SignInError,
    chosen: bool,
    variable: &dyn Fn(&str) -> Option<String>,
) -> String {
    let chosen = chosen || is_set(variable, "DESKSTATE_SIGN_IN");
    let is_last_resort = match error {
        SignInError::Required => true,
        SignInError::Failed { method, .. } => *method == "azure-cli" && !chosen,
        SignInError::Missing { method, .. } => {
            ["github-actions", "azure-pipelines"].contains(method)
        }
        _ => false,
    };
    if let Some(help) = missing_in_build(variable).filter(|_| is_last_resort) {
        return help;
    }
    let remedy = match error {
        SignInError::Required => {
            "an emulator accepts the identities of its directory only: set `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET` to those of one. For any other environment, choose how to sign in: run `az login` and add `--sign-in azure-cli`; without the Azure CLI, `--sign-in browser` and `--sign-in device-code` sign a person in, and need `AZURE_CLIENT_ID` of an app registration that allows public client flows; an application needs the `AZURE_*` variables of its method"
        }
        SignInError::Missing { .. } => {
            "set what is missing, or choose another method with `--sign-in`"
        }
        SignInError::NotAccepted { .. } => NOT_A_MEMBER,
        SignInError::Failed { method, .. } if *method == "browser" => {
            "run the command again and accept on the page; if the organization does not allow that, use `--sign-in device-code`, or run `az login` and use `--sign-in azure-cli`"
        }
        SignInError::Failed { method, .. } if *method == "device-code" => {
            "run the command again and enter the new code; if the organization does not allow device codes, use `--sign-in browser`, or run `az login` and use `--sign-in azure-cli`"
        }
        SignInError::Failed { method, .. } if *method == "azure-cli" => {
            "run `az login`, then the command again; `--sign-in browser` works without the Azure CLI"
        }
        SignInError::Failed { reason, .. } if let Some(subject) = unmatched_subject(reason) => {
            return format!(
                "add a federated credential with exactly this subject to the application's registration: `{}`; check its issuer and audience, too",
                plain(subject)
            );
        }
        SignInError::Failed { .. } => {
            "check tenant, client id and credential, and whether the identity may get a token from this machine"
        }
        SignInError::Busy { .. } => "run the command again in some minutes",
        SignInError::Unusable { method, .. } if *method == "sign-in" => {
            let methods: Vec<_> = Method::ALL.iter().map(|method| method.as_str()).collect();
            return format!("the methods are {}", methods.join(", "));
        }
        _ => "the book's page about signing in lists what each method needs",
    };
    remedy.to_owned()
}

/// The subject of a token that no federated credential of the application matches, as Entra ID repeats it.
fn unmatched_subject(reason: &str) -> Option<&str> {
    if !reason.contains("AADSTS70021") {
        return None;
    }
    let (_, rest) = ["assertion subject '", "Assertion Subject: '"]
        .iter()
        .find_map(|before| reason.split_once(before))?;
    let (subject, _) = rest.split_once('\'')?;
    (!subject.is_empty()).then_some(subject)
}

/// What the job of GitHub Actions or Azure Pipelines that this runs in lacks for signing in without a secret.
fn missing_in_build(variable: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let lacks = |names: &[&str]| !names.iter().any(|name| is_set(variable, name));
    let mut steps = Vec::new();
    if is_set(variable, "GITHUB_ACTIONS") {
        if lacks(&["AZURE_CLIENT_ID"]) {
            steps.push(
                "`AZURE_CLIENT_ID` is not set in this job: create that variable in the GitHub environment that the job names under `environment:` (Settings, Environments), and pass it on with `AZURE_CLIENT_ID: ${{ vars.AZURE_CLIENT_ID }}` under `env:`",
            );
        }
        if lacks(&["ACTIONS_ID_TOKEN_REQUEST_URL"]) || lacks(&["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]) {
            steps.push(
                "GitHub gives this job no identity token: the job needs `permissions: id-token: write`",
            );
        }
    } else if is_set(variable, "TF_BUILD") {
        if lacks(&["AZURE_CLIENT_ID", "AZURESUBSCRIPTION_CLIENT_ID"])
            || lacks(&[
                "AZURE_SERVICE_CONNECTION_ID",
                "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
            ])
        {
            steps.push(
                "no service connection is set in this step: run deskstate in the task `AzureCLI@2`, and name the service connection as its `azureSubscription`",
            );
        }
        if lacks(&["SYSTEM_ACCESSTOKEN"]) {
            steps.push(
                "this step does not have the token of the job: add `SYSTEM_ACCESSTOKEN: $(System.AccessToken)` under its `env:`",
            );
        }
    }
    (!steps.is_empty()).then(|| steps.join("; "))
}

fn is_set(variable: &dyn Fn(&str) -> Option<String>, name: &str) -> bool {
    variable(name).is_some_and(|value| !value.trim().is_empty())
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
            host: "a.example".into(),
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

    #[test]
    fn the_subject_that_no_federated_credential_has_is_repeated_in_the_help() {
        let help = |reason: &str| {
            let error = SignInError::Failed {
                method: "github-actions",
                tenant: "t".to_owned(),
                authority: "a".to_owned(),
                reason: reason.to_owned(),
            };
            of_sign_in(&error, false, &|_| None)
        };
        for reason in [
            "AADSTS700213: No matching federated identity record found for presented assertion subject 'repo:contoso/desk:environment:prod'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.",
            "AADSTS70021: No matching federated identity record found for presented assertion. Assertion Issuer: 'https://token.actions.githubusercontent.com'. Assertion Subject: 'repo:contoso/desk:environment:prod'. Assertion Audience: 'api://AzureADTokenExchange'.",
        ] {
            let help = help(reason);
            assert!(help.contains("exactly this subject"), "{help}");
            assert!(
                help.contains("`repo:contoso/desk:environment:prod`"),
                "{help}"
            );
        }
        let hostile = help("AADSTS700213: presented assertion subject 'a\u{1b}[2Jb'.");
        assert!(!hostile.contains('\u{1b}'), "{hostile:?}");
        assert!(help("AADSTS7000215: wrong secret").contains("check tenant"));
    }

    fn help(error: &SignInError, set: &[&str]) -> String {
        let variable = |name: &str| set.contains(&name).then(|| "set".to_owned());
        of_sign_in(error, false, &variable)
    }

    #[test]
    fn a_build_is_told_what_its_job_lacks() {
        const CLIENT: &str = "create that variable in the GitHub environment";
        const TOKEN: &str = "`permissions: id-token: write`";
        const CONNECTION: &str = "run deskstate in the task `AzureCLI@2`";
        const ACCESS: &str = "`SYSTEM_ACCESSTOKEN: $(System.AccessToken)`";
        let url = "ACTIONS_ID_TOKEN_REQUEST_URL";
        let token = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";
        let azure_cli = SignInError::Failed {
            method: "azure-cli",
            tenant: "t".to_owned(),
            authority: "a".to_owned(),
            reason: "not found".to_owned(),
        };
        let chosen = SignInError::Missing {
            method: "github-actions",
            missing: "AZURE_CLIENT_ID".to_owned(),
        };
        for error in [&SignInError::Required, &azure_cli, &chosen] {
            for (set, said) in [
                (&["GITHUB_ACTIONS", url, token][..], &[CLIENT][..]),
                (&["GITHUB_ACTIONS"], &[CLIENT, TOKEN]),
                (&["GITHUB_ACTIONS", "AZURE_CLIENT_ID"], &[TOKEN]),
                (&["TF_BUILD"], &[CONNECTION, ACCESS]),
                (&["TF_BUILD", "SYSTEM_ACCESSTOKEN"], &[CONNECTION]),
                (
                    &[
                        "TF_BUILD",
                        "AZURESUBSCRIPTION_CLIENT_ID",
                        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
                    ],
                    &[ACCESS],
                ),
            ] {
                let help = help(error, set);
                for part in [CLIENT, TOKEN, CONNECTION, ACCESS] {
                    assert_eq!(help.contains(part), said.contains(&part), "{set:?}: {help}");
                }
                assert!(!help.contains("browser"), "{help}");
            }
        }
        let complete = ["GITHUB_ACTIONS", "AZURE_CLIENT_ID", url, token];
        assert!(help(&azure_cli, &complete).contains("az login"));
        let named = ["GITHUB_ACTIONS", "DESKSTATE_SIGN_IN"];
        assert!(help(&azure_cli, &named).contains("az login"));
    }
}
