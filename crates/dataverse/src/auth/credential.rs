//! The sources of tokens: the credentials of `azure_identity`, and people.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzurePipelinesCredential,
    AzurePipelinesCredentialOptions, ClientAssertion, ClientAssertionCredential,
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use deskstate_files::{Limit, Links};
use secrecy::ExposeSecret;

use super::certificate::CertificateAssertion;
use super::challenge::Issuer;
use super::github::GitHubAssertion;
use super::held::hold;
use super::http_client::IssuerClient;
use super::person::{Asking, Person};
use super::{SignIn, SignInError, Token};
use crate::Stop;
use crate::transport::Network;

/// Gets tokens from one issuer.
pub(super) struct Credential {
    method: &'static str,
    kind: Kind,
    longest: Duration,
    stop: Stop,
}

enum Kind {
    Azure(Arc<dyn TokenCredential>),
    Person(Person),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// Creates the credential for the chosen method. Does not use the network.
    pub(super) fn new(
        sign_in: &SignIn,
        issuer: &Issuer,
        network: &Network,
        longest: Duration,
        stop: &Stop,
    ) -> Result<Credential, SignInError> {
        let method = sign_in.name();
        let unusable = |reason: String| SignInError::Unusable { method, reason };
        let person = |client_id: &str, asking| {
            let (network, stop) = (network.clone(), stop.clone());
            Kind::Person(Person::new(network, client_id.to_owned(), asking, stop))
        };
        let kind = match sign_in {
            SignIn::Anonymous | SignIn::Token(_) => return Err(SignInError::Required),
            SignIn::DeviceCode {
                client_id, prompt, ..
            } => person(client_id, Asking::Code(prompt.clone())),
            SignIn::Browser {
                client_id, browser, ..
            } => person(client_id, Asking::Browser(browser.clone())),
            other => Kind::Azure(azure(other, issuer, network).map_err(unusable)?),
        };
        Ok(Credential {
            method,
            kind,
            longest,
            stop: stop.clone(),
        })
    }

    /// Whether a person has to sign in for the first token.
    pub(super) fn asks_a_person(&self) -> bool {
        matches!(self.kind, Kind::Person(_))
    }

    pub(super) async fn token(&self, issuer: &Issuer) -> Result<Token, SignInError> {
        let failed = |reason: String| SignInError::Failed {
            method: self.method,
            tenant: issuer.tenant.clone(),
            authority: issuer.authority.clone(),
            reason,
        };
        match &self.kind {
            Kind::Person(flow) => flow.token(issuer).await.map_err(|error| match error {
                Some(reason) => failed(reason),
                None => SignInError::Stopped,
            }),
            Kind::Azure(credential) => {
                let scope = issuer.default_scope();
                let scopes = [scope.as_str()];
                let token = tokio::select! {
                    biased;
                    () = self.stop.stopped() => return Err(SignInError::Stopped),
                    () = tokio::time::sleep(self.longest) => {
                        return Err(failed(format!("no answer within {} s", self.longest.as_secs())));
                    }
                    token = credential.get_token(&scopes, None) => token,
                };
                // as text, since the error's debug form may contain complete replies
                let token = token.map_err(|error| failed(one_line(&error.to_string())))?;
                Token::new(token.token.secret(), SystemTime::from(token.expires_on))
            }
        }
    }
}

/// The issuer's message without line breaks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn azure(
    sign_in: &SignIn,
    issuer: &Issuer,
    network: &Network,
) -> Result<Arc<dyn TokenCredential>, String> {
    let tenant = issuer.tenant.clone();
    let text = |error: azure_core::Error| one_line(&error.to_string());
    let by_assertion = |client_id: &str, assertion| {
        assertion_credential(issuer, network, client_id, assertion).map_err(text)
    };
    Ok(match sign_in {
        SignIn::ClientSecret {
            client_id, secret, ..
        } => {
            hold(secret.expose_secret());
            ClientSecretCredential::new(
                &tenant,
                client_id.clone(),
                Secret::new(secret.expose_secret().to_owned()),
                Some(ClientSecretCredentialOptions {
                    client_options: client_options(issuer, network),
                }),
            )
            .map_err(text)?
        }
        SignIn::ClientCertificate { client_id, pem, .. } => {
            let assertion = CertificateAssertion::new(
                pem.expose_secret().as_bytes(),
                client_id.clone(),
                issuer.endpoint("token"),
            )?;
            by_assertion(client_id, Assertion::Certificate(assertion))?
        }
        SignIn::GitHubActions {
            client_id,
            request_url,
            request_token,
            ..
        } => {
            let assertion =
                GitHubAssertion::new(network.clone(), request_url, request_token.clone())?;
            by_assertion(client_id, Assertion::GitHub(assertion))?
        }
        SignIn::WorkloadIdentity {
            client_id,
            token_file,
            ..
        } => {
            // the credential reads the file into memory, whatever its size
            deskstate_files::open(token_file, Limit::CREDENTIAL, Links::Follow)
                .map_err(|problem| format!("`{}`: {problem}", token_file.display()))?;
            WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions {
                    client_options: client_options(issuer, network),
                },
                client_id: Some(client_id.clone()),
                tenant_id: Some(tenant),
                token_file_path: Some(token_file.clone()),
            }))
            .map_err(text)?
        }
        SignIn::AzurePipelines {
            client_id,
            service_connection,
            access_token,
            ..
        } => {
            hold(access_token.expose_secret());
            AzurePipelinesCredential::new(
                tenant,
                client_id.clone(),
                service_connection,
                Secret::new(access_token.expose_secret().to_owned()),
                Some(AzurePipelinesCredentialOptions {
                    credential_options: ClientAssertionCredentialOptions {
                        client_options: client_options(issuer, network),
                    },
                }),
            )
            .map_err(text)?
        }
        SignIn::ManagedIdentity { client_id } => {
            ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                client_options: client_options(issuer, network),
            }))
            .map_err(text)?
        }
        SignIn::AzureCli { .. } => AzureCliCredential::new(Some(AzureCliCredentialOptions {
            tenant_id: Some(tenant),
            ..AzureCliCredentialOptions::default()
        }))
        .map_err(text)?,
        SignIn::Anonymous
        | SignIn::Token(_)
        | SignIn::Browser { .. }
        | SignIn::DeviceCode { .. } => {
            return Err("it is no credential".to_owned());
        }
    })
}

/// Our own implementations of a client assertion.
#[derive(Debug)]
enum Assertion {
    Certificate(CertificateAssertion),
    GitHub(GitHubAssertion),
}

#[async_trait::async_trait]
impl ClientAssertion for Assertion {
    async fn secret(
        &self,
        options: Option<azure_core::http::ClientMethodOptions<'_>>,
    ) -> azure_core::Result<String> {
        match self {
            Assertion::Certificate(assertion) => assertion.secret(options).await,
            Assertion::GitHub(assertion) => assertion.secret(options).await,
        }
    }
}

fn assertion_credential(
    issuer: &Issuer,
    network: &Network,
    client_id: &str,
    assertion: Assertion,
) -> azure_core::Result<Arc<dyn TokenCredential>> {
    let credential = ClientAssertionCredential::new(
        issuer.tenant.clone(),
        client_id.to_owned(),
        assertion,
        Some(ClientAssertionCredentialOptions {
            client_options: client_options(issuer, network),
        }),
    )?;
    Ok(credential)
}

/// Uses our transport and the issuer's authority, and only a few attempts, because people are waiting.
fn client_options(issuer: &Issuer, network: &Network) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host.clone_from(&issuer.authority);
    ClientOptions {
        transport: Some(Transport::new(Arc::new(IssuerClient(network.clone())))),
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        retry: RetryOptions::exponential(ExponentialRetryOptions {
            max_retries: 3,
            ..ExponentialRetryOptions::default()
        }),
        ..ClientOptions::default()
    }
}
