//! Chooses a sign-in method from the usual environment variables.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use deskstate_files::Limit;
use secrecy::SecretString;

use super::{Browser, Prompt, SignIn, SignInError};

const SERVICE_CONNECTION: &str = "AZURE_SERVICE_CONNECTION_ID";

/// Set by tasks that use a service connection, such as `AzureCLI@2`.
const SERVICE_CONNECTION_OF_TASK: &str = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID";

/// A sign-in method, as users choose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`.
    ClientSecret,
    /// `AZURE_CLIENT_ID`, `AZURE_CLIENT_CERTIFICATE_PATH`.
    ClientCertificate,
    /// `AZURE_CLIENT_ID`, `AZURE_FEDERATED_TOKEN_FILE`.
    WorkloadIdentity,
    /// `AZURE_CLIENT_ID`, and the variables that GitHub sets in a job with `id-token: write`.
    GitHubActions,
    /// The variables of a task with a service connection.
    AzurePipelines,
    /// No variables; `AZURE_CLIENT_ID` for a user-assigned identity.
    ManagedIdentity,
    /// `AZURE_CLIENT_ID` of a public client with the redirect `http://localhost`.
    Browser,
    /// `AZURE_CLIENT_ID` of a public client.
    DeviceCode,
    /// No variables; the Azure CLI must be signed in.
    AzureCli,
}

impl Method {
    /// All methods, in order of precedence.
    pub const ALL: &'static [Method] = &[
        Method::ClientSecret,
        Method::ClientCertificate,
        Method::WorkloadIdentity,
        Method::GitHubActions,
        Method::AzurePipelines,
        Method::ManagedIdentity,
        Method::Browser,
        Method::DeviceCode,
        Method::AzureCli,
    ];

    /// The name that selects this method.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::ClientSecret => "client-secret",
            Method::ClientCertificate => "client-certificate",
            Method::WorkloadIdentity => "workload-identity",
            Method::GitHubActions => "github-actions",
            Method::AzurePipelines => "azure-pipelines",
            Method::ManagedIdentity => "managed-identity",
            Method::AzureCli => "azure-cli",
            Method::Browser => "browser",
            Method::DeviceCode => "device-code",
        }
    }

    /// Whether a person has to complete the sign-in.
    pub fn needs_person(self) -> bool {
        match self {
            Method::Browser | Method::DeviceCode => true,
            Method::ClientSecret
            | Method::ClientCertificate
            | Method::WorkloadIdentity
            | Method::GitHubActions
            | Method::AzurePipelines
            | Method::ManagedIdentity
            | Method::AzureCli => false,
        }
    }

    /// The method for a person at a terminal if the variables select none. With `AZURE_CLIENT_ID`, this is the browser, or the device code
    /// in an SSH session; otherwise, the Azure CLI.
    pub fn of_a_person(variable: &dyn Fn(&str) -> Option<String>) -> Method {
        let set = |name: &str| variable(name).is_some_and(|value| !value.trim().is_empty());
        match (set("AZURE_CLIENT_ID"), set("SSH_CONNECTION")) {
            (true, false) => Method::Browser,
            (true, true) => Method::DeviceCode,
            (false, _) => Method::AzureCli,
        }
    }

    /// The method that the variables select: the first one whose own variables are set, otherwise the Azure CLI.
    pub fn found(variable: &dyn Fn(&str) -> Option<String>) -> Method {
        let set = |name: &str| variable(name).is_some_and(|value| !value.trim().is_empty());
        let connection = [SERVICE_CONNECTION, SERVICE_CONNECTION_OF_TASK];
        if set("AZURE_CLIENT_SECRET") {
            Method::ClientSecret
        } else if set("AZURE_CLIENT_CERTIFICATE_PATH") {
            Method::ClientCertificate
        } else if set("AZURE_FEDERATED_TOKEN_FILE") {
            Method::WorkloadIdentity
        } else if set("ACTIONS_ID_TOKEN_REQUEST_URL") && set("AZURE_CLIENT_ID") {
            Method::GitHubActions
        } else if set("SYSTEM_ACCESSTOKEN") && connection.into_iter().any(set) {
            Method::AzurePipelines
        } else if set("IDENTITY_ENDPOINT") {
            Method::ManagedIdentity
        } else {
            Method::AzureCli
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = SignInError;

    fn from_str(text: &str) -> Result<Method, SignInError> {
        Method::ALL
            .iter()
            .copied()
            .find(|method| method.as_str() == text)
            .ok_or_else(|| SignInError::Unusable {
                method: "sign-in",
                reason: format!("there is no method `{}`", text.escape_debug()),
            })
    }
}

impl SignIn {
    /// Builds the sign-in for a method from variables, which `variable` looks up. Reads the certificate file if the method needs one.
    ///
    /// `AZURE_TENANT_ID` overrides the tenant that the environment names. `prompt` is used for the device code and `browser` for the
    /// browser.
    pub fn from_variables(
        method: Method,
        variable: &dyn Fn(&str) -> Option<String>,
        prompt: Prompt,
        browser: Browser,
    ) -> Result<SignIn, SignInError> {
        let variables = Variables { method, variable };
        let tenant = || variables.get("AZURE_TENANT_ID");
        let client_id = || variables.need("AZURE_CLIENT_ID");
        Ok(match method {
            Method::ClientSecret => SignIn::ClientSecret {
                tenant: tenant(),
                client_id: client_id()?,
                secret: variables.secret("AZURE_CLIENT_SECRET")?,
            },
            Method::ClientCertificate => SignIn::ClientCertificate {
                tenant: tenant(),
                client_id: client_id()?,
                pem: variables.file(&variables.need("AZURE_CLIENT_CERTIFICATE_PATH")?)?,
            },
            Method::WorkloadIdentity => SignIn::WorkloadIdentity {
                tenant: tenant(),
                client_id: client_id()?,
                token_file: PathBuf::from(variables.need("AZURE_FEDERATED_TOKEN_FILE")?),
            },
            Method::GitHubActions => SignIn::GitHubActions {
                tenant: tenant(),
                client_id: client_id()?,
                request_url: variables.need_in_job("ACTIONS_ID_TOKEN_REQUEST_URL")?,
                request_token: variables
                    .need_in_job("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?
                    .into(),
            },
            Method::AzurePipelines => SignIn::AzurePipelines {
                // tasks with a service connection set the second names
                tenant: tenant().or_else(|| variables.get("AZURESUBSCRIPTION_TENANT_ID")),
                client_id: variables.either("AZURE_CLIENT_ID", "AZURESUBSCRIPTION_CLIENT_ID")?,
                service_connection: variables
                    .either(SERVICE_CONNECTION, SERVICE_CONNECTION_OF_TASK)?,
                access_token: variables.secret("SYSTEM_ACCESSTOKEN")?,
            },
            Method::ManagedIdentity => SignIn::ManagedIdentity {
                client_id: variables.get("AZURE_CLIENT_ID"),
            },
            Method::AzureCli => SignIn::AzureCli { tenant: tenant() },
            Method::Browser => SignIn::Browser {
                tenant: tenant(),
                client_id: client_id()?,
                browser,
            },
            Method::DeviceCode => SignIn::DeviceCode {
                tenant: tenant(),
                client_id: client_id()?,
                prompt,
            },
        })
    }
}

struct Variables<'a> {
    method: Method,
    variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name)
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    fn need(&self, name: &str) -> Result<String, SignInError> {
        self.get(name).ok_or_else(|| self.missing(name.to_owned()))
    }

    fn need_in_job(&self, name: &str) -> Result<String, SignInError> {
        self.get(name).ok_or_else(|| {
            self.missing(format!(
                "{name}, which GitHub sets for jobs with `permissions: id-token: write`"
            ))
        })
    }

    fn either(&self, first: &str, second: &str) -> Result<String, SignInError> {
        self.get(first)
            .or_else(|| self.get(second))
            .ok_or_else(|| self.missing(format!("{first} or {second}")))
    }

    fn secret(&self, name: &str) -> Result<SecretString, SignInError> {
        self.need(name).map(SecretString::from)
    }

    fn file(&self, path: &str) -> Result<SecretString, SignInError> {
        deskstate_files::read_text(path, Limit::CREDENTIAL)
            .map(SecretString::from)
            .map_err(|error| SignInError::Unusable {
                method: self.method.as_str(),
                reason: format!("`{path}` cannot be read as PEM text: {error}"),
            })
    }

    fn missing(&self, missing: String) -> SignInError {
        SignInError::Missing {
            method: self.method.as_str(),
            missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn lookup<'a>(set: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        let set: BTreeMap<&str, &str> = set.iter().copied().collect();
        move |name| set.get(name).map(|value| (*value).to_owned())
    }

    fn browser() -> Browser {
        Browser::new(|_| {})
    }

    fn prompt() -> Prompt {
        Prompt::new(|_| {})
    }

    #[test]
    fn the_method_is_found_by_the_variables_that_are_its_own() {
        for (set, expected) in [
            (vec![("AZURE_CLIENT_SECRET", "s")], Method::ClientSecret),
            (
                vec![("AZURE_CLIENT_CERTIFICATE_PATH", "p")],
                Method::ClientCertificate,
            ),
            (
                vec![("AZURE_FEDERATED_TOKEN_FILE", "f")],
                Method::WorkloadIdentity,
            ),
            (
                vec![
                    ("ACTIONS_ID_TOKEN_REQUEST_URL", "u"),
                    ("AZURE_CLIENT_ID", "c"),
                ],
                Method::GitHubActions,
            ),
            (
                vec![
                    ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "c"),
                    ("SYSTEM_ACCESSTOKEN", "t"),
                ],
                Method::AzurePipelines,
            ),
            // any job may have these, including one that signed in with the Azure CLI
            (
                vec![("SYSTEM_OIDCREQUESTURI", "u"), ("SYSTEM_ACCESSTOKEN", "t")],
                Method::AzureCli,
            ),
            (vec![("IDENTITY_ENDPOINT", "e")], Method::ManagedIdentity),
            (vec![("AZURE_CLIENT_SECRET", "")], Method::AzureCli),
            (vec![], Method::AzureCli),
        ] {
            assert_eq!(Method::found(&lookup(&set)), expected, "{set:?}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (method, word) in [
            (Method::ClientSecret, "AZURE_CLIENT_ID"),
            (Method::DeviceCode, "AZURE_CLIENT_ID"),
            (Method::Browser, "AZURE_CLIENT_ID"),
            (Method::AzurePipelines, "AZURESUBSCRIPTION_CLIENT_ID"),
        ] {
            let error = SignIn::from_variables(method, &lookup(&[]), prompt(), browser())
                .expect_err("nothing is set")
                .to_string();
            assert!(
                error.contains(word) && error.contains(method.as_str()),
                "{error}"
            );
        }
        let error = SignIn::from_variables(
            Method::GitHubActions,
            &lookup(&[("AZURE_CLIENT_ID", "c")]),
            prompt(),
            browser(),
        )
        .expect_err("no permission")
        .to_string();
        assert!(error.contains("id-token: write"), "{error}");
    }

    #[test]
    fn secrets_are_not_printed() {
        let set = [
            ("AZURE_CLIENT_ID", "app"),
            ("AZURE_CLIENT_SECRET", "hush-hush"),
        ];
        let sign_in =
            SignIn::from_variables(Method::ClientSecret, &lookup(&set), prompt(), browser())
                .expect("all is set");
        let text = format!("{sign_in:?}");
        assert!(text.contains("app") && !text.contains("hush"), "{text}");
    }

    #[test]
    fn names_are_read_back() {
        for method in Method::ALL {
            assert_eq!(method.as_str().parse(), Ok(*method));
        }
        assert!("password".parse::<Method>().is_err());
    }
}
